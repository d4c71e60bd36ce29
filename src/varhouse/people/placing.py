"""People put on axes that are made of others.

The sum of z times the loadings is a score, as of those who made the axes; where calls are
missing, the scores that fit the called sites best (least squares, as `lsqproject` of
EIGENSOFT). Such scores are too near to 0: the axes lean towards the people that they are
made of, the more the fewer sites there are for each of them. Each person is therefore
placed where the axes would have had him had he been among them, by the singular value
decomposition of the axes with one row more, turned back to the axes (online augmentation,
decomposition and Procrustes: OADP of Zhang, Dey and Lee 2020, Bioinformatics 36:3439). It
needs the eigenvalues and how much of the person no axis explains, and no other person.

Towards a relative of those who made the axes these lean already: a twin has the very score of
his twin, and a child of two of them on average that of the mean of both. Of what was said the
share that he has not in common with them is done.
"""

import math

import numpy as np

from varhouse.people.panel import PackedCalls
from varhouse.people.pca import IS_CALLED, Floats, Ints, iter_blocks, standard

_PEOPLE = 4_096


def place(
    packed: PackedCalls, people: Ints, sites: Ints, center: Floats, loadings: Floats,
    eigenvalues: Floats, total: int, least: int = 1, common: Floats | None = None,
) -> Floats:  # fmt: skip
    """Put people on axes.

    Parameters
    ----------
    packed
        Their calls.
    people, sites
        int64[]: rows and sites of it; sites of the axes alone.
    center, loadings
        float64[sites], float64[sites, axes]: as of `Axes`, of these sites.
    eigenvalues
        float64[axes].
    total
        Sites of the axes, of which `sites` may be some.
    least
        Sites called without which a person has no place.
    common
        float64[people]: share of the genome in common with people who made the axes, twice
        the kinship with each, at most 1; None: they are strangers.

    Returns
    -------
    float64[people, axes]
        Scores; NaN for who is called at too few sites, or at none that tell the axes apart.
    """
    axes = eigenvalues.size
    out = np.full((people.size, axes), np.nan)
    if axes == 0:
        return out
    values = standard(center)
    alien = 1 - (np.zeros(people.size) if common is None else common)
    # In units in which the loadings of all sites have length 1.
    weights = loadings * np.sqrt(total)
    pairs = (weights[:, :, None] * weights[:, None, :]).reshape(sites.size, axes * axes)
    for first in range(0, people.size, _PEOPLE):
        some = people[first : first + _PEOPLE]
        sums = np.zeros((some.size, axes))
        squares = np.zeros(some.size)
        n_called = np.zeros(some.size)
        gram = np.zeros((some.size, axes * axes))
        for part, z in iter_blocks(packed, some, sites, values):
            sums += z @ weights[part].astype(np.float32)
            squares += (z * z).sum(axis=1)
        table = np.tile(IS_CALLED, (sites.size, 1))
        for part, called in iter_blocks(packed, some, sites, table):
            n_called += called.sum(axis=1)
            gram += called @ pairs[part].astype(np.float32)
        fit = _solve(gram.reshape(-1, axes, axes), sums) / np.sqrt(total)
        fit[n_called < least] = np.nan
        length = squares / np.maximum(n_called, 1)
        moved = _augment(fit, length, np.sqrt(eigenvalues))
        out[first : first + _PEOPLE] = fit + alien[first : first + _PEOPLE, None] * (
            moved - fit
        )
    return out


def least_sites(eigenvalues: Floats, people: int, error: float) -> int:
    """Say how many sites a place needs.

    Off the axes z has a variance of 1, so a score by m sites a standard error of
    1 / sqrt(m), where those who made the axes spread by the root of eigenvalue / people.

    Parameters
    ----------
    eigenvalues, people
        Of the axes, and by how many people they were made.
    error
        Greatest standard error on the first axis, in units of the spread along it.
    """
    if eigenvalues.size == 0:
        return 0
    return math.ceil(people / (float(eigenvalues[0]) * error**2))


def _solve(gram: Floats, sums: Floats) -> Floats:
    """Solve each person's least squares; NaN where the called sites do not tell axes apart."""
    out = np.full(sums.shape, np.nan)
    least = np.linalg.eigvalsh(gram)[:, 0]
    good = least > 1e-3
    out[good] = np.linalg.solve(gram[good], sums[good, :, None])[:, :, 0]
    return out


def _augment(fit: Floats, length: Floats, singular: Floats) -> Floats:
    """Place people as if the axes had been made of each of them, too (OADP).

    Parameters
    ----------
    fit
        float64[people, axes]: scores by least squares.
    length
        float64[people]: mean of z squared.
    singular
        float64[axes]: roots of the eigenvalues.
    """
    axes = singular.size
    out = np.full(fit.shape, np.nan)
    good = np.isfinite(fit).all(axis=1)
    fit, length = fit[good], length[good]
    # The axes as rows; below, the person: what they explain of him, and the rest.
    rows = np.zeros((fit.shape[0], axes + 1, axes + 1))
    rows[:, np.arange(axes), np.arange(axes)] = singular
    rows[:, axes, :axes] = fit
    rows[:, axes, axes] = np.sqrt(np.maximum(length - (fit**2).sum(axis=1), 0))
    left, values, _ = np.linalg.svd(rows)
    moved = left[:, :, :axes] * values[:, None, :axes]
    # Turned and stretched so that those who made the axes come to lie where they were.
    others = moved[:, :axes]
    one, stretch, two = np.linalg.svd(others.transpose(0, 2, 1) * singular)
    size = (others**2).sum(axis=(1, 2))
    scale = stretch.sum(axis=1) / np.where(size > 0, size, 1)
    turned = (moved[:, axes:] @ one @ two)[:, 0]
    out[good] = turned * scale[:, None]
    return out
