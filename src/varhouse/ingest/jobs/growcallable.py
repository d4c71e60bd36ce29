"""The table `callable` of a cohort that grows: who comes is added, who goes is taken away.

Rows of different people add up, so those who come bring rows of their own. Where somebody
goes, the rows of the partition are added up, his taken away, and the sum is written anew; so
they are once there are many files, for each has to be looked into. Work goes by windows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.callability.tally import Tally
from varhouse.tables.atsites import COUNTS
from varhouse.tables.schema import CALLABLE
from varhouse.tables.shards import Shard, write_shard
from varhouse.tables.windows import MAX_POS, cut_windows

ROWS_AT_ONCE = 1_000_000
"""Stretches that are added up at once: some 200 bytes each."""

_STRATUM = ["stratum_by", "stratum"]
_COLUMNS = ("contig", *_STRATUM, "start", "end", *COUNTS)


def add_up(
    files: Sequence[str], minus: Sequence[str], partition: dict[str, str], directory: Path
) -> list[Shard]:
    """Add files of the table `callable` of a partition up.

    Parameters
    ----------
    files
        Those that count, of different people.
    minus
        Those of people who are among them and are taken away.
    directory
        Folder for the new shards.

    Raises
    ------
    StoreError
        If who is taken away is not among them.
    """
    rows = pl.concat(
        pl.scan_parquet(list(paths), glob=False, hive_partitioning=False).select(
            *_COLUMNS, pl.lit(sign, pl.Int32).alias("sign")
        )
        for sign, paths in ((1, files), (-1, minus))
        if paths
    )
    sums = (_sum_of(some) for some in _pieces(rows))
    made = (
        write_shard(frame, CALLABLE, directory, f"sum-{k:05d}", partition)
        for k, frame in enumerate(sums)
    )
    return [shard for shard in made if shard is not None]


def _pieces(rows: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Read rows of one contig at a time, cut at the ends of stretches of bases."""
    sizes = rows.group_by("contig").agg(pl.len()).sort("contig").collect(engine="streaming")
    if sizes["len"].sum() <= ROWS_AT_ONCE:
        yield from rows.collect().partition_by("contig")
        return
    for contig, size in sizes.rows():
        mine = rows.filter(pl.col("contig") == contig)
        starts = [0]
        if size > ROWS_AT_ONCE:
            windows = cut_windows(mine.select("contig", pos="start"), ROWS_AT_ONCE)
            starts += [w.first[1] for w in windows[1:]]
        for first, last in zip(starts, [*(s - 1 for s in starts[1:]), MAX_POS], strict=True):
            yield (
                mine.filter((pl.col("start") <= last) & (pl.col("end") >= first))
                .with_columns(
                    pl.max_horizontal("start", pl.lit(first, pl.Int32)),
                    pl.min_horizontal("end", pl.lit(last, pl.Int32)),
                )
                .collect(engine="streaming")
            )


def _sum_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Add rows of one contig up in each stratum, with their signs."""
    strata = rows.select(_STRATUM).unique().sort(_STRATUM).with_row_index("group")
    group = rows.join(strata, on=_STRATUM, how="left", maintain_order="left")["group"]
    counts = np.ascontiguousarray(rows.select(COUNTS).to_numpy())
    whole = Tally(
        group.to_numpy().astype(np.int32),
        rows["start"].to_numpy(),
        rows["end"].to_numpy(),
        counts * rows["sign"].to_numpy()[:, None],
    ).plus(Tally.none())
    return strata.select(_STRATUM)[whole.group].with_columns(
        pl.lit(rows["contig"][0]).alias("contig"),
        pl.Series("start", whole.start),
        pl.Series("end", whole.end),
        *(pl.Series(name, whole.counts[:, k]) for k, name in enumerate(COUNTS)),
    )
