"""Files of a partition that are written again as few sorted ones, and compared.

Rows stay as they are, and so does every value of them, columns that are no content included:
what was written is read again before anybody sees it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from varhouse.errors import StoreError
from varhouse.tables.digest import Sums, combine
from varhouse.tables.labels import Labels
from varhouse.tables.merge import Source, merge
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import Table
from varhouse.tables.shards import SHARD_ROWS, Shard, ShardWriter

FILE_BYTES = 64 << 20
"""Bytes of a file after which the next one begins: what one core reads in a second or two."""

SMALL_BYTES = 4 << 20
"""A file of fewer bytes, and fewer rows than `SHARD_ROWS`, is a small one."""

HELD_BYTES = 64 << 20
"""Bytes of rows in memory that are held of all files together, about; some copies are made."""

_SAMPLE_ROWS = 1_024
"""Rows of a file by which those of a table are measured."""

OPEN_FILES = 400
"""Files that are merged at once: a process may have some thousand open, each with a buffer."""

_CELL_BYTES = 16
"""Bytes of a cell besides its value: the view of a text, and what sorting takes."""

_LEAST_ROWS = 8
"""Rows that are read of a file at once: one of `fields` may be 100 KiB long."""

_BUFFER = 1 << 16
"""Bytes of a column that are read at once: a chunk of a column is not read as a whole."""

_MOST_WAITING = 64 << 20
"""Bytes of rows that wait for a row group to be full."""

Key = tuple[tuple[bool, Any], ...]
"""Values of the columns that a table is sorted by, so that nulls come first."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a release.

    Attributes
    ----------
    path
        Relative to the table's folder.
    rows, bytes
        Its size.
    first, last
        Keys of its first and its last row, in the table's order.
    """

    path: str
    rows: int
    bytes: int
    first: Key
    last: Key

    @property
    def is_small(self) -> bool:
        """Whether it is one of those of which there should not be many."""
        return self.bytes < SMALL_BYTES and self.rows < SHARD_ROWS


def read_keys(path: Path, table: Table, partition: Mapping[str, str]) -> tuple[Key, Key]:
    """Read the keys of the first and the last row of a file, out of two row groups.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If it cannot be read.
    """
    names = [n for n in table.sort if n not in partition]
    with pq.ParquetFile(path) as file:
        last = file.num_row_groups - 1
        groups = [file.read_row_group(k, columns=names) for k in (0, last)]
    found = []
    for group, at in zip(groups, (0, -1), strict=True):
        rows = pl.from_arrow(group.slice(0 if at == 0 else group.num_rows - 1, 1))
        assert isinstance(rows, pl.DataFrame)
        values = {**dict(partition), **rows.row(0, named=True)}
        found.append(tuple((values[n] is not None, values[n]) for n in table.sort))
    return found[0], found[1]


class _Rows:
    """The rows of a file in their order, some at a time; a column that it lacks is null."""

    def __init__(self, path: Path, table: Table, partition: Mapping[str, str]) -> None:
        self._path, self._table, self._partition = path, table, partition
        self._batches: Iterator[pl.DataFrame] | None = None
        self._left = pl.DataFrame()

    def read(self, _first: int, rows: int) -> pl.DataFrame:
        """Give the next rows, as many as are asked for unless the file ends."""
        if self._batches is None:
            self._batches = self._iter(rows)
        while self._left.height < rows:
            new = next(self._batches, None)
            if new is None:
                break
            self._left = pl.concat([self._left, new]) if self._left.height else new
        out, self._left = self._left[:rows], self._left[rows:]
        return out

    def _iter(self, rows: int) -> Iterator[pl.DataFrame]:
        wanted = self._table.file_schema
        with pq.ParquetFile(self._path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=rows):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                missing = [n for n in wanted if n not in frame.columns]
                yield frame.with_columns(
                    *(pl.lit(None, wanted[n]).alias(n) for n in missing),
                    *(pl.lit(v, pl.String).alias(n) for n, v in self._partition.items()),
                ).select(self._table.names)


def rewrite(
    root: Path,
    table: Table,
    partition: Mapping[str, str],
    groups: Sequence[Sequence[StoredFile]],
    labels: Labels | None,
    directory: Path,
    name: str,
) -> list[Shard]:
    """Write the rows of some files again, as few sorted files.

    Parameters
    ----------
    root
        Folder of the table.
    groups
        Files whose rows lie among each other; groups follow one another in the table's order.
    labels
        Those of the cohort's files and samples.
    directory, name
        Where the new files are written, and how their names begin.

    Returns
    -------
    list of Shard
        The new files, read again and compared with the rows that went in.

    Raises
    ------
    StoreError
        If what was written is not what was read.
    SchemaError
        If the files are not sorted.
    OSError, pyarrow.ArrowException, polars.exceptions.PolarsError
        If a file cannot be read.
    """
    paths = [root / f.path for group in groups for f in group]
    whole = _whole(table)
    writer = ShardWriter(
        table, directory, name, partition, SHARD_ROWS, labels,
        max_bytes=FILE_BYTES, odd=_without_statistics(paths, table),
    )  # fmt: skip
    read: list[Sums] = []
    for frame in _row_groups(_merged(root, table, partition, groups), table):
        read.append(digest_frame(frame, whole))
        writer.add(frame)
    made = writer.close()
    written = [
        digest_frame(frame, whole)
        for shard in made
        for frame in _file_rows(Path(shard.path), table, partition)
    ]
    if combine(read) != combine(written):
        raise StoreError(
            f"table {table.name}: what was written of {len(paths)} files is not as they are",
            "look whether the disk and the memory of this machine are sound",
        )
    return made


def _whole(table: Table) -> Table:
    """Declare a table so that its digest covers every column, numbers as they are."""
    columns = tuple(replace(c, content=True, label="") for c in table.columns)
    return replace(table, columns=columns)


def _merged(
    root: Path,
    table: Table,
    partition: Mapping[str, str],
    groups: Sequence[Sequence[StoredFile]],
) -> Iterator[pl.DataFrame]:
    for group in groups:
        sources = [Source(f.rows, _Rows(root / f.path, table, partition).read) for f in group]
        each = max(_row_bytes(root / f.path, table, partition) for f in group)
        yield from merge(sources, table.sort, HELD_BYTES // each, _LEAST_ROWS)


def _row_bytes(path: Path, table: Table, partition: Mapping[str, str]) -> int:
    """Give the bytes of a row of a file, about: in memory, or as they are packed if more."""
    rows = _Rows(path, table, partition).read(0, _SAMPLE_ROWS)
    packed = _encoded_bytes(path) // max(pq.read_metadata(path).num_rows, 1)
    each = int(rows.estimated_size()) // max(rows.height, 1) + _CELL_BYTES * rows.width
    return max(each, int(packed), 1)


def _encoded_bytes(path: Path) -> int:
    meta = pq.read_metadata(path)
    return sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))


def _file_rows(
    path: Path, table: Table, partition: Mapping[str, str]
) -> Iterator[pl.DataFrame]:
    rows = max(1, HELD_BYTES // _row_bytes(path, table, partition))
    source = _Rows(path, table, partition)
    while (frame := source.read(0, min(rows, table.encoding.row_group))).height:
        yield frame


def _row_groups(frames: Iterator[pl.DataFrame], table: Table) -> Iterator[pl.DataFrame]:
    """Gather rows until they fill a row group, as it is declared."""
    rows = table.encoding.row_group
    most = min(2 * table.encoding.group_bytes, _MOST_WAITING)
    waiting: list[pl.DataFrame] = []
    n = size = 0
    for frame in frames:
        waiting.append(frame)
        n += frame.height
        size += int(frame.estimated_size())
        if n < rows and size < most:
            continue
        whole = pl.concat(waiting)
        go = n - n % rows or n
        yield whole[:go]
        waiting = [whole[go:]] if go < n else []
        n -= go
        size = sum(int(f.estimated_size()) for f in waiting)
    if n:
        yield pl.concat(waiting)


def _without_statistics(paths: Sequence[Path], table: Table) -> set[str]:
    """Name the columns of fractions that a file has no statistics of.

    It holds what is no number, see `shards._write_parquet`.
    """
    fractions = {n for n, t in table.file_schema.items() if t.is_float()}
    odd: set[str] = set()
    for path in paths if fractions else ():
        meta = pq.read_metadata(path)
        for k in range(meta.num_row_groups):
            group = meta.row_group(k)
            columns = (group.column(c) for c in range(group.num_columns))
            odd |= {
                c.path_in_schema
                for c in columns
                if c.path_in_schema in fractions and not c.is_stats_set
            }
    return odd
