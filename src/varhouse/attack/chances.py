"""Chances that attacks reckon with: binomials, their logarithms, and the normal law.

Arrays in, arrays out; no SciPy, which varhouse does not need elsewhere.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TINY = 1e-12
"""Frequencies are kept so far from 0 and 1: a reference never rules an allele out."""

Q: Callable[[float], float] = NormalDist().inv_cdf
"""Quantile of the standard normal law."""

CDF: Callable[[float], float] = NormalDist().cdf


class LogFactorials:
    """Logarithms of factorials 0! to n!, looked up.

    Parameters
    ----------
    most
        The greatest n.
    """

    def __init__(self, most: int) -> None:
        self._table = np.zeros(most + 1)
        np.cumsum(np.log(np.arange(1, most + 1, dtype=np.float64)), out=self._table[1:])

    def __call__(self, n: Ints) -> Floats:
        """Give ln n! of each n >= 0."""
        out: Floats = self._table[n]
        return out

    def binomial(self, n: Ints, k: Ints, p: Floats) -> Floats:
        """Give ln P(K = k) of K ~ Bin(n, p); -inf where k is not in 0..n."""
        inside = (k >= 0) & (k <= n) & (n >= 0)
        kept, whole = np.where(inside, k, 0), np.where(inside, n, 0)
        q = np.clip(p, TINY, 1 - TINY)
        ways = self(whole) - self(kept) - self(whole - kept)
        told = ways + kept * np.log(q) + (whole - kept) * np.log1p(-q)
        return np.where(inside, told, -np.inf)

    def between(self, n: Ints, low: Ints, high: Ints, p: Floats) -> Floats:
        """Give ln P(low <= K <= high) of K ~ Bin(n, p); bounds are included.

        As many terms are added as the widest interval has values: intervals are those of
        masked counts (1 to 2 k - 2), or of rounded ones, as many as the base.
        """
        steps = int((high - low).max(initial=-1)) + 1
        out = np.full(n.shape, -np.inf)
        for i in range(steps):
            at = low + i
            term = np.where(at <= high, self.binomial(n, at, p), -np.inf)
            out = np.logaddexp(out, term)
        return out


def fewer_than(least: int, people: int, alpha: float, beta: float) -> float:
    """Give the chance that some people bear fewer than so many copies of an allele.

    Of a frequency f ~ Beta(alpha, beta) the copies follow the beta-binomial law; of `least` 1
    it is `E[(1 - f)^(2 N)]`, D_N of Shringarpure and Bustamante, Am J Hum Genet 2015, 97:631.
    By products for whole numbers of copies, so no gamma function is needed:
    `P(0) = prod (beta + i) / (alpha + beta + i)` for i below n = 2 N, and
    `P(j + 1) / P(j) = (n - j) (alpha + j) / ((j + 1) (beta + n - j - 1))`.
    """
    n = 2 * people
    i = np.arange(n, dtype=np.float64)
    term = float(np.exp(np.log((beta + i) / (alpha + beta + i)).sum()))
    total = 0.0
    for j in range(min(least, n + 1)):
        total += term
        term *= (n - j) * (alpha + j) / ((j + 1) * (beta + n - j - 1)) if j < n else 0.0
    return min(total, 1.0)
