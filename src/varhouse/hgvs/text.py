"""Text as bytes: what the compiled passes write into one buffer, and strings from it."""

from numba import njit

from varhouse.transcripts.genemodel import Int64, UInt8

Packed = tuple[UInt8, Int64]
"""Strings end to end, and their n + 1 offsets."""

DIGITS = 20
"""Bytes of the longest number."""


@njit(cache=True, nogil=True)
def put_number(out: UInt8, w: int, number: int) -> int:
    """Write a number that is not negative; give the place behind it."""
    width, rest = 1, number // 10
    while rest:
        width += 1
        rest //= 10
    for i in range(w + width - 1, w - 1, -1):
        out[i] = 48 + number % 10
        number //= 10
    return w + width


@njit(cache=True, nogil=True)
def put_span(out: UInt8, w: int, source: UInt8, start: int, end: int) -> int:
    """Copy `source[start:end]`; give the place behind it."""
    for i in range(start, end):
        out[w] = source[i]
        w += 1
    return w
