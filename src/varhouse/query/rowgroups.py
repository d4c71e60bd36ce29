"""Row groups of the files of a table that can hold some positions, by their footers alone.

The Delta log tells which files a contig is in. Inside a file the footer has the least and
greatest value of each row group, of lists too: so an allele is found by its normalised
position in `sites`, whose rows are sorted by the POS of the file's record. Footers are read
once.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import StoreError
from varhouse.store.touched import note_groups

Int64 = npt.NDArray[np.int64]

MAX_POS = 2**31 - 1


class Place(NamedTuple):
    """Positions of a contig, 1-based and closed; of `only`, ascending, if not all of them."""

    contig: str
    low: int
    high: int
    only: Int64 | None = None


class RowGroup(NamedTuple):
    """A row group: its file, and its number there."""

    file: int
    number: int


class RowGroups:
    """The row groups of some files.

    Parameters
    ----------
    paths
        Parquet files of one table.
    column
        Column of positions, or of lists of them, by which row groups are found.
    last
        Column of last positions, where a row is about several.
    words
        Columns of text that have few values: they are read as dictionaries.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        column: str,
        last: str | None = None,
        words: Sequence[str] = (),
    ) -> None:
        self._paths = list(paths)
        self._column = column
        self._last = last or column
        self._words = list(words)
        self._leaves: dict[int, dict[str, list[int]]] = {}

    @cached_property
    def _footers(self) -> list[pq.FileMetaData]:
        return [_read_footer(path) for path in self._paths]

    @cached_property
    def _groups(self) -> list[RowGroup]:
        return [
            RowGroup(f, g)
            for f, footer in enumerate(self._footers)
            for g in range(footer.num_row_groups)
        ]

    @cached_property
    def _bounds(self) -> tuple[Int64, Int64, list[Any], list[Any]]:
        """Give of each row group the least and greatest position and contig."""
        low, high, first, last = [], [], [], []
        for f, footer in enumerate(self._footers):
            numbers = self._numbers(f)
            at, contig = numbers[self._column][0], numbers["contig"][0]
            to = numbers[self._last][0]
            for g in range(footer.num_row_groups):
                group = footer.row_group(g)
                a, b = _bounds(group.column(at))[0], _bounds(group.column(to))[1]
                low.append(0 if a is None else a)
                high.append(MAX_POS if b is None else b)
                a, b = _bounds(group.column(contig))
                first.append(a)
                last.append(b)
        return np.array(low, np.int64), np.array(high, np.int64), first, last

    @cached_property
    def _order(self) -> Int64:
        return np.argsort(self._bounds[0], kind="stable")

    def find(self, place: Place) -> list[RowGroup]:
        """Find the row groups that may hold a place, in the order of their positions."""
        low, high, first, last = self._bounds
        near = (low <= place.high) & (high >= place.low)
        if place.only is not None:
            # Some wanted position lies between the bounds.
            at = np.searchsorted(place.only, low)
            near &= at < np.searchsorted(place.only, high, side="right")
        return [
            self._groups[i]
            for i in self._order[near[self._order]]
            if first[i] is None or first[i] <= place.contig <= last[i]
        ]

    def rows(self, groups: Sequence[RowGroup]) -> int:
        """Count the rows of row groups."""
        return sum(self._footers[g.file].row_group(g.number).num_rows for g in groups)

    def bytes(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> int:
        """Give the bytes of columns of row groups once they are unpacked."""
        return sum(self._bytes(g, columns) for g in groups)

    def may_hold(self, group: RowGroup, column: str, value: str) -> bool:
        """Tell whether a row group can hold a value of a column."""
        at = self._numbers(group.file)[column][0]
        low, high = _bounds(self._footers[group.file].row_group(group.number).column(at))
        return low is None or low <= value <= high

    def read(
        self, groups: Sequence[RowGroup], columns: Sequence[str], at_once: int
    ) -> Iterator[pl.DataFrame]:
        """Read row groups, some at a time, in the order of the files.

        Parameters
        ----------
        at_once
            Bytes of decoded columns of a frame; one row group at least.
        """
        for some in self.batches(groups, columns, at_once):
            yield self.frame(some, columns)

    def batches(
        self, groups: Sequence[RowGroup], columns: Sequence[str], at_once: int
    ) -> Iterator[list[RowGroup]]:
        """Put neighbours in one file together, for `frame`; as `read`."""
        waiting: list[RowGroup] = []
        held = 0
        for group in groups:
            size = self._bytes(group, columns)
            if waiting and (held + size > at_once or group.file != waiting[0].file):
                yield waiting
                waiting, held = [], 0
            waiting.append(group)
            held += size
        if waiting:
            yield waiting

    def _bytes(self, group: RowGroup, columns: Sequence[str]) -> int:
        footer = self._footers[group.file]
        row_group = footer.row_group(group.number)
        numbers = self._numbers(group.file)
        return sum(
            row_group.column(i).total_uncompressed_size for n in columns for i in numbers[n]
        )

    def _numbers(self, file: int) -> dict[str, list[int]]:
        """Give the numbers of the leaves of each column of a file."""
        if file not in self._leaves:
            schema = self._footers[file].schema
            found: dict[str, list[int]] = {}
            for i in range(len(schema)):
                found.setdefault(schema.column(i).path.split(".")[0], []).append(i)
            self._leaves[file] = found
        return self._leaves[file]

    def frame(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> pl.DataFrame:
        """Read row groups of one file."""
        frame = pl.from_arrow(self._read(groups, columns))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def tables(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> Iterator[pa.Table]:
        """Read row groups of one file as they are: a table of one chunk for each."""
        for group in groups:
            yield self._read([group], columns).combine_chunks()

    def table(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> pa.Table:
        """Read row groups of one file as one table of one chunk."""
        return self._read(groups, columns).unify_dictionaries().combine_chunks()

    def _read(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> pa.Table:
        path = self._paths[groups[0].file]
        note_groups(path, (g.number for g in groups), columns)
        try:
            with pq.ParquetFile(
                path,
                metadata=self._footers[groups[0].file],
                memory_map=True,
                read_dictionary=self._words,
            ) as file:
                return file.read_row_groups([g.number for g in groups], columns=list(columns))
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, error) from None


def _read_footer(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path, memory_map=True)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: cannot be read ({error})", "varhouse store verify says what else is wrong"
    )


def _bounds(column: pq.ColumnChunkMetaData) -> tuple[Any, Any]:
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return None, None
    return statistics.min, statistics.max
