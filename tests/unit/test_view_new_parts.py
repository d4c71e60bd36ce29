"""Chromosomes of which the release before showed nothing: sizes of groups are as elsewhere."""

from pathlib import Path

import numpy as np
import polars as pl
from view_builders import PROVINCES, People, govern, put_cohorts

from varhouse.governed import view_folder
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.reader import open_store

BEIJING, ZHEJIANG = PROVINCES


def people(beijing: int, zhejiang: int, alleles: list[str]) -> People:
    """Draw people of two provinces; of more the first are the same."""
    provinces = [BEIJING] * beijing + [ZHEJIANG] * zhejiang
    names = [
        f"{p}-{i}" for p, n in ((BEIJING, beijing), (ZHEJIANG, zhejiang)) for i in range(n)
    ]
    copies = {
        a: np.random.default_rng(1).binomial(2, 0.5, len(names)).tolist() for a in alleles
    }
    return People(names, copies, provinces)


def sizes(store: Path) -> dict[tuple[str, str], int | None]:
    rows = open_store(view_folder(store, "public")).scan("totals")
    found = rows.filter(pl.col("stratum_by") == "province").collect()
    return {(c, s): n for c, s, n in found.select("contig", "stratum", "n_samples").rows()}


def test_that_few_joined_is_said_of_no_chromosome(tmp_path: Path) -> None:
    """Two of the 14 who joined are of Zhejiang, and chr2 was not there before."""
    store = tmp_path / "store"
    put_cohorts(store, {"alpha": people(30, 30, ["chr1-100-A-T"])})
    govern(store, {"alpha": "T0"}, people=100)
    release_view(Wanted(store, "public"))
    assert sizes(store) == {("chr1", BEIJING): 30, ("chr1", ZHEJIANG): 30}
    put_cohorts(store, {"alpha": people(42, 32, ["chr1-100-A-T", "chr2-100-A-T"])})
    release_view(Wanted(store, "public"))
    now = sizes(store)
    assert {c for c, _ in now} <= {"chr1", "chr2"}
    assert set(now.values()) <= {None}
    assert open_store(view_folder(store, "public")).scan("totals").filter(
        pl.col("contig") == "chr2", pl.col("stratum_by") == "all"
    ).collect()["n_samples"].to_list() == [74]


def test_what_was_hidden_of_a_whole_chromosome_comes_in_as_elsewhere(tmp_path: Path) -> None:
    """Eight copies were hidden, of the only allele of chr2; with ten that joined it is 18."""
    store = tmp_path / "store"
    shared = {"chr1-100-A-T": [1] * 30 + [0] * 30 + [2] * 5}
    for n in (60, 65):
        copies = shared | {"chr2-100-A-T": [2] * 4 + [0] * 56 + [2] * 5}
        names = [f"A-{i}" for i in range(n)]
        put_cohorts(store, {"alpha": People(names, {a: c[:n] for a, c in copies.items()})})
        if n == 60:
            govern(store, {"alpha": "T0"}, people=100)
        release_view(Wanted(store, "public"))
    totals = open_store(view_folder(store, "public")).scan("totals").collect()
    assert set(totals["contig"]) == {"chr1"}
