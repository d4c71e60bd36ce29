"""Types and names of alleles; VRS ids against those of the reference implementation."""

import base64
import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import Reference, compile_reference
from varhouse.identify import identify
from varhouse.identify.kernel import MAX_TEXT
from varhouse.identify.sha512 import BLOCK, LANES, sha512t24u

VRS = Path(__file__).parent / "vrs_ids.tsv"
KEY = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}


def open_reference(
    folder: Path, sequences: dict[str, str], contigs: Contigs | None = None
) -> Reference:
    (folder / "r.fa").write_text("".join(f">{c}\n{s}\n" for c, s in sequences.items()))
    return Reference(compile_reference(folder / "r.fa", folder / "compiled"), contigs)


def name(reference: Reference, *rows: tuple[str, int, str, str]) -> pl.DataFrame:
    return identify(pl.DataFrame(rows, schema=KEY, orient="row"), reference)


def test_vrs_ids_of_the_reference_implementation(tmp_path: Path) -> None:
    lines = VRS.read_text().splitlines()
    cells = [line.split("\t") for line in lines if line.startswith("#sequence")]
    reference = open_reference(tmp_path, {c: s for _, c, s in cells})
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    assert len(rows) == 200
    # The alleles as they came, not normalised: the interval is justified all the same.
    out = name(reference, *((r[0], int(r[1]), r[2], r[3]) for r in rows))
    assert out["vrs_id"].to_list() == [r[7] for r in rows]
    places = [s.split(":") for s in out["spdi"]]
    assert [(p[1], str(int(p[1]) + len(p[2]))) for p in places] == [(r[4], r[5]) for r in rows]


def test_digests_of_every_length() -> None:
    """Messages of 0 to 300 bytes side by side: each way that the end of a block can fall."""
    state, words = np.zeros((8, LANES), np.uint64), np.zeros((16, LANES), np.uint64)
    lengths = np.random.default_rng(1).permutation(304)
    for some in lengths.reshape(-1, LANES):
        texts = [bytes((7 * j + n) % 256 for j in range(n)) for n in some]
        messages = np.full((LANES, 3 * BLOCK), 255, np.uint8)
        for lane, text in enumerate(texts):
            messages[lane, : len(text)] = np.frombuffer(text, np.uint8)
        out = np.zeros(34 * LANES, np.uint8)
        at = 34 * np.arange(LANES) + 1
        sha512t24u(messages, some.astype(np.int64), out, at, state, words)
        wanted = [base64.urlsafe_b64encode(hashlib.sha512(t).digest()[:24]) for t in texts]
        assert out.tobytes() == b"".join(b"\0" + w + b"\0" for w in wanted)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    contigs = Contigs(
        [
            Contig("chr1", ["1"], "NC_000001.10", None, None),
            Contig("chrM", ["MT"], "NC_012920.1", None, None),
            Contig("chr9", [], None, None, None),
        ]
    )
    folder = tmp_path_factory.mktemp("reference")
    #              1234567890123456789012
    sequences = {"1": "GATTTACACACAGGCATRNNTC", "MT": "ACGT"}
    return open_reference(folder, sequences, contigs)


@pytest.mark.parametrize(
    ("allele", "end", "kind", "spdi", "hgvs"),
    [
        (("chr1", 2, "A", "G"), 2, "snv", "1:A:G", "g.2A>G"),
        (("chr1", 2, "AT", "GC"), 3, "mnv", "1:AT:GC", "g.2_3delinsGC"),
        (("chr1", 2, "A", "GC"), 2, "delins", "1:A:GC", "g.2delinsGC"),
        (("chr1", 2, "AT", "A"), 3, "deletion", "2:TTT:TT", "g.5del"),
        (("chr1", 6, "ACA", "A"), 8, "deletion", "5:ACACACA:ACACA", "g.11_12del"),
        (("chr1", 2, "A", "AT"), 2, "insertion", "2:TTT:TTTT", "g.5dup"),
        (("chr1", 5, "T", "TAC"), 5, "insertion", "5:ACACACA:ACACACACA", "g.11_12dup"),
        # Two more of one base: the reference has no two to duplicate behind them.
        (("chr1", 15, "C", "CAA"), 15, "insertion", "15:A:AAA", "g.16_17insAA"),
        (("chr1", 1, "G", "GCC"), 1, "insertion", "1::CC", "g.1_2insCC"),
        (("chr1", 1, "GA", "A"), 2, "deletion", "0:G:", "g.1del"),
        (("chr1", 1, "G", "CG"), 1, "insertion", "0::C", None),
        (("chr1", 22, "C", "CA"), 22, "insertion", "22::A", None),
        (("chr1", 18, "A", "G"), 18, "snv", "17:R:G", "g.18R>G"),
        (("chr1", 19, "NN", "N"), 20, "deletion", "18:NN:N", "g.20del"),
        (("chrM", 2, "C", "G"), 2, "snv", "1:C:G", "m.2C>G"),
    ],
)
def test_names(
    reference: Reference,
    allele: tuple[str, int, str, str],
    end: int,
    kind: str,
    spdi: str,
    hgvs: str | None,
) -> None:
    row = name(reference, allele).row(0, named=True)
    accession = "NC_012920.1:" if allele[0] == "chrM" else "NC_000001.10:"
    assert (row["end"], row["type"]) == (end, kind)
    assert row["spdi"] == accession + spdi
    assert row["hgvs_g"] == (None if hgvs is None else accession + hgvs)
    assert row["vrs_id"] is not None


@pytest.mark.parametrize(
    ("allele", "kind"),
    [
        (("chr1", 2, "A", "<DEL>"), "symbolic"),
        (("chr1", 2, "A", "<*>"), "symbolic"),
        (("chr1", 2, "A", "A<ctg1>"), "symbolic"),
        (("chr1", 2, "A", "*"), "spanning_deletion"),
        (("chr1", 2, "A", "A[chr2:5["), "breakend"),
        (("chr1", 2, "A", "]<x>:5]A"), "breakend"),
        (("chr1", 2, "A", ".A"), "breakend"),
        (("chr1", 2, "A", "."), "other"),
        (("chr1", 2, "A", "R"), "other"),
        (("chr1", 2, "A", "A"), "other"),
        # A REF that does not agree, or lies outside: a type, but no name.
        (("chr1", 2, "C", "G"), "snv"),
        (("chr1", 22, "CA", "C"), "deletion"),
        (("chr1", 0, "N", "NA"), "insertion"),
        (("chr9", 2, "AC", "GT"), "mnv"),
        (("chr7", 2, "AC", "G"), "delins"),
    ],
)
def test_what_has_a_type_only(
    reference: Reference, allele: tuple[str, int, str, str], kind: str
) -> None:
    row = name(reference, allele).row(0, named=True)
    assert row["type"] == kind
    assert (row["spdi"], row["vrs_id"], row["hgvs_g"]) == (None, None, None)


def test_a_piece_of_a_contig(tmp_path: Path) -> None:
    """VRS ids need the digest of the whole; an indel must not reach the end of the piece."""
    known = Contigs([Contig("chr1", ["1"], None, 1000, "S_KjnFVz-FE7M0W6yoaUDgYxLPc1jyWU")])
    rows = [("chr1", 2, "C", "G"), ("chr1", 1, "A", "AT"), ("chr1", 3, "T", "TT")]
    whole_known = name(open_reference(tmp_path, {"1": "ACTTT"}, known), *rows)
    assert whole_known["spdi"].to_list() == ["chr1:1:C:G", "chr1:1::T", None]
    assert [v is None for v in whole_known["vrs_id"]] == [False, False, True]
    assert whole_known["hgvs_g"].to_list() == ["chr1:g.2C>G", "chr1:g.1_2insT", None]
    unknown = Contigs([Contig("chr1", ["1"], None, 1000, None)])
    out = name(open_reference(tmp_path, {"1": "ACTTT"}, unknown), *rows)
    assert out["vrs_id"].to_list() == [None] * 3
    assert out["spdi"].to_list() == whole_known["spdi"].to_list()


def test_a_shift_over_a_long_run_has_no_spdi(tmp_path: Path) -> None:
    reference = open_reference(tmp_path, {"1": "A" + "N" * MAX_TEXT + "C"})
    row = name(reference, ("1", 1, "AN", "A")).row(0, named=True)
    assert row["spdi"] is None
    assert row["hgvs_g"] == f"1:g.{MAX_TEXT + 1}del"
    assert row["vrs_id"] is not None


def test_an_empty_frame(reference: Reference) -> None:
    out = identify(pl.DataFrame(schema=KEY), reference)
    wanted = {"end": pl.Int32} | dict.fromkeys(["type", "spdi", "vrs_id", "hgvs_g"], pl.String)
    assert dict(out.schema) == KEY | wanted
