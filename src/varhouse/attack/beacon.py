"""Yes or no to "does anybody here hold this allele?": how many questions find a member.

Shringarpure and Bustamante, Am J Hum Genet 2015, 97:631 (S&B below): the attacker asks for
alleles that a target holds. If he is not in the beacon of N people, each answer is no with
chance D_N (`chances.fewer_than`); if he is, with chance delta D_(N-1), delta being the rate of
wrong genotypes. The more questions are answered yes, the more likely he is a member.
Raisaro et al., J Am Med Inform Assoc 2017, 24:799 (R) ask for his rarest alleles first.
"""

import math

import numpy as np

from varhouse.attack.chances import Floats, LogFactorials, fewer_than

DELTA = 1e-6
"""Rate of wrong genotypes, as S&B take it."""

MOST_NOS = 1_000_000
"""Answers no that are reckoned with, at most."""

NEUTRAL = (1.0, 2.0)
"""Beta law of frequencies at which a person is heterozygous, of a population of constant
size: f^-1 of all sites times 2 f (1 - f). Then D_N = 1 / (N + 1)."""


def _few(n: int, p: float) -> Floats:
    """Give P(K = 0..m) of K ~ Bin(n, p), up to an m beyond which there is hardly anything."""
    most = min(n, int(n * p + 10 * math.sqrt(n * p) + 20))
    if p <= 0 or p >= 1:
        return np.asarray(np.arange(n + 1) == (n if p >= 1 else 0), dtype=np.float64)
    k = np.arange(1, most + 1)
    steps = np.concatenate([[0.0], np.cumsum(np.log((n - k + 1) / k))])
    ways = steps + np.arange(most + 1) * (math.log(p) - math.log1p(-p))
    return np.asarray(np.exp(ways + n * math.log1p(-p)))


def _says_no(people: int, least: int, delta: float, law: tuple[float, float]) -> Floats:
    """Give the chance of a no: of who is not in it, and of who is."""
    no = fewer_than(least, people, *law)
    own, wrong = (fewer_than(n, people - 1, *law) for n in (least - 1, least))
    return np.array([no, (1 - delta) * own + delta * wrong])


def power_of_questions(
    questions: int,
    people: int,
    rate: float = 0.05,
    delta: float = DELTA,
    law: tuple[float, float] = NEUTRAL,
    least: int = 1,
) -> float:
    """Give the power of S&B after a number of questions; closed form.

    The score is falling in the number of times that the beacon says no, so a target is taken
    for a member if it says no at most t times, t being the most for which others are taken
    for members at most at the rate; between two whole t a coin is thrown, which makes the
    test have just that rate.

    Parameters
    ----------
    least
        Copies from which on the answer is yes, as of `simulate_questions`.
    """
    no, no_for_member = _says_no(people, least, delta, law)
    others = np.cumsum(_few(questions, no))
    members = np.cumsum(_few(questions, no_for_member))
    # A member has fewer of them: beyond what was reckoned of his is nothing.
    members = np.pad(members, (0, max(0, others.size - members.size)), mode="edge")
    t = int(np.searchsorted(others, rate, side="right"))
    below = (others[t - 1], members[t - 1]) if t else (0.0, 0.0)
    if t >= others.size:
        return 1.0
    coin = (rate - below[0]) / (others[t] - below[0])
    return float(below[1] + coin * (members[t] - below[1]))


def questions_needed(
    people: int,
    power: float = 0.95,
    rate: float = 0.05,
    delta: float = DELTA,
    law: tuple[float, float] = NEUTRAL,
    least: int = 1,
) -> int | None:
    """Give the least number of questions for any of a target's alleles that has a power.

    Returns
    -------
    int | None
        None: so many that more than MOST_NOS are answered no, or no number does, as so few
        people cannot bear the copies that a yes takes.
    """
    most = MOST_NOS / _says_no(people, least, delta, law)[0]
    high = 1
    while power_of_questions(high, people, rate, delta, law, least) < power:
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if power_of_questions(middle, people, rate, delta, law, least) < power:
            low = middle
        else:
            high = middle
    return high


def simulate_questions(
    frequencies: Floats,
    people: int,
    questions: int,
    rng: np.random.Generator,
    targets: int = 400,
    rate: float = 0.05,
    delta: float = DELTA,
    rarest_first: bool = False,
    least: int = 1,
) -> float:
    """Attack a drawn beacon, and give the share of its people that are found.

    Parameters
    ----------
    frequencies
        Of the alleles of the population, from which beacon, members and others are drawn.
    rarest_first
        Ask for the target's alleles from the rarest on (R), with the chances of these very
        alleles; else for any of them (S&B).
    least
        Copies from which on the answer is yes: 1 of a beacon, k where rarer alleles are
        hidden.
    """
    copies = rng.binomial(2 * people, frequencies)
    says_yes, says_no = _evidence(frequencies, people, delta, least)
    worth = np.where(copies >= least, says_yes, says_no)
    rest = 2 * people - copies
    lacking = rest * (rest - 1) / (2 * people * (2 * people - 1)), (1 - frequencies) ** 2
    found = []
    for lacks in lacking:
        scores = np.zeros(targets)
        for i in range(targets):
            holds = np.flatnonzero(rng.random(frequencies.size) >= lacks)
            if rarest_first:
                asked = holds[np.argsort(frequencies[holds], kind="stable")][:questions]
            else:
                asked = rng.permutation(holds)[:questions]
            scores[i] = worth[asked].sum()
        found.append(scores)
    others = np.sort(found[1])[::-1]
    threshold = others[int(rate * targets)]
    return float((found[0] > threshold).mean())


def _evidence(p: Floats, people: int, delta: float, least: int) -> tuple[Floats, Floats]:
    """Give what yes and what no say of who holds an allele, for each allele."""
    logs = LogFactorials(2 * people)
    n = np.full(p.size, 2 * people)
    low, high = np.zeros_like(n), np.full_like(n, least - 1)
    no = logs.between(n, low, high, p)
    # A member's own copy is one of them, unless his genotype is wrong.
    alone = logs.between(n - 2, low, high - 1, p) if least > 1 else np.full(p.size, -np.inf)
    wrong = math.log(delta) + logs.between(n - 2, low, high, p)
    no_member = np.logaddexp(alone, wrong)
    with np.errstate(divide="ignore"):
        yes = np.log(-np.expm1(np.minimum(no, -1e-300)))
        yes_member = np.log(-np.expm1(np.minimum(no_member, -1e-300)))
    return np.nan_to_num(yes_member - yes), no_member - no
