"""Sorted rows as they come: what a sorted file needs instead of sorting on disk.

Files of annotations are sorted by position as a rule, and left alignment carries an allele
a little to the front at most. So rows are held until all that may still come lies behind
them. The first row that breaks the order ends that: `compile.py` then takes back what it
has written, and sorts all of it with `spill.py`, without reading the file again.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

SLACK = 5_000
"""Bases that left alignment may carry an allele before its neighbours."""

HELD_ROWS = 100_000
"""Rows that are looked at together: shorter pieces are held until there are so many."""

MOST_ROWS = 2_000_000
"""Rows of `SLACK` bases that are held at most; more are sorted on disk."""


class NotInOrderError(Exception):
    """The rows have to be sorted on disk."""


class InOrder:
    """Takes frames of a sorted file and gives their rows sorted.

    Parameters
    ----------
    place
        Name of the column of positions.
    order
        Columns that rows are sorted by, `contig` apart: `key`, or `start` and `end`.
    slack
        Positions that a row may come too late by.
    """

    def __init__(self, place: str, order: list[str], slack: int) -> None:
        self._place, self._order, self._slack = place, order, slack
        self._contig: str | None = None
        self._seen: set[str] = set()
        self._floor = -1
        self._rows = 0
        self._enough = HELD_ROWS
        self.held: list[pl.DataFrame] = []
        """What was taken and not given yet, in the order in which it came."""

    def add(self, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Take rows; gives frames of one contig each, sorted, behind all given before.

        All rows are in `held` or were given when this raises.

        Raises
        ------
        NotInOrderError
            If a row comes too late, or a contig again.
        """
        if frame.is_empty():
            return
        pieces = [frame]
        if frame["contig"].n_unique() > 1:
            runs = frame.with_columns(pl.col("contig").rle_id().alias("\trun"))
            pieces = runs.partition_by("\trun", maintain_order=True, include_key=False)
        for k, piece in enumerate(pieces):
            yield from self._add(piece, pieces[k + 1 :])

    def _add(self, piece: pl.DataFrame, after: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        contig = piece["contig"][0]
        if contig != self._contig:
            yield from self._cut(whole=True)
            self._contig, self._floor = contig, -1
        self.held.append(piece)
        self._rows += piece.height
        first = int(piece[self._place].min())  # type: ignore[arg-type]
        if first < self._floor or contig in self._seen or self._rows > MOST_ROWS:
            self.held += after
            raise NotInOrderError
        if self._rows >= self._enough:
            yield from self._cut(whole=False)

    def rest(self) -> Iterator[pl.DataFrame]:
        """Give what is held, when no more rows come."""
        yield from self._cut(whole=True)

    def _cut(self, *, whole: bool) -> Iterator[pl.DataFrame]:
        if not self.held:
            return
        frame = pl.concat(self.held) if len(self.held) > 1 else self.held[0]
        code = _code(frame, self._order)
        if (code[1:] < code[:-1]).any():
            frame = frame[np.argsort(code, kind="stable")]
        n = frame.height
        if not whole:
            place = frame[self._place].to_numpy()
            self._floor = int(place[-1]) - self._slack
            n = int(np.searchsorted(place, self._floor))
        else:
            self._seen.add(str(self._contig))
        self.held = [frame[n:]] if n < frame.height else []
        self._rows = frame.height - n
        self._enough = max(HELD_ROWS, 2 * self._rows)
        if n:
            yield frame[:n]


def _code(frame: pl.DataFrame, order: list[str]) -> npt.NDArray[np.int64]:
    """Give one integer a row that sorts as the columns do."""
    code: npt.NDArray[np.int64] = frame[order[0]].to_numpy().astype(np.int64, copy=False)
    if len(order) > 1:
        code = (code << 32) | frame[order[1]].to_numpy().astype(np.int64)
    return code
