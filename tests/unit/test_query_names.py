"""Any spelling of a name finds the allele, and no other does."""

from pathlib import Path

import polars as pl
import pytest
from builders import make_store, names_of, variant
from hypothesis import given, settings
from hypothesis import strategies as st

import varhouse
from varhouse.errors import UsageError
from varhouse.genome.reference import Reference, compile_reference
from varhouse.identify import identify
from varhouse.normalise import normalise_alleles
from varhouse.query import find_keys
from varhouse.query.names import Change, trim
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY_SCHEMA, SPELT

#         1234567890123456789012345678
BASES = "GATTTACACACAGGCATGGGTCCATTGA"
ALLELES = [
    (2, "A", "G"), (2, "AT", "A"), (2, "A", "AT"), (5, "T", "TAC"), (5, "TAC", "T"),
    (5, "T", "TACAC"), (8, "AC", "GT"), (10, "A", "GGT"), (14, "G", "GTT"), (1, "GA", "A"),
    (20, "G", "GA"), (25, "TT", "AA"),
]  # fmt: skip


def compiled(folder: Path, bases: str) -> Reference:
    (folder / "r.fa").write_text(f">chr1\n{bases}\n")
    return Reference(compile_reference(folder / "r.fa", folder / "compiled"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Give a store with names as the ingest makes them, and no table ids."""
    folder = tmp_path_factory.mktemp("names")
    reference = compiled(folder, BASES)
    frame = pl.DataFrame(
        [("chr1", *a) for a in ALLELES],
        schema={n: KEY_SCHEMA[n] for n in SPELT},
        orient="row",
    )
    checked = normalise_alleles(frame, reference)
    assert checked.select(SPELT).equals(frame)
    assert checked["status"].sum() == 0
    named = identify(frame, reference).with_columns(
        pl.col("spdi", "hgvs_g").str.replace("^chr1", "NC_000001.1")
    )
    rows = [
        variant(
            f"chr1-{r['pos']}-{r['ref']}-{r['alt']}",
            **{n: r[n] for n in ("end", "type", "spdi", "hgvs_g")},
        )
        for r in named.to_dicts()
    ]
    far = {"spdi": None, "hgvs_g": None, "vrs_id": None}
    for key, kind in (
        ("chr1-30-A-<DEL>", "symbolic"),
        ("chr1-30-A-*", "spanning_deletion"),
        ("chr1-30-A-A[chr2:5[", "breakend"),
        ("chr1-40-CCT-CCA", "mnv"),
        ("chr1-31-T-C", "snv"),
    ):
        rows.append(variant(key, type=kind, **far))
    return varhouse.open(make_store(folder / "s", {"variants": rows}))


def found(store: Store, name: str) -> list[str]:
    return names_of(find_keys(store, name))


@pytest.mark.parametrize(
    ("names", "key"),
    [
        # Substitution: SPDI (0-based), keys (1-based), padded ones, HGVS.
        ("NC_000001.1:1:A:G 1:1:A:G chr1:1:1:G chr1-2-A-G 1:2:A:G 1_2_A/G chr1_2_A_G 1:2A>G "
         "chr1:2:a:g 1-1-GAT-GGT chr1-2-AT-GT NC_000001.1:g.2A>G chr1:g.2delAinsG "
         "NC_000001.1:g.2delinsG", "chr1-2-A-G"),
        # Deletion of one T of three: fully justified, trimmed at each place, padded.
        ("NC_000001.1:2:TTT:TT NC_000001.1:2:T: NC_000001.1:4:T: NC_000001.1:3:1: "
         "NC_000001.1:3:TT:T chr1-2-AT-A 1:4:TT:T 1_3_TTTA/TTA chr1-5-TA-A "
         "NC_000001.1:g.5del NC_000001.1:g.3del chr1:g.4delT 1:g.4delT", "chr1-2-AT-A"),
        ("NC_000001.1:2:TTT:TTTT NC_000001.1:3::T 1:g.5dup 1:g.3dup 1:g.3_4insT 1:g.5_6insT "
         "1:g.5dupT chr1-4-T-TT chr1-5-TA-TTA", "chr1-2-A-AT"),
        # Repeats: the unit may begin anywhere.
        ("NC_000001.1:5:ACACACA:ACACACACA NC_000001.1:8::CA 1:g.11_12dup 1:g.6_7dup "
         "1:g.7_8dup 1:g.8_9insCA 1:g.7_8dupCA chr1-12-A-ACA 1:11:CA:CACA 1-6-A-ACA",
         "chr1-5-T-TAC"),
        ("NC_000001.1:6:CA: NC_000001.1:7:2: 1:g.11_12del 1:g.6_7del 1:g.7_8delCA "
         "chr1-9-CAC-C", "chr1-5-TAC-T"),
        ("1:g.6_9dup 1:g.5_6insACAC NC_000001.1:12::CACA 1:g.12_13insCACA", "chr1-5-T-TACAC"),
        ("1:g.8_9delinsGT 1:g.8_9delACinsGT NC_000001.1:7:AC:GT NC_000001.1:7:2:GT "
         "1-7-CACA-CGTA", "chr1-8-AC-GT"),
        ("1:g.10delinsGGT chr1-9-CA-CGGT NC_000001.1:9:A:GGT", "chr1-10-A-GGT"),
        ("1:g.14_15insTT chr1-15-C-TTC", "chr1-14-G-GTT"),
        ("1:g.1del NC_000001.1:0:G: chr1-1-GAT-AT", "chr1-1-GA-A"),
        ("1:g.20_21insA chr1-19-GG-GGA NC_000001.1:20::A", "chr1-20-G-GA"),
        ("1:g.25_26inv NC_000001.1:24:TT:AA", "chr1-25-TT-AA"),
        ("chr1-30-A-<DEL> 1:30:A:<del> 1_30_A/<DEL>", "chr1-30-A-<DEL>"),
        ("chr1-30-A-* 1:30:A:*", "chr1-30-A-*"),
        ("chr1-30-A-A[chr2:5[ 1:30:A:A[chr2:5[", "chr1-30-A-A[chr2:5["),
        # REF not checked: no SPDI, found as it is written, or trimmed if it is a substitution.
        ("chr1-40-CCT-CCA", "chr1-40-CCT-CCA"),
        ("1-31-T-C NC_000001.1:30:T:C 1-31-TA-CA", "chr1-31-T-C"),
    ],
)  # fmt: skip
def test_every_spelling_finds_the_allele(store: Store, names: str, key: str) -> None:
    missed = [n for n in names.split() if found(store, n) != [key]]
    assert missed == []


@pytest.mark.parametrize(
    "name",
    [
        "NC_000001.1:2:A:G", "1:g.3A>G", "chr1-2-C-G", "NC_000001.1:1:C:G", "chr1-3-A-G",
        # Another base than the reference has, or one step beside the repeat.
        "NC_000001.1:5:T:", "1:g.6del", "1:g.2dup", "NC_000001.1:4:C:", "1:g.3_4insA",
        "NC_000001.1:5::CA", "1:g.5_6dup", "1:g.12_13del", "1:g.6_9dupACAG", "1:g.25inv",
        # No change, upside down, unreadable.
        "chr1-2-A-A", "1:g.5_3del", "1:g.3_5insA", "1:g.7_8dupACA", "1:g.2=", "1:2-5",
        "g.2A>G", "NC_000001.1:1:0:", "chr1", "", "1:g.99999999999del",
    ],
)  # fmt: skip
def test_what_is_no_allele_of_the_store(store: Store, name: str) -> None:
    assert found(store, name) == []


def test_a_name_of_other_bases_is_told_those_of_the_reference(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The store's compiled reference knows every base, if it is the store's own."""
    fasta = tmp_path / "r.fa"
    fasta.write_text(f">chr1\n{BASES}\n")
    reference = Reference(compile_reference(fasta, store.path / "_cache" / "reference-1"))
    own = varhouse.open(store.path)
    names = ("1:g.16delC", "chr1-15-CC-C", "NC_000001.1:15:C:T")
    for digest, told in (("another", 0), (reference.digest, 3)):
        own.meta["reference"] = digest
        assert [found(own, name) for name in names] == [[], [], []]
        assert caplog.text.count("the reference has A at chr1:16, not C") == told
        # An allele at the place knows its REF.
        caplog.clear()
        assert found(own, "chr1-2-C-G") == []
        assert "the reference has A at chr1:2, not C" in caplog.text


@pytest.mark.parametrize("name", ["chr9-2-A-G", "NC_000001.2:1:A:G", "9:g.2A>G", "9:g.2_3bad"])
def test_an_unknown_contig_is_a_mistake(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="no contig"):
        find_keys(store, name)


def test_a_colon_key_is_read_from_1_and_then_from_0(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "varhouse.query")
    assert found(store, "1:1:A:G") == ["chr1-2-A-G"]
    assert "chr1-2-A-G here, read as SPDI, 0-based" in caplog.text
    # An accession begins a SPDI only: the key reading would find the allele.
    assert found(store, "NC_000001.1:2:A:G") == []


@st.composite
def _spelt(draw: st.DrawFn) -> tuple[str, int, str, str, int, str, str]:
    """Draw a repeat, a change of it, and the same change padded or moved."""
    unit = draw(st.text("ACGT", min_size=1, max_size=3))
    bases = draw(st.text("ACGT", min_size=4, max_size=8)) + unit * draw(st.integers(1, 6))
    bases += draw(st.text("ACGT", min_size=4, max_size=8))
    a = draw(st.integers(1, len(bases) - 2))
    b = draw(st.integers(a, min(len(bases) - 1, a + 4)))
    new = draw(st.one_of(st.just(bases[a:b] + unit), st.text("ACGT", max_size=4)))
    # Another spelling: every interval in which the haplotype differs as a whole.
    haplotype = bases[:a] + new + bases[b:]
    gain = len(haplotype) - len(bases)
    s = draw(st.integers(0, len(bases) - 1))
    e = draw(st.integers(s, len(bases)))
    fits = bases[:s] == haplotype[:s] and e + gain >= s and bases[e:] == haplotype[e + gain :]
    if not fits:
        s, e = draw(st.integers(0, a)), draw(st.integers(b, len(bases)))
    return bases, a, bases[a:b], new, s, bases[s:e], haplotype[s : e + gain]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(_spelt())
def test_spellings_of_one_haplotype_are_one_allele(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: tuple[str, int, str, str, int, str, str],
) -> None:
    """Two spellings give the same haplotype if and only if they find each other."""
    bases, a, old, new, s, other_old, other_new = drawn
    if old == new:
        return
    folder = tmp_path_factory.mktemp("one")
    reference = compiled(folder, bases)
    key = (a, bases[a - 1] + old, bases[a - 1] + new)
    frame = pl.DataFrame([("chr1", *key)], schema=[*SPELT], orient="row")
    row = identify(normalise_alleles(frame, reference), reference).to_dicts()[0]
    text = f"chr1-{row['pos']}-{row['ref']}-{row['alt']}"
    made = variant(text, spdi=row["spdi"], type=row["type"], hgvs_g=row["hgvs_g"])
    store = varhouse.open(make_store(folder / "s", {"variants": [made]}))
    name = f"NC_000001.1:{s}:{other_old}:{other_new}"
    assert found(store, name) == [text], name
    # An insertion at the end of a contig has no name.
    assert row["hgvs_g"] is None or found(store, row["hgvs_g"]) == [text]


def test_trim() -> None:
    change = Change("c", 10, 14, "AACA", "ACA", "literal", "")
    assert (trim(change).start, trim(change).old, trim(change).new) == (10, "A", "")
