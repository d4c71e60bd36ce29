"""Where people with capture kits are assumed called: stretches of bases that counts are of."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.kits import Kits, assumed_copies
from varhouse.frequencies.strata import Strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.tables.statistics import site_counts

Int64 = npt.NDArray[np.int64]


def assumed_stretches(
    contig: str, kits: Kits, strata: Strata, haploid: HaploidRegions, sites: Int64
) -> Iterator[pl.DataFrame]:
    """Count who is assumed called at the bases of a contig at which no record stands.

    Parameters
    ----------
    sites
        int64[n], 1-based, ascending and distinct: bases of which records say the counts.

    Yields
    ------
    pl.DataFrame
        For each kit: contig, stratum_by, stratum, start, end (1-based, closed) and the counts
        of `site_counts`. The count at a base is the sum over kits; nobody's quality is known.
    """
    for k, kit in enumerate(kits.names):
        start, end = kits.spans(kit, contig)
        start, end = _without(start + 1, end, sites)
        start, end = _split(start, end, _borders(contig, haploid))
        if not start.size:
            continue
        place = pl.repeat(contig, start.size, eager=True), pl.Series(start, dtype=pl.Int32)
        copies = np.where(strata.kit == k, assumed_copies(*place, strata, haploid), 0)
        people = np.where(copies > 0, strata.size, 0)
        counts = {
            "an": strata.sums(copies * people),
            "n_samples": strata.sums(people),
            "n_not_diploid": strata.sums(people * (copies == 1)),
        }
        counts["an_written"] = counts["an"]
        yield _rows(contig, start, end, strata, counts)


def _rows(
    contig: str,
    start: Int64,
    end: Int64,
    strata: Strata,
    counts: dict[str, npt.NDArray[np.int32]],
) -> pl.DataFrame:
    """Make a row of each stretch and group with people (counts int32[stretches, groups])."""
    at, group = np.nonzero(counts["n_samples"])
    nothing = np.zeros_like(counts["an"])
    return pl.DataFrame(
        {
            "contig": pl.repeat(contig, at.size, dtype=pl.String, eager=True),
            "stratum_by": pl.Series(strata.by, dtype=pl.String)[group],
            "stratum": pl.Series(strata.value, dtype=pl.String)[group],
            "start": start[at].astype(np.int32),
            "end": end[at].astype(np.int32),
            **{name: counts.get(name, nothing)[at, group] for name in site_counts()},
        }
    )


def _without(start: Int64, end: Int64, gone: Int64) -> tuple[Int64, Int64]:
    """Take bases out of intervals (1-based, closed, ascending and apart)."""
    held = np.searchsorted(end, gone)
    inside = held < end.size
    inside &= start[np.minimum(held, end.size - 1)] <= gone if end.size else False
    out = gone[inside]
    # Both ascend: each piece begins behind the one before, so that they meet in order.
    first, last = np.sort(np.append(start, out + 1)), np.sort(np.append(end, out - 1))
    return first[first <= last], last[first <= last]


def _borders(contig: str, haploid: HaploidRegions) -> Int64:
    """Give the bases behind which males have another number of copies, ascending."""
    if contig not in haploid.contigs:
        return np.zeros(0, np.int64)
    return np.unique(np.array(haploid.par.get(contig, []), np.int64))


def _split(start: Int64, end: Int64, last: Int64) -> tuple[Int64, Int64]:
    """Cut intervals behind some bases."""
    held = np.searchsorted(end, last)
    inside = held < end.size
    inside &= (
        (start[np.minimum(held, end.size - 1)] <= last)
        & (end[np.minimum(held, end.size - 1)] > last)
        if end.size
        else False
    )
    cut = last[inside]
    return np.sort(np.append(start, cut + 1)), np.sort(np.append(end, cut))
