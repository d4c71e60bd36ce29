"""One pass over a file of a table: all that is asked of it is asked of each batch once.

Size, rows, columns, nulls, order, bounds and digest are compared here with what the Delta log,
the catalogue and the format say; what compares tables takes the same batches (`Rows`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import StoreError
from varhouse.verify.order import compare_rows, scalar_key
from varhouse.verify.rowhash import (
    Labels,
    RowSums,
    Sums,
    Words,
    add_sums,
    hash_values,
    join_hashes,
)
from varhouse.verify.words import Table

BATCH_ROWS = 1 << 16
"""Rows in memory at a time: the arrays of a batch, 8 bytes a row each, stay in the caches."""

BATCH_BYTES = 1 << 26
"""Bytes of a batch about, for rows that hold the genotypes of thousands."""

TEXT_LIMIT = 64
"""Letters of a bound in the Delta log."""

_TYPES: dict[str, tuple[str, ...]] = {
    "String": ("string", "large_string", "string_view"),
    "Binary": ("binary", "large_binary", "binary_view"), "Boolean": ("bool",),
    "Int8": ("int8",), "Int16": ("int16",), "Int32": ("int32",), "Int64": ("int64",),
    "Float64": ("double",),
}  # fmt: skip


@dataclass
class Rows:
    """A batch of rows of a file, with the hashes of values that several checks ask for."""

    batch: pa.RecordBatch
    partition: Mapping[str, str]
    labels: Labels | None = None
    _hashes: dict[str, Words] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def hash(self, name: str) -> Words:
        """Hash the values of a column (0 where null), which may be one of the partition."""
        if name not in self._hashes:
            if name in self.partition:
                value = hash_values(pa.array([self.partition[name]]))
                found = np.broadcast_to(value, len(self))
            else:
                array = self.batch.column(name)
                found = hash_values(array)
                if array.null_count:
                    found[np.asarray(array.is_null())] = 0
            self._hashes[name] = found
        return self._hashes[name]

    def key(self, names: tuple[str, ...]) -> Words:
        """Hash several columns as one."""
        return join_hashes([self.hash(n) for n in names])

    def numbers(self, name: str) -> Any:
        """Give a column of numbers as numpy; nulls as 0."""
        array = self.batch.column(name)
        return np.asarray(array.fill_null(0) if array.null_count else array)

    def place(self, row: int, names: tuple[str, ...]) -> str:
        """Write the values of a row, for a message."""
        return ", ".join(
            str(
                self.partition[n] if n in self.partition else self.batch.column(n)[row].as_py()
            )
            for n in names
        )


Check = Callable[[Rows], None]
"""What compares tables: is given each batch of a file once, in order."""


def cut_high(value: str) -> str:
    """Shorten a greatest text as the Delta log has it: to one that sorts behind the whole."""
    if len(value) <= TEXT_LIMIT:
        return value
    last, end = chr(0x10FFFF), TEXT_LIMIT
    while end < len(value) and value[end] == last:
        end += 1
    return value if end == len(value) else value[:end] + last


def type_name(kind: Any) -> str:
    """Name an arrow type as the format does."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    return next((n for n, known in _TYPES.items() if str(kind) in known), str(kind))


class FileScan:
    """Reads a file of a table to its end, once.

    Parameters
    ----------
    file
        The file.
    table
        The declaration, without columns that the Delta schema lacks.
    partition
        Values of the partition columns.
    labels
        What numbers of files and samples of its cohort stand for.
    """

    def __init__(
        self, file: Path, table: Table, partition: Mapping[str, str], labels: Labels | None
    ) -> None:
        self.file, self.table, self.partition, self.labels = file, table, partition, labels
        self.rows = 0
        self.sums: Sums = (0, 0)
        self.sums_before: Sums = (0, 0)
        """As an earlier version digested a source's table: source_version was content."""
        self.wrong: list[str] = []
        self.twice: list[str] = []
        self.bounds: dict[str, tuple[Any, Any]] = {}
        self.nulls: dict[str, int] = {}
        self.first_key: Any = None
        self.last_key: Any = None
        self._is_source = table.name.startswith("annotations_")

    def batches(self) -> Iterator[Rows]:
        """Read the file, checking each batch before it is handed on.

        Raises
        ------
        StoreError, OSError, pa.ArrowException
            The file cannot be read.
        """
        with pq.ParquetFile(self.file) as source:
            self._check_schema(source.schema_arrow)
            names = [c.name for c in self.table.in_files if c.name in source.schema.names]
            meta = source.metadata
            lists = {c.name for c in self.table.columns if c.dtype.startswith("list<")}
            names += [c for c in lists if c in source.schema_arrow.names]
            held = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
            most = BATCH_BYTES * meta.num_rows // max(held, 1)
            size = max(min(BATCH_ROWS, most), 1)
        # A column that is written by a dictionary is read by it: each entry is hashed once.
        coded = _coded(meta, {c.name for c in self.table.columns if c.dtype == "String"})
        with pq.ParquetFile(self.file, read_dictionary=coded) as source:
            for batch in source.iter_batches(size, columns=sorted(set(names))):
                rows = Rows(batch, self.partition, self.labels)
                self._take(rows)
                yield rows

    def _check_schema(self, schema: pa.Schema) -> None:
        declared = {c.name: c for c in self.table.in_files}
        for name, kind in zip(schema.names, schema.types, strict=True):
            found = type_name(kind)
            if name not in declared or declared[name].dtype != found:
                self.wrong.append(f"column {name} is {found}")
        lacking = [n for n, c in declared.items() if n not in schema.names and not c.nullable]
        if lacking:
            raise StoreError(f"no column {', '.join(lacking)}")
        if any("column " in w for w in self.wrong):
            raise StoreError("; ".join(self.wrong))

    def _take(self, rows: Rows) -> None:
        batch = rows.batch
        self.rows += len(rows)
        if not len(rows):
            return
        sums = RowSums(len(rows))
        before = RowSums(len(rows)) if self._is_source else None
        for column in self.table.columns:
            name = column.name
            if name in self.partition:
                if column.content:
                    sums.add_text(name, self.partition[name])
                continue
            if name not in batch.schema.names:
                continue
            array = batch.column(name)
            if array.null_count and not column.nullable:
                self.wrong.append(f"null in column {name}")
            if column.bounded:
                self._bound(name, array)
            is_content = column.content
            if is_content:
                sums.add(name, array, self.labels, column.label if self.table.content else "")
            if before is not None and (is_content or name == "source_version"):
                before.add(name, array)
        self.sums = add_sums(self.sums, sums.total())
        if before is not None:
            self.sums_before = add_sums(self.sums_before, before.total())
        self._order(rows)

    def _bound(self, name: str, array: Any) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415

        values = array.dictionary if pa.types.is_dictionary(array.type) else array
        if values is not array:
            values = values.take(pc.unique(array.indices.drop_null()))
        found = pc.min_max(values).as_py()
        low, high = found["min"], found["max"]
        self.nulls[name] = self.nulls.get(name, 0) + array.null_count
        if low is None:
            return
        if name in self.bounds:
            low, high = min(low, self.bounds[name][0]), max(high, self.bounds[name][1])
        self.bounds[name] = low, high

    def _order(self, rows: Rows) -> None:
        names = tuple(n for n in self.table.sort if n not in self.partition)
        if not names:
            return
        columns = [rows.batch.column(n) for n in names]
        steps = compare_rows(columns)
        first = scalar_key(columns, 0)
        if self.first_key is None:
            self.first_key = first
        is_key = set(names) == set(self.table.unique) - set(self.partition)
        if (steps < 0).any() or (self.last_key is not None and first < self.last_key):
            self.wrong.append("rows are not sorted")
        if is_key:
            if self.last_key == first:
                self.twice.append(rows.place(0, self.table.unique))
            same = np.flatnonzero(steps == 0)
            self.twice += [rows.place(int(k) + 1, self.table.unique) for k in same[:100]]
        self.last_key = scalar_key(columns, len(rows) - 1)

    def compare(self, size: int, stats: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        """Compare what was read with what the log and the catalogue say of the file."""
        actual = self.file.stat().st_size
        if actual != entry["bytes"]:
            self.wrong.append(f"{actual:,} bytes, {entry['bytes']:,} recorded")
        if size != entry["bytes"]:
            self.wrong.append(
                f"the Delta log says {size:,} bytes, {entry['bytes']:,} recorded"
            )
        if self.rows != entry["rows"]:
            self.wrong.append(f"{self.rows:,} rows, {entry['rows']:,} recorded")
        for who, said in (("the Delta log", stats), ("the catalogue", entry.get("stats", {}))):
            self._compare_bounds(who, said)
        if stats.get("numRecords", self.rows) != self.rows:
            self.wrong.append(
                f"the Delta log says {stats['numRecords']:,} rows, not {self.rows:,}"
            )

    def _compare_bounds(self, who: str, stats: Mapping[str, Any]) -> None:
        wanted = {c.name for c in self.table.in_files if c.bounded} if self.rows else set()
        for name in sorted(wanted):
            low, high = self.bounds.get(name, (None, None))
            low = low[:TEXT_LIMIT] if isinstance(low, str) else low
            high = cut_high(high) if isinstance(high, str) else high
            said = [
                stats.get(k, {}).get(name) for k in ("minValues", "maxValues", "nullCount")
            ]
            nulls = self.nulls.get(name, 0)
            if low is None and nulls:
                # Of no values at all any bounds hold.
                low, high = said[:2]
            if said != [low, high, nulls]:
                self.wrong.append(
                    f"{who} says of {name} {said[0]!r} to {said[1]!r}, {said[2]} nulls; "
                    f"it is {low!r} to {high!r}, {nulls} nulls"
                )


def _coded(meta: Any, texts: set[str]) -> list[str]:
    """Name text columns that a dictionary codes in all row groups."""
    seen, plain = set(), set()
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        for c in range(group.num_columns):
            chunk = group.column(c)
            seen.add(chunk.path_in_schema)
            if not {"RLE_DICTIONARY", "PLAIN_DICTIONARY"} & set(chunk.encodings):
                plain.add(chunk.path_in_schema)
    return sorted(texts & seen - plain)
