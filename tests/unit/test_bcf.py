"""A BCF is checked like a VCF; damaged files are told, by htslib in a process of its own."""

import gzip
import random
import sys
import threading
from pathlib import Path

import cyvcf2
import pytest

from varhouse import read_vcf
from varhouse.errors import InputError
from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.bcf import htslib as bcf
from varhouse.vcf.bcf.lines import copy_bcf
from varhouse.vcf.bcf.reader import BcfReader
from varhouse.vcf.check.scan import scan_file
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.bgzf import BgzfWriter, file_kind

TEXT = """\
##fileformat=VCFv4.3
##contig=<ID=c1,length=1000>
##INFO=<ID=N,Number=1,Type=Integer,Description="n">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    text = tmp_path / "x.vcf"
    rows = [f"c1\t{k + 1}\t.\tA\tC\t.\t.\tN={k}\tGT\t0/1\n" for k in range(50)]
    text.write_text(TEXT + "".join(rows))
    reader = cyvcf2.VCF(str(text))
    writer = cyvcf2.Writer(str(tmp_path / "x.bcf"), reader, mode="wb")
    for record in reader:
        writer.write_record(record)
    writer.close()
    return tmp_path / "x.bcf"


def _scan(path):
    return scan_file(path, AnyContigs(), None, hashes=False)


def test_a_bcf_is_checked_like_a_vcf(source):
    before = sorted(source.parent.iterdir())
    found = _scan(source)
    assert (found.n_records, found.samples) == (50, ["s"])
    assert found.account.counts == {}
    assert sorted(source.parent.iterdir()) == before, "a copy was left behind"


def test_the_header_is_read_without_htslib(source):
    wanted = TEXT.rstrip("\n").split("\n")
    lines = [ln for ln in peek_header(source) if not ln.startswith("##FILTER=<ID=PASS")]
    assert lines == wanted
    assert bcf.bcf_header(source) == peek_header(source)


def _packed(path: Path, text: bytes) -> Path:
    writer = BgzfWriter(path)
    writer.write(text)
    writer.close()
    return path


def test_damaged_records_are_told(source, tmp_path):
    text = gzip.decompress(source.read_bytes())
    rng = random.Random(5)
    told = 0
    for k in range(6):
        data = bytearray(text)
        at = rng.randrange(len(TEXT) + 300, len(data))
        data[at : at + 4] = b"\xff\xff\xff\xff"
        account = _scan(_packed(tmp_path / f"{k}.bcf", bytes(data))).account
        assert account.verdict in ("valid", "invalid")
        told += account.verdict == "invalid"
    assert told >= 3
    cut = _packed(tmp_path / "cut.bcf", text[:-7])
    assert "VH-F-002" in _scan(cut).account.counts


@pytest.mark.parametrize(
    ("head", "says"),
    [(b"BCF\x02\x02\xff\xff\xff\x7f", "a BCF header of"),
     (b"BCF\x02\x02\x50\0\0\0##f", "cut off"),
     (b"BCF\x04\x01" + bytes(20), "not BCF 2")],
)  # fmt: skip
def test_damaged_headers_are_told(tmp_path, head, says):
    path = _packed(tmp_path / "x.bcf", head)
    assert file_kind(path) == "bcf"
    with pytest.raises(InputError, match=says):
        bcf.bcf_header(path)
    assert _scan(path).account.verdict == "invalid"


def _crash(monkeypatch, how):
    monkeypatch.setattr(BcfReader, "batches", lambda _self, _size: iter(()))
    monkeypatch.setattr(bcf, "_COMMAND", [sys.executable, "-c", f"import os, sys; {how}"])


def test_a_crash_of_htslib_is_an_error(source, tmp_path, monkeypatch):
    _crash(monkeypatch, "os.kill(os.getpid(), 11)")
    with pytest.raises(InputError, match="crashed on it: segmentation fault"):
        copy_bcf(source, tmp_path / "out.vcf.gz")
    account = _scan(source).account
    assert account.counts["VH-F-002"] == 1


def test_what_htslib_gave_before_it_failed_is_read_and_the_failure_told(source, monkeypatch):
    row = r"c1\t7\t.\tA\tC\t.\t.\tN=1\tGT\t0/1\n"
    _crash(monkeypatch, f"print('{row}' * 70000, end='', flush=True); sys.exit('half read')")
    found = _scan(source)
    assert found.n_records == 70_000
    assert found.chunks == []
    assert "half read" in found.account.first["VH-F-002"][0].message
    reader = read_vcf(source)
    with pytest.raises(InputError, match="half read"):
        list(reader)
    assert reader.n_records == 70_000


def test_a_reader_that_stops_leaves_no_process(source, monkeypatch):
    row = r"c1\t7\t.\tA\tC\t.\t.\tN=1\tGT\t0/1\n"
    _crash(monkeypatch, f"[print('{row}' * 9999, end='') for _ in range(10**9)]")
    before = _children()
    tables = iter(read_vcf(source))
    assert next(tables).height > 9999
    assert _children() - before
    tables.close()
    assert _children() == before


def _children():
    own = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    return set(own.read_text().split())
