"""Which groups may say how many people they have: one answer for all alleles and sites.

How many people a group has is the same at every site, so what one row says of it all rows
say. It is decided once, of the sizes of all groups, by the steps of `tree.py`.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from varhouse.disclosure.cells import ALL, Bools, Cells, Counts, number_cells
from varhouse.disclosure.coarsen import Hierarchy
from varhouse.disclosure.tree import shown_cells
from varhouse.tables.schema import KEY

GROUP = ("cohort", "stratum_by", "stratum")
"""What names a group of people; `cohort` is null of everybody."""


def sizes_of(rows: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """Give how many people groups have: as is known, else as rows say: GROUP and `people`."""
    people = pl.col("n_samples").cast(pl.Int64).max().alias("people")
    found = [rows.group_by(GROUP).agg(people)]
    if known is not None:
        found.append(known.select(*GROUP, pl.col("people").cast(pl.Int64)))
    return pl.concat(found).group_by(GROUP).agg(pl.col("people").max())


def with_totals(sizes: pl.DataFrame) -> pl.DataFrame:
    """Add up the groups of cohorts to those of everybody."""
    own = sizes.filter(pl.col("cohort").is_not_null()).select(*GROUP, "people")
    every = own.group_by("stratum_by", "stratum").agg(pl.col("people").sum())
    none = pl.lit(None, pl.String).alias("cohort")
    return pl.concat([own, every.with_columns(none).select(own.columns)])


def small_groups(
    sizes: pl.DataFrame,
    hierarchy: Hierarchy,
    k: int,
    first: str,
    changed: Sequence[pl.DataFrame] = (),
) -> pl.DataFrame:
    """Name the groups that may not say how many people they have.

    How many came or left since an earlier release is a number of people like any other.

    Parameters
    ----------
    sizes
        GROUP and `people`, of all groups of the cohorts, whether they have rows or not.
    k
        Least number of people that is shown.
    first
        COHORTS or STRATA: as for counts, which of the two is shown where not both can be.
    changed
        GROUP and `people`: of earlier releases, how many are in one of the two alone.

    Returns
    -------
    pl.DataFrame
        GROUP.
    """
    rows = with_totals(sizes).with_columns(
        *(pl.lit(0 if n == "pos" else "").alias(n) for n in KEY),
        n_samples=pl.col("people"),
        an=2 * pl.col("people"),
    )
    cells = number_cells(rows, hierarchy.finer, hierarchy.region_of)
    told = [cells.rows["people"], *(_of_groups(cells, c) for c in changed)]
    people = np.column_stack([t.cast(pl.Int64).to_numpy() for t in told])
    counts = Counts(people, np.full(len(told), k), np.zeros(len(told), np.bool_))
    shown = shown_cells(cells, counts, first, np.zeros(cells.size, np.bool_))
    whole = cells.rows["stratum_by"] == ALL
    # Sizes of cohorts are public: who has fewer than k people is not in a view.
    return cells.rows.filter(pl.Series(~shown) & ~whole).select(GROUP)


def _of_groups(cells: Cells, people: pl.DataFrame) -> pl.Series:
    """Give a number of people of the groups of cells; 0: it is not known."""
    found = cells.rows.select(GROUP).join(
        people.select(*GROUP, "people"),
        on=list(GROUP), how="left", nulls_equal=True, maintain_order="left",
    )  # fmt: skip
    return found["people"].fill_null(0)


def among(cells: Cells, groups: pl.DataFrame) -> Bools:
    """Tell which cells are of one of the groups."""
    named = groups.with_columns(is_small=pl.lit(value=True))
    found = cells.rows.select(GROUP).join(
        named, on=list(GROUP), how="left", nulls_equal=True, maintain_order="left"
    )
    out: Bools = found["is_small"].fill_null(value=False).to_numpy()
    return out
