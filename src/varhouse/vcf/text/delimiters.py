# mypy: disable-error-code="assignment,call-arg,no-untyped-def,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Where the values of sample columns end: tabs, colons and commas, 64 bytes at a time."""

import numba as nb
import numpy as np

from varhouse.tables.loads import load1
from varhouse.vcf.text.simd import lowest, ones, same64

_TAB, _COLON, _COMMA, _BLANK = np.uint8(9), np.uint8(58), np.uint8(44), np.uint8(32)
_ONE, _ZERO = np.uint64(1), np.uint64(0)

BLOCKS = 32
"""Blocks of 64 bytes whose delimiters are found at once: they stay in the nearest cache."""


@nb.njit(cache=True, nogil=True)
def _bits_at(base, size, at, byte):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Compare up to 64 bytes with a byte, none beyond the end of the text."""
    if at + 64 <= size:
        return same64(base, at, byte)
    bits = np.uint64(0)
    for j in range(size - at):
        if load1(base, at + j) == byte:
            bits |= _ONE << np.uint64(j)
    return bits


@nb.njit(cache=True, nogil=True)
def find_ends(base, size, at, e, blanks, stops):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find the next tabs, colons and commas from `at`, one at least; `e` counts as one.

    Returns (how many, where to go on, whether the line has had a blank). `stops` holds the
    address of int32[64 * BLOCKS + 8].
    """
    n = np.int64(0)
    blank_bits = _ZERO
    k = 0
    # A text may be longer than all blocks: then on to its end.
    while at <= e and (k < BLOCKS or n == 0):
        k += 1
        bits = (
            _bits_at(base, size, at, _TAB)
            | _bits_at(base, size, at, _COLON)
            | _bits_at(base, size, at, _COMMA)
        )
        blank = _bits_at(base, size, at, _BLANK)
        if e - at < 64:
            last = _ONE << np.uint64(e - at)
            bits = (bits & (last - _ONE)) | last
            blank &= last - _ONE
        blank_bits |= blank
        many = ones(bits)
        j = np.int64(0)
        while j < many:
            # Four at a time: what is written too much is written over.
            for m in range(4):
                stops[n + j + m] = at + lowest(bits)
                bits &= bits - _ONE
            j += 4
        n += many
        at += 64
    return n, at, blanks or blank_bits != 0
