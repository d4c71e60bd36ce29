"""Whoever reads a release that is sealed meanwhile is told so, not that a file is missing."""

import shutil
from pathlib import Path

import pytest
from builders import make_small_store

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.store.commit import commit, utc_now
from varhouse.store.errata import SEALED, Erratum, add_erratum


@pytest.fixture
def store(tmp_path: Path) -> tuple[Path, int]:
    """A store, and the number of a release that is not its newest."""
    path = make_small_store(tmp_path / "store")
    old = varhouse.open(path).release
    commit(path, [], ingest_id="later", operation="ingest", base_release=old)
    return path, old


def seal(path: Path, number: int) -> None:
    add_erratum(path, number, Erratum(SEALED, "retention: last 1", utc_now()))
    for folder in (path / "open/variants").glob("part=*"):
        shutil.rmtree(folder)


def test_a_question_in_python(store: tuple[Path, int]) -> None:
    path, old = store
    opened = varhouse.open(path, old)
    assert opened.query("chr1").height
    seal(path, old)
    fresh = varhouse.open(path)
    with pytest.raises(StoreError, match=rf"release {old} .* was sealed .*retention: last 1"):
        opened.query("chr1", where="vrs_id like 'x%'")
    with pytest.raises(Exception, match=r"No such file|cannot be read") as failed:
        fresh.query("chr1", where="vrs_id like 'x%'")
    assert "sealed" not in str(failed.value)


def test_a_log_that_went(store: tuple[Path, int]) -> None:
    path, old = store
    opened = varhouse.open(path, old)
    seal(path, old)
    shutil.rmtree(path / "open/totals/_delta_log")
    with pytest.raises(StoreError, match="sealed"):
        opened.declaration("totals")


def test_a_command(
    store: tuple[Path, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path, old = store
    whole = varhouse.open

    def and_seal(*args: object, **more: object) -> object:
        opened = whole(*args, **more)  # type: ignore[arg-type]
        seal(path, old)
        return opened

    monkeypatch.setattr(varhouse, "open", and_seal)
    words = ["query", str(path), "--release", str(old), "--region", "chr1", "--format", "tsv"]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert f"release {old} of" in said
    assert "was sealed" in said
