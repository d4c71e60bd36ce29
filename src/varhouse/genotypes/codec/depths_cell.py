"""A cell of AD, DP, GQ and PL into streams (see `depths`), whatever it holds."""

import numba as nb
import numpy as np

from varhouse.genotypes.codec.depths import (
    DEPTH,
    ESCAPE,
    FIRST,
    KIND,
    MISSING,
    MOST_DEPTH,
    MOST_KIND,
    OTHER_HIGH,
    OTHER_LOW,
    QUALITY,
    RAW,
    RAW_CELL,
    READS,
    SECOND_HIGH,
    SECOND_LOW,
    SUM,
    genotypes_of,
    pair_of,
    usual_other_pl,
    usual_quality,
    usual_reference_pl,
)
from varhouse.genotypes.codec.varints import (
    put_number,
    put_varint,
    zigzag,
)
from varhouse.genotypes.fields import INT_MISSING

_AD, _DP, _GQ, _PL = range(4)


@nb.njit(cache=True, nogil=True)
def _regular(values, spans, alleles):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell the called genotype of a cell (-1: raw) and the sum of its AD.

    spans: begin and end of AD, DP, GQ, PL; an end of -1: the record does not have the field.
    """
    a0, a1, d0, d1, q0, q1, l0, l1 = spans
    total = np.int64(0)
    raw = np.int64(-1), total
    if alleles == 0 or (d1 >= 0 and (d1 - d0 != 1 or not 0 <= values[d0] <= MOST_DEPTH)):
        return raw
    if q1 >= 0 and q1 - q0 != 1:
        return raw
    if a1 >= 0:
        if a1 - a0 != alleles:
            return raw
        for i in range(a0, a1):
            if values[i] < 0:
                return raw
            total += values[i]
        if total > MOST_DEPTH:
            return raw
    if l1 < 0:
        return np.int64(0), total
    n = genotypes_of(alleles)
    if l1 - l0 != n:
        return raw
    called = np.int64(0)
    while called < n and values[l0 + called] != 0:
        called += 1
    if called >= min(n, MOST_KIND):
        return raw
    if called == 0 and n > 1 and (values[l0 + 1] < 0 or values[l0 + 2] < 0):
        return raw
    return called, total


@nb.njit(cache=True, nogil=True)
def _same_pl(values, l0, l1, p1, p2, fill):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all PL from the fourth on are as guessed for a reference call."""
    for i in range(3, l1 - l0):
        if values[l0 + i] != usual_reference_pl(i, p1, p2, fill):
            return False
    return True


@nb.njit(cache=True, nogil=True, inline="always")
def _put(out, w, s, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    out[w[s]] = v
    w[s] += 1


@nb.njit(cache=True, nogil=True)
def _put_byte(out, w, s, z):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write z >= 0 as a byte of stream s, with an escape."""
    if z < ESCAPE:
        _put(out, w, s, z)
    else:
        _put(out, w, s, ESCAPE)
        w[s] = put_varint(out, w[s], z)


@nb.njit(cache=True, nogil=True)
def _put_two(out, w, low, high, v, expected):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a value as two bytes of what it differs from the expected."""
    if v == INT_MISSING:
        _put(out, w, low, 0)
        _put(out, w, high, MISSING)
        return
    z = zigzag(np.int64(v) - expected)
    if z < ESCAPE * 256:
        _put(out, w, low, z & 255)
        _put(out, w, high, z >> 8)
    else:
        _put(out, w, low, 0)
        _put(out, w, high, ESCAPE)
        w[high] = put_varint(out, w[high], z)


@nb.njit(cache=True, nogil=True)
def _put_raw(out, w, f, values, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the values of field f of a raw cell: how many, and each."""
    w[RAW + f] = put_varint(out, w[RAW + f], b - a)
    for i in range(a, b):
        w[RAW + f] = put_number(out, w[RAW + f], values[i])


@nb.njit(cache=True, nogil=True)
def _put_depths(out, w, values, spans, called, total, before, delta):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write DP and AD of a regular cell."""
    a0, a1, d0, d1, _, _, _, _ = spans
    if d1 >= 0:
        depth = np.int64(values[d0])
        _put_byte(out, w, DEPTH, zigzag(depth - before) if delta else depth)
    if a1 < 0:
        return
    main = np.int64(-1)
    if d1 >= 0:
        main = np.int64(0) if called == 0 else np.int64(pair_of(called)[0])
        _put_byte(out, w, SUM, zigzag(values[d0] - total))
    for i in range(a1 - a0):
        if i != main:
            _put_byte(out, w, READS, np.int64(values[a0 + i]))


@nb.njit(cache=True, nogil=True)
def _put_likelihoods(out, w, values, spans, called, base, marks, ratio):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write PL of a regular cell; `marks`: bits of what the kind says already."""
    a0, a1, _, _, _, _, l0, l1 = spans
    if called == 0:
        p1, p2 = np.int64(values[l0 + 1]), np.int64(values[l0 + 2])
        if not marks & 1:
            _put_byte(out, w, FIRST, zigzag(p1 - 3 * base))
        if not marks & 2:
            _put_two(out, w, SECOND_LOW, SECOND_HIGH, p2, (ratio * base) >> 4)
        for i in range(3, l1 - l0):
            guess = usual_reference_pl(i, p1, p2, 0)
            _put_two(out, w, OTHER_LOW, OTHER_HIGH, values[l0 + i], guess)
        return
    for i in range(l1 - l0):
        if i != called:
            guess = usual_other_pl(i, values, a0, a1, base, a1 >= 0)
            _put_two(out, w, OTHER_LOW, OTHER_HIGH, values[l0 + i], guess)


@nb.njit(cache=True, nogil=True)
def _put_cell(out, w, values, spans, called, total, last, rules):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a cell that is not copied; `last` (depth, PL) of the person becomes this one's."""
    a0, a1, d0, d1, q0, q1, l0, l1 = spans
    if called < 0:
        _put(out, w, KIND, RAW_CELL)
        for f, a, b in ((_AD, a0, a1), (_DP, d0, d1), (_GQ, q0, q1), (_PL, l0, l1)):
            if b >= 0:
                _put_raw(out, w, f, values, a, b)
        return
    ratio, delta = rules
    base = np.int64(values[d0]) if d1 >= 0 else total
    many = l1 - l0 > 1
    p1 = p2 = np.int64(0)
    marks = 0
    if many and called == 0:
        p1, p2 = np.int64(values[l0 + 1]), np.int64(values[l0 + 2])
        marks = int(p1 == min(99, 3 * base)) + 2 * int(p2 == 15 * p1)
    _put(out, w, KIND, called * 4 + marks)
    _put_depths(out, w, values, spans, called, total, last[0], delta)
    if q1 >= 0:
        if values[q0] == INT_MISSING:
            _put(out, w, QUALITY, MISSING)
        else:
            usual = usual_quality(values, l0, l1)
            _put_byte(out, w, QUALITY, zigzag(values[q0] - usual))
    if many:
        _put_likelihoods(out, w, values, spans, called, base, marks, ratio)
    last[0] = base
    if called == 0:
        last[1], last[2] = p1, p2


@nb.njit(cache=True, nogil=True)
def _copied(values, spans, called, total, last, fill):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a cell is the person's of the record before, and nothing else."""
    a0, a1, d0, d1, q0, q1, l0, l1 = spans
    if called != 0:
        return False
    base = np.int64(values[d0]) if d1 >= 0 else total
    p1 = p2 = np.int64(0)
    if l1 - l0 > 1:
        p1, p2 = np.int64(values[l0 + 1]), np.int64(values[l0 + 2])
    if base != last[0] or p1 != last[1] or p2 != last[2]:
        return False
    if a1 >= 0 and (values[a0] != base or total != base):
        return False
    if q1 >= 0 and values[q0] != usual_quality(values, l0, l1):
        return False
    return _same_pl(values, l0, l1, p1, p2, fill)


@nb.njit(cache=True, nogil=True)
def encode_cell(out, w, values, spans, alleles, fill, last, rules):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a cell; `last` (depth and PL of the person) becomes this one's. Tells if copied.

    spans: begin and end of AD, DP, GQ, PL; an end of -1: the record does not have the field.
    """
    called, total = _regular(values, spans, alleles)
    same = _copied(values, spans, called, total, last, fill)
    if not same:
        _put_cell(out, w, values, spans, called, total, last, rules)
    return same
