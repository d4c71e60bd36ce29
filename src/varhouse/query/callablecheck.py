"""Whether the table `callable` is what runs and kits count: a part of `store verify`."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from varhouse.callability.check import differing
from varhouse.callability.tally import Groups
from varhouse.errors import StoreError
from varhouse.frequencies.strata import ALL, Strata, make_strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.query.cohortstrata import read_strata
from varhouse.query.kitcheck import first_difference
from varhouse.query.people import sheet_rows
from varhouse.store.reader import Store
from varhouse.store.verify import Problem


def check_callable(store: Store) -> Iterator[Problem]:
    """Count the people of all cohorts at every base again, and compare with what is stored.

    Yields
    ------
    Problem
        Of each partition that differs, with the first base.
    """
    files = [store.file_frame(table) for table in ("runs", "callable", "kits")]
    columns = [f"partition.{n}" for n in ("cohort", "part")]
    places = pl.concat([f.select(columns) for f in files if f.height] or [pl.DataFrame()])
    if places.is_empty():
        return
    known = read_strata(store)
    regions = dict(store.scan("cohorts").select("cohort", "haploid").collect().rows())
    kits = store.file_frame("kits")
    with_kits = set(kits["partition.cohort"]) if kits.height else set()
    for cohort, part in places.unique().sort(columns).rows():
        by = known.filter(pl.col("cohort") == cohort, pl.col("stratum_by") != ALL)
        kinds = by["stratum_by"].unique(maintain_order=True).to_list()
        strata = make_strata(sheet_rows(store, cohort), kinds)
        if cohort in with_kits:
            if (where := first_difference(store, cohort, part, strata)) is not None:
                yield _differs(cohort, "runs, kits and records", where)
            continue
        groups, labels = _groups(store, cohort, strata)
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
            yield _differs(cohort, "runs", f"{first['contig']}:{first['start']}")


def _differs(cohort: str, what: str, where: str) -> Problem:
    told = f"cohort {cohort} counts something else than its {what}, first at {where}"
    return Problem("callable", "", told)


def _groups(store: Store, cohort: str, strata: Strata) -> tuple[Groups, pl.DataFrame]:
    """Sort the people of a cohort into groups, by ordinal, and name the groups."""
    samples = store.scan("samples", cohort=cohort).select("ordinal").sort("ordinal")
    ordinal = samples.collect()["ordinal"].to_numpy()
    # Ordinals of people who went are nobody's.
    cell = np.zeros(int(ordinal.max(initial=-1)) + 1, np.int32)
    cell[ordinal] = strata.cell
    labels = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
    return Groups.of(cell, strata.member, strata.male, strata.female), labels
