"""Populations on axes of ancestry: where they lie, who is far from his own, which is nearest.

A population lies at the median of its samples on each axis, and spreads by their median
absolute deviation (times 1.4826: the standard deviation of a normal distribution), which few
outliers do not move.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from varhouse.people.pca import Floats, Ints

_MAD = 1.4826


@dataclass(frozen=True)
class Clusters:
    """Populations on the axes that distances go by.

    Attributes
    ----------
    names
        The populations with enough samples, in order.
    medians
        float64[populations, axes].
    spreads
        float64[populations, axes]: deviations, at least half of `usual`: those of ten
        samples come out too small by chance.
    usual
        float64[axes]: the median of the spreads of populations; 0 on an axis on which most
        lie on one spot.
    """

    names: list[str]
    medians: Floats
    spreads: Floats
    usual: Floats


def find_clusters(scores: Floats, populations: Sequence[str | None], least: int) -> Clusters:
    """Find where populations lie.

    Parameters
    ----------
    scores
        float64[people, axes], NaN for who has no place.
    populations
        One a person; None: not known.
    least
        Populations with fewer people that have a place are left out.
    """
    placed = np.isfinite(scores).all(axis=1)
    label = np.array([p if p is not None else "" for p in populations], dtype=object)
    names, medians, spreads = [], [], []
    for name in sorted({p for p in populations if p is not None}):
        own = scores[placed & (label == name)]
        if own.shape[0] < least or own.shape[0] == 0:
            continue
        middle = np.median(own, axis=0)
        names.append(name)
        medians.append(middle)
        spreads.append(_MAD * np.median(np.abs(own - middle), axis=0))
    shape = (len(names), scores.shape[1])
    spread = np.array(spreads).reshape(shape)
    usual = np.median(spread, axis=0) if names else np.zeros(shape[1])
    return Clusters(
        names, np.array(medians).reshape(shape), np.maximum(spread, usual / 2), usual
    )


def distances(scores: Floats, own: Ints, clusters: Clusters) -> Floats:
    """Measure how far people are from their own population.

    Parameters
    ----------
    scores
        float64[people, axes].
    own
        int64[people]: number of the population in `clusters`; -1: none of these.

    Returns
    -------
    float64[people]
        The largest deviation on any one axis, in spreads of the population; NaN where there
        is no population, place or axis.
    """
    out = np.full(scores.shape[0], np.nan)
    asked = (own >= 0) & np.isfinite(scores).all(axis=1)
    if not asked.any() or scores.shape[1] == 0:
        return out
    off = np.abs(scores[asked] - clusters.medians[own[asked]])
    spread = clusters.spreads[own[asked]]
    # Where a whole population lies on one spot nobody is so many deviations from it.
    usable = spread > 1e-9 * np.abs(scores[asked]).max(initial=0)
    far = np.where(usable, off / np.where(usable, spread, 1), np.nan)
    some = usable.any(axis=1)
    found = np.full(far.shape[0], np.nan)
    found[some] = np.nanmax(far[some], axis=1)
    out[asked] = found
    return out


def nearest(scores: Floats, clusters: Clusters) -> Ints:
    """Find the population whose median is nearest to each person.

    Distances go by all axes, each in units of the usual spread of a population along it, the
    same for all populations: else the widest would be near to everybody.

    Returns
    -------
    int64[people]
        Number in `clusters`; -1 where fewer than two are known, or there is no place.
    """
    out = np.full(scores.shape[0], -1, np.int64)
    axes = clusters.usual > 0
    placed = np.flatnonzero(np.isfinite(scores).all(axis=1))
    if len(clusters.names) < 2 or not axes.any():
        return out
    least = np.full(placed.size, np.inf)
    for number, middle in enumerate(clusters.medians[:, axes]):
        off = (scores[placed][:, axes] - middle) / clusters.usual[axes]
        square = (off**2).sum(axis=1)
        out[placed[square < least]] = number
        least = np.minimum(least, square)
    return out
