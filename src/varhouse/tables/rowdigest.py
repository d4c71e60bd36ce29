"""The content digest of rows: compiled kernels over Arrow buffers (see `digest`)."""

import hashlib
from functools import cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from varhouse.errors import SchemaError
from varhouse.tables.digest import Sums, combine
from varhouse.tables.schema import Table

Hashes = npt.NDArray[np.uint64]

_BATCH = 1 << 18
_MASK = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROW = np.uint64(0xD6E8FEB86659FD93)
_NULL = np.uint64(0x2545F4914F6CDD1D)
_LONG = np.uint64(0xA0761D6478BD642F)
_30, _27, _31, _8, _1 = (np.uint64(n) for n in (30, 27, 31, 8, 1))
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@numba.njit(inline="always")
def _mix(x):  # type: ignore[no-untyped-def]
    x = (x ^ (x >> _30)) * _M1
    x = (x ^ (x >> _27)) * _M2
    return x ^ (x >> _31)


@numba.njit(nogil=True, cache=True)
def _hash_integers(values, out):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        out[i] = _mix(values[i] + _GOLDEN)


@numba.njit(nogil=True, cache=True)
def _hash_texts(data, offsets, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        start, end = offsets[i], offsets[i + 1]
        h = np.uint64(end - start) * _LONG + _GOLDEN
        while start < end:
            # Little-endian words put together from bytes: the same on every machine.
            word = np.uint64(0)
            stop = min(start + 8, end)
            for k in range(stop - 1, start - 1, -1):
                word = (word << _8) | np.uint64(data[k])
            h = _mix(h ^ word) + _LONG
            start = stop
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
def _add_valid(values, valid, seed1, seed2, lane1, lane2):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        if valid[i]:
            lane1[i] += _mix(values[i] + seed1)
            lane2[i] += _mix(values[i] ^ seed2)


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


def digest_frame(frame: pl.DataFrame, table: Table) -> Sums:
    """Digest rows of a table as two sums modulo 2**64.

    Parameters
    ----------
    frame
        Rows with the table's content columns, partition columns among them included;
        a nullable column may be missing and counts as null.
    table
        The declaration: its columns with `content` are covered.

    Returns
    -------
    tuple of int
        Two sums in 0..2**64-1; (0, 0) for no rows.

    Raises
    ------
    SchemaError
        If a content column that cannot be null is missing, or has a type that no
        table may have.
    """
    names = []
    for column in table.columns:
        if column.content and column.name in frame.columns:
            names.append(column.name)
        elif column.content and not column.nullable:
            raise SchemaError(f"table {table.name}: no column {column.name} to digest")
    chosen = frame.select(names)
    total = (0, 0)
    for batch in chosen.iter_slices(_BATCH):
        lane1 = np.zeros(batch.height, np.uint64)
        lane2 = np.zeros(batch.height, np.uint64)
        for name in names:
            if batch[name].null_count() == batch.height:
                continue
            _digest_column(batch[name], name, lane1, lane2)
        s1, s2 = _sum_rows(lane1, lane2)
        total = combine([total, (int(s1), int(s2))])
    return total


def _digest_column(column: pl.Series, name: str, lane1: Hashes, lane2: Hashes) -> None:
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    values = _hash(array, name)
    seed1, seed2 = _seeds(name)
    if array.null_count:
        _add_valid(values, _valid(array), seed1, seed2, lane1, lane2)
    else:
        _add_column(values, seed1, seed2, lane1, lane2)


def _valid(array: Any) -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return valid


def _hash(array: Any, name: str) -> Hashes:
    """Hash each value of an arrow array; what stands for a null is arbitrary."""
    out = np.empty(len(array), np.uint64)
    kind = array.type
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        offsets, data = _offsets(array), array.buffers()[2]
        raw = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
        _hash_texts(raw, offsets, out)
    elif pa.types.is_large_list(kind) or pa.types.is_list(kind):
        elements = _hash(array.values, name)
        if array.values.null_count:
            elements[~_valid(array.values)] = _NULL
        _hash_lists(elements, _offsets(array), out)
    elif pa.types.is_signed_integer(kind):
        _hash_integers(_numbers(array, pa.int64()).astype(np.int64).view(np.uint64), out)
    elif pa.types.is_boolean(kind):
        _hash_integers(_numbers(array, pa.int8()).astype(np.int64).view(np.uint64), out)
    elif pa.types.is_floating(kind):
        numbers = _numbers(array, pa.float64()) + 0.0  # -0.0 + 0.0 is 0.0
        numbers[np.isnan(numbers)] = np.nan
        _hash_integers(numbers.view(np.uint64), out)
    elif not pa.types.is_null(kind):
        raise SchemaError(f"column {name}: type {kind} cannot stand in a table")
    return out


def _numbers(array: Any, kind: Any) -> npt.NDArray[Any]:
    filled = pc.fill_null(array, False if pa.types.is_boolean(array.type) else 0)
    numbers: npt.NDArray[Any] = filled.cast(kind).to_numpy(zero_copy_only=False)
    return numbers


def _offsets(array: Any) -> npt.NDArray[np.int64]:
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_list(array.type)
    offsets = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)
    return offsets[array.offset : array.offset + len(array) + 1].astype(np.int64)
