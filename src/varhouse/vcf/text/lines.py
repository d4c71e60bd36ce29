"""Records as columns: the lines of a block of VCF text, found and cut in one pass."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.vcf.text.simd import lowest, ones, same64

if TYPE_CHECKING:
    import polars as pl

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

COLUMNS = ("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info", "format")
POS_LIMIT = 2**31 - 1
TAB, NEWLINE, ONE = np.uint8(9), np.uint8(10), np.uint64(1)


@nb.njit(cache=True, nogil=True)
def _tail(text: Bytes, i: int, byte: int) -> int:  # pragma: no cover - compiled
    """Compare the last bytes of a text with a byte, as `same64` does."""
    bits = np.uint64(0)
    for j in range(i, text.size):
        if text[j] == byte:
            bits |= np.uint64(1) << np.uint64(j - i)
    return bits  # type: ignore[return-value]


@nb.njit(cache=True, nogil=True)
def count_lines(text: Bytes) -> int:  # pragma: no cover - compiled
    """Count the line ends of a text: eight times as fast as `bytes.count`."""
    n = 0
    i = 0
    while i + 64 <= text.size:
        n += ones(same64(text, i, NEWLINE))
        i += 64
    return n + int(ones(_tail(text, i, 10)))


@nb.njit(cache=True, nogil=True)
def _parse_pos(text: Bytes, a: int, b: int) -> int:  # pragma: no cover - compiled
    if not 0 < b - a <= 10:
        return -1
    value = 0
    for j in range(a, b):
        c = text[j]
        if c < 48 or c > 57:
            return -1
        value = value * 10 + (c - 48)
    return value if value <= POS_LIMIT else -1


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
    tabs = np.empty(n_lines, np.int32)
    pos = np.empty(n_lines, np.int64)
    size = text.size
    k = 0
    t = 0
    if n_lines:
        start[0, 0] = 0
    for i in range(0, size, 64):
        if i + 64 <= size:
            tab, newline = same64(text, i, TAB), same64(text, i, NEWLINE)
        else:
            tab, newline = _tail(text, i, 9), _tail(text, i, 10)
        while k < n_lines:
            # The tabs before the next line end in these 64 bytes.
            until = newline & (~newline + ONE)
            its_tabs = tab & (until - ONE)
            tab ^= its_tabs
            while its_tabs and t < 9:
                t += 1
                start[k, t] = i + lowest(its_tabs) + 1
                its_tabs &= its_tabs - ONE
            t += ones(its_tabs)
            if not newline:
                break
            newline ^= until
            e = i + lowest(until)
            if e > start[k, 0] and text[e - 1] == 13:
                end[k] = e - 1
            else:
                end[k] = e
            tabs[k] = t
            for j in range(t + 1, 10):
                start[k, j] = end[k] + 1
            pos[k] = _parse_pos(text, start[k, 1], start[k, 2] - 1) if t >= 2 else -1
            k += 1
            t = 0
            if k < n_lines:
                start[k, 0] = e + 1
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


def text_array(text: Bytes, start: Ints, end: Ints) -> pa.LargeStringArray:
    """Copy spans of a text into a string array.

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
        return pa.array(values, pa.large_string())
    return array.cast(pa.large_string())


class SampleValues(Protocol):
    """The samples' values of some records of a batch, where they are not in its text (BCF).

    They have no fault.

    Attributes
    ----------
    fallback
        Cells that were not plain and were read another way.
    """

    fallback: int

    @property
    def others(self) -> Ints:
        """int64[m]: the records whose samples stand in the text."""

    def part(self, a: int, b: int) -> "SampleValues":
        """Give those of the records `a` to `b`."""

    def genotypes(self) -> tuple[Ints, pa.Array]:
        """Give GT as text: records that have it, and a list of the samples for each."""

    def arrow(self, name: str) -> tuple[Ints, pa.Array]:
        """Give a key's values: records that have it, and their cells."""


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
    samples
        The samples' values where they are not in the text (BCF); `tabs` counts them.
    """

    text: Bytes
    start: Ints
    end: Ints
    tabs: npt.NDArray[np.int32]
    pos: Ints
    record: int
    line: int
    samples: SampleValues | None = None

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.end.size)

    def column(self, name: str, rows: Ints | None = None) -> "pl.Series":
        """One of the first nine columns as text."""
        return _series(self._texts(name, rows))

    def values(self, name: str, rows: Ints) -> list[str]:
        """One of the first nine columns as text, for a few records."""
        return list(self._texts(name, rows).to_pylist())

    def lines(self, rows: Ints) -> "pl.Series":
        """Whole lines as text."""
        return _series(text_array(self.text, self.start[rows, 0], self.end[rows]))

    def _texts(self, name: str, rows: Ints | None) -> pa.LargeStringArray:
        k = COLUMNS.index(name)
        start, end = self.start[:, k], np.minimum(self.start[:, k + 1] - 1, self.end)
        if rows is not None:
            start, end = start[rows], end[rows]
        return text_array(self.text, np.ascontiguousarray(start), np.ascontiguousarray(end))


def _series(array: pa.LargeStringArray) -> "pl.Series":
    # A check alone makes no table: polars would be a fifth of the start of it.
    import polars as pl  # noqa: PLC0415

    out = pl.from_arrow(array)
    assert isinstance(out, pl.Series)
    return out


def read_batch(data: bytes, record: int, line: int) -> RecordBatch:
    """Cut a block of data lines into records."""
    text = np.frombuffer(data, np.uint8)
    start, end, tabs, pos = _scan(text, count_lines(text))
    return RecordBatch(text, start, end, tabs, pos, record, line)
