"""What stands beside the release records, damaged: it is named, and nothing is written."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import crashcases
import pytest
from crashdisk import load, signature

from varhouse.cli import main

PLACES = {
    "errata/00000002.json": ["query", "{}", "--release", "2", "--region", "c1:1-900"],
    "ledger/00000003.json": ["store", "withdraw", "{}", "--cohort", "c", "--sample", "S2"],
    "ledger/key": ["store", "withdraw", "{}", "--cohort", "c", "--sample", "S2"],
    "lock.json": ["store", "gc", "{}"],
    "tags/first": ["query", "{}", "--release", "first", "--region", "c1:1-900"],
}


@pytest.fixture(scope="module")
def fx_withdrawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a withdrawal, an erratum and a tag."""
    folder = tmp_path_factory.mktemp("records")
    crashcases._four_people(folder)
    crashcases._withdraw(folder)
    crashcases._mark(folder)
    (folder / "store" / "_store" / "lock.json").write_text("{}")
    return folder


@pytest.fixture
def here(fx_withdrawn: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(fx_withdrawn, tmp_path / "copy")
    yield tmp_path / "copy" / "store"
    shutil.rmtree(tmp_path / "copy")


@pytest.mark.parametrize("how", ["empty", "half"])
@pytest.mark.parametrize("place", PLACES)
def test_a_damaged_record_is_named(
    here: Path, place: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if place != "lock.json":
        (here / "_store" / "lock.json").unlink()
    file = here / "_store" / place
    file.write_bytes(
        b"" if how == "empty" else file.read_bytes()[: -(file.stat().st_size // 2)]
    )
    if file.name == "first":
        file.write_text('"')
    before = signature(load(here).tree())
    code = main([word.format(here) for word in PLACES[place]])
    told = capsys.readouterr().err
    assert code != 0
    assert str(file) in told
    assert "fix: " in told
    assert signature(load(here).tree()) == before
