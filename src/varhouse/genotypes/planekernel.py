"""Compiled loops over the bits of the table `genotypes`."""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genotypes.calls import MISSING_ALLELE, NO_ALLELE, Int32, Int64
from varhouse.genotypes.planes import NO_PLOIDY, Bytes

NOTHING = -1
"""In `Planes`: where a plane that is not stored begins."""


class Planes(NamedTuple):
    """The bits of r rows, as compiled code takes them.

    first, people
        int32[r]: the row's sample columns.
    ploidy
        int8[r]: slots a person; NO_PLOIDY without GT.
    plane
        int64[r + 1]: planes of row k are plane[k] to plane[k + 1].
    at
        int64[planes]: where each plane begins in `bits`.
    missing, absent, flipped
        int64[r]: where they begin in `bits`; NOTHING where no bit is set.
    bits
        uint8[bytes].
    """

    first: Int32
    people: Int32
    ploidy: npt.NDArray[np.int8]
    plane: Int64
    at: Int64
    missing: Int64
    absent: Int64
    flipped: Int64
    bits: Bytes


class Odd(NamedTuple):
    """What is written in no usual way.

    begin
        int64[r + 1]: those of row k are begin[k] to begin[k + 1].
    who, what
        int32[m]: column, counted from the row's first, and text.
    texts
        The distinct texts.
    """

    begin: Int64
    who: Int32
    what: Int32
    texts: list[str]


@nb.njit(cache=True, nogil=True)
def _is_set(bits, at, slot):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return bits[at + (slot >> 3)] & (128 >> (slot & 7)) != 0


@nb.njit(cache=True, nogil=True)
def _mark(bits, at, slots, ploidy, place, value, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write `value` into the copies that a plane has; `place` says where a person goes."""
    for i in range((slots + 7) >> 3):
        byte = bits[at + i]
        if byte == 0:
            continue
        for b in range(8):
            if byte & (128 >> b):
                q = 8 * i + b
                s = q // ploidy
                if q < slots and place[s] >= 0:
                    out[place[s], q - s * ploidy] = value


@nb.njit(cache=True, nogil=True)
def fill_alleles(planes, record, place, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the alleles of the people who have a place (int16[n, people, P], zeros)."""
    width = out.shape[2]
    for k in range(record.size - 1):
        for r in range(record[k], record[k + 1]):
            first, people = planes.first[r], planes.people[r]
            mine = place[first : first + people]
            ploidy = max(planes.ploidy[r], 0)
            if ploidy < width:
                for s in range(people):
                    if mine[s] >= 0:
                        out[k, mine[s], ploidy:] = NO_ALLELE
            if planes.ploidy[r] == NO_PLOIDY:
                continue
            n_alt = planes.plane[r + 1] - planes.plane[r]
            for p in range(n_alt + 2):
                if p < n_alt:
                    at, value = planes.at[planes.plane[r] + p], p + 1
                elif p == n_alt:
                    at, value = planes.missing[r], MISSING_ALLELE
                else:
                    at, value = planes.absent[r], NO_ALLELE
                if at >= 0:
                    _mark(planes.bits, at, people * ploidy, ploidy, mine, value, out[k])


@nb.njit(cache=True, nogil=True)
def fill_few(planes, record, wanted, place, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the alleles of a few people: their bits are looked at, not all.

    `wanted` int32[few]: their columns, ascending; otherwise as `fill_alleles`.
    """
    for k in range(record.size - 1):
        for r in range(record[k], record[k + 1]):
            first, people = planes.first[r], planes.people[r]
            # NO_PLOIDY has no slots.
            ploidy = np.int64(planes.ploidy[r])
            begin, end = planes.plane[r], planes.plane[r + 1]
            missing, absent = planes.missing[r], planes.absent[r]
            for c in wanted:
                s = np.int64(c) - first
                if s < 0 or s >= people:
                    continue
                mine = out[k, place[c]]
                for j in range(ploidy):
                    q = s * ploidy + j
                    byte, bit = q >> 3, 128 >> (q & 7)
                    if absent >= 0 and planes.bits[absent + byte] & bit:
                        mine[j] = NO_ALLELE
                    elif missing >= 0 and planes.bits[missing + byte] & bit:
                        mine[j] = MISSING_ALLELE
                    else:
                        for p in range(begin, end):
                            if planes.bits[planes.at[p] + byte] & bit:
                                mine[j] = p - begin + 1
                mine[max(ploidy, 0) :] = NO_ALLELE


@nb.njit(cache=True, nogil=True)
def _add(bits, at, slots, ploidy, place, value, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the copies that a plane has to each person's (value 1), or set -1 (value -1)."""
    for i in range((slots + 7) >> 3):
        byte = bits[at + i]
        if byte == 0:
            continue
        for b in range(8):
            if byte & (128 >> b):
                q = 8 * i + b
                s = q // ploidy
                if q < slots and place[s] >= 0:
                    if value > 0:
                        out[place[s]] += 1
                    else:
                        out[place[s]] = -1


@nb.njit(cache=True, nogil=True)
def _no_copies(bits, at, people, ploidy, place, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Set -1 for people who have no copy at all."""
    for s in range(people):
        if place[s] < 0:
            continue
        none = True
        for j in range(ploidy):
            none &= _is_set(bits, at, s * ploidy + j)
        if none:
            out[place[s]] = -1


@nb.njit(cache=True, nogil=True)
def fill_dosage(planes, record, first_row, place, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the copies of each ALT of the people who have a place (int8[ALTs, people])."""
    wanted = np.flatnonzero(place >= 0)
    for k in range(record.size - 1):
        for r in range(record[k], record[k + 1]):
            ploidy = planes.ploidy[r]
            if ploidy == NO_PLOIDY:
                continue
            first, people = planes.first[r], planes.people[r]
            mine = place[first : first + people]
            slots = people * ploidy
            missing, absent = planes.missing[r], planes.absent[r]
            for a in range(first_row[k + 1] - first_row[k]):
                at = planes.at[planes.plane[r] + a]
                row = out[first_row[k] + a]
                if wanted.size * 8 > people:
                    _add(planes.bits, at, slots, ploidy, mine, 1, row)
                else:
                    for c in wanted:
                        s = c - first
                        if 0 <= s < people:
                            for j in range(ploidy):
                                row[mine[s]] += _is_set(planes.bits, at, s * ploidy + j)
                if missing >= 0:
                    _add(planes.bits, missing, slots, ploidy, mine, -1, row)
                if absent >= 0:
                    _no_copies(planes.bits, absent, people, ploidy, mine, row)
