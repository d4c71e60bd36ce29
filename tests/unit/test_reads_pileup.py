"""mpileup's BCF, read in pieces of any size, against the same records as text."""

import io
import subprocess
import sys

import numpy as np
import pytest
from isal import isal_zlib

from varhouse.errors import InputError
from varhouse.reads.pileup import Panel, Window, read_pileup
from varhouse.reads.pipeline import Bcftools, run_pipeline

HEADER = """##fileformat=VCFv4.2
##contig=<ID=other,length=9>
##contig=<ID=chr1,length=1000>
##INFO=<ID=INDEL,Number=0,Type=Flag,Description="x">
##INFO=<ID=I16,Number=16,Type=Float,Description="x">
##INFO=<ID=QS,Number=R,Type=Float,Description="x">
##INFO=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="a > b">
##FORMAT=<ID=SP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=QS,Number=R,Type=Integer,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsome one
"""
# POS, REF, ALT, PL, DP, AD, QS
ROWS = [
    (101, "A", "<*>", "0,30,200", 10, "10,0", "350,0"),
    (102, "C", "T,<*>", "0,12,180,30,190,210", 12, "10,2,0", "340,60,0"),
    (103, "G", "<*>", "0,36,300", 300, "300,0", "9000,0"),
    (103, "GACT", "G", "0,9,150", 11, "10,1", "400,40"),
    (104, "A", "<*>", "0,33,220", 11, "11,0", "380,0"),
    (105, "C", "G,T,<*>", "20,0,180,40,90,200,50,60,70,210", 9, "4,3,1,1", "140,100,30,31"),
    (106, "T", "<*>", "0,0,0", 0, "0,0", "0,0"),
    (110, "N", "A,<*>", "60,3,0,60,3,60", 3, "0,3,0", "0,99,0"),
    (120, "A", "<*>", "0,200,70000", 70000, "70000,0", "2000000,0"),
]
INFO = f"INDEL;I16={','.join('1' * 16)};DP=70000;QS=1,0"
COLUMNS = "PL:DP:AD:QS"
SHOW = """
import pysam, sys
for r in pysam.VariantFile(sys.argv[1]):
    print(r.pos, *r.alleles, *r.samples)
"""
# Read-only, as what comes of a column: the code is compiled for it.
NOBODY = Panel.at(np.zeros(0, np.int64), np.frombuffer(b"", np.uint8))


def window(start=99, end=130, copies=2):
    return Window(start, end, 90, np.full(60, copies, np.uint8))


@pytest.fixture(scope="module")
def bcf(tmp_path_factory):
    """Give the records as bcftools writes them to a pipe."""
    folder = tmp_path_factory.mktemp("bcf")
    lines = [
        f"chr1\t{pos}\t.\t{ref}\t{alt}\t0\t.\t{INFO}\t{COLUMNS}\t{':'.join(map(str, cell))}"
        for pos, ref, alt, *cell in ROWS
    ]
    (folder / "a.vcf").write_text(HEADER + "\n".join(lines) + "\n")
    run_pipeline([Bcftools(["view", "-Ou", str(folder / "a.vcf")])], out=folder / "a.bcf")
    return (folder / "a.bcf").read_bytes()


def plain(data):
    """Take the bytes out of their BGZF blocks."""
    out = []
    while data:
        size = int.from_bytes(data[16:18], "little") + 1
        out.append(isal_zlib.decompress(data[18 : size - 8], -15))
        data = data[size:]
    return b"".join(out)


def read(data, *, panel=NOBODY, block=1 << 20, most=1 << 30, **how):
    sink = io.BytesIO()
    own = window(**how)
    pileup, counts = read_pileup(io.BytesIO(data), sink, own, panel, most=most, block=block)
    return pileup, counts, sink.getvalue()


def test_likelihoods_and_depths_of_two_copies(bcf):
    pileup, counts, _ = read(bcf)
    assert counts == {"records": 9, "passed": 3, "unknown": 1, "full": 0}
    at = {pos: pos - 100 for pos in range(100, 131)}
    assert pileup.depth[at[101]] == 10
    # Not that of the deletion's record.
    assert pileup.depth[at[103]] == 300
    assert pileup.depth[at[120]] == 65_535
    assert pileup.likelihoods[at[101]].tolist() == [0, 30, 200]
    # The weak T: 0/1 has 12, 0/<*> 30.
    assert pileup.likelihoods[at[102]].tolist() == [0, 12, 180]
    assert pileup.quality[at[102]] == 12
    # The deletion's likelihoods hold for what it takes away: 103 to 106.
    assert pileup.quality[at[103] : at[106] + 1].tolist() == [9, 9, 0, 0]
    assert pileup.likelihoods[at[104]].tolist() == [0, 9, 150]
    # 0/1 lies below 0/0.
    assert pileup.likelihoods[at[105]].tolist() == [0, 0, 60]
    assert pileup.depth[at[106]] == 0
    assert pileup.quality[at[107]] == 255
    assert pileup.quality[at[110]] == 255
    assert pileup.quality[at[120]] == 99
    assert pileup.likelihoods[at[120]].tolist() == [0, 200, 255]


@pytest.mark.parametrize(
    ("most", "end", "full"), [(70_000, 130, 1), (70_001, 130, 0), (40, 130, 5), (40, 103, 3)]
)
def test_bases_that_are_full_are_counted(bcf, most, end, full):
    """By INFO/DP, which counts all reads; a record of few reads is not looked into."""
    assert read(bcf, most=most, end=end)[1]["full"] == full


def test_likelihoods_of_one_copy(bcf):
    pileup, _, _ = read(bcf, copies=1)
    assert pileup.quality[[1, 2, 3, 4]].tolist() == [99, 99, 99, 99]
    # Of 105 the genotypes of one allele have 20, 180, 200 and 210: the first is best by 160.
    assert pileup.quality[5] == 99
    assert pileup.likelihoods[5].tolist() == [0, 255, 150]


def test_where_nothing_is_called_depths_are_kept(bcf):
    pileup, counts, _ = read(bcf, copies=0)
    assert counts["passed"] == 0
    assert pileup.depth[1] == 10


def test_records_outside_the_span_are_passed_on_and_lower_what_they_take_away(bcf):
    pileup, counts, _ = read(bcf, start=103)
    assert counts["passed"] == 3
    # 104, the first base of the span, is lost by the deletion at 103.
    assert pileup.quality[0] == 9
    pileup, _, _ = read(bcf, start=99, end=103)
    assert pileup.depth.tolist() == [0, 10, 12, 300]


@pytest.mark.parametrize("block", [1, 7, 64, 400, 5000])
def test_bytes_read_at_once_do_not_matter(bcf, block):
    pileup, counts, passed = read(bcf)
    for data in (bcf, plain(bcf)):
        other, other_counts, other_passed = read(data, block=block)
        assert other_counts == counts
        assert other_passed == passed
        for a, b in zip(pileup, other, strict=True):
            assert (a == b).all()


def test_what_is_passed_on_is_a_bcf_of_one_short_name(bcf, tmp_path):
    (tmp_path / "p.bcf").write_bytes(read(bcf)[2])
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, str(tmp_path / "p.bcf")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert shown.splitlines() == ["102 C T <*> S", "103 GACT G S", "105 C G T <*> S"]


def test_a_bcf_that_is_cut_off_is_refused(bcf):
    text = plain(bcf)
    first = text.index(b"##fileformat")
    ends = 9 + int.from_bytes(text[5:9], "little")
    assert first < ends
    for n in (0, 3, 8, ends - 1, ends + 1, ends + 40, len(text) - 1):
        with pytest.raises(InputError, match=r"no BCF|cut off"):
            read(text[:n])
    for n in (5, 17, 18, 60, len(bcf) - 30):
        with pytest.raises(InputError, match=r"no BCF|cut off"):
            read(bcf[:n])


def test_reads_at_sites(bcf):
    pos = np.array([90, 100, 101, 101, 104, 104, 106, 112, 119], np.int64)
    alt = np.frombuffer(b"AGTACTAAC", np.uint8)
    panel = Panel.at(pos, alt)
    read(bcf, panel=panel)
    assert panel.counts.tolist() == [
        [0, 0, 0], [10, 0, 0], [10, 2, 0], [10, 0, 2], [4, 0, 5], [4, 1, 4], [0, 0, 0],
        [0, 0, 0], [70000, 0, 0],
    ]  # fmt: skip
    assert panel.quality[2].tolist() == [340, 60]
    assert panel.quality[5].tolist() == [140, 30]
    assert panel.quality[8].tolist() == [2_000_000, 0]
