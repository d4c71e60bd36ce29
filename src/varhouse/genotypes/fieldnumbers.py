"""Numbers out of the FORMAT fields of a tape, however a file wrote them: compiled code.

A field that the header declares as an integer lies on the tape as numbers, unless its text is
none (`FieldTape.odd`); any other as a span of text.
"""

import numba as nb
import numpy as np

from varhouse.genotypes.fields import INT_MISSING

_COMMA, _DOT, _MINUS, _PLUS, _ZERO, _NINE, _E = (ord(c) for c in ",.-+09E")
_LOWER = 32
_NO_TEXT = (-1, -1)


@nb.njit(cache=True, nogil=True)
def decimal(text, begin, end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a decimal number; NaN if the text is none."""
    i = begin
    sign = 1.0
    if i < end and (text[i] == _MINUS or text[i] == _PLUS):
        sign = -1.0 if text[i] == _MINUS else 1.0
        i += 1
    value, digits, scale, seen = 0.0, 0, 0, False
    while i < end and (_ZERO <= text[i] <= _NINE or (text[i] == _DOT and not seen)):
        if text[i] == _DOT:
            seen = True
        else:
            value = value * 10.0 + (text[i] - _ZERO)
            digits += 1
            scale += seen
        i += 1
    power = 0
    if digits and i + 1 < end and (text[i] | _LOWER) == (_E | _LOWER):
        i += 1
        minus = text[i] == _MINUS
        i += text[i] == _MINUS or text[i] == _PLUS
        first = i
        while i < end and _ZERO <= text[i] <= _NINE:
            power = min(power * 10 + (text[i] - _ZERO), 9999)
            i += 1
        if i == first:
            return np.nan
        power = -power if minus else power
    if i < end or not digits:
        return np.nan
    power -= scale
    if power == 0:
        return sign * value
    # One division keeps what is written exactly (0.2 is 2 / 10).
    return sign * (value * 10.0**power if power >= 0 else value / 10.0**-power)


@nb.njit(cache=True, nogil=True)
def _odd_text(odd, place):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give begin and end of the text of a number field that is no plain number."""
    low, high = 0, odd.shape[0]
    while low < high:
        middle = (low + high) // 2
        if odd[middle, 0] < place:
            low = middle + 1
        else:
            high = middle
    if low < odd.shape[0] and odd[low, 0] == place:
        return odd[low, 1], odd[low, 2]
    return _NO_TEXT


@nb.njit(cache=True, nogil=True)
def text_of(values, cut, odd, place, is_number):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give begin and end of the text that counts of a cell that has one; -1 for numbers."""
    a = cut[place]
    if not is_number:
        return np.int64(values[a]), np.int64(values[a + 1])
    if odd.shape[0]:
        begin, end = _odd_text(odd, place)
        return np.int64(begin), np.int64(end)
    return np.int64(-1), np.int64(-1)


@nb.njit(cache=True, nogil=True)
def value_of(text, values, cut, odd, place, is_number, number, of):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give value `number` of a field's cell; NaN where it has other than `of` values."""
    a, b = cut[place], cut[place + 1]
    if a == b:
        return np.nan
    begin, end = text_of(values, cut, odd, place, is_number)
    if begin < 0:
        if b - a != of or values[a + number] == INT_MISSING:
            return np.nan
        return float(values[a + number])
    seen = 0
    first, last = begin, begin
    for i in range(begin, end + 1):
        if i == end or text[i] == _COMMA:
            if seen < number:
                first = np.int64(i + 1)
            elif seen == number:
                last = np.int64(i)
            seen += 1
    return decimal(text, first, last) if seen == of else np.nan


@nb.njit(cache=True, nogil=True)
def least_two(text, values, cut, odd, place, is_number):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the two least values of a field's cell, infinite where there are fewer."""
    least = second = np.inf
    a, b = cut[place], cut[place + 1]
    if a == b:
        return least, second
    begin, end = text_of(values, cut, odd, place, is_number)
    if begin < 0:
        for i in range(a, b):
            if values[i] == INT_MISSING:
                continue
            value = np.float64(values[i])
            if value < least:
                least, second = value, least
            elif value < second:
                second = value
        return least, second
    first = begin
    for i in range(begin, end + 1):
        if i == end or text[i] == _COMMA:
            value = decimal(text, first, i)
            first = i + 1
            if value < least:
                least, second = value, least
            elif value < second:
                second = value
    return least, second


@nb.njit(cache=True, nogil=True)
def sum_of(text, values, cut, odd, place, is_number):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the values of a field's cell that are numbers; NaN if none is."""
    total, seen = 0.0, 0
    a, b = cut[place], cut[place + 1]
    if a == b:
        return np.nan
    begin, end = text_of(values, cut, odd, place, is_number)
    if begin < 0:
        for i in range(a, b):
            if values[i] != INT_MISSING:
                total += values[i]
                seen += 1
        return total if seen else np.nan
    first = begin
    for i in range(begin, end + 1):
        if i == end or text[i] == _COMMA:
            value = decimal(text, first, i)
            first = i + 1
            if not np.isnan(value):
                total += value
                seen += 1
    return total if seen else np.nan
