"""Whether `callable` is what cohorts with capture kits count: a part of `store verify`.

Of other cohorts `varhouse.verify` asks it by itself; here people are counted at bases for whom
no record or run stands, as a chosen group of people is.
"""

from collections.abc import Iterator

import polars as pl

from varhouse.frequencies.strata import ALL, make_strata
from varhouse.query.cohortstrata import read_strata
from varhouse.query.kitcheck import first_difference
from varhouse.query.people import sheet_rows
from varhouse.store.reader import Store


def check_kits(store: Store) -> Iterator[str]:
    """Count the people of cohorts with kits at every base again, and compare.

    Yields
    ------
    str
        Of each partition that differs, what does, with the first base.
    """
    kits = store.file_frame("kits")
    with_kits = set(kits["partition.cohort"]) if kits.height else set()
    if not with_kits:
        return
    columns = [f"partition.{n}" for n in ("cohort", "part")]
    files = [store.file_frame(table) for table in ("runs", "callable", "kits")]
    places = pl.concat([f.select(columns) for f in files if f.height])
    known = read_strata(store)
    for cohort, part in places.unique().sort(columns).rows():
        if cohort not in with_kits:
            continue
        by = known.filter(pl.col("cohort") == cohort, pl.col("stratum_by") != ALL)
        kinds = by["stratum_by"].unique(maintain_order=True).to_list()
        strata = make_strata(sheet_rows(store, cohort), kinds)
        if (where := first_difference(store, cohort, part, strata)) is not None:
            yield (
                f"cohort {cohort} counts something else than its runs, kits and records, "
                f"first at {where}"
            )
