"""Cohorts of one view that share people: their difference would tell of the rest."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from builders import make_small_inputs
from inprocess import ingest_here
from view_builders import People, govern, put_cohorts

from varhouse.cli import main
from varhouse.errors import AccessError
from varhouse.governance.personkey import PersonKey
from varhouse.governed import view_folder
from varhouse.sharing import viewoverlap
from varhouse.sharing.viewagain import next_release
from varhouse.sharing.viewoverlap import MANY_COPIES, counted_again, find_overlaps, tell_apart
from varhouse.sharing.viewpeople import PEOPLE
from varhouse.sharing.views import Released, Wanted, release_view
from varhouse.sharing.viewstore import open_view
from varhouse.store.reader import open_store

ALLELES = [f"chr1-{100 + 10 * i}-A-T" for i in range(6)]
DAY = date(2026, 12, 1)


def everybody(n: int = 100, seed: int = 7) -> People:
    """Make people of whom no two carry the same; all of a province are of the same half."""
    rng = np.random.default_rng(seed)
    copies = {a: rng.binomial(2, 0.4, n).tolist() for a in ALLELES}
    elsewhere = [2 * MANY_COPIES + 7 * i for i in range(n)]
    return People([f"P{i:03d}" for i in range(n)], copies, ["110000"] * n, elsewhere)


WORLD = everybody()


def some(who: Sequence[int], prefix: str = "", world: People = WORLD) -> People:
    """Give some of the people; with a prefix under other names."""
    kept = world.without(*(n for i, n in enumerate(world.names) if i not in set(who)))
    return replace(kept, names=[prefix + n for n in kept.names])


def made(store: Path, cohorts: Mapping[str, People], **links: str) -> Path:
    put_cohorts(store, cohorts)
    ledger = govern(store, dict.fromkeys(cohorts, "T0"))
    for cohort, other in links.items():
        ledger.add("cohort", cohort, {"same_people_as": other})
    return store


def release(store: Path, role: str = "public", *without: str) -> Released:
    return release_view(Wanted(store, role, leave_out=without, on=DAY))


def refused(store: Path, role: str = "public") -> AccessError:
    with pytest.raises(AccessError, match="share people") as error:
        release(store, role)
    # As often as it is asked, and when nothing is to be made, too.
    with pytest.raises(AccessError, match="share people"):
        release_view(Wanted(store, role, on=DAY, dry_run=True))
    assert not (view_folder(store, role) / "_store/releases/00000001.json").exists()
    return error.value


# --- what is refused ---


@pytest.mark.parametrize(
    ("alpha", "beta", "told"),
    [
        pytest.param(range(60), range(30), "beta", id="nested"),
        pytest.param(range(60), range(20, 60), "beta", id="nested, many are left"),
        pytest.param(range(60), range(2, 62), "alpha", id="nearly equal"),
        pytest.param(range(60), range(31, 64), "beta", id="all but few"),
        pytest.param(range(60), range(60), "alpha", id="identical"),
    ],
)
def test_cohorts_whose_difference_tells_of_the_rest_are_refused(
    tmp_path: Path, alpha: range, beta: range, told: str
) -> None:
    store = made(tmp_path / "store", {"alpha": some(alpha), "beta": some(beta)})
    error = refused(store)
    other = "beta" if told == "alpha" else "alpha"
    assert f"cohort {told} has fewer than 5 people who are not in {other}" in error.message
    # How many they are is not said.
    assert {c for c in error.message if c.isdigit()} == {"5"}
    command = error.fix.rpartition(": ")[2]
    out = "beta" if len(beta) < len(alpha) else "alpha"
    assert command == (
        f"varhouse share release {store} --role public --on 2026-12-01 --leave-out {out}"
    )
    assert main(shlex.split(command)[1:]) == 0


@pytest.mark.parametrize("copies", [2 * MANY_COPIES, 5_000])
def test_who_has_another_name_is_known_by_what_he_carries(
    tmp_path: Path, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many copies by their numbers; with fewer, calls are compared."""
    world = replace(WORLD, elsewhere=[copies + 7 * i for i in range(len(WORLD.names))])
    cohorts = {
        "alpha": some(range(60), world=world),
        "beta": some(range(30), "OTHER-", world),
    }
    store = made(tmp_path / "store", cohorts)
    if copies < MANY_COPIES:

        def read(_: object, rows: pl.DataFrame) -> dict[tuple[str, int], int]:
            assert rows.height == 60, "of those alone whose numbers two cohorts have"
            return {(c, i): n for c, i, n in rows.select("cohort", "ordinal", "n_snv").rows()}

        assert release_view(Wanted(store, "public", on=DAY, dry_run=True)).release is None
        monkeypatch.setattr(viewoverlap, "digests_of_alleles", read)
    assert "beta" in refused(store).message


def test_calls_tell_who_has_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small_inputs(tmp_path)
    text = (tmp_path / "a.vcf").read_text()
    (tmp_path / "b.vcf").write_text(text.replace("a1\ta2", "b1\tb2"))
    store_path = tmp_path / "store"
    ingest_here(store_path, tmp_path / "config.json")
    store = open_store(store_path)
    monkeypatch.setattr(viewoverlap, "FEW_COPIES", 10)
    same = tell_apart(dict.fromkeys("ab", store), PersonKey(store_path), {})
    # The second of each carries nothing, and nobody knows whether they are one.
    assert counted_again(same) == (1, 1)
    monkeypatch.setattr(viewoverlap, "FEW_COPIES", 500)
    same = tell_apart(dict.fromkeys("ab", store), PersonKey(store_path), {})
    assert counted_again(same) == (0, 0)


def test_who_was_read_twice_is_known_by_the_ledger_or_his_accession(tmp_path: Path) -> None:
    again = replace(some(range(40)), elsewhere=[3 * MANY_COPIES + i for i in range(40)])
    cohorts = {"wgs": some(range(60)), "array": again}
    assert release(made(tmp_path / "unknown", cohorts)).is_new
    assert "array" in refused(made(tmp_path / "linked", cohorts, array="wgs")).message


def test_of_three_one_may_be_in_the_others_together(tmp_path: Path) -> None:
    """Each two differ by many; all that is in alpha is in beta or gamma, but 3."""
    cohorts = {"alpha": some(range(40)), "beta": some(range(20, 80)),
               "gamma": some([*range(3, 20), *range(80, 100)])}  # fmt: skip
    error = refused(made(tmp_path / "store", cohorts))
    assert "cohort alpha has fewer than 5 people who are not in beta, gamma" in error.message


def test_a_group_that_is_in_another_cohort_is_refused(tmp_path: Path) -> None:
    """Both cohorts have many of their own, but all of Zhejiang of beta are in alpha."""
    places = ["330000" if i < 20 else "110000" for i in range(100)]
    world = replace(WORLD, provinces=places)
    cohorts = {"alpha": some([*range(20), *range(20, 40)], world=world),
               "beta": some([*range(15), *range(50, 80)], world=world)}  # fmt: skip
    error = refused(made(tmp_path / "store", cohorts))
    assert "province 330000 of cohort beta has fewer than 5 people" in error.message


def test_what_another_view_shows_counts(tmp_path: Path) -> None:
    """Or an earlier release: who has both subtracts, whatever is left out of one."""
    store = made(tmp_path / "store", {"alpha": some(range(60)), "beta": some(range(30))})
    assert release(store, "public", "beta").is_new
    for role in ("public", "inside"):
        with pytest.raises(AccessError, match="cohort beta has fewer than 5") as error:
            release(store, role, "alpha")
        assert "beta" in error.value.fix
    # What releases have told since before this was asked closes no view for ever.
    assert next_release(store, "public").command.endswith("--leave-out beta")
    assert next_release(store, "public").refusal is None


def test_who_joined_a_cohort_that_was_shown_counts(tmp_path: Path) -> None:
    store = made(tmp_path / "store", {"alpha": some(range(40)), "beta": some(range(50, 80))})
    release(store)
    put_cohorts(store, {"alpha": some(range(40)), "beta": some([*range(38), *range(50, 80)])})
    with pytest.raises(AccessError, match="cohort alpha has fewer than 5"):
        release(store)
    with pytest.raises(AccessError, match="cohort alpha has fewer than 5"):
        release(store, "public", "alpha")
    again = next_release(store, "public")
    assert again.refusal is None
    assert again.command.endswith("--leave-out beta")


def test_the_command_keeps_what_was_asked_for(tmp_path: Path) -> None:
    cohorts = {"alpha": some(range(60)), "gamma": some(range(60, 90))}
    store = made(tmp_path / "store", {**cohorts, "beta": some(range(30)), "tiny": some([99])})
    release(store, "public", "beta")
    asked = Wanted(store, "public", hold=("gamma", "alpha"), leave_out=("tiny",), on=DAY)
    with pytest.raises(AccessError, match="share people") as error:
        release_view(replace(asked, release=2))
    assert error.value.fix.endswith(
        "--role public --release 2 --on 2026-12-01 --hold alpha --hold gamma"
        " --leave-out beta --leave-out tiny"
    )


def test_a_view_that_told_before_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that was made before this was asked: one of the cohorts can be left out."""
    store = made(tmp_path / "store", {"alpha": some(range(60)), "beta": some(range(30))})
    with monkeypatch.context() as patch:
        patch.setattr("varhouse.sharing.viewplan.find_overlaps", lambda *_: [])
        release(store)
    with pytest.raises(AccessError, match="share people"):
        release(store)
    assert release(store, "public", "beta").is_new


# --- what is not ---


def test_equal_names_are_no_equal_people(tmp_path: Path) -> None:
    """A centre calls all its people P000 to P059, and so does another."""
    other = everybody(60, seed=8)
    other = replace(other, elsewhere=[n + 3 for n in other.elsewhere])
    done = release(made(tmp_path / "store", {"alpha": some(range(60)), "beta": other}))
    assert done.is_new
    assert done.account.again == [0, 0]
    shows = open_view(view_folder(tmp_path / "store", "public")).meta["shows"]
    assert shows["n_people"] == 120
    assert "counted_again" not in shows


@pytest.mark.parametrize(("shared", "n_people", "again"), [(20, 80, 20), (3, 100, None)])
def test_who_is_counted_again_is_said(
    tmp_path: Path, shared: int, n_people: int, again: int | None,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Each has many of its own: that is shown, and of few people it is not said how many."""
    beta = some([*range(shared), *range(50, 100 - shared)])
    store = made(tmp_path / "store", {"alpha": some(range(50)), "beta": beta})
    assert (
        main(["share", "release", str(store), "--role", "public", "--on", "2026-12-01"]) == 0
    )
    assert f"{shared} of these people are in several cohorts" in capsys.readouterr().err
    shows = open_view(view_folder(store, "public")).meta["shows"]
    assert shows["counted_again"] == again
    entries = 50 + len(beta.names)
    assert shows["n_people"] == (entries - shared if again else entries)


def test_where_nothing_is_kept_nothing_is_refused() -> None:
    people = pl.DataFrame(
        [(c, "all", "all", f"P{i}") for c in "ab" for i in range(9)],
        schema=PEOPLE,
        orient="row",
    )
    same = people.select("cohort", "person").with_columns(
        one=pl.col("person").str.tail(1).cast(pl.Int64)
    )
    assert find_overlaps(people, same, 1) == []
    assert {o.cohort for o in find_overlaps(people, same, 3)} == {"a", "b"}
    # Groups of fewer than k are not shown.
    assert find_overlaps(people, same, 10) == []
