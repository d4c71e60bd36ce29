"""Statistics that need more than arithmetic on columns: Hardy-Weinberg, filtering frequency.

Compiled, one value a row, from counts alone: whoever has the counts can work them out
again. No library of special functions is needed for the two that are used.
"""

import math
from collections.abc import Mapping

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

NORMAL_QUANTILE: Mapping[float, float] = {
    0.95: 1.6448536269514722,
    0.99: 2.3263478740408408,
}
"""Levels of confidence of the filtering allele frequency, and where the normal distribution
has them: the search for the quantile of the gamma distribution starts there."""

_BIG = 2.0**512
_STEPS = 60
_KNOWN = 1 << 18
"""Counts of copies of which the mean is kept at once: a count of millions takes no memory."""


@nb.njit(cache=True, nogil=True)
def _walk(het, rare, common, up, tail, half, total, scale):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the tables with more (`up`) or fewer heterozygotes than the one that was seen.

    Probabilities are relative to `scale`, which is the one of the table that was seen.
    """
    term = scale
    steps = 0
    while True:
        if up:
            if rare < 1:
                break
            term *= 4.0 * rare * common / ((het + 2.0) * (het + 1.0))
            het += 2
            rare -= 1
            common -= 1
        else:
            if het < 2:
                break
            term *= het * (het - 1.0) / (4.0 * (rare + 1.0) * (common + 1.0))
            het -= 2
            rare += 1
            common += 1
        steps += 1
        if term > _BIG:
            # Far from what is likely: all probabilities relative to a greater one.
            term /= _BIG
            scale /= _BIG
            tail /= _BIG
            half /= _BIG
            total /= _BIG
        total += term
        # Equal but for what rounding makes of some products.
        slack = 1e-14 + 5e-16 * steps
        if term <= scale * (1.0 + slack):
            tail += term
            if term >= scale * (1.0 - slack):
                half += term
            elif term < 1e-18 * tail:
                break
    return tail, half, total, scale


@nb.njit(cache=True, nogil=True)
def _hwe(het, hom, n, plain, mid):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(n.size):
        ref = n[i] - het[i] - hom[i]
        if n[i] <= 0 or ref < 0 or het[i] < 0 or hom[i] < 0:
            plain[i] = mid[i] = np.nan
            continue
        if i and het[i] == het[i - 1] and hom[i] == hom[i - 1] and n[i] == n[i - 1]:
            plain[i], mid[i] = plain[i - 1], mid[i - 1]
            continue
        rare, common = min(ref, hom[i]), max(ref, hom[i])
        tail, half, total, scale = _walk(
            np.float64(het[i]), np.float64(rare), np.float64(common), True, 1.0, 1.0, 1.0, 1.0
        )
        tail, half, total, scale = _walk(
            np.float64(het[i]), np.float64(rare), np.float64(common), False,
            tail, half, total, scale,
        )  # fmt: skip
        plain[i] = min(tail / total, 1.0)
        mid[i] = (tail - 0.5 * half) / total


def hardy_weinberg(
    het: npt.NDArray[np.int64], hom: npt.NDArray[np.int64], n: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Test Hardy-Weinberg proportions exactly: plain and mid-p, float64[rows] each.

    Of all tables with these people and alleles, the two-sided p is the probability of those
    that are no more likely than the one that was seen (Wigginton, Cutler, Abecasis, Am J Hum
    Genet 2005, 76:887; bcftools, plink2 and sgkit give the same). The mid-p counts half of
    those that are as likely (Graffelman and Moreno, Stat Appl Genet Mol Biol 2013, 12:433;
    hail, plink2 `--hardy midp`).

    Parameters
    ----------
    het, hom
        int64[rows]: diploid people with one and with two copies of the allele.
    n
        int64[rows]: diploid people, fully called.

    Returns
    -------
    tuple
        NaN where there is nobody, or where the counts are not of these people.
    """
    plain, mid = np.empty(n.size), np.empty(n.size)
    _hwe(het, hom, n, plain, mid)
    return plain, mid


@nb.njit(cache=True, nogil=True)
def _least_mean(count, level, z):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find the mean of a Poisson distribution that gives `count` or more with 1 - `level`."""
    a = float(count)
    wanted = math.log(1.0 - level)
    # Wilson and Hilferty: the cube root of a gamma variable is nearly normal.
    x = a * (1.0 - 1.0 / (9.0 * a) - z / (3.0 * math.sqrt(a))) ** 3
    x = max(x, 1e-3)
    for _ in range(_STEPS):
        # Of the lower tail the part before the sum of the series, then the sum.
        front = a * math.log(x) - x - math.lgamma(a + 1.0)
        term = total = 1.0
        k = a
        while term > 1e-17 * total:
            k += 1.0
            term *= x / k
            total += term
        off = front + math.log(total) - wanted
        # The logarithm of the tail changes by a / (x total) with x.
        step = off * x * total / a
        x = max(x - step, 0.1 * x)
        if abs(step) <= 1e-13 * x:
            break
    return x


@nb.njit(cache=True, nogil=True)
def _filtering(ac, an, level, z, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    top = 0
    for i in range(ac.size):
        top = max(top, ac[i])
    # Most alleles are rare: each count is worked out once, unless another took its slot.
    slots = min(top + 1, _KNOWN)
    whose = np.full(slots, -1, np.int64)
    known = np.zeros(slots)
    for i in range(ac.size):
        if ac[i] <= 1 or an[i] <= 0:
            out[i] = 0.0
            continue
        slot = ac[i] % slots
        if whose[slot] != ac[i]:
            whose[slot] = ac[i]
            known[slot] = _least_mean(ac[i], level, z)
        out[i] = known[slot] / an[i]


def filtering_frequency(
    ac: npt.NDArray[np.int64], an: npt.NDArray[np.int64], level: float
) -> Floats:
    """Give the filtering allele frequency, float64[rows].

    The greatest frequency of an allele in the population with which so many copies or more
    would be seen with a probability of 1 - `level` at most (Whiffin et al., Genet Med 2017,
    19:1151): the 1 - `level` quantile of a gamma distribution of shape `ac`, over `an`.
    0 for one copy or none, and where nobody was called, as in gnomAD.

    Parameters
    ----------
    ac, an
        int64[rows]: copies of the allele, called alleles.
    level
        One of `NORMAL_QUANTILE`.
    """
    out = np.empty(ac.size)
    _filtering(ac, an, level, NORMAL_QUANTILE[level], out)
    return out


def _longs(column: pl.Series) -> npt.NDArray[np.int64]:
    # A null is a count that is not known: less than none.
    return column.cast(pl.Int64).fill_null(-1).to_numpy()


def hwe_column(counts: pl.Series, *, mid: bool) -> pl.Series:
    """Make the column of a test of a struct column of `het`, `hom`, `n`; null for no test."""
    fields = (_longs(counts.struct.field(n)) for n in ("het", "hom", "n"))
    plain, half = hardy_weinberg(*fields)
    return pl.Series(counts.name, half if mid else plain, nan_to_null=True)


def faf_column(counts: pl.Series, level: float) -> pl.Series:
    """Make the column of a filtering frequency of a struct column of `ac` and `an`."""
    ac, an = counts.struct.field("ac"), counts.struct.field("an")
    out = pl.Series(counts.name, filtering_frequency(_longs(ac), _longs(an), level))
    if not an.null_count():
        return out
    return pl.select(pl.when(an.is_not_null()).then(out)).to_series().rename(counts.name)
