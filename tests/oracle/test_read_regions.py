"""Records of a region are those of `bcftools view -r`, each call in a process of its own."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from varhouse import read_vcf

HEADER = """##fileformat=VCFv4.5
##contig=<ID=1>
##contig=<ID=2:a>
##INFO=<ID=END,Number=1,Type=Integer,Description="d">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="d">
##FORMAT=<ID=GT,Number=1,Type=String,Description="d">
##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="d">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp\tq
"""
SHAPES = [
    ("A", "C", "."), ("ACGTACGT", "A", "."), ("A", "<DEL>", "END={e}"), ("A", "C", "END={e}"),
    ("ACGT", "G", "END=5"), ("A", "<DEL>", "SVLEN={n}"), ("A", "<DEL>", "SVLEN=-{n}"),
    ("A", "<INS>", "SVLEN={n}"), ("A", "<DUP:TANDEM>", "SVLEN={n}"),
    ("A", "<DELX>", "SVLEN={n}"),
    ("A", "C,<INV>", "SVLEN=.,{n}"), ("A", "<CNV>", "END={e};SVLEN={n}"),
    ("A", "A]1:5]", "SVLEN={n}"), ("A", "<*>", "."), ("A", "<NON_REF>", "END={e}"),
    ("A", ".", "END={e}"),
]  # fmt: skip


def bcftools(*args: str) -> str:
    catch = "-o" not in args and args[0] == "view"
    code = (
        f"import pysam.bcftools as b, sys; out = b.{args[0]}(*sys.argv[1:], "
        f"catch_stdout={catch}); sys.stdout.write(out or '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args[1:]], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 6,000 records with a .tbi and with a .csi index."""
    rng = random.Random(7)
    lines, k = [], 0
    for contig in ("1", "2:a"):
        for pos in sorted(rng.randrange(1, 400_000) for _ in range(3000)):
            ref, alt, info = rng.choice(SHAPES)
            n = rng.choice([3, 60, 5000])
            info = info.format(e=pos + n, n=n)
            sample = f"0/0:{n}" if alt in ("<*>", "<NON_REF>") else "0/1:."
            lines.append(
                f"{contig}\t{pos}\tr{k}\t{ref}\t{alt}\t.\t.\t{info}\tGT:LEN\t{sample}\t0/1"
            )
            k += 1
    folder = tmp_path_factory.mktemp("regions")
    plain = folder / "a.vcf"
    plain.write_text(HEADER + "\n".join(lines) + "\n")
    out = {}
    for kind, option in (("tbi", "-t"), ("csi", "-c")):
        path = folder / f"{kind}.vcf.gz"
        bcftools("view", "-Oz", "-o", str(path), str(plain))
        bcftools("index", option, str(path))
        out[kind] = path
    return out


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tbi", "csi"])
def test_regions_as_bcftools(indexed: dict[str, Path], kind: str) -> None:
    rng = random.Random(3)
    regions = [
        "1",
        "{2:a}",
        "1:200000",
        "1:399990-",
        "1:1-1",
        "1:16384-16385",
        "1:900000-900001",
    ]
    for size in (1, 10, 500, 20_000, 200_000):
        for _ in range(2):
            low = rng.randrange(1, 400_000)
            regions.append(f"1:{low}-{low + size}")
            regions.append(f"{{2:a}}:{low}-{low + size}")
    for region in regions:
        wanted = [
            x.split("\t")[2]
            for x in bcftools("view", "-H", "-r", region, str(indexed[kind])).splitlines()
        ]
        ours = read_vcf(indexed[kind], region=region.replace("{", "").replace("}", "")).read()
        assert ours["id"].to_list() == wanted, region


def test_many_ranges_in_threads_are_the_serial_read(indexed: dict[str, Path]) -> None:
    regions = [f"1:{low}-{low + 700}" for low in range(1, 400_000, 3000)] + ["2:a:5-90000"]
    serial = read_vcf(indexed["tbi"], region=regions).read()
    threaded = read_vcf(indexed["tbi"], region=regions, threads=4).read()
    assert serial.height > 800
    assert serial.equals(threaded)
    assert serial["id"].n_unique() == serial.height
    one_by_one = {i for r in regions for i in read_vcf(indexed["csi"], region=r).read()["id"]}
    assert one_by_one == set(serial["id"])
