"""Normalised alleles and their names describe the haplotype that they came with."""

import re
import tempfile
from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.genome.reference import Reference, compile_reference
from varhouse.identify import identify
from varhouse.normalise import Status, normalise_alleles

# Few letters and short contigs: repeats and contig ends are everywhere.
SEQUENCES = {
    "c1": "ACACACACTTTTTTGACGACGACGNNACACT",
    "c2": "AAAA",
    "c3": "CAGCAGCAGTCAGCAGNNNNAGAGAGAGAGAC",
    "c4": "G",
}


@cache
def reference() -> Reference:
    folder = Path(tempfile.mkdtemp())
    (folder / "r.fa").write_text("".join(f">{c}\n{s}\n" for c, s in SEQUENCES.items()))
    return Reference(compile_reference(folder / "r.fa", folder / "c"))


@st.composite
def allele(draw: st.DrawFn) -> tuple[str, int, str, str]:
    contig = draw(st.sampled_from(sorted(SEQUENCES)))
    sequence = SEQUENCES[contig]
    start = draw(st.integers(0, len(sequence) - 1))
    end = draw(st.integers(start + 1, min(len(sequence), start + 12)))
    ref = sequence[start:end]
    if draw(st.booleans()):
        # A copy of what is near, put in or taken out.
        i = draw(st.integers(0, len(ref)))
        j = draw(st.integers(i, len(ref)))
        alt = ref[:i] + ref[i:j] * draw(st.sampled_from([0, 2, 3])) + ref[j:]
    else:
        alt = draw(st.text("ACG", min_size=1, max_size=8))
    if not alt or alt == ref:
        alt = ref + "C"
    case = draw(st.booleans())
    return contig, start + 1, ref.lower() if case else ref, alt.lower() if case else alt


def frame(rows: list[tuple[str, int, str, str]]) -> pl.DataFrame:
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def haplotype(contig: str, pos: int, ref: str, alt: str) -> str:
    sequence = SEQUENCES[contig]
    assert sequence[pos - 1 : pos - 1 + len(ref)] == ref.upper()
    return sequence[: pos - 1] + alt.upper() + sequence[pos - 1 + len(ref) :]


rows_of = st.lists(allele(), min_size=1, max_size=30)


@given(rows_of)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_the_haplotype_stays(rows: list[tuple[str, int, str, str]]) -> None:
    out = normalise_alleles(frame(rows), reference())
    for before, after in zip(rows, out.rows(), strict=True):
        assert after[4] in (Status.UNCHANGED, Status.CHANGED)
        assert haplotype(*before) == haplotype(*after[:4])


@given(rows_of)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_equal_haplotypes_become_one_allele(rows: list[tuple[str, int, str, str]]) -> None:
    out = normalise_alleles(frame(rows), reference())
    first: dict[tuple[str, str], tuple[object, ...]] = {}
    for before, after in zip(rows, out.rows(), strict=True):
        contig, pos, ref, alt = after[:4]
        # Insertions and deletions alone have one normal form by their haplotype; that of
        # a substitution depends on how it was aligned.
        if len(ref) != 1 and len(alt) != 1:
            continue
        key = (contig, haplotype(*before))
        assert first.setdefault(key, (pos, ref, alt)) == (pos, ref, alt)


@given(rows_of)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_normalising_again_changes_nothing(rows: list[tuple[str, int, str, str]]) -> None:
    once = normalise_alleles(frame(rows), reference())
    twice = normalise_alleles(once.drop("status"), reference())
    assert twice.drop("status").equals(once.drop("status"))
    assert set(twice["status"]) == {Status.UNCHANGED}


@given(rows_of, st.randoms(use_true_random=False), st.integers(1, 7))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_order_and_batches_do_not_matter(
    rows: list[tuple[str, int, str, str]], random: object, size: int
) -> None:
    whole = normalise_alleles(frame(rows), reference())
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = normalise_alleles(frame([rows[i] for i in order]), reference())
    assert mixed.equals(whole[order])
    pieces = [
        normalise_alleles(frame(rows[i : i + size]), reference())
        for i in range(0, len(rows), size)
    ]
    assert pl.concat(pieces).equals(whole)


def apply_hgvs(name: str) -> str:
    """Apply a genomic HGVS name to its contig."""
    contig, change = name.split(":g.")
    sequence = SEQUENCES[contig]
    if match := re.fullmatch(r"(\d+)([A-Z])>([A-Z])", change):
        at = int(match[1])
        assert sequence[at - 1] == match[2]
        return sequence[: at - 1] + match[3] + sequence[at:]
    match = re.fullmatch(r"(\d+)(?:_(\d+))?(del|dup|delins|ins)([A-Z]*)", change)
    assert match is not None, name
    a, b = int(match[1]), int(match[2] or match[1])
    assert b > a or match[2] is None, f"a range of one base is written as one: {name}"
    if match[3] == "ins":
        assert b == a + 1
        return sequence[:a] + match[4] + sequence[a:]
    if match[3] == "dup":
        return sequence[:b] + sequence[a - 1 : b] + sequence[b:]
    return sequence[: a - 1] + match[4] + sequence[b:]


@given(rows_of)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_names_describe_the_haplotype(rows: list[tuple[str, int, str, str]]) -> None:
    out = identify(normalise_alleles(frame(rows), reference()), reference())
    for before, row in zip(rows, out.iter_rows(named=True), strict=True):
        wanted = haplotype(*before)
        contig, start, deleted, inserted = row["spdi"].split(":")
        sequence = SEQUENCES[contig]
        s, e = int(start), int(start) + len(deleted)
        assert sequence[s:e] == deleted
        assert sequence[:s] + inserted + sequence[e:] == wanted
        if row["hgvs_g"] is None:
            # Before the first or after the last base there is no place for `ins`.
            assert (s, e) in ((0, 0), (len(sequence), len(sequence))) or e == len(sequence)
        else:
            assert apply_hgvs(row["hgvs_g"]) == wanted


@given(rows_of)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_indels_are_justified_to_both_sides(rows: list[tuple[str, int, str, str]]) -> None:
    """No larger interval holds the same change: its flanks cannot be shifted across."""
    out = identify(normalise_alleles(frame(rows), reference()), reference())
    for row in out.filter(pl.col("type").is_in(["insertion", "deletion"])).iter_rows(
        named=True
    ):
        contig, start, deleted, inserted = row["spdi"].split(":")
        sequence, s, e = SEQUENCES[contig], int(start), int(start) + len(deleted)
        longer, n = max(deleted, inserted, key=len), abs(len(deleted) - len(inserted))
        if s > 0:
            assert sequence[s - 1] != (sequence[s - 1 : s] + longer)[n]
        if e < len(sequence):
            assert sequence[e] != (longer + sequence[e])[len(longer) - n]
