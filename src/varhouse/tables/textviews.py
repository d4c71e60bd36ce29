"""String columns as polars keeps them: views that hold short texts themselves.

An Arrow string view is 16 bytes: int32 length, and up to 12 bytes of text; or, for longer
texts, their first 4 bytes, and where all of them lie (int32 buffer, int32 offset). Most
alleles are one base, so a kernel that reads and writes views need not copy any text. Only
little-endian machines are meant, as polars is.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from numba import njit

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]
Views = npt.NDArray[np.int32]

MAX_TEXT = 2**31 - 1
"""Bytes of long texts that one buffer of a view may hold."""

_INLINE = 12


def views_of(column: pl.Series) -> Views:
    """Give the views of a String column without nulls, read-only int32[n, 4]."""
    array: Any = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not len(array):
        return np.zeros((0, 4), np.int32)
    views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)
    views = views[array.offset : array.offset + len(array)]
    # One compiled version of a pass serves any column.
    views.flags.writeable = False
    return views


def column_of(
    name: str, views: Views, text: Bytes, valid: npt.NDArray[np.bool_] | None = None
) -> pl.Series:
    """Make a String column of views, int32[n, 4], whose long texts lie in `text`.

    Rows that are not `valid` are null; None: all are valid. The text is UTF-8.
    """
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    array = pa.Array.from_buffers(
        pa.string_view(), len(views), [bits, pa.py_buffer(views), pa.py_buffer(text)]
    )
    return pl.Series(name, array)


def span_column(name: str, text: Bytes, at: Longs, size: Sizes) -> pl.Series:
    """Make a String column of spans of an ASCII text, which stays as long as the column.

    Parameters
    ----------
    text
        uint8[bytes], at most `MAX_TEXT` of them.
    at, size
        int64[n], int32[n]: start and bytes of each value; -1 bytes are null.
    """
    views = np.zeros((at.size, 4), np.int32)
    put_texts(np.arange(at.size), text, at, size, views)
    valid = size >= 0
    return column_of(name, views, text, None if valid.all() else valid)


@njit(cache=True, nogil=True)
def put_texts(rows: Longs, text: Bytes, at: Longs, size: Sizes, out: Views) -> None:
    """Write the views of spans of a text to rows of `out`; a negative size is empty."""
    for i in range(rows.size):
        k, first, n = rows[i], at[i], max(0, size[i])
        out[k, 0] = n
        inside = n if n <= _INLINE else 4
        for w in range(3):
            word = np.uint32(0)
            for j in range(min(4, max(0, inside - 4 * w))):
                word |= np.uint32(text[first + 4 * w + j]) << np.uint32(8 * j)
            out[k, 1 + w] = np.int32(word)
        if n > _INLINE:
            out[k, 3] = first
