"""Whether the table `callable` is what the table `runs` counts: a part of `store verify`."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from varhouse.callability.check import differing
from varhouse.callability.tally import Groups
from varhouse.errors import StoreError
from varhouse.frequencies.strata import ALL, make_strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.query.cohortstrata import read_strata
from varhouse.query.people import sheet_rows
from varhouse.store.reader import Store
from varhouse.store.verify import Problem


def check_callable(store: Store) -> Iterator[Problem]:
    """Count the runs of all cohorts again, and compare with what is stored.

    Not of cohorts with capture kits, whose people without runs stand in the same rows.

    Yields
    ------
    Problem
        Of each partition that differs, with the first base.
    """
    files = [store.file_frame(table) for table in ("runs", "callable")]
    columns = [f"partition.{n}" for n in ("cohort", "part")]
    places = pl.concat([f.select(columns) for f in files if f.height] or [pl.DataFrame()])
    if places.is_empty():
        return
    strata = read_strata(store)
    regions = dict(store.scan("cohorts").select("cohort", "haploid").collect().rows())
    kits = store.file_frame("kits")
    with_kits = set(kits["partition.cohort"]) if kits.height else set()
    for cohort, part in places.unique().sort(columns).rows():
        if cohort in with_kits:
            continue
        by = strata.filter(pl.col("cohort") == cohort, pl.col("stratum_by") != ALL)
        kinds = by["stratum_by"].unique(maintain_order=True).to_list()
        groups, labels = _groups(store, cohort, kinds)
        haploid = HaploidRegions.from_json(regions[cohort], store.assembly_contigs)
        runs, rows = (
            [str(p) for p in store.paths(table, cohort=cohort, part=part)]
            for table in ("runs", "callable")
        )
        try:
            off = next(differing(runs, rows, groups, labels, haploid), None)
        except StoreError as error:
            yield Problem("callable", "", f"cohort {cohort}: {error.message}")
            continue
        if off is not None:
            first = off.row(0, named=True)
            where = f"{first['contig']}:{first['start']}"
            what = f"cohort {cohort} counts something else than its runs, first at {where}"
            yield Problem("callable", "", what)


def _groups(store: Store, cohort: str, by: list[str]) -> tuple[Groups, pl.DataFrame]:
    """Sort the people of a cohort into groups, by ordinal, and name the groups."""
    strata = make_strata(sheet_rows(store, cohort), by)
    samples = store.scan("samples", cohort=cohort).select("ordinal").sort("ordinal")
    ordinal = samples.collect()["ordinal"].to_numpy()
    # Ordinals of people who went are nobody's.
    cell = np.zeros(int(ordinal.max(initial=-1)) + 1, np.int32)
    cell[ordinal] = strata.cell
    labels = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
    return Groups.of(cell, strata.member, strata.male, strata.female), labels
