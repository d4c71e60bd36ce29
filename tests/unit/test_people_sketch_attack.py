"""What can be learned from sketches, with the secret and without (docs/same-person.md).

Each attack that must fail has one beside it that works, so that it is no weak attack.
"""

import hashlib

import numpy as np
import pytest
from sketchattacks import (
    correlation,
    guess,
    learn_bits,
    learn_genomes,
    linkage_of,
    read_with_secret,
    sketch,
)
from sketchworld import OTHER, SECRET, Genomes

from varhouse.people.sketch import _sums, projections
from varhouse.people.sketchpanel import SITES_PER_BIT, standardise

PEOPLE = 60


def secrets(n: int) -> list[bytes]:
    return [hashlib.sha256(b"secret %d" % k).digest() for k in range(n)]


@pytest.fixture(scope="module")
def fx_world():
    world = Genomes(4_096, seed=21)
    copies = world.calls(*(world.person() for _ in range(PEOPLE)))
    return world, copies, standardise(copies, world.af)


# --- (a) reading genotypes ---


@pytest.mark.parametrize("knows_linkage", [False, True])
def test_with_the_secret_little_more_is_read_than_frequencies_tell(
    fx_world, knows_linkage
) -> None:
    world, copies, z = fx_world
    linkage = None
    if knows_linkage:
        linkage = linkage_of(world.calls(*(world.person() for _ in range(2_000))))
    signs = sketch(world, copies, SECRET)
    estimate = read_with_secret(signs, world.panel(), SECRET, linkage)
    worth = correlation(estimate, z) ** 2
    # It is no nothing: the bits are of this genome. And they bound it: the squared
    # correlation of a linear estimate is that of a bit for each SITES_PER_BIT sites.
    assert 0.04 < worth < 0.16
    by_frequency = (guess(estimate, world.af, 0) == copies).mean()
    gained = (guess(estimate, world.af, worth) == copies).mean() - by_frequency
    assert 0.005 < gained < 0.06
    assert world.tier().bits * SITES_PER_BIT <= world.n_sites


def test_with_another_secret_nothing_is_read(fx_world) -> None:
    world, copies, z = fx_world
    signs = sketch(world, copies, SECRET)
    for other in (OTHER, *secrets(4)):
        estimate = read_with_secret(signs, world.panel(), other)
        # 60 people x 4,096 sites: a deviation of 0.002 by chance.
        assert abs(correlation(estimate, z)) < 0.01


def test_the_bits_of_a_person_do_not_tell_a_genotype(fx_world) -> None:
    """Over secrets, each bit is as often 1 whatever the genotype at a site is."""
    world, copies, _ = fx_world
    person = copies[:1]
    counts = []
    for genotype in (0, 2):
        changed = person.copy()
        changed[0, 100] = genotype
        signs = [sketch(world, changed, s)[0] for s in secrets(25)]
        counts.append((np.array(signs) > 0).sum())
    n = 25 * world.tier().bits
    assert all(abs(c / n - 0.5) < 4 * 0.5 / np.sqrt(n) for c in counts)


def test_a_list_of_sketches_does_not_tell_a_genotype_but_who_is_kin() -> None:
    """A classifier that sees all that does not depend on the secret: who is like whom.

    It is trained on lists that it knows the answer of, of other secrets. Whether somebody has
    0 or 2 copies at a site it cannot tell; whether he is another one's child it can.
    """
    world = Genomes(1_024, seed=31)
    others = [world.person() for _ in range(20)]
    target = world.person()
    child = world.child(others[0], target)
    flipped = world.calls(target)
    flipped[0, 500] = 2 - 2 * (flipped[0, 500] // 2)
    flat = world.calls(target)
    flat[0, 500] = 2 - flipped[0, 500]

    def accuracy(first: np.ndarray, second: np.ndarray) -> float:
        features, labels = [], []
        for number, secret in enumerate(secrets(160)):
            own = (first, second)[number % 2]
            signs = sketch(world, np.concatenate([own, world.calls(*others)]), secret)
            alike = signs @ signs.T / signs.shape[1]
            features.append(np.r_[alike[0, 1:], signs.mean(axis=1)])
            labels.append(number % 2 * 2.0 - 1)
        x, y = np.array(features), np.array(labels)
        half = slice(0, 80), slice(80, 160)
        xt = x[half[0]] - x[half[0]].mean(axis=0)
        weights = np.linalg.solve(xt.T @ xt + np.eye(x.shape[1]), xt.T @ y[half[0]])
        told = np.sign((x[half[1]] - x[half[0]].mean(axis=0)) @ weights)
        return float((told == y[half[1]]).mean())

    assert abs(accuracy(flat, flipped) - 0.5) < 0.2
    assert accuracy(world.calls(target), world.calls(child)) > 0.9


def test_sketches_are_the_same_whichever_way_the_genomes_are_turned(fx_world) -> None:
    """The argument itself: turned genomes, of no people at all, give sketches as alike."""
    world = Genomes(1_024, seed=41)
    a, b = world.person(), world.person()
    copies = world.calls(a, b, world.child(a, b), world.person())
    z = standardise(copies, world.af).astype(np.float64)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(1_024, 1_024)))
    tier = world.tier()
    found = []
    for genomes in (z, z @ turn):
        alike = []
        for secret in secrets(60):
            numbers = projections(secret, "test", tier)
            signs = np.sign(_sums(genomes.astype(np.float32), numbers))
            alike.append((signs @ signs.T / tier.bits)[np.triu_indices(4, 1)])
        found.append(np.array(alike))
    plain, turned = found
    assert correlation(z, z @ turn) < 0.05
    error = np.sqrt((plain.var(axis=0) + turned.var(axis=0)) / 60)
    assert (abs(plain.mean(axis=0) - turned.mean(axis=0)) < 4 * error).all()
    assert plain.std(axis=0) == pytest.approx(turned.std(axis=0), rel=0.4)


# --- (b) who is like whom: what sketches are for, and what anybody with two lists sees ---


def test_without_the_secret_it_is_seen_who_is_kin(fx_world) -> None:
    world, copies, _ = fx_world
    a, b = world.person(), world.person()
    family = world.calls(a, world.child(a, b), a, error=0.005)
    signs = sketch(world, np.concatenate([family, copies]), SECRET)
    alike = np.sin(np.pi / 2 * (signs @ signs.T) / signs.shape[1])
    assert alike[0, 2] > 0.85
    assert 0.3 < alike[0, 1] < 0.7
    assert abs(alike[0, 3:]).max() < 0.3


# --- (c) a guess at a genome ---


def test_who_has_the_secret_and_a_genome_finds_its_person(fx_world) -> None:
    world, copies, _ = fx_world
    signs = sketch(world, copies, SECRET)
    wanted = copies[17:18]
    mine = sketch(world, wanted, SECRET)
    alike = (mine @ signs.T / signs.shape[1])[0]
    assert alike.argmax() == 17
    assert alike[17] == 1
    # Who has only the genome does not.
    for other in secrets(10):
        mine = sketch(world, wanted, other)
        assert abs(mine @ signs.T / signs.shape[1]).max() < 0.3


def test_known_people_in_a_list_stand_for_the_secret(fx_world) -> None:
    """Who knows the genomes of many of a list can look for others in it, without the secret.

    So lists are not for those who hold the genomes of people in them, and public people are
    not sketched for others.
    """
    world, copies, z = fx_world
    found = {}
    for n in (20, 1_000):
        known = world.calls(*(world.person() for _ in range(n)))
        signs = sketch(world, known, SECRET)
        own = sketch(world, copies, SECRET)
        foretold = learn_bits(standardise(known, world.af), signs, z)
        alike = foretold @ own.T / own.shape[1]
        found[n] = float((alike.argmax(axis=1) == np.arange(PEOPLE)).mean())
        if n == 1_000:
            # Genotypes they do not read so: less than with the secret.
            estimate = learn_genomes(standardise(known, world.af), signs, own)
            assert correlation(estimate, z) < 0.25
    assert found[1_000] > 0.9
    assert found[20] < 0.3
