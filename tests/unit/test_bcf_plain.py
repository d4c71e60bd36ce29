"""What is read of a BCF without htslib is what its text gives, and no less is told."""

import gzip
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from varhouse.errors import InputError
from varhouse.vcf.bcf.htslib import bcf_pieces
from varhouse.vcf.bcf.plain import PlainRecords
from varhouse.vcf.bcf.records import iter_records, read_dictionaries
from varhouse.vcf.bcf.text import SiteText
from varhouse.vcf.read import read_vcf
from varhouse.vcf.text.bgzf import BgzfWriter

SAMPLES = [f"s{k}" for k in range(7)]
META = """##fileformat=VCFv4.3
##contig=<ID=c1,length=100000>
##contig=<ID=c2>
##FILTER=<ID=q10,Description="q">
##FILTER=<ID=low,Description="l">
##INFO=<ID=AC,Number=A,Type=Integer,Description="d">
##INFO=<ID=AF,Number=A,Type=Float,Description="d">
##INFO=<ID=X,Number=.,Type=Float,Description="d">
##INFO=<ID=L,Number=.,Type=Integer,Description="d">
##INFO=<ID=DB,Number=0,Type=Flag,Description="d">
##INFO=<ID=S,Number=1,Type=String,Description="d">
##FORMAT=<ID=GT,Number=1,Type=String,Description="d">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="d">
##FORMAT=<ID=FT,Number=1,Type=String,Description="d">
##FORMAT=<ID=N,Number=.,Type=Integer,Description="d">
##FORMAT=<ID=W,Number=.,Type=String,Description="d">
"""
HEADER = META + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(SAMPLES)
FORMATS = ["GT", "DP", "AD", "PL", "FT", "N", "W"]
PLAIN = ["c1\t5\t.\tA\tC\t.\t.\t.\tGT\t" + "\t".join(["0/1"] * 7)]


def _numbers(rng: random.Random, n: int, top: int) -> str:
    return ",".join("." if rng.random() < 0.1 else str(rng.randrange(top)) for _ in range(n))


def _float(rng: random.Random) -> str:
    return repr(np.float32(rng.choice([0.0, -0.0, 1.0, 123456.5, 999999.5, 0.00012345])
                           if rng.random() < 0.3 else rng.uniform(-9, 9)
                           * 10 ** rng.randint(-20, 12)).item())  # fmt: skip


def _row(rng: random.Random, k: int) -> str:
    alts = rng.choice([["C"], ["<DEL>"], ["G", "AT"], [], ["*", "T", "AAA"]])
    if rng.random() < 0.05:
        alts = ["A" * n for n in range(2, 15)]
    n = len(alts)
    info = rng.choice([
        ".", "DB", f"AC={_numbers(rng, max(n, 1), 300)}", f"S=text {k}",
        f"X={','.join(_float(rng) for _ in range(rng.randint(1, 4)))};DB",
        f"L={_numbers(rng, 5, 70000)};S=a%3Bb;AF={_float(rng)}",
    ]).replace("text ", "text_")  # fmt: skip
    top = rng.choice([90, 200, 40_000, 2**31 - 1])
    keys = rng.choice(["GT", "GT:DP:AD:PL", "DP:GT" if rng.random() < 0.03 else "GT:DP",
                       "GT:FT:N:W", "DP", "GT:AD"]).split(":")  # fmt: skip
    haploid = rng.random() < 0.1 and "PL" not in keys
    cells = []
    for _ in SAMPLES:
        alleles = [str(rng.randint(0, n)) if rng.random() < 0.9 else "." for _ in range(2)]
        gt = alleles[0] if haploid and rng.random() < 0.5 else rng.choice("/|").join(alleles)
        one = {"GT": gt, "DP": _numbers(rng, 1, top), "AD": _numbers(rng, n + 1, top),
               "PL": _numbers(rng, (n + 1) * (n + 2) // 2, top),
               "FT": rng.choice(["PASS", ".", "q10;low"]),
               "N": _numbers(rng, rng.randint(1, 3), top),
               "W": rng.choice([".", "a", "a,bb", "a,.,é"])}  # fmt: skip
        if rng.random() < 0.1:
            one |= {"AD": ".", "PL": ".", "N": "."}
        cells.append(":".join(one[key] for key in keys))
    qual = rng.choice([".", "0", "30", _float(rng).lstrip("-")])
    row = [rng.choice(["c1", "c1", "c2"]), str(k + 1), rng.choice([".", f"rs{k}"]),
           rng.choice(["A", "ACGT"]), ",".join(alts) or ".", qual,
           rng.choice([".", "PASS", "q10", "q10;low"]), info, ":".join(keys)]  # fmt: skip
    return "\t".join(row + cells)


def _bcf(path: Path, rows: list[str], header: str = HEADER) -> Path:
    text = path.with_suffix(".vcf")
    text.write_text(header + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    code = (
        "import sys, pysam.bcftools as b; "
        "b.view('-Ob', '--no-version', '-o', sys.argv[2], sys.argv[1], catch_stdout=False)"
    )
    subprocess.run([sys.executable, "-c", code, str(text), str(path)], check=True,
                   capture_output=True)  # fmt: skip
    return path


def _read(path: Path, formats: list[str] | None) -> tuple[pl.DataFrame | None, Any, str]:
    reader = read_vcf(path, formats=formats, batch_bytes=1 << 16)
    frames, error = [], ""
    try:
        frames.extend(reader)
    except InputError as found:
        error = found.message
    counts = {k: [str(p) for p in reader.account.first[k]] for k in reader.account.counts}
    return (pl.concat(frames) if frames else None), (counts, reader.n_records), error


def _assert_same(
    path: Path, formats: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Read with and without htslib; gives the records that were read without."""
    read = []
    batches = PlainRecords.batches

    def counted(self: PlainRecords, size: int) -> Any:
        yield from batches(self, size)
        read.append(self.n_records)

    with monkeypatch.context() as patch:
        patch.setattr(PlainRecords, "batches", counted)
        ours, told, error = _read(path, formats)
        patch.setattr(PlainRecords, "batches", lambda _self, _size: iter(()))
        theirs, wanted, damage = _read(path, formats)
    assert error == damage
    if error and ours is not None:
        # htslib leaves with what it has not written yet: all its records are among ours.
        theirs = ours.clear() if theirs is None else theirs
        ours = ours.head(theirs.height)
    else:
        assert told == wanted
        assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert ours.schema == theirs.schema
        for name in ours.columns:
            assert ours[name].equals(theirs[name]), name
    return read[0]


@pytest.mark.parametrize("formats", [None, FORMATS, ["GT"], ["AD", "W"]])
def test_the_same_comes_out(tmp_path, formats, monkeypatch):
    rng = random.Random(5)
    rows = [_row(rng, k) for k in range(3000)]
    rows = [row for row in rows if "\tDP:GT\t" not in row]
    path = _bcf(tmp_path / "x.bcf", rows)
    assert _assert_same(path, formats, monkeypatch) == len(rows)


@pytest.mark.parametrize(
    "odd",
    [
        "c1\t8\t.\tA\tC\t.\t.\t.\tDP:GT\t" + "\t".join(["3:0/1"] * 7),
        "c1\t8\t.\tA\tC\t.\t.\t.\tGT\t" + "\t".join(["0/2"] * 7),
        "c1\t8\t.\tA\tC\t.\t.\t.\tGT:AD\t" + "\t".join(["0/1:3,4,5"] * 7),
        "c1\t8\t.\tA\tC\t.\t.\t.\tGT:DP\t" + "\t".join(["0/1:-3"] * 7),
        "c1\t8\t.\tA\tC\t.\t.\t.\tGT:PL\t" + "\t".join(["0:1,2"] * 7),
        "c1\t8\t.\tA\tC\t.\t.\t.\tGT:FT\t" + "\t".join(["0/1:a b"] * 7),
        "c1\t8\t.\tA\tC\t.\t.\tX=nan\tGT\t" + "\t".join(["0/1"] * 7),
    ],
)
def test_what_is_not_plain_is_left_to_htslib(tmp_path, odd, monkeypatch):
    path = _bcf(tmp_path / "x.bcf", [*PLAIN * 3, odd, *PLAIN * 3])
    assert _assert_same(path, FORMATS, monkeypatch) == 3


def test_numbers_are_written_as_htslib_writes_them(tmp_path):
    rng = random.Random(3)
    values = [
        np.float32(rng.uniform(-1, 1) * 10.0 ** rng.randint(-44, 38)) for _ in range(4000)
    ]
    values += [np.float32(v) for k in range(-6, 8) for v in (10.0**k, 10.0**k * 1.000005)]
    ties = [np.float32((n + 0.5) / 2**b) for n in range(99, 9999, 7) for b in (1, 3, 7, 12)]
    rows = [f"c1\t{k + 1}\t.\tA\tC\t{abs(v)!r}\t.\tX={v!r},{v!r}"
            for k, v in enumerate(float(x) for x in values + ties)]  # fmt: skip
    path = _bcf(
        tmp_path / "x.bcf", rows, META + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    )
    text = b"".join(bcf_pieces(path)).partition(b"\tINFO\n")[2]
    known = read_dictionaries(path)
    assert known is not None
    sites = SiteText(*known)
    ours = [sites.write(data, starts, starts.size - 1) for data, starts in iter_records(path)]
    assert sum(n for n, _ in ours) == len(rows)
    assert b"".join(lines for _, lines in ours) == text


def test_damage_is_told_as_ever(tmp_path, monkeypatch):
    rng = random.Random(8)
    rows = [row for k in range(60) if "\tDP:GT\t" not in (row := _row(rng, k))]
    text = gzip.decompress(_bcf(tmp_path / "x.bcf", rows).read_bytes())
    begin = 9 + struct.unpack_from("<I", text, 5)[0]
    for k in range(12):
        data = bytearray(text)
        if k % 3 == 0:
            del data[rng.randrange(begin, len(data)) :]
        else:
            at = rng.randrange(begin, len(data) - 4)
            data[at : at + 1 + k % 4] = rng.randbytes(1 + k % 4)
        path = tmp_path / f"{k}.bcf"
        writer = BgzfWriter(path)
        writer.write(bytes(data))
        writer.close()
        _assert_same(path, FORMATS, monkeypatch)
