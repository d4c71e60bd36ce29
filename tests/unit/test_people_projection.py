"""A cohort on the axes of another, from an ingested store."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from ancestries import draw_people
from pedigrees import Genome, make_people_store

import varhouse
from varhouse.errors import StoreError, UsageError
from varhouse.people.ancestry import ancestry
from varhouse.people.kinship import related
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.projection import project, stacked
from varhouse.people.settings import AncestrySettings, PeopleSettings, SiteSettings
from varhouse.tables.peopletables import ANCESTRY
from varhouse.tables.schema import check_table

GENOME = Genome(contigs=("c1", "c2", "c3", "c4"), per_contig=200)
SETTINGS = PeopleSettings(
    sites=SiteSettings(spacing=0), ancestry=AncestrySettings(r2=1.0), axes=3
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Cohort `a` of three populations; `b` more people of these, `d` a few sites of them."""
    sizes = {"red": 36, "blue": 32, "green": 28}
    dosage, labels = draw_people(sizes, GENOME.size, fst=0.1, missing=0.01)
    label = np.array(labels)
    first = np.sort(np.concatenate([np.flatnonzero(label == n)[:-8] for n in sizes]))
    second = np.setdiff1d(np.arange(label.size), first)
    names = {"a": first, "b": second}
    cohorts = {c: [([f"{c}{i:03}" for i in rows], dosage[rows])] for c, rows in names.items()}
    few = dosage[second].copy()
    few[:, 30:] = -1
    cohorts["d"] = [([f"d{i:03}" for i in second], few)]
    sheet = [
        {"cohort": c, "sample": f"{c}{i:03}", "sex": "female", "population": labels[i]}
        for c, rows in {**names, "d": second}.items()
        for i in rows
    ]
    path = make_people_store(tmp_path_factory.mktemp("world"), GENOME, cohorts, sheet)
    store = varhouse.open(path)
    packed = read_packed(store, "a", choose_sites(store, "a", SETTINGS.sites))
    pairs, _ = related(store, "a", packed, SETTINGS)
    made = ancestry(store, "a", packed, pairs, SETTINGS)
    return SimpleNamespace(
        store=WithAxes(store, made), made=made, label=label[second], plain=store
    )


class WithAxes:
    """A store that holds axes of cohort `a`; all else is that of another store."""

    def __init__(self, store, made):
        self.store = store
        self.tables = {
            "ancestry": made.samples, "ancestry_axes": made.axes,
            "ancestry_loadings": made.loadings,
        }  # fmt: skip

    def scan(self, table, **filters):
        if table in self.tables and filters == {"cohort": "a"}:
            return self.tables[table].sample(fraction=1, shuffle=True, seed=1).lazy()
        return self.store.scan(table, **filters)

    def __getattr__(self, name):
        return getattr(self.store, name)


def test_people_fall_on_their_population(world):
    found = project(world.store, "b", "a")
    check_table(found.with_columns(cohort=pl.lit("b")).select(ANCESTRY.names), ANCESTRY)
    assert found["sample"].to_list() == sorted(found["sample"])
    assert found["nearest"].to_list() == world.label.tolist()
    assert found["population"].to_list() == world.label.tolist()
    assert found["axes"].unique().to_list() == ["a"]
    assert not found["made_axes"].any()
    assert not found["outlier"].any()
    assert found["distance"].null_count() == 0
    inside = world.made.samples.with_columns(s=pl.col("scores").list.to_array(3))
    for name in ("red", "blue", "green"):
        own = np.stack(inside.filter(pl.col("population") == name)["s"].to_list())[:, :2]
        there = stacked(found["scores"])[world.label == name][:, :2]
        assert (np.abs(there - own.mean(axis=0)) < 4.5 * own.std(axis=0)).all()


def test_few_sites_give_no_place(world):
    with pytest.raises(StoreError, match=r"d has calls at 30 of the .* a place on them takes"):
        project(world.store, "d", "a")
    found = project(world.store, "d", "a", AncestrySettings(error=10))
    assert found["scores"].list.get(0).null_count() == 0


def test_populations_that_the_other_lacks(world):
    other = world.store.tables["ancestry"]
    gone = other.with_columns(
        population=pl.when(pl.col("population") != "green").then("population")
    )
    store = WithAxes(world.plain, world.made)
    store.tables = {**store.tables, "ancestry": gone}
    found = project(store, "b", "a")
    green = found.filter(pl.col("population") == "green")
    assert green["distance"].null_count() == green["outlier"].null_count() == green.height > 0
    assert set(found["nearest"]) == {"red", "blue"}


def test_what_is_refused(world):
    with pytest.raises(UsageError, match="own samples"):
        project(world.store, "a", "a")
    with pytest.raises(StoreError, match="b has no axes of ancestry"):
        project(world.store, "a", "b")
    with pytest.raises(StoreError, match="no cohort 'x'"):
        project(world.store, "x", "a")


def test_stacked_lists():
    values = pl.Series([[1.0, None], [2.0, 3.0]])
    assert np.array_equal(stacked(values), [[1, np.nan], [2, 3]], equal_nan=True)
    assert stacked(values[:0]).shape == (0, 0)
    assert stacked(pl.Series([[], []], dtype=pl.List(pl.Float64))).shape == (2, 0)
