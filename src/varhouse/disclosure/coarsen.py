"""Coarser strata: levels above a column of the sample sheet, and strata of few people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from varhouse.tables.schema import KEY
from varhouse.tables.statistics import counts_of, made_of, unknown_of


@dataclass(frozen=True)
class Hierarchy:
    """Levels of a column: what its values are part of (provinces of regions).

    Attributes
    ----------
    column
        The column; empty: no levels.
    level
        What strata of the coarser level are called (`stratum_by`).
    above
        Value to the value of the coarser level. A value that is not in it stays by itself.
    """

    column: str = ""
    level: str = "region"
    above: Mapping[str, str] = field(default_factory=dict)

    @property
    def finer(self) -> dict[str, str]:
        """Give the kind of strata and the kind of its coarser level."""
        return {self.column: self.level} if self.column else {}

    @property
    def region_of(self) -> dict[str, dict[str, str]]:
        """Give the values of the coarser level by the kind of strata."""
        return {self.column: dict(self.above)} if self.column else {}


def add_levels(rows: pl.DataFrame, hierarchy: Hierarchy) -> tuple[pl.DataFrame, Hierarchy]:
    """Add rows of the coarser level, which add up those of its column.

    Returns
    -------
    tuple
        The rows, and the hierarchy; none where the rows have no such column, or have strata of
        their own that are called as the level.
    """
    by = rows["stratum_by"]
    if (
        not hierarchy.column
        or not (by == hierarchy.column).any()
        or (by == hierarchy.level).any()
    ):
        return rows, Hierarchy()
    fine = rows.filter(pl.col("stratum_by") == hierarchy.column)
    level = pl.lit(hierarchy.level).alias("stratum_by")
    above = pl.col("stratum").replace(dict(hierarchy.above))
    coarse = add_up(fine.with_columns(level, stratum=above))
    return pl.concat([rows, coarse], how="diagonal"), hierarchy


def add_up(rows: pl.DataFrame) -> pl.DataFrame:
    """Add rows of one name up: rows of groups of people that have nobody in common."""
    names = [n for n in (*KEY, "cohort", "stratum_by", "stratum", "part") if n in rows.columns]
    counts = [n for n in counts_of("totals") if n in rows.columns]
    sums = [pl.col(n).sum() for n in counts if n != "n_cohorts"]
    if "n_cohorts" in counts:
        # Of several strata: those cohorts that the greatest one has, at least.
        sums.append(pl.col("n_cohorts").max())
    summed = rows.group_by(names, maintain_order=True).agg(sums)
    types = [pl.col(n).cast(rows.schema[n]) for n in counts]
    out = summed.with_columns(types).with_columns(
        **{n: e for n, e in unknown_of("totals").items() if n in rows.columns}
    )
    made = {**made_of("totals"), **made_of("frequencies")}
    out = out.with_columns(e.alias(n) for n, e in made.items() if n in rows.columns)
    # call_rate is of a cohort alone.
    if "call_rate" in out.columns and "cohort" in out.columns:
        rates = [n for n in ("call_rate", "call_rate_adj") if n in out.columns]
        out = out.with_columns(
            pl.when(pl.col("cohort").is_not_null()).then(pl.col(n)).alias(n) for n in rates
        )
    return out
