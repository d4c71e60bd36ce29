"""Reads blocks of FORMAT fields as docs/call-blocks.md describes them, a block at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.errors import StoreError
from varhouse.verify.blockcells import read_depths, read_one, write_decimals
from varhouse.verify.filescan import Rows
from varhouse.verify.rowhash import bytes_of, ends_of, numbers_of

VALUE, DROPPED, LACKING = range(3)
"""A cell has values; its colon is left out; FORMAT of the record does not name the field."""

MISSING = -(2**31)
GROUP = ("AD", "DP", "GQ", "PL")
_ONE_STREAMS, _DEPTH_STREAMS = 14, 19
_MOST_BYTES = 1 << 30
"""No stream of a block is larger: it has 65,536 cells at most."""

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass
class Cells:
    """The cells of a field of a block, records x people.

    Attributes
    ----------
    name
        FORMAT key; `KEY:2` its second time.
    is_number
        Cells are numbers; else texts.
    values, cut
        int64[v], int64[cells + 1]: numbers of each cell, MISSING for `.`.
    state
        uint8[cells]: VALUE, DROPPED or LACKING.
    text, begin, end
        uint8[bytes], int64[cells] each: the text of a cell, where that counts; begin -1: none.
    """

    name: str
    is_number: bool
    values: Ints
    cut: Ints
    state: Bytes
    text: Bytes
    begin: Ints
    end: Ints


@dataclass
class Block:
    """A row of the table fields: int64[records] ordinals, first sample column, people."""

    row: int
    records: Ints
    first: int
    people: int
    fields: list[Cells]


@nb.njit(cache=True, nogil=True)
def _digits(frame, known, per_byte, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    n = known.size
    for i in range(out.size):
        byte = np.int64(frame[i // per_byte])
        for _ in range(per_byte - 1 - i % per_byte):
            byte //= n
        out[i] = known[byte % n]


def _unpack(data: Any, size: int) -> Bytes:
    """Unpack a stream: a zstd frame, or one of bytes that hold several digits each."""
    if size == 0:
        return np.zeros(0, np.uint8)
    if abs(size) > _MOST_BYTES:
        raise StoreError(f"a stream of {size:,} bytes")
    codec = pa.Codec("zstd")
    if size > 0:
        return np.frombuffer(codec.decompress(data, size), np.uint8)
    known = np.frombuffer(data, np.uint8)
    n = int(known[0])
    if not 1 <= n <= 16 or known.size < 1 + n:
        raise StoreError("a stream of several digits a byte has no list of them")
    per_byte = 8 if n == 1 else max(m for m in range(1, 9) if n**m <= 256)
    frame = codec.decompress(data.slice(1 + n), -(size // per_byte))
    out = np.empty(-size, np.uint8)
    _digits(np.frombuffer(frame, np.uint8), known[1 : 1 + n], per_byte, out)
    return out


def _varints(data: Bytes) -> Ints:
    """Read a stream of varints to its end."""
    out, value, shift = [], 0, 0
    for byte in data.tolist():
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out.append(value)
            value, shift = 0, 0
    if shift:
        raise StoreError("a varint has no end")
    return np.array(out, np.int64)


def _texts(lengths: Bytes, data: Bytes) -> Ints:
    """Give where texts begin, and where the last ends."""
    cut = np.concatenate([[0], np.cumsum(_varints(lengths))]).astype(np.int64)
    if cut[-1] != data.size:
        raise StoreError("texts have not the bytes that their lengths say")
    return cut


def _check_read(position: Ints, streams: list[Bytes]) -> None:
    if any(p != s.size for p, s in zip(position.tolist(), streams, strict=True)):
        raise StoreError("a stream ends too early, or holds more than its cells")


def _odd(steps: Bytes, lengths: Bytes, text: Bytes) -> tuple[Ints, Ints]:
    cells, cut = np.cumsum(_varints(steps)), _texts(lengths, text)
    if cells.size != cut.size - 1:
        raise StoreError("not a text for each odd cell")
    return cells, cut


def _put_odd(field: Cells, cells: Ints, begin: Ints, end: Ints) -> None:
    if cells.size and int(cells.max()) >= field.state.size:
        raise StoreError("an odd cell lies behind the last one")
    field.begin[cells], field.end[cells] = begin, end


def _empty(name: str, cells: int, values: int, *, is_number: bool) -> Cells:
    return Cells(
        name, is_number, np.zeros(values, np.int64), np.zeros(cells + 1, np.int64),
        np.zeros(cells, np.uint8), np.zeros(0, np.uint8), np.full(cells, -1, np.int64),
        np.full(cells, -1, np.int64),
    )  # fmt: skip


def _read_one(
    name: str, coding: str, n: int, people: int, parameters: Ints, streams: list[Bytes]
) -> Cells:
    if len(streams) != _ONE_STREAMS or parameters.size < 13:
        raise StoreError(f"coding {coding} has not its streams and parameters")
    field = _empty(name, n * people, int(parameters[0]), is_number=coding == "integers")
    if streams[0].size != 20 * n:
        raise StoreError("not a head for each record")
    heads = streams[0].view("<i4").astype(np.int64)
    position = np.zeros(len(streams), np.int64)
    used = read_one(
        (n, people), parameters[1:11], heads, tuple(streams), position,
        field.values, field.cut, field.state,
    )  # fmt: skip
    if used < 0:
        raise StoreError("a block says more values than it has")
    position[0] = streams[0].size
    position[11:] = [s.size for s in streams[11:]]
    _check_read(position, streams)
    if coding == "texts":
        cut = _texts(streams[12], streams[13])
        has = np.flatnonzero(field.state == VALUE)
        which = field.values[field.cut[has]]
        if has.size and not (which.min() >= 0 and which.max() < cut.size - 1):
            raise StoreError("a number of no text of the block")
        field.text = streams[13]
        _put_odd(field, has, cut[which], cut[which + 1])
        return field
    cells, cut = _odd(*streams[11:14])
    field.text = streams[13]
    if coding == "decimals":
        digits, trimmed = int(parameters[11]), bool(parameters[12])
        room = np.zeros(field.values.size * (digits + 13) + n * people, np.uint8)
        size = write_decimals(
            field.values, field.cut, field.state, digits, trimmed, room, field.begin, field.end
        )
        base = size
        field.text = np.concatenate([room[:size], streams[13]])
    else:
        base = 0
    _put_odd(field, cells, cut[:-1] + base, cut[1:] + base)
    return field


def _read_depths(
    names: list[str], n: int, people: int, parameters: Ints, streams: list[Bytes]
) -> list[Cells]:
    if len(streams) != _DEPTH_STREAMS or parameters.size < 6 or streams[0].size != 2 * n:
        raise StoreError("coding depths has not its streams and parameters")
    fields = [
        _empty(name, n * people, int(size), is_number=True)
        for name, size in zip(GROUP, parameters[:4].tolist(), strict=True)
    ]
    position = np.zeros(len(streams), np.int64)
    used = read_depths(
        (n, people), parameters[4:6], tuple(streams), position,
        tuple(f.values for f in fields), tuple(f.cut for f in fields),
        tuple(f.state for f in fields),
    )  # fmt: skip
    if used < 0:
        raise StoreError("a block says more values than it has")
    position[0] = streams[0].size
    position[16:] = [s.size for s in streams[16:]]
    _check_read(position, streams)
    cells, cut = _odd(*streams[16:19])
    for k, field in enumerate(fields):
        own = cells % 4 == k
        field.text = streams[18]
        _put_odd(field, cells[own] // 4, cut[:-1][own], cut[1:][own])
    return [f for f in fields if f.name in names]


def read_blocks(rows: Rows) -> Iterator[Block]:
    """Read the rows of a batch of the table fields.

    Raises
    ------
    StoreError
        A block is damaged.
    """
    batch = rows.batch
    records, ends = batch.column("records"), batch.column("ends")
    record_cut, end_cut = ends_of(records), ends_of(ends)
    all_records, all_ends = numbers_of(records.values), numbers_of(ends.values)
    streams, parameters = batch.column("streams"), batch.column("parameters")
    stream_cut, parameter_cut = ends_of(streams), ends_of(parameters)
    raw = bytes_of(parameters)
    buffer = streams.buffers()[2]
    for row in range(len(rows)):
        mine = all_records[record_cut[row] : record_cut[row + 1]].astype(np.int64)
        people = int(rows.numbers("people")[row])
        numbers = raw[parameter_cut[row] : parameter_cut[row + 1]].view("<i4").astype(np.int64)
        number = int(numbers[0]) if numbers.size else -1
        cut = [0, *all_ends[end_cut[row] : end_cut[row + 1]].tolist()]
        size = int(stream_cut[row + 1] - stream_cut[row])
        if number + 1 != len(cut) or cut[-1] != size or sorted(cut) != cut or people < 1:
            raise StoreError(
                f"the block of record {mine[:1]} has not the streams that it says"
            )
        names = str(batch.column("names")[row].as_py()).split(",")
        coding = str(batch.column("coding")[row].as_py())
        try:
            pieces = [
                _unpack(buffer.slice(int(stream_cut[row]) + a, b - a), int(s))
                for a, b, s in zip(cut, cut[1:], numbers[1 : 1 + number], strict=False)
            ]
            rest = numbers[1 + number :]
            if coding == "depths":
                fields = _read_depths(names, mine.size, people, rest, pieces)
            elif coding in ("integers", "decimals", "texts"):
                fields = [_read_one(names[0], coding, mine.size, people, rest, pieces)]
            else:
                raise StoreError(f"no coding is called {coding!r}")
        except (OSError, ValueError, IndexError, pa.ArrowException, StoreError) as error:
            what = error.message if isinstance(error, StoreError) else str(error)
            raise StoreError(f"the block of record {mine[0]} is damaged: {what}") from None
        yield Block(row, mine, int(rows.numbers("first")[row]), people, fields)
