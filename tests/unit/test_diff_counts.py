"""Which counts moved between two releases, and what moved them."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from gvcf_people import People
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, new_store
from store_words import run

import varhouse
from varhouse.errors import UsageError
from varhouse.store import diff, diffcounts
from varhouse.store.compact import compact_store
from varhouse.store.diffcounts import LARGEST, explain_moves
from varhouse.store.drop import drop_cohort

MORE = {**COHORT_A, ("1", 10, "A", "C"): 4, ("1", 400, "G", "T"): 2}


@pytest.fixture(scope="module")
def fx_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 empty, 2 a, 3 a and b, 4 a has other calls, 5 b is dropped, 6 c comes, 7 compacted."""
    path = new_store(tmp_path_factory.mktemp("moves") / "s")
    add_cohort(path, "a", COHORT_A, "i1")
    add_cohort(path, "b", COHORT_B, "i2")
    add_cohort(path, "a", MORE, "i3")
    drop_cohort(path, "b")
    add_cohort(path, "c", COHORT_C, "i4")
    compact_store(path)
    return path


def moves(path: Path, old: int, new: int) -> dict[str, Any]:
    return explain_moves(varhouse.open(path, old), varhouse.open(path, new))


def counts(path: Path, release: int, table: str, cohort: str | None = None) -> dict:
    """AC and AN by allele, read row by row."""
    rows = varhouse.open(path, release).scan(table).collect()
    if "cohort" in rows.columns and cohort:
        rows = rows.filter(pl.col("cohort") == cohort)
    return {
        (r["contig"], r["pos"], r["ref"], r["alt"]): (r["ac"], r["an"])
        for r in rows.iter_rows(named=True)
        if r["stratum_by"] == "all"
    }


def slowly(path: Path, old: int, new: int, table: str, cohort: str | None = None) -> dict:
    """What moved, allele by allele."""
    before, after = counts(path, old, table, cohort), counts(path, new, table, cohort)
    moved = {
        k: (before.get(k, (0, 0)), after.get(k, (0, 0)))
        for k in {*before, *after}
        if before.get(k, (0, 0)) != after.get(k, (0, 0))
    }
    sums = [[sum(m[s][c] for m in moved.values()) for s in (0, 1)] for c in (0, 1)]
    return {"alleles": len(moved), "ac": sums[0], "an": sums[1]}


@pytest.mark.parametrize("window", [1, 100_000])
@pytest.mark.parametrize(("old", "new"), [(1, 3), (2, 6), (3, 4), (3, 5), (6, 3), (4, 7)])
def test_what_moved_is_what_a_slow_reader_finds(
    fx_store: Path, old: int, new: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff, "WINDOW_ROWS", window)
    found = moves(fx_store, old, new)
    wanted = slowly(fx_store, old, new, "totals")
    assert {k: found["totals"][k] for k in wanted} == wanted
    for cohort in found["cohorts"]:
        wanted = slowly(fx_store, old, new, "frequencies", cohort["cohort"])
        assert {k: cohort[k] for k in wanted} == wanted
        assert len(cohort["largest"]) == min(LARGEST, cohort["alleles"])
    keys = [set(counts(fx_store, n, "totals")) for n in (old, new)]
    assert found["alleles"] == {
        "added": len(keys[1] - keys[0]), "gone": len(keys[0] - keys[1]),
    }  # fmt: skip


def test_causes(fx_store: Path) -> None:
    def causes(old: int, new: int) -> dict[str, str]:
        return {c["cohort"]: c["cause"] for c in moves(fx_store, old, new)["cohorts"]}

    assert causes(2, 3) == {"b": "came"}
    assert causes(3, 4) == {"a": "calls"}
    assert causes(4, 5) == {"b": "went"}
    assert causes(3, 6) == {"a": "calls", "b": "went", "c": "came"}
    # The other way round; a release that says the same moves nothing.
    assert causes(6, 3) == {"a": "calls", "b": "came", "c": "went"}
    assert moves(fx_store, 6, 7)["totals"]["alleles"] == 0
    went = moves(fx_store, 4, 5)["cohorts"][0]
    assert went["releases"] == [{"release": 5, "operation": "drop", "reason": None}]


def test_the_largest_moves_come_first(fx_store: Path) -> None:
    (found,) = moves(fx_store, 3, 4)["cohorts"]
    assert found["largest"] == [
        {"allele": "1-10-A-C", "ac": [1, 4], "an": [8, 8]},
        {"allele": "1-400-G-T", "ac": [0, 2], "an": [0, 8]},
    ]


def test_people_and_withdrawals_are_told_apart() -> None:
    def told(operation: str, people: list[int | None]) -> str:
        found = {
            "release": 2, "operation": operation, "cohorts": {"a": {}},
            "event": {"reason": "consent"},
        }  # fmt: skip
        return str(diffcounts._cause("a", people, [found])["cause"])

    assert told("withdraw", [4, 3]) == "withdrawal"
    assert told("ingest", [4, 3]) == "people"
    assert told("ingest", [4, 4]) == "calls"
    assert told("withdraw", [4, None]) == "went"


@pytest.fixture(scope="module")
def fx_grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gVCFs: release 2 of two people, 3 of four."""
    people = People(tmp_path_factory.mktemp("grown"))
    store = people.folder / "store"
    names = [people.write(k) for k in range(4)]
    people.ingest(store, names[:2])
    people.ingest(store, names)
    return store


@pytest.mark.parametrize("window", [1, 100_000])
@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 3), (3, 2)])
def test_no_row_of_gvcfs_is_no_an_of_zero(
    fx_grown: Path, old: int, new: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has no row of an allele may be called as the reference at it."""
    monkeypatch.setattr(diff, "WINDOW_ROWS", window)
    found = moves(fx_grown, old, new)
    for told, table, cohort in (
        (found["totals"], "totals", None),
        (found["cohorts"][0], "frequencies", "c"),
    ):
        before, after = (
            counts(fx_grown, old, table, cohort),
            counts(fx_grown, new, table, cohort),
        )
        none = [sum(k not in s for k in {*before, *after}) for s in (before, after)]
        if old == 1:
            # Nobody was there: all is new.
            assert told["no_row"] == [0, 0]
            assert told["alleles"] == len(after)
            assert told["an"][0] == 0
            continue
        both = {k for k in before if k in after and before[k] != after[k]}
        assert told["no_row"] == none
        assert sum(none) > 0
        assert told["alleles"] == len(both) > 0
        assert told["an"] == [sum(s[k][1] for k in both) for s in (before, after)]
        assert all(min(m["an"]) > 0 for m in told["largest"])
    lines = [line for line in diffcounts.describe_moves(found) if "without a row" in line]
    assert len(lines) == (0 if old == 1 else 2)


def test_command(fx_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", fx_store, "3", "5", "--counts") == 0
    text = capsys.readouterr().out
    assert "cohort b: went, people" in text
    assert "drop 5" in text
    assert run("diff", fx_store, "3", "5", "--counts", "--json", "--public") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["old"], told["new"]) == (3, 5)
    for words in (("--json",), ("--counts", "--format", "tsv"), ("--counts", "--table", "x")):
        with pytest.raises(UsageError, match="--json alone"):
            run("diff", fx_store, "3", "5", *words)
