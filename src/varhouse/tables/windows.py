"""Cutting a partition into windows of positions, each of a bounded number of rows.

One function cuts for all that work through a partition piece by piece. It counts rows by
position, so a window has as many rows as it may whatever the shape of the data: one long
file, thousands of files that begin at one place, many contigs with few rows each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

MAX_POS = 2**31 - 1
"""The greatest position that a column `pos` can hold."""

_BIN = 1 << 12
"""Bases that are counted together where rows are few."""


@dataclass(frozen=True)
class Window:
    """Consecutive positions of one or several contigs, in their order by name.

    Attributes
    ----------
    first, last
        Contig and 1-based position of its ends, which belong to it.
    n_rows
        Rows that were counted in it.
    """

    first: tuple[str, int]
    last: tuple[str, int]
    n_rows: int

    def rows(self) -> pl.Expr:
        """Choose the rows of the window by `contig` and `pos`."""
        contig, pos = pl.col("contig"), pl.col("pos")
        low, high = self.first[1], self.last[1]
        if self.first[0] == self.last[0]:
            return (contig == self.first[0]) & (pos >= low) & (pos <= high)
        after = (contig > self.first[0]) | ((contig == self.first[0]) & (pos >= low))
        before = (contig < self.last[0]) | ((contig == self.last[0]) & (pos <= high))
        return after & before

    def widened(self, bases: int) -> "Window":
        """Give the window with some bases more at either end."""
        first, last = self.first, self.last
        low, high = max(0, first[1] - bases), min(MAX_POS, last[1] + bases)
        return replace(self, first=(first[0], low), last=(last[0], high))

    def touches(self, spans: Mapping[str, Sequence[int]]) -> bool:
        """Tell whether a row may be in it: `spans` is contig to first and last position."""
        return any(
            (contig, high) >= self.first and (contig, low) <= self.last
            for contig, (low, high) in spans.items()
        )


def cut_windows(rows: pl.LazyFrame, at_most: int) -> list[Window]:
    """Cut rows into windows of positions, which together hold all of them.

    Parameters
    ----------
    rows
        Has the columns `contig` and `pos`; only these are read, once, and once more where
        rows are many.
    at_most
        Rows of a window. More only if that many stand at one position, which is never cut.

    Returns
    -------
    list
        In the order of contig (by name) and position; none if there are no rows.
    """
    place = rows.select("contig", pl.col("pos").cast(pl.Int64))
    bins = _count(place, _BIN)
    dense = bins.filter(pl.col("rows") > at_most).select("contig", "bin")
    if dense.height:
        inside = place.with_columns(bin=pl.col("pos") // _BIN).join(
            dense.lazy(), on=["contig", "bin"], how="semi"
        )
        bins = pl.concat(
            [bins.join(dense, on=["contig", "bin"], how="anti"), _count(inside, 1)]
        )
    bins = bins.sort("contig", "first")
    ends = np.cumsum(bins["rows"].to_numpy().astype(np.int64))
    out, start, before = [], 0, 0
    while start < ends.size:
        stop = max(start + 1, int(np.searchsorted(ends, before + at_most, side="right")))
        here, there = bins.row(start, named=True), bins.row(stop - 1, named=True)
        out.append(
            Window(
                (here["contig"], here["first"]),
                (there["contig"], there["last"]),
                int(ends[stop - 1]) - before,
            )
        )
        start, before = stop, int(ends[stop - 1])
    return out


def _count(place: pl.LazyFrame, width: int) -> pl.DataFrame:
    """Count rows by bins of positions: contig, bin, rows, first and last position."""
    return (
        place.group_by("contig", bin=pl.col("pos") // width)
        .agg(rows=pl.len(), first=pl.col("pos").min(), last=pl.col("pos").max())
        .collect(engine="streaming")
    )
