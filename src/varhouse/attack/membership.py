"""Who is in a cohort, told from what is released of it: a likelihood ratio for each allele.

The attacker holds the genotypes of a target, knows how frequent alleles are in the population
and reads a release. Of an allele it says that the copies of a cohort are at least `low` and at
most `high` of `an`: the same number where a count is shown, 1 to 2 k - 2 where it is masked,
all that round to it where counts are rounded; of an allele that is not there nothing is said.
With p the frequency in the population and x copies of the target the evidence of one allele is

    ln P(low <= Bin(an - 2, p) + x <= high) - ln P(low <= Bin(an, p) <= high),

the best that can be done of independent alleles (Neyman and Pearson). For a shown count it is
the test of Homer et al., PLoS Genet 2008, 4:e1000167 in its most powerful form, Sankararaman
et al., Nat Genet 2009, 41:965; for what tells presence alone it is that of a beacon.
"""

from dataclasses import dataclass

import numpy as np

from varhouse.attack.chances import CDF, Floats, Ints, LogFactorials, Q

LEAST = -30.0
"""Evidence of an allele is not below this: a genotype may be wrong (once in 10^13)."""

PIECE = 2_000_000
"""People x alleles that are drawn at once."""


@dataclass(frozen=True)
class Told:
    """What a release tells of each allele of a cohort: arrays of equal length.

    Attributes
    ----------
    low, high
        Least and most copies that the cohort can have, both included.
    an
        Called alleles, at least 2.
    p
        Frequency in the population, as the attacker knows it.
    """

    low: Ints
    high: Ints
    an: Ints
    p: Floats

    def __len__(self) -> int:
        return self.low.size

    def some(self, chosen: Ints) -> "Told":
        """Give what is told of some alleles."""
        return Told(self.low[chosen], self.high[chosen], self.an[chosen], self.p[chosen])


@dataclass(frozen=True)
class Power:
    """How well members are told from others.

    Attributes
    ----------
    power
        Share of members that are found, by false-positive rate.
    alleles
        Alleles that the attacker used.
    """

    power: dict[float, float]
    alleles: int


def evidence(told: Told) -> Floats:
    """Give what 0, 1 and 2 copies of a target say: alleles x 3, natural logarithms."""
    most = int(told.an.max(initial=2))
    logs = LogFactorials(most)
    others = logs.between(told.an, told.low, told.high, told.p)
    found = [
        logs.between(told.an - 2, told.low - x, told.high - x, told.p) - others
        for x in range(3)
    ]
    return np.maximum(np.nan_to_num(np.stack(found, axis=1), neginf=LEAST), LEAST)


def chances_of_others(told: Told) -> Floats:
    """Give how likely 0, 1 and 2 copies are for who is not a member: alleles x 3."""
    p = told.p
    return np.stack([(1 - p) ** 2, 2 * p * (1 - p), p**2], axis=1)


def chances_of_members(told: Told, found: Floats | None = None) -> Floats:
    """Give how likely 0, 1 and 2 copies are for a member: alleles x 3.

    Who is drawn from the cohort holds two of its `an` copies; by Bayes that is the chance of
    who is not a member times the evidence (`found`, if it is known).
    """
    with np.errstate(over="ignore"):
        weights = chances_of_others(told) * np.exp(evidence(told) if found is None else found)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _of_relatives(members: Floats, p: Floats) -> Floats:
    """Give how likely 0, 1 and 2 copies are for a parent or a child of a member: alleles x 3.

    One of his two copies is one of the member's, the other is of the population.
    """
    shared = members[:, 1] / 2 + members[:, 2]
    none, both = (1 - shared) * (1 - p), shared * p
    return np.stack([none, 1 - none - both, both], axis=1)


def _attacked(told: Told, relatives: bool) -> tuple[Floats, Floats, Floats]:
    """Give chances of who is looked for, and of others, and the evidence that tells them."""
    others, found = chances_of_others(told), evidence(told)
    members = chances_of_members(told, found)
    if not relatives:
        return members, others, found
    sought = _of_relatives(members, told.p)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.log(sought) - np.log(others)
    return sought, others, np.maximum(np.nan_to_num(table, neginf=LEAST), LEAST)


def scores(told: Told, copies: Ints) -> Floats:
    """Add the evidence up: people x alleles of copies (-1: not called), to a score each."""
    table = evidence(told)
    known = copies >= 0
    rows = np.arange(len(told))
    picked = table[rows[None, :], np.where(known, copies, 0)]
    return np.asarray(np.where(known, picked, 0.0).sum(axis=1), dtype=np.float64)


def power_of(members: Floats, others: Floats, rate: float) -> float:
    """Give the share of members above all but a share `rate` of the others.

    The threshold is the least score that at most `rate` of the others exceed; who has just
    that score is not taken for a member.
    """
    ordered = np.sort(others)[::-1]
    threshold = ordered[min(int(rate * ordered.size), ordered.size - 1)]
    return float((members > threshold).mean())


def simulate(
    told: Told,
    rng: np.random.Generator,
    people: tuple[int, int] = (400, 4000),
    rates: tuple[float, ...] = (0.05, 0.001),
    *,
    relatives: bool = False,
) -> Power:
    """Attack drawn members and drawn others, of independent alleles.

    Parameters
    ----------
    people
        How many members, and how many others, who set the threshold.
    relatives
        Parents or children of members are looked for in place of members.
    """
    *laws, table = _attacked(told, relatives)
    drawn = []
    for chances, n in zip(laws, people, strict=True):
        total = np.zeros(n)
        step = max(1, PIECE // n)
        for i in range(0, len(told), step):
            piece, of = chances[i : i + step], table[i : i + step]
            lots = rng.random((n, piece.shape[0]))
            copies = (lots > piece[:, 0]).astype(np.int8)
            copies += lots > piece[:, 0] + piece[:, 1]
            total += of[np.arange(piece.shape[0])[None, :], copies].sum(axis=1)
        drawn.append(total)
    return Power({r: power_of(drawn[0], drawn[1], r) for r in rates}, len(told))


def expected(
    told: Told,
    rates: tuple[float, ...] = (0.05, 0.001),
    times: float = 1,
    *,
    relatives: bool = False,
) -> Power:
    """Give the power by the normal law, from mean and variance of the evidence of each allele.

    Good for many alleles of which none tells much; of all alleles at once, without drawing.

    Parameters
    ----------
    times
        How many times as many alleles there are of the kinds that are told of.
    relatives
        As of `simulate`.
    """
    *laws, table = _attacked(told, relatives)
    means, spreads = [], []
    for chances in laws:
        mean = (chances * table).sum(axis=1)
        means.append(float(mean.sum()) * times)
        square = (chances * table**2).sum(axis=1) - mean**2
        spreads.append(float(np.sqrt(max(square.sum() * times, 0.0))))
    apart = means[0] - means[1]
    if spreads[0] == 0 or apart <= 0:
        return Power(
            dict.fromkeys(rates, 0.0 if apart <= 0 else 1.0), round(len(told) * times)
        )
    found = {r: CDF((apart + Q(r) * spreads[1]) / spreads[0]) for r in rates}
    return Power(found, round(len(told) * times))


def alleles_within(people: float, power: float, rate: float) -> int:
    """Give how many independent alleles a cohort can show with exact counts.

    Sankararaman et al. 2009, equation 3: members are found with this power at this rate of
    false positives from `people * (z(power) - z(rate))^2` alleles, whatever their frequency.
    """
    apart = Q(power) - Q(rate)
    return int(people * apart * apart) if apart > 0 else 0
