"""Text as bytes: what the compiled passes write into one buffer, and strings from it."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from numba import njit

from varhouse.genemodel import Bool, Int64, UInt8

Packed = tuple[UInt8, Int64]
"""Strings end to end, and their n + 1 offsets."""

DIGITS = 20
"""Bytes of the longest number."""


def pack(strings: pl.Series) -> Packed:
    """Give the bytes of strings end to end, and int64[n + 1] offsets; null is empty."""
    array = strings.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    at = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    held = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return held[at[0] : at[-1]], at - at[0]


def strings(name: str, data: UInt8, offsets: Int64, valid: Bool) -> pl.Series:
    """Make a column of the strings in a buffer; those that are not valid are null.

    Parameters
    ----------
    data, offsets
        Bytes, and int64[n + 1] offsets into them.
    valid
        bool[n].
    """
    bits: npt.NDArray[np.uint8] = np.packbits(valid, bitorder="little")
    array = pa.LargeStringArray.from_buffers(
        len(valid),
        pa.py_buffer(np.ascontiguousarray(offsets)),
        pa.py_buffer(np.ascontiguousarray(data[: offsets[-1]])),
        pa.py_buffer(np.ascontiguousarray(bits)),
    )
    return pl.Series(name, pl.from_arrow(array), dtype=pl.String)


@njit(cache=True, nogil=True)
def put_number(out: UInt8, w: int, number: int) -> int:
    """Write a number that is not negative; give the place behind it."""
    width, rest = 1, number // 10
    while rest:
        width += 1
        rest //= 10
    for i in range(w + width - 1, w - 1, -1):
        out[i] = 48 + number % 10
        number //= 10
    return w + width


@njit(cache=True, nogil=True)
def put_span(out: UInt8, w: int, source: UInt8, start: int, end: int) -> int:
    """Copy `source[start:end]`; give the place behind it."""
    for i in range(start, end):
        out[w] = source[i]
        w += 1
    return w
