"""After people went, the keepers are told the command by which views are made again."""

import json
import shlex
import shutil
from datetime import date
from pathlib import Path

import pytest
from view_builders import People, govern, make_people, put_cohorts

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.governed import private_folder
from varhouse.sharing.viewagain import next_release
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.errata import SEALED, Erratum, add_erratum
from varhouse.store.reader import open_store

COHORTS = ("alpha", "beta", "gamma")
ALLELES = [f"chr1-{100 + 10 * i}-A-T" for i in range(4)]
DAY = date(2026, 12, 1)


def people() -> dict[str, People]:
    return {c: make_people(c, 30, ALLELES, 1000 + i) for i, c in enumerate(COHORTS)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose view shows alpha and beta, and gamma was left out as asked."""
    store = tmp_path_factory.mktemp("again") / "store"
    put_cohorts(store, people())
    govern(store, dict.fromkeys(COHORTS, "T0"))
    release_view(Wanted(store, "public", leave_out=("gamma",), on=DAY))
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "store"))


def leave(store: Path, *cohorts: str) -> None:
    """Take one person out of each of some cohorts."""
    now = people()
    put_cohorts(store, now | {c: now[c].without(now[c].names[3]) for c in cohorts})


def run(command: str) -> int:
    assert command.startswith("varhouse ")
    return main(shlex.split(command)[1:])


def shown(store: Path) -> set[str]:
    return varhouse.open(store, audience="public").cohort_names()


def test_a_purge_tells_the_command_that_goes_through(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(store, "alpha")
    assert main(["store", "gc", str(store), "--purge-withdrawn", "--dry-run"]) == 0
    assert "next" not in capsys.readouterr().out
    assert main(["store", "gc", str(store), "--purge-withdrawn"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "next" in line]
    assert len(told) == 1
    assert "which shows nothing until then" in told[0]
    command = told[0].rpartition(": ")[2]
    assert command == (
        f"varhouse share release {store} --role public --leave-out alpha --leave-out gamma"
    )
    assert shown(store) == set()
    closed = next((private_folder(store) / "views" / "public").glob("closed-*.json"))
    # A purge asks no permits, and so of no day.
    assert json.loads(closed.read_text())["on"] == ""
    # Who asks for the status is told the same, until it is done.
    main(["status", str(store)])
    assert command in capsys.readouterr().out
    assert run(command) == 0
    assert shown(store) == {"beta"}
    main(["status", str(store)])
    assert "share release" not in capsys.readouterr().out


def test_why_no_release_can_be_made_is_told(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(store, "alpha", "beta")
    assert main(["store", "gc", str(store), "--purge-withdrawn"]) == 0
    told = capsys.readouterr().out
    assert "no release can be made now" in told
    assert next_release(store, "public").refusal is not None


def test_a_drop_tells_the_views_that_show_the_cohort(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "drop", str(store), "--cohort", "gamma"]) == 0
    assert "view public" not in capsys.readouterr().err
    assert main(["store", "drop", str(store), "--cohort", "beta"]) == 0
    told = capsys.readouterr().err
    assert "the view public still shows cohort beta, in release 1" in told
    assert f"varhouse store gc {store} --purge-withdrawn" in told
    again = next_release(store, "public")
    assert again.command in told
    assert not again.is_closed
    assert run(again.command) == 0
    assert shown(store) == {"alpha"}


def test_a_drop_is_done_where_views_cannot_be_asked(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = next((private_folder(store) / "views" / "public").glob("*.json"))
    account.unlink()
    assert main(["store", "drop", str(store), "--cohort", "beta"]) == 0
    told = capsys.readouterr()
    assert int(told.out) == open_store(store).release
    assert "which views still show people who are gone is not known" in told.err
    assert account.name in told.err


def test_a_view_without_the_people_is_closed_with_the_release_that_it_shows(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody of gamma is purged, whom the view never showed: the plain command opens it."""
    leave(store, "gamma")
    people_gone = Erratum(SEALED, "withdrawal, see release 2", "2026-12-01T00:00:00Z")
    number = varhouse.open(store, audience="public").meta["shows"]["release"]
    assert number < open_store(store).release
    add_erratum(store, number, people_gone)
    with pytest.raises(StoreError, match="which was sealed"):
        shown(store)
    main(["status", str(store)])
    told = capsys.readouterr().out
    assert "it is not read" in told
    assert main(["store", "gc", str(store), "--purge-withdrawn"]) == 0
    command = next_release(store, "public").command
    assert command.endswith("--role public --leave-out gamma")
    assert command in told
    assert command in capsys.readouterr().out
    assert run(command) == 0
    assert shown(store) == {"alpha", "beta"}


def test_a_store_that_is_not_governed_has_no_views(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_cohorts(tmp_path / "store", people())
    assert main(["store", "drop", str(tmp_path / "store"), "--cohort", "beta"]) == 0
    assert "view" not in capsys.readouterr().err
