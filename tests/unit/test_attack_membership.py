"""Who is in a cohort, told from its frequencies: closed forms and published figures."""

import numpy as np
import pytest

from varhouse.attack.beacon import (
    NEUTRAL,
    power_of_questions,
    questions_needed,
    simulate_questions,
)
from varhouse.attack.chances import CDF, LogFactorials, Q, fewer_than
from varhouse.attack.membership import (
    Told,
    alleles_within,
    chances_of_members,
    evidence,
    expected,
    power_of,
    scores,
    simulate,
)


def told(low: list[int], high: list[int], an: list[int], p: list[float]) -> Told:
    return Told(np.array(low), np.array(high), np.array(an), np.array(p))


def exact(ac: np.ndarray, an: int, p: np.ndarray) -> Told:
    return Told(ac, ac, np.full(ac.size, an), p)


def test_binomials_add_up_to_one() -> None:
    logs = LogFactorials(50)
    n, p = np.full(51, 50), np.full(51, 0.3)
    assert np.exp(logs.binomial(n, np.arange(51), p)).sum() == pytest.approx(1)
    whole = logs.between(np.array([50]), np.array([0]), np.array([50]), np.array([0.3]))
    assert whole[0] == pytest.approx(0, abs=1e-12)
    assert logs.binomial(np.array([5]), np.array([6]), np.array([0.3]))[0] == -np.inf


def test_evidence_of_a_shown_count_is_that_of_the_hypergeometric_law() -> None:
    """P(x | member) is that of 2 of the `an` copies; P(x | other) is binomial."""
    ac, an, p = 7, 40, 0.1
    member = [
        np.prod([1.0, (an - ac) * (an - ac - 1)]), 2.0 * ac * (an - ac), ac * (ac - 1.0)
    ]  # fmt: skip
    other = [(1 - p) ** 2, 2 * p * (1 - p), p * p]
    ratio = np.log(np.array(member) / (an * (an - 1)) / np.array(other))
    found = evidence(told([ac], [ac], [an], [p]))[0]
    # What the attacker knows beforehand is p, not that the count fits it: both laws of x
    # hold for the same count, so the ratios agree but for a constant of 0.
    assert found == pytest.approx(ratio, abs=1e-9)
    assert chances_of_members(told([ac], [ac], [an], [p]))[0] == pytest.approx(
        np.array(member) / (an * (an - 1))
    )


def test_a_private_allele_gives_its_carrier_away_and_a_masked_one_less() -> None:
    shown = evidence(told([1], [1], [2000], [1e-5]))[0]
    masked = evidence(told([1], [4], [2000], [1e-5]))[0]
    hidden = evidence(told([0], [4], [2000], [1e-5]))[0]
    assert shown[1] > 3.5
    assert masked[1] > 3.5  # That it is there at all says as much of a rare allele.
    assert abs(hidden[1]) < 1e-3
    # A target with five copies more than can be hidden is out; with none, nothing is said.
    assert hidden[0] == pytest.approx(0, abs=1e-6)
    assert evidence(told([0], [0], [2000], [1e-3]))[0][1] == -30


def test_nothing_told_is_no_evidence() -> None:
    free = told([0] * 9, [200] * 9, [200] * 9, [0.1] * 9)
    assert evidence(free) == pytest.approx(np.zeros((9, 3)), abs=1e-9)
    found = simulate(free, np.random.default_rng(1), (200, 1000))
    assert found.power[0.05] < 0.12


@pytest.mark.parametrize(("people", "alleles"), [(500, 500), (500, 3000), (2000, 1000)])
def test_the_power_is_that_of_sankararaman(people: int, alleles: int) -> None:
    """Equation 3: z(power) - z(rate) = sqrt(alleles / people), whatever the frequencies.

    Drawn members (of hypergeometric laws), and the normal law by moments: both within 0.05.
    """
    rng = np.random.default_rng(people + alleles)
    p = rng.uniform(0.05, 0.95, alleles)
    release = exact(rng.binomial(2 * people, p), 2 * people, p)
    closed = CDF(np.sqrt(alleles / people) + Q(0.05))
    assert expected(release).power[0.05] == pytest.approx(closed, abs=0.05)
    drawn = simulate(release, rng, (1500, 4000)).power[0.05]
    assert drawn == pytest.approx(closed, abs=0.05)


def test_real_members_are_found_as_drawn_ones_are() -> None:
    """A whole cohort is drawn with its genotypes: those who are in it against those not."""
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 2000)
    genotypes = rng.binomial(2, p, (400, 2000))
    release = exact(genotypes.sum(axis=0), 800, p)
    outsiders = rng.binomial(2, p, (2000, 2000))
    found = power_of(scores(release, genotypes), scores(release, outsiders), 0.05)
    assert found == pytest.approx(simulate(release, rng, (400, 2000)).power[0.05], abs=0.06)
    missing = np.full((1, 2000), -1)
    assert scores(release, missing)[0] == 0


@pytest.mark.parametrize("people", [300, 1000])
def test_children_of_members_are_found_by_half_of_the_evidence(people: int) -> None:
    """Half of his copies are a member's: z(power) - z(rate) = sqrt(alleles / people) / 2.

    The closed form against the normal law, against drawn ones, and against children of a
    whole drawn cohort (by their own likelihood ratio, which is near that of members).
    """
    rng = np.random.default_rng(people)
    alleles = 3000
    p = rng.uniform(0.05, 0.95, alleles)
    parents = rng.binomial(2, p, (people, alleles))
    release = exact(parents.sum(axis=0), 2 * people, p)
    closed = CDF(np.sqrt(alleles / people) / 2 + Q(0.05))
    assert expected(release, relatives=True).power[0.05] == pytest.approx(closed, abs=0.05)
    drawn = simulate(release, rng, (1500, 4000), relatives=True).power[0.05]
    assert drawn == pytest.approx(closed, abs=0.05)
    children = rng.binomial(1, parents / 2) + rng.binomial(1, p, parents.shape)
    others = rng.binomial(2, p, (1500, alleles))
    found = power_of(scores(release, children), scores(release, others), 0.05)
    assert found == pytest.approx(closed, abs=0.07)


def test_how_many_alleles_can_be_shown() -> None:
    assert alleles_within(1000, 0.1, 0.05) == 131
    assert alleles_within(1000, 0.05, 0.05) == 0
    few = alleles_within(1000, 0.5, 0.05)
    assert few == pytest.approx(1000 * 1.645**2, rel=0.01)


# --- beacons ---


def test_the_chance_that_nobody_holds_an_allele() -> None:
    """With the neutral law it is 1 / (N + 1), see `NEUTRAL`."""
    for people in (1, 65, 1000):
        assert fewer_than(1, people, *NEUTRAL) == pytest.approx(1 / (people + 1))
    # Beta(a, b) as its mean where it is narrow.
    assert fewer_than(1, 10, 1e4, 9e4) == pytest.approx(0.9**20, rel=0.01)


@pytest.mark.parametrize("least", [0, 1, 5, 20, 21, 30])
def test_the_chance_of_few_copies_is_that_of_the_binomial_over_all_frequencies(
    least: int,
) -> None:
    """By adding up 10 people's binomials at 20,000 frequencies of the law 2 (1 - f)."""
    f = (np.arange(20_000) + 0.5) / 20_000
    copies = np.arange(min(least, 21))
    logs = LogFactorials(20)
    ways = [np.exp(logs.binomial(np.full(f.size, 20), np.full(f.size, j), f)) for j in copies]
    summed = (sum(ways, np.zeros(f.size)) * 2 * (1 - f)).mean()
    assert fewer_than(least, 10, *NEUTRAL) == pytest.approx(summed, abs=1e-5)


def test_the_power_of_questions_is_its_rate_without_any() -> None:
    assert power_of_questions(0, 100) == pytest.approx(0.05)
    # All yes: a member always, another with chance (1 - D)^n; a coin makes it the rate.
    n, people = 40, 100
    all_yes = (1 - 1 / (people + 1)) ** n
    member = (1 - 1e-6 / people) ** n
    assert power_of_questions(n, people) == pytest.approx(0.05 / all_yes * member)


@pytest.mark.parametrize(("people", "published"), [(1000, 5000), (65, 250)])
def test_beacons_fall_as_published(people: int, published: int) -> None:
    """S&B: 1,000 people fall to 5,000 questions and 65 to 250, at 5 % of false positives.

    They say so of power above 0.95; closed form and simulation have it at that number, and
    the closed form from 0.5 to 1 times as many.
    """
    assert power_of_questions(published, people) > 0.95
    assert published / 2 < questions_needed(people) <= published
    assert power_of_questions(published // 8, people) < 0.5


def test_hiding_rare_alleles_takes_many_more_questions() -> None:
    """Where k copies are needed for a yes: closed form, and a drawn beacon."""
    needed = {k: questions_needed(65, least=k) for k in (1, 3, 5)}
    assert needed[1] * 8 < needed[3] < needed[5]
    rng = np.random.default_rng(2)
    law = np.exp(np.log(1e-5) * rng.random(40_000))
    drawn = [simulate_questions(law, 65, n, rng, 200, least=3)
             for n in (needed[3], needed[3] // 8)]  # fmt: skip
    assert drawn[0] > 0.85 > 0.6 > drawn[1]


@pytest.mark.parametrize(("people", "least"), [(2, 5), (3, 5), (10, 21)])
def test_few_people_who_cannot_bear_so_many_copies_are_found_by_no_questions(
    people: int, least: int
) -> None:
    """Two people have 4 copies at most; that three have 5 of 6 is hardly ever so."""
    assert questions_needed(people, least=least) is None


def test_a_simulated_beacon_falls_and_to_rare_alleles_sooner() -> None:
    rng = np.random.default_rng(2)
    law = np.exp(np.log(1e-5) * rng.random(40_000))
    often = simulate_questions(law, 65, 250, rng, targets=200)
    few = simulate_questions(law, 65, 25, rng, targets=200)
    rare = simulate_questions(law, 65, 25, rng, targets=200, rarest_first=True)
    assert often > 0.85
    assert few < 0.5 < rare


def test_hiding_rare_alleles_takes_the_power_of_questions() -> None:
    rng = np.random.default_rng(2)
    law = np.exp(np.log(1e-5) * rng.random(40_000))
    asked = {least: simulate_questions(law, 500, 10, rng, 300, rarest_first=True, least=least)
             for least in (1, 5)}  # fmt: skip
    assert asked[5] < asked[1] / 2
