"""Rows about people of other cohorts that name a cohort: they go, or change, with it.

Tables of people are replaced with their cohort, in whose partition they lie. Two of them name
another one: who is the same person as a sample of it (same_people), and on whose axes of
ancestry somebody is (ancestry).
"""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from varhouse.store.reader import Store
from varhouse.tables.declaration import Table
from varhouse.tables.peopletables import ANCESTRY, SAME_PEOPLE
from varhouse.tables.shards import Manifest, Shard, write_shard

NAMING = {SAME_PEOPLE: ("first_cohort", "with_cohort"), ANCESTRY: ("axes",)}
"""Table to its columns with the name of a cohort that need not be the row's."""


def without_naming(
    store: Store,
    cohorts: Collection[str],
    directory: Path,
    *,
    passed_over: Collection[Table] = (),
) -> Manifest:
    """Write rows of people of other cohorts again, without those that name some cohorts.

    Parameters
    ----------
    cohorts
        Those that are replaced or go, with their own rows.
    directory
        Takes the shards; made if there are any.
    passed_over
        Tables that are made anew as a whole.
    """
    shards: list[Shard | None] = []
    replace = []
    for table, columns in NAMING.items():
        if table.name not in store.tables or table in passed_over:
            continue
        others = ~pl.col("cohort").is_in(list(cohorts))
        named = pl.any_horizontal(pl.col(c).is_in(list(cohorts)) for c in columns)
        rows = store.scan(table.name).filter(others)
        touched = rows.filter(named).select("cohort").unique().collect()["cohort"]
        for other in sorted(touched):
            left = rows.filter((pl.col("cohort") == other) & ~named).collect()
            name = f"{table.name}-{len(shards):05d}"
            shards.append(write_shard(left, table, directory, name, {"cohort": other}))
            replace.append((table.name, {"cohort": other}))
    return Manifest([s for s in shards if s is not None], replace)
