"""Totals that count a person once: those of a build from files without the repeated people."""

from pathlib import Path

import polars as pl
import pytest
from sameworld import World
from test_people_same import SMALL
from verifying import verify

import varhouse
from varhouse.people import samepairs
from varhouse.people.once import recount_without
from varhouse.people.update import update_people
from varhouse.store.commit import commit
from varhouse.store.compact import compact_store
from varhouse.store.drop import drop_cohort
from varhouse.store.reader import Store
from varhouse.tables.schema import FREQUENCIES_ONCE, KEY, TOTALS
from varhouse.tables.shards import Manifest, write_shard
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.run import withdraw

ROW = [*KEY, "stratum_by", "stratum"]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samepairs, "DEFAULT", SMALL)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Make three cohorts: `b` repeats two of `a`, `c` two of `a` and one of `b`."""
    world = World(tmp_path, contigs={"c1": 10_000, "c2": 6_000, "X": 4_000, "Y": 1_000})
    people = [world.person() for _ in range(12)]
    again = world.again
    world.people = {
        "a": {f"A{k}": again(people[k]) for k in range(5)},
        "b": {f"B{k}": again(people[k]) for k in (3, 4, 5, 6, 7)},
        "c": {f"C{k}": again(people[k]) for k in (0, 7, 4, 8, 9)} | {"D7": again(people[7])},
    }
    for cohort, mine in world.people.items():
        world.write(cohort, mine)
    return world


REPEATED = {"b": ("B3", "B4"), "c": ("C0", "C7", "D7", "C4")}


def _totals(store: Path | Store) -> pl.DataFrame:
    store = varhouse.open(store) if isinstance(store, Path) else store
    return store.totals().collect().sort(ROW).select(TOTALS.names)


def _cut(world: World, name: str, gone: dict[str, tuple[str, ...]], **policy) -> Path:
    """Build a store from files without some people."""
    store = world.folder / name
    for cohort in world.people:
        world.write(cohort, world.people[cohort], without=gone.get(cohort, ()))
    world.ingest(store, [c for c in world.people if world.cohorts[c]], **policy)
    for cohort, mine in world.people.items():
        world.write(cohort, mine)
    return store


def _check(store: Path, wanted: Path) -> None:
    got, want = _totals(store), _totals(wanted)
    assert got.equals(want)
    assert got.height > 0
    assert [str(p) for p in verify(varhouse.open(store))] == []


def _not_counted(store: Path) -> dict[str, set[str]]:
    rows = varhouse.open(store).same_people().filter(~pl.col("counted")).collect()
    return {c: set(mine["sample"]) for (c,), mine in rows.group_by("cohort")}


def test_totals_are_those_of_files_without_the_repeated(world: World) -> None:
    account = world.ingest(world.folder / "s", same_person="once")
    assert _not_counted(world.folder / "s") == {c: {*n} for c, n in REPEATED.items()}
    assert account["same_people"]["not_counted"] == 6
    _check(world.folder / "s", _cut(world, "cut", REPEATED))
    # What a cohort counts is what it counted.
    each = world.folder / "each"
    world.ingest(each)
    mine, theirs = (varhouse.open(s) for s in (world.folder / "s", each))
    assert mine.frequencies().collect().equals(theirs.frequencies().collect())
    assert not _totals(mine).equals(_totals(theirs))
    assert "same_people" not in theirs.record.tables
    assert "frequencies_once" not in theirs.record.tables


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_the_order_of_ingests_does_not_matter(world: World, order: str) -> None:
    world.ingest(world.folder / "whole", same_person="once")
    store = world.folder / "s"
    for k in range(3):
        world.ingest(store, sorted(order[: k + 1]), same_person="once")
        assert [str(p) for p in verify(varhouse.open(store))] == []
    assert _totals(store).equals(_totals(world.folder / "whole"))
    one, other = varhouse.open(store), varhouse.open(world.folder / "whole")
    assert one.digest() == other.digest()
    for table in ("same_people", "frequencies_once"):
        key = one.declaration(table).sort
        rows = [s.table(table).collect().sort("cohort", *key) for s in (one, other)]
        assert rows[0].equals(rows[1].select(rows[0].columns))


def test_a_cohort_that_is_dropped_gives_its_people_back(world: World) -> None:
    store = world.folder / "s"
    world.ingest(store, same_person="once")
    drop_cohort(store, "a", recount=recount_without)
    assert _not_counted(store) == {"c": {"C7", "D7", "C4"}}
    del world.people["a"]
    _check(store, _cut(world, "cut", {"c": ("C7", "D7", "C4")}))
    drop_cohort(store, "b", recount=recount_without)
    del world.people["b"]
    _check(store, _cut(world, "cut-2", {"c": ("D7",)}))
    text = "".join(map(str, varhouse.open(store).same_people().collect().rows()))
    assert "A" not in text
    assert "B" not in text


def test_a_cohort_that_changes_is_compared_anew(world: World) -> None:
    store = world.folder / "s"
    world.ingest(store, same_person="once")
    # A4 is another person now: who is he in b counts there, and not in c.
    world.people["a"]["A4"] = world.again(world.person())
    world.write("a", world.people["a"])
    world.ingest(store, same_person="once")
    assert _not_counted(store) == {"b": {"B3"}, "c": {"C0", "C7", "D7", "C4"}}
    _check(store, _cut(world, "cut", {"b": ("B3",), "c": REPEATED["c"]}))


def test_it_is_switched_on_and_off(world: World) -> None:
    store = world.folder / "s"
    world.ingest(store)
    each = _totals(store)
    account = world.ingest(store, same_person="once")
    assert account["cohorts"] == []
    _check(store, _cut(world, "cut", REPEATED))
    assert world.ingest(store, same_person="once")["up_to_date"]
    world.ingest(store, same_person="count_each")
    assert _totals(store).equals(each)
    left = varhouse.open(store)
    for table in ("same_people", "frequencies_once", "callable_once"):
        assert left.table(table).collect().is_empty()
    assert [str(p) for p in verify(left)] == []
    assert world.ingest(store)["up_to_date"]


def test_a_partition_that_the_first_lacks_counts_elsewhere(world: World) -> None:
    # `a` has nothing of X and Y, nor of c2: who is in it counts there as in b.
    on_c1 = sum(c == "c1" for c, _ in world.sites)
    world.write("a", world.people["a"], sites=slice(0, on_c1))
    store = world.folder / "s"
    world.ingest(store, ["a", "b"], same_person="once")
    rows = varhouse.open(store).same_people().collect()
    assert set(rows["not_in"].explode()) == {"c1"}
    all_of_it = _totals(store).filter(pl.col("stratum_by") == "all")
    people = set(all_of_it.select("contig", "n_samples").unique().rows())
    assert people == {("c1", 8), ("c2", 5), ("X", 5), ("Y", 5)}
    assert [str(p) for p in verify(varhouse.open(store))] == []


def test_who_is_withdrawn_counts_where_he_still_stands(world: World) -> None:
    store = world.folder / "s"
    world.ingest(store, same_person="once")
    withdraw(store, Asked("a", ["A3", "A0"]))
    assert _not_counted(store) == {"b": {"B4"}, "c": {"C7", "D7", "C4"}}
    told = str(varhouse.open(store).same_people().collect().rows())
    assert "'A3'" not in told
    assert "'A0'" not in told
    wanted = _cut(world, "cut", {"b": ("B4",), "c": ("C7", "D7", "C4")})
    withdraw(wanted, Asked("a", ["A3", "A0"]))
    _check(store, wanted)


def test_a_store_that_is_compacted_counts_the_same(world: World) -> None:
    store = world.folder / "s"
    world.ingest(store, same_person="once")
    before = _totals(store)
    compact_store(store)
    assert _totals(store).equals(before)
    assert [str(p) for p in verify(varhouse.open(store))] == []
    # What tells of people is made by whatever changes a cohort, not by an update.
    rows = varhouse.open(store).same_people().collect()
    update_people(store)
    assert varhouse.open(store).same_people().collect().equals(rows)
    assert [str(p) for p in verify(varhouse.open(store))] == []


def test_what_verify_says_of_wrong_counts(world: World) -> None:
    store = world.folder / "s"
    world.ingest(store, ["a", "b"], same_person="once")
    where = {"cohort": "b", "part": "c1"}
    rows = varhouse.open(store).table("frequencies_once", **where).collect()
    says = {
        "sums over cohorts are wrong": rows.with_columns(pl.col("n_missing") * 0),
        "rows count more than frequencies": rows.with_columns(pl.col("n_samples") + 50),
        "alleles of frequencies are not there": rows.filter(pl.col("pos") > 500),
        "rows, of which same_people says nothing": None,
    }
    for number, (text, wrong) in enumerate(says.items()):
        shards, replace = [], [("same_people", {})]
        if wrong is not None:
            wrong = wrong.drop("cohort", "part")
            work = world.folder / f"wrong-{number}"
            shards = [write_shard(wrong, FREQUENCIES_ONCE, work, "x", where)]
            replace = [("frequencies_once", where)]
        base = varhouse.open(store).release
        commit(
            store, [Manifest(shards, replace)],
            ingest_id=f"x{number}", operation="ingest", base_release=base,
        )  # fmt: skip
        assert text in " ".join(p.what for p in verify(varhouse.open(store)))
