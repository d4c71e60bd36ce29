"""Rounding of counts that may be shown, and of all that is made of them."""

import polars as pl

from varhouse.tables.statistics import STATISTICS, counts_of, made_of

_UNPROTECTED = "n_missing"
"""Small ones are shown, so they may be rounded to none."""


def rounded(count: str, base: int, k: int) -> pl.Expr:
    """Round a count to the nearest multiple of `base`, halves up.

    To none below k: of 21 people and a base of 5 no 20 is shown. Only what is 0 becomes 0.
    """
    n = pl.col(count)
    if base == 1:
        # Nothing is rounded: of masked counts the true ones are compared between releases.
        return n
    nearest = (n + base // 2) // base * base
    if count == _UNPROTECTED:
        return nearest.alias(count)
    least = -(-k // base) * base
    return pl.when(n > 0).then(pl.max_horizontal(nearest, least)).otherwise(n).alias(count)


def round_counts(rows: pl.DataFrame, base: int, k: int) -> pl.DataFrame:
    """Round counts to multiples of `base` (`rounded`); shares are made of these.

    What is null stays null. A 0 of what is protected is true: nobody is there. To multiples
    of 1: rows as they are.
    """
    if base == 1:
        return rows
    counts = [n for n in counts_of("totals") if n in rows.columns and n != "n_cohorts"]
    rounded_rows = rows.with_columns(rounded(n, base, k).cast(rows.schema[n]) for n in counts)
    made = {**made_of("totals"), **made_of("frequencies")}
    types = {s.name: s.dtype for s in STATISTICS}
    return rounded_rows.with_columns(
        pl.when(pl.col(n).is_not_null()).then(e).cast(types[n]).alias(n)
        for n, e in made.items()
        if n in rows.columns
    )
