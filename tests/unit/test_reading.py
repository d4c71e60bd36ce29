"""The recipes of docs/reading.md run as they stand, and find what varhouse finds."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from inprocess import ingest_here
from pages import commands_of, find_blocks, run_blocks

import varhouse
from varhouse.store.reader import Store

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reading.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo of a twentieth of the size, beside a `varhouse` to be found."""
    folder = tmp_path_factory.mktemp("reading")
    make = [
        sys.executable,
        str(ROOT / "scripts/make_demo_data.py"),
        "--scale",
        "0.05",
        "demo/data",
    ]
    (folder / "demo").mkdir()
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    ingest_here(folder / "demo" / "store", folder / "demo" / "data" / "config.yaml")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    """Run the page; what its Python defines."""
    names: dict[str, Any] = {}
    with commands_of(folder):
        assert run_blocks(PAGE, folder, names) == 9
    return names


@pytest.fixture(scope="module")
def store(folder: Path, found: dict[str, Any]) -> Store:
    return varhouse.open(folder / "demo" / "store", 2)


def rows_of(frame: Any, columns: list[str]) -> Counter:
    frame = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(pl.from_arrow(frame))
    return Counter(map(repr, frame.select(columns).rows()))


@pytest.mark.parametrize("name", ["by_polars", "by_delta", "by_deltalake"])
def test_all_rows_and_columns(found: dict[str, Any], store: Store, name: str) -> None:
    own = store.frequencies().collect()
    assert rows_of(found[name], own.columns) == rows_of(own, own.columns)


def test_filtered_rows(found: dict[str, Any], store: Store) -> None:
    own = store.frequencies("chr1", stratum_by="sex").collect()
    assert rows_of(found["by_duckdb"], own.columns) == rows_of(own, own.columns)
    assert found["by_duckdb"].schema == own.schema
    own = store.frequencies(cohort="beijing").filter(pl.col("pos") < 50_000).collect()
    assert rows_of(found["by_pyarrow"], own.columns) == rows_of(own, own.columns)


@pytest.mark.parametrize("name", ["published", "same", "table"])
def test_a_published_release(found: dict[str, Any], store: Store, name: str) -> None:
    own = store.frequencies().drop("part").collect()
    assert rows_of(found[name], own.columns) == rows_of(own, own.columns)


def test_a_pattern_counts_what_is_gone(found: dict[str, Any], folder: Path) -> None:
    newest = varhouse.open(folder / "demo" / "store")
    assert newest.release == 3
    assert found["release"] == newest.frequencies().select(pl.len()).collect().item()
    assert found["pattern"] > found["release"]


def test_what_is_not_run_says_so() -> None:
    blocks = [b for b in find_blocks(PAGE) if not b.is_run]
    assert {b.language for b in blocks} == {"r", "python"}
    text = PAGE.read_text()
    for title in ("## R\n\nNot run here.", "## Spark\n\nNot run here."):
        assert title in text
