"""Columns of text as bytes for compiled passes, and columns of what these wrote."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def pack(column: pl.Series) -> tuple[Bytes, Offsets]:
    """Give the bytes of a String column end to end, and the n + 1 offsets of its rows.

    Returns
    -------
    uint8, int64[n + 1]
        Null counts as empty; the first offset is 0. Both are read-only, so that one compiled
        version of a pass serves any column.
    """
    array = column.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    _, offsets, data = array.cast(pa.large_string()).buffers()
    if not len(array):
        at = np.zeros(1, np.int64)
    else:
        held = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        at = held - held[0]
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    if len(array):
        text = text[held[0] : held[-1]]
    at.flags.writeable = False
    text = text.view()
    text.flags.writeable = False
    return text, at


def strings(
    data: Bytes, offsets: Offsets, valid: npt.NDArray[np.bool_] | None = None, name: str = ""
) -> pl.Series:
    """Make a String column of bytes in UTF-8 that lie end to end.

    Parameters
    ----------
    data, offsets
        The bytes, and int64[n + 1] offsets into them.
    valid
        bool[n]: rows that are not valid are null; None: all are valid.
    """
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    array = pa.LargeStringArray.from_buffers(
        len(offsets) - 1,
        pa.py_buffer(np.ascontiguousarray(offsets, np.int64)),
        pa.py_buffer(np.ascontiguousarray(data[: offsets[-1]])),
        bits,
    )
    return pl.Series(name, pl.from_arrow(array), dtype=pl.String)


def numbers(
    values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], name: str = ""
) -> pl.Series:
    """Make a column of int64[n] or float64[n] without a copy, null where not valid."""
    bits = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    kind = pa.int64() if values.dtype == np.int64 else pa.float64()
    array = pa.Array.from_buffers(kind, values.size, [bits, pa.py_buffer(values)])
    return pl.Series(name, pl.from_arrow(array))
