"""Lines of VCF with another INFO: all else is copied as bytes, whatever stands in it.

Of a file of thousands of samples INFO is a hundredth: text of the samples is not looked at but
for the line ends.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.tables.textcolumn import pack
from varhouse.vcf.text.lines import RecordBatch, read_batch

_INFO, _TABS = 7, 7
"""INFO is the eighth column: what has fewer tabs has none."""


@dataclass(frozen=True)
class InfoLines:
    """Lines of a block, and which of them are records (int64[n] of those with an INFO)."""

    batch: RecordBatch
    rows: npt.NDArray[np.int64]

    def fixed(self) -> pl.DataFrame:
        """Give chrom, pos (null if it is no number), ref, alt and info of the records."""
        pos = pl.Series(self.batch.pos[self.rows])
        names = ("chrom", "ref", "alt", "info")
        columns = {name: self.batch.column(name, self.rows) for name in names}
        frame = pl.DataFrame({**columns, "pos": pos})
        return frame.with_columns(pos=pl.when(pl.col("pos") >= 0).then("pos"))

    def with_info(self, info: pl.Series) -> memoryview:
        """Give the lines with another INFO of the records; a line end is a line feed."""
        data, offsets = pack(info)
        batch = self.batch
        has = np.full(batch.size, -1, np.int64)
        has[self.rows] = np.arange(self.rows.size)
        size = _size(batch.start, batch.end, has, offsets)
        out = np.empty(size, np.uint8)
        _fill(batch.text, batch.start, batch.end, has, data, offsets, out)
        return memoryview(out.data)


def cut_lines(block: bytes) -> InfoLines:
    """Cut a block of whole lines; the last may lack its line end."""
    batch = read_batch(block if block.endswith(b"\n") else block + b"\n", 0, 0)
    return InfoLines(batch, np.flatnonzero(batch.tabs >= _TABS))


@nb.njit(cache=True, nogil=True)
def _size(start, end, has, offsets):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    size = 0
    for k in range(end.size):
        length = end[k] - start[k, 0]
        if has[k] >= 0:
            stop = min(start[k, _INFO + 1] - 1, end[k])
            length += offsets[has[k] + 1] - offsets[has[k]] - (stop - start[k, _INFO])
        # A blank line is none.
        size += length + 1 if length else 0
    return size


@nb.njit(cache=True, nogil=True)
def _fill(text, start, end, has, data, offsets, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    w = 0
    for k in range(end.size):
        a, b = start[k, 0], end[k]
        if a == b:
            continue
        if has[k] >= 0:
            stop = min(start[k, _INFO + 1] - 1, b)
            n = start[k, _INFO] - a
            out[w : w + n] = text[a : a + n]
            w += n
            n = offsets[has[k] + 1] - offsets[has[k]]
            out[w : w + n] = data[offsets[has[k]] : offsets[has[k] + 1]]
            w += n
            a = stop
        out[w : w + b - a] = text[a:b]
        w += b - a
        out[w] = 10
        w += 1
