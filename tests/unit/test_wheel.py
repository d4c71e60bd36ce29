"""What a wheel holds: all that `pip install .` needs for every command."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from varhouse.cli import COMMANDS

ROOT = Path(__file__).parents[2]
BUILT = ("pyproject.toml", "README.md", "LICENSE", "Snakefile", "src", "workflow", "resources")
BUILD = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"


def files_of(folder: Path) -> set[str]:
    """List the files of a folder, through links, without what Python compiled."""
    paths = (Path(d) / f for d, _, fs in os.walk(folder, followlinks=True) for f in fs)
    return {p.relative_to(folder).as_posix() for p in paths if "__pycache__" not in p.parts}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel of a copy of the repository, without an index."""
    work = tmp_path_factory.mktemp("wheel")
    (work / "tree").mkdir()
    for name in BUILT:
        source = ROOT / name
        if source.is_dir():
            no = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, work / "tree" / name, symlinks=True, ignore=no)
        else:
            shutil.copy(source, work / "tree" / name)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(work)],
        cwd=work / "tree",
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(work.glob("*.whl")))


def test_a_wheel_holds_every_module_and_data_file(wheel: zipfile.ZipFile) -> None:
    held = {n for n in wheel.namelist() if ".dist-info/" not in n}
    assert held == {f"varhouse/{n}" for n in files_of(ROOT / "src/varhouse")}
    assert {f"varhouse/cli/{c}.py" for c in COMMANDS} <= held


def test_a_wheel_holds_the_workflow_and_the_assemblies(wheel: zipfile.ZipFile) -> None:
    data = "varhouse/data"
    pairs = {f"{data}/Snakefile": ROOT / "Snakefile"}
    pairs |= {
        f"{data}/workflow/{n}": ROOT / "workflow" / n for n in files_of(ROOT / "workflow")
    }
    pairs |= {
        f"{data}/assemblies/{n}": ROOT / "resources" / n for n in files_of(ROOT / "resources")
    }
    # The bytes, not links that lead out of the wheel.
    assert {n: wheel.read(n) for n in pairs} == {n: p.read_bytes() for n, p in pairs.items()}


def test_varhouse_alone_requires_what_its_modules_import(wheel: zipfile.ZipFile) -> None:
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    said = Parser().parsestr(wheel.read(name).decode())
    needs = [Requirement(r) for r in said.get_all("Requires-Dist", [])]
    alone = {r.name for r in needs if r.marker is None}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert alone == {Requirement(d).name for d in declared["dependencies"]}
    assert {"duckdb", "snakemake", "polars"} <= alone
    # Who asks for an extra of an earlier version gets varhouse all the same.
    assert "sql" in said.get_all("Provides-Extra", [])
    points = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "varhouse = varhouse.cli:main" in points
