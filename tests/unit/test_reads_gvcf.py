"""Called regions are joined to a gVCF: order, filters, header, index."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest
from placed_reads import genome, make_bam, write_fasta

import varhouse
from varhouse.errors import InputError
from varhouse.reads.blocks import SCHEMA as BLOCKS
from varhouse.reads.callregion import CallSettings, call_region
from varhouse.reads.gvcf import join_regions
from varhouse.reads.model import Filters, Span
from varhouse.reads.variants import SCHEMA as VARIANTS
from varhouse.reads.variants import count_variants, judge, read_variants
from varhouse.vcf.gvcf.dialects import gvcf_tool
from varhouse.vcf.header.header import Header

CONTIG = "odd{}\\d[1]*"


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    sequences = genome(np.random.default_rng(1), c1=2000, c2=900) | {CONTIG: "ACGT" * 50}
    return write_fasta(tmp_path_factory.mktemp("ref") / "r.fa", sequences)


def base(fasta, contig, pos):
    with pysam.FastaFile(str(fasta)) as file:
        return file.fetch(contig, pos - 1, pos)


def variant(pos, ref, alt, **cells):
    """Make a row of `variants.parquet`."""
    row = {
        "pos": pos, "raw_pos": pos, "copies": 2, "ref": ref, "alt": alt, "qual": "100",
        "info": "DP=30", "GT": "0/1", "GQ": "99", "DP": "30", "AD": "15,15", "PL": "99,0,99",
        "SP": "0", "ADF": "8,8", "ADR": "7,7",
    }  # fmt: skip
    return row | cells


def block(start, end, **cells):
    """Make a row of `blocks.parquet`."""
    row = {
        "start": start, "end": end, "kind": 15, "copies": 2, "min_dp": 30, "dp": 30, "gq": 90,
        "pl_ref": 0, "pl_het": 90, "pl_alt": 255, "depths": [end - start],
    }  # fmt: skip
    return row | cells


HEADER = """##INFO=<ID=DP,Number=1,Type=Integer,Description="Raw reads">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=SP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=ADF,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=ADR,Number=R,Type=Integer,Description="x">
"""


def make_part(folder, contig, start, end, variants=(), blocks=()):
    folder.mkdir(parents=True)
    pl.DataFrame(list(variants), VARIANTS).write_parquet(folder / "variants.parquet")
    pl.DataFrame(list(blocks), BLOCKS).write_parquet(folder / "blocks.parquet")
    (folder / "header.txt").write_text(HEADER)
    facts = {
        "contig": contig,
        "start": start,
        "end": end,
        "bases": end - start,
        "depths": [3, 4],
    }
    (folder / "depth.json").write_text(json.dumps(facts))
    return folder


def join(fasta, parts, out, filters=None, sample="P 1", header=()):
    account = join_regions(
        parts, out, fasta=fasta, sample=sample, header=header, filters=filters or Filters()
    )
    with pysam.BGZFile(str(out)) as file:
        text = file.read().decode()
    return account, text, [x.split("\t") for x in text.splitlines() if not x.startswith("#")]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, "PASS"),
        ({"qual": "19.9"}, "LowQual"),
        ({"qual": "20"}, "PASS"),
        ({"DP": "3"}, "LowDP"),
        ({"DP": "4"}, "PASS"),
        ({"DP": "."}, "LowDP"),
        ({"AD": "86,14"}, "AlleleBalance"),
        ({"AD": "85,15"}, "PASS"),
        # The share of each called ALT, whichever alleles there are.
        ({"GT": "1/2", "AD": "0,50,8"}, "AlleleBalance"),
        ({"GT": "0/2", "AD": "10,80,10"}, "AlleleBalance"),
        ({"GT": "0/1", "AD": "10,80,10"}, "PASS"),
        ({"GT": "1", "AD": "9,1"}, "AlleleBalance"),
        ({"GT": "./.", "AD": "9,1"}, "PASS"),
        ({"AD": "0,0"}, "PASS"),
        ({"AD": "."}, "PASS"),
        ({"AD": "15,15,."}, "PASS"),
        ({"SP": "60"}, "PASS"),
        ({"SP": "61"}, "StrandBias"),
        ({"SP": "."}, "PASS"),
        ({"qual": "1", "DP": "2", "AD": "9,1", "SP": "99"},
         "LowQual;LowDP;AlleleBalance;StrandBias"),
    ],
)  # fmt: skip
def test_filters(cells, expected):
    frame = pl.DataFrame([variant(5, "A", "C,G", **cells)], VARIANTS)
    assert judge(frame, Filters())["filter"].to_list() == [expected]


def test_thresholds_are_those_of_the_configuration():
    frame = pl.DataFrame([variant(5, "A", "C", AD="50,50")], VARIANTS)
    own = judge(frame, Filters(quality=101, depth=31, balance=0.6, strand=-1))
    assert own["filter"].item() == "LowQual;LowDP;AlleleBalance;StrandBias"


def test_lines_of_blocks_and_variants(fasta, tmp_path):
    rows = [variant(50, base(fasta, "c1", 50), "C" if base(fasta, "c1", 50) != "C" else "G")]
    blocks = [
        block(0, 49), block(50, 60, copies=1, kind=14, pl_het=255),
        block(60, 61, gq=0, pl_ref=9),
        block(61, 70, copies=1, gq=0, kind=3),
    ]  # fmt: skip
    part = make_part(tmp_path / "p", "c1", 0, 2000, rows, blocks)
    _, text, lines = join(fasta, [part], tmp_path / "a.g.vcf.gz", header=["##lineage=x"])
    cells = [(x[1], x[7], x[9]) for x in lines]
    assert cells == [
        ("1", "END=49", "0/0:90:30:30:0,90,255"),
        ("50", "DP=30", "0/1:99:30:15,15:99,0,99:0:8,8:7,7"),
        ("51", "END=60", "0:90:30:30:0,255"),
        ("61", "END=61", "./.:0:30:30:9,90,255"),
        ("62", "END=70", ".:0:30:30:0,255"),
    ]
    assert {x[8] for x in lines if x[4] == "<*>"} == {"GT:GQ:MIN_DP:DP:PL"}
    assert [x[6] for x in lines] == [".", "PASS", ".", ".", "."]
    head = text[: text.index("#CHROM")].splitlines()
    assert "##lineage=x" in head
    assert f"##source=varhouse call {varhouse.__version__}" in head
    assert "##contig=<ID=c2,length=900>" in head
    assert text[text.index("#CHROM") :].split("\n")[0].endswith("FORMAT\tP 1")
    # Each key is declared once.
    keys = [line.split(",")[0] for line in head if "=<ID=" in line]
    assert len(keys) == len(set(keys))
    assert gvcf_tool(Header(text="\n".join(head))) == "varhouse call"


def test_a_contig_of_any_name_and_a_part_in_any_folder(fasta, tmp_path):
    part = make_part(
        tmp_path / "p[1]*", CONTIG, 0, 200, [variant(9, "A", "C")], [block(10, 20)]
    )
    _, _, lines = join(fasta, [part], tmp_path / "a.g.vcf.gz")
    assert [x[:5] for x in lines] == [
        [CONTIG, "9", ".", "A", "C"],
        [CONTIG, "11", ".", "G", "<*>"],
    ]


def test_variants_that_moved_over_a_cut(fasta, tmp_path):
    # The second part owns a deletion that normalising has moved into the first.
    first = make_part(
        tmp_path / "1", "c1", 0, 1000, [variant(900, "A", "C")], [block(0, 1000)]
    )
    moved = variant(890, "ACCCCCCCC", "A", raw_pos=1001)
    second = make_part(tmp_path / "2", "c1", 1000, 2000, [moved], [block(1000, 1500)])
    account, _, lines = join(fasta, [first, second], tmp_path / "a.g.vcf.gz")
    assert [(x[1], x[4], x[7]) for x in lines] == [
        ("1", "<*>", "END=889"), ("890", "A", "DP=30"), ("899", "<*>", "END=899"),
        ("900", "C", "DP=30"), ("901", "<*>", "END=1500"),
    ]  # fmt: skip
    assert account["variants"] == 2


def test_one_variant_of_two_records(fasta, tmp_path):
    twice = [variant(10, "AC", "A", qual="50"), variant(10, "AC", "A", qual="70", raw_pos=12)]
    both = [*twice, variant(10, "A", "T")]
    part = make_part(tmp_path / "1", "c1", 0, 1000, both)
    account, _, lines = join(fasta, [part], tmp_path / "a.g.vcf.gz")
    assert [(x[3], x[5]) for x in lines] == [("A", "100"), ("AC", "70")]
    assert account["doubled"] == 1
    assert account["variants"] == 2


def test_parts_out_of_order_are_refused(fasta, tmp_path):
    a = make_part(tmp_path / "a", "c1", 0, 1000)
    b = make_part(tmp_path / "b", "c1", 1000, 2000)
    c = make_part(tmp_path / "c", "c2", 0, 900)
    d = make_part(tmp_path / "d", "c1", 999, 1200)
    e = make_part(tmp_path / "e", "nope", 0, 10)
    for parts, words in (
        ([b, a], "ascending"), ([a, a], "each once"), ([a, c, b], "two places"),
        ([a, d], "before the part before it ends"), ([e], "no contig nope"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            join(fasta, parts, tmp_path / "x.g.vcf.gz")
    (a / "depth.json").unlink()
    with pytest.raises(OSError, match=r"depth\.json"):
        join(fasta, [a], tmp_path / "x.g.vcf.gz")
    assert not [p for p in tmp_path.iterdir() if "g.vcf" in p.name]


def test_counts_for_the_metrics():
    rows = [
        variant(1, "A", "G"), variant(2, "A", "C", GT="1/1", AD="1,29"),
        variant(3, "A", "AT"), variant(4, "A", "G,T", GT="1/2", AD="0,9,9"),
        variant(5, "C", "T", GT="1", copies=1, AD="2,9"), variant(6, "C", "T", qual="3"),
        variant(7, "CT", "C", GT="1/1", AD="0,9"), variant(8, "T", "C,<*>", AD="9,9,0"),
    ]  # fmt: skip
    counts = count_variants(judge(pl.DataFrame(rows, VARIANTS), Filters()))
    assert counts == {
        "calls": 8, "filtered": 1, "snvs": 5, "indels": 2, "ti": 3, "tv": 1, "het": 4,
        "hom_alt": 2, "charr": {"sites": 1, "ref_reads": 1, "reads": 30},
    }  # fmt: skip
    none = count_variants(judge(pl.DataFrame(schema=VARIANTS), Filters()))
    assert none["calls"] == none["charr"]["reads"] == 0


def test_lines_of_norm_are_read_whatever_their_format():
    text = b"""##fileformat=VCFv4.2
##INFO=<ID=MQ,Number=1,Type=Integer,Description="q">
##INFO=<ID=RAW,Number=1,Type=String,Description="q">
##INFO=<ID=IDV,Number=1,Type=Integer,Description="q">
##FORMAT=<ID=GT,Number=1,Type=String,Description="q">
##FORMAT=<ID=XX,Number=1,Type=String,Description="q">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS
a|7|b\t10\t.\ta\tg\t3.5\t.\tINDEL;IDV=0;IMF=0;DP=3;RAW=a|7|b|12|aCC|a\tGT:PL:DP\t0/1:1,2,3:4
a|7|b\t11\t.\tA\t"G\t3\t.\tIDV=3\tGT:AD\t0/1:1,2
"""
    frame, header = read_variants(text)
    assert frame.select("pos", "raw_pos", "ref", "alt", "info", "GT", "PL", "AD").rows() == [
        (10, 12, "A", "G", "INDEL;DP=3", "0/1", "1,2,3", "."),
        (11, 11, "A", '"G', ".", "0/1", ".", "1,2"),
    ]
    assert [line.split(",")[0] for line in header] == ["##INFO=<ID=MQ", "##FORMAT=<ID=GT"]
    assert "Type=Float" in header[0]
    assert read_variants(text[: text.index(b"a|7")])[0].height == 0
    with pytest.raises(InputError, match="no VCF"):
        read_variants(b"")


def test_a_whole_gvcf_is_valid_and_read_by_bcftools(tmp_path):
    rng = np.random.default_rng(11)
    sequences = genome(rng, chr1=3000, chrM=700)
    text = sequences["chr1"]
    deletion, insertion = (500, text[500:505], text[500]), (900, text[900], text[900] + "GG")
    people = {"chr1": [[deletion], [insertion]], "chrM": [[]]}
    fasta = write_fasta(tmp_path / "r.fa", sequences)
    bam = make_bam(tmp_path / "a.bam", sequences, people, depth=15)
    parts = []
    for span in (Span("chr1", 0, 1500), Span("chr1", 1500, 3000), Span("chrM", 0, 700)):
        parts.append(tmp_path / f"{span.contig}-{span.start}")
        call_region(
            bam, fasta, span, parts[-1], sample="x",
            copies=[(0, 700, 1)] if span.contig == "chrM" else [],
            settings=CallSettings(), panel=None,
        )  # fmt: skip
    out = tmp_path / "a.g.vcf.gz"
    account, _, lines = join(fasta, parts, out, sample="Ürs A")
    assert account["variants"] == 2
    found = varhouse.validate(out, reference=fasta)
    assert found.is_valid
    assert set(found.counts) == {"VH-F-030"}
    assert found.is_gvcf
    assert found.gvcf_dialect.tool == "varhouse call"
    # All lines of a region come back through the index, and nothing is normalised any more.
    show = "import pysam, sys; [print(r.pos, r.stop) for r in pysam.VariantFile(sys.argv[1]).fetch('chr1', 1000, 1001)]"  # noqa: E501
    shown = subprocess.run(
        [sys.executable, "-c", show, str(out)], capture_output=True, text=True, check=True
    ).stdout.split()
    over = [x for x in lines if x[0] == "chr1" and int(x[1]) <= 1001 <= end_of(x)]
    assert shown == [over[0][1], str(end_of(over[0]))]
    assert len(over) == 1
    # Made again, it is the same, and takes the place of the old one.
    before = out.read_bytes()
    join(fasta, parts, out, sample="Ürs A")
    assert out.read_bytes() == before
    left = sorted(p.name for p in Path(tmp_path).iterdir() if "g.vcf" in p.name)
    assert left == ["a.g.vcf.gz", "a.g.vcf.gz.tbi"]
    if bcftools := shutil.which("bcftools"):
        argv = [bcftools, "norm", "-f", str(fasta), "-c", "e", str(out)]
        normed = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert "/0/0/0" in normed.stderr


def end_of(x):
    return int(x[7].removeprefix("END=")) if x[4] == "<*>" else int(x[1]) + len(x[3]) - 1
