"""Sorting more rows than fit in memory: runs on disk, read back window by window.

Rows come in any order and go into runs of bounded size, one file a partition. A window
is a range of positions that holds no more than `WINDOW_ROWS` rows (or `WINDOW_BYTES`);
only the runs that reach into it are read. Rows of equal order stay as they came.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

WINDOW_ROWS = 500_000
WINDOW_BYTES = 96 << 20
_BIN = 12


@dataclass(frozen=True)
class _Run:
    path: Path
    spans: dict[str, tuple[int, int]]


class Spill:
    """Takes frames with `contig` and a position, gives them back sorted.

    Parameters
    ----------
    place
        Name of the column of positions.
    order
        Columns that rows are sorted by, `contig` apart.
    part_of
        Contig to partition.
    """

    def __init__(
        self, folder: Path, place: str, order: list[str], part_of: dict[str, str]
    ) -> None:
        self._folder, self._place, self._order = folder, place, order
        self._part_of = part_of
        self._held: list[pl.DataFrame] = []
        self._rows = self._bytes = self._total_rows = self._total_bytes = self._count = 0
        self._runs: dict[str, list[_Run]] = {}
        self._bins: dict[str, np.ndarray] = {}

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        if frame.is_empty():
            return
        self._held.append(frame)
        self._rows += frame.height
        self._bytes += int(frame.estimated_size())
        if self._rows >= WINDOW_ROWS or self._bytes >= WINDOW_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        frame = pl.concat(self._held)
        self._held = []
        self._total_rows += self._rows
        self._total_bytes += self._bytes
        self._rows = self._bytes = 0
        parts = pl.col("contig").replace_strict(self._part_of, return_dtype=pl.String)
        groups = frame.with_columns(parts.alias("\tpart")).partition_by(
            "\tpart", as_dict=True, include_key=False
        )
        for (part,), rows in groups.items():
            path = self._folder / f"run-{self._count:06d}.parquet"
            self._count += 1
            rows = rows.sort("contig", *self._order, maintain_order=True)
            rows.write_parquet(path, compression="lz4", row_group_size=65_536)
            spans = {}
            for (contig,), some in rows.group_by("contig"):
                place = some[self._place].to_numpy()
                spans[str(contig)] = (int(place.min()), int(place.max()))
                counts = np.bincount(place >> _BIN)
                old = self._bins.get(str(contig), np.zeros(0, np.int64))
                if counts.size > old.size:
                    old, counts = counts, old
                old[: counts.size] += counts
                self._bins[str(contig)] = old
            self._runs.setdefault(str(part), []).append(_Run(path, spans))

    def windows(self) -> Iterator[tuple[str, Iterator[pl.DataFrame]]]:
        """Yield each partition with its sorted frames; after that nothing may be added."""
        self._flush()
        row_bytes = max(1, self._total_bytes // max(1, self._total_rows))
        limit = max(1, min(WINDOW_ROWS, WINDOW_BYTES // row_bytes))
        for part, runs in self._runs.items():
            yield part, self._frames(runs, limit)

    def _frames(self, runs: list[_Run], limit: int) -> Iterator[pl.DataFrame]:
        for contig in sorted({c for r in runs for c in r.spans}):
            for low, high in _cut(self._bins[contig], limit):
                near = [r.path for r in runs if _touches(r.spans.get(contig), low, high)]
                if near:
                    inside = pl.col(self._place).is_between(low, high - 1)
                    rows = pl.scan_parquet(near, low_memory=True, glob=False).filter(
                        pl.col("contig") == contig, inside
                    )
                    yield rows.collect().sort(self._order, maintain_order=True)


def _touches(span: tuple[int, int] | None, low: int, high: int) -> bool:
    return span is not None and span[0] < high and span[1] >= low


def _cut(bins: np.ndarray, limit: int) -> Iterator[tuple[int, int]]:
    """Cut a contig into half-open ranges of positions of at most `limit` rows each.

    A single bin of 4,096 bases is not cut.
    """
    start, held = 0, 0
    for k, n in enumerate(bins.tolist()):
        if held and held + n > limit:
            yield start << _BIN, k << _BIN
            start, held = k, 0
        held += n
    if held:
        yield start << _BIN, bins.size << _BIN
