"""The header of a BCF: what it lacks, its IDX, and the rules of a VCF's header."""

import struct
from pathlib import Path

import pysam
import pytest

from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.bcf.htslib import bcf_header
from varhouse.vcf.check.scan import scan_file

HEAD = """\
##fileformat=VCFv4.3
##FILTER=<ID=PASS,Description="All filters passed",IDX=0>
##contig=<ID=c1,length=1000,IDX=0>
##INFO=<ID=N,Number=1,Type=Integer,Description="n",IDX=1>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def _bcf(path: Path, head: str, *, contig: int = 0, key: int = 1) -> Path:
    """Write one record, c1:5 A>C N=7, whose contig and INFO key are numbers of the header."""
    shared = struct.pack("<iiiIII", contig, 4, 1, 0x7F800001, 2 << 16 | 1, 0)
    shared += b"\x07" + b"\x17A" + b"\x17C" + b"\x00" + bytes([0x11, key, 0x11, 7])
    text = head.encode() + b"\0"
    data = b"BCF\x02\x02" + struct.pack("<I", len(text)) + text
    data += struct.pack("<II", len(shared), 0) + shared
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(data)
    return path


def _account(path: Path):
    return scan_file(path, AnyContigs(), None, hashes=False).account


def test_a_whole_one_is_valid(tmp_path):
    account = _account(_bcf(tmp_path / "x.bcf", HEAD))
    assert account.counts == {}


@pytest.mark.parametrize("lacks", [{"contig": 1}, {"key": 2}], ids=["contig", "INFO"])
def test_what_the_header_lacks(tmp_path, lacks):
    account = _account(_bcf(tmp_path / "x.bcf", HEAD, **lacks))
    assert account.errors_by_code["VH-F-002"] == 1


def test_idx_is_no_key_of_a_vcf(tmp_path):
    path = _bcf(tmp_path / "x.bcf", HEAD)
    assert "##contig=<ID=c1,length=1000>" in bcf_header(path)
    assert not any("IDX" in line for line in bcf_header(path))


def test_the_header_is_judged_as_that_of_a_vcf(tmp_path):
    for bad, code in (
        (HEAD.replace('"n"', "n"), "VH-H-015"),
        (HEAD.replace("Integer", "Int"), "VH-H-013"),
        (HEAD.replace("VCFv4.3", "VCFv9"), "VH-H-001"),
        (HEAD.replace("##contig", "##reference=\n##contig"), "VH-H-007"),
    ):
        account = _account(_bcf(tmp_path / "x.bcf", bad))
        assert account.errors_by_code.get(code), account.counts
