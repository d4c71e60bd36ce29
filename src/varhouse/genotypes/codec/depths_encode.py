"""AD, DP, GQ and PL of a block into streams (see `depths`)."""

from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.genotypes.calls import Int64
from varhouse.genotypes.codec.column import Odd
from varhouse.genotypes.codec.depths import (
    DEPTH,
    ESCAPE,
    FIRST,
    GROUP,
    HEAD,
    KIND,
    MASK,
    MISSING,
    MOST_ALLELES,
    MOST_KIND,
    ODD,
    OTHER_HIGH,
    OTHER_LOW,
    QUALITY,
    RAW,
    RAW_CELL,
    READS,
    SECOND_HIGH,
    SECOND_LOW,
    SUM,
    Rules,
    genotypes_of,
    pair_of,
    usual_other_pl,
    usual_quality,
    usual_reference_pl,
)
from varhouse.genotypes.codec.dictionary import gather_texts
from varhouse.genotypes.codec.one import Coded, odd_streams
from varhouse.genotypes.codec.varints import put_number, put_varint, zigzag
from varhouse.genotypes.fields import INT_MISSING, Bytes, FieldTape, TapeArrays

_AD, _DP, _GQ, _PL = range(4)


class _Where(NamedTuple):
    """Which cells of a tape a block has: compiled code takes it so."""

    slots: Int64
    """int64[4, layouts]: place of each field of the group in each layout, -1 none."""

    width: Int64
    """int64[layouts]: fields of each layout."""

    first: int
    people: int


@nb.njit(cache=True, nogil=True, inline="always")
def _span(cut, p, j):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give where the values of a field begin and end; none of a field that is not there."""
    if j < 0:
        return np.int64(0), np.int64(0)
    return np.int64(cut[p + j]), np.int64(cut[p + j + 1])


@nb.njit(cache=True, nogil=True)
def _count(tape, where, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the values of each field of the group."""
    _, _, cut, begin, layout, _ = tape
    for r in range(layout.size):
        step = where.width[layout[r]]
        for f in range(4):
            j = where.slots[f, layout[r]]
            p = begin[r] + where.first * step + j
            for _ in range(where.people if j >= 0 else 0):
                counts[f] += cut[p + 1] - cut[p]
                p += step


@nb.njit(cache=True, nogil=True)
def _fills(tape, where, alleles):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell of each record whether PL of two different ALTs are mostly `.`: uint8[n]."""
    _, values, cut, begin, layout, _ = tape
    fill = np.zeros(layout.size, np.uint8)
    for r in range(layout.size):
        j, step = where.slots[_PL, layout[r]], where.width[layout[r]]
        if j < 0 or alleles[r] < 3:
            continue
        votes = 0
        for s in range(where.first, where.first + where.people):
            a, b = _span(cut, begin[r] + s * step, j)
            if b - a == genotypes_of(alleles[r]) and values[a] == 0:
                votes += 1 if values[a + 4] == INT_MISSING else -1
        fill[r] = votes > 0
    return fill


@nb.njit(cache=True, nogil=True)
def _sample(tape, where, step_people, slopes, plain, delta):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Look at every so many people of all records.

    Gives how many `slopes` (second PL by depth of reference calls, in sixteenths) there are;
    `plain` and `delta` count depths, and steps from the record before.
    """
    _, values, cut, begin, layout, _ = tape
    n = 0
    for s in range(where.first, where.first + where.people, step_people):
        before = np.int64(0)
        for r in range(layout.size):
            k = layout[r]
            p = begin[r] + s * where.width[k]
            a, b = _span(cut, p, where.slots[_DP, k])
            if b - a != 1 or values[a] < 0:
                continue
            depth = np.int64(values[a])
            plain[min(depth, 255)] += 1
            delta[min(zigzag(depth - before), 255)] += 1
            before = depth
            a, b = _span(cut, p, where.slots[_PL, k])
            if (
                b - a > 2
                and values[a] == 0
                and depth
                and values[a + 2] > 0
                and n < slopes.size
            ):
                slopes[n] = values[a + 2] * 16.0 / depth
                n += 1
    return n


def _bits(counts: Int64) -> float:
    """Give the bits that bytes of these frequencies need."""
    p = counts[counts > 0]
    return float((p * np.log2(p.sum() / p)).sum()) if p.size else 0.0


def choose(tape: TapeArrays, where: _Where) -> Rules:
    """Choose the rules of a block by a look at about 4,096 of its cells."""
    slopes = np.zeros(8192)
    plain, delta = np.zeros(256, np.int64), np.zeros(256, np.int64)
    step = max(1, where.people * tape.layout.size // 4096)
    n = _sample(tape, where, min(step, where.people), slopes, plain, delta)
    ratio = int(min(np.median(slopes[:n]), 1 << 20)) if n else 0
    return Rules(ratio, int(_bits(delta) < _bits(plain)))


@nb.njit(cache=True, nogil=True)
def _regular(values, spans, alleles):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell the called genotype of a cell (-1: raw) and the sum of its AD.

    spans: begin and end of AD, DP, GQ, PL; an end of -1: the record does not have the field.
    """
    a0, a1, d0, d1, q0, q1, l0, l1 = spans
    total = np.int64(0)
    raw = np.int64(-1), total
    if alleles == 0 or (d1 >= 0 and (d1 - d0 != 1 or values[d0] < 0)):
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
def _encode(tape, where, alleles, fill, rules, copied, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    _, values, cut, begin, layout, _ = tape
    last = np.zeros((where.people, 3), np.int64)
    c = 0
    for r in range(layout.size):
        k = layout[r]
        ad, dp, gq, pl = (
            where.slots[0, k],
            where.slots[1, k],
            where.slots[2, k],
            where.slots[3, k],
        )
        if max(ad, dp, gq, pl) < 0:
            continue
        p = begin[r] + where.first * where.width[k]
        for s in range(where.people):
            a0, a1 = _span(cut, p, ad)
            d0, d1 = _span(cut, p, dp)
            q0, q1 = _span(cut, p, gq)
            l0, l1 = _span(cut, p, pl)
            p += where.width[k]
            a1, d1 = (a1 if ad >= 0 else -1), (d1 if dp >= 0 else -1)
            q1, l1 = (q1 if gq >= 0 else -1), (l1 if pl >= 0 else -1)
            spans = (a0, a1, d0, d1, q0, q1, l0, l1)
            called, total = _regular(values, spans, alleles[r])
            same = _copied(values, spans, called, total, last[s], fill[r])
            copied[c] = same
            c += 1
            if not same:
                _put_cell(out, w, values, spans, called, total, last[s], rules)
    return c


@nb.njit(cache=True, nogil=True)
def _odd_cells(tape, where, f, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    """List odd cells of field f: (cell of the block, begin, end); gives how many."""
    _, _, _, begin, layout, odd = tape
    n = r = 0
    for o in range(odd.shape[0]):
        while begin[r + 1] <= odd[o, 0]:
            r += 1
        step = where.width[layout[r]]
        at = odd[o, 0] - begin[r]
        s = at // step - where.first
        if at % step == where.slots[f, layout[r]] and 0 <= s < where.people:
            found[n, 0] = r * where.people + s
            found[n, 1], found[n, 2] = odd[o, 1], odd[o, 2]
            n += 1
    return n


def _odd_streams(tape: FieldTape, where: _Where) -> list[Bytes]:
    """Write the odd texts of the group; a cell is written as `cell * 4 + field`."""
    parts = []
    for f in range(len(GROUP)):
        found = np.empty((tape.odd.shape[0], 3), np.int64)
        found = found[: _odd_cells(tape.arrays, where, f, found)]
        found[:, 0] = found[:, 0] * 4 + f
        parts.append(found)
    odd = np.concatenate(parts)
    odd = odd[np.argsort(odd[:, 0], kind="stable")]
    texts = gather_texts(tape.text, odd[:, 1:].ravel(), np.arange(odd.shape[0]))
    return odd_streams(Odd(odd[:, 0], texts))


def encode_depths(
    tape: FieldTape, slots: dict[str, Int64], n_alt: Int64, first: int, people: int
) -> Coded:
    """Code AD, DP, GQ and PL of some people.

    Parameters
    ----------
    slots
        int64[layouts] of each field that is there: its place in each layout, -1 none.
    n_alt
        int64[n]: ALT alleles of each record.
    first, people
        The sample columns of the block.
    """
    none = np.full(len(tape.layouts), -1, np.int64)
    width = np.array([len(x) for x in tape.layouts], np.int64)
    where = _Where(np.stack([slots.get(f, none) for f in GROUP]), width, first, people)
    arrays = tape.arrays
    counts = np.zeros(4, np.int64)
    _count(arrays, where, counts)
    alleles = np.where(n_alt < MOST_ALLELES, n_alt + 1, 0)
    fill, rules = _fills(arrays, where, alleles), choose(arrays, where)
    room = _room(counts, tape.size * people)
    start = np.concatenate([[0], np.cumsum(room)]).astype(np.int64)
    out, w = np.empty(start[-1], np.uint8), start[:-1].copy()
    copied = np.empty(tape.size * people, np.bool_)
    n = _encode(arrays, where, alleles, fill, rules, copied, out, w)
    streams = [out[a:b] for a, b in zip(start[:-1].tolist(), w.tolist(), strict=True)]
    has = (where.slots[:, tape.layout] >= 0) << np.arange(4)[:, None]
    streams[HEAD] = np.concatenate([alleles, has.sum(0) | fill.astype(np.int64) << 4]).astype(
        np.uint8
    )
    streams[MASK] = np.packbits(copied[:n])
    return Coded("depths", [*counts.tolist(), *rules], streams + _odd_streams(tape, where))


def _room(counts: Int64, n_cells: int) -> Int64:
    """Give bytes that each stream may need: an escape and a varint of six for each value."""
    room = np.full(ODD, 7 * n_cells + 8, np.int64)
    room[[HEAD, MASK]] = 0
    room[KIND] = n_cells + 8
    room[READS] += 7 * counts[_AD]
    room[[OTHER_LOW, OTHER_HIGH]] += 7 * counts[_PL]
    room[RAW:ODD] += 7 * counts
    return room
