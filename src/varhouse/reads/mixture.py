"""The likelihood of counts of reads that two people's DNA gave (see `contamination`)."""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Population(NamedTuple):
    """How far the people's populations are from the panel's, and whether it is one."""

    divergence: float
    is_shared: bool


_DIVERGENCES = (0.0, 0.003, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3)
POPULATIONS: tuple[Population, ...] = (
    *(Population(f, is_shared=True) for f in _DIVERGENCES),
    *(Population(f, is_shared=False) for f in _DIVERGENCES[1:]),
)
"""Those that are tried. Between continents F is about 0.1 to 0.15."""

_GOLDEN = (np.sqrt(5.0) - 1) / 2


def errors_of(levels: npt.NDArray[np.int64], log_scale: float) -> Floats:
    """Give the error probability of each Phred quality, times a factor for all of them."""
    # An error of 3/4 would be no information at all.
    errors: Floats = np.minimum(np.exp(log_scale) * 10.0 ** (-levels / 10.0), 0.5)
    return errors


@nb.njit(cache=True, nogil=True)
def sum_over_pairs(n_ref, n_alt, level, log_ref, log_alt, prior):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add up over sites the log of the sum over the nine pairs of genotypes."""
    total = 0.0
    terms = np.empty(9)
    for i in range(len(n_ref)):
        q = level[i]
        most = -np.inf
        for c in range(9):
            t = prior[i, c] + n_ref[i] * log_ref[c, q] + n_alt[i] * log_alt[c, q]
            terms[c] = t
            if t > most:
                most = t
        s = 0.0
        for c in range(9):
            s += np.exp(terms[c] - most)
        total += most + np.log(s)
    return total


def log_priors(af: Floats, population: Population) -> Floats:
    """Give the log probability of each pair of genotypes (own, other), float64[n, 9].

    Alleles of one population are drawn one after the other; each is ALT with
    (af (1 - F) + k F) / (1 - F + m F) after k ALT among m drawn (Balding and Nichols 1995).
    """
    f = population.divergence
    ways = (1, 2, 1)

    def drawn(n: int, n_alt: int) -> Floats:
        p: Floats = np.ones(len(af))
        for k in range(n_alt):
            p = p * (af * (1 - f) + k * f)
        for k in range(n - n_alt):
            p = p * ((1 - af) * (1 - f) + k * f)
        for m in range(n):
            p = p / (1 - f + m * f)
        return p

    out = np.empty((len(af), 9))
    for own in range(3):
        for other in range(3):
            if population.is_shared:
                p = drawn(4, own + other)
            else:
                p = drawn(2, own) * drawn(2, other)
            out[:, 3 * own + other] = np.log(ways[own] * ways[other] * p)
    return out


def greatest(f, low: float, high: float, width: float) -> float:  # type: ignore[no-untyped-def]
    """Find where a function with one maximum is greatest, by golden sections."""
    a, b = low, high
    c, d = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    at_c, at_d = f(c), f(d)
    while b - a > width:
        if at_c >= at_d:
            b, d, at_d = d, c, at_c
            c = b - _GOLDEN * (b - a)
            at_c = f(c)
        else:
            a, c, at_c = c, d, at_d
            d = a + _GOLDEN * (b - a)
            at_d = f(d)
    return float((a + b) / 2)
