"""The content digest of rows, from its definition (docs/store-format.md).

A value is 64 bits that say what it means; a row adds up a mix of each value with the name
of its column, in two lanes, and is mixed once more; a table is the sum of its rows. Text
counts by words of eight bytes, the last filled up with 0; a list by its values in order; a
null not at all.

What is repeated is worked out once: the entries of a dictionary, and numbers of a small range.
"""

import hashlib
from functools import cache
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.errors import StoreError

Words = npt.NDArray[np.uint64]
Sums = tuple[int, int]

_GOLDEN, _ROW = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_NULL, _LONG = np.uint64(0x2545F4914F6CDD1D), np.uint64(0xA0761D6478BD642F)
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_SIGN, _INFINITY, _NAN = np.uint64(1 << 63), np.uint64(0x7FF << 52), np.uint64(0x7FF8 << 48)
_MASK = (1 << 64) - 1

_RANGE = 1 << 12
"""Numbers of which the mixes are tabled: two arrays of 32 KiB, in the first cache."""


@nb.njit(inline="always")
def _mix(x):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Finish 64 bits as splitmix64 does (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> _S30)) * _A
    x = (x ^ (x >> _S27)) * _B
    return x ^ (x >> _S31)


@nb.njit(cache=True, nogil=True)
def _of_numbers(values, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(values.size):
        out[i] = _mix(np.uint64(np.int64(values[i])) + _GOLDEN)


@nb.njit(cache=True, nogil=True)
def _of_doubles(bits, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(bits.size):
        word = bits[i]
        if word == _SIGN:
            word = np.uint64(0)
        elif word & ~_SIGN > _INFINITY:
            word = _NAN
        out[i] = _mix(word + _GOLDEN)


@nb.njit(cache=True, nogil=True)
def _of_texts(text, ends, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(out.size):
        a, b = ends[i], ends[i + 1]
        h = np.uint64(b - a) * _LONG + _GOLDEN
        while a + 8 <= b:
            word = np.uint64(text[a])
            word |= np.uint64(text[a + 1]) << np.uint64(8)
            word |= np.uint64(text[a + 2]) << np.uint64(16)
            word |= np.uint64(text[a + 3]) << np.uint64(24)
            word |= np.uint64(text[a + 4]) << np.uint64(32)
            word |= np.uint64(text[a + 5]) << np.uint64(40)
            word |= np.uint64(text[a + 6]) << np.uint64(48)
            word |= np.uint64(text[a + 7]) << np.uint64(56)
            h = _mix(h ^ word) + _LONG
            a += 8
        if a < b:
            word = np.uint64(0)
            for k in range(a, b):
                word |= np.uint64(text[k]) << np.uint64(8 * (k - a))
            h = _mix(h ^ word) + _LONG
        out[i] = _mix(h)


@nb.njit(cache=True, nogil=True)
def _of_lists(elements, ends, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(out.size):
        h = np.uint64(ends[i + 1] - ends[i]) * _LONG + _GOLDEN
        for k in range(ends[i], ends[i + 1]):
            h = _mix(h ^ elements[k]) + _LONG
        out[i] = _mix(h)


@nb.njit(cache=True, nogil=True)
def _add(values, valid, seed1, seed2, lane1, lane2):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(values.size):
        if valid.size == 0 or valid[i]:
            lane1[i] += _mix(values[i] + seed1)
            lane2[i] += _mix(values[i] ^ seed2)


@nb.njit(cache=True, nogil=True)
def _add_tabled(place, least, valid, table1, table2, lane1, lane2):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(place.size):
        if valid.size == 0 or valid[i]:
            k = np.int64(place[i]) - least
            lane1[i] += table1[k]
            lane2[i] += table2[k]


@nb.njit(cache=True, nogil=True)
def _sum(lane1, lane2):  # type: ignore[no-untyped-def]  # pragma: no cover
    s1 = np.uint64(0)
    s2 = np.uint64(0)
    for i in range(lane1.size):
        s1 += _mix(lane1[i] ^ _mix(lane2[i] + _ROW))
        s2 += _mix(lane2[i] ^ _mix(lane1[i] + _GOLDEN))
    return s1, s2


@nb.njit(cache=True, nogil=True)
def _join(hashes, more):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(hashes.size):
        hashes[i] = _mix((hashes[i] ^ more[i]) + _LONG)


@cache
def _seeds(column: str) -> tuple[np.uint64, np.uint64]:
    raw = hashlib.sha256(f"varhouse column {column}".encode()).digest()
    one, two = (int.from_bytes(raw[k : k + 8], "little") for k in (0, 8))
    return np.uint64(one), np.uint64(two)


def label(text: str) -> int:
    """Give what stands for a file or a sample: 64 bits of BLAKE2b of its text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Labels:
    """What numbers of files (F) and samples (S) of a cohort stand for.

    Parameters
    ----------
    files
        Number to name and names of the sample columns.
    samples
        Ordinal to name.
    """

    def __init__(
        self, files: dict[int, tuple[str, list[str]]], samples: dict[int, str]
    ) -> None:
        self._known = {
            "F": {n: label("\n".join((name, *of))) for n, (name, of) in files.items()},
            "S": {n: label(name) for n, name in samples.items()},
        }

    def look(self, kind: str, numbers: npt.NDArray[Any]) -> Words:
        """Give the labels of numbers.

        Raises
        ------
        StoreError
            If one is of no file, or no sample, of the cohort.
        """
        known = self._known[kind]
        distinct, place = np.unique(numbers, return_inverse=True)
        lacking = [n for n in distinct.tolist() if n not in known]
        if lacking:
            what = {"F": "file", "S": "sample"}[kind]
            raise StoreError(f"number {lacking[0]} is that of no {what} of the cohort")
        words = np.array([known[n] for n in distinct.tolist()], np.uint64)
        return words[place.reshape(-1)] if distinct.size else np.zeros(0, np.uint64)


def validity(array: Any) -> npt.NDArray[np.uint8]:
    """Give a byte a value, 0 where it is null; an empty array where none is."""
    if not array.null_count:
        return np.zeros(0, np.uint8)
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    last = array.offset + len(array)
    return np.unpackbits(bits, count=last, bitorder="little")[array.offset :]


def ends_of(array: Any) -> npt.NDArray[np.int64]:
    """Give where the texts or lists of an array begin, and where the last ends."""
    wide = array.type in (pa.large_string(), pa.large_binary()) or pa.types.is_large_list(
        array.type
    )
    if not len(array):
        return np.zeros(1, np.int64)
    held = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)
    return held[array.offset : array.offset + len(array) + 1].astype(np.int64)


def bytes_of(array: Any) -> npt.NDArray[np.uint8]:
    """Give the bytes behind an array of texts."""
    buffer = array.buffers()[2]
    return np.zeros(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)


def is_text(kind: Any) -> bool:
    """Tell whether values are texts or bytes."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def numbers_of(array: Any) -> npt.NDArray[Any]:
    """Give the values of an array of numbers, whatever stands where one is null."""
    if not len(array):
        return np.zeros(0, array.type.to_pandas_dtype())
    held = np.frombuffer(array.buffers()[1], array.type.to_pandas_dtype())
    return held[array.offset : array.offset + len(array)]


def hash_values(array: Any, labels: Labels | None = None, kind: str = "") -> Words:
    """Hash each value of an array; what stands for a null is arbitrary.

    Parameters
    ----------
    labels, kind
        Of numbers that stand for files or samples: what they stand for, and F or S.
    """
    out = np.empty(len(array), np.uint64)
    t = array.type
    if pa.types.is_dictionary(t):
        known = hash_values(array.dictionary)
        return np.asarray(known[numbers_of(array.indices.fill_null(0))], np.uint64)
    if is_text(t):
        _of_texts(bytes_of(array), ends_of(array), out)
    elif pa.types.is_list(t) or pa.types.is_large_list(t):
        ends = ends_of(array)
        elements = array.values.slice(int(ends[0]), int(ends[-1] - ends[0]))
        hashes = hash_values(elements, labels, kind)
        valid = validity(elements)
        if valid.size:
            hashes[valid == 0] = _NULL
        _of_lists(hashes, ends - ends[0], out)
    elif pa.types.is_boolean(t):
        bits = np.frombuffer(array.buffers()[1], np.uint8) if len(array) else np.zeros(0, "u1")
        last = array.offset + len(array)
        _of_numbers(np.unpackbits(bits, count=last, bitorder="little")[array.offset :], out)
    elif pa.types.is_signed_integer(t):
        if labels is not None and kind:
            return labels.look(kind, numbers_of(array))
        _of_numbers(numbers_of(array), out)
    elif pa.types.is_floating(t):
        doubles = numbers_of(array).astype(np.float64, copy=False)
        _of_doubles(doubles.view(np.uint64), out)
    else:
        raise StoreError(f"type {t} cannot stand in a table")
    return out


class RowSums:
    """Adds the columns of a batch of rows up to its digest.

    Parameters
    ----------
    rows
        Number of rows.
    """

    def __init__(self, rows: int) -> None:
        self._one, self._two = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)

    def add_text(self, name: str, text: str) -> None:
        """Add a column that is the same text in all rows, as of a partition."""
        value = hash_values(pa.array([text]))
        one, two = (np.zeros(1, np.uint64) for _ in "ab")
        _add(value, np.zeros(0, np.uint8), *_seeds(name), one, two)
        self._one += one[0]
        self._two += two[0]

    def add(self, name: str, array: Any, labels: Labels | None = None, kind: str = "") -> None:
        """Add a column."""
        if array.null_count == len(array):
            return
        valid = validity(array.indices if pa.types.is_dictionary(array.type) else array)
        if pa.types.is_dictionary(array.type):
            place = numbers_of(array.indices)
            self._tabled(name, place, 0, hash_values(array.dictionary), valid)
            return
        if pa.types.is_signed_integer(array.type) and not kind and valid.size == 0:
            values = numbers_of(array)
            least, most = int(values.min()), int(values.max())
            if most - least < min(_RANGE, len(array)):
                hashes = np.empty(most - least + 1, np.uint64)
                _of_numbers(np.arange(least, most + 1), hashes)
                self._tabled(name, values, least, hashes, valid)
                return
        hashes = hash_values(array, labels, kind)
        _add(hashes, valid, *_seeds(name), self._one, self._two)

    def _tabled(
        self, name: str, place: npt.NDArray[Any], least: int, hashes: Words, valid: Any
    ) -> None:
        one, two = np.zeros(hashes.size, np.uint64), np.zeros(hashes.size, np.uint64)
        _add(hashes, np.zeros(0, np.uint8), *_seeds(name), one, two)
        if hashes.size == 1 and valid.size == 0:
            self._one += one[0]
            self._two += two[0]
            return
        _add_tabled(place, least, valid, one, two, self._one, self._two)

    def total(self) -> Sums:
        """Give the two sums of the rows, modulo 2**64."""
        one, two = _sum(self._one, self._two)
        return int(one), int(two)


def add_sums(a: Sums, b: Sums) -> Sums:
    """Add two digests up, modulo 2**64."""
    return (a[0] + b[0]) & _MASK, (a[1] + b[1]) & _MASK


def join_hashes(columns: list[Words]) -> Words:
    """Make one hash a row of several: of a key of several columns."""
    out = np.full(columns[0].size, _GOLDEN, np.uint64)
    for column in columns:
        _join(out, column)
    return out


def table_digest(name: str, rows: int, sums: Sums) -> str:
    """Give the digest of a table as 64 hex digits; zeros for one without rows."""
    if not rows:
        return "0" * 64
    text = f"varhouse table 1\n{name}\n{rows}\n{sums[0]:016x}{sums[1]:016x}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def store_digest(tables: dict[str, str]) -> str:
    """Give the digest of a store of those of its tables."""
    lines = (f"{n} {d}\n" for n, d in sorted(tables.items()) if set(d) != {"0"})
    return hashlib.sha256(("varhouse store 1\n" + "".join(lines)).encode()).hexdigest()
