"""`varhouse normalise`: what it writes, what it holds back, what it says."""

import argparse
import gzip
import random
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.cli import normalise
from varhouse.errors import InputError, UsageError, VarhouseError
from varhouse.genome.reference import Reference, compile_reference
from varhouse.normalise.order import WINDOW, Reorder
from varhouse.normalise.split import Splitter
from varhouse.normalise.vcf import VcfNormaliser
from varhouse.onefile.frequencies import frequencies
from varhouse.onefile.normalise_run import as_lines
from varhouse.vcf.blocks import TextBlock
from varhouse.vcf.stream import open_records

FASTA = ">chr1\nCACAGTTTTACGTNNNAACGTACGTAAAACCCT\n>chr2\nAAAAACGT\n"
HEADER = """##fileformat=VCFv4.3
##contig=<ID=chr1>
##contig=<ID=chr2>
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "r.fa"
    path.write_text(FASTA)
    return path


def write(tmp_path: Path, rows: list[str], samples: str = "") -> Path:
    """Write a VCF; blanks in rows stand for tabs."""
    path = tmp_path / "in.vcf"
    columns = COLUMNS + (f"\tFORMAT\t{samples}" if samples else "")
    text = HEADER + columns + "\n" + "".join(r.replace(" ", "\t") + "\n" for r in rows)
    path.write_text(text)
    return path


def run(vcf: Path, fasta: Path, out: str, *options: str) -> Path:
    parser = argparse.ArgumentParser()
    normalise.add_parser(parser.add_subparsers())
    path = vcf.parent / out
    args = parser.parse_args(
        ["normalise", str(vcf), "-o", str(path), "--reference", str(fasta), *options]
    )
    assert args.run(args) == 0
    return path


def body(path: Path) -> list[str]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [
        line.replace("\t", " ")
        for line in text.decode().split("\n")
        if line and not line.startswith("#")
    ]


def test_lines_are_moved_split_and_put_in_order(tmp_path: Path, fasta: Path) -> None:
    vcf = write(
        tmp_path,
        [
            "chr1 6 a T G 0.500 PASS AC=1 GT 0/1",
            "chr1 9 b T TT,<DEL>,C 5e1 . END=9;AC=3,4,5 GT:XX 1/3:y",
            "chr2 7 c gt g . q AC=7 GT 0|1",
        ],
        "s1",
    )
    assert body(run(vcf, fasta, "out.vcf")) == [
        "chr1 5 b G GT 5e1 . END=5;AC=3 GT:XX 1/0:y",
        "chr1 6 a T G 0.500 PASS AC=1 GT 0/1",
        "chr1 9 b T <DEL> 5e1 . END=9;AC=4 GT:XX 0/0:y",
        "chr1 9 b T C 5e1 . END=9;AC=5 GT:XX 0/1:y",
        # What does not change keeps every byte.
        "chr2 7 c gt g . q AC=7 GT 0|1",
    ]


def test_symbolic_alleles_that_move_are_told_of(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rows = [
        "chr1 8 a T A,<DEL> . . SVLEN=.,-1",
        "chr1 9 b T <INS> . . SVLEN=4",
        "chr1 9 c TA <DEL> . . END=10",
    ]
    assert body(run(write(tmp_path, rows), fasta, "out.vcf")) == [
        "chr1 5 a G <DEL> . . SVLEN=.,-1",
        "chr1 8 a T A . . SVLEN=.,-1",
        "chr1 9 b T <INS> . . SVLEN=4",
        "chr1 9 c T <DEL> . . END=10",
    ]
    assert "3 records, 1 split, 2 alleles changed, 1 kept as they are" in caplog.text


def test_faults_are_listed_and_the_rest_goes_on(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vcf = write(
        tmp_path,
        [
            "chr1 5 . G A . . .",
            "chr1 6 . C A . . .",
            "chr1 7 . T G,T,R . . AC=1,2,3",
            "chr1 x . T G . . .",
            "chr1 8 . T",
            "",
            "chr1 33 . TA T . . .",
            "chrX 5 . G A . . .",
            "chr1 9 . T. A . . .",
        ],
    )
    out = run(vcf, fasta, "out.vcf.gz", "--rejects", str(tmp_path / "r.tsv"))
    assert body(out) == ["chr1 5 . G A . . .", "chr1 7 . T G . . AC=1"]
    rejects = [line.split("\t") for line in (tmp_path / "r.tsv").read_text().split("\n")]
    assert rejects[0] == ["line", "contig", "pos", "ref", "alt", "reason", "detail", "text"]
    assert [(r[0], r[1], r[2], r[4], r[5]) for r in rejects[1:-1]] == [
        ("9", "chr1", "6", "A", "ref_mismatch"),
        ("10", "chr1", "7", "T", "alt_equals_ref"),
        ("10", "chr1", "7", "R", "alt_invalid"),
        ("11", "chr1", "", "G", "pos_invalid"),
        ("12", "chr1", "8", "", "columns"),
        ("14", "chr1", "33", "T", "ref_unchecked"),
        ("15", "chrX", "5", "A", "ref_unchecked"),
        ("16", "chr1", "9", "A", "ref_invalid"),
    ]
    assert rejects[1][6] == "the reference has T"
    assert rejects[1][7] == r"chr1\t6\t.\tC\tA\t.\t.\t."
    assert "8 held back: alt_equals_ref 1, alt_invalid 1, columns 1" in caplog.text


def test_another_assembly_is_suspected(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = ["chr1 6 . C A . . .", "chr1 7 . A G . . .", "chr1 7 . T G . . ."]
    run(write(tmp_path, rows), fasta, "out.vcf")
    assert "2 held back: ref_mismatch 2; --rejects FILE lists them" in caplog.text
    assert "most REF are not those of r.fa" in caplog.text
    caplog.clear()
    run(write(tmp_path, rows[1:]), fasta, "out.vcf")
    assert "most REF" not in caplog.text


def test_what_is_lost_of_a_record_is_told(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        "chr1 6 . T G . . AC=1 GT:AD 0/1:1,2",
        "chr1 7 . T G,C . . AC=1,2 GT:AD 0/3:1,2,3 0/1:1,2",
        "chr1 8 . TT . x . AC=1,2 GT:AD 0/3:1,2,3 0/1:1,2",
        "chr1 9 . T G,C . . AC=1 GT:AD 0/2:1,2,3 0/1:4",
    ]
    two = rows[0] + " 0/0:5,6"
    vcf = write(tmp_path, [two, *rows[1:]], "s1\ts2")
    text = vcf.read_text()
    ad = '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n#CHROM'
    vcf.write_text(text.replace("#CHROM", ad))
    run(vcf, fasta, "out.vcf")
    told = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert told == [
        "1 records without ALT: REF cut to its first base, as in bcftools",
        "FORMAT/AD of 2 split records, first at chr1:7: some lists have a wrong number of "
        "values; read from the left as in bcftools",
        "FORMAT/GT of 1 split records, first at chr1:7: allele numbers that the record does "
        "not have became missing",
        "INFO/AC of 1 split records, first at chr1:9: left out, the number of values is wrong",
    ]
    caplog.clear()
    run(vcf, fasta, "out.parquet")
    told = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert "1 QUAL are no numbers: missing" in told


def test_unchecked_records_are_kept_on_demand(tmp_path: Path, fasta: Path) -> None:
    vcf = write(tmp_path, ["chr1 33 . TAA TA . . .", "chrX 5 . GC GG . . ."])
    out = run(vcf, fasta, "out.vcf", "--unchecked-ref", "keep")
    assert body(out) == ["chr1 33 . TA T . . .", "chrX 6 . C G . . ."]


def test_bcf_and_its_missing_contig_line(tmp_path: Path, fasta: Path) -> None:
    vcf = write(tmp_path, ["chr1 9 . T TT . . AC=2", "chrX 5 . G A . . ."])
    out = run(vcf, fasta, "out.bcf", "--unchecked-ref", "keep")
    with pysam.VariantFile(str(out)) as f:
        rows = [(r.chrom, r.pos, *r.alleles) for r in f]
    assert rows == [("chr1", 5, "G", "GT"), ("chrX", 5, "G", "A")]
    again = run(out, fasta, "again.vcf", "--unchecked-ref", "keep")
    assert [line.split(" ")[:5] for line in body(again)] == [
        ["chr1", "5", ".", "G", "GT"],
        ["chrX", "5", ".", "G", "A"],
    ]


def test_bcf_that_htslib_refuses(tmp_path: Path, fasta: Path) -> None:
    vcf = write(tmp_path, ["chr1 9 . T TT . nope ZZ=1"])
    with pytest.raises(InputError, match=r"in\.vcf"):
        run(vcf, fasta, "out.bcf")


def test_parquet(tmp_path: Path, fasta: Path) -> None:
    vcf = write(
        tmp_path,
        ["chr1 9 x t tt,C 50 PASS AC=3,4 GT 1/2", "chr2 7 . GT <DEL> . . . GT ."],
        "s",
    )
    (tmp_path / "a.tsv").write_text("contig\talias\none\tchr1\ntwo\tchr2\n")
    out = run(vcf, fasta, "out.parquet", "--aliases", str(tmp_path / "a.tsv"))
    frame = pl.read_parquet(out)
    assert frame.rows() == [
        ("one", 5, "G", "GT", "", "x", 50.0, "PASS", "AC=3", 0, 1),
        ("one", 9, "T", "C", "", "x", 50.0, "PASS", "AC=4", 0, 2),
        ("two", 7, "G", "<DEL>", ".", None, None, ".", ".", 1, 1),
    ]
    assert frame.columns[9:] == ["record", "alt_index"]


def test_the_unspecified_allele_has_no_row_in_a_table(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        "chr1 6 . T C,<NON_REF> . . . GT 0/2",
        "chr1 7 . T <*> . . . GT 0/0",
        "chr1 9 . T <X>,G . . . GT 1/2",
    ]
    out = run(write(tmp_path, rows, "s"), fasta, "out.parquet")
    assert pl.read_parquet(out)["alt"].to_list() == ["C", "G"]
    assert "3 times the allele <*>, <X> or <NON_REF> has no row" in caplog.text


def test_an_empty_contig_in_a_table(tmp_path: Path, fasta: Path) -> None:
    vcf = write(tmp_path, [" 9 x T C . . .", "chr1 9 . T C . . ."])
    frame = pl.read_parquet(run(vcf, fasta, "out.parquet", "--unchecked-ref", "keep"))
    assert frame.select("contig", "pos").rows() == [("", 9), ("chr1", 9)]


def test_contig_names_stay_and_aliases_find_them(
    tmp_path: Path, fasta: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / "a.tsv").write_text("contig\talias\nc1\tchr1,1\nc2\tchr2\n")
    vcf = write(tmp_path, ["1 9 . T TT . . ."])
    out = run(vcf, fasta, "out.vcf", "--aliases", str(tmp_path / "a.tsv"))
    assert body(out) == ["1 5 . G GT . . ."]
    assert "known names" not in caplog.text
    # Without a table the FASTA's chr1 is found as well, and that is said.
    assert body(run(vcf, fasta, "out.vcf")) == ["1 5 . G GT . . ."]
    assert "contigs by their known names, as there is no --aliases: 1 = chr1" in caplog.text
    table = tmp_path / "frequencies.parquet"
    done = frequencies(vcf, table, reference=fasta)
    assert done.known_names == {"1": "chr1"}
    assert pl.read_parquet(table).select("contig", "pos").rows() == [("chr1", 5)]


@pytest.mark.parametrize(
    ("region", "found"),
    [("chr1:9", 1), ("chr1", 2), ("chr1:12-40", 1), ("chr1:14", 0), ("chr2:1-3", 0)],
)
def test_region_takes_what_overlaps(
    tmp_path: Path, fasta: Path, region: str, found: int
) -> None:
    vcf = write(
        tmp_path, ["chr1 9 . T G . . .", "chr1 11 . CGT C . . .", "chr2 5 . A C . . ."]
    )
    assert len(body(run(vcf, fasta, "out.vcf", "--region", region))) == found


def test_unsorted_input_is_sorted(tmp_path: Path, fasta: Path) -> None:
    rows = [
        "chr1 9 . T G . . .",
        "chr2 5 . A C . . .",
        "chr1 5 . G C . . .",
        "chr2 1 . A C . . .",
    ]
    vcf = write(tmp_path, rows)
    wanted = [rows[2], rows[0], rows[3], rows[1]]
    assert body(run(vcf, fasta, "out.vcf.gz")) == wanted
    frame = pl.read_parquet(run(vcf, fasta, "out.parquet"))
    assert frame.select("contig", "pos").rows() == [
        ("chr1", 5),
        ("chr1", 9),
        ("chr2", 1),
        ("chr2", 5),
    ]


def test_line_ends_and_a_last_line_without_one(tmp_path: Path, fasta: Path) -> None:
    path = tmp_path / "in.vcf"
    rows = "chr1\t5\t.\tG\tA\t.\t.\t.\r\nchr1\t9\t.\tT\tTT\t.\t.\t."
    path.write_bytes((HEADER + COLUMNS + "\n").replace("\n", "\r\n").encode() + rows.encode())
    assert body(run(path, fasta, "out.vcf")) == ["chr1 5 . G A . . .", "chr1 5 . G GT . . ."]


def test_a_second_run_changes_nothing(tmp_path: Path, fasta: Path) -> None:
    vcf = write(tmp_path, ["chr1 9 . T TT,TTT . . AC=1,2", "chr1 20 . TAC T . . ."])
    first = run(vcf, fasta, "one.vcf")
    assert body(run(first, fasta, "two.vcf")) == body(first)


def test_usage(tmp_path: Path, fasta: Path) -> None:
    vcf = write(tmp_path, [])
    with pytest.raises(UsageError, match="ending"):
        run(vcf, fasta, "out.txt")
    with pytest.raises(UsageError, match="overwrite an input"):
        run(vcf, fasta, "in.vcf")
    (tmp_path / "no.vcf").write_text("nonsense\n")
    with pytest.raises(VarhouseError, match="#CHROM"):
        run(tmp_path / "no.vcf", fasta, "out.vcf")
    assert not (tmp_path / "out.vcf").exists()


def test_records_one_block_or_many(
    tmp_path: Path, fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rnd = random.Random(3)
    alleles = [("9", "T", "TT,G"), ("5", "G", "A"), ("20", "TAC", "T"), ("12", "G", "C")]
    rows = sorted((rnd.choice(alleles) for _ in range(60)), key=lambda a: int(a[0]))
    vcf = write(tmp_path, [f"chr1 {p} {i} {r} {a} . . ." for i, (p, r, a) in enumerate(rows)])
    whole = body(run(vcf, fasta, "whole.vcf"))

    def small(path: Path, kind: str, **_: object) -> object:
        lines = path.read_bytes().splitlines(keepends=True)
        at = 0
        while lines:
            take = b"".join(lines[: 3 + at % 5])
            lines = lines[3 + at % 5 :]
            yield TextBlock(take, at)
            at += len(take)

    monkeypatch.setattr("varhouse.vcf.stream.iter_text", small)
    assert body(run(vcf, fasta, "blocks.vcf")) == whole
    assert [x.line for x in as_lines(open_records(vcf)[1])][:1] == [8]


def test_the_window_holds_back_what_may_be_overtaken() -> None:
    window = Reorder()

    def push(key: int) -> bytes:
        line = np.frombuffer(f"{key}\n".encode(), np.uint8)
        source, span = np.zeros(1, np.int64), np.array([[0, line.size]])
        pieces = window.push(np.array([key]), [line], source, span, WINDOW * 3)
        return b"".join(p.tobytes() for p in pieces)

    assert push(WINDOW * 3) == b""
    assert push(WINDOW) == b"10000\n"
    assert not window.late
    assert push(5) == b"5\n"
    assert window.late
    assert b"".join(p.tobytes() for p in window.flush()) == b"30000\n"


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 1)), max_size=9)),
    st.sampled_from([1, 5, 1 << 40]),
)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_lines_leave_in_order_from_any_buffers(
    blocks: list[list[tuple[int, int]]], long_run: int
) -> None:
    window, wanted, found = Reorder(window=100), [], b""
    with patch("varhouse.normalise.order._LONG_RUN", long_run):
        for i, block in enumerate(blocks):
            texts, spans = [b"", b""], []
            for j, (key, source) in enumerate(block):
                line = f"{key} {i} {j}\n".encode()
                spans.append((len(texts[source]), len(texts[source]) + len(line)))
                texts[source] += line
                wanted.append((key, i, j))
            pieces = window.push(
                np.array([k for k, _ in block], np.int64),
                [np.frombuffer(t, np.uint8) for t in texts],
                np.array([s for _, s in block], np.int64),
                np.array(spans, np.int64).reshape(-1, 2),
                99,
            )
            found += b"".join(p.tobytes() for p in pieces)
        found += b"".join(p.tobytes() for p in window.flush())
    assert not window.late
    assert found.decode() == "".join(f"{k} {i} {j}\n" for k, i, j in sorted(wanted))


def test_nothing_of_a_block_is_wanted(fasta: Path, tmp_path: Path) -> None:
    reference = Reference(compile_reference(fasta, tmp_path / "c"))
    vcf = write(tmp_path, ["", "chr1 x . T G . . ."])
    normaliser = VcfNormaliser(reference, Splitter({}, {}), columns=8)
    (lines,) = as_lines(open_records(vcf)[1])
    done = normaliser.block(lines)
    assert (done.keys.size, len(done.rejects)) == (0, 1)
