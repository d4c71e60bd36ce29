"""Overlaps of alleles with intervals, in a compiled pass over sorted arrays."""

import numba
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.key import complete_key, last_base

Ints = npt.NDArray[np.int64]


def bounds(alleles: pl.DataFrame) -> tuple[Ints, Ints]:
    """Where an interval must begin at the latest, and end at the earliest, to overlap.

    An allele takes up pos to its last base (`allelekey.last_base`), and an interval
    overlaps that holds one of these bases. An insertion takes up no base: it lies between
    two, and an interval must hold both.

    Returns
    -------
    tuple
        int64[n] each, 1-based: an interval overlaps if start <= first and end >= second.
    """
    pos = alleles["pos"].to_numpy().astype(np.int64)
    last = complete_key(alleles).select(last_base()).to_series().to_numpy()
    inserts = (
        alleles.select(
            pl.col("alt").str.starts_with(pl.col("ref"))
            & (pl.col("alt").str.len_bytes() > pl.col("ref").str.len_bytes())
        )
        .to_series()
        .to_numpy()
    )
    return last, np.where(inserts, last + 1, pos)


@numba.njit(nogil=True, cache=True)
def _tops(end, tree, size):  # type: ignore[no-untyped-def]
    for k in range(end.size):
        tree[size + k] = end[k]
    for k in range(size - 1, 0, -1):
        tree[k] = max(tree[2 * k], tree[2 * k + 1])


@numba.njit(nogil=True, cache=True)
def _overlaps(before, after, start, tree, size, left, right, write):  # type: ignore[no-untyped-def]
    n = 0
    stack = np.empty(128, np.int64)
    for i in range(before.size):
        # Intervals sort by start: the first `stop` begin early enough.
        stop = np.searchsorted(start, before[i], side="right")
        depth = 1
        stack[0] = 1
        while depth:
            depth -= 1
            node = stack[depth]
            if tree[node] < after[i]:
                continue
            low, width = node, 1
            while low < size:
                low *= 2
                width *= 2
            if low - size >= stop:
                continue
            if node >= size:
                if write:
                    left[n] = i
                    right[n] = node - size
                n += 1
            else:
                stack[depth] = 2 * node + 1
                stack[depth + 1] = 2 * node
                depth += 2
    return n


def match_intervals(before: Ints, after: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Pair alleles with the intervals that overlap them: rows of both, int64[pairs].

    Parameters
    ----------
    before, after
        What `bounds` gives.
    start, end
        Intervals sorted by start, 1-based and closed.
    """
    size = 1
    while size < max(1, start.size):
        size *= 2
    # A tree of the furthest ends: what ends too early is passed over as a whole.
    tree = np.full(2 * size, -1, np.int64)
    _tops(end, tree, size)
    none = np.empty(0, np.int64)
    n = _overlaps(before, after, start, tree, size, none, none, False)
    left, right = np.empty(n, np.int64), np.empty(n, np.int64)
    _overlaps(before, after, start, tree, size, left, right, True)
    return left, right
