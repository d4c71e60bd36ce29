"""Dropping and replacing cohorts: what is left equals a fresh build of it."""

import json
from pathlib import Path

import polars as pl
import pytest
import store_builders as build
from hypothesis import given, settings
from hypothesis import strategies as st
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, contents, new_store

from varhouse.errors import StoreError
from varhouse.store import retract
from varhouse.store.drop import drop_cohort
from varhouse.store.layout import table_folder
from varhouse.store.reader import open_store
from varhouse.tables import totals
from varhouse.tables.schema import FREQUENCIES, IDS, KEY
from varhouse.tables.totals import sum_cohorts


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A store of three cohorts that share alleles."""
    path = new_store(tmp_path / "three")
    for name, alleles in (("a", COHORT_A), ("b", COHORT_B), ("c", COHORT_C)):
        add_cohort(path, name, alleles, f"ingest-{name}")
    return path


def fresh(path: Path, cohorts: dict) -> Path:
    new_store(path)
    for name, alleles in cohorts.items():
        add_cohort(path, name, alleles, f"again-{name}")
    return path


@pytest.mark.parametrize("gone", ["a", "b", "c"])
def test_drop_equals_a_fresh_build(three: Path, tmp_path: Path, gone: str) -> None:
    before = open_store(three)
    old = before.digest()
    number = drop_cohort(three, gone)
    every = {"a": COHORT_A, "b": COHORT_B, "c": COHORT_C}
    rest = fresh(tmp_path / "rest", {n: a for n, a in reversed(every.items()) if n != gone})
    assert open_store(three).release == number == before.release + 1
    assert contents(three) == contents(rest)
    assert open_store(three).digest() == open_store(rest).digest() != old
    assert before.digest() == old
    assert gone in before.scan("cohorts").collect()["cohort"]


def test_a_dropped_cohort_leaves_no_trace(three: Path) -> None:
    add_cohort(three, "zebra", {("1", 500, "A", "G"): 1, ("1", 10, "A", "C"): 1}, "i-4")
    store = open_store(three)
    assert "zebra" in str([store.scan(t).collect().rows() for t in store.tables])
    drop_cohort(three, "zebra")
    store = open_store(three)
    rows = {t: store.scan(t).collect().rows() for t in store.tables}
    assert "zebra" not in str(rows)
    assert not [f for t in store.tables for f in store.paths(t) if "zebra" in str(f)]
    assert store.scan("variants").filter(pos=500).collect().is_empty()
    assert len(rows["ingests"]) == 4


def test_dropping_all_cohorts_leaves_an_empty_store(three: Path, tmp_path: Path) -> None:
    for name in "bca":
        drop_cohort(three, name)
    assert open_store(three).digest() == open_store(new_store(tmp_path / "new")).digest()
    assert add_cohort(three, "a", COHORT_A, "i-9") == 8
    assert (
        open_store(three).digest()
        == open_store(fresh(tmp_path / "f", {"a": COHORT_A})).digest()
    )


def test_a_replaced_cohort_leaves_nothing(three: Path, tmp_path: Path) -> None:
    changed = {("1", 20, "AT", "A"): 1, ("1", 700, "C", "T"): 2}
    add_cohort(three, "a", changed, "ingest-a2")
    rest = fresh(tmp_path / "rest", {"c": COHORT_C, "b": COHORT_B, "a": changed})
    assert contents(three) == contents(rest)
    assert open_store(three).digest() == open_store(rest).digest()


def test_the_same_cohort_again_changes_nothing(three: Path) -> None:
    before = open_store(three).digest()
    add_cohort(three, "b", COHORT_B, "ingest-b2")
    assert open_store(three).digest() == before


def test_slices_and_windows_do_not_matter(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = {"a": COHORT_A, "b": COHORT_B, "c": COHORT_C}
    rest = fresh(tmp_path / "rest", {n: every[n] for n in "bc"})
    monkeypatch.setattr(retract, "SLICE_ROWS", 1)
    monkeypatch.setattr(totals, "ROWS_AT_ONCE", 1)
    drop_cohort(three, "a")
    assert contents(three) == contents(rest)


def test_only_files_with_orphans_are_written_again(three: Path) -> None:
    before = {f for f in open_store(three).paths("variants")}
    drop_cohort(three, "c")
    after = {f for f in open_store(three).paths("variants")}
    assert {f.parent.name for f in before - after} == {"part=HLA-A%2A01%3A01"}
    assert len(before & after) == 4


def test_an_unknown_cohort(three: Path) -> None:
    with pytest.raises(StoreError, match="has no cohort 'd'"):
        drop_cohort(three, "d")
    assert open_store(three).release == 4


def test_accounts_no_longer_name_the_cohort(three: Path) -> None:
    drop_cohort(three, "a")
    account = open_store(three).scan("ingests").filter(operation="drop").collect()
    assert json.loads(account["summary"].item()) == {
        "alleles_removed": 1,
        "parts": ["1", "HLA-A*01:01"],
    }


ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(1, 3),
        st.sampled_from(["all", "sex"]),
        st.integers(0, 5),
        st.integers(0, 2),
    ),
    unique_by=lambda r: r[:3],
    max_size=20,
)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(ROWS)
def test_totals_are_sums(rows: list) -> None:
    frame = build.fill(
        FREQUENCIES,
        [
            {
                "cohort": c,
                "contig": "1",
                "pos": p,
                "ref": "A",
                "alt": "C",
                "stratum_by": s,
                "stratum": s,
                "ac": ac,
                "an": ac + other,
                "n_samples": ac + other,
            }
            for c, p, s, ac, other in rows
        ],
    )
    expected: dict = {}
    for _, p, s, ac, other in rows:
        old = expected.get((p, s), (0, 0, 0))
        expected[p, s] = (old[0] + ac, old[1] + ac + other, old[2] + (ac + other > 0))
    found = sum_cohorts(frame).sort(KEY)
    columns = ("pos", "stratum_by", "ac", "an", "n_cohorts", "af")
    assert sorted(found.select(columns).rows(), key=repr) == sorted(
        (
            (p, s, ac, an, n, ac / an if an else None)
            for (p, s), (ac, an, n) in expected.items()
        ),
        key=repr,
    )


def test_totals_that_pass_the_integers() -> None:
    row = {"contig": "1", "pos": 1, "ref": "A", "alt": "C", "an": 2**30}
    frame = build.fill(FREQUENCIES, [row | {"cohort": c} for c in "abc"])
    with pytest.raises(StoreError, match="2,147,483,647"):
        sum_cohorts(frame)
    assert sum_cohorts(frame[:1]).schema["an"] == pl.Int32


def test_ids_of_a_source_that_is_joined_anew_go(three: Path, tmp_path: Path) -> None:
    store = open_store(three)
    parts = ["1", "HLA-A*01:01"]
    # The computed ids stand for those of a source here: no cohort goes.
    found = retract.retract(store, [], tmp_path / "w", parts=parts, ids_of=["computed"])
    assert found.alleles == 0
    files = {f for t, f in found.manifest.remove if t == "ids"}
    assert len(files) == len(found.manifest.remove) > 0
    folder = table_folder(store.path, IDS)
    every = {str(f.relative_to(folder)) for f in store.paths("ids")}

    def rows(paths: list[Path]) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(p, hive_partitioning=False) for p in paths])

    left = rows([Path(s.path) for s in found.manifest.shards])
    was = rows([folder / f for f in sorted(files)])
    assert sorted(left.rows()) == sorted(r for r in was.rows() if "computed" not in r)
    assert was.height > left.height > 0
    if every - files:
        assert "computed" not in rows([folder / f for f in every - files])["source"]
    nothing = retract.retract(store, [], tmp_path / "v", parts=parts, ids_of=["source:x"])
    assert nothing.manifest.remove == []
