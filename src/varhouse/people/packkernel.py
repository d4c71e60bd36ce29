"""Compiled loop that puts the calls of people at sites into bits."""

import numba as nb
import numpy as np

from varhouse.genotypes.planekernel import NOTHING


@nb.njit(cache=True, nogil=True)
def _copies(bits, at, slot, ploidy):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count the copies of a person, from `slot` on, that a plane has."""
    if at == NOTHING:
        return 0
    if ploidy == 2:
        both = (bits[at + (slot >> 3)] >> (6 - (slot & 7))) & 3
        return (both & 1) + (both >> 1)
    found = 0
    for q in range(slot, slot + ploidy):
        found += (bits[at + (q >> 3)] >> (7 - (q & 7))) & 1
    return found


@nb.njit(cache=True, nogil=True)
def _pack_plain(bits, at, place, word, bit, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Pack a row of one ALT and people of two copies of whom all are called."""
    het, hom, called, seen = out
    none = np.uint64(0)
    for s in range(place.size):
        p = place[s]
        if p < 0:
            continue
        own = (bits[at + (s >> 2)] >> (6 - 2 * (s & 3))) & 3
        seen[word, p] |= bit
        called[word, p] |= bit
        if own == 3:
            hom[word, p] |= bit
            het[word, p] &= ~bit
        else:
            is_het = own != 0 and hom[word, p] & bit == 0
            het[word, p] |= bit if is_het else none


@nb.njit(cache=True, nogil=True)
def _pack_row(planes, r, alt, place, word, bit, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Pack a row of any kind."""
    het, hom, called, seen = out
    bits = planes.bits
    ploidy = np.int64(planes.ploidy[r])
    begin, end = planes.plane[r], planes.plane[r + 1]
    for s in range(place.size):
        p = place[s]
        if p < 0:
            continue
        seen[word, p] |= bit
        if ploidy < 2:
            continue
        q = s * ploidy
        copies = ploidy - _copies(bits, planes.absent[r], q, ploidy)
        if copies != 2 or _copies(bits, planes.missing[r], q, ploidy):
            continue
        own, others = 0, 0
        for a in range(begin, end):
            n = _copies(bits, planes.at[a], q, ploidy)
            if a == begin + alt:
                own = n
            else:
                others += n
        if others:
            continue
        called[word, p] |= bit
        if own == 2:
            hom[word, p] |= bit
            het[word, p] &= ~bit
        elif own == 1 and hom[word, p] & bit == 0:
            het[word, p] |= bit


@nb.njit(cache=True, nogil=True)
def pack_rows(planes, matches, place, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Put the calls of rows into bits.

    Parameters
    ----------
    planes
        The rows (`planekernel.Planes`).
    matches
        Of each match of an allele: first and last row (closed off) of its record, 0-based
        number of its ALT, its site, and where the columns of its file begin in `place`;
        int64[n] each.
    place
        int32[columns of all files]: whose row of `out` a column is, -1 nobody's.
    out
        het, hom, called, seen: uint64[words, people]; `seen` tells that there is a record of
        the person's file. A call is one of two copies, both called, both REF or the ALT. Of
        several records of an allele that with the most copies counts.
    """
    first_row, last_row, alt, site, base = matches
    for k in range(alt.size):
        word = site[k] >> 6
        bit = np.uint64(1) << np.uint64(site[k] & 63)
        for r in range(first_row[k], last_row[k]):
            mine = place[base[k] + planes.first[r] :][: planes.people[r]]
            plain = planes.missing[r] == NOTHING and planes.absent[r] == NOTHING
            if plain and planes.ploidy[r] == 2 and planes.plane[r + 1] - planes.plane[r] == 1:
                _pack_plain(planes.bits, planes.at[planes.plane[r]], mine, word, bit, out)
            else:
                _pack_row(planes, r, alt[k], mine, word, bit, out)
