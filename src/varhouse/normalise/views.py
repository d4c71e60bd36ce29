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

from varhouse.genome.reference import CONCRETE
from varhouse.normalise.status import Status

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Views = npt.NDArray[np.int32]

MAX_TEXT = 2**31 - 1
"""Bytes of long texts that one buffer of a view may hold."""

_UNCHANGED = int(Status.UNCHANGED)
_INLINE = 12

_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_IS_BASE = np.isin(np.arange(256), np.frombuffer(b"ACGTN", np.uint8))


def views_of(column: pl.Series) -> Views:
    """Give the views of a String column without nulls, read-only int32[n, 4]."""
    array: Any = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not len(array):
        return np.zeros((0, 4), np.int32)
    views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)
    return views[array.offset : array.offset + len(array)]


def column_of(name: str, views: Views, text: Bytes) -> pl.Series:
    """Make a String column of views, int32[n, 4], whose long texts lie in `text`."""
    array = pa.Array.from_buffers(
        pa.string_view(), len(views), [None, pa.py_buffer(views), pa.py_buffer(text)]
    )
    return pl.Series(name, array)


@njit(cache=True, nogil=True)
def runs(views: Views) -> Longs:
    """List the rows whose view differs from the one before (row 0 first).

    Equal short texts have equal views; long ones may stand apart and still be equal.
    """
    out = np.empty(len(views), np.int64)
    n = 0
    for k in range(len(views)):
        if (
            k == 0
            or views[k, 0] != views[k - 1, 0]
            or views[k, 1] != views[k - 1, 1]
            or views[k, 2] != views[k - 1, 2]
            or views[k, 3] != views[k - 1, 3]
        ):
            out[n] = k
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def take_bases(
    seq: Bytes, starts: Longs, lengths: Longs, contig: Ints, pos: Ints, ref: Views, alt: Views,
    new_ref: Views, new_alt: Views, status: npt.NDArray[np.int8],
) -> Longs:  # fmt: skip
    """Write the alleles of one base that stay as they are; list the rows of the others.

    Arguments as of `normalise_packed`; `new_ref`, `new_alt` and `status` are filled for
    the rows that are not in the list.
    """
    rest = np.empty(pos.size, np.int64)
    m = 0
    for k in range(pos.size):
        c, p = contig[k], np.int64(pos[k]) - 1
        if ref[k, 0] == 1 and alt[k, 0] == 1 and 0 <= c < starts.size and 0 <= p < lengths[c]:
            r, a = _UPPER[ref[k, 1] & 255], _UPPER[alt[k, 1] & 255]
            if r != a and _IS_BASE[a] and CONCRETE[seq[starts[c] + p]] == r:
                new_ref[k, 0], new_alt[k, 0] = 1, 1
                new_ref[k, 1], new_alt[k, 1] = r, a
                new_ref[k, 2], new_alt[k, 2] = 0, 0
                new_ref[k, 3], new_alt[k, 3] = 0, 0
                status[k] = _UNCHANGED
                continue
        rest[m] = k
        m += 1
    return rest[:m]


@njit(cache=True, nogil=True)
def put_texts(rows: Longs, text: Bytes, at: Longs, out: Views) -> None:
    """Write the views of texts that lie end to end (n + 1 offsets) to rows of `out`."""
    for i in range(rows.size):
        k, first, n = rows[i], at[i], at[i + 1] - at[i]
        out[k, 0] = n
        inside = n if n <= _INLINE else 4
        for w in range(3):
            word = np.uint32(0)
            for j in range(min(4, max(0, inside - 4 * w))):
                word |= np.uint32(text[first + 4 * w + j]) << np.uint32(8 * j)
            out[k, 1 + w] = np.int32(word)
        if n > _INLINE:
            out[k, 3] = first
