"""Stretches of bases of one count each, from rows that add up.

A row says what is counted at the bases start..end of a group; the count at a base is the sum
of all rows over it (table `callable`). Summing is one pass over the places where a row begins
or has ended, in all groups at once.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FEW_GAPS = 1_000
"""Gaps up to which the rows between them are moved as slices."""

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]


class Stretches(NamedTuple):
    """n stretches, or rows that add up, of some groups.

    Attributes
    ----------
    group
        int64[n]: the number of the group.
    start, end
        int64[n]: first and last base, 1-based.
    counts
        int32[k, n]: what is counted at each base of it.
    """

    group: Int64
    start: Int64
    end: Int64
    counts: Int32

    @classmethod
    def empty(cls, width: int) -> "Stretches":
        """Make none, of `width` counts."""
        none = np.zeros(0, np.int64)
        return cls(none, none, none, np.zeros((width, 0), np.int32))

    def take(self, rows: npt.NDArray[np.bool_] | Int64 | slice) -> "Stretches":
        """Take some of them: a mask, numbers, or a slice."""
        if isinstance(rows, slice):
            return Stretches(
                self.group[rows], self.start[rows], self.end[rows], self.counts[:, rows]
            )
        if rows.dtype == np.bool_:
            if rows.all():
                return self
            rows = np.flatnonzero(rows)
        # Several times as fast as a mask over all counts.
        return Stretches(
            self.group.take(rows),
            self.start.take(rows),
            self.end.take(rows),
            self.counts.take(rows, axis=1),
        )


def concat(pieces: list[Stretches], width: int) -> Stretches:
    """Put rows together; they need not be in order."""
    if len(pieces) == 1:
        return pieces[0]
    every = [Stretches.empty(width), *pieces]
    return Stretches(
        np.concatenate([p.group for p in every]),
        np.concatenate([p.start for p in every]),
        np.concatenate([p.end for p in every]),
        np.concatenate([p.counts for p in every], axis=1),
    )


def add_up(rows: Stretches, low: int, high: int, groups: Int64) -> Stretches:
    """Say what is counted at every base of low..high in every group.

    Parameters
    ----------
    rows
        In any order; they may lie over each other and reach beyond low..high.
    low, high
        1-based, closed.
    groups
        The groups to answer for, ascending; `rows` are of no other.

    Returns
    -------
    Stretches
        By group and base; each as long as the counts stay the same, those of 0 too: together
        they cover low..high once in every group.
    """
    rows = rows.take((rows.start <= high) & (rows.end >= low))
    rows = rows._replace(start=np.maximum(rows.start, low), end=np.minimum(rows.end, high))
    if not _lie_apart(rows):
        rows = _sweep(rows)
    rows = _of_something(rows)
    return _with_gaps(join_equal(rows), low, high, groups)


def _lie_apart(rows: Stretches) -> bool:
    """Tell whether rows are in order and none lies over another, as those of one shard."""
    is_next = rows.group[1:] > rows.group[:-1]
    is_behind = (rows.group[1:] == rows.group[:-1]) & (rows.start[1:] > rows.end[:-1])
    return bool((is_next | is_behind).all())


def _sweep(rows: Stretches) -> Stretches:
    """Add rows up where they lie over each other; the result lies apart."""
    low = int(rows.start.min())
    width = int(rows.end.max()) - low + 2
    begin = rows.group * width + (rows.start - low)
    behind = rows.group * width + (rows.end + 1 - low)
    place = np.concatenate([begin, behind])
    # Timsort: those of each shard are in order already.
    order = np.argsort(place, kind="stable")
    place = place[order]
    is_last = np.append(place[1:] != place[:-1], True)
    step = place[is_last]
    # A group begins and ends with nothing, so that the sum runs through all of them.
    counts = np.empty((rows.counts.shape[0], step.size), np.int32)
    for k, values in enumerate(rows.counts):
        change = np.concatenate([values, -values])[order]
        counts[k] = np.cumsum(change, dtype=np.int32)[is_last]
    group, base = step // width, step % width + low
    # The last step of a group counts nothing, and is left out with other rows of nothing.
    end = np.append(base[1:] - 1, base[-1:])
    return Stretches(group, base, end, counts)


def _of_something(rows: Stretches) -> Stretches:
    """Leave out rows that count nothing."""
    kept = rows.counts[0] != 0
    # Few rows have none of the first: the others are looked at no further.
    doubtful = np.flatnonzero(~kept)
    kept[doubtful] = np.any(rows.counts[1:, doubtful], axis=0)
    return rows.take(kept)


def _with_gaps(rows: Stretches, low: int, high: int, groups: Int64) -> Stretches:
    """Add stretches of nothing where no row is; rows lie apart in low..high."""
    first = np.searchsorted(rows.group, groups)
    last = np.searchsorted(rows.group, groups, side="right")
    has_rows = first < last
    # What lies before each row: from the end of the one before, or from `low`; then what lies
    # behind the last row of each group.
    before = np.empty_like(rows.start)
    before[1:] = rows.end[:-1] + 1
    before[first[has_rows]] = low
    behind = np.full(groups.size, low)
    behind[has_rows] = rows.end[last[has_rows] - 1] + 1
    inner, outer = np.flatnonzero(before < rows.start), np.flatnonzero(behind <= high)
    at = np.concatenate([last[outer], inner])
    # At one place what lies behind a group goes before what lies before the next one.
    order = np.argsort(at, kind="stable")
    gaps = Stretches(
        np.concatenate([groups[outer], rows.group[inner]]),
        np.concatenate([behind[outer], before[inner]]),
        np.concatenate([np.full(outer.size, high), rows.start[inner] - 1]),
        np.zeros((rows.counts.shape[0], at.size), np.int32),
    )
    return _inserted(rows, at[order], gaps.take(order))


def _inserted(rows: Stretches, at: Int64, more: Stretches) -> Stretches:
    """Put each of some rows before one of others (`at`, ascending), as np.insert does.

    That takes apart what it moves row by row: with few of them slices are ten times as fast.
    """
    if not at.size:
        return rows
    if at.size > FEW_GAPS:
        return Stretches(
            np.insert(rows.group, at, more.group),
            np.insert(rows.start, at, more.start),
            np.insert(rows.end, at, more.end),
            np.insert(rows.counts, at, more.counts, axis=1),
        )
    pieces, done = [], 0
    for k, place in enumerate(at.tolist()):
        pieces += [rows.take(slice(done, place)), more.take(slice(k, k + 1))]
        done = place
    return concat([*pieces, rows.take(slice(done, None))], rows.counts.shape[0])


def join_equal(rows: Stretches) -> Stretches:
    """Make one of neighbours with equal counts; rows are in order and lie apart."""
    if not rows.group.size:
        return rows
    is_new = np.append(True, rows.group[1:] != rows.group[:-1])
    is_new[1:] |= rows.start[1:] != rows.end[:-1] + 1
    for values in rows.counts:
        is_new[1:] |= values[1:] != values[:-1]
    last = np.append(is_new[1:], True)
    return rows.take(is_new)._replace(end=rows.end[last])


def look(rows: Stretches, positions: Int64) -> Int32:
    """Give what is counted at some bases, of rows of one group that may lie over each other.

    Parameters
    ----------
    positions
        int64[n], ascending and distinct.

    Returns
    -------
    int32[k, n]
        The counts at each.
    """
    n = positions.size
    first = np.searchsorted(positions, rows.start)
    behind = np.searchsorted(positions, rows.end, side="right")
    # Sums of counts are exact in doubles up to 2**53.
    steps = [
        np.bincount(first, values, n + 1) - np.bincount(behind, values, n + 1)
        for values in rows.counts
    ]
    return np.cumsum(steps, axis=1)[:, :n].astype(np.int32)
