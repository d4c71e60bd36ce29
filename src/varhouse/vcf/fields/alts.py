"""ALT alleles of records, checked by compiled code: what each is, and whether it repeats.

The alleles of bases are compared as they are when REF and ALT have lost what they share
at their ends, so that one is found again inside a multiallelic record or with other bases
around it (`AT>AAT,AA` at 123 holds `T>A` at 124).
"""

import numba as nb
import numpy as np

from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.vcf.account.faults import Fault, note_fault

WINDOW = 1024
"""Alleles at one place that are compared with each other; more are only in hostile files."""

IS_BASE = np.zeros(256, np.bool_)
IS_BASE[np.frombuffer(b"ACGTNacgtn", np.uint8)] = True

IN_WORD = np.zeros(256, np.bool_)
IN_WORD[[*range(48, 58), *range(65, 91), *range(97, 123), *range(128, 256)]] = True
"""Letters, digits and what is no ASCII: a name has one at least, as EVA has it."""

# What an ALT allele is.
BAD, BASES, STAR, SYMBOLIC, BREAKEND, UNSPECIFIED, MISSING = range(7)

REF_INVALID, ALT_INVALID = int(Fault.REF_INVALID), int(Fault.ALT_INVALID)
ALT_REF, ALT_TWICE = int(Fault.ALT_REF), int(Fault.ALT_TWICE)
DUPLICATE = int(Fault.DUPLICATE)

_UNSPECIFIED = np.frombuffer("".join(f"{a}\0" for a in UNSPECIFIED_ALTS).encode(), np.uint8)
_COMMA, _DOT = 44, 46


@nb.njit(cache=True, nogil=True)
def _breakend(text, a, b, base):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether an allele is a breakend: t[p[, t]p], [p[t or ]p]t (section 5.4)."""
    n, first, last = 0, -1, -1
    for j in range(a, b):
        if text[j] == 91 or text[j] == 93:
            if n == 0:
                first = j
            last = j
            n += 1
    if n != 2 or text[first] != text[last]:
        return False
    if first == a and last < b - 1:
        low, high = last + 1, b
    elif last == b - 1 and first > a:
        low, high = a, first
    else:
        return False
    if not (high - low == 1 and text[low] == _DOT):
        for j in range(low, high):
            if not base[text[j]]:
                return False
    colon = -1
    for j in range(first + 1, last):
        if text[j] <= 32:
            return False
        if text[j] == 58:
            colon = j
    # In VCF 4.1 to 4.5 an inserted contig stands as <ctg1>:7; the position may not lack.
    if colon <= first + 1 or colon == last - 1:
        return False
    for j in range(colon + 1, last):  # noqa: SIM110 - compiled
        if text[j] < 48 or text[j] > 57:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _named(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether text[a:b] is `<ID>`."""
    if b - a < 3 or text[b - 1] != 62:
        return False
    word = False
    for j in range(a + 1, b - 1):
        if text[j] <= 32 or text[j] == 60 or text[j] == 62:
            return False
        word |= IN_WORD[text[j]]
    return word


@nb.njit(cache=True, nogil=True)
def is_unspecified(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether the allele text[a:b] is one of `UNSPECIFIED_ALTS`."""
    low = 0
    for high in range(_UNSPECIFIED.size):
        if _UNSPECIFIED[high] != 0:
            continue
        if high - low == b - a:
            same = True
            for j in range(b - a):
                if text[a + j] != _UNSPECIFIED[low + j]:
                    same = False
                    break
            if same:
                return True
        low = high + 1
    return False


@nb.njit(cache=True, nogil=True)
def allele_kind(text, a, b, base):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Say what the ALT allele text[a:b] is."""
    n = b - a
    if n <= 0:
        return BAD
    c = text[a]
    if n == 1:
        if base[c]:
            return BASES
        if c == 42:
            return STAR
        return MISSING if c == _DOT else BAD
    if c == 60:
        # <ctg>[...]: no allele begins so.
        if is_unspecified(text, a, b):
            return UNSPECIFIED
        return SYMBOLIC if _named(text, a, b) else BAD
    plain = True
    for j in range(a, b):
        if not base[text[j]]:
            first = plain
            plain = False
            if text[j] == 91 or text[j] == 93:
                return BREAKEND if _breakend(text, a, b, base) else BAD
            if text[j] == 60:
                # C<ctg1>: bases, then a whole contig of the assembly file (section 5.4,
                # "Large insertions"; the bases come first in the text, never last).
                return SYMBOLIC if first and _named(text, j, b) else BAD
            if text[j] != _DOT:
                return BAD
    if plain:
        return BASES
    low, high = a, b
    if text[a] == _DOT:
        low += 1
    elif text[b - 1] == _DOT:
        high -= 1
    else:
        return BAD
    for j in range(low, high):
        if not base[text[j]]:
            return BAD
    return BREAKEND


def legal_alt(allele: str) -> bool:
    """Tell whether an ALT allele is bases, `*`, `<ID>`, `C<ID>` or a breakend."""
    text = np.frombuffer(allele.encode(), np.uint8)
    return allele_kind(text, 0, text.size, IS_BASE) not in (BAD, MISSING)


@nb.njit(cache=True, nogil=True)
def _trimmed_hash(text, r0, r1, a0, a1):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Trim what REF and ALT share at their ends, last first: (bases cut off, hash)."""
    while r1 > r0 and a1 > a0 and text[r1 - 1] & 0xDF == text[a1 - 1] & 0xDF:
        r1 -= 1
        a1 -= 1
    cut = 0
    while r1 > r0 and a1 > a0 and text[r0] & 0xDF == text[a0] & 0xDF:
        r0 += 1
        a0 += 1
        cut += 1
    key = np.uint64(14695981039346656037)
    for j in range(r0, r1):
        key = (key ^ np.uint64(text[j] & 0xDF)) * np.uint64(1099511628211)
    key = (key ^ np.uint64(1)) * np.uint64(1099511628211)
    for j in range(a0, a1):
        key = (key ^ np.uint64(text[j] & 0xDF)) * np.uint64(1099511628211)
    return cut, key


@nb.njit(cache=True, nogil=True)
def _see_allele(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    place, key, line, window, hashes, n
):
    """Look an allele up among those seen at its place: (line it stands on or -1, n)."""
    for i in range(n):
        if hashes[i] == key and window[i, 0] == place:
            return window[i, 1], n
    if n == WINDOW:
        for i in range(n - 1):
            window[i] = window[i + 1]
            hashes[i] = hashes[i + 1]
        n -= 1
    window[n, 0] = place
    window[n, 1] = line
    hashes[n] = key
    return -1, n + 1


@nb.njit(cache=True, nogil=True)
def forget(pos, window, hashes, n):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Forget alleles that begin before `pos`; returns how many are left."""
    w = 0
    for i in range(n):
        if window[i, 0] >= pos:
            window[w] = window[i]
            hashes[w] = hashes[i]
            w += 1
    return w


@nb.njit(cache=True, nogil=True)
def check_alts(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text, r0, r1, a, b, pos, k, line, base, window, hashes, n, count, first
):
    """Check the ALT alleles of a record: (structural ones among them, n of the window)."""
    structural = False
    star = False
    good_ref = True
    for j in range(r0, r1):
        if not base[text[j]]:
            good_ref = False
            break
    if not good_ref or r1 <= r0:
        note_fault(count, first, REF_INVALID, k, r0, r1, -1, -1)
    begin = a
    for j in range(a, b + 1):
        if j < b and text[j] != _COMMA:
            continue
        kind = allele_kind(text, begin, j, base)
        if kind == BAD or (kind == MISSING and b - a > 1):
            note_fault(count, first, ALT_INVALID, k, begin, j, -1, -1)
        elif kind in (SYMBOLIC, BREAKEND):
            structural = True
        elif kind == STAR:
            if star:
                note_fault(count, first, ALT_TWICE, k, begin, j, -1, -1)
            star = True
        elif kind == BASES and good_ref:
            cut, key = _trimmed_hash(text, r0, r1, begin, j)
            same = j - begin == r1 - r0
            if same:
                for i in range(r1 - r0):
                    if text[r0 + i] & 0xDF != text[begin + i] & 0xDF:
                        same = False
                        break
            if same:
                note_fault(count, first, ALT_REF, k, begin, j, -1, -1)
            elif pos >= 0:
                where, n = _see_allele(pos + cut, key, line, window, hashes, n)
                if where == line:
                    note_fault(count, first, ALT_TWICE, k, begin, j, -1, -1)
                elif where >= 0:
                    note_fault(count, first, DUPLICATE, k, begin, j, where, -1)
        begin = j + 1
    return structural, n
