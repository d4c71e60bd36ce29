"""Counts of cohorts without people who count in another one (`policy.same_person: once`).

The table same_people says in which partitions a cohort is counted without somebody. There
totals are sums of `frequencies_once` and `callable_once`, and these are of the same alleles as
what the cohort counts, and count no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from varhouse.verify.figures import COUNTS

TABLE, BASES = "frequencies_once", "callable_once"
"""What stands in the place of frequencies and of callable."""


@dataclass
class Once:
    """What is counted otherwise in a partition.

    Attributes
    ----------
    cohorts
        Numbers of the cohorts that are counted without somebody.
    bases
        What `callable_once` says of some places, as the merge takes it of callable.
    """

    cohorts: set[int] = field(default_factory=set)
    bases: Any = None

    def among(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give the rows of these cohorts."""
        return rows.filter(pl.col("cohort").is_in(self.cohorts)) if rows.height else rows

    def counted(self, rows: pl.DataFrame, once: pl.DataFrame) -> pl.DataFrame:
        """Give the rows of a window that totals are sums of."""
        if not self.cohorts or not rows.height:
            return rows
        whole = rows.filter(~pl.col("cohort").is_in(self.cohorts))
        return pl.concat([whole, once.select(whole.columns)]) if once.height else whole


def left_out(rows: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """Say of partitions which cohorts are counted without somebody, of rows of same_people."""
    out: dict[str, set[str]] = {}
    for row in rows:
        for part in row.get("not_in") or ():
            out.setdefault(part, set()).add(row["cohort"])
    return out


def wrong_rows(
    rows: pl.DataFrame, once: pl.DataFrame, all_of_it: int
) -> list[tuple[str, pl.DataFrame]]:
    """Find what cannot be of a window: rows of other alleles, or that count more.

    Parameters
    ----------
    rows, once
        Rows of frequencies and of frequencies_once of cohorts counted without somebody.
    all_of_it
        What stands for the stratum kind `all`.
    """
    key = ["h", "s", "cohort"]
    lone = once.join(rows, on=key, how="anti") if rows.height else once
    out = [("rows that frequencies has not,", lone)]
    if rows.height:
        whole = rows.filter(pl.col("b") == all_of_it)
        lost = whole.join(once, on=key, how="anti") if once.height else whole
        out.append(("alleles of frequencies are not there,", lost))
    if rows.height and once.height:
        both = once.join(rows.select(*key, *COUNTS), on=key, suffix="_of")
        more = both.filter(pl.any_horizontal(pl.col(n) > pl.col(f"{n}_of") for n in COUNTS))
        out.append(("rows count more than frequencies,", more))
    return [(what, bad) for what, bad in out if bad.height]
