"""A store that is governed stays so: whoever takes its governance away, or puts another in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from governedstores import make_governed, papers, sample_rows

from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Ledger
from varhouse.governed import governance_folder, is_governed, mark_file, private_folder
from varhouse.sharing.gate import ask, way_out
from varhouse.sharing.request import Request

ABROAD = "Demo Abroad"


def give(store: Path) -> int:
    """Give everybody away once, and tell how many had been given before."""
    decision = ask(Request(store, recipient=ABROAD, what="test"))
    before = decision.before.total
    with way_out(decision.request, decision=decision):
        pass
    return before


@pytest.fixture
def store(tmp_path: Path) -> Path:
    people = {"a": sample_rows("a", [f"S{i}" for i in range(7)])}
    return make_governed(tmp_path / "store", people, papers(ABROAD, ["a"]))


def all_of_it(store: Path, old: Path, other: Path) -> None:
    shutil.rmtree(governance_folder(store))


def what_is_private(store: Path, old: Path, other: Path) -> None:
    shutil.rmtree(private_folder(store))


def the_log(store: Path, old: Path, other: Path) -> None:
    (private_folder(store) / "audit.jsonl").unlink()


def the_last_events(store: Path, old: Path, other: Path) -> None:
    log = private_folder(store) / "audit.jsonl"
    log.write_bytes((old / "private" / "audit.jsonl").read_bytes())


def an_older_copy(store: Path, old: Path, other: Path) -> None:
    shutil.rmtree(governance_folder(store))
    shutil.copytree(old, governance_folder(store))


def of_another_store(store: Path, old: Path, other: Path) -> None:
    shutil.rmtree(governance_folder(store))
    shutil.copytree(governance_folder(other), governance_folder(store))


WAYS = (all_of_it, what_is_private, the_log, the_last_events, an_older_copy, of_another_store)


@pytest.mark.parametrize("way", WAYS)
def test_governance_that_is_taken_away_or_put_back_opens_nothing(
    way: Callable[[Path, Path, Path], None], store: Path, tmp_path: Path
) -> None:
    shutil.copytree(governance_folder(store), tmp_path / "old")
    assert give(store) == 0
    assert give(store) == 7
    other = tmp_path / "other"
    people = {"a": sample_rows("a", ["S1"])}
    make_governed(other, people, papers(ABROAD, ["a"], issuer="Demo Authority"))
    for _ in range(4):
        give(other)
    way(store, tmp_path / "old", other)
    assert is_governed(store)
    with pytest.raises(StoreError):
        ask(Request(store, recipient=ABROAD, what="test"))
    out = tmp_path / "out.tsv"
    command = ["query", str(store), "--table", "samples", "-o", str(out)]
    assert main([*command, "--to", ABROAD]) == 1
    assert main(["share", "check", str(store), "--to", ABROAD]) == 1
    assert not out.exists()
    assert main(["ledger", "add", str(store), "cohort", "a", "tier=T0"]) == 1


def test_the_mark_follows_both_and_a_lost_one_comes_back(store: Path) -> None:
    give(store)
    first = mark_file(store).read_text()
    assert Ledger.open(store).head[1] in first
    assert Audit(store).head()[1] in first
    mark_file(store).unlink()
    give(store)
    assert Audit(store).head()[1] in mark_file(store).read_text()
    mark_file(store).write_text("{}")
    with pytest.raises(StoreError, match=r"governed.json"):
        give(store)
