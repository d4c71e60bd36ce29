"""Which samples of a store are one person by their calls, pair by pair.

Two cohorts are compared at SNVs that are common in the smaller of the two, so what is said of
them follows from them alone: whichever cohorts there are besides, and in whatever order they
came. Names count for nothing. Monozygotic twins have the same calls as one person has.

Two samples are one person, or twins, where both of these hold:

- the share of SNVs at which their genotypes are equal (`concordance`) is at least 0.9. Of one
  person sequenced twice with 1 % of genotypes wrong each time it is 0.98; of siblings, at
  SNVs with a rarer allele of 10 % or more, 0.83 at most (1/4 + p1/2 + p0/4, with p1, p0 the
  chance that people with one and no copy in common by descent have equal genotypes);
- KING-robust kinship is above 0.354, half way between one person (1/2) and first degree (1/4)
  on its scale (Manichaikul et al. 2010, doi:10.1093/bioinformatics/btq559, table 1), which
  does not go by frequencies: it holds back where they mislead, as in a cohort of few people.

Where a pair is called together at too few SNVs, or these lie in too few places of the genome
(siblings may share one whole chromosome: chr22 one pair in a hundred), nothing is said.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.panel import (
    LEAST_STRETCHES,
    STRETCH,
    PackedCalls,
    choose_sites,
    count_stretches,
    read_packed,
)
from varhouse.people.settings import SiteSettings
from varhouse.store.reader import Store
from varhouse.tables.loads import ones

PAIR_SCHEMA = {
    "cohort_1": pl.String,
    "sample_1": pl.String,
    "cohort_2": pl.String,
    "sample_2": pl.String,
    "n_sites": pl.Int64,
    "concordance": pl.Float64,
    "kinship": pl.Float64,
}
"""A pair of samples that are one person or twins: (cohort_1, sample_1) is the lesser."""

UNTOLD_SCHEMA = {
    "cohort_1": pl.String,
    "cohort_2": pl.String,
    "n_pairs": pl.Int64,
    "n_untold": pl.Int64,
}
"""Two cohorts, their pairs of samples, and those of which nothing can be told."""

ROWS_AT_ONCE = 512
"""Samples of the first cohort that are compared between two looks at what was found."""

_SAMPLED = 8
"""Words by which strangers are told before all words are looked at."""


@dataclass(frozen=True)
class SameSettings:
    """By what samples are taken for one person.

    Attributes
    ----------
    sites
        The SNVs of the smaller of two cohorts at which they are compared.
    further
        At most so many of them where the larger cohort holds fewer than a quarter of
        `sites.most`.
    least_sites
        SNVs at which a pair has to be called together.
    stretch, least_stretches
        Bases of a stretch of a contig, and in how many of them both cohorts hold SNVs.
    concordance, kinship
        Least share of equal genotypes, and the kinship to be passed.
    """

    sites: SiteSettings = field(
        default_factory=lambda: SiteSettings(
            least_af=0.1, call_rate=0.9, spacing=10_000, most=4_096
        )
    )
    further: int = 50_000
    least_sites: int = 200
    stretch: int = STRETCH
    least_stretches: int = LEAST_STRETCHES
    concordance: float = 0.9
    kinship: float = 0.354


DEFAULT = SameSettings()
"""What is asked where nothing else is said."""


@dataclass(frozen=True)
class Pairs:
    """What was found.

    Attributes
    ----------
    same
        Columns PAIR_SCHEMA, sorted by the two samples.
    untold
        Columns UNTOLD_SCHEMA, of cohorts with pairs of which nothing can be told.
    """

    same: pl.DataFrame
    untold: pl.DataFrame


def find_pairs(
    store: Store,
    cohorts: Sequence[str] | None = None,
    settings: SameSettings | None = None,
) -> Pairs:
    """Find the pairs of samples that are one person, or twins.

    Parameters
    ----------
    cohorts
        Pairs with a sample of one of these; None: all.
    """
    settings = settings or DEFAULT
    rows = store.scan("cohorts").select("cohort", "n_alleles", "n_samples").collect()
    rows = rows.filter(pl.col("n_samples") > 0).sort("n_alleles", "cohort")
    names = rows["cohort"].to_list()
    wanted = set(names if cohorts is None else cohorts)
    same = [pl.DataFrame(schema=PAIR_SCHEMA)]
    untold = [pl.DataFrame(schema=UNTOLD_SCHEMA)]
    smaller: _Smaller | None = None
    for one, other in combinations_with_replacement(names, 2):
        if wanted.isdisjoint((one, other)):
            continue
        if smaller is None or smaller.cohort != one:
            smaller = _Smaller(store, one, settings)
        a, b = smaller.beside(other)
        found, n_untold = _compare(a, b, settings)
        same.append(found)
        n_pairs = len(a.samples) * len(b.samples)
        if one == other:
            n_pairs = len(a.samples) * (len(a.samples) - 1) // 2
        if n_untold:
            first, last = sorted((one, other))
            row = [(first, last, n_pairs, n_untold)]
            untold.append(pl.DataFrame(row, schema=UNTOLD_SCHEMA, orient="row"))
    return Pairs(
        pl.concat(same).sort("cohort_1", "sample_1", "cohort_2", "sample_2"),
        pl.concat(untold).sort("cohort_1", "cohort_2"),
    )


class _Smaller:
    """The smaller of two cohorts: by its SNVs both are compared."""

    def __init__(self, store: Store, cohort: str, settings: SameSettings) -> None:
        self.cohort, self._store, self._settings = cohort, store, settings
        self._kept: dict[int | None, tuple[pl.DataFrame, PackedCalls]] = {}

    def _own(self, most: int | None) -> tuple[pl.DataFrame, PackedCalls]:
        """Choose at most so many SNVs; give them and the own calls."""
        if most not in self._kept:
            sites = choose_sites(
                self._store, self.cohort, replace(self._settings.sites, most=most)
            )
            self._kept[most] = sites, read_packed(self._store, self.cohort, sites)
        return self._kept[most]

    def beside(self, other: str) -> tuple[PackedCalls, PackedCalls]:
        """Give the calls of this cohort and of another at the same SNVs."""
        few = self._settings.sites.most
        sites, own = self._own(few)
        if other == self.cohort:
            return own, own
        theirs = read_packed(self._store, other, sites)
        if sites.height == few and 4 * _held(theirs).sum() < few:
            # The larger one is of other regions or of an array: look for more in common.
            sites, own = self._own(self._settings.further)
            theirs = read_packed(self._store, other, sites)
        return own, theirs


def _held(calls: PackedCalls) -> npt.NDArray[np.bool_]:
    """Tell at which sites anybody is called: bool[sites]."""
    words = np.bitwise_or.reduce(calls.called, axis=0, initial=0).astype("<u8")
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return bits[: calls.sites.height].astype(np.bool_)


def _compare(
    a: PackedCalls, b: PackedCalls, settings: SameSettings
) -> tuple[pl.DataFrame, int]:
    """Compare the samples of two cohorts, or of one: the pairs found, and pairs untold."""
    within = a.cohort == b.cohort
    n_pairs = len(a.samples) * len(b.samples)
    if within:
        n_pairs = len(a.samples) * (len(a.samples) - 1) // 2
    both = a.sites.filter(pl.Series(_held(a) & _held(b), dtype=pl.Boolean))
    if count_stretches(both, settings.stretch) < settings.least_stretches:
        return pl.DataFrame(schema=PAIR_SCHEMA), n_pairs
    frames, untold = [], 0
    for first, counts, few in _blocks(a, b, settings, within=within):
        untold += few
        frames.append(_named(a, b, first, counts))
    return pl.concat(frames) if frames else pl.DataFrame(schema=PAIR_SCHEMA), untold


def _blocks(
    a: PackedCalls, b: PackedCalls, settings: SameSettings, *, within: bool
) -> Iterator[tuple[int, npt.NDArray[np.float64], int]]:
    """Compare some samples of `a` at a time with all of `b`."""
    step = max(1, a.called.shape[1] // _SAMPLED)
    for first in range(0, len(a.samples), ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, len(a.samples))
        most = 1024
        while True:
            out = np.zeros((most, 5))
            n, few = _match(
                a.het, a.hom, a.called, b.het, b.hom, b.called,
                first, last, within, step,
                settings.least_sites, settings.concordance, settings.kinship, out,
            )  # fmt: skip
            if n <= most:
                break
            most = n
        yield first, out[:n], few


def _named(
    a: PackedCalls, b: PackedCalls, first: int, counts: npt.NDArray[np.float64]
) -> pl.DataFrame:
    """Name the samples of pairs."""
    i, j = counts[:, 0].astype(np.int64), counts[:, 1].astype(np.int64)
    own, theirs = (pl.Series(x.samples, dtype=pl.String) for x in (a, b))
    frame = pl.DataFrame(
        {
            "cohort_1": pl.repeat(a.cohort, i.size, eager=True),
            "sample_1": own.gather(i),
            "cohort_2": pl.repeat(b.cohort, i.size, eager=True),
            "sample_2": theirs.gather(j),
            "n_sites": counts[:, 2].astype(np.int64),
            "concordance": counts[:, 3],
            "kinship": counts[:, 4],
        },
        schema=PAIR_SCHEMA,
    )
    if frame.is_empty():
        return frame
    later = pl.col("sample_1") > pl.col("sample_2")
    turned = frame.select(
        (pl.col("cohort_1") > pl.col("cohort_2"))
        | (pl.col("cohort_1").eq(pl.col("cohort_2")) & later)
    ).to_series()
    names = ("cohort", "sample")
    return frame.with_columns(
        *(
            pl.when(turned)
            .then(pl.col(f"{n}_{o}"))
            .otherwise(pl.col(f"{n}_{k}"))
            .alias(f"{n}_{k}")
            for n in names
            for k, o in ((1, 2), (2, 1))
        )
    )


@nb.njit(cache=True, nogil=True)
def _match(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    het_a, hom_a, called_a, het_b, hom_b, called_b,
    first, last, within, step, least, concordance, kinship, out,
):  # fmt: skip
    """Compare samples first to last of `a` with those of `b` (within: behind them).

    Rows of float64[pairs, 5]: both numbers, SNVs, concordance, kinship; as many as have room.
    Gives the number of pairs found, and of pairs with fewer SNVs than `least`.
    """
    n, few, words = 0, 0, het_a.shape[1]
    for i in range(first, last):
        for j in range(i + 1 if within else 0, het_b.shape[0]):
            sites, off = 0, 0
            for w in range(0, words, step):
                both = called_a[i, w] & called_b[j, w]
                sites += ones(both)
                off += ones(((het_a[i, w] ^ het_b[j, w]) | (hom_a[i, w] ^ hom_b[j, w])) & both)
            # Of one person so many are never off: five deviations beyond the threshold.
            bound = (1 - concordance) * sites
            if off > bound + 5 * np.sqrt(bound) + 2 and sites >= least:
                continue
            sites, off, opposite, shared, hets_a, hets_b = 0, 0, 0, 0, 0, 0
            for w in range(words):
                both = called_a[i, w] & called_b[j, w]
                if both == 0:
                    continue
                h, g = het_a[i, w] & both, het_b[j, w] & both
                p, q = hom_a[i, w] & both, hom_b[j, w] & both
                sites += ones(both)
                off += ones((h ^ g) | (p ^ q))
                opposite += ones((p ^ q) & ~(h | g))
                shared += ones(h & g)
                hets_a += ones(h)
                hets_b += ones(g)
            if sites < least:
                few += 1
                continue
            fewer = min(hets_a, hets_b)
            equal = 1 - off / sites
            if equal < concordance or fewer == 0:
                continue
            # KING-robust between families: equation 11 of the paper.
            phi = (shared - 2 * opposite) / (2 * fewer) + 0.5 - (hets_a + hets_b) / (4 * fewer)
            if phi <= kinship:
                continue
            if n < out.shape[0]:
                out[n, 0], out[n, 1] = i, j
                out[n, 2], out[n, 3], out[n, 4] = sites, equal, phi
            n += 1
    return n, few
