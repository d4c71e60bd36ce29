"""People are cut from real files as the slow reader does, and bcftools."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from slow_without import without

from varhouse.withdrawal.cut import cut_file

pytestmark = pytest.mark.real

LARGEST = 400_000
"""Bytes of text: the slow reader takes a second for some megabytes."""
SOME = 12
"""Every so-manieth file is cut."""
VIEW = "import sys, pysam.bcftools as b; b.view(*sys.argv[1:], catch_stdout=False)"


def texts(folder: Path) -> list[tuple[Path, str]]:
    """Give some small files of several people, with their texts."""
    files = sorted(
        p
        for p in folder.rglob("*.vcf*")
        if p.name.endswith((".vcf", ".vcf.gz")) and p.is_file() and p.stat().st_size < LARGEST
    )
    found = []
    for path in files[::SOME]:
        try:
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        except (OSError, EOFError, UnicodeDecodeError):
            continue
        if len(text) < LARGEST and len(set(names_of(text))) > 1 and is_plain(text):
            found.append((path, text))
    return found


def names_of(text: str) -> list[str]:
    head = [line for line in text.split("\n") if line.startswith("#CHROM\t")]
    return head[0].rstrip("\r").split("\t")[9:] if len(head) == 1 else []


def is_plain(text: str) -> bool:
    """Tell whether lines end only where those of VCF do."""
    return text.splitlines() == [
        ln.removesuffix("\r") for ln in text.removesuffix("\n").split("\n")
    ]


def records(text: str) -> list[list[str]]:
    return [ln.split("\t") for ln in text.splitlines() if ln and not ln.startswith("#")]


def genotypes(cells: list[str]) -> list[str]:
    place = cells[8].split(":").index("GT")
    return [c.split(":")[place] for c in cells[9:]]


def test_real_files_are_cut_as_the_slow_reader_does(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    found = texts(data_dir)
    for path, text in found:
        goes = names_of(text)[len(names_of(text)) // 3]
        cut_file(path, out, [goes])
        assert out.read_bytes().decode() == without(text, {goes}), path
    assert len(found) > 5


def test_bcftools_leaves_the_same_genotypes(data_dir: Path, tmp_path: Path) -> None:
    """Of records of which no ALT goes, those of who stays in the same order."""
    compared = 0
    for path, text in texts(data_dir):
        names = names_of(text)
        goes = names[len(names) // 3]
        cut_file(path, tmp_path / "out.vcf", [goes])
        words = [
            "--no-version",
            "-I",
            "-s",
            f"^{goes}",
            "-o",
            str(tmp_path / "b.vcf"),
            str(path),
        ]
        done = subprocess.run(
            [sys.executable, "-c", VIEW, *words], capture_output=True, check=False
        )
        if done.returncode:
            continue
        judge = {}
        for cells in records((tmp_path / "b.vcf").read_text()):
            judge.setdefault(tuple(cells[i] for i in (0, 1, 3, 4)), []).append(cells)
        for cells in records((tmp_path / "out.vcf").read_text()):
            same = judge.get(tuple(cells[i] for i in (0, 1, 3, 4)), [])
            if len(same) == 1 and "GT" in cells[8].split(":"):
                assert genotypes(cells) == genotypes(same[0]), (path, cells[:5])
                compared += 1
    assert compared > 20
