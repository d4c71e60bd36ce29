"""Every block of the README and of the pages for users runs as it stands, on the demo."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import find_blocks, run_blocks

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/reads.md", "docs/cohorts.md", "docs/one-file.md")


def varhouse(folder: Path, *words: str) -> int:
    return subprocess.run(
        ["varhouse", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True
    ).returncode


def build_demo(folder: Path) -> None:
    """Do what `scripts/demo` and the making of reads for `--reads` do, in another folder."""
    scripts, made = ROOT / "scripts", folder / "demo/data"
    for command in (("make_demo_data.py",), ("demo_reads.py", "make")):
        subprocess.run(
            [sys.executable, scripts / command[0], *command[1:], made],
            check=True,
            capture_output=True,
        )
    ingest = ["ingest", "demo/store", "--config", "demo/data/config.yaml", "--cores", "2"]
    assert varhouse(folder, *ingest) == 3
    data = folder / "demo" / "data"
    for path in (data / "newcomer").glob("*.g.vcf.gz*"):
        shutil.move(path, data / "hebei" / path.name)
    row = (data / "newcomer" / "samples.tsv").read_text().splitlines()[-1]
    with (data / "samples.tsv").open("a") as sheet:
        sheet.write(f"{row}\n")
    assert varhouse(folder, *ingest) == 3


@pytest.mark.slow
def test_every_block_runs(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    build_demo(folder)
    for page in PAGES:
        assert run_blocks(ROOT / page, folder) > 0, page


def test_blocks_that_are_not_run_are_few() -> None:
    left = [
        (b.page, b.text.splitlines()[0])
        for page in PAGES
        for b in find_blocks(ROOT / page)
        if "not-run" in b.options
    ]
    assert {page for page, _ in left} <= {"README.md"}
