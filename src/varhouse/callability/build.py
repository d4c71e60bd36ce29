"""Rows of the table `callable` from the runs of a cohort's people, in bounded memory.

Runs are taken by windows: those of all people that begin in one stretch of the genome. What a
window counts are rows of their own, for rows add up; only a stretch that reaches over the
end of its window lies over rows of the next one.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from varhouse.callability.runs import WINDOW_BITS, take_apart
from varhouse.callability.tally import Groups, Places, Tally, tally_runs
from varhouse.genome.haploid import HaploidRegions
from varhouse.tables.atsites import COUNTS
from varhouse.tables.schema import CALLABLE

RUNS_AT_ONCE = 500_000
"""Runs that are counted at once: up to half a kilobyte each, where none begin together."""

_LAST_PERSON = 2**31 - 1
_BIN = (pl.col("start") - 1).cast(pl.Int64).alias("bin") // (1 << WINDOW_BITS)


def count_runs(
    files: Sequence[str],
    groups: Groups,
    strata: pl.DataFrame,
    haploid: HaploidRegions,
    *,
    at_once: int = RUNS_AT_ONCE,
) -> Iterator[pl.DataFrame]:
    """Count people at the bases of a partition.

    Parameters
    ----------
    files
        Files of the table `runs` of a cohort's partition.
    groups, strata
        The groups of its people (by ordinal), and the stratum of each: columns stratum_by and
        stratum.
    haploid
        Where males have one copy.

    Yields
    ------
    pl.DataFrame
        Rows of the table `callable` without cohort and part, of a window: each sorted as the
        table is, windows by contig and position.
    """
    if not files:
        return
    rows = pl.scan_parquet(list(files), glob=False, hive_partitioning=False)
    for contig, first, last, people in cut_runs(rows, at_once):
        window = rows.filter(
            (pl.col("contig") == contig)
            & pl.col("start").is_between((first << WINDOW_BITS) + 1, (last + 1) << WINDOW_BITS)
        )
        places = Places.of(haploid, contig)
        tally = Tally.none()
        for low, high in people:
            found = _tally(
                window.filter(pl.col("sample").is_between(low, high)), groups, places
            )
            tally = tally.plus(found) if tally.group.size else found
        yield rows_of(tally, contig, strata)


def rows_of(tally: Tally, contig: str, strata: pl.DataFrame) -> pl.DataFrame:
    """Make rows of the table `callable`, without cohort and part, in its order.

    Parameters
    ----------
    strata
        Columns stratum_by, stratum: a row for each group.
    """
    rows = strata.select("stratum_by", "stratum")[tally.group].with_columns(
        pl.lit(contig).alias("contig"),
        pl.Series("start", tally.start),
        pl.Series("end", tally.end),
        *(pl.Series(name, tally.counts[:, k]) for k, name in enumerate(COUNTS)),
    )
    return rows.select(n for n in CALLABLE.names if n in rows.columns).sort(CALLABLE.sort)


def tally_of(rows: pl.DataFrame, strata: pl.DataFrame) -> Tally:
    """Take rows of the table `callable` of one contig for a tally; apart in each stratum.

    Parameters
    ----------
    strata
        As in `rows_of`, all that there are in `rows`.
    """
    own = rows.join(
        strata.with_row_index("group"), on=["stratum_by", "stratum"], maintain_order="left"
    )
    return Tally(
        own["group"].to_numpy().astype(np.int32),
        own["start"].to_numpy(),
        own["end"].to_numpy(),
        np.ascontiguousarray(own.select(COUNTS).to_numpy()),
    )


def _tally(rows: pl.LazyFrame, groups: Groups, places: Places) -> Tally:
    frame = rows.select("sample", "start", "lengths", "states").collect(engine="streaming")
    runs = take_apart(frame)
    sample = frame["sample"].to_numpy()[runs.row]
    return tally_runs(sample, runs.start, runs.end, runs.code, groups, places)


def cut_runs(
    rows: pl.LazyFrame, at_once: int
) -> Iterator[tuple[str, int, int, list[tuple[int, int]]]]:
    """Cut the rows of runs into windows of about `at_once` runs that begin there.

    Yields
    ------
    tuple
        Contig; numbers of the first and the last bin of `varhouse.callability.runs.WINDOW`
        bases; ranges of ordinals, where the people of one bin have more runs than that.
    """
    bins = (
        rows.group_by("contig", _BIN)
        .agg(runs=pl.col("lengths").list.len().cast(pl.Int64).sum())
        .sort("contig", "bin")
        .collect(engine="streaming")
    )
    for (contig,), own in bins.group_by("contig", maintain_order=True):
        ends = np.cumsum(own["runs"].to_numpy())
        number = own["bin"].to_list()
        start, before = 0, 0
        while start < ends.size:
            stop = max(start + 1, int(np.searchsorted(ends, before + at_once, side="right")))
            held = int(ends[stop - 1]) - before
            people = [(0, _LAST_PERSON)]
            if held > at_once:
                people = _shares(rows, str(contig), number[start], at_once)
            yield str(contig), number[start], number[stop - 1], people
            start, before = stop, int(ends[stop - 1])


def _shares(
    rows: pl.LazyFrame, contig: str, number: int, at_once: int
) -> list[tuple[int, int]]:
    """Cut the people of a bin with many runs into ranges of ordinals."""
    own = (
        rows.filter((pl.col("contig") == contig) & (number == _BIN))
        .group_by("sample")
        .agg(runs=pl.col("lengths").list.len().cast(pl.Int64).sum())
        .sort("sample")
        .collect(engine="streaming")
    )
    share = own.group_by(pl.col("runs").cum_sum() // at_once, maintain_order=True).agg(
        low=pl.col("sample").min(), high=pl.col("sample").max()
    )
    return list(share.select("low", "high").iter_rows())
