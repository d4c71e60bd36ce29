"""Shards: sorted Parquet files of one table, written by stages, registered by the store.

A stage writes shards into its work folder and lists them in a manifest; the commit
links them into the store's tables. A shard carries what a reader needs to skip it
(statistics) and what the content digest is made of.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import SchemaError, StoreError
from varhouse.files import new_file, unfinished_name, write_json
from varhouse.tables.digest import combine
from varhouse.tables.labels import Labels
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import Encoding, PolarsType, Table, check_table

ROW_GROUP = Encoding.row_group
"""Rows of a row group, where a table says nothing else."""

SHARD_ROWS = 1_000_000
"""Rows of a shard that is written piece by piece."""

_HIGH_CARDINALITY = {"pos", "end", "spdi", "vrs_id", "hgvs_g", "id", "ac", "an", "af"}
"""Columns that a dictionary would only blow up."""

_DELTA = {"pos", "end"}
_DELTA_ENCODING, _SPLIT_ENCODING = "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"

_SMALL = 1 << 20
"""Bytes of rows that become a file in memory first."""

_PAGE_BYTES = 1 << 28

_TEXT_LIMIT = 64
"""Letters of a text bound: a least value is cut, a greatest one rounded up."""

_LAST = "\U0010ffff"
"""The code point that sorts behind all others, in UTF-8 too."""


@dataclass(frozen=True)
class Shard:
    """One written file of a table.

    Attributes
    ----------
    table
        Name of the table.
    path
        The file, relative to the manifest that lists it (absolute once it is loaded).
    partition
        Partition column to value.
    rows, bytes
        Size of the file.
    digest
        Content digest of its rows (see `varhouse.tables.digest`), two unsigned 64-bit sums.
    stats
        Delta statistics: numRecords, minValues, maxValues, nullCount, of all columns in
        `Table.bounded`.
    span
        Bases of the longest REF, or of the longest row with a `pos_end`; 0 for a table
        without either. A row that overlaps a region begins at most this far before it.
    """

    table: str
    path: str
    partition: dict[str, str]
    rows: int
    bytes: int
    digest: tuple[int, int]
    stats: dict[str, Any]
    span: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a stage has made for the store: shards, and what they replace.

    `replace` is a list of (table, partition values): every committed file whose
    partition has these values goes. An empty mapping replaces the whole table.
    `remove` is a list of (table, file of the base release relative to the table's
    folder): single files that go, because a shard holds what is left of their rows.
    """

    shards: list[Shard] = field(default_factory=list)
    replace: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    remove: list[tuple[str, str]] = field(default_factory=list)


def write_frame(frame: pl.DataFrame, path: Path, **options: Any) -> None:
    """Write a frame as a new Parquet file; `options` are those of `write_parquet`."""
    with new_file(path) as own:
        frame.write_parquet(own, **options)


def write_shard(
    frame: pl.DataFrame,
    table: Table,
    directory: Path,
    name: str,
    partition: Mapping[str, str],
    labels: Labels | None = None,
) -> Shard | None:
    """Write a frame as one sorted shard `directory/name.parquet`; None for no rows.

    The frame has every column of the table except, at will, the partition columns. `labels`
    are those of the cohort's files and samples, for a table that has numbers of them.

    Raises
    ------
    SchemaError
        If the frame does not fit the declaration, or the partition is not the table's.
    """
    if set(partition) != set(table.partition):
        raise SchemaError(f"table {table.name}: partition {dict(partition)} is not its own")
    if frame.is_empty():
        return None
    full = frame.with_columns(pl.lit(v, pl.String).alias(k) for k, v in partition.items())
    full = check_table(full, table)
    if table.sort:
        full = full.sort(table.sort)
    kept = full[list(table.file_schema)]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.parquet"
    with new_file(path) as own:
        _write_parquet(kept, own, table.encoding)
    return Shard(
        table=table.name,
        path=str(path),
        partition=dict(partition),
        rows=kept.height,
        bytes=path.stat().st_size,
        digest=digest_frame(full, table, labels),
        stats=_statistics(kept, table),
        span=_span(kept),
    )


class ShardWriter:
    """Write sorted shards of a table piece by piece, in the memory of one piece.

    Pieces come in the table's order: the rows of a later one sort behind those of an
    earlier one. A shard is closed after the piece that fills it.

    Parameters
    ----------
    max_rows
        Rows after which a new shard begins.
    labels
        See `write_shard`.
    max_bytes
        Bytes of a file after which a new shard begins; None: only `max_rows` counts.
    odd
        Columns of fractions that may be no number: they get no statistics (`write_shard`
        looks for itself).
    """

    def __init__(
        self,
        table: Table,
        directory: Path,
        name: str,
        partition: Mapping[str, str],
        max_rows: int = SHARD_ROWS,
        labels: Labels | None = None,
        *,
        max_bytes: int | None = None,
        odd: Collection[str] = (),
    ) -> None:
        if set(partition) != set(table.partition):
            raise SchemaError(
                f"table {table.name}: partition {dict(partition)} is not its own"
            )
        self._table, self._directory, self._name = table, directory, name
        self._partition, self._max_rows = dict(partition), max_rows
        self._labels, self._max_bytes, self._odd = labels, max_bytes, odd
        self._writer: pq.ParquetWriter | None = None
        self._own = directory
        self._shards: list[Shard] = []
        self._pieces: list[tuple[int, tuple[int, int], dict[str, Any], int]] = []
        self._last: tuple[Any, ...] | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Add a piece; it has every column but, at will, the partition columns.

        Raises
        ------
        SchemaError
            If it does not fit the declaration, or sorts before what is there.
        """
        if frame.is_empty():
            return
        values = self._partition.items()
        full = frame.with_columns(pl.lit(v, pl.String).alias(k) for k, v in values)
        full = check_table(full, self._table).sort(self._table.sort)
        keys = full[list(self._table.sort)]
        if self._last is not None and _sort_key(keys.row(0)) < _sort_key(self._last):
            raise SchemaError(
                f"table {self._table.name}: {keys.row(0)} comes after {self._last}"
            )
        self._last = keys.row(-1)
        kept = full[list(self._table.file_schema)]
        arrow = kept.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._own = unfinished_name(self._path())
            how = parquet_options(kept.schema, self._table.encoding, self._odd)
            self._writer = pq.ParquetWriter(self._own, arrow.schema, **how)
        rows = group_rows(arrow, self._table.encoding)
        self._writer.write_table(arrow, row_group_size=rows)
        digest = digest_frame(full, self._table, self._labels)
        self._pieces.append((kept.height, digest, _statistics(kept, self._table), _span(kept)))
        if sum(p[0] for p in self._pieces) >= self._max_rows or self._is_large():
            self._end()

    def _is_large(self) -> bool:
        """Tell whether the file that is being written has its bytes."""
        return self._max_bytes is not None and self._own.stat().st_size >= self._max_bytes

    def _path(self) -> Path:
        return self._directory / f"{self._name}-{len(self._shards):05d}.parquet"

    def _end(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        path = self._path()
        self._own.rename(path)
        self._shards.append(
            Shard(
                table=self._table.name,
                path=str(path),
                partition=dict(self._partition),
                rows=sum(p[0] for p in self._pieces),
                bytes=path.stat().st_size,
                digest=combine(p[1] for p in self._pieces),
                stats=_join_statistics([p[2] for p in self._pieces]),
                span=max(p[3] for p in self._pieces),
            )
        )
        self._pieces = []

    def close(self) -> list[Shard]:
        """Close the last shard and give all of them."""
        self._end()
        return self._shards


def _sort_key(row: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    # Nulls come first, as polars sorts them.
    return tuple((v is not None, v if v is not None else 0) for v in row)


def _write_parquet(frame: pl.DataFrame, path: Path, encoding: Encoding) -> None:
    # Statistics pass over what is no number (Parquet format, IEEE 754 note), and readers
    # skip by them rows that they hold for greater than all numbers: write none.
    odd = {n for n, t in frame.schema.items() if t.is_float() and frame[n].is_nan().any()}
    nested = any(t.is_nested() for t in frame.dtypes)
    if not odd and nested and encoding == Encoding():
        # Long lists take polars less time, all else takes it a third more.
        frame.write_parquet(
            path,
            compression="zstd",
            compression_level=encoding.level,
            row_group_size=encoding.row_group,
        )
        return
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    rows, how = group_rows(table, encoding), parquet_options(frame.schema, encoding, odd)
    if frame.height > encoding.row_group or table.nbytes > _SMALL:
        pq.write_table(table, path, row_group_size=rows, **how)
        return
    # To a file it would be written column by column: of thousands of small ones that counts.
    whole = pa.BufferOutputStream()
    pq.write_table(table, whole, row_group_size=rows, **how)
    path.write_bytes(whole.getvalue())


def group_rows(table: pa.Table, encoding: Encoding) -> int:
    """Give the rows of a row group: fewer than usual where rows are long."""
    each = max(int(table.nbytes) // max(int(table.num_rows), 1), 1)
    return max(min(encoding.row_group, encoding.group_bytes // each), 1)


def _leaf(name: str, dtype: PolarsType) -> str:
    """Name a column as Parquet does: a list by its values."""
    return f"{name}.list.element" if isinstance(dtype, pl.List) else name


def parquet_options(
    schema: Mapping[str, PolarsType], encoding: Encoding, odd: Collection[str] = ()
) -> dict[str, Any]:
    """Say how the columns of a file are written; those of `odd` have no statistics.

    Returns
    -------
    dict
        Arguments of `pyarrow.parquet.ParquetWriter`.
    """
    leaves = {n: _leaf(n, t) for n, t in schema.items()}
    steps = _DELTA | encoding.steps
    plain = _HIGH_CARDINALITY | encoding.plain | encoding.packed | encoding.split | steps
    packed = {leaves[n] for n in leaves if n in encoding.packed}
    # Bounds of bits tell nothing, and would fill the footer.
    unbounded = {*odd, *encoding.plain, *encoding.packed}
    special = {leaves[n]: _DELTA_ENCODING for n in leaves if n in steps}
    special |= {leaves[n]: _SPLIT_ENCODING for n in leaves if n in encoding.split}
    how: dict[str, Any] = {
        "compression": {c: "none" if c in packed else "zstd" for c in leaves.values()},
        "compression_level": {c: encoding.level for c in leaves.values() if c not in packed},
        "use_dictionary": [c for n, c in leaves.items() if n not in plain],
        "column_encoding": special,
        "write_statistics": [n for n in schema if n not in unbounded],
    }
    if encoding.page is not None:
        return how | {"data_page_size": encoding.page, "write_page_index": True}
    # Bytes end no page before its rows do, or columns were cut at different rows.
    return how | {
        "max_rows_per_page": encoding.page_rows,
        "data_page_size": _PAGE_BYTES,
        "write_page_index": True,
    }


def _join_statistics(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the statistics of pieces of one file."""

    def bounds(side: str, choose: Callable[[list[Any]], Any]) -> dict[str, Any]:
        return {c: choose([p[side][c] for p in pieces]) for c in pieces[0][side]}

    return {
        "numRecords": sum(p["numRecords"] for p in pieces),
        "minValues": bounds("minValues", min),
        "maxValues": bounds("maxValues", max),
        "nullCount": bounds("nullCount", sum),
    }


def _span(frame: pl.DataFrame) -> int:
    if "pos_end" in frame.columns:
        return int(frame.select((pl.col("pos_end") - pl.col("pos")).max() + 1).item() or 0)
    if "ref" not in frame.columns or "pos" not in frame.columns:
        return 0
    return int(frame.select(pl.col("ref").str.len_bytes().max()).item() or 0)


def _statistics(frame: pl.DataFrame, table: Table) -> dict[str, Any]:
    columns = table.bounded
    return {
        "numRecords": frame.height,
        "minValues": {c: cut_low(_or_any(frame[c].min())) for c in columns},
        "maxValues": {c: cut_high(_or_any(frame[c].max())) for c in columns},
        "nullCount": {c: frame[c].null_count() for c in columns},
    }


def _or_any(bound: Any) -> Any:
    """Give a bound of values, or of none at all: of a file in which all are masked.

    Any number bounds no values, and a bound that is not there is taken for null.
    """
    return 0 if bound is None else bound


def cut_low(value: Any) -> Any:
    """Shorten a least value; a prefix sorts before the whole."""
    return value[:_TEXT_LIMIT] if isinstance(value, str) else value


def cut_high(value: Any) -> Any:
    """Shorten a greatest value to a text that sorts behind the whole.

    Delta's protocol (Per-file statistics) asks for that. What is kept ends before the last
    code point: another one behind it would not do.
    """
    if not isinstance(value, str) or len(value) <= _TEXT_LIMIT:
        return value
    end = _TEXT_LIMIT
    while end < len(value) and value[end] == _LAST:
        end += 1
    return value if end == len(value) else value[:end] + _LAST


def write_manifest(
    path: Path,
    shards: Iterable[Shard | None],
    replace: Iterable[tuple[str, dict[str, str]]] = (),
    remove: Iterable[tuple[str, str]] = (),
) -> None:
    """Write a manifest beside its shards, last of all: it makes them count."""
    rows, here = [], path.parent.resolve()
    for shard in shards:
        if shard is not None:
            at = Path(shard.path)
            beside = at.parent == path.parent and not at.is_symlink()
            row = {f.name: getattr(shard, f.name) for f in fields(shard)}
            row["path"] = at.name if beside else os.path.relpath(at.resolve(), here)
            rows.append(row)
    data = {"shards": rows, "replace": list(replace), "remove": list(remove)}
    write_json(path, data, indent=None)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; the shards' paths become absolute.

    Raises
    ------
    StoreError
        If it is no manifest.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        shards = [
            Shard(
                **{
                    **row,
                    "path": str(path.parent / row["path"]),
                    "digest": tuple(row["digest"]),
                }
            )
            for row in data["shards"]
        ]
        return Manifest(
            shards,
            [(t, p) for t, p in data["replace"]],
            [(t, f) for t, f in data.get("remove", [])],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is no manifest: {error}", "delete the work folder and run it again"
        ) from None
