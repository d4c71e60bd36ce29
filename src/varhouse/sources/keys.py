"""The allele key as one 64-bit integer: sorted integers are joined in one compiled pass.

The upper half is the position, the lower half the two alleles: exact for alleles of
A, C, G and T of up to 7 bases each and 12 together, else a hash with the top bit set.
Equal alleles have equal keys; where keys with that bit are equal, the alleles are
compared as text.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Keys = npt.NDArray[np.int64]

HASHED = 1 << 31
_MAX_EACH, _MAX_BOTH = 7, 12
_CODE = np.full(256, 255, np.uint8)
_CODE[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4)
_PRIME = np.uint64(0x100000001B3)
_BASIS = np.uint64(0xCBF29CE484222325)
_SHIFT = np.uint64(33)
_M1 = np.uint64(0xBF58476D1CE4E5B9)


@numba.njit(nogil=True, cache=True)
def _encode(pos, ref, ref_at, alt, alt_at, code, out):  # type: ignore[no-untyped-def]
    for i in range(pos.size):
        a, b = ref_at[i], ref_at[i + 1]
        c, d = alt_at[i], alt_at[i + 1]
        n, m = b - a, d - c
        low = np.int64(0)
        exact = n <= _MAX_EACH and m <= _MAX_EACH and n + m <= _MAX_BOTH
        if exact:
            for k in range(a, b):
                exact = exact and code[ref[k]] < 4
                low = (low << 2) | np.int64(code[ref[k]] & 3)
            for k in range(c, d):
                exact = exact and code[alt[k]] < 4
                low = (low << 2) | np.int64(code[alt[k]] & 3)
            low |= (np.int64(n) << 27) | (np.int64(m) << 24)
        if not exact:
            h = _BASIS
            for k in range(a, b):
                h = (h ^ np.uint64(ref[k])) * _PRIME
            h = (h ^ np.uint64(255)) * _PRIME
            for k in range(c, d):
                h = (h ^ np.uint64(alt[k])) * _PRIME
            h = (h ^ (h >> _SHIFT)) * _M1
            low = np.int64(h >> _SHIFT) | np.int64(HASHED)
        out[i] = (np.int64(pos[i]) << 32) | low


@numba.njit(nogil=True, cache=True)
def _count(mine, theirs):  # type: ignore[no-untyped-def]
    n = 0
    j = 0
    for i in range(mine.size):
        while j < theirs.size and theirs[j] < mine[i]:
            j += 1
        k = j
        while k < theirs.size and theirs[k] == mine[i]:
            n += 1
            k += 1
    return n


@numba.njit(nogil=True, cache=True)
def _match(mine, theirs, left, right):  # type: ignore[no-untyped-def]
    n = 0
    j = 0
    for i in range(mine.size):
        while j < theirs.size and theirs[j] < mine[i]:
            j += 1
        k = j
        while k < theirs.size and theirs[k] == mine[i]:
            left[n] = i
            right[n] = k
            n += 1
            k += 1


def text_buffers(column: pl.Series) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Give the bytes of a String column without nulls, and n + 1 offsets into them."""
    array: Any = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    array = array.cast(pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return raw, at


def allele_keys(frame: pl.DataFrame) -> Keys:
    """Encode pos (1-based), ref and alt (capitals) of each row: int64[n]."""
    out = np.empty(frame.height, np.int64)
    if frame.height:
        ref, ref_at = text_buffers(frame["ref"])
        alt, alt_at = text_buffers(frame["alt"])
        pos = frame["pos"].to_numpy().astype(np.int64)
        _encode(pos, ref, ref_at, alt, alt_at, _CODE, out)
    return out


def match_keys(mine: Keys, theirs: Keys) -> tuple[Keys, Keys]:
    """Pair equal keys of two sorted arrays, each with each: rows of both, int64[pairs]."""
    n = _count(mine, theirs)
    left, right = np.empty(n, np.int64), np.empty(n, np.int64)
    _match(mine, theirs, left, right)
    return left, right
