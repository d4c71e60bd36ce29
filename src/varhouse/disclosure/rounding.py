"""Rounding of counts that may be shown, and of all that is made of them."""

import polars as pl

from varhouse.tables.statistics import STATISTICS, counts_of, made_of


def round_counts(rows: pl.DataFrame, base: int) -> pl.DataFrame:
    """Round counts to the nearest multiple of `base`, halves up; shares are made of these.

    What is null stays null, and what is 0 stays 0: counts that may be shown are not so small
    that they would become 0.
    """
    counts = [n for n in counts_of("totals") if n in rows.columns and n != "n_cohorts"]
    rounded = rows.with_columns(
        ((pl.col(n) + base // 2) // base * base).cast(rows.schema[n]) for n in counts
    )
    made = {**made_of("totals"), **made_of("frequencies")}
    types = {s.name: s.dtype for s in STATISTICS}
    return rounded.with_columns(
        pl.when(pl.col(n).is_not_null()).then(e).cast(types[n]).alias(n)
        for n, e in made.items()
        if n in rows.columns
    )
