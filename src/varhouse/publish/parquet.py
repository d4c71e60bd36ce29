"""The Parquet files of a published table: large, sorted, every column inside.

A folder `part=...` only keeps files apart. The columns that a query needs, contig and
cohort among them, stand in the files: patterns of polars and Arrow do not look at folders,
and DuckDB, Spark and pyarrow would read `contig=1` as a number (decision 0045).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow.parquet as pq

from varhouse.tables.schema import PART, Table, check_table
from varhouse.tables.shards import group_rows, parquet_options

FILE_BYTES = 1 << 29
"""Bytes of a file, about, after which the next one begins."""

_TEXT = re.compile(r"[A-Za-z]")


@dataclass(frozen=True)
class PublishedFile:
    """A file that was written: its path below the publication, and its rows."""

    path: str
    rows: int


@dataclass(frozen=True)
class PublishedTable:
    """A table that was published: its declaration, as published, and its files."""

    table: Table
    files: list[PublishedFile]

    @property
    def rows(self) -> int:
        """Rows of all its files."""
        return sum(f.rows for f in self.files)


def published_table(table: Table) -> Table:
    """Declare a table as it is published: without `part`, all columns in the files.

    Rows are sorted over all cohorts.
    """
    rest = [c for c in table.partition if c not in (*table.sort, PART.name)]
    gone = {PART.name} & set(table.partition)
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name not in gone),
        partition=(),
        sort=(*table.sort, *rest),
    )


def folder_name(part: str) -> str:
    """Name the folder of a part: text to every reader, also of a contig called 1."""
    text = part if _TEXT.match(part) else f"contig-{part}"
    return f"{PART.name}={quote(text, safe='')}"


class TableFiles:
    """Writes the files of a table, numbered through, in `root/NAME/`.

    Parameters
    ----------
    root
        The folder of the publication.
    table
        As `published_table` declares it.
    """

    def __init__(self, root: Path, table: Table) -> None:
        self._root, self._table = root, table
        self.files: list[PublishedFile] = []

    def write(self, frames: Iterable[pl.DataFrame], part: str | None = None) -> None:
        """Write sorted rows; those of a part in a folder of their own.

        Raises
        ------
        SchemaError
            If they do not fit the declaration.
        """
        folder = self._root / self._table.name / ("" if part is None else folder_name(part))
        encoding = self._table.encoding
        waiting: list[pl.DataFrame] = []
        rows, open_file = 0, None
        for frame in frames:
            waiting.append(check_table(frame, self._table))
            rows += frame.height
            size = sum(f.estimated_size() for f in waiting)
            if rows < encoding.row_group and size < encoding.group_bytes:
                continue
            whole = pl.concat(waiting)
            # Row groups are full: a short one at each step would be one too many for readers.
            go = rows - rows % encoding.row_group or rows
            open_file = open_file or _File(folder, self._next(), self._table)
            open_file.add(whole[:go])
            waiting, rows = [whole[go:]], rows - go
            if open_file.bytes >= FILE_BYTES:
                self._end(open_file)
                open_file = None
        if rows:
            open_file = open_file or _File(folder, self._next(), self._table)
            open_file.add(pl.concat(waiting))
        if open_file is not None:
            self._end(open_file)

    def write_none(self) -> None:
        """Write a file without rows, so that the table can be read all the same."""
        empty = _File(self._root / self._table.name, self._next(), self._table)
        empty.add(pl.DataFrame(schema=self._table.polars_schema))
        self._end(empty)

    def _next(self) -> str:
        # Numbered over all folders: some file systems take `part=c1` and `part=C1` for one.
        return f"part-{len(self.files):05d}.parquet"

    def _end(self, file: "_File") -> None:
        file.close()
        path = file.path.relative_to(self._root).as_posix()
        self.files.append(PublishedFile(path, file.rows))


class _File:
    def __init__(self, folder: Path, name: str, table: Table) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.rows = folder / name, 0
        self._encoding = table.encoding
        schema = table.polars_schema
        arrow = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest())
        # No bounds of fractions: what is no number, QUAL of some, has none (see shards).
        odd = {n for n, t in schema.items() if t in (pl.Float32, pl.Float64)}
        self._sink = self.path.open("xb")
        how = parquet_options(schema, table.encoding, odd)
        self._writer = pq.ParquetWriter(self._sink, arrow.schema, **how)

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return self._sink.tell()

    def add(self, frame: pl.DataFrame) -> None:
        arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        self._writer.write_table(arrow, row_group_size=group_rows(arrow, self._encoding))
        self.rows += frame.height

    def close(self) -> None:
        self._writer.close()
        self._sink.close()
