"""What the table `callable` says of some bases: the sum over all its rows that hold them.

Files are read row group by row group, and only row groups that can hold one of the bases; what
is kept in memory is a row of counts a base and stratum.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.callability.tally import COUNTS, Int32, Int64, Tally, add_steps
from varhouse.tables.schema import CALLABLE, PolarsType

STRATUM = ("stratum_by", "stratum")
SITE = ("contig", "pos")

_COLUMNS = ("contig", *STRATUM, "start", "end", *COUNTS)
_BATCH_ROWS = 1 << 16

AT_SITE_SCHEMA: dict[str, PolarsType] = {
    "contig": pl.String, "pos": pl.Int32, **dict.fromkeys(STRATUM, pl.String),
    **dict.fromkeys(COUNTS, pl.Int32),
}  # fmt: skip
"""Columns of `at_sites`."""


def rows_of(tally: Tally, contig: str, strata: pl.DataFrame) -> pl.DataFrame:
    """Make rows of the table `callable`, without cohort and part, in its order.

    Parameters
    ----------
    strata
        Columns stratum_by, stratum: a row for each group.
    """
    labels = strata.select(STRATUM)[tally.group]
    return labels.with_columns(
        pl.lit(contig).alias("contig"),
        pl.Series("start", tally.start),
        pl.Series("end", tally.end),
        *(pl.Series(name, tally.counts[:, k]) for k, name in enumerate(COUNTS)),
    ).select(n for n in CALLABLE.names if n in _COLUMNS)


def tally_of(rows: pl.DataFrame, group: int = 0) -> Tally:
    """Take rows of the table `callable` of one contig and stratum for those of a group."""
    return Tally(
        np.full(rows.height, group, np.int32),
        rows["start"].to_numpy(),
        rows["end"].to_numpy(),
        np.ascontiguousarray(rows.select(COUNTS).to_numpy()),
    )


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
    out = [pl.DataFrame(schema=AT_SITE_SCHEMA)]
    wanted = sites.select(SITE).unique().sort(SITE)
    for (contig,), rows in wanted.group_by("contig", maintain_order=True):
        name, positions = str(contig), rows["pos"].to_numpy().astype(np.int64)
        steps: dict[tuple[str, str], Int32] = {}
        for path in files:
            for stratum, found in _stretches(path, name, positions):
                if stratum not in steps:
                    steps[stratum] = np.zeros((1, positions.size, len(COUNTS)), np.int32)
                add_steps(found, positions, steps[stratum])
        for stratum, changes in sorted(steps.items()):
            counts = np.cumsum(changes[0], axis=0, dtype=np.int32)
            out.append(_rows_at(name, positions, stratum, counts))
    return pl.concat(out)


def _rows_at(
    contig: str, positions: Int64, stratum: tuple[str, str], counts: Int32
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
    path: str, contig: str, positions: Int64
) -> Iterator[tuple[tuple[str, str], Tally]]:
    """Read the stretches of a file that can hold some positions of a contig."""
    with pq.ParquetFile(path) as source:
        names = source.schema_arrow.names
        groups = [
            g
            for g in range(source.metadata.num_row_groups)
            if _may_hold(source.metadata.row_group(g), names, contig, positions)
        ]
        for batch in source.iter_batches(_BATCH_ROWS, row_groups=groups, columns=_COLUMNS):
            frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            mine = frame.filter(pl.col("contig") == contig)
            for (by, value), rows in mine.group_by(STRATUM, maintain_order=True):
                yield (str(by), str(value)), tally_of(rows)


def _may_hold(
    group: pq.RowGroupMetaData, names: Sequence[str], contig: str, positions: Int64
) -> bool:
    """Tell by its statistics whether a row group can hold a position of a contig."""
    bounds = {n: group.column(names.index(n)).statistics for n in ("contig", "start", "end")}
    if any(b is None or not b.has_min_max for b in bounds.values()):
        return True
    if not bounds["contig"].min <= contig <= bounds["contig"].max:
        return False
    if bounds["contig"].min != bounds["contig"].max:
        return True
    first = np.searchsorted(positions, bounds["start"].min)
    return bool(first < positions.size and positions[first] <= bounds["end"].max)
