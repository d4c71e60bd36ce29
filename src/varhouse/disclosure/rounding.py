"""Rounding of counts that may be shown, and of all that is made of them."""

import polars as pl

from varhouse.disclosure.cells import CELL
from varhouse.tables.statistics import STATISTICS, counts_of, made_of

_UNPROTECTED = "n_missing"
"""Small ones are shown, so they may be rounded to none."""


_ROUNDED = tuple(n for n in counts_of("totals") if n != "n_cohorts")


def rounded(count: str, base: int, k: int) -> pl.Expr:
    """Round a count to the nearest multiple of `base`, halves up.

    To none below k: of 21 people and a base of 5 no 20 is shown. Only what is 0 becomes 0.
    """
    n = pl.col(count)
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
    counts = [n for n in _ROUNDED if n in rows.columns]
    rounded_rows = rows.with_columns(rounded(n, base, k).cast(rows.schema[n]) for n in counts)
    made = {**made_of("totals"), **made_of("frequencies")}
    types = {s.name: s.dtype for s in STATISTICS}
    return rounded_rows.with_columns(
        pl.when(pl.col(n).is_not_null()).then(e).cast(types[n]).alias(n)
        for n, e in made.items()
        if n in rows.columns
    )


def unrounded(shown: pl.DataFrame, exact: pl.DataFrame) -> pl.DataFrame:
    """Give rows as they were shown with the counts that they were rounded from.

    Parameters
    ----------
    shown
        Rows as `protect.lay` makes them, null where masked.
    exact
        All rows that they were made of, coarser levels among them.

    Returns
    -------
    pl.DataFrame
        The rows and columns of `shown`; shares and tests stay those of rounded counts.
    """
    counts = [n for n in _ROUNDED if n in shown.columns and n in exact.columns]
    both = shown.join(
        exact.select(*CELL, *counts), on=list(CELL), how="left", suffix="_exact",
        nulls_equal=True, maintain_order="left",
    )  # fmt: skip
    return both.with_columns(
        pl.when(pl.col(n).is_not_null()).then(pl.col(f"{n}_exact")).alias(n) for n in counts
    ).select(shown.columns)
