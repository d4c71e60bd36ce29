"""From bit planes back to listed genotypes, each text as it was in the file.

Who has a bit set anywhere, or an odd text, is listed; all others have REF on every copy.
Then the most frequent text of a record becomes its default, as in what was read.
"""

import numba as nb
import numpy as np

from varhouse.genotypes.calls import MISSING_ALLELE, NO_ALLELE, NO_GT, Genotypes, Int32, Int64
from varhouse.genotypes.planekernel import Odd, Planes
from varhouse.genotypes.planes import NO_PLOIDY, NO_SEPARATOR, Bytes, spell

_WIDTH = 17
"""What a text says: up to 16 alleles, then how they are written."""

_QUICK = 3 * 64
"""Diploid genotypes of alleles up to 5, written in three ways: found without a search."""

_FIRST_ROOM = 1 << 10
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_OFFSET, _FACTOR = np.uint64(14695981039346656037), np.uint64(1099511628211)


@nb.njit(cache=True, nogil=True)
def _number(mine, said, used, slot):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the number of what a text says, a new one if need be; -1 without room."""
    key = _OFFSET
    for j in range(_WIDTH):
        key = (key ^ np.uint64(mine[j] + 4)) * _FACTOR
    h = np.int64((key * _PRIME) >> np.uint64(33)) & (slot.size - 1)
    while slot[h] >= 0:
        c = slot[h]
        same = True
        for j in range(_WIDTH):
            same &= said[c, j] == mine[j]
        if same:
            return c
        h = (h + 1) & (slot.size - 1)
    c = used[0]
    if c == said.shape[0]:
        return -1
    said[c] = mine
    slot[h] = c
    used[0] = c + 1
    return c


@nb.njit(cache=True, nogil=True)
def _bits_of(bits, at, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count the bits that are set, up to eight a byte."""
    found = np.int64(0)
    for i in range(size):
        byte = bits[at + i]
        while byte:
            byte &= np.uint8(byte - 1)
            found += 1
    return found


@nb.njit(cache=True, nogil=True)
def _most(planes, odd, bar, record):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Bound how many people are listed: no more than bits are set, in all rows."""
    total = np.int64(0)
    for k in range(record.size - 1):
        top = record[k]
        for r in range(record[k], record[k + 1]):
            people = np.int64(planes.people[r])
            found = np.int64(odd[r + 1] - odd[r])
            size = (people * max(planes.ploidy[r], 0) + 7) >> 3
            for p in range(planes.plane[r], planes.plane[r + 1]):
                found += _bits_of(planes.bits, planes.at[p], size)
            for at in (planes.missing[r], planes.absent[r]):
                if at >= 0:
                    found += _bits_of(planes.bits, at, size)
            if planes.flipped[r] >= 0:
                found += _bits_of(planes.bits, planes.flipped[r], (people + 7) >> 3)
            differs = planes.ploidy[r] != planes.ploidy[top] or bar[r] != bar[top]
            total += people if differs else min(found, people)
    return total


@nb.njit(cache=True, nogil=True)
def _mark(bits, at, slots, ploidy, value, alleles, seen):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write `value` into the copies of a plane, and note whom it is about."""
    for i in range((slots + 7) >> 3):
        byte = bits[at + i]
        if byte == 0:
            continue
        for b in range(8):
            q = 8 * i + b
            if byte & (128 >> b) and q < slots:
                s = q // ploidy
                alleles[s, q - s * ploidy] = value
                seen[s] |= 1


@nb.njit(cache=True, nogil=True)
def _read_row(planes, r, alleles, seen):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the alleles of the people of a row; `seen` 1: some bit, 2: the other separator."""
    ploidy, people = planes.ploidy[r], planes.people[r]
    seen[:people] = 0
    alleles[:people, :ploidy] = 0
    slots = people * ploidy
    n_alt = planes.plane[r + 1] - planes.plane[r]
    for p in range(n_alt):
        at = planes.at[planes.plane[r] + p]
        _mark(planes.bits, at, slots, ploidy, p + 1, alleles, seen)
    if planes.missing[r] >= 0:
        _mark(planes.bits, planes.missing[r], slots, ploidy, MISSING_ALLELE, alleles, seen)
    if planes.absent[r] >= 0:
        _mark(planes.bits, planes.absent[r], slots, ploidy, NO_ALLELE, alleles, seen)
    at = planes.flipped[r]
    if at >= 0:
        for s in range(people):
            if planes.bits[at + (s >> 3)] & (128 >> (s & 7)):
                seen[s] |= 2


@nb.njit(cache=True, nogil=True)
def _text_of(row, ploidy, bar, quick, mine, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the number of the text of a person with these alleles; -1 without room."""
    said, used, slot = table
    q = -1
    if ploidy == 2 and row[0] < 6 and row[1] < 6:
        q = bar * 64 + (row[0] + 2) * 8 + row[1] + 2
        if quick[q] >= 0:
            return quick[q]
    copies = 0
    mine[:] = NO_ALLELE
    for j in range(ploidy):
        if row[j] != NO_ALLELE:
            mine[copies] = row[j]
            copies += 1
    mine[_WIDTH - 1] = bar if copies > 1 else NO_SEPARATOR
    c = _number(mine, said, used, slot)
    if q >= 0:
        quick[q] = c
    return c


@nb.njit(cache=True, nogil=True)
def _list_all(planes, odd_lists, bar, record, base, no_gt, table, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """List everybody who has not REF on all copies; gives how many, -1 without room.

    Texts are numbered: those of `odd`, `no_gt`, and from `base` on what `table` says.
    """
    odd, odd_who, odd_what = odd_lists
    default, pointer, who, what = out
    most = 1
    for r in range(planes.people.size):
        most = max(most, planes.people[r])
    alleles = np.zeros((most, 16), np.int16)
    seen = np.zeros(most, np.uint8)
    quick = np.full(_QUICK, -1, np.int64)
    mine = np.zeros(_WIDTH, np.int16)
    zeros = np.zeros(16, np.int16)
    w = 0
    for k in range(record.size - 1):
        for r in range(record[k], record[k + 1]):
            ploidy, people, first = planes.ploidy[r], planes.people[r], planes.first[r]
            usual = no_gt
            if ploidy != NO_PLOIDY:
                usual = _text_of(zeros, ploidy, bar[r], quick, mine, table)
                if usual < 0:
                    return -1
                usual += base
                _read_row(planes, r, alleles, seen)
            else:
                seen[:people] = 0
            if r == record[k]:
                default[k] = usual
            o = odd[r]
            for s in range(people):
                code = usual
                if o < odd[r + 1] and odd_who[o] == s:
                    code = odd_what[o]
                    o += 1
                elif seen[s]:
                    # With the other separator: / is 1, | is 2.
                    written = 3 - bar[r] if seen[s] & 2 and bar[r] else bar[r]
                    code = _text_of(alleles[s], ploidy, written, quick, mine, table)
                    if code < 0:
                        return -1
                    code += base
                if code != default[k]:
                    who[w] = first + s
                    what[w] = code
                    w += 1
        pointer[k + 1] = w
    return w


@nb.njit(cache=True, nogil=True)
def _choose(default, pointer, what, rank, people, best):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Choose each record's most frequent text, of two the one that sorts first.

    Gives how many people are then listed in all.
    """
    count = np.zeros(rank.size, np.int64)
    total = 0
    for k in range(default.size):
        top = default[k]
        most = people[k] - (pointer[k + 1] - pointer[k])
        for i in range(pointer[k], pointer[k + 1]):
            count[what[i]] += 1
        for i in range(pointer[k], pointer[k + 1]):
            c = what[i]
            if count[c] > most or (count[c] == most and rank[c] < rank[top]):
                top, most = c, count[c]
            count[c] = 0
        best[k] = top
        total += people[k] - most
    return total


@nb.njit(cache=True, nogil=True)
def _relist(lists, best, columns, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """List who has not the chosen text; `columns` are the people of every record."""
    default, pointer, who, what = lists
    to_pointer, to_who, to_what = out
    w = 0
    for k in range(default.size):
        i, end = pointer[k], pointer[k + 1]
        if best[k] == default[k]:
            to_who[w : w + end - i] = who[i:end]
            to_what[w : w + end - i] = what[i:end]
            w += end - i
        else:
            for s in columns:
                code = default[k]
                if i < end and who[i] == s:
                    code = what[i]
                    i += 1
                if code != best[k]:
                    to_who[w] = s
                    to_what[w] = code
                    w += 1
        to_pointer[k + 1] = w


def _texts(said: np.ndarray) -> list[str]:
    """Write what the table of texts says."""
    out = []
    for row in said.tolist():
        alleles = [a for a in row[:-1] if a != NO_ALLELE]
        out.append(spell(alleles, row[-1]) or ".")
    return out


def _listed(
    planes: Planes, odd: Odd, bar: Bytes, record: Int64
) -> tuple[list[str], Int32, Int64, Int32, Int32]:
    """List everybody who has not REF on all copies: texts, default, pointer, who, what."""
    n = record.size - 1
    most = int(_most(planes, odd.begin, bar, record))
    room = _FIRST_ROOM
    while True:
        said = np.empty((room, _WIDTH), np.int16)
        used = np.zeros(1, np.int64)
        table = (said, used, np.full(4 * room, -1, np.int64))
        out = (
            np.full(n, -1, np.int32),
            np.zeros(n + 1, np.int64),
            np.empty(most, np.int32),
            np.empty(most, np.int32),
        )
        no_gt = len(odd.texts)
        lists = (odd.begin, odd.who, odd.what)
        found = int(_list_all(planes, lists, bar, record, no_gt + 1, no_gt, table, out))
        if found >= 0:
            texts = [*odd.texts, NO_GT, *_texts(said[: int(used[0])])]
            return texts, out[0], out[1], out[2][:found], out[3][:found]
        room *= 4


def list_genotypes(
    planes: Planes, odd: Odd, bar: Bytes, record: Int64, columns: Int32
) -> Genotypes:
    """Give the genotypes as lists; arguments are attributes of `planerows.PlaneRows`."""
    texts, default, pointer, who, what = _listed(planes, odd, bar, record)
    order = sorted(range(len(texts)), key=lambda c: texts[c].encode())
    rank = np.empty(len(texts), np.int32)
    rank[order] = np.arange(len(texts), dtype=np.int32)
    begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(planes.people)])
    people = np.diff(begin[record])
    best = np.empty_like(default)
    total = int(_choose(default, pointer, what, rank, people, best))
    out = np.zeros_like(pointer), np.empty(total, np.int32), np.empty(total, np.int32)
    _relist((default, pointer, who, what), best, columns, out)
    return Genotypes(texts, best, *out)
