"""Reading and checking in one pass gives what reading and what checking give alone."""

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import varhouse
from varhouse.errors import InputError, UsageError
from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.check.scan import scan_file
from varhouse.vcf.repair.run import repair_file
from varhouse.vcf.text.bgzf import BgzfWriter

TEXT = """\
##fileformat=VCFv4.3
##contig=<ID=1>
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB
1\t10\trs1\tA\tC\t30\tPASS\tDP=7;AF=0.5\tGT:DP\t0/1:3\t./.:.
1\t11\t.\tA\tC,G\tx\tPASS\tDP=-4;AF=0.5,2\tGT:DP\t0/3:3\t1/1:q
1\t12\t.\tA
1\t9\t.\tA\tT\t.\tPASS\tDP=1\tGT\t0/1\t0|1
"""


def bgzf(text):
    with tempfile.TemporaryDirectory() as folder:
        writer = BgzfWriter(Path(folder) / "x.gz")
        writer.write(text)
        writer.close()
        return (Path(folder) / "x.gz").read_bytes()


@pytest.fixture
def fx_file(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("formats", [None, ["GT", "DP"]])
def test_account_is_that_of_validate(fx_file, formats):
    reader = varhouse.read_vcf(fx_file, formats=formats, check=True)
    frame = reader.read()
    scan = scan_file(fx_file, AnyContigs(), None, hashes=False)
    assert reader.account.as_json() == scan.account.as_json()
    assert reader.account.verdict == "invalid"
    assert {"VH-B-001", "VH-B-002", "VH-B-009", "VH-G-002", "VH-M-008"} <= set(
        reader.account.counts
    ), reader.account.counts
    # The line with four columns is in the account only.
    assert frame["pos"].to_list() == [10, 11, 9]


def test_tables_are_those_without_check(tmp_path):
    path = tmp_path / "good.vcf"
    lines = TEXT.splitlines(keepends=True)
    path.write_text("".join(lines[:8]))
    with_check = varhouse.read_vcf(path, formats=["GT", "DP"], check=True)
    assert with_check.read().equals(varhouse.read_vcf(path, formats=["GT", "DP"]).read())
    assert with_check.account.verdict == "valid"
    assert with_check.n_records == 1


WHOLE = "".join(TEXT.splitlines(keepends=True)[:8])


@pytest.mark.parametrize(
    "content",
    [
        WHOLE.rstrip("\n").encode(), WHOLE.replace("\n", "\r\n", 5).encode(),
        b"\xef\xbb\xbf" + WHOLE.encode(), WHOLE.replace("rs1", "r\xe9").encode("latin-1"),
        "".join(TEXT.splitlines(keepends=True)[:7]).encode(), gzip.compress(WHOLE.encode()),
        bgzf(WHOLE.encode()), bgzf(WHOLE.encode())[:-28],
        WHOLE.replace("FORMAT\tA\tB", "FORMAT\tA\tA").encode(),
    ],
    ids=[
        "no-newline", "crlf", "bom", "latin-1", "no-records", "gzip", "bgzf", "no-end",
        "twice",
    ],
)  # fmt: skip
def test_account_of_the_file_as_a_whole(tmp_path, content):
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(content)
    reader = varhouse.read_vcf(path, check=True)
    reader.read()
    assert reader.account.as_json() == scan_file(path, AnyContigs(), None).account.as_json()


@pytest.mark.parametrize("more", [{"threads": 2}, {"region": "1"}])
def test_check_wants_the_whole_file(fx_file, more):
    with pytest.raises(UsageError, match="whole file"):
        varhouse.read_vcf(fx_file, check=True, **more)


def test_a_bcf_without_its_end_is_cut_off(tmp_path, fx_file):
    text, whole, cut = tmp_path / "w.vcf", tmp_path / "w.bcf", tmp_path / "c.bcf"
    text.write_text(WHOLE)
    code = "import sys, pysam.bcftools as b; b.view(*sys.argv[1:], catch_stdout=False)"
    subprocess.run([sys.executable, "-c", code, "-Ob", "-o", whole, text], check=True)
    assert "VH-F-003" not in scan_file(whole, AnyContigs(), None).account.counts
    cut.write_bytes(whole.read_bytes()[:-28])
    account = scan_file(cut, AnyContigs(), None).account
    assert account.errors_by_code == {"VH-F-002": 1}
    with pytest.raises(InputError, match="cut off"):
        varhouse.read_vcf(cut, check=True).read()
    with pytest.raises(InputError, match="cut off"):
        repair_file(cut, tmp_path / "out.vcf.gz", AnyContigs())
