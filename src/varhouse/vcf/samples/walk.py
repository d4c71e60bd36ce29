# mypy: disable-error-code="assignment,call-arg,no-untyped-def,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""The compiled walk over the sample columns of `varhouse.vcf.samples.typed`."""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.tables.loads import load1, load8
from varhouse.vcf.account.faults import Fault, note_fault
from varhouse.vcf.header.keys import Kind
from varhouse.vcf.samples.counts import check_numbers, wanted_counts
from varhouse.vcf.samples.layout import GENOTYPE
from varhouse.vcf.samples.walk_values import (
    check_text,
    is_written,
    note_odd,
    slow_float,
    slow_genotype,
    slow_integer,
)
from varhouse.vcf.text.decimals import FLOAT_MISSING, INT_MISSING, ROOM, quick_float
from varhouse.vcf.text.delimiters import BLOCKS, find_ends

_FIELDS, _COLUMNS = int(Fault.SAMPLE_FIELDS), int(Fault.LINE_COLUMNS)
_INTEGER, _FLOAT = int(Kind.INTEGER), int(Kind.FLOAT)
_CHARACTER = int(Kind.CHARACTER)

_ONE, _ZERO, _ALL = np.uint64(1), np.uint64(0), np.uint64(2**64 - 1)
_ASCII_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE, _TOP = np.uint64(0x7676767676767676), np.uint64(0x8080808080808080)
_PAIRS, _FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_BY_10, _BY_100 = np.uint64(10 * 2**8 + 1), np.uint64(100 * 2**16 + 1)
_BY_10000 = np.uint64(10000 * 2**32 + 1)
_8, _16, _32 = np.uint64(8), np.uint64(16), np.uint64(32)

_LEAST = np.array([0, 10, 10**2, 10**3, 10**4, 10**5, 10**6, 10**7], np.int64)
"""What a whole number of one digit and more is at least, if no zero stands before it."""

_PLAN = 64
_SHIFTS, _DIGIT_0 = np.uint64(63), np.uint64(48)
_3, _63 = np.uint64(3), np.uint64(63)


class Out(NamedTuple):
    """What the walk fills."""

    tape: npt.NDArray[np.int32]
    tape_floats: npt.NDArray[np.float32]  # the same memory
    cut: npt.NDArray[np.int32]  # [fields + 1]: where each kept field ends on the tape
    near: npt.NDArray[np.int64]  # [m, 3]: place and span of Floats to convert exactly
    odd: npt.NDArray[np.int64]  # [m, 3]: kept field and span of Integers told as text
    used: npt.NDArray[np.int64]  # [3]: values on the tape, rows of `near` and of `odd`
    count: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def _plan_cell(layouts, f0, nf, wanted, lows, highs, steps):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Lay out the plain cell of a record whose fields are GT and Integers of known number.

    Fills for each value which byte follows it, its upper bound, and how many kept values stand
    before it; and for each kept field where it ends. Returns (values in a cell, how many
    of them are kept); (0, 0) when there is no such cell.
    """
    follows, most, before, ends = steps
    n = 0
    kept = np.int64(0)
    x = 0
    for f in range(nf):
        keep = layouts.keep[f0 + f]
        many = wanted[f]
        if layouts.kind[f0 + f] == GENOTYPE:
            if f:
                return 0, 0
            many = 1
            kept += keep
        elif layouts.kind[f0 + f] != _INTEGER or many < 1 or lows[f] > 0:
            return 0, 0
        if n + many > follows.size:
            return 0, 0
        for _ in range(many):
            follows[n] = 44
            most[n] = highs[f]
            before[n] = kept
            kept += keep
            n += 1
        follows[n - 1] = 58
        if keep:
            ends[x] = kept
            x += 1
    return n, kept


@nb.njit(cache=True, nogil=True, error_model="numpy")
def walk(text, start, end, n_alts, rows, layout, layouts, n_samples, spans, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the sample columns of records `rows` (numbers in the batch).

    With `spans` 1 (else 0) nothing of a kept field is lost: of a Float or text stands its
    span on the tape, of `.` too, and `odd` has the Integers whose text is another than the
    number's, and what stands behind the last field.
    """
    tape, tape_floats, cut, near, odd, used, count, first = out
    kinds, keys, keeps = layouts.kind, layouts.key, layouts.keep
    base, size = text.ctypes.data, text.size
    stops = np.empty(64 * BLOCKS + 8, np.int32)
    most = 1
    for c in range(layouts.begin.size - 1):
        most = max(most, layouts.begin[c + 1] - layouts.begin[c])
    wanted = np.empty(most, np.int64)
    lows, highs = np.empty(most, np.int64), np.empty(most, np.int64)
    follows = np.empty(_PLAN, np.uint8)
    highest = np.empty(_PLAN, np.int64)
    before, ends = np.empty(_PLAN, np.int64), np.empty(_PLAN, np.int64)
    w = np.int64(0)
    p = np.int64(1)
    for r in range(rows.size):
        k = rows[r]
        c = layout[r]
        f0 = layouts.begin[c]
        nf = layouts.begin[c + 1] - f0
        n_kept = layouts.kept[c]
        n_alt = n_alts[k]
        for x in range(layouts.fault_begin[c], layouts.fault_begin[c + 1]):
            at = start[k, 8]
            note_fault(
                count,
                first,
                layouts.faults[x, 0],
                k,
                at + layouts.faults[x, 1],
                at + layouts.faults[x, 2],
                layouts.faults[x, 3],
                -1,
            )
        local, local_ref = layouts.local[c, 0], layouts.local[c, 1]
        by_ploidy = wanted_counts(layouts, f0, nf, n_alt, local, wanted, lows, highs)
        n_plan, w_plan = _plan_cell(
            layouts, f0, nf, wanted, lows, highs, (follows, highest, before, ends)
        )
        gt_plan = np.int64(n_plan > 0 and kinds[f0] == GENOTYPE)
        top = np.uint64(min(n_alt, 9))
        i0, e = start[k, 9], end[k]
        s = 0
        n_stops = t = np.int64(0)
        at = i0
        blanks = False
        a = i0
        whole = i0 > e
        while s < n_samples and a <= e:
            if n_plan and t + n_plan <= n_stops:
                # The plain cell, without a question before its end.
                bad = _ZERO
                i = a
                q = np.int64(stops[t])
                if gt_plan:
                    x = np.uint64(load1(base, i)) - _DIGIT_0
                    y = np.uint64(load1(base, q - 1)) - _DIGIT_0
                    between = np.uint64(load1(base, q - 2))
                    bad = (
                        np.uint64(q - i != 3)
                        | np.uint64(x > top)
                        | np.uint64(y > top)
                        | np.uint64(between != 47 and between != 124)
                        | (np.uint64(load1(base, q)) ^ np.uint64(follows[0]))
                        * np.uint64(n_plan > 1)
                    )
                    tape[w] = np.int64(x + _ONE) << 1
                    tape[w + 1] = np.int64(y + _ONE) << 1 | np.int64(between == 124)
                    i = q + 1
                for m in range(gt_plan, n_plan):
                    q = np.int64(stops[t + m])
                    many = q - i
                    word = (load8(base, q - 8) ^ _ASCII_ZEROS) & (
                        _ALL << (np.uint64(64 - 8 * many) & _SHIFTS)
                    )
                    value = (word * _BY_10) >> _8
                    value = (((value & _PAIRS) * _BY_100) >> _16) & _FOURS
                    number = np.int64((value * _BY_10000) >> _32)
                    bad |= (
                        (np.uint64(many - 1) >> _3)
                        | (np.uint64(number - _LEAST[(many - 1) & 7]) >> _63)
                        | (((word + _ABOVE_NINE) | word) & _TOP)
                        | (np.uint64(highest[m] - number) >> _63)
                        | (
                            (np.uint64(load1(base, q)) ^ np.uint64(follows[m]))
                            * np.uint64(m < n_plan - 1)
                        )
                    )
                    tape[w + before[m]] = number
                    i = q + 1
                if bad == 0 and (q == e or load1(base, q) == 9):
                    for m in range(n_kept):
                        cut[p + m] = w + ends[m]
                    p += n_kept
                    w += w_plan
                    t += n_plan
                    a = i
                    s += 1
                    continue
            f = 0
            j = 0
            ploidy = 2
            look = False
            cell = begin = a
            q = a
            while True:
                if f >= nf:
                    # More fields than FORMAT has keys: skipped up to the next sample.
                    while True:
                        if t == n_stops:
                            n_stops, at, blanks = find_ends(base, size, at, e, blanks, stops)
                            t = 0
                        q = np.int64(stops[t])
                        t += 1
                        if q >= e or load1(base, q) == 9:
                            break
                    note_fault(count, first, _FIELDS, k, cell, q, -1, s)
                    if spans and nf and keeps[f0 + nf - 1]:
                        if kinds[f0 + nf - 1] != _INTEGER:
                            tape[w - 1] = q
                        elif used[2] and odd[used[2] - 1, 0] == p - 2:
                            odd[used[2] - 1, 2] = q
                        else:
                            note_odd(odd, used, p - 2, begin, q)
                    a = q + 1
                    break
                kind = kinds[f0 + f]
                keep = keeps[f0 + f]
                n = 0
                dot = False
                d = np.uint8(0)
                begin = a
                if kind == _INTEGER:
                    low, high = lows[f], highs[f]
                    same = True
                    while True:
                        if t == n_stops:
                            n_stops, at, blanks = find_ends(base, size, at, e, blanks, stops)
                            t = 0
                        q = np.int64(stops[t])
                        t += 1
                        many = q - a
                        # Nine columns stand before: eight bytes before q are there.
                        word = (load8(base, q - 8) ^ _ASCII_ZEROS) & (
                            _ALL << (np.uint64(64 - 8 * many) & np.uint64(63))
                        )
                        value = (word * _BY_10) >> _8
                        value = (((value & _PAIRS) * _BY_100) >> _16) & _FOURS
                        number = np.int64((value * _BY_10000) >> _32)
                        if (
                            many < 1
                            or many > 8
                            or (((word + _ABOVE_NINE) | word) & _TOP)
                            or number < low
                            or number > high
                        ):
                            number = np.int64(
                                slow_integer(
                                    text, a, q, k, s, keys[f0 + f], low, high, count, first
                                )
                            )
                            dot = number == INT_MISSING
                            if spans and same:
                                same = is_written(text, a, q, number)
                        elif many > 1 and number < _LEAST[(many - 1) & 7]:
                            same = False
                        tape[w] = number
                        w += keep
                        n += 1
                        d = load1(base, q)
                        a = q + 1
                        if d != 44:
                            break
                    if spans and keep and not same:
                        note_odd(odd, used, p - 1, begin, q)
                elif kind == GENOTYPE:
                    step = keep * (1 - spans)
                    if t == n_stops:
                        n_stops, at, blanks = find_ends(base, size, at, e, blanks, stops)
                        t = 0
                    q = np.int64(stops[t])
                    t += 1
                    d = load1(base, q)
                    while d == 44 and q < e:
                        # A comma belongs to no genotype.
                        if t == n_stops:
                            n_stops, at, blanks = find_ends(base, size, at, e, blanks, stops)
                            t = 0
                        q = np.int64(stops[t])
                        t += 1
                        d = load1(base, q)
                    x, y = np.int64(load1(base, a)) - 48, np.int64(load1(base, q - 1)) - 48
                    between = load1(base, q - 2)
                    if (
                        q - a == 3
                        and 0 <= x <= min(n_alt, 9)
                        and 0 <= y <= min(n_alt, 9)
                        and (between == 47 or between == 124)
                    ):
                        tape[w] = (x + 1) << 1
                        tape[w + 1] = (y + 1) << 1 | np.int64(between == 124)
                        w += 2 * step
                        ploidy = 2
                    else:
                        w, ploidy = slow_genotype(
                            text, a, q, n_alt, k, s, keys[f0 + f], tape, w, step, count, first
                        )
                    if spans and keep:
                        # A key GT that stands twice: the second one is text.
                        tape[w] = begin
                        tape[w + 1] = q
                        w += 2
                    a = q + 1
                elif kind == _FLOAT:
                    low_f, high_f = layouts.low[f0 + f], layouts.high[f0 + f]
                    is_real = keep * (1 - spans)
                    while True:
                        if t == n_stops:
                            n_stops, at, blanks = find_ends(base, size, at, e, blanks, stops)
                            t = 0
                        q = np.int64(stops[t])
                        t += 1
                        to = np.int64(-1)
                        real = 0.0
                        if a + ROOM <= size:
                            to, real = quick_float(base, a, q)
                        if to == q and low_f <= real <= high_f and (real >= 0 or low_f != -1):
                            tape_floats[w] = real
                        else:
                            bits, is_near = slow_float(
                                text, a, q, k, s, keys[f0 + f], low_f, high_f, count, first
                            )
                            tape[w] = bits
                            dot = bits == FLOAT_MISSING
                            if is_near and is_real:
                                near[used[1], 0] = w
                                near[used[1], 1] = a
                                near[used[1], 2] = q
                                used[1] += 1
                        w += is_real
                        n += 1
                        d = load1(base, q)
                        a = q + 1
                        if d != 44:
                            break
                    if spans and keep:
                        tape[w] = begin
                        tape[w + 1] = q
                        w += 2
                else:
                    while True:
                        if t == n_stops:
                            n_stops, at, blanks = find_ends(base, size, at, e, blanks, stops)
                            t = 0
                        q = np.int64(stops[t])
                        t += 1
                        n += 1
                        d = load1(base, q)
                        a = q + 1
                        if d != 44:
                            break
                    dot = q - begin == 1 and load1(base, begin) == 46
                    if blanks or q == begin or kind == _CHARACTER:
                        check_text(
                            text, begin, q, n, kind, True, k, s, keys[f0 + f], count, first
                        )
                    if spans or (not dot and q > begin):
                        tape[w] = begin
                        tape[w + keep] = q
                        w += 2 * keep
                if n != wanted[f] and wanted[f] != -1:
                    look = look or wanted[f] == -2 or not (dot and n == 1)
                f += 1
                cut[p] = w
                p += keep
                j += keep
                if q >= e or d == 9:
                    break
            if look or (by_ploidy and ploidy != 2):
                check_numbers(
                    text,
                    cell,
                    e,
                    k,
                    s,
                    n_alt,
                    ploidy,
                    f0,
                    nf,
                    layouts,
                    local,
                    local_ref,
                    count,
                    first,
                )
            while j < n_kept:
                cut[p] = w
                p += 1
                j += 1
            s += 1
        if s < n_samples or (a <= e and not whole):
            note_fault(count, first, _COLUMNS, k, min(i0, e), e, -1, -1)
        for _ in range((n_samples - s) * n_kept):
            cut[p] = w
            p += 1
    used[0] = w
