"""Alleles of a frame: verdicts, places at contig ends, hostile offsets."""

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse.alleles.extent import Alt, measure, read_fields
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import Reference, compile_reference
from varhouse.normalise import Status, normalise_alleles, normalise_packed
from varhouse.normalise.symbolic import covered

FASTA = """>1
CACAGTTTTACGTNNNRacgtacgtaaaaCCCT
>2
AAAAACGT
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    folder = tmp_path_factory.mktemp("reference")
    (folder / "r.fa").write_text(FASTA)
    return Reference(compile_reference(folder / "r.fa", folder / "compiled"))


def one(
    reference: Reference, contig: str, pos: int, ref: str, alt: str
) -> tuple[int, str, str, str]:
    frame = pl.DataFrame(
        {"contig": [contig], "pos": [pos], "ref": [ref], "alt": [alt]},
        schema_overrides={"pos": pl.Int32},
    )
    row = normalise_alleles(frame, reference).row(0)
    return row[1], row[2], row[3], Status(row[4]).name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The outcomes of bcftools 1.24 (norm -m- -c x) for the same records.
        (("1", 1, "CAC", "C"), (1, "CAC", "C", "UNCHANGED")),
        (("1", 2, "ACA", "A"), (1, "CAC", "C", "CHANGED")),
        (("1", 1, "CA", "A"), (1, "CA", "A", "UNCHANGED")),
        (("1", 1, "CAC", "AC"), (1, "CA", "A", "CHANGED")),
        (("1", 5, "gt", "gtt"), (5, "G", "GT", "CHANGED")),
        (("1", 9, "t", "tt"), (5, "G", "GT", "CHANGED")),
        (("1", 9, "ta", "t"), (9, "TA", "T", "UNCHANGED")),
        (("1", 14, "NN", "N"), (13, "TN", "T", "CHANGED")),
        (("1", 14, "A", "C"), (14, "A", "C", "REF_MISMATCH")),
        (("1", 17, "A", "C"), (17, "A", "C", "UNCHANGED")),
        (("1", 17, "R", "A"), (17, "R", "A", "REF_MISMATCH")),
        (("1", 33, "T", "TT"), (32, "C", "CT", "CHANGED")),
        (("2", 3, "AA", "A"), (1, "AA", "A", "CHANGED")),
        (("2", 3, "A", "AA"), (1, "A", "AA", "CHANGED")),
        (("2", 1, "AAAAACGT", "A"), (1, "AAAAACGT", "A", "UNCHANGED")),
        (("2", 1, "A", "CA"), (1, "A", "CA", "UNCHANGED")),
        (("2", 5, "ACG", "ATT"), (6, "CG", "TT", "CHANGED")),
        (("2", 5, "ACG", "TCG"), (5, "A", "T", "CHANGED")),
        (("2", 5, "AC", "ACC"), (5, "A", "AC", "CHANGED")),
        (("2", 5, "G", "T"), (5, "G", "T", "REF_MISMATCH")),
        # Carried as they are.
        (("2", 5, "A", "<DEL>"), (5, "A", "<DEL>", "KEPT")),
        (("2", 5, "a", "<del:Me>"), (5, "A", "<del:Me>", "KEPT")),
        (("2", 5, "A", "C<ctg1>"), (5, "A", "C<ctg1>", "KEPT")),
        (("2", 5, "A", "*"), (5, "A", "*", "KEPT")),
        (("2", 5, "A", "."), (5, "A", ".", "KEPT")),
        (("2", 5, "A", "A[1:5["), (5, "A", "A[1:5[", "KEPT")),
        (("2", 5, "A", ".C"), (5, "A", ".C", "KEPT")),
        (("2", 5, "G", "<DEL>"), (5, "G", "<DEL>", "REF_MISMATCH")),
        # Outside of what the reference holds: trimmed, not shifted.
        (("1", 33, "TA", "T"), (33, "TA", "T", "REF_UNCHECKED")),
        (("1", 33, "CA", "C"), (33, "CA", "C", "REF_MISMATCH")),
        (("3", 9, "CCAA", "CCA"), (10, "CA", "C", "REF_UNCHECKED")),
        (("3", 9, "CTAA", "CGAA"), (10, "T", "G", "REF_UNCHECKED")),
        (("3", 9, "C", "<DEL>"), (9, "C", "<DEL>", "REF_UNCHECKED")),
        (("2", 0, "N", "T"), (0, "N", "T", "REF_UNCHECKED")),
        # Faults.
        (("2", 1, ".", "AA"), (1, ".", "AA", "REF_INVALID")),
        (("2", 1, "", "AA"), (1, "", "AA", "REF_INVALID")),
        (("2", 5, "A", ""), (5, "A", "", "ALT_INVALID")),
        (("2", 5, "A", "R"), (5, "A", "R", "ALT_INVALID")),
        (("2", 5, "A", "<DEL"), (5, "A", "<DEL", "ALT_INVALID")),
        (("2", 5, "A", "C,G"), (5, "A", "C,G", "ALT_INVALID")),
        (("2", 5, "AC", "ac"), (5, "AC", "AC", "ALT_EQUALS_REF")),
    ],
)
def test_alleles(
    reference: Reference, given: tuple[str, int, str, str], expected: tuple[int, str, str, str]
) -> None:
    assert one(reference, *given) == expected


def test_other_columns_and_the_order_of_rows_stay(reference: Reference) -> None:
    frame = pl.DataFrame(
        {
            "contig": ["2", None, "1", "2"],
            "x": [1, 2, 3, 4],
            "pos": [3, 3, 9, 7],
            "ref": ["AA", "A", "t", None],
            "alt": ["A", "C", "tt", "G"],
        }
    )
    out = normalise_alleles(frame, reference)
    assert out["x"].to_list() == [1, 2, 3, 4]
    assert out["pos"].to_list() == [1, 3, 5, 7]
    assert out.schema["pos"] == pl.Int32
    assert [Status(s).name for s in out["status"]] == [
        "CHANGED",
        "REF_UNCHECKED",
        "CHANGED",
        "REF_INVALID",
    ]


def test_an_empty_frame(reference: Reference) -> None:
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    out = normalise_alleles(pl.DataFrame(schema=schema), reference)
    assert out.height == 0
    assert out.schema["status"] == pl.Int8


def test_a_partial_contig_is_fully_normalised_inside(tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text(">chr1\nCCTTTTTT\n")
    contigs = Contigs([Contig("chr1", ["1"], None, 1000, None)])
    reference = Reference(compile_reference(tmp_path / "r.fa", tmp_path / "c"), contigs)
    assert one(reference, "chr1", 8, "T", "TT") == (2, "C", "CT", "CHANGED")
    assert one(reference, "chr1", 8, "TT", "T") == (8, "TT", "T", "REF_UNCHECKED")


def test_hostile_offsets_read_nothing_outside() -> None:
    seq = np.frombuffer(b"ACGT", np.uint8)
    text = np.frombuffer(b"AC", np.uint8)
    big = 2**62
    offsets = np.array([0, -5, big, 0, 1], np.int64)
    lengths = np.array([1, 1, 1, big, -1], np.int64)
    pos = np.array([1, 2**31 - 1, -(2**31), 4, 4], np.int32)
    one_base = np.ones(5, np.int64)
    out = normalise_packed(
        seq, np.array([0]), np.array([4]), np.array([0, 7, -3, 0, 0], np.int32), pos,
        text, offsets, lengths, text, one_base, one_base,
    )  # fmt: skip
    assert out[5].tolist() == [Status.UNCHANGED, *[Status.REF_INVALID] * 4]
    with pytest.raises(ValueError, match="beyond"):
        normalise_packed(
            seq,
            np.array([2]),
            np.array([4]),
            np.zeros(5, np.int32),
            pos,
            text,
            offsets,
            lengths,
            text,
            one_base,
            one_base,
        )


_FAR = "chr_with_a_name_of_more_than_12_letters"


def _by_spans(frame: pl.DataFrame, reference: Reference) -> list[tuple[object, ...]]:
    """Normalise a frame row by row, from bytes that lie end to end."""
    out = []
    for contig, pos, ref, alt in frame.select("contig", "pos", "ref", "alt").rows():
        seq, starts, lengths = reference.packed([contig] if contig is not None else [])
        text = np.frombuffer(f"{ref or ''}{alt or ''}".encode(), np.uint8)
        n, m = len(ref or ""), len(alt or "")
        found = normalise_packed(
            seq,
            starts,
            lengths,
            np.array([0 if contig is not None else -1]),
            np.array([pos]),
            text,
            np.array([0]),
            np.array([n]),
            text,
            np.array([n]),
            np.array([m]),
        )
        out.append(
            (
                int(found[0][0]),
                found[1].tobytes().decode(),
                found[3].tobytes().decode(),
                int(found[5][0]),
            )
        )
    return out


def test_columns_of_any_make(tmp_path: Path) -> None:
    """Texts of 0 to 40 letters, long contig names, nulls, chunks and slices."""
    rnd = random.Random(3)
    sequences = {"chr1": "".join(rnd.choices("ACGTacgtNR", k=300)), _FAR: "ACGT" * 30}
    fasta = tmp_path / "r.fa"
    fasta.write_text("".join(f">{c}\n{s}\n" for c, s in sequences.items()))
    reference = Reference(compile_reference(fasta, tmp_path / "compiled"))
    rows = []
    for _ in range(600):
        contig = rnd.choice(["chr1", "chr1", _FAR, "other", None, ""])
        bases = sequences.get(contig or "", "A" * 300).upper().replace("R", "A")
        at, n = (
            rnd.randrange(250),
            rnd.choice([0, 1, 1, 1, 2, 4, 5, 8, 11, 12, 13, 16, 17, 40]),
        )
        ref = bases[at : at + n]
        m = rnd.choice([0, 1, 1, 1, 2, 3, 12, 13, 40])
        alt = rnd.choice(
            [
                ref[:m],
                ref + ref[:m],
                "".join(rnd.choices("ACGTN", k=m)),
                "*",
                "<DEL:ME:ALU:LONG>",
                None,
                ref.lower(),
            ]
        )
        rows.append((contig, at + 1, ref if rnd.random() < 0.95 else None, alt))
    schema = {"contig": pl.String, "pos": pl.Int64, "ref": pl.String, "alt": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    expected = _by_spans(frame, reference)
    assert len({e[3] for e in expected}) >= 6
    columns = ["pos", "ref", "alt", "status"]
    for made in (frame, pl.concat([frame[:7], frame[7:300], frame[300:]], rechunk=False)):
        assert normalise_alleles(made, reference).select(columns).rows() == expected
    assert (
        normalise_alleles(frame[41:333], reference).select(columns).rows() == expected[41:333]
    )
    out = normalise_alleles(frame, reference)
    # The columns are sound: polars can sort, compare and take them apart.
    assert out["ref"].str.len_bytes().to_list() == [len(e[1]) for e in expected]
    assert sorted(out["alt"].to_list()) == out["alt"].sort().to_list()
    assert normalise_alleles(frame[:0], reference).height == 0


@pytest.mark.parametrize(
    ("alt", "info", "which", "size"),
    [
        ("<DEL>", "SVLEN=-5,-7;X=1", (2, 2, True), 7),
        ("<DEL>", "SVLEN=-5,-7", (2, 2, False), 7),
        ("<DUP>", "SVLEN=.,7", (2, 2, True), 7),
        # One value is of all ALTs, unless the header says that each has its own.
        ("<DEL>", "SVLEN=-5", (2, 2, False), 5),
        ("<DEL>", "SVLEN=-5", (2, 2, True), 0),
        ("<DUP>", "SVLEN=5", (1, 2, True), None),
        # The list of a record that was split: it is not known whose value is which.
        ("<DEL>", "SVLEN=-5,-7", (1, 1, False), 0),
        ("<DUP>", "END=19;SVLEN=5,7,9", (2, 2, False), 9),
        # END is the last of all ALTs: the length of an ALT is its own (VCF 4.5, 1.6.1).
        ("<DEL>", "END=19;SVLEN=-5,-9", (1, 2, True), 5),
        ("<DEL>", "END=19;SVLEN=.,-9", (1, 2, True), 9),
        ("<DEL>", "END=19;SVLEN=-5", (1, 1, True), 9),
        ("<DEL>", "SVLEN=-15;END=19", (1, 1, True), 15),
        ("<DUP>", "END=19;SVLEN=5", (1, 1, True), 5),
        ("<DUP>", "END=19;SVLEN=-5", (1, 1, True), 5),
        ("<DUP>", "END=19;SVLEN=.", (1, 1, True), 9),
        # The same event by END alone, and by SVLEN.
        ("<DUP>", "END=19", (1, 1, True), 9),
        ("<DUP>", "SVLEN=9", (1, 1, True), 9),
        ("<DEL>", "END=3;SVLEN=x,99999999999999999999", (2, 2, True), 0),
        ("<INS>", "SVLEN=5", (1, 1, True), None),
    ],
)
def test_a_symbolic_allele_has_the_length_of_its_own(
    alt: str, info: str, which: tuple[int, int, bool], size: int | None
) -> None:
    found = measure(alt, read_fields(info.encode()), 10, 1, Alt(*which))
    assert covered(alt, found, 1) == size
