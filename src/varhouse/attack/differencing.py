"""What two answers about nearly the same people tell of those who are in one alone.

Two releases, a role and a more open one, two groups that somebody asked for: counts of the one
less counts of the other are counts of the people between them. If these are fewer than k, each
difference is about them; if it is one person, it is his genotype at each allele (Homer et al.
2008; Ayoz et al., Proc Priv Enhancing Technol 2021(3):28, genome reconstruction from updates).
"""

from dataclasses import dataclass

import polars as pl

from varhouse.attack.smallcells import CELL, COUNTS, TOTAL
from varhouse.tables.schema import KEY


@dataclass(frozen=True)
class Differences:
    """What a pair of answers tells.

    Attributes
    ----------
    rows
        A row a count whose change is from 1 to k - 1 up or down, with columns of the key,
        `CELL`, `count`, `before`, `after`, `value` (the change), `people` (n_samples after
        less before).
    alleles
        Distinct alleles among them.
    genotypes
        Genotypes of single people that are known exactly: alleles at which one person is
        the difference, in a cell of which both answers show ac.
    """

    rows: pl.DataFrame
    alleles: int
    genotypes: int

    @property
    def cells(self) -> int:
        """How many counts have changed by fewer than k."""
        return self.rows.height


def difference(before: pl.DataFrame, after: pl.DataFrame, k: int) -> Differences:
    """Compare rows of `smallcells.with_scope` of two answers.

    A count that one of them masks or lacks tells nothing here: that an allele was hidden is
    no count. Rows of alleles or cells that `before` lacks altogether are left out.
    """
    join = [*KEY, *CELL]
    shown = [c for c in COUNTS if c in before.columns and c in after.columns]
    people = [c for c in ("n_samples", "an") if c in before.columns and c in after.columns]
    kept = [*shown, *people]
    pairs = after.select(*join, *kept).join(
        before.select(*join, *kept), on=join, how="inner", suffix="_before", nulls_equal=True
    )
    came = (
        pl.col("n_samples") - pl.col("n_samples_before")
        if "n_samples" in people
        else pl.lit(None)
    ).cast(pl.Int64)
    found = [
        pairs.select(
            *join,
            count=pl.lit(c),
            before=pl.col(f"{c}_before").cast(pl.Int64),
            after=pl.col(c).cast(pl.Int64),
            value=(pl.col(c) - pl.col(f"{c}_before")).cast(pl.Int64),
            people=came,
        ).filter(pl.col("value").abs().is_between(1, k - 1))
        for c in shown
    ]
    rows = pl.concat(found) if found else pairs.select(join)
    exact = _genotypes(pairs) if k > 1 and "ac" in shown else 0
    return Differences(rows, rows.select(KEY).n_unique() if rows.height else 0, exact)


def _genotypes(pairs: pl.DataFrame) -> int:
    """Count alleles at which the difference is one person's genotype."""
    if "n_samples" not in pairs.columns:
        return 0
    one = (pl.col("n_samples") - pl.col("n_samples_before")).abs() == 1
    called = pl.col("ac").is_not_null() & pl.col("ac_before").is_not_null()
    return pairs.filter(one & called).select(KEY).n_unique()


def rest_of(whole: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Give totals of one answer less totals of another: those whom the second leaves out.

    For views of two roles, the more open one as `parts`. Columns: key, stratum, counts.
    """
    join = [*KEY, "stratum_by", "stratum"]
    shown = [c for c in (*COUNTS, "an", "n_samples") if c in whole.columns]
    return (
        whole.filter(pl.col("scope") == TOTAL)
        .join(
            parts.filter(pl.col("scope") == TOTAL).select(*join, *shown),
            on=join,
            how="inner",
            suffix="_less",
        )
        .select(*join, *(pl.col(c) - pl.col(f"{c}_less") for c in shown))
        .with_columns(scope=pl.lit(TOTAL))
    )
