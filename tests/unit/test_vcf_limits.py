"""Hostile files are refused by a limit, in bounded time and memory."""

import bz2
import gzip
import resource
import subprocess
import sys
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from varhouse.bgzf import BgzfStream
from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.check.scan import scan_file
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.bgzf import BATCH_BYTES
from varhouse.vcf.text.limits import BOUNDS, DEFAULTS, LimitError

HEAD = b"##fileformat=VCFv4.3\n"
COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = b"1\t%d\t.\tA\tC\t.\t.\t.\n"
MIB = 1 << 20
ROOT = Path(__file__).parents[2]


def _scan(path, batch_bytes=BATCH_BYTES, **limits):
    limits = replace(DEFAULTS, **limits)
    return scan_file(path, AnyContigs(), None, limits=limits, batch_bytes=batch_bytes)


def _refused(scan, key):
    problems = [p for p in scan.account.problems() if p.code == "VH-F-010"]
    return [p.field for p in problems] == [f"limits.{key}"] and scan.chunks == []


def _write(path, *parts):
    path.write_bytes(b"".join(parts))
    return path


def test_defaults_leave_room_for_real_files(tmp_path):
    alts = b",".join(b"A" * n for n in range(2, 600))
    path = _write(
        tmp_path / "a.vcf",
        HEAD,
        *(b"##contig=<ID=c%d>\n" % i for i in range(20_000)),
        COLUMNS,
        b"c1\t7\t.\tA\t%s\t.\t.\t%s\n" % (alts, b"X" * 12 * MIB),
    )
    scan = scan_file(path, AnyContigs(), None)
    assert (scan.account.verdict, scan.n_records) == ("valid", 1)


@pytest.mark.parametrize(("size", "refused"), [(MIB // 2, False), (3 * MIB, True)])
def test_long_line(tmp_path, size, refused):
    line = b"1\t9\t.\tA\tC\t.\t.\t" + b"X" * size + b"\n"
    path = _write(tmp_path / "a.vcf", HEAD, COLUMNS, RECORD % 5, line, RECORD % 10)
    assert _refused(_scan(path, line_bytes=MIB), "line_bytes") is refused


def test_alleles(tmp_path):
    for n in (20, 21):
        line = b"1\t9\t.\tA\t" + b",".join([b"C"] * n) + b"\t.\t.\t.\n"
        path = _write(tmp_path / "a.vcf", HEAD, COLUMNS, line)
        assert _refused(_scan(path, alleles=20), "alleles") is (n == 21)


@pytest.mark.parametrize("block", [64, 300, 1 << 20])
def test_account_at_the_allele_limit_does_not_depend_on_blocks(tmp_path, block):
    many = b"1\t9\t.\tA\t" + b",".join([b"C"] * 21) + b"\t.\t.\t.\n"
    bad = RECORD.replace(b"A\t", b"!\t", 1)
    lines = [bad % 3, RECORD % 5, b"a\tb\n", many, bad % 12, b"a\tb\n", b"1\t8"]
    path = _write(tmp_path / "a.vcf", HEAD, COLUMNS, *lines)
    account = _scan(path, batch_bytes=block, alleles=20).account
    assert account.counts == account.errors_by_code == {"VH-F-010": 1}
    assert [p.message for p in account.problems()] == [
        "line 6 has 21 ALT alleles, more than 20"
    ]
    assert account.reasons_to_hold(refuse_records=False)


def test_contigs_declared_and_used(tmp_path):
    declared = [b"##contig=<ID=c%d>\n" % i for i in range(21)]
    path = _write(tmp_path / "a.vcf", HEAD, *declared, COLUMNS, RECORD % 5)
    assert _refused(_scan(path, contigs=20), "contigs")
    assert not _refused(_scan(path, contigs=21), "contigs")
    used = [b"c%d\t5\t.\tA\tC\t.\t.\t.\n" % i for i in range(21)]
    path = _write(tmp_path / "b.vcf", HEAD, COLUMNS, *used)
    assert _refused(_scan(path, contigs=20), "contigs")
    assert not _refused(_scan(path, contigs=21), "contigs")


def test_header_lines_and_bytes(tmp_path):
    path = _write(tmp_path / "a.vcf", HEAD, *[b"##x=y\n"] * 50, COLUMNS, RECORD % 5)
    assert _refused(_scan(path, header_lines=51), "header_lines")
    assert not _refused(_scan(path, header_lines=52), "header_lines")
    assert _refused(_scan(path, header_bytes=300), "header_bytes")


def test_text_of_a_whole_file(tmp_path):
    path = _write(tmp_path / "a.vcf", HEAD, COLUMNS, *(RECORD % i for i in range(1, 9_000)))
    assert _refused(_scan(path, text_bytes=100_000), "text_bytes")
    assert not _refused(_scan(path, text_bytes=10 * MIB), "text_bytes")


def test_lines_too_short_for_records_come_in_pieces(tmp_path):
    """Arrays grow with lines: a batch of newlines must not make a million of rows."""
    data = HEAD + b"\n" * 300_000 + b"x\n" * 200_000 + b"end"
    path = _write(tmp_path / "a.txt", data)
    blocks = list(iter_text(path, "text"))
    assert b"".join(b.data for b in blocks) == data + b"\n"
    assert max(b.data.count(b"\n") for b in blocks) <= len(data) // 16 + 1
    assert [b.start for b in blocks][1:] == [b.start + len(b.data) for b in blocks][:-1]
    assert [b.ended for b in blocks] == [True] * (len(blocks) - 1) + [False]


def _bomb(path, kind, size, filler=b"\0"):
    """Write `size` bytes of a filler, compressed in small steps."""
    piece = filler * MIB
    if kind == "bgzf":
        with path.open("wb") as f:
            stream = BgzfStream(f)
            for _ in range(size // MIB):
                stream.write(piece)
            stream.finish()
        return path
    packer = bz2.BZ2Compressor() if kind == "bzip2" else zlib.compressobj(9, wbits=31)
    with path.open("wb") as f:
        for _ in range(size // MIB):
            f.write(packer.compress(piece))
        f.write(packer.flush())
    return path


@pytest.mark.parametrize("kind", ["gzip", "bgzf", "bzip2"])
def test_bomb_of_one_line_stops_at_the_line_limit(tmp_path, kind):
    path = _bomb(tmp_path / "bomb", kind, 128 * MIB)
    assert path.stat().st_size < 1_000_000
    scan = _scan(path, line_bytes=8 * MIB)
    assert _refused(scan, "line_bytes")


def test_bomb_of_lines_stops_at_the_ratio(tmp_path, monkeypatch):
    monkeypatch.setattr("varhouse.vcf.blocks.RATIO_FROM", MIB)
    path = _bomb(tmp_path / "bomb", "gzip", 4 * MIB, RECORD % 5)
    with pytest.raises(LimitError, match="bomb") as caught:
        list(iter_text(path, "gzip", limits=replace(DEFAULTS, ratio=100)))
    assert caught.value.key == "ratio"
    plain = tmp_path / "records.gz"
    plain.write_bytes(gzip.compress(RECORD % 5 * 100_000))
    assert sum(len(b.data) for b in iter_text(plain, "gzip")) == len(RECORD % 5) * 100_000


_REAL = """
import resource, sys, time
from pathlib import Path
from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.check.scan import scan_file

def peak():
    # ru_maxrss of a child begins at what its parent had, a whole pytest with its caches.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(ln for ln in status.read_text().splitlines() if ln.startswith("VmHWM"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

started = time.process_time()
scan = scan_file(Path(sys.argv[1]), AnyContigs(), None, hashes=False)
print([p.field for p in scan.account.problems() if p.code == "VH-F-010"],
      peak() // 1024,
      time.process_time() - started)
"""


@pytest.mark.parametrize(
    ("name", "key"),
    [("line", "line_bytes"), ("alleles", "alleles"), ("header", "header_lines"),
     ("gzip", "line_bytes"), ("newlines", "")],
)  # fmt: skip
def test_real_sizes_stay_within_memory(tmp_path, name, key):
    """The sizes that the design names, with the default limits, in 1 GiB."""
    path = tmp_path / "a.vcf"
    with path.open("wb") as f:
        f.write(HEAD)
        if name == "header":
            for i in range(0, 1_000_000, 1000):
                f.writelines(b"##contig=<ID=c%d>\n" % k for k in range(i, i + 1000))
        f.write(COLUMNS)
        if name == "line":
            f.write(b"1\t9\t.\tA\tC\t.\t.\t" + b"X" * (200 * MIB) + b"\n")
        elif name == "alleles":
            f.write(b"1\t9\t.\tA\t" + b"C," * 10_000_000 + b"C\t.\t.\t.\n")
        elif name == "newlines":
            f.write(RECORD % 5 + b"\n" * (16 * MIB))
    if name == "gzip":
        path = _bomb(tmp_path / "bomb.gz", "gzip", 1024 * MIB)
    done = subprocess.run(
        [sys.executable, "-c", _REAL, str(path)], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)),
    )  # fmt: skip
    found, megabytes, seconds = done.stdout.rsplit(maxsplit=2)
    assert found == str([f"limits.{key}"] if key else [])
    assert int(megabytes) < 1024
    assert float(seconds) < 60


def test_header_alone_is_read_whole_and_within_the_limits(tmp_path):
    lines = [b"##contig=<ID=c%d>\n" % i for i in range(150_000)]
    path = _write(tmp_path / "a.vcf", HEAD, *lines, COLUMNS, RECORD % 5)
    assert len(peek_header(path)) == 150_002
    for key, value in (("header_lines", 100_000), ("header_bytes", MIB)):
        with pytest.raises(LimitError) as caught:
            peek_header(path, replace(DEFAULTS, **{key: value}))
        assert caught.value.key == key


def test_bounds_are_those_of_the_configuration():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    limits = schema["properties"]["limits"]["properties"]
    assert {k: v["default"] for k, v in limits.items()} == asdict(DEFAULTS)
    found = {k: (v["minimum"], v.get("maximum")) for k, v in limits.items()}
    assert {k: b for k, b in found.items() if b != (1, None)} == BOUNDS
