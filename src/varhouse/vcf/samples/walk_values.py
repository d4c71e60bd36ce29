# mypy: disable-error-code="assignment,call-arg,no-untyped-def,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Values of sample fields that are not plain: read, or said what they are instead."""

import numba as nb
import numpy as np

from varhouse.vcf.account.faults import Fault, note_fault
from varhouse.vcf.header.keys import Kind
from varhouse.vcf.samples.genotype_text import LEAD
from varhouse.vcf.text.decimals import (
    BAD,
    FLOAT_MISSING,
    INT_MISSING,
    NEAR,
    bits_of,
    parse_float,
    parse_integer,
)

_TYPE, _RANGE = int(Fault.SAMPLE_TYPE), int(Fault.SAMPLE_RANGE)
_UNKNOWN = int(Fault.SAMPLE_UNKNOWN)
_SPACE, _EMPTY = int(Fault.SAMPLE_SPACE), int(Fault.SAMPLE_EMPTY)
_SYNTAX, _ALLELE = int(Fault.GT_SYNTAX), int(Fault.GT_ALLELE)
_NO_ALT, _LEADING = int(Fault.GT_NO_ALT), int(Fault.GT_LEADING)
_CHARACTER = int(Kind.CHARACTER)


@nb.njit(cache=True, nogil=True)
def slow_integer(text, a, q, k, s, key, low, high, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read text[a:q] as an Integer or say what it is instead."""
    if q - a == 1 and text[a] == 46:
        return INT_MISSING
    if a == q:
        note_fault(count, first, _EMPTY, k, a, q, key, s)
        return INT_MISSING
    state, value = parse_integer(text, a, q)
    if state == BAD:
        fault = _TYPE
        for j in range(a, q):
            if text[j] == 32:
                fault = _SPACE
        note_fault(count, first, fault, k, a, q, key, s)
        return INT_MISSING
    if value < low or value > high:
        note_fault(count, first, _RANGE, k, a, q, key, s)
    elif low == -1 and value == -1:
        note_fault(count, first, _UNKNOWN, k, a, q, key, s)
    return np.int32(value)


@nb.njit(cache=True, nogil=True)
def is_written(text, a, q, number):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether text[a:q] is what an Integer (`INT_MISSING`: `.`) is written as."""
    if number == INT_MISSING:
        return q - a == 1 and text[a] == 46
    value = abs(np.int64(number))
    j = q - 1
    while j >= a and text[j] == 48 + value % 10:
        value //= 10
        j -= 1
        if value == 0:
            break
    return value == 0 and (j == a - 1 if number >= 0 else j == a and text[a] == 45)


@nb.njit(cache=True, nogil=True)
def note_odd(odd, used, p, begin, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Note that the text[begin:end] of kept field `p` says more than its numbers."""
    m = used[2]
    odd[m, 0] = p
    odd[m, 1] = begin
    odd[m, 2] = end
    used[2] = m + 1


@nb.njit(cache=True, nogil=True)
def slow_float(text, a, q, k, s, key, low, high, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read text[a:q] as a Float: (bits, whether they are only near)."""
    if q - a == 1 and text[a] == 46:
        return FLOAT_MISSING, False
    if a == q:
        note_fault(count, first, _EMPTY, k, a, q, key, s)
        return FLOAT_MISSING, False
    state, value = parse_float(text, a, q)
    if state == BAD:
        fault = _TYPE
        for j in range(a, q):
            if text[j] == 32:
                fault = _SPACE
        note_fault(count, first, fault, k, a, q, key, s)
        return FLOAT_MISSING, False
    if value < low or value > high or (low == -1 and -1 < value < 0):
        note_fault(count, first, _RANGE, k, a, q, key, s)
    elif low == -1 and value == -1:
        note_fault(count, first, _UNKNOWN, k, a, q, key, s)
    return bits_of(value), state == NEAR


@nb.njit(cache=True, nogil=True)
def slow_genotype(text, a, q, n_alt, k, s, key, tape, w, step, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read text[a:q] as a genotype of any ploidy: (new end of the tape, ploidy).

    The ploidy of `.` is not known (0); what is no genotype becomes one missing allele.
    """
    if a == q:
        note_fault(count, first, _EMPTY, k, a, q, key, s)
        tape[w] = 0
        return w + step, 0
    begin = w
    ploidy = 0
    called = False
    good = True
    most = np.int64(-1)
    phase = np.int64(0)
    i = a
    if text[i] == 47 or text[i] == 124:
        phase = np.int64(text[i] == 124) | LEAD
        i += 1
    while True:
        value = np.int64(-1)
        if i < q and text[i] == 46:
            i += 1
        else:
            digits = 0
            value = np.int64(0)
            while i < q and 48 <= text[i] <= 57:
                value = min(value * 10 + (np.int64(text[i]) - 48), np.int64(2**28))
                digits += 1
                i += 1
            if digits == 0:
                good = False
                break
            called = True
            most = max(most, value)
        tape[w] = (value + 1) << 1 | phase
        w += step
        ploidy += 1
        if i == q:
            break
        if text[i] != 47 and text[i] != 124:
            good = False
            break
        phase = np.int64(text[i] == 124)
        i += 1
    if not good:
        note_fault(count, first, _SYNTAX, k, a, q, key, s)
        tape[begin] = 0
        return begin + step, 0
    if most > n_alt:
        fault = _NO_ALT if n_alt == 0 and most == 1 else _ALLELE
        note_fault(count, first, fault, k, a, q, key, s)
    elif text[a] == 47 or text[a] == 124:
        note_fault(count, first, _LEADING, k, a, q, key, s)
    return w, ploidy if called or ploidy > 1 else 0


@nb.njit(cache=True, nogil=True)
def check_text(text, a, q, n, kind, blanks, k, s, key, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Check a string field of `n` values that ends at `q`."""
    if a == q:
        note_fault(count, first, _EMPTY, k, a, q, key, s)
        return
    if blanks:
        for j in range(a, q):
            if text[j] == 32:
                note_fault(count, first, _SPACE, k, a, q, key, s)
                break
    if kind == _CHARACTER and q - a != 2 * n - 1:
        # Characters beyond ASCII take several bytes.
        size = 0
        for j in range(a, q + 1):
            if j == q or text[j] == 44:
                if size != 1:
                    note_fault(count, first, _TYPE, k, a, q, key, s)
                    break
                size = 0
            elif text[j] & 0xC0 != 0x80:
                size += 1
