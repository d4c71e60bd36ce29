"""Merging sorted files into one sequence of sorted rows, in bounded memory.

Of each file some rows are held. Sorted together, all rows up to the first that is the last
one held of a file with more to come can go: whatever is still unread sorts behind it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

LEAST_ROWS = 256
"""Rows that are read of a file at once, however many files there are."""

_FILE, _ENDS = "_file", "_ends"


@dataclass
class Source:
    """A sorted file: its number of rows, and how some of them are read.

    `read` takes the 0-based number of the first row and how many; it may give fewer.
    """

    rows: int
    read: Callable[[int, int], pl.DataFrame]
    done: int = 0
    held: pl.DataFrame = field(default_factory=pl.DataFrame)

    def fill(self, rows: int) -> None:
        """Read on if few rows are held; some are afterwards, unless the file has ended."""
        while self.done < self.rows and (not self.held.height or self.held.height < rows // 2):
            new = self.read(self.done, rows)
            self.done = min(self.done + rows, self.rows)
            self.held = pl.concat([self.held, new]) if self.held.height else new


def merge(
    sources: Sequence[Source], order: Sequence[str], at_once: int, least: int | None = None
) -> Iterator[pl.DataFrame]:
    """Give the rows of sorted files in one order, some at a time.

    Parameters
    ----------
    sources
        Files of the same columns, each sorted by `order`, nulls first.
    order
        Columns to sort by; rows that are equal in them come in the order of the files.
    at_once
        Rows in memory, about.
    least
        Rows that are read of a file at once, however many files there are [LEAST_ROWS].
    """
    least = LEAST_ROWS if least is None else least
    each = max(at_once // max(len(sources), 1), least)
    while True:
        for source in sources:
            source.fill(each)
        there = [s for s in sources if s.held.height]
        if not there:
            return
        if len(there) == 1:
            yield there[0].held
            there[0].held = there[0].held.clear()
            continue
        yield _take(there, order)


def _take(there: Sequence[Source], order: Sequence[str]) -> pl.DataFrame:
    """Take what can go of the rows that several files hold."""
    marked = [
        s.held.with_columns(
            pl.lit(i, pl.Int32).alias(_FILE),
            (pl.int_range(pl.len()) == pl.len() - 1).and_(s.done < s.rows).alias(_ENDS),
        )
        for i, s in enumerate(there)
    ]
    rows = pl.concat(marked).sort(order, maintain_order=True)
    first = rows[_ENDS].arg_max() or 0
    stop = first + 1 if rows[_ENDS][first] else rows.height
    left = rows[stop:].drop(_ENDS).partition_by(_FILE, as_dict=True, include_key=False)
    for i, source in enumerate(there):
        source.held = left.get((i,), source.held.clear())
    return rows[:stop].drop(_FILE, _ENDS)
