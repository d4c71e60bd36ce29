"""Numbers as bytes: small ones in one, any int32 in at most six. For compiled code."""

import numba as nb
import numpy as np

from varhouse.genotypes.fields import INT_MISSING

DAMAGED = -1
"""What a reader of bytes gives instead of the next place, when they end too early."""


@nb.njit(cache=True, nogil=True, inline="always")
def zigzag(v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    return 2 * v if v >= 0 else -2 * v - 1


@nb.njit(cache=True, nogil=True, inline="always")
def unzigzag(z):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Undo `zigzag`."""
    return (z >> 1) ^ -(z & 1)


@nb.njit(cache=True, nogil=True)
def put_varint(out, w, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write v >= 0 seven bits a byte, the lowest first; gives the next place."""
    while v >= 128:
        out[w] = (v & 127) | 128
        w += 1
        v >>= 7
    out[w] = v
    return w + 1


@nb.njit(cache=True, nogil=True)
def get_varint(data, r, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a varint that lies before `end`: (number, next place or DAMAGED)."""
    v = np.int64(0)
    for shift in range(0, 42, 7):
        if r >= end:
            return v, np.int64(DAMAGED)
        b = np.int64(data[r])
        r += 1
        v |= (b & 127) << shift
        if b < 128:
            return v, np.int64(r)
    return v, np.int64(DAMAGED)


@nb.njit(cache=True, nogil=True)
def put_number(out, w, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write an int32 or `INT_MISSING` as a varint."""
    return put_varint(out, w, 0 if v == INT_MISSING else zigzag(np.int64(v)) + 1)


@nb.njit(cache=True, nogil=True)
def get_number(data, r, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read what `put_number` wrote: (number, next place or DAMAGED)."""
    z, r = get_varint(data, r, end)
    return (np.int64(INT_MISSING) if z == 0 else unzigzag(z - 1)), r
