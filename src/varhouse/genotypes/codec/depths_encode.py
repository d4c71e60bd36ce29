"""AD, DP, GQ and PL of a block into streams (see `depths`)."""

from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.genotypes.calls import Int64
from varhouse.genotypes.codec.column import Odd
from varhouse.genotypes.codec.depths import (
    GROUP,
    HEAD,
    KIND,
    MASK,
    MOST_ALLELES,
    ODD,
    OTHER_HIGH,
    OTHER_LOW,
    RAW,
    READS,
    Rules,
    genotypes_of,
)
from varhouse.genotypes.codec.depths_cell import encode_cell
from varhouse.genotypes.codec.depths_pairs import encode_pairs
from varhouse.genotypes.codec.dictionary import gather_texts
from varhouse.genotypes.codec.one import Coded, odd_streams
from varhouse.genotypes.codec.varints import (
    zigzag,
)
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
    """Give where the values of a field begin and end; an end of -1: it is not there."""
    if j < 0:
        return np.int64(0), np.int64(-1)
    return np.int64(cut[p + j]), np.int64(cut[p + j + 1])


@nb.njit(cache=True, nogil=True)
def _count(tape, where, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the values of each field of the group."""
    _, _, cut, begin, layout, _ = tape
    for r in range(layout.size):
        step, slot = where.width[layout[r]], where.slots[:, layout[r]]
        p = begin[r] + where.first * step
        mine = np.zeros(step, np.int64)
        for _ in range(where.people):
            for j in range(step):
                mine[j] += cut[p + 1] - cut[p]
                p += 1
        for f in range(4):
            if slot[f] >= 0:
                counts[f] += mine[slot[f]]


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
    slopes = np.zeros(2048)
    plain, delta = np.zeros(256, np.int64), np.zeros(256, np.int64)
    step = max(1, where.people * tape.layout.size // 4096)
    n = _sample(tape, where, min(step, where.people), slopes, plain, delta)
    ratio = int(min(np.median(slopes[:n]), 1 << 20)) if n else 0
    return Rules(ratio, int(_bits(delta) < _bits(plain)))


@nb.njit(cache=True, nogil=True)
def _encode(tape, where, alleles, fill, rules, copied, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    _, values, cut, begin, layout, _ = tape
    last = np.zeros((where.people, 3), np.int64)
    c = 0
    for r in range(layout.size):
        k = layout[r]
        slot = where.slots[:, k]
        ad, dp, gq, pl = slot[_AD], slot[_DP], slot[_GQ], slot[_PL]
        if max(ad, dp, gq, pl) < 0:
            continue
        p = begin[r] + where.first * where.width[k]
        if alleles[r] == 2 and min(ad, dp, gq, pl) >= 0:
            encode_pairs(
                values,
                cut,
                p,
                where.width[k],
                slot,
                where.people,
                last,
                rules,
                copied,
                c,
                out,
                w,
            )
            c += where.people
            continue
        for s in range(where.people):
            a0, a1 = _span(cut, p, ad)
            d0, d1 = _span(cut, p, dp)
            q0, q1 = _span(cut, p, gq)
            l0, l1 = _span(cut, p, pl)
            spans = (a0, a1, d0, d1, q0, q1, l0, l1)
            copied[c] = encode_cell(out, w, values, spans, alleles[r], fill[r], last[s], rules)
            p += where.width[k]
            c += 1
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
    if not tape.odd.size:
        return odd_streams(Odd.none())
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
