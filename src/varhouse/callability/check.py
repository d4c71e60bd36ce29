"""Whether rows of the table `callable` are what the runs of the people count."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from varhouse.callability.build import RUNS_AT_ONCE, cut_runs, rows_of, tally_of
from varhouse.callability.runs import WINDOW_BITS, take_apart
from varhouse.callability.tally import Groups, Places, Tally, tally_runs
from varhouse.genome.haploid import HaploidRegions

_LAST_BASE = 2**31 - 2


def differing(
    runs: Sequence[str],
    rows: Sequence[str],
    groups: Groups,
    strata: pl.DataFrame,
    haploid: HaploidRegions,
    *,
    at_once: int = RUNS_AT_ONCE,
) -> Iterator[pl.DataFrame]:
    """Count the runs of a cohort's partition again, window by window.

    Parameters
    ----------
    runs, rows
        Files of the tables runs and callable.
    groups, strata, haploid, at_once
        As in `varhouse.callability.build.count_runs`.

    Yields
    ------
    pl.DataFrame
        Of a window in which they differ, stretches that only one of both has: rows of the
        table callable without cohort and part, by start.
    """
    counted, stored = (
        pl.scan_parquet(list(files), glob=False, hive_partitioning=False) if files else None
        for files in (runs, rows)
    )
    held = stored.select(pl.col("contig").unique()).collect() if stored is not None else None
    contigs = set(held["contig"]) if held is not None else set()
    windows: dict[str, list[int]] = {c: [] for c in sorted(contigs)}
    for contig, first, _, _ in cut_runs(counted, at_once) if counted is not None else ():
        windows.setdefault(contig, []).append((first << WINDOW_BITS) + 1)
    for contig, starts in windows.items():
        # All that lies before the first window, and behind the last one, is in these.
        firsts = [0, *starts[1:]]
        places = Places.of(haploid, contig)
        for low, high in zip(firsts, [*(s - 1 for s in firsts[1:]), _LAST_BASE], strict=True):
            over = (
                (pl.col("contig") == contig)
                & (pl.col("start") <= high)
                & (pl.col("end") >= low)
            )
            wanted, found = Tally.none(), Tally.none()
            if counted is not None:
                wanted = _count(counted.filter(over), groups, places, low, high)
            if stored is not None:
                found = _clipped(tally_of(stored.filter(over).collect(), strata), low, high)
            both = [rows_of(t, contig, strata) for t in (wanted, found)]
            off = [a.join(b, on=a.columns, how="anti") for a, b in (both, both[::-1])]
            if any(f.height for f in off):
                yield pl.concat(off).sort("start", "stratum_by", "stratum")


def _count(rows: pl.LazyFrame, groups: Groups, places: Places, low: int, high: int) -> Tally:
    """Count runs within some bases."""
    frame = rows.select("sample", "start", "lengths", "states").collect(engine="streaming")
    runs = take_apart(frame)
    kept = (runs.start <= high) & (runs.end >= low)
    sample = frame["sample"].to_numpy()[runs.row[kept]]
    start, end = np.maximum(runs.start[kept], low), np.minimum(runs.end[kept], high)
    return tally_runs(sample, start, end, runs.code[kept], groups, places)


def _clipped(tally: Tally, low: int, high: int) -> Tally:
    """Add up the stretches of a tally within some bases."""
    start, end = np.maximum(tally.start, low), np.minimum(tally.end, high)
    return tally._replace(start=start, end=end).plus()
