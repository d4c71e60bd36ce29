"""Who may read the files of a governed store: nobody uninvited, from the first entry."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from view_builders import People, govern, make_people, put_cohorts

from varhouse.cli import main
from varhouse.store.layout import RAW

ALLELES = ["chr1-100-A-T"]
ENTRY = ["recipient", "Demo University", "kind=domestic", "country=CN"]


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Everybody may read what is made here."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(store: Path) -> set[str]:
    there = [n for n in RAW if (store / n).exists()]
    return {n for n in there if stat.S_IMODE((store / n).stat().st_mode) & 0o077}


def people() -> dict[str, People]:
    return {"alpha": make_people("alpha", 6, ALLELES, 1)}


def test_the_first_entry_closes_what_lies_there(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put_cohorts(store, people())
    assert open_to_others(store) >= {"open", "_store/releases", "_store/files"}
    assert main(["ledger", "add", str(store), *ENTRY]) == 0
    assert open_to_others(store) == set()


def test_a_sheet_does_the_same_and_a_dry_run_does_not(tmp_path: Path) -> None:
    store, sheet = tmp_path / "store", tmp_path / "recipients.tsv"
    put_cohorts(store, people())
    sheet.write_text("recipient\tkind\tcountry\nDemo University\tdomestic\tCN\n")
    words = ["ledger", "import", str(store), str(sheet), "--kind", "recipients"]
    assert main([*words, "--dry-run"]) == 0
    assert "open" in open_to_others(store)
    assert main(words) == 0
    assert open_to_others(store) == set()


def test_every_commit_of_a_governed_store_does_so(tmp_path: Path) -> None:
    """Also of folders that were not there when the ledger was begun."""
    store = tmp_path / "store"
    put_cohorts(store, people())
    govern(store, {"alpha": "T0"})
    assert "open" in open_to_others(store)
    put_cohorts(store, people())
    assert open_to_others(store) == set()


def test_who_was_let_in_on_purpose_stays(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put_cohorts(store, people())
    (store / "open").chmod(0o2755)
    assert main(["ledger", "add", str(store), *ENTRY]) == 0
    assert stat.S_IMODE((store / "open").stat().st_mode) == 0o2750


def test_a_store_without_a_ledger_is_as_open_as_the_umask(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put_cohorts(store, people())
    put_cohorts(store, people())
    assert "open" in open_to_others(store)
