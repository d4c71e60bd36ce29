"""Pairs of sketches that differ in few bits."""

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.tables.loads import ones

Words = npt.NDArray[np.uint64]


@nb.njit(cache=True, nogil=True)
def close_pairs(
    a: Words,
    b: Words,
    few: Any,
    at_first: Any,
    most: Any,
    first: Any,
    out: npt.NDArray[np.int64],
) -> Any:
    """Find the pairs of which at most `most` bits differ.

    Parameters
    ----------
    a, b
        uint64[people, words].
    few, at_first
        Words that are looked at first, and differing bits among them past which a pair is
        left: few relatives are lost so, and nearly all strangers end there.
    most
        Differing bits at most.
    first
        Row of b that row 0 of a is: only pairs with later rows are looked at; -1: b holds
        others, and all are.
    out
        int64[capacity, 3]: rows of a and b, and differing bits.

    Returns
    -------
    int
        Pairs found; those past the capacity are not written.
    """
    found = 0
    words = a.shape[1]
    for i in range(a.shape[0]):
        own = a[i]
        for j in range(first + i + 1 if first >= 0 else 0, b.shape[0]):
            other = b[j]
            n = 0
            for k in range(few):
                n += ones(own[k] ^ other[k])
            if n > at_first:
                continue
            for k in range(few, words):
                n += ones(own[k] ^ other[k])
            if n > most:
                continue
            if found < out.shape[0]:
                out[found, 0] = i
                out[found, 1] = j
                out[found, 2] = n
            found += 1
    return found
