"""Put lines back in order after alleles have moved to the left."""

import numpy as np

from varhouse.normalise.text import Bytes, Longs, copy_runs, join_runs

WINDOW = 10_000
"""Bases that lines are held back: few alleles move further, and memory stays small."""

_CONTIG = 32
_LONG_RUN = 32_768


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
        # Lines that are held are spans of the buffers they came in: nothing is copied.
        self._buffers: list[Bytes] = []
        self._keys = np.zeros(0, np.int64)
        self._source = np.zeros(0, np.int64)
        self._span = np.zeros((0, 2), np.int64)
        self._last = -1
        self.late = False

    def push(
        self, keys: Longs, buffers: list[Bytes], source: Longs, span: Longs, bound: int
    ) -> list[Bytes]:
        """Add lines and give those that may leave, in order.

        Parameters
        ----------
        keys
            int64[n] from `sort_keys`.
        buffers, source, span
            Line k is `buffers[source[k]][span[k, 0] : span[k, 1]]`. The buffers must not
            be changed after.
        bound
            Key of the last record read: later ones are expected to lie after it, less
            the window.

        Returns
        -------
        list
            Pieces of text, each of one line or more.
        """
        rank, pos = bound >> _CONTIG, bound & ((1 << _CONTIG) - 1)
        self._keys = np.concatenate([self._keys, keys])
        self._source = np.concatenate([self._source, source + len(self._buffers)])
        self._span = np.concatenate([self._span, span])
        self._buffers += buffers
        return self._leave((rank << _CONTIG) | max(0, pos - self._window))

    def flush(self) -> list[Bytes]:
        """Give all lines that are left."""
        return self._leave(1 << 62)

    def _leave(self, bound: int) -> list[Bytes]:
        if (self._keys[1:] < self._keys[:-1]).any():
            order = np.argsort(self._keys, kind="stable")
            self._keys = self._keys[order]
            self._source, self._span = self._source[order], self._span[order]
        n = int(np.searchsorted(self._keys, bound))
        pieces = self._pieces(join_runs(self._source[:n], self._span[:n]))
        if n:
            self.late |= bool(self._keys[0] < self._last)
            self._last = max(self._last, int(self._keys[n - 1]))
        self._keys, self._span = self._keys[n:], self._span[n:]
        used, self._source = np.unique(self._source[n:], return_inverse=True)
        self._buffers = [self._buffers[i] for i in used.tolist()]
        return pieces

    def _pieces(self, runs: Longs) -> list[Bytes]:
        """Give long runs as they lie; copy many short ones to one piece."""
        sizes = runs[:, 2] - runs[:, 1]
        if sizes.sum() >= sizes.size * _LONG_RUN:
            return [self._buffers[i][a:b] for i, a, b in runs.tolist()]
        at = np.concatenate([[0], np.cumsum(sizes)])
        out = np.empty(at[-1], np.uint8)
        for i in np.unique(runs[:, 0]).tolist():
            copy_runs(self._buffers[i], i, runs, at, out)
        return [out]
