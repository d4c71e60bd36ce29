"""Put lines back in order after alleles have moved to the left."""

import numpy as np

from varhouse.normalise.text import Bytes, Longs, merge

WINDOW = 10_000
"""Bases that lines are held back: few alleles move further, and memory stays small."""

_CONTIG = 32


def sort_keys(rank: Longs, pos: Longs) -> Longs:
    """Combine the rank of a contig and a position (0 .. 2**31) into one number."""
    return (rank << _CONTIG) | pos


class Reorder:
    """A window in which lines are sorted.

    Attributes
    ----------
    late
        A line came after one that should follow it had left the window: the output
        needs to be sorted as a whole.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._keys = np.zeros(0, np.int64)
        self._at = np.zeros(1, np.int64)
        self._data = np.zeros(0, np.uint8)
        self._last = -1
        self.late = False

    def push(self, keys: Longs, at: Longs, data: Bytes, bound: int) -> Bytes:
        """Add lines and give those that may leave, in order.

        Parameters
        ----------
        keys
            int64[n] from `sort_keys`.
        at, data
            Line k is `data[at[k] : at[k + 1]]`.
        bound
            Key of the last record read: later ones are expected to lie after it, less
            the window.
        """
        rank, pos = bound >> _CONTIG, bound & ((1 << _CONTIG) - 1)
        return self._take(keys, at, data, (rank << _CONTIG) | max(0, pos - self._window))

    def flush(self) -> Bytes:
        """Give all lines that are left."""
        none = np.zeros(0, np.int64)
        return self._take(none, np.zeros(1, np.int64), np.zeros(0, np.uint8), 1 << 62)

    def _take(self, keys: Longs, at: Longs, data: Bytes, bound: int) -> Bytes:
        all_keys = np.concatenate([self._keys, keys])
        order = np.argsort(all_keys, kind="stable")
        all_keys = all_keys[order]
        n = int(np.searchsorted(all_keys, bound))
        _, out = merge(self._data, self._at, data, at, order[:n])
        self._at, self._data = merge(self._data, self._at, data, at, order[n:])
        self._keys = all_keys[n:]
        if n:
            self.late |= bool(all_keys[0] < self._last)
            self._last = max(self._last, int(all_keys[n - 1]))
        return out
