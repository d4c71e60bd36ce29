"""A store with shards that are not committed yet reads as it will be once they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from calls_store import make_calls_store
from gvcf_people import People

import varhouse
from varhouse.ingest.jobs import cohort as gathering
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.settings import SiteSettings
from varhouse.people.staged import StagedStore
from varhouse.query.columns import read_columns
from varhouse.query.matrix import dosage_matrix
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import INGESTS, TABLES
from varhouse.tables.shards import Manifest

OWN = [n for n, t in TABLES.items() if "cohort" in t.partition]
Seen = dict[str, dict[str, Any]]


def look(store: Store, cohort: str) -> dict[str, Any]:
    """Read all of a cohort: its tables, its calls as a matrix, and as bits."""
    found: dict[str, Any] = {}
    for name in OWN:
        rows = store.scan(name).filter(pl.col("cohort") == cohort).collect()
        found[name] = rows.sort(pl.all().exclude(pl.List, pl.Binary), nulls_last=True)
    if found["samples"].height:
        matrix = dosage_matrix(store, read_columns(store, cohort), Selection([]))
        found["matrix"] = (matrix.alleles.rows(), matrix.samples, matrix.dosage.tolist())
        settings = SiteSettings(least_af=0, call_rate=0, spacing=0, most=None)
        packed = read_packed(store, cohort, choose_sites(store, cohort, settings))
        found["packed"] = packed.het.tolist()
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seen:
    """Collect what a store staged during ingests shows of each cohort."""
    out: Seen = {}
    own: Callable[..., list[str]] = gathering.look_at_people

    def stage(
        run: Run, cohort: RunCohort, made: Any, summary: dict[str, Any], folder: Path
    ) -> list[str]:
        hold = own(run, cohort, made, summary, folder)
        place = tmp_path / f"staged-{cohort.name}-{len(list(tmp_path.iterdir()))}"
        manifest = Manifest(made.shards, made.replace, made.remove)
        out[cohort.name] = look(StagedStore(run.base(), [manifest], place), cohort.name)
        return hold

    monkeypatch.setattr(gathering, "look_at_people", stage)
    return out


def check(store: Path, seen: Seen) -> None:
    after = varhouse.open(store)
    for cohort, shown in seen.items():
        wanted = look(after, cohort)
        assert shown.keys() == wanted.keys()
        for name, rows in wanted.items():
            same = shown[name].equals(rows) if isinstance(rows, pl.DataFrame) else (
                shown[name] == rows
            )  # fmt: skip
            assert same, (cohort, name)
    seen.clear()


def test_cohorts_of_a_first_ingest(tmp_path: Path, seen: Seen) -> None:
    (tmp_path / "in").mkdir()
    store = make_calls_store(tmp_path / "in")
    assert seen.keys() == {"a", "b"}
    assert seen["a"]["matrix"][2]
    check(store, seen)


def test_a_cohort_that_grows_and_shrinks(tmp_path: Path, seen: Seen) -> None:
    (tmp_path / "in").mkdir()
    people = People(tmp_path / "in")
    store = people.folder / "s"
    names = [people.write(k) for k in range(6)]
    for files in (names[:3], names[:5], names[1:5], names[2:]):
        people.ingest(store, files)
        (cohort,) = seen
        assert seen[cohort]["samples"].height == len(files)
        check(store, seen)


def test_other_tables_and_cohorts_are_those_of_the_release(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    base = varhouse.open(make_calls_store(tmp_path / "in"))
    going = Manifest([], [("genotypes", {"cohort": "a"}), ("ids", {})])
    staged = StagedStore(base, [going], tmp_path / "staged")
    assert not staged.scan("genotypes", cohort="a").collect().height
    other = base.scan("genotypes", cohort="b").collect()
    assert staged.scan("genotypes", cohort="b").collect().equals(other)
    assert not staged.scan("ids").collect().height
    assert staged.scan(INGESTS.name).collect().equals(base.scan(INGESTS.name).collect())
    assert base.scan("genotypes", cohort="a").collect().height
    assert staged.scan("kits").collect().is_empty()
