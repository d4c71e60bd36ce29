"""Records as columns: the lines of a block of VCF text, found and cut in one pass."""

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

COLUMNS = ("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info", "format")
POS_LIMIT = 2**31 - 1


@nb.njit(cache=True, nogil=True)
def _scan(
    text: Bytes, n_lines: int
) -> tuple[Ints, Ints, npt.NDArray[np.int32], Ints]:  # pragma: no cover - compiled
    """Find, for each line, the start of its first ten fields, its end and its tabs.

    Returns start[n, 10], end[n] (without CR and LF), tabs[n], pos[n] (-1: no number).
    Fields that a line lacks start at end + 1.
    """
    start = np.empty((n_lines, 10), np.int64)
    end = np.empty(n_lines, np.int64)
    tabs = np.zeros(n_lines, np.int32)
    pos = np.empty(n_lines, np.int64)
    i = 0
    size = text.size
    for k in range(n_lines):
        start[k, 0] = i
        t = 0
        while i < size and text[i] != 10:
            if text[i] == 9:
                t += 1
                if t < 10:
                    start[k, t] = i + 1
            i += 1
        e = i
        if e > start[k, 0] and text[e - 1] == 13:
            e -= 1
        end[k] = e
        tabs[k] = t
        for j in range(t + 1, 10):
            start[k, j] = e + 1
        i += 1
        pos[k] = -1
        if t >= 2:
            a, b = start[k, 1], start[k, 2] - 1
            if 0 < b - a <= 10:
                value = 0
                for j in range(a, b):
                    c = text[j]
                    if c < 48 or c > 57:
                        value = -1
                        break
                    value = value * 10 + (c - 48)
                pos[k] = value if value <= POS_LIMIT else -1
    return start, end, tabs, pos


@nb.njit(cache=True, nogil=True)
def _gather(
    text: Bytes, start: Ints, end: Ints
) -> tuple[npt.NDArray[np.int64], Bytes]:  # pragma: no cover - compiled
    n = start.size
    offset = np.zeros(n + 1, np.int64)
    for k in range(n):
        offset[k + 1] = offset[k] + max(0, end[k] - start[k])
    out = np.empty(offset[n], np.uint8)
    for k in range(n):
        w = offset[k]
        for j in range(start[k], end[k]):
            out[w] = text[j]
            w += 1
    return offset, out


def text_column(text: Bytes, start: Ints, end: Ints) -> pl.Series:
    """Copy spans of a text into a string column.

    Bytes that are not UTF-8 become U+FFFD, so that a table can hold them.
    """
    offset, data = _gather(text, start, end)
    array = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), start.size, [None, pa.py_buffer(offset), pa.py_buffer(data)]
    )
    if data.size and int(data.max()) > 127:
        values = [
            None if v is None else v.decode("utf-8", "replace") for v in array.to_pylist()
        ]
        return pl.Series(values, dtype=pl.String)
    out = pl.from_arrow(array.cast(pa.large_string()))
    assert isinstance(out, pl.Series)
    return out


@dataclass
class RecordBatch:
    """Consecutive data lines of a file.

    Attributes
    ----------
    text
        uint8[bytes]: the lines.
    start
        int64[n, 10]: where CHROM ... FORMAT and the first sample start in `text`.
    end
        int64[n]: where each line ends, without line end.
    tabs
        int32[n]: tabs of each line.
    pos
        int64[n]: POS (1-based; 0 for a telomere), -1 where it is no number.
    record
        0-based ordinal in the file of the first line.
    line
        1-based line in the file of the first line.
    """

    text: Bytes
    start: Ints
    end: Ints
    tabs: npt.NDArray[np.int32]
    pos: Ints
    record: int
    line: int

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.end.size)

    def column(self, name: str, rows: Ints | None = None) -> pl.Series:
        """One of the first nine columns as text."""
        k = COLUMNS.index(name)
        start, end = self.start[:, k], np.minimum(self.start[:, k + 1] - 1, self.end)
        if rows is not None:
            start, end = start[rows], end[rows]
        return text_column(self.text, np.ascontiguousarray(start), np.ascontiguousarray(end))

    def lines(self, rows: Ints) -> pl.Series:
        """Whole lines as text."""
        return text_column(self.text, self.start[rows, 0], self.end[rows])


def read_batch(data: bytes, record: int, line: int) -> RecordBatch:
    """Cut a block of data lines into records."""
    text = np.frombuffer(data, np.uint8)
    start, end, tabs, pos = _scan(text, data.count(b"\n"))
    return RecordBatch(text, start, end, tabs, pos, record, line)
