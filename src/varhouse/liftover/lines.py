"""Lines in another order: written to a file as they come, read back sorted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]

_PIECE = 8 << 20
_CONTIG = 32


def sort_keys(rank: Longs, pos: Longs) -> Longs:
    """Combine the rank of a contig and a position (0 .. 2**31) into one number."""
    return (rank << _CONTIG) | pos


@njit(cache=True, nogil=True)
def _gather(data: Bytes, start: Longs, size: Longs) -> Bytes:
    out = np.empty(size.sum(), np.uint8)
    w = 0
    for k in range(start.size):
        for j in range(size[k]):
            out[w + j] = data[start[k] + j]
        w += size[k]
    return out


class SortedLines:
    """Lines on disk with their keys in memory (16 bytes each); the order is stable.

    A lift can send the records of a contig to any other, in any order and direction, so
    no window suffices.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._keys = [np.zeros(0, np.int64)]
        self._sizes = [np.zeros(0, np.int64)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def add(self, keys: Longs, at: Longs, data: Bytes) -> None:
        """Add lines: line k is `data[at[k] : at[k + 1]]`, keys from `sort_keys`."""
        self._file.write(data[at[0] : at[-1]].tobytes())
        self._keys.append(keys)
        self._sizes.append(np.diff(at))

    def pieces(self) -> Iterator[bytes]:
        """Give all lines in order, in pieces of about 8 MB."""
        self._file.close()
        keys, sizes = np.concatenate(self._keys), np.concatenate(self._sizes)
        if not keys.size:
            return
        starts = np.cumsum(sizes) - sizes
        order = np.argsort(keys, kind="stable")
        data = np.memmap(self._path, np.uint8, "r")
        upto = np.cumsum(sizes[order])
        first = 0
        while first < order.size:
            done = upto[first - 1] if first else 0
            last = max(int(np.searchsorted(upto, done + _PIECE)), first + 1)
            mine = order[first:last]
            yield _gather(np.asarray(data), starts[mine], sizes[mine]).tobytes()
            first = last
