"""Trim and left-align the alleles of one record together, compiled."""

import numpy as np
from numba import njit

from varhouse.genome.reference import CONCRETE
from varhouse.liftover.chain import Longs
from varhouse.liftover.kernel import Bytes


@njit(cache=True, nogil=True)
def _letter(bases, place, text, start, i):  # type: ignore[no-untyped-def]
    """Give letter `i` of an allele; below 0: the bases of the reference before it."""
    return text[start + i] if i >= 0 else CONCRETE[bases[place + i]]


@njit(cache=True, nogil=True)
def _align(  # type: ignore[no-untyped-def]
    bases, place, text, at
) -> tuple[int, int, int]:
    """Give bases to add in front of each allele, to cut at the end, and then in front."""
    n = at.size - 1
    least = at[1] - at[0]
    for i in range(1, n):
        least = min(least, at[i + 1] - at[i])
    added, cut = 0, 0
    while place > added or least + added - cut > 1:
        last = _letter(bases, place, text, at[0], at[1] - at[0] - 1 - cut)
        same = True
        for i in range(1, n):
            here = _letter(bases, place, text, at[i], at[i + 1] - at[i] - 1 - cut)
            same &= here == last
        if not same:
            break
        cut += 1
        if least + added == cut:
            added += 1
    skipped = 0
    while least + added - cut - skipped > 1:
        first = _letter(bases, place, text, at[0], skipped - added)
        same = True
        for i in range(1, n):
            same &= _letter(bases, place, text, at[i], skipped - added) == first
        if not same:
            break
        skipped += 1
    return added, cut, skipped


def join_alleles(bases: Bytes, place: int, alleles: list[str]) -> tuple[int, list[str]]:
    """Trim and left-align the alleles of one record together.

    The rule of Tan, Abecasis, Kang 2015 (doi:10.1093/bioinformatics/btv112): while all
    end with the same base, cut it, and extend to the left by a base of the reference when
    one becomes empty; then cut common first bases but one. `*` stays.

    Parameters
    ----------
    bases
        The contig in the target.
    place
        0-based place of the first base of REF.
    alleles
        REF and the ALTs, upper case; at least two differ.

    Returns
    -------
    tuple
        (0-based place, alleles).
    """
    rows = [i for i, a in enumerate(alleles) if a != "*"]
    texts = [alleles[i].encode() for i in rows]
    at: Longs = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    added, cut, skipped = _align(
        np.asarray(bases), place, np.frombuffer(b"".join(texts), np.uint8), at
    )
    front = CONCRETE[bases[place - added : place]].tobytes()
    out = list(alleles)
    for i, text in zip(rows, texts, strict=True):
        out[i] = (front + text)[skipped : len(front) + len(text) - cut].decode()
    return place - added + skipped, out
