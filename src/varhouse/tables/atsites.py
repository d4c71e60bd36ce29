"""What the table `callable` says of some bases: the sum over all its rows that hold them.

Files are read row group by row group, and only row groups that can hold one of the bases; what
is kept in memory is a row of counts a base and stratum.
"""

from collections.abc import Iterator, Mapping, Sequence

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.tables.schema import PolarsType
from varhouse.tables.statistics import site_counts

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

COUNTS = site_counts()
"""Columns of counts of the table `callable`."""

STRATUM = ("stratum_by", "stratum")
SITE = ("contig", "pos")

_PLACE = ("contig", *STRATUM)
_COLUMNS = (*_PLACE, "start", "end", *COUNTS)
_BATCH_ROWS = 1 << 16

AT_SITE_SCHEMA: dict[str, PolarsType] = {
    "contig": pl.String, "pos": pl.Int32, **dict.fromkeys(STRATUM, pl.String),
    **dict.fromkeys(COUNTS, pl.Int32),
}  # fmt: skip
"""Columns of `at_sites`."""


@nb.njit(cache=True, nogil=True)
def _add_steps(start, end, counts, positions, steps):  # type: ignore[no-untyped-def]  # pragma: no cover
    n = positions.size
    for i in range(start.size):
        a = np.searchsorted(positions, start[i])
        b = np.searchsorted(positions, end[i], side="right")
        if a < b:
            for c in range(counts.shape[1]):
                steps[a, c] += counts[i, c]
                if b < n:
                    steps[b, c] -= counts[i, c]


def add_steps(start: Int32, end: Int32, counts: Int32, positions: Int64, steps: Int32) -> None:
    """Note how counts change from one base that is asked for to the next.

    Parameters
    ----------
    start, end, counts
        int32[n], int32[n], int32[n, COUNTS]: stretches of bases (1-based, closed), in any
        order, over each other or not.
    positions
        int64[bases], ascending and distinct.
    steps
        int32[bases, COUNTS], to which is added. Its cumulative sum is what the stretches
        count at each base; so they may come bit by bit.
    """
    _add_steps(start, end, counts, positions, steps)


def at_sites(files: Sequence[str], sites: pl.DataFrame) -> pl.DataFrame:
    """Look up what a cohort counted at some bases.

    Parameters
    ----------
    files
        All files of the table `callable` of the cohort that may hold them.
    sites
        Columns contig and pos (1-based).

    Returns
    -------
    pl.DataFrame
        Columns `AT_SITE_SCHEMA`: a row for each base and stratum with people assessed there;
        sorted by contig; no others.
    """
    wanted = sites.select(SITE).unique().sort(SITE)
    positions = {
        str(contig): rows["pos"].to_numpy().astype(np.int64)
        for (contig,), rows in wanted.group_by("contig", maintain_order=True)
    }
    steps: dict[tuple[str, str, str], Int32] = {}
    for path in files:
        for place, found in _stretches(path, positions):
            own = positions[place[0]]
            if place not in steps:
                steps[place] = np.zeros((own.size, len(COUNTS)), np.int32)
            start, end = found["start"].to_numpy(), found["end"].to_numpy()
            counts = np.ascontiguousarray(found.select(COUNTS).to_numpy())
            add_steps(start, end, counts, own, steps[place])
    out = [pl.DataFrame(schema=AT_SITE_SCHEMA)]
    for (contig, *stratum), changes in sorted(steps.items()):
        counts = np.cumsum(changes, axis=0, dtype=np.int32)
        out.append(_rows_at(contig, positions[contig], stratum, counts))
    return pl.concat(out)


def _rows_at(
    contig: str, positions: Int64, stratum: Sequence[str], counts: Int32
) -> pl.DataFrame:
    return (
        pl.DataFrame(dict(zip(COUNTS, counts.T, strict=True)))
        .with_columns(
            pl.Series("pos", positions, dtype=pl.Int32),
            pl.lit(contig).alias("contig"),
            *(pl.lit(v).alias(n) for n, v in zip(STRATUM, stratum, strict=True)),
        )
        .filter(pl.col("n_samples") > 0)
        .select(list(AT_SITE_SCHEMA))
    )


def _stretches(
    path: str, positions: Mapping[str, Int64]
) -> Iterator[tuple[tuple[str, str, str], pl.DataFrame]]:
    """Read the stretches of a file that can hold some positions, by contig and stratum."""
    with pq.ParquetFile(path) as source:
        names = source.schema_arrow.names
        groups = [
            g
            for g in range(source.metadata.num_row_groups)
            if _may_hold(source.metadata.row_group(g), names, positions)
        ]
        for batch in source.iter_batches(_BATCH_ROWS, row_groups=groups, columns=_COLUMNS):
            frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            mine = frame.filter(pl.col("contig").is_in(list(positions)))
            for (contig, by, value), rows in mine.group_by(_PLACE, maintain_order=True):
                yield (str(contig), str(by), str(value)), rows


def _may_hold(
    group: pq.RowGroupMetaData, names: Sequence[str], positions: Mapping[str, Int64]
) -> bool:
    """Tell by its statistics whether a row group can hold one of some positions."""
    bounds = {n: group.column(names.index(n)).statistics for n in ("contig", "start", "end")}
    if any(b is None or not b.has_min_max for b in bounds.values()):
        return True
    first, last = bounds["contig"].min, bounds["contig"].max
    if first != last:
        return any(first <= contig <= last for contig in positions)
    own = positions.get(first, np.zeros(0, np.int64))
    k = np.searchsorted(own, bounds["start"].min)
    return bool(k < own.size and own[k] <= bounds["end"].max)
