"""Pages of a Parquet file: some rows of a row group, without unpacking all of it.

A row group has 32,768 rows and a question is about some hundred of them. Its columns are cut
into pages at the same rows (`tables.declaration.Encoding.page_rows`), and the offset index
says where each page lies. Readers of Parquet at hand unpack whole row groups; so the wanted
pages, with the dictionaries of their columns, are put together to a small Parquet file in
memory, which pyarrow reads: what a page means is known there alone.

The offset index stands before the footer, which says where; pyarrow does not tell. It is found
by what is known of it: its first entry is the offset of the column's first page. What is found
is checked against the footer (pages follow each other, and fill the column); if it does not
fit, the row group is read as a whole. Source: Parquet format, thrift compact protocol and
PageIndex.md.
"""

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_ZSTD = pa.Codec("zstd")
_TYPES = {"BOOLEAN": 0, "INT32": 1, "INT64": 2, "FLOAT": 4, "DOUBLE": 5, "BYTE_ARRAY": 6}
_CODECS = {"UNCOMPRESSED": 0, "SNAPPY": 1, "GZIP": 2, "ZSTD": 6}
_CONVERTED = {"UTF8": 0, "INT_8": 15, "INT_16": 16, "INT_32": 17, "INT_64": 18}
_ENCODINGS = {"PLAIN": 0, "PLAIN_DICTIONARY": 2, "RLE": 3, "DELTA_BINARY_PACKED": 5,
              "RLE_DICTIONARY": 8, "BYTE_STREAM_SPLIT": 9}  # fmt: skip
# Kinds of values of the thrift compact protocol.
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


Bytes = bytes | mmap.mmap


class Pages(NamedTuple):
    """Where the pages of a column of a row group lie.

    Attributes
    ----------
    offset
        Of each page, and where the last one ends.
    row
        0-based number of the first row of each, and the rows of the row group.
    start
        Where the column begins: its dictionary, if it has one.
    head
        What the footer says of it whichever pages are read.
    """

    offset: list[int]
    row: list[int]
    start: int
    head: bytes


class Leaf(NamedTuple):
    """A column without lists: its place among the columns of a file, and its type there."""

    number: int
    element: bytes
    type: int


class PageFile:
    """A Parquet file of which pages are read.

    Attributes
    ----------
    footer
        What its end says.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.footer = pq.read_metadata(pa.BufferReader(pa.py_buffer(self._bytes)))
        self._leaves = _read_leaves(self.footer)
        self._names = {
            self.footer.schema.column(i).path.partition(".")[0]
            for i in range(self.footer.num_columns)
        }
        self._pages: dict[tuple[int, str], Pages | None] = {}
        self._constants: dict[tuple[int, str], str | int | None] = {}
        self._bounds: dict[tuple[int, str], tuple[list[bytes], list[bytes]] | None] = {}
        self._index = self._bytes[_end_of_data(self.footer) : -8 - self.footer.serialized_size]

    @property
    def size(self) -> int:
        """Bytes that the footer takes, about."""
        return 4 * int(self.footer.serialized_size)

    def has(self, column: str) -> bool:
        """Tell whether there is a column."""
        return column in self._names

    def rows_of(self, group: int) -> int:
        """Count the rows of a row group."""
        return int(self.footer.row_group(group).num_rows)

    def bounds(self, group: int, column: str) -> tuple[Any, Any] | None:
        """Give the least and greatest value of a column in a row group; None: not known."""
        leaf = self._leaves.get(column)
        if leaf is None:
            return None
        found = self.footer.row_group(group).column(leaf.number).statistics
        return (found.min, found.max) if found is not None and found.has_min_max else None

    def constant(self, group: int, column: str) -> str | int | None:
        """Give the value that all rows of a row group have, by its bounds; None: not known."""
        key = (group, column)
        if key not in self._constants:
            found = None
            leaf = self._leaves.get(column)
            if leaf is not None:
                known = self.footer.row_group(group).column(leaf.number).statistics
                if known is not None and known.has_min_max and known.null_count == 0:
                    is_one = known.min == known.max and isinstance(known.min, str | int)
                    found = known.min if is_one else None
            self._constants[key] = found
        return self._constants[key]

    def page_rows(self, group: int, columns: Iterable[str]) -> list[int] | None:
        """Give the first row of each page, and the rows of the row group.

        None if columns are not cut at the same rows.
        """
        rows = None
        for column in columns:
            found = self._locate(group, column)
            if found is None or (rows is not None and found.row != rows):
                return None
            rows = found.row
        return rows

    def page_bounds(self, group: int, column: str) -> tuple[list[bytes], list[bytes]] | None:
        """Give the least and greatest value of a column in each page, as they stand there.

        None: the page index has none, or a page is empty. Numbers are little-endian.
        """
        key = (group, column)
        if key not in self._bounds:
            place = self._locate(group, column)
            leaf = self._leaves.get(column)
            found = None
            if place is not None and leaf is not None:
                found = self._find_bounds(group, leaf.number, len(place.row) - 1)
            self._bounds[key] = found
        return self._bounds[key]

    def _find_bounds(
        self, group: int, number: int, pages: int
    ) -> tuple[list[bytes], list[bytes]] | None:
        chunk = self.footer.row_group(group).column(number)
        known = chunk.statistics
        if known is None or not known.has_min_max or not chunk.has_column_index:
            return None
        low, high = (_as_stored(v, chunk.physical_type) for v in (known.min, known.max))
        if low is None or high is None:
            return None
        # Field 2 of the column index, a list of texts, begins with the least value of all
        # where rows are in order; field 3 has the greatest ones, the last of them that of all.
        head = b"\x19" + _list_head(_BINARY, pages)
        wanted = head + _varint(len(low)) + low
        # Those of another column or row group may begin alike.
        at = self._index.find(wanted)
        while at >= 0:
            least, end = _texts(self._index, at + len(head), pages)
            if self._index[end : end + len(head)] == head:
                most, _ = _texts(self._index, end + len(head), pages)
                if most[-1] == high:
                    return least, most
            at = self._index.find(wanted, at + 1)
        return None

    def may_hold_text(self, group: int, column: str, page: int, text: str) -> bool:
        """Tell whether a page of texts may hold one, without taking it apart."""
        place, leaf = self._locate(group, column), self._leaves.get(column)
        if place is None or leaf is None or leaf.type != _TYPES["BYTE_ARRAY"]:
            return True
        chunk = self.footer.row_group(group).column(leaf.number)
        if chunk.has_dictionary_page or chunk.compression != "ZSTD":
            return True
        at = place.offset[page]
        # A page header begins with its kind, 0 for values, and the sizes unpacked and packed.
        if self._bytes[at : at + 3] != b"\x15\x00\x15":
            return True
        whole, at = _number(self._bytes, at + 3)
        packed, _ = _number(self._bytes, at + 1)
        end = place.offset[page + 1]
        values = _ZSTD.decompress(self._bytes[end - packed : end], whole, asbytes=True)
        raw = text.encode()
        return len(raw).to_bytes(4, "little") + raw in values

    def read(self, group: int, columns: Sequence[str], first: int, last: int) -> pa.Table:
        """Read pages first..last (0-based, closed) of columns that `page_rows` knows."""
        leaves = [self._leaves[c] for c in columns]
        places = [self._pages[group, c] for c in columns]
        at, parts, chunks, rows = 4, [_MAGIC], [], 0
        for place in places:
            assert place is not None
            rows = place.row[last + 1] - place.row[first]
            words = self._bytes[place.start : place.offset[0]]
            values = self._bytes[place.offset[first] : place.offset[last + 1]]
            chunks.append(_chunk(place.head, rows, at, len(words), len(values)))
            parts += [words, values]
            at += len(words) + len(values)
        end = _footer(leaves, chunks, rows)
        whole = b"".join([*parts, end, len(end).to_bytes(4, "little"), _MAGIC])
        with pq.ParquetFile(pa.BufferReader(whole)) as file:
            return file.read(use_threads=False)

    def read_group(self, group: int, columns: Sequence[str]) -> pa.Table:
        """Read columns of a whole row group."""
        with pq.ParquetFile(
            pa.BufferReader(pa.py_buffer(self._bytes)), metadata=self.footer
        ) as file:
            return file.read_row_group(group, columns=list(columns), use_threads=False)

    def _locate(self, group: int, column: str) -> Pages | None:
        key = (group, column)
        if key not in self._pages:
            leaf = self._leaves.get(column)
            self._pages[key] = None if leaf is None else self._find(group, leaf.number)
        return self._pages[key]

    def _find(self, group: int, number: int) -> Pages | None:
        of_group = self.footer.row_group(group)
        chunk = of_group.column(number)
        if not chunk.has_offset_index or chunk.compression not in _CODECS:
            return None
        number_type = _TYPES[chunk.physical_type]
        first = chunk.data_page_offset
        start = chunk.dictionary_page_offset if chunk.has_dictionary_page else first
        end = start + chunk.total_compressed_size
        wanted = b"\x16" + _zigzag(first) + b"\x15"
        at = self._index.find(wanted)
        while at >= 0:
            found = _read_pages(self._index, at, of_group.num_rows, start, end)
            if found is not None:
                return found._replace(head=_chunk_head(number_type, chunk))
            at = self._index.find(wanted, at + 1)
        return None


def _end_of_data(footer: pq.FileMetaData) -> int:
    """Find where the values of a file end: behind them come the indexes, then the footer."""
    end = 4
    if footer.num_row_groups:
        last = footer.row_group(footer.num_row_groups - 1)
        for i in range(footer.num_columns):
            chunk = last.column(i)
            begin = chunk.data_page_offset
            if chunk.has_dictionary_page:
                begin = min(begin, chunk.dictionary_page_offset)
            end = max(end, begin + chunk.total_compressed_size)
    return end


def _read_leaves(footer: pq.FileMetaData) -> dict[str, Leaf]:
    """Describe the columns that can be taken page by page: those without lists."""
    found = {}
    for i in range(len(footer.schema)):
        column = footer.schema.column(i)
        plain = column.max_repetition_level == 0 and column.max_definition_level <= 1
        kind = _TYPES.get(column.physical_type)
        converted = column.converted_type
        if not plain or kind is None or column.path != column.name:
            continue
        if converted not in ("NONE", *_CONVERTED):
            continue
        element = _field(1, _I32, _zigzag(kind))
        element += _field(2, _I32, _zigzag(column.max_definition_level))
        element += _field(1, _BINARY, _text(column.name))
        if converted in _CONVERTED:
            element += _field(2, _I32, _zigzag(_CONVERTED[converted]))
        found[column.name] = Leaf(i, element + b"\x00", kind)
    return found


def _read_pages(data: Bytes, at: int, rows: int, start: int, end: int) -> Pages | None:
    """Read an offset index from its first entry on; None if it is not of this column.

    An entry is `16` offset `15` size `16` first row `00`, numbers as zigzag varints.
    """
    offset: list[int] = []
    row: list[int] = []
    behind = None
    while data[at] == 0x16:
        begin, at = _number(data, at + 1)
        if data[at] != 0x15 or (behind is not None and begin != behind):
            return None
        size, at = _number(data, at + 1)
        if data[at] != 0x16:
            return None
        first, at = _number(data, at + 1)
        if data[at] != 0 or (first != 0 and not row) or (row and first <= row[-1]):
            return None
        at += 1
        offset.append(begin)
        row.append(first)
        behind = begin + size
        if behind >= end:
            break
    if behind != end or row[-1] >= rows:
        return None
    return Pages([*offset, end], [*row, rows], start, b"")


def _number(data: Bytes, at: int) -> tuple[int, int]:
    """Read a zigzag varint; gives it and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7


def _as_stored(value: Any, kind: str) -> bytes | None:
    """Write a bound as the column index has it."""
    if kind == "BYTE_ARRAY":
        return value.encode() if isinstance(value, str) else None
    if kind == "INT32" and isinstance(value, int):
        return value.to_bytes(4, "little", signed=True)
    return None


def _texts(data: Bytes, at: int, count: int) -> tuple[list[bytes], int]:
    """Read texts, each with its length before it; gives them and where they end."""
    found = []
    for _ in range(count):
        size = shift = 0
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        found.append(data[at : at + size])
        at += size
    return found, at


def _varint(value: int) -> bytes:
    if value < 0x4000:
        return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, value >> 7])
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1)


def _text(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw


def _field(step: int, kind: int, value: bytes) -> bytes:
    """Write a field whose number is `step` above that of the field before."""
    return bytes([step << 4 | kind]) + value


def _list_head(kind: int, n: int) -> bytes:
    return bytes([n << 4 | kind]) if n < 15 else bytes([0xF0 | kind]) + _varint(n)


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    return _list_head(kind, len(items)) + b"".join(items)


def _chunk_head(kind: int, known: Any) -> bytes:
    """Write the beginning of a `ColumnChunk`: type, encodings, name, compression."""
    meta = (
        _field(1, _I32, _zigzag(kind))
        + _field(1, _LIST, _list(_I32, [_zigzag(_ENCODINGS[e]) for e in known.encodings]))
        + _field(1, _LIST, _list(_BINARY, [_text(known.path_in_schema)]))
        + _field(1, _I32, _zigzag(_CODECS[known.compression]))
    )
    return _field(2, _I64, _zigzag(0)) + _field(1, _STRUCT, meta)


def _chunk(head: bytes, rows: int, at: int, words: int, values: int) -> bytes:
    """Write the `ColumnChunk` of pages that begin at `at`, behind their dictionary."""
    size = _zigzag(words + values)
    # The unpacked size is a hint only.
    parts = [head, b"\x16", _zigzag(rows), b"\x16", size, b"\x16", size]
    parts += [b"\x26", _zigzag(at + words)]
    if words:
        parts += [b"\x26", _zigzag(at)]
    return b"".join([*parts, b"\x00\x00"])


def _footer(leaves: Sequence[Leaf], chunks: Sequence[bytes], rows: int) -> bytes:
    """Write the `FileMetaData` of a file of one row group."""
    root = _field(4, _BINARY, _text("schema"))
    root += _field(1, _I32, _zigzag(len(leaves))) + b"\x00"
    group = (
        _field(1, _LIST, _list(_STRUCT, chunks))
        + _field(1, _I64, _zigzag(0))
        + _field(1, _I64, _zigzag(rows))
        + b"\x00"
    )
    return (
        _field(1, _I32, _zigzag(2))
        + _field(1, _LIST, _list(_STRUCT, [root, *(leaf.element for leaf in leaves)]))
        + _field(1, _I64, _zigzag(rows))
        + _field(1, _LIST, _list(_STRUCT, [group]))
        + b"\x00"
    )
