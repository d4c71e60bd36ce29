"""Kinship of all pairs of people by KING-robust, 64 sites at a time.

For two people, over the sites at which both are called, let H be the sites at which both are
heterozygous, D those at which one alone is (D1 the first, D2 the second), and O those at which
they are homozygous for different alleles (IBS0). The kinship coefficient is::

    1/2 - (4 O + D1 + D2) / (4 (H + min(D1, D2)))

which is the between-family estimator of Manichaikul et al. 2010 (Bioinformatics 26:2867,
equation 11) as plink2 `--make-king-table` computes it. It takes no allele frequencies, so it
holds in a cohort of any make-up; two people of different ancestry get less than 0.

Nearly all pairs are unrelated and need not be counted in full: the numerator only grows from
site to site and the denominator is at most 4 times the fewer heterozygous sites of the two, so
a pair is left as soon as it can no longer reach `least`. That changes no result.

Memory: a tile of TILE x TILE pairs on each thread, beside the calls, and the pairs found.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.panel import PackedCalls
from varhouse.tables.loads import ones

LEAST = 0.0442
"""Kinship of third-degree relatives, at least (KING): 2 ** -4.5."""

TILE = 64
"""People of each side of a tile: their words of a stretch stay in the cache of a core."""

_WORDS = 128
"""Words of a stretch, of 64 sites each."""

_SCHEMA = {
    "ordinal_1": pl.Int32, "ordinal_2": pl.Int32, "n_sites": pl.Int64, "ibs0": pl.Float64,
    "kinship": pl.Float64,
}  # fmt: skip

Pairs = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]
Counts = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def _differ(h1, m1, c1, h2, m2, c2):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give 4 O + D1 + D2 of a stretch of words of two people."""
    out = 0
    for w in range(h1.size):
        both = c1[w] & c2[w]
        odd = (h1[w] ^ h2[w]) & both
        opposite = (m1[w] ^ m2[w]) & ~(h1[w] | h2[w]) & both
        out += 4 * ones(opposite) + ones(odd)
    return out


@nb.njit(cache=True, nogil=True)
def _count(h1, m1, c1, h2, m2, c2):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give H, D1, D2, O and the sites at which both are called."""
    both_het, first, second, opposite, sites = 0, 0, 0, 0, 0
    for w in range(h1.size):
        both = c1[w] & c2[w]
        both_het += ones(h1[w] & h2[w])
        first += ones(h1[w] & ~h2[w] & both)
        second += ones(h2[w] & ~h1[w] & both)
        opposite += ones((m1[w] ^ m2[w]) & ~(h1[w] | h2[w]) & both)
        sites += ones(both)
    return both_het, first, second, opposite, sites


@nb.njit(cache=True, nogil=True)
def _tile(het, hom, called, n_het, a, b, size, least):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Mark the pairs of people a.. and b.. (the first less than the second) worth counting.

    Returns bool[size, size]: no other pair reaches `least`.
    """
    people, words = het.shape
    ends = (min(a + size, people), min(b + size, people))
    alive = np.zeros((size, size), np.bool_)
    differ = np.zeros((size, size), np.int64)
    for i in range(a, ends[0]):
        alive[i - a, max(b, i + 1) - b : max(ends[1] - b, 0)] = True
    most = 2 - 4 * least
    for first in range(0, words, _WORDS):
        part = slice(first, min(first + _WORDS, words))
        for i in range(a, ends[0]):
            h, m, c = het[i, part], hom[i, part], called[i, part]
            for j in range(b, ends[1]):
                if alive[i - a, j - b]:
                    differ[i - a, j - b] += _differ(
                        h, m, c, het[j, part], hom[j, part], called[j, part]
                    )
                    bound = most * min(n_het[i], n_het[j])
                    alive[i - a, j - b] = differ[i - a, j - b] <= bound * (1 + 1e-9)
    return alive


@nb.njit(cache=True, nogil=True)
def _count_pairs(het, hom, called, first, second, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count pairs of people in full: int64[pairs, 5], as `_count` gives it."""
    for k in range(first.size):
        i, j = first[k], second[k]
        own = _count(het[i], hom[i], called[i], het[j], hom[j], called[j])
        for n in range(5):
            out[k, n] = own[n]


def count_pairs(packed: PackedCalls, first: Counts, second: Counts) -> pl.DataFrame:
    """Compare given pairs of people.

    Parameters
    ----------
    first, second
        int64[pairs]: rows of `packed`.

    Returns
    -------
    pl.DataFrame
        A row a pair, as `kinship_pairs` has them, in the order given; `ibs0` and `kinship`
        null where no site, or none at which one is heterozygous, tells.
    """
    counts = np.zeros((first.size, 5), np.int64)
    _count_pairs(packed.het, packed.hom, packed.called, first, second, counts)
    both, one, other, opposite, sites = counts.T
    fewer = both + np.minimum(one, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        ibs0 = opposite / sites
        kinship = 0.5 - (4 * opposite + one + other) / (4 * fewer)
    frame = pl.DataFrame(
        {
            "ordinal_1": packed.ordinal[first],
            "ordinal_2": packed.ordinal[second],
            "n_sites": sites,
            "ibs0": ibs0,
            "kinship": kinship,
        },
        schema=_SCHEMA,
    )
    finite = [pl.when(pl.col(n).is_finite()).then(n).alias(n) for n in ("ibs0", "kinship")]
    return frame.with_columns(finite)


def kinship_pairs(packed: PackedCalls, least: float = LEAST) -> pl.DataFrame:
    """Find the pairs of people whose kinship is at least `least`.

    Parameters
    ----------
    packed
        Calls of n people.
    least
        Least kinship coefficient (0.5: the same genome, 0.25 first degree).

    Returns
    -------
    pl.DataFrame
        `ordinal_1` < `ordinal_2` (Int32), `n_sites` (Int64: both called), `ibs0` (Float64:
        share of these without an allele in common), `kinship` (Float64); sorted by the
        ordinals. A pair without a heterozygous site has no kinship and is not there.
    """
    found = [count_pairs(packed, *pairs) for pairs in _candidates(packed, least)]
    frame = pl.concat([pl.DataFrame(schema=_SCHEMA), *found])
    return frame.filter(pl.col("kinship") >= least).sort("ordinal_1", "ordinal_2")


def _candidates(packed: PackedCalls, least: float) -> Iterator[tuple[Counts, Counts]]:
    """Give pairs of rows that may reach `least`, a tile at a time."""
    people = packed.het.shape[0]
    n_het = np.bitwise_count(packed.het).sum(axis=1, dtype=np.int64)

    def look(place: tuple[int, int]) -> tuple[Counts, Counts]:
        a, b = place
        alive = _tile(packed.het, packed.hom, packed.called, n_het, a, b, TILE, least)
        first, second = np.nonzero(alive)
        return first + a, second + b

    tiles = list(_tiles(people))
    threads = min(_threads(), max(len(tiles), 1))
    with ThreadPoolExecutor(threads) as pool:
        # Some tiles at a time, so that the pairs of none wait long.
        step = 64 * threads
        for begin in range(0, len(tiles), step):
            for first, second in pool.map(look, tiles[begin : begin + step]):
                if first.size:
                    yield first, second


def _tiles(people: int) -> Iterator[tuple[int, int]]:
    """Give the tiles of all pairs, those of the same people near each other."""
    near = 64 * TILE
    for a in range(0, people, near):
        for b in range(a, people, near):
            for i in range(a, min(a + near, people), TILE):
                for j in range(max(b, i), min(b + near, people), TILE):
                    yield i, j


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
