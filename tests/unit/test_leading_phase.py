"""A phase mark before the first allele (VCF 4.4, section 1.6.2) is kept everywhere."""

import json
import subprocess
import sys

import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.cli import main
from varhouse.vcf.account.faults import Faults
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.samples.cells import INT_END
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.text.lines import read_batch

HEAD = """##fileformat=VCFv4.4
##contig=<ID=c1,length=7>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\td\te\tf\tg\th
"""
ROWS = [
    ["/0|1", "|0/1", "0/1", "0|1", "|1", "/1", "|0|1", "."],
    ["/0|1", "|./1", "./1", ".|1", "|.", "/.", "/0/1", "|0|0/1"],
]
# What htslib writes for a BCF of these: a mark that says nothing new is left out.
PLAIN = [
    ["/0|1", "|0/1", "0/1", "0|1", "1", "/1", "0|1", "."],
    ["/0|1", "|./1", "./1", ".|1", "|.", ".", "0/1", "|0|0/1"],
]
_BCFTOOLS = "import sys, pysam.bcftools as b; b.view(*sys.argv[1:], catch_stdout=False)"


@pytest.fixture
def fx_file(tmp_path):
    bases = [("1", "G", "A"), ("2", "A", "T")]
    rows = [
        "\t".join(["c1", p, ".", r, a, ".", "PASS", ".", "GT", *gts])
        for (p, r, a), gts in zip(bases, ROWS, strict=True)
    ]
    (tmp_path / "a.vcf").write_text(HEAD + "\n".join(rows) + "\n")
    make_fasta(tmp_path / "ref.fa", {"c1": "GATTACA"})
    return tmp_path / "a.vcf"


def _bcf(vcf):
    out = vcf.with_suffix(".bcf")
    subprocess.run(
        [sys.executable, "-c", _BCFTOOLS, "-Ob", "-o", str(out), str(vcf)], check=True
    )
    return out


def _texts(path):
    return varhouse.read_vcf(path, formats=["GT"]).read()["FORMAT/GT"].to_list()


def test_text_is_read_as_it_stands(fx_file):
    assert _texts(fx_file) == ROWS


def test_bcf_is_read_as_htslib_reads_it(fx_file):
    bcf = _bcf(fx_file)
    back = fx_file.with_name("back.vcf")
    subprocess.run([sys.executable, "-c", _BCFTOOLS, "-o", str(back), str(bcf)], check=True)
    assert _texts(back) == PLAIN == _texts(bcf)


def test_numbers_have_the_phase_and_no_other_mark():
    table = key_table(Header(version=5), "FORMAT", ["GT"])
    line = "c1\t1\t.\tG\tA\t.\t.\t.\tGT\t/0|1\t|0/1\t0|1\t/1\n"
    reader = SampleReader(table, 4, ["GT"])
    _, dense = reader.read(read_batch(line.encode(), 0, 1), Faults.empty()).dense("GT")
    assert dense.tolist() == [[[2, 5], [3, 4], [2, 5], [4, int(INT_END)]]]


def test_store_and_export_keep_it(fx_file):
    folder = fx_file.parent
    (folder / "cohorts.tsv").write_text("cohort\tfiles\nk\ta.vcf\n")
    (folder / "samples.tsv").write_text(
        "cohort\tsample\n" + "".join(f"k\t{x}\n" for x in "abcdefgh")
    )
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    ingest_here(folder / "store", folder / "config.yaml")
    for name, right in (("o.vcf", ROWS), ("o.bcf", PLAIN)):
        out = folder / name
        assert main(["export", str(folder / "store"), "--cohort", "k", "-o", str(out)]) == 0
        assert _texts(out) == right
