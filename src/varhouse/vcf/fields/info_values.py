"""Values of INFO that are not plain, by compiled code: read, or said what they are instead."""

import numba as nb
import numpy as np

from varhouse.tables.loads import load1
from varhouse.vcf.account.faults import Fault, note_fault
from varhouse.vcf.text.decimals import (
    BAD,
    FLOAT_MISSING,
    INT_MISSING,
    NEAR,
    bits_of,
    parse_float,
    parse_integer,
)
from varhouse.vcf.text.simd import lowest, ones, same64

# What becomes of a key's values; plain numbers, because kernels compare them.
CHECK, SCALAR, LIST, TEXT, FLAG = 0, 1, 2, 3, 4

_TYPE, _RANGE = int(Fault.INFO_TYPE), int(Fault.INFO_RANGE)
_SEMICOLON, _COMMA, _BLANK = np.uint8(59), np.uint8(44), np.uint8(32)
_ONE, _ALL = np.uint64(1), np.uint64(2**64 - 1)


@nb.njit(cache=True, nogil=True)
def _value_end(text, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    while i < e and text[i] != 44 and text[i] != 59:
        i += 1
    return i


@nb.njit(cache=True, nogil=True)
def integers(  # type: ignore[no-untyped-def]
    text, i, e, r, k, role, row, low, high, cells, tape, w, count, first
):  # pragma: no cover - compiled
    """Read the Integers of a key from `i`: (their end, how many, whether just a dot).

    Values go to `cells` (role SCALAR) or to the tape from place `w` on (LIST).
    """
    n = 0
    value = np.int64(INT_MISSING)
    dot = False
    while True:
        n += 1
        j = _value_end(text, i, e)
        dot = j - i == 1 and text[i] == 46
        value = np.int64(INT_MISSING)
        if not dot:
            state, found = parse_integer(text, i, j)
            if state == BAD:
                note_fault(count, first, _TYPE, r, i, j, k, -1)
            else:
                value = found
                if value < low or value > high:
                    note_fault(count, first, _RANGE, r, i, j, k, -1)
        if role == LIST:
            tape[w + n - 1] = value
        i = j
        if i >= e or text[i] != 44:
            break
        i += 1
    if role == SCALAR and n == 1:
        cells[row, r] = value
    return i, n, dot and n == 1


@nb.njit(cache=True, nogil=True)
def floats(  # type: ignore[no-untyped-def]
    text, i, e, r, k, role, row, low, high, cells, tape, w, count, first, near, used
):  # pragma: no cover - compiled
    """Read the Floats of a key, as `integers` does.

    Those that are not exact go to `near`; `used` counts these, and all of the kind.
    """
    n = 0
    n_near = used[0]
    value = FLOAT_MISSING
    dot = False
    while True:
        n += 1
        j = _value_end(text, i, e)
        dot = j - i == 1 and text[i] == 46
        value = FLOAT_MISSING
        if not dot:
            state, found = parse_float(text, i, j)
            if state == BAD:
                note_fault(count, first, _TYPE, r, i, j, k, -1)
            else:
                value = bits_of(found)  # type: ignore[call-arg]
                if found < low or found > high:
                    note_fault(count, first, _RANGE, r, i, j, k, -1)
                used[1] += state == NEAR
                if state == NEAR and (role in (SCALAR, LIST)):
                    cell = row * cells.shape[1] + r
                    near[n_near, 0] = w + n - 1 if role == LIST else -1 - cell
                    near[n_near, 1] = i
                    near[n_near, 2] = j
                    n_near += 1
        if role == LIST:
            tape[w + n - 1] = value
        i = j
        if i >= e or text[i] != 44:
            break
        i += 1
    if role == SCALAR and n == 1:
        cells[row, r] = value
    if role == LIST or n == 1:
        # Several values where one is declared are not kept.
        used[0] = n_near
    return i, n, dot and n == 1


@nb.njit(cache=True, nogil=True)
def find_text(text, size, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find the end of a string value from `i`, and count commas and blanks in it."""
    commas = blanks = 0
    while i < e:
        if i + 64 > size:
            if load1(text, i) == 59:
                break
            commas += load1(text, i) == 44
            blanks += load1(text, i) == 32
            i += 1
            continue
        step = min(e - i, 64)
        inside = _ALL if step == 64 else (_ONE << np.uint64(step)) - _ONE
        stop = same64(text, i, _SEMICOLON) & inside
        if stop:
            step = lowest(stop)
            inside = (_ONE << np.uint64(step)) - _ONE
        commas += ones(same64(text, i, _COMMA) & inside)
        blanks += ones(same64(text, i, _BLANK) & inside)
        i += step
        if stop:
            break
    return i, commas, blanks


@nb.njit(cache=True, nogil=True)
def count_unquoted(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count values whose commas between double quotes part nothing; 0 without quotes."""
    n = 1
    quotes = 0
    for j in range(a, b):
        if text[j] == 34:
            quotes += 1
        elif text[j] == 44 and quotes % 2 == 0:
            n += 1
    return n if quotes and quotes % 2 == 0 else 0


@nb.njit(cache=True, nogil=True)
def characters(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Check that each value is one character; those beyond ASCII take several bytes."""
    n = 0
    for j in range(a, b + 1):
        if j == b or text[j] == 44:
            if n != 1:
                return False
            n = 0
        elif text[j] & 0xC0 != 0x80:
            n += 1
    return True
