"""Plain decimals as integers and back to the very same text.

`0.05`, `-1.3`, `2` are numbers times a power of ten. Two ways of writing them are known: all
with the same number of digits behind the point, or none of them with a zero at the end.
What is written otherwise (`1e-05`, `nan`, `.5`, `-0`) is odd, and kept as text.
"""

from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.codec.dictionary import Texts
from varhouse.genotypes.fields import INT_MISSING, Bytes

MOST_DIGITS = 9
"""Digits behind the point that a number may have: 10**9 still fits into int32."""

_LIMIT = 2**31 - 8
_COMMA, _MINUS, _POINT, _ZERO, _NINE = 44, 45, 46, 48, 57


class Scale(NamedTuple):
    """How numbers are written: digits behind the point; 1 if zeros at the end are left out."""

    digits: int
    trimmed: int


WHOLE = Scale(0, 0)
"""Whole numbers."""


@nb.njit(cache=True, nogil=True)
def _read(text, i, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a plain decimal up to a comma or b.

    Returns (mantissa, digits behind the point, ends with a zero behind it, next place); the
    next place is -1 if it is none. A lone `.` has mantissa INT_MISSING.
    """
    bad = np.int64(0), 0, False, np.int64(-1)
    if i < b and text[i] == _POINT and (i + 1 == b or text[i + 1] == _COMMA):
        return np.int64(INT_MISSING), 0, False, np.int64(i + 1)
    minus = i < b and text[i] == _MINUS
    if minus:
        i += 1
    start = i
    v = np.int64(0)
    point = np.int64(-1)
    while i < b and text[i] != _COMMA:
        c = text[i]
        if c == _POINT and point < 0 and i > start:
            point = i
        elif _ZERO <= c <= _NINE and i - start < 18:
            v = v * 10 + (c - _ZERO)
        else:
            return bad
        i += 1
    whole = (point if point >= 0 else i) - start
    if whole == 0 or (whole > 1 and text[start] == _ZERO) or (minus and v == 0):
        return bad
    digits = i - point - 1 if point >= 0 else 0
    if point >= 0 and digits == 0:
        return bad
    return (-v if minus else v), digits, digits > 0 and text[i - 1] == _ZERO, np.int64(i)


@nb.njit(cache=True, nogil=True)
def _survey(text, spans, step, seen):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count numbers by digits behind the point, in every step-th span: seen[digits, trailing].

    Returns (cells that hold no plain decimals, cells that are more than `.`).
    """
    odd = said = 0
    for k in range(0, spans.size // 2, step):
        i, b = spans[2 * k], spans[2 * k + 1]
        said += b - i != 1 or text[i] != _POINT
        while True:
            v, digits, zero, i = _read(text, i, b)
            if i < 0 or digits > MOST_DIGITS:
                odd += 1
                break
            if v != INT_MISSING:
                seen[digits, int(zero)] += 1
            if i == b:
                break
            i += 1
    return odd, said


def find_scale(text: Bytes, spans: Int32) -> Scale | None:
    """Find how the numbers of a field are written; None if most cells hold no numbers."""
    seen = np.zeros((MOST_DIGITS + 1, 2), np.int64)
    step = max(1, spans.size // 2 // 4096)
    odd, said = _survey(text, spans, step, seen)
    if not said or 8 * odd > said:
        return None
    n = seen.sum()
    total = np.cumsum(seen.sum(1))
    digits = int(np.argmax(total * 100 >= n * 99))
    fixed = seen[digits].sum()
    trimmed = seen[: digits + 1, 0].sum()
    if 100 * max(fixed, trimmed) < 88 * n:
        return None
    return Scale(digits, int(trimmed >= fixed))


@nb.njit(cache=True, nogil=True)
def _parse(text, spans, scale, values, cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read numbers of all spans; gives which are odd (for them stands an INT_MISSING)."""
    most, trimmed = scale
    odd = np.zeros(spans.size // 2, np.bool_)
    w = np.int64(0)
    for k in range(odd.size):
        i, b = np.int64(spans[2 * k]), np.int64(spans[2 * k + 1])
        cut[k] = w
        first = w
        while True:
            v, digits, zero, i = _read(text, i, b)
            well = i >= 0 and digits <= most and (not zero or not trimmed)
            if well and v != INT_MISSING:
                well = (trimmed == 1 or digits == most) and -_LIMIT < v < _LIMIT
                for _ in range(most - digits):
                    v *= 10
                well = well and -_LIMIT < v < _LIMIT
            if not well:
                odd[k] = True
                w = first + 1
                values[first] = INT_MISSING
                break
            values[w] = v
            w += 1
            if i == b:
                break
            i += 1
    cut[odd.size] = w
    return odd


def parse_decimals(text: Bytes, spans: Int32, scale: Scale) -> tuple[Int32, Int64, Int64]:
    """Read the numbers of spans.

    Returns
    -------
    (int32[v], int64[k + 1], int64[m])
        Numbers times 10**digits, where those of each span begin, and which spans are odd.
    """
    pairs = spans.reshape(-1, 2)
    # A number and its comma are two bytes at least.
    room = int(((pairs[:, 1] - pairs[:, 0]) // 2 + 1).sum())
    values = np.empty(room, np.int32)
    cut = np.empty(pairs.shape[0] + 1, np.int64)
    odd = _parse(text, spans, scale, values, cut)
    return values[: cut[-1]], cut, np.flatnonzero(odd)


@nb.njit(cache=True, nogil=True)
def _format(values, cut, scale, data, ends):  # type: ignore[no-untyped-def]  # pragma: no cover
    digits, trimmed = scale
    w = np.int64(0)
    place = np.empty(24, np.uint8)
    for c in range(cut.size - 1):
        ends[c] = w
        for i in range(cut[c], cut[c + 1]):
            if i > cut[c]:
                data[w] = _COMMA
                w += 1
            v = np.int64(values[i])
            if v == INT_MISSING:
                data[w] = _POINT
                w += 1
                continue
            if v < 0:
                data[w] = _MINUS
                w += 1
                v = -v
            left = digits
            while trimmed and left and v % 10 == 0:
                v //= 10
                left -= 1
            n = 0
            while v or n <= left:
                place[n] = _ZERO + v % 10
                v //= 10
                n += 1
            while n:
                if n == left:
                    data[w] = _POINT
                    w += 1
                n -= 1
                data[w] = place[n]
                w += 1
    ends[cut.size - 1] = w
    return w


def format_numbers(values: Int32, cut: Int32 | Int64, scale: Scale = WHOLE) -> Texts:
    """Write the numbers of each cell with commas between them: a text a cell."""
    data = np.empty((13 + scale.digits) * values.size + 1, np.uint8)
    ends = np.empty(cut.size, np.int64)
    return Texts(data[: _format(values, cut, scale, data, ends)], ends)
