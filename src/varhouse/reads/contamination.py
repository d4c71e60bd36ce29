"""How much of somebody's reads is somebody else's: maximum likelihood from sites of a panel.

The model is that of verifyBamID (Jun et al. 2012, doi:10.1016/j.ajhg.2012.09.004): at a SNV
the person has the genotype g1, a contaminant g2, both unknown; a share alpha of the reads is
the contaminant's. With x = (1 - alpha) g1 / 2 + alpha g2 / 2 of the molecules carrying ALT, a
read shows ALT with p (1 - e) + (1 - p) e / 3, REF with (1 - p) (1 - e) + p e / 3, and one of
the two other bases with 2 e / 3. The likelihood of a site is the sum over the nine pairs of
genotypes; sites are independent; alpha is where their product is greatest.

What is not as there:

- Reads are counts with one error probability a site, e, from their mean quality rounded to
  whole Phred. A factor common to all sites is fitted with alpha: qualities may lie, and what
  is taken for contamination by mistake is mostly error. Other bases than REF and ALT tell it.
- p is not x: where reads with ALT are found less often (b < 1, reference bias),
  p = b x / (1 - x + b x). b is fitted.
- Frequencies are those of a panel, perhaps of another population. Alleles of both people are
  drawn from a population that has diverged from the panel's by F, which is fitted (Balding and
  Nichols 1995): of alleles of one population a later one is more often like an earlier one.
  Or the two are of two populations, each as far from the panel's: what is more likely.
  verifyBamID2 (Zhang et al. 2020, doi:10.1101/gr.246934.118) fits principal components in its
  place, as too low an estimate comes of frequencies that are not the person's. F = 0 is
  verifyBamID's Hardy-Weinberg prior.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from varhouse.reads.mixture import (
    POPULATIONS,
    Floats,
    Population,
    errors_of,
    greatest,
    log_priors,
    sum_over_pairs,
)

FEWEST_SITES = 300
"""Sites with reads, below which no estimate is given."""

MOST_ALPHA = 0.5
"""Above it the two people would change places."""

DEEPEST = 3.0
"""Sites with more reads than this many times the usual depth are left out: copies of a
repeat lie on each other there, and look like a mixture. Usual is the depth that half of all
reads see or more, so that of chosen regions and the rest the regions count."""

THIRD_BASE = 0.1
"""Sites at which more reads than this share, and more than one, have a third base are left
out: misplaced reads, or an allele that the panel lacks."""

MOST_THIRD = 0.2
"""Share of sites with such reads, above which the panel is not taken to be of this genome: of
a wrong one half of the sites have neither REF nor ALT. Of a right one hardly any."""

CHI2_95 = 3.8414588
"""95 % quantile of chi-squared with one degree of freedom, for the likelihood ratio."""

DIVERGED = CHI2_95 / 2
"""Log likelihood that a divergence has to gain: else chance alone would take some, which is
never below 0 and raises alpha."""

HOPELESS = 10.0
"""Log likelihood by which a population may be behind after the first round of the fit."""

UNKNOWN_QUALITY = 30
"""Phred, of sites without a quality."""


_LEAST_Q, _MOST_Q = 2, 60
_ALPHAS = (
    0.0,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.035,
    0.05,
    0.075,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
)
_LOG_SCALE = (np.log(0.05), np.log(20.0))
"""Bounds of the factor of errors."""
_LOG_BIAS = (np.log(0.6), np.log(1 / 0.6))
_ROUNDS = 3


@dataclass(frozen=True)
class Contamination:
    """An estimate, or why there is none.

    Attributes
    ----------
    alpha, low, high
        Share of reads from somebody else, and its 95 % interval (likelihood ratio, errors
        and divergence fitted anew). Sites count as independent: linkage makes it a little
        too narrow.
    sites, reads
        Used.
    error
        Mean error probability of a base, as fitted.
    bias
        How often an ALT read is found for a REF read, as fitted; 1: no reference bias.
    divergence
        F, as fitted: how far the panel's frequencies are from the person's population.
    why
        Why there is no estimate; "": there is one.
    """

    alpha: float | None = None
    low: float | None = None
    high: float | None = None
    sites: int = 0
    reads: int = 0
    error: float | None = None
    bias: float | None = None
    divergence: float | None = None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the fields as `json` takes them."""
        return asdict(self)


def estimate(
    panel: pl.DataFrame,
    *,
    fewest: int = FEWEST_SITES,
    divergence: float | None = None,
) -> Contamination:
    """Estimate the share of reads that are of somebody else.

    Parameters
    ----------
    panel
        A row a site, autosomes only: `af` (of ALT in a population), `n_ref`, `n_alt`,
        `n_other` (reads with REF, ALT, another base; the last null where they were not
        counted), `quality` (mean Phred quality of the bases; may be missing or null).
    fewest
        Sites with reads that there must be.
    divergence
        F, if it is known; None: it is fitted.

    Returns
    -------
    Contamination
        A contaminant who is a relative shares alleles with the person: the estimate is then
        too low (by about half for parent and child). Several contaminants look like one.
    """
    used, n_third = _usable(panel)
    n_sites, n_reads = used.height, int((used["n_ref"] + used["n_alt"]).sum())
    why = ""
    if n_third > MOST_THIRD * (n_sites + n_third):
        why = (
            f"at {n_third:,} of {n_sites + n_third:,} sites with reads many have a base "
            "that is neither REF nor ALT: is the panel of another assembly?"
        )
    elif n_sites < fewest:
        why = (
            f"{n_sites:,} of {panel.height:,} sites of the panel have usable reads, "
            f"{fewest:,} are needed"
        )
    if why:
        return Contamination(sites=n_sites, reads=n_reads, why=why)
    fit = _Fit(used)
    if divergence is not None:
        fit.populations = (Population(divergence, is_shared=True),)
        fit.population, fit.fits_population = fit.populations[0], False
    fit.run()
    low, high = fit.interval()
    return Contamination(
        alpha=fit.alpha,
        low=low,
        high=high,
        sites=n_sites,
        reads=n_reads,
        error=fit.mean_error(),
        bias=float(np.exp(fit.log_bias)),
        divergence=fit.population.divergence,
    )


def _usable(panel: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give the sites to use, and how many were left out for reads with a third base."""
    if "quality" not in panel.columns:
        panel = panel.with_columns(quality=pl.lit(None, pl.Float64))
    n, other = pl.col("n_ref") + pl.col("n_alt"), pl.col("n_other").fill_null(0)
    there = panel.select("af", "n_ref", "n_alt", "n_other", "quality").filter(
        (n + other > 0) & (pl.col("af") > 0) & (pl.col("af") < 1)
    )
    is_third = (other > 1) & (other > THIRD_BASE * (n + other))
    good = there.filter(~is_third & (n > 0))
    n_third = there.filter(is_third).height
    depths = good.select(n=n)["n"].sort()
    if depths.is_empty():
        return good, n_third
    seen = depths.cum_sum()
    usual = depths[int((seen < seen[-1] / 2).sum())]
    return good.filter(n <= DEEPEST * usual), n_third


class _Fit:
    """The likelihood of the counts, and where it is greatest."""

    def __init__(self, used: pl.DataFrame) -> None:
        self.n_ref = used["n_ref"].cast(pl.Float64).to_numpy()
        self.n_alt = used["n_alt"].cast(pl.Float64).to_numpy()
        self.af = used["af"].cast(pl.Float64).to_numpy()
        quality = used["quality"].cast(pl.Float64).fill_nan(None).fill_null(UNKNOWN_QUALITY)
        whole = np.clip(np.rint(quality.to_numpy()), _LEAST_Q, _MOST_Q).astype(np.int64)
        self.levels, self.level = np.unique(whole, return_inverse=True)
        # Third bases enter by their number at each quality, whatever the genotypes are.
        other = used["n_other"].cast(pl.Float64).fill_null(0).to_numpy()
        self.n_other = np.bincount(self.level, other, len(self.levels))
        reads = other + self.n_ref + self.n_alt
        self.n_level = np.bincount(self.level, reads, len(self.levels))
        told = used["n_other"].is_not_null().to_numpy()
        self.n_told = np.bincount(self.level, reads * told, len(self.levels))
        self.alpha, self.log_bias, self.population = 0.01, 0.0, POPULATIONS[0]
        # Two of three errors show a third base: a first idea of the factor.
        expected = float((self.n_told * errors_of(self.levels, 0.0)).sum()) * 2 / 3
        first = (self.n_other.sum() + 1) / (expected + 1) if told.any() else 1.0
        self.log_scale = float(np.clip(np.log(first), *_LOG_SCALE))
        self.populations = POPULATIONS
        self.fits_population = True
        self.likely = [self.population]
        self.priors: dict[Population, Floats] = {}

    def run(self) -> None:
        """Fit all, one after the other, until alpha stays."""
        for _ in range(_ROUNDS):
            before = self.alpha
            # Together: with the one wrong, the other hardly moves.
            found = [self._with_population(p) for p in self.populations]
            values = np.array([value for value, _ in found])
            is_likely = values >= values.max() - CHI2_95 / 2
            self.likely = [
                p for p, yes in zip(self.populations, is_likely, strict=True) if yes
            ]
            best = int(np.argmax(values - [self._cost(p) for p in self.populations]))
            self.population, self.alpha = self.populations[best], found[best][1]
            self.log_bias = greatest(
                lambda b: self.log_likelihood(self.alpha, self.log_scale, b), *_LOG_BIAS, 1e-3
            )
            self._fit_alpha()
            if abs(self.alpha - before) < 1e-4:
                break
            # What is out of the question is not asked again.
            near = values >= values.max() - HOPELESS
            self.populations = tuple(
                p for p, yes in zip(self.populations, near, strict=True) if yes
            )

    def _with_population(self, population: Population) -> tuple[float, float]:
        """Give the greatest log likelihood of a population, and alpha there."""

        def at(alpha: float) -> float:
            return self.log_likelihood(alpha, self.log_scale, self.log_bias, population)

        best = max(_ALPHAS[::2], key=at)
        alpha = greatest(at, best / 2, min(1.6 * best + 0.002, MOST_ALPHA), 0.01 * best + 1e-4)
        return at(alpha), alpha

    def _cost(self, population: Population) -> float:
        return DIVERGED if population.divergence > 0 and self.fits_population else 0.0

    def _fit_alpha(self) -> None:
        found = [self.profile(a)[0] for a in _ALPHAS]
        best = int(np.argmax(found))
        low, high = _ALPHAS[max(best - 1, 0)], _ALPHAS[min(best + 1, len(_ALPHAS) - 1)]
        alpha = greatest(lambda a: self.profile(a)[0], low, high, 1e-5 + 0.002 * low)
        # A search does not reach the end of its stretch: no contamination is a common answer.
        if best == 0 and found[0] >= self.profile(alpha)[0]:
            alpha = 0.0
        self.alpha = alpha
        self.log_scale = self.profile(alpha)[1]

    def profile(
        self, alpha: float, population: Population | None = None
    ) -> tuple[float, float]:
        """Give the greatest log likelihood of alpha, and the log factor of errors of it."""
        near = 0.7

        def at(scale: float) -> float:
            return self.log_likelihood(alpha, scale, self.log_bias, population)

        low = max(self.log_scale - near, _LOG_SCALE[0])
        scale = greatest(at, low, min(self.log_scale + near, _LOG_SCALE[1]), 0.02)
        return at(scale), scale

    def _profile_of_all(self, alpha: float) -> float:
        """Give the greatest log likelihood of alpha over errors and likely populations."""
        return max(self.profile(alpha, p)[0] for p in self.likely)

    def interval(self) -> tuple[float, float]:
        """Give where the profile has fallen by half of `CHI2_95` on both sides of alpha."""
        least = self.profile(self.alpha)[0] - CHI2_95 / 2

        def edge(inside: float, outside: float) -> float:
            if self._profile_of_all(outside) >= least:
                return outside
            while abs(outside - inside) > 1e-5 + 0.01 * inside:
                middle = (inside + outside) / 2
                if self._profile_of_all(middle) >= least:
                    inside = middle
                else:
                    outside = middle
            return (inside + outside) / 2

        low = edge(self.alpha, 0.0) if self.alpha > 0 else 0.0
        return low, edge(self.alpha, MOST_ALPHA)

    def mean_error(self) -> float:
        """Give the error probability of a base, as fitted, over all reads."""
        errors = errors_of(self.levels, self.log_scale)
        return float((errors * self.n_level).sum() / self.n_level.sum())

    def log_likelihood(
        self,
        alpha: float,
        log_scale: float,
        log_bias: float,
        population: Population | None = None,
    ) -> float:
        """Give the log likelihood of all counts."""
        errors = errors_of(self.levels, log_scale)
        own, other = np.repeat((0.0, 0.5, 1.0), 3), np.tile((0.0, 0.5, 1.0), 3)
        x = (1 - alpha) * own + alpha * other
        b = np.exp(log_bias)
        p = (b * x / (1 - x + b * x))[:, None]
        # Exact ends: rounding would make an impossible read out of an improbable one.
        log_alt = np.log(p * (1 - errors) + (1 - p) * errors / 3)
        log_ref = np.log((1 - p) * (1 - errors) + p * errors / 3)
        people = self.population if population is None else population
        if people not in self.priors:
            self.priors[people] = log_priors(self.af, people)
        third = float((self.n_other * np.log(2 * errors / 3)).sum())
        # Where third bases were not counted, what is left is a share of the two others.
        third -= float(((self.n_level - self.n_told) * np.log(1 - 2 * errors / 3)).sum())
        return third + float(
            sum_over_pairs(
                self.n_ref, self.n_alt, self.level, log_ref, log_alt, self.priors[people]
            )
        )
