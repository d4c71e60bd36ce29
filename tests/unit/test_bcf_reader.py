"""What is read of a BCF without htslib is what its text gives, and no less is told."""

import gzip
import itertools
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
from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.bcf.htslib import htslib_pieces
from varhouse.vcf.bcf.lines import bcf_pieces
from varhouse.vcf.bcf.reader import BcfReader
from varhouse.vcf.check.scan import scan_file
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
##FORMAT=<ID=AB,Number=1,Type=Float,Description="d">
##FORMAT=<ID=GL,Number=G,Type=Float,Description="d">
##FORMAT=<ID=EF,Number=.,Type=Float,Description="d">
##FORMAT=<ID=GP,Number=G,Type=Float,Description="d">
"""
HEADER = META + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(SAMPLES)
FORMATS = ["GT", "DP", "AD", "PL", "FT", "N", "W", "AB", "GL", "EF", "GP"]
PLAIN = ["c1\t5\t.\tA\tC\t.\t.\t.\tGT\t" + "\t".join(["0/1"] * 7)]


def _numbers(rng: random.Random, n: int, top: int) -> str:
    return ",".join("." if rng.random() < 0.1 else str(rng.randrange(top)) for _ in range(n))


def _float(rng: random.Random) -> str:
    return repr(
        np.float32(
            rng.choice([0.0, -0.0, 1.0, 123456.5, 999999.5, 0.00012345])
            if rng.random() < 0.3
            else rng.uniform(-9, 9) * 10 ** rng.randint(-20, 12)
        ).item()
    )


def _floats(rng: random.Random, n: int) -> str:
    return ",".join("." if rng.random() < 0.1 else _float(rng) for _ in range(n))


def _row(rng: random.Random, k: int) -> str:
    alts = rng.choice([["C"], ["<DEL>"], ["G", "AT"], [], ["*", "T", "AAA"]])
    if rng.random() < 0.05:
        alts = ["A" * n for n in range(2, 15)]
    n = len(alts)
    info = rng.choice(
        [
            ".",
            "DB",
            f"AC={_numbers(rng, max(n, 1), 300)}",
            f"S=text {k}",
            f"X={','.join(_float(rng) for _ in range(rng.randint(1, 4)))};DB",
            f"L={_numbers(rng, 5, 70000)};S=a%3Bb;AF={_float(rng)}",
        ]
    ).replace("text ", "text_")
    top = rng.choice([90, 200, 40_000, 2**31 - 1])
    keys = rng.choice(
        [
            "GT",
            "GT:DP:AD:PL",
            "DP:GT" if rng.random() < 0.03 else "GT:DP",
            "GT:FT:N:W",
            "DP",
            "GT:AD",
            "GT:AB:GL",
            "GT:EF:GP",
        ]
    ).split(":")
    haploid = rng.random() < 0.1 and not {"PL", "GL", "GP"} & set(keys)
    cells = []
    for _ in SAMPLES:
        alleles = [str(rng.randint(0, n)) if rng.random() < 0.9 else "." for _ in range(2)]
        gt = alleles[0] if haploid and rng.random() < 0.5 else rng.choice("/|").join(alleles)
        one = {
            "GT": gt,
            "DP": _numbers(rng, 1, top),
            "AD": _numbers(rng, n + 1, top),
            "PL": _numbers(rng, (n + 1) * (n + 2) // 2, top),
            "FT": rng.choice(["PASS", ".", "q10;low"]),
            "N": _numbers(rng, rng.randint(1, 3), top),
            "W": rng.choice([".", "a", "a,bb", "a,.,é"]),
        }
        ways = (n + 1) * (n + 2) // 2
        one |= {
            "AB": _float(rng),
            "EF": _floats(rng, rng.randint(1, 3)),
            "GL": _floats(rng, ways),
            "GP": ",".join(repr(rng.random() ** 9) for _ in range(ways)),
        }
        if rng.random() < 0.1:
            one |= {"AD": ".", "PL": ".", "N": ".", "AB": ".", "GL": ".", "EF": "."}
        cells.append(":".join(one[key] for key in keys))
    qual = rng.choice([".", "0", "30", _float(rng).lstrip("-")])
    row = [
        rng.choice(["c1", "c1", "c2"]),
        str(k + 1),
        rng.choice([".", f"rs{k}"]),
        rng.choice(["A", "ACGT"]),
        ",".join(alts) or ".",
        qual,
        rng.choice([".", "PASS", "q10", "q10;low"]),
        info,
        ":".join(keys),
    ]
    return "\t".join(row + cells)


def _bcf(path: Path, rows: list[str], header: str = HEADER) -> Path:
    text = path.with_suffix(".vcf")
    text.write_text(header + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    code = (
        "import sys, pysam.bcftools as b; "
        "b.view('-Ob', '--no-version', '-o', sys.argv[2], sys.argv[1], catch_stdout=False)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(text), str(path)], check=True, capture_output=True
    )
    return path


def _read(path: Path, formats: list[str] | None, check: bool = False) -> Any:
    reader = read_vcf(path, formats=formats, batch_bytes=1 << 16, check=check)
    frames, error = [], ""
    try:
        frames.extend(reader)
    except InputError as found:
        error = found.message
    return (
        (pl.concat(frames) if frames else None),
        (_told(reader.account), reader.n_records),
        error,
    )


def _told(account: Any) -> Any:
    first = {k: [str(p) for p in account.first[k]] for k in account.counts}
    return account.verdict, dict(account.counts), first


def _lines(pieces: Any) -> tuple[bytes, str]:
    read = []
    try:
        for piece in pieces:
            read.append(piece)
    except InputError as error:
        return b"".join(read), error.message
    return b"".join(read), ""


def _assert_same(
    path: Path, formats: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, int]:
    """Read and check with and without htslib.

    Returns (records that were read without it, those whose samples were left as numbers).
    """
    here = plain = 0
    batches = BcfReader.batches

    def counted(self: BcfReader, size: int) -> Any:
        nonlocal here, plain
        here = plain = 0
        for batch in batches(self, size):
            here += batch.size
            plain += 0 if batch.samples is None else int(batch.samples.plain.sum())
            yield batch

    ways = ((formats, False), (formats, True)) if formats else ((None, False),)
    for names, check in ways:
        with monkeypatch.context() as patch:
            patch.setattr(BcfReader, "batches", counted)
            ours, told, error = _read(path, names, check)
            patch.setattr(BcfReader, "batches", lambda _self, _size: iter(()))
            theirs, wanted, damage = _read(path, names, check)
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
    ours_text, error = _lines(bcf_pieces(path))
    theirs_text, damage = _lines(htslib_pieces(path))
    assert error == damage
    if not error:
        assert ours_text.partition(b"#CHROM")[2].partition(b"\n")[2] == theirs_text
        scanned = scan_file(path, AnyContigs(), None, hashes=False)
        with monkeypatch.context() as patch:
            patch.setattr(BcfReader, "batches", lambda _self, _size: iter(()))
            text = scan_file(path, AnyContigs(), None, hashes=False)
        assert _told(scanned.account) == _told(text.account)
        assert scanned.n_records == text.n_records
    return here, plain


@pytest.mark.parametrize("formats", [None, FORMATS, ["AD", "W"]])
def test_the_same_comes_out(tmp_path, formats, monkeypatch):
    rng = random.Random(5)
    rows = [_row(rng, k) for k in range(1500)]
    path = _bcf(tmp_path / "x.bcf", rows)
    here, plain = _assert_same(path, formats, monkeypatch)
    assert here == len(rows)
    assert plain == 0 if formats is None else plain > 0.5 * len(rows)


ODD = [
    ("GT:DP", "0/1:-3"), ("DP:GT", "3:0/1"), ("GT", "0/2"), ("GT:AD", "0/1:3,4,5"),
    ("GT:PL", "0:1,2"), ("GT:FT", "0/1:a b"), ("GT:AB", "0/1:nan"), ("GT:GP", "0/1:1.5,0,0"),
    ("GT:GL", "0/1:1,-1"), (".", "."),
]  # fmt: skip


def test_samples_with_a_fault_become_text(tmp_path, monkeypatch):
    rows = [
        f"c1\t8\t.\tA\tC\tnan\t.\tX=nan,-inf,-nan\t{keys}" + f"\t{cell}" * 7
        for keys, cell in ODD
    ]
    for k, row in enumerate(rows[:2]):
        path = _bcf(tmp_path / f"{k}.bcf", [*PLAIN * 3, row, *PLAIN * 3])
        assert _assert_same(path, FORMATS, monkeypatch) == (7, 6)
    path = _bcf(tmp_path / "x.bcf", [row for odd in rows for row in (*PLAIN, odd)])
    assert _assert_same(path, FORMATS, monkeypatch) == (2 * len(rows), len(rows))


def test_each_version_has_its_phase_of_the_first_allele(tmp_path, monkeypatch):
    """All vectors of up to three alleles, of which some have a mark in text from 4.4 on."""
    vectors = [
        list(v) + [0x81] * (3 - n)
        for n in range(4)
        for v in itertools.product(range(6), repeat=n)
    ]
    names = "\t".join(f"s{k}" for k in range(len(vectors)))
    row = "c1\t5\t.\tA\tC,G\t.\t.\t.\tGT" + "\t./././." * len(vectors)
    crafted = b"".join(bytes([*v, 0x81]) for v in vectors)
    for version in (3, 4, 5):
        head = META.replace("v4.3", f"v4.{version}").rstrip("\n")
        header = f"{head}\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}"
        path = _bcf(tmp_path / f"{version}.bcf", [row], header)
        _patch(path, lambda data: data.replace(bytes(4 * len(vectors)), crafted))
        text, error = _lines(htslib_pieces(path))
        assert not error
        assert text.count(b"\t|") + text.count(b"\t/") == 0 or version > 3
        assert _assert_same(path, ["GT"], monkeypatch)[0] == 1


def _patch(path: Path, change: Any) -> None:
    text = gzip.decompress(path.read_bytes())
    changed = change(text)
    assert changed != text
    writer = BgzfWriter(path)
    writer.write(changed)
    writer.close()


def test_numbers_are_written_as_htslib_writes_them(tmp_path):
    rng = random.Random(3)
    values = [
        np.float32(rng.uniform(-1, 1) * 10.0 ** rng.randint(-44, 38)) for _ in range(4000)
    ]
    values += [np.float32(v) for k in range(-6, 8) for v in (10.0**k, 10.0**k * 1.000005)]
    ties = [np.float32((n + 0.5) / 2**b) for n in range(99, 9999, 7) for b in (1, 3, 7, 12)]
    rows = [
        f"c1\t{k + 1}\t.\tA\tC\t{abs(v)!r}\t.\tX={v!r},{v!r}"
        for k, v in enumerate(float(x) for x in values + ties)
    ]
    path = _bcf(
        tmp_path / "x.bcf", rows, META + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    )
    text = b"".join(bcf_pieces(path)).partition(b"\tINFO\n")[2]
    assert text == b"".join(htslib_pieces(path))
    reader = BcfReader(path, 0, 3)
    assert sum(batch.size for batch in reader.batches(1 << 16)) == len(rows)
    assert reader.whole


def test_an_id_of_another_type_is_damage(tmp_path, monkeypatch):
    """Without a letter in it htslib looks at its type all the same."""
    path = _bcf(tmp_path / "x.bcf", PLAIN * 3)
    record = bytes.fromhex("07 17 41 17 43")
    _patch(path, lambda data: data.replace(record, b"\x03" + record[1:]))
    assert _assert_same(path, FORMATS, monkeypatch) == (0, 0)


def test_damage_is_told_as_ever(tmp_path, monkeypatch):
    rng = random.Random(8)
    rows = [_row(rng, k) for k in range(60)]
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
