"""What becomes of each record of a batch when people leave its file, compiled.

GT is read as it is written: what stands between separators and is a number is an allele that
the person is called with, whatever else is wrong with the text. So no text of one person
decides what becomes of the record of another, and to cut one after the other is to cut both.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.vcf.text.simd import find_byte, lowest, ones, other16, same64

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

COLUMNS_ALONE, EDITED, LEFT_OUT = 0, 1, 2
"""Only columns go; ALTs go; the record goes."""

_TAB, _COLON, _COMMA, _SEMICOLON, _EQUALS = 9, 58, 44, 59, 61
_TAB_BYTE, _BIT = np.uint8(9), np.uint64(1)
_DOT, _ZERO, _NINE, _SLASH, _BAR, _HASH = 46, 48, 57, 47, 124, 35
_FIXED = 8
"""Tabs before the column FORMAT ends."""
_NO_ALLELE = 1 << 40
"""No ALT has a number so large: greater ones only must not come round to it."""
_NON_REF = np.frombuffer(b"<NON_REF>", np.uint8)
COUNT_BYTES = 14
"""Bytes of a count or a frequency in INFO with its comma, at most: `1.99681e-05,`."""


class Verdicts(NamedTuple):
    """What becomes of the records of a batch.

    Attributes
    ----------
    state
        int8[n]: COLUMNS_ALONE, EDITED or LEFT_OUT.
    recounts
        bool[n]: INFO has AC, AN or AF, and FORMAT has GT.
    alt_at
        int64[n + 1]: ALTs of record k are `alt_at[k]` to `alt_at[k + 1]`; none of a line that
        is no record, or of another number of columns than the header has.
    stays
        bool[ALTs].
    copies, called
        int64[ALTs], int64[n]: copies of each ALT, and all called copies, of those who stay;
        of records with `recounts` or where an ALT goes.
    growth
        Bytes by which the texts of counts may be longer than they were, at most.
    """

    state: npt.NDArray[np.int8]
    recounts: Bools
    alt_at: Longs
    stays: Bools
    copies: Longs
    called: Longs
    growth: int


@njit(cache=True, nogil=True)
def seek_tab(text, at, end, n):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the n-th tab behind the one at `at`; `end` if there are fewer."""
    if n <= 0 or at >= end:
        return min(at, end)
    i = at + 1
    while i + 64 <= end:
        bits = same64(text, i, _TAB_BYTE)
        found = ones(bits)
        if found >= n:
            for _ in range(n - 1):
                bits &= bits - _BIT
            return i + lowest(bits)
        n -= found
        i += 64
    while i < end:
        if text[i] == _TAB:
            n -= 1
            if n == 0:
                return i
        i += 1
    return end


@njit(cache=True, nogil=True)
def _field_start(text, i, end, field):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give where a field of the cell that starts at i starts; -1 if it ends before."""
    while field > 0:
        if i >= end or text[i] == _TAB:
            return np.int64(-1)
        if text[i] == _COLON:
            field -= 1
        i += 1
    return np.int64(i)


@njit(cache=True, nogil=True)
def _tally_gt(text, i, end, weight, copies, base, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the alleles of the GT that starts at i to `copies`; give how many are called."""
    called = 0
    number, is_number, digits = 0, True, 0
    while True:
        c = text[i] if i < end else np.uint8(_TAB)
        if c in (_SLASH, _BAR, _COLON, _TAB):
            if is_number and digits:
                called += weight
                if 0 < number <= n_alt:
                    copies[base + number - 1] += weight
            if c in (_COLON, _TAB):
                return called
            number, is_number, digits = 0, True, 0
        elif _ZERO <= c <= _NINE:
            if number < _NO_ALLELE:
                number = number * 10 + int(c) - _ZERO
            digits += 1
        else:
            is_number = False
        i += 1


@njit(cache=True, nogil=True)
def _is_allele(c):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return _ZERO <= c <= _NINE or c == _DOT


@njit(cache=True, nogil=True)
def _tally_all(text, tab, end, gt, copies, base, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the alleles of all cells behind `tab`; give how many are called.

    Most neighbours have the same genotype of four bytes: up to sixteen are counted at once.
    """
    called = 0
    i = tab + 1
    while i <= end:
        if (
            gt == 0
            and i + 64 <= end
            and text[i + 3] == _TAB
            and (text[i + 1] == _SLASH or text[i + 1] == _BAR)
            and _is_allele(text[i])
            and _is_allele(text[i + 2])
        ):
            word = np.uint32(text[i]) | np.uint32(text[i + 1]) << np.uint32(8)
            word |= np.uint32(text[i + 2]) << np.uint32(16)
            word |= np.uint32(_TAB) << np.uint32(24)
            run = min(lowest(other16(text, i, np.uint32(word))), 16)
            called += _tally_gt(text, i, end, run, copies, base, n_alt)
            i += 4 * run
            continue
        at = _field_start(text, i, end, gt)
        if at >= 0:
            called += _tally_gt(text, at, end, 1, copies, base, n_alt)
            i = at
        i = find_byte(text, i, end, _TAB_BYTE) + 1
    return called


@njit(cache=True, nogil=True)
def gt_place(text, i, end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give which field of FORMAT text[i:end] is GT; -1 for none."""
    place, start = 0, i
    while i <= end:
        if i == end or text[i] == _COLON:
            if i - start == 2 and text[start] == 71 and text[start + 1] == 84:
                return place
            place += 1
            start = i + 1
        i += 1
    return -1


@njit(cache=True, nogil=True)
def count_kind(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give which count the key text[a:b] of INFO is: 1 AC, 2 AN, 3 AF, 0 none."""
    if b - a != 2 or text[a] != 65:
        return 0
    c = text[a + 1]
    return 1 if c == 67 else 2 if c == 78 else 3 if c == 70 else 0


@njit(cache=True, nogil=True)
def _counts_in(text, a, end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count the entries of INFO text[a:end] that are AC, AN or AF."""
    n, start, is_key = 0, a, True
    for i in range(a, end):
        c = text[i]
        if c == _SEMICOLON:
            start, is_key = i + 1, True
        elif is_key and c == _EQUALS:
            n += count_kind(text, start, i) > 0
            is_key = False
    return n


@njit(cache=True, nogil=True)
def is_kept_always(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether ALT text[a:b] is nobody's: `.`, `<*>` or `<NON_REF>`."""
    n = b - a
    if n == 1:
        return text[a] == _DOT
    if n == 3:
        return text[a] == 60 and text[a + 1] == 42 and text[a + 2] == 62
    if n != 9:
        return False
    for j in range(9):
        if text[a + j] != _NON_REF[j]:
            return False
    return a + 9 == b


@njit(cache=True, nogil=True)
def is_record(text, start, tabs, k, n_columns):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a line has the columns of the header, and is none of it."""
    return tabs[k] == _FIXED + n_columns and text[start[k, 0]] != _HASH


@njit(cache=True, nogil=True)
def _place_alts(text, start, tabs, n_columns):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the offsets of the ALTs of each record (see `Verdicts`)."""
    alt_at = np.zeros(tabs.size + 1, np.int64)
    for k in range(tabs.size):
        n = 0
        if is_record(text, start, tabs, k, n_columns):
            a, b = start[k, 4], start[k, 5] - 1
            if b - a != 1 or text[a] != _DOT:
                n = 1
                for j in range(a, b):
                    n += text[j] == _COMMA
        alt_at[k + 1] = alt_at[k] + n
    return alt_at


@njit(cache=True, nogil=True)
def _mark_gone(text, a, b, base, copies, theirs, stays):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Mark the ALTs of text[a:b] that go; give how many go, and whether any stays."""
    gone, left, k = 0, 0, base
    start = a
    for j in range(a, b + 1):
        if j < b and text[j] != _COMMA:
            continue
        if theirs[k] > 0 and copies[k] == 0 and not is_kept_always(text, start, j):
            stays[k] = False
            gone += 1
        else:
            left += 1
        k += 1
        start = j + 1
    return gone, left > 0


@njit(cache=True, nogil=True)
def _judge(text, start, end, tabs, n_columns, goes):  # type: ignore[no-untyped-def]  # pragma: no cover
    n = tabs.size
    alt_at = _place_alts(text, start, tabs, n_columns)
    copies, theirs = np.zeros(alt_at[n], np.int64), np.zeros(alt_at[n], np.int64)
    stays = np.ones(alt_at[n], np.bool_)
    state, recounts = np.zeros(n, np.int8), np.zeros(n, np.bool_)
    called = np.zeros(n, np.int64)
    growth = 0
    for k in range(n):
        if not is_record(text, start, tabs, k, n_columns):
            continue
        tab, e = start[k, 9] - 1, end[k]
        gt = gt_place(text, start[k, 8], tab)
        if gt < 0:
            continue
        base, n_alt = alt_at[k], alt_at[k + 1] - alt_at[k]
        p, column, left = tab, 0, 0
        for g in range(goes.size):
            p = seek_tab(text, p, e, goes[g] - column)
            column = goes[g]
            at = _field_start(text, p + 1, e, gt)
            if at >= 0:
                left += _tally_gt(text, at, e, 1, theirs, base, n_alt)
        entries = _counts_in(text, start[k, 7], start[k, 8] - 1)
        recounts[k] = entries > 0
        growth += entries * COUNT_BYTES * (n_alt + 1)
        has_alt = False
        for j in range(base, base + n_alt):
            has_alt |= theirs[j] > 0
        if not (has_alt or recounts[k]):
            continue
        called[k] = _tally_all(text, tab, e, gt, copies, base, n_alt) - left
        for j in range(base, base + n_alt):
            copies[j] -= theirs[j]
        if has_alt:
            gone, is_left = _mark_gone(
                text, start[k, 4], start[k, 5] - 1, base, copies, theirs, stays
            )
            if gone:
                state[k] = EDITED if is_left else LEFT_OUT
    return state, recounts, alt_at, stays, copies, called, growth


def judge(
    text: Bytes,
    start: Longs,
    end: Longs,
    tabs: npt.NDArray[np.int32],
    n_columns: int,
    goes: Longs,
) -> Verdicts:
    """Say what becomes of each line of a batch (`RecordBatch`).

    Parameters
    ----------
    n_columns
        Sample columns of the header.
    goes
        int64[any]: 0-based sample columns that go, ascending.
    """
    return Verdicts(*_judge(text, start, end, tabs, n_columns, goes))
