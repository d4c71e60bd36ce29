"""The content digest of rows: compiled kernels over Arrow buffers (see `digest`)."""

import hashlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.errors import SchemaError
from varhouse.tables.digest import Sums, combine
from varhouse.tables.labels import Labels
from varhouse.tables.loads import load1, load8
from varhouse.tables.schema import Table

Hashes = npt.NDArray[np.uint64]
_Look = Callable[[npt.NDArray[Any]], Hashes]

_BATCH = 1 << 18
_MASK = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROW = np.uint64(0xD6E8FEB86659FD93)
_NULL = np.uint64(0x2545F4914F6CDD1D)
_LONG = np.uint64(0xA0761D6478BD642F)
_30, _27, _31, _8, _32 = (np.uint64(n) for n in (30, 27, 31, 8, 32))
_LOW32 = np.uint64(0xFFFFFFFF)
_MINUS_ZERO, _INFINITY = np.uint64(1 << 63), np.uint64(0x7FF << 52)
_NAN = np.uint64(0x7FF8 << 48)
_INLINE, _WORD = 12, 8
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@numba.njit(inline="always")
def _mix(x):  # type: ignore[no-untyped-def]
    x = (x ^ (x >> _30)) * _M1
    x = (x ^ (x >> _27)) * _M2
    return x ^ (x >> _31)


@numba.njit(nogil=True, cache=True)
def _hash_integers(values, out):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        out[i] = _mix(np.uint64(np.int64(values[i])) + _GOLDEN)


@numba.njit(nogil=True, cache=True)
def _hash_bits(bits, first, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = _mix(np.uint64((bits[(first + i) >> 3] >> ((first + i) & 7)) & 1) + _GOLDEN)


@numba.njit(nogil=True, cache=True)
def _hash_doubles(bits, out):  # type: ignore[no-untyped-def]
    for i in range(bits.size):
        word = bits[i]
        if word == _MINUS_ZERO:
            word = np.uint64(0)
        elif word & ~_MINUS_ZERO > _INFINITY:
            word = _NAN
        out[i] = _mix(word + _GOLDEN)


@numba.njit(nogil=True, cache=True)
def _hash_texts(views, buffers, out):  # type: ignore[no-untyped-def]
    """Hash texts given by their views (see `textviews`) and the addresses of buffers."""
    for i in range(out.size):
        one, two = views[i, 0], views[i, 1]
        if i and one == views[i - 1, 0] and two == views[i - 1, 1]:
            # The same text as in the row before, as in most columns of names.
            out[i] = out[i - 1]
            continue
        size = np.int64(one & _LOW32)
        h = np.uint64(size) * _LONG + _GOLDEN
        if size <= _INLINE:
            if size:
                h = _mix(h ^ ((one >> _32) | (two << _32))) + _LONG
            if size > _WORD:
                h = _mix(h ^ (two >> _32)) + _LONG
        else:
            text = buffers[np.int64(two & _LOW32)] + np.int64(two >> _32)
            at = 0
            # A word at a time, little-endian: the first byte lowest.
            while at + _WORD <= size:
                h = _mix(h ^ load8(text, at)) + _LONG
                at += _WORD
            if at < size:
                word = np.uint64(0)
                for k in range(size - 1, at - 1, -1):
                    word = (word << _8) | np.uint64(load1(text, k))
                h = _mix(h ^ word) + _LONG
        out[i] = _mix(h)


@numba.njit(nogil=True, cache=True)
def _hash_lists(elements, offsets, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        h = np.uint64(offsets[i + 1] - offsets[i]) * _LONG + _GOLDEN
        for k in range(offsets[i], offsets[i + 1]):
            h = _mix(h ^ elements[k]) + _LONG
        out[i] = _mix(h)


@numba.njit(nogil=True, cache=True)
def _add_column(values, seed1, seed2, lane1, lane2):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        lane1[i] += _mix(values[i] + seed1)
        lane2[i] += _mix(values[i] ^ seed2)


@numba.njit(nogil=True, cache=True)
def _add_valid(values, bits, first, seed1, seed2, lane1, lane2):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        if (bits[(first + i) >> 3] >> ((first + i) & 7)) & 1:
            lane1[i] += _mix(values[i] + seed1)
            lane2[i] += _mix(values[i] ^ seed2)


@numba.njit(nogil=True, cache=True)
def _put_nulls(values, bits, first):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        if not (bits[(first + i) >> 3] >> ((first + i) & 7)) & 1:
            values[i] = _NULL


@numba.njit(nogil=True, cache=True)
def _sum_rows(lane1, lane2):  # type: ignore[no-untyped-def]
    s1 = np.uint64(0)
    s2 = np.uint64(0)
    for i in range(lane1.size):
        # Each lane takes in the other, so that a row counts as a whole in both.
        s1 += _mix(lane1[i] ^ _mix(lane2[i] + _ROW))
        s2 += _mix(lane2[i] ^ _mix(lane1[i] + _GOLDEN))
    return s1, s2


@cache
def _seeds(column: str) -> tuple[np.uint64, np.uint64]:
    raw = hashlib.sha256(f"varhouse column {column}".encode()).digest()
    return (
        np.uint64(int.from_bytes(raw[:8], "little")),
        np.uint64(int.from_bytes(raw[8:16], "little")),
    )


def digest_frame(frame: pl.DataFrame, table: Table, labels: Labels | None = None) -> Sums:
    """Digest rows of a table as two sums modulo 2**64.

    Parameters
    ----------
    frame
        Rows with the table's content columns, partition columns among them included;
        a nullable column may be missing and counts as null.
    table
        The declaration: its columns with `content` are covered.
    labels
        What numbers of files and samples stand for; for a table that has some.

    Returns
    -------
    tuple of int
        Two sums in 0..2**64-1; (0, 0) for no rows.

    Raises
    ------
    SchemaError
        If a content column that cannot be null is missing, or has a type that no
        table may have; or if there are no labels for its numbers.
    """
    kinds = {c.name: c.label for c in table.labelled}
    if kinds and labels is None:
        raise SchemaError(f"table {table.name}: no labels for {', '.join(kinds)} to digest")
    names = []
    for column in table.columns:
        if column.content and column.name in frame.columns:
            names.append(column.name)
        elif column.content and not column.nullable:
            raise SchemaError(f"table {table.name}: no column {column.name} to digest")
    chosen = frame[names]
    total = (0, 0)
    for batch in chosen.iter_slices(_BATCH):
        lane1 = np.zeros(batch.height, np.uint64)
        lane2 = np.zeros(batch.height, np.uint64)
        for name in names:
            if batch[name].null_count() == batch.height:
                continue
            look = partial(labels.look, kinds[name]) if labels and name in kinds else None
            _digest_column(batch[name], name, lane1, lane2, look)
        s1, s2 = _sum_rows(lane1, lane2)
        total = combine([total, (int(s1), int(s2))])
    return total


def _digest_column(
    column: pl.Series, name: str, lane1: Hashes, lane2: Hashes, look: _Look | None
) -> None:
    # The buffers as polars has them: nothing is copied or cast.
    array: Any = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    values = _hash(array, name, look)
    seeds = _seeds(name)
    if array.null_count:
        _add_valid(values, _bytes(array, 0), array.offset, *seeds, lane1, lane2)
    else:
        _add_column(values, *seeds, lane1, lane2)


def _bytes(array: Any, number: int) -> npt.NDArray[np.uint8]:
    buffer = array.buffers()[number]
    return (
        np.zeros(0, np.uint8) if buffer is None else _frozen(np.frombuffer(buffer, np.uint8))
    )


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # One compiled version of a kernel serves buffers that may and may not be written to.
    view = array.view()
    view.flags.writeable = False
    return view


def _fixed(array: Any, kind: Any, width: int = 1) -> npt.NDArray[Any]:
    """Give the values of an array whose second buffer holds `width` words a row."""
    if not len(array):
        return _frozen(np.zeros(0, kind))
    held = np.frombuffer(array.buffers()[1], kind)
    return _frozen(held[array.offset * width : (array.offset + len(array)) * width])


def _hash(array: Any, name: str, look: _Look | None = None) -> Hashes:
    """Hash each value of an arrow array; what stands for a null is arbitrary.

    `look` gives what numbers stand for.
    """
    out = np.empty(len(array), np.uint64)
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        buffers = np.array([b.address if b else 0 for b in array.buffers()[2:]], np.int64)
        _hash_texts(_fixed(array, np.uint64, 2).reshape(-1, 2), buffers, out)
    elif pa.types.is_large_list(kind) or pa.types.is_list(kind):
        offsets = _offsets(array)
        # Before and behind may stand what is in no row any more.
        values = array.values.slice(offsets[0], offsets[-1] - offsets[0])
        elements = _hash(values, name, look)
        if values.null_count:
            _put_nulls(elements, _bytes(values, 0), values.offset)
        _hash_lists(elements, offsets - offsets[0], out)
    elif pa.types.is_signed_integer(kind) and look is not None:
        out = look(_fixed(array, kind.to_pandas_dtype()))
    elif pa.types.is_signed_integer(kind):
        _hash_integers(_fixed(array, kind.to_pandas_dtype()), out)
    elif pa.types.is_boolean(kind):
        _hash_bits(_bytes(array, 1), array.offset, out)
    elif pa.types.is_floating(kind):
        numbers = _fixed(array, kind.to_pandas_dtype()).astype(np.float64, copy=False)
        _hash_doubles(_frozen(numbers.view(np.uint64)), out)
    elif not pa.types.is_null(kind):
        raise SchemaError(f"column {name}: type {kind} cannot stand in a table")
    return out


def _offsets(array: Any) -> npt.NDArray[np.int64]:
    wide = pa.types.is_large_list(array.type)
    offsets = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)
    return offsets[array.offset : array.offset + len(array) + 1].astype(np.int64)
