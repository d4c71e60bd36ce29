"""Insert sizes and coverage of people at the same places, for charts of all of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from varhouse.calling.people import Person

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Curves = tuple[Ints, list[tuple[int, Floats]]]
"""Places on the x axis; of each person who has a curve the number and the values there."""

POINTS = 200
"""Places of a curve, about: as many as a chart can show."""

LARGEST = 100_000
"""Insert sizes from here on count as this one: bounds the memory."""


def insert_curves(people: Sequence[Person]) -> Curves:
    """Give the share of pairs by insert size, in per cent of a person's pairs a base.

    Up to a tenth beyond what 99 % of anybody's pairs have; a place stands for the sizes from
    it to the next one.
    """
    found = [(i, c) for i, p in enumerate(people) if (c := _inserts(p)).size > 1]
    if not found:
        return np.zeros(0, np.int64), []
    end = max(int(1.1 * max(_quantile(counts, 0.99) for _, counts in found)), 10)
    step = max(1, end // POINTS)
    places = np.arange(0, end + 1, step)
    return places, [(i, 100 * _binned(counts, places, step)) for i, counts in found]


def _inserts(person: Person) -> Ints:
    """Give the pairs of a person by insert size, from 0 on; empty without any."""
    told = person.get("insert_sizes") or {}
    sizes = np.clip(np.array([int(size) for size in told], np.int64), 0, LARGEST)
    pairs = np.array(list(told.values()), np.int64)
    counts: Ints = (
        np.bincount(sizes, pairs).astype(np.int64) if told else np.zeros(0, np.int64)
    )
    return counts if counts.sum() else counts[:0]


def _quantile(counts: Ints, q: float) -> int:
    sums = np.cumsum(counts)
    return int(np.searchsorted(sums, q * sums[-1]))


def _binned(counts: Ints, places: Ints, step: int) -> Floats:
    """Give the share of pairs a base in bins that begin at `places`."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    low = np.minimum(places, counts.size)
    high = np.minimum(places + step, counts.size)
    shares: Floats = (sums[high] - sums[low]) / (sums[-1] * step)
    return shares


def coverage_curves(people: Sequence[Person]) -> Curves:
    """Give the share of bases at least as deep, in per cent, by depth.

    Up to the depth that 1 % of the deepest person's bases have.
    """
    every = [np.array(p.get("coverage") or [], np.float64) for p in people]
    found = [(i, shares) for i, shares in enumerate(every) if shares.size > 1]
    if not found:
        return np.zeros(0, np.int64), []
    end = max(int(np.searchsorted(-shares, -0.01)) for _, shares in found)
    step = max(1, end // POINTS)
    places = np.arange(0, max(end, 2) + 1, step)
    return places, [
        (i, 100 * np.where(places < s.size, s[np.minimum(places, s.size - 1)], 0.0))
        for i, s in found
    ]
