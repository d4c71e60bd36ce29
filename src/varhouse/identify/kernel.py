"""Find the fully-justified interval of packed alleles, in one compiled pass.

Fully justified (NCBI's VOCA; Holmes et al. 2020, doi:10.1093/bioinformatics/btz856): strip
the common first and last bases; if one allele is empty then, grow both to the left and to
the right over every base that the insertion or deletion could be shifted across. SPDI and
VRS name this interval; its right end is also where HGVS wants an indel (3' rule).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.genome.reference import CONCRETE

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Shorts = npt.NDArray[np.int8]

NOT_A_SEQUENCE, SNV, MNV, DELINS, DELETION, INSERTION, EQUAL = range(7)

MAX_TEXT = 100_000
"""Bases of a SPDI at most: an indel in a run of N may be shifted over megabases."""

_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_IS_BASE = np.isin(np.arange(256), np.frombuffer(b"ACGTN", np.uint8))


class Justified(NamedTuple):
    """What `justify_packed` gives: one value for each allele.

    Attributes
    ----------
    kind
        int8: SNV, MNV, DELINS, DELETION, INSERTION, EQUAL or NOT_A_SEQUENCE.
    known
        bool: REF agrees with the reference, and the interval ends inside of what the
        reference holds (or at the end of the whole contig).
    start, end
        int64, 0-based half-open interval, justified if `known`.
    size
        int64: inserted or deleted bases of a pure indel, else 0.
    subunit
        int64: `repeatSubunitLength` of a VRS ReferenceLengthExpression; 0: literal.
    length
        int64: bases of the new sequence in the interval.
    written
        bool: the texts are given (see MAX_TEXT).
    deleted, deleted_at, inserted, inserted_at
        Sequence of the interval before and after, end to end, with n + 1 offsets.
    """

    kind: Shorts
    known: npt.NDArray[np.bool_]
    start: Longs
    end: Longs
    size: Longs
    subunit: Longs
    length: Longs
    written: npt.NDArray[np.bool_]
    deleted: Bytes
    deleted_at: Longs
    inserted: Bytes
    inserted_at: Longs


@njit(cache=True, nogil=True)
def _is_sequence(buf: Bytes, start: int, end: int) -> bool:
    for j in range(start, end):
        if not _IS_BASE[_UPPER[buf[j]]]:
            return False
    return end > start


@njit(cache=True, nogil=True)
def _agrees(seq: Bytes, first: int, held: int, p: int, rb: Bytes, r0: int, r1: int) -> bool:
    same = p >= 0 and p + r1 - r0 <= held
    if same:
        for j in range(r1 - r0):
            same = same and CONCRETE[seq[first + p + j]] == _UPPER[rb[r0 + j]]
    return same


@njit(cache=True, nogil=True)
def _kind(nr: int, na: int) -> int:
    """Give the kind of an allele by the lengths of what differs."""
    if nr == 0:
        return INSERTION if na else EQUAL
    if na == 0:
        return DELETION
    if nr != na:
        return DELINS
    return SNV if nr == 1 else MNV


@njit(cache=True, nogil=True)
def _grow_deletion(seq: Bytes, first: int, held: int, start: int, end: int) -> tuple[int, int]:
    n = end - start
    s, e = start, end
    while s > 0 and seq[first + s - 1] == seq[first + s - 1 + n]:
        s -= 1
    while e < held and seq[first + e] == seq[first + e - n]:
        e += 1
    return s, e


@njit(cache=True, nogil=True)
def _grow_insertion(
    seq: Bytes, first: int, held: int, at: int, ab: Bytes, a0: int, n: int
) -> tuple[int, int]:
    s, e = at, at
    turn = 0
    while s > 0 and seq[first + s - 1] == _UPPER[ab[a0 + n - 1 - turn]]:
        s -= 1
        turn = turn + 1 if turn + 1 < n else 0
    turn = 0
    while e < held and seq[first + e] == _UPPER[ab[a0 + turn]]:
        e += 1
        turn = turn + 1 if turn + 1 < n else 0
    return s, e


@njit(cache=True, nogil=True)
def _base_after(
    seq: Bytes, first: int, s: int, at: int, ab: Bytes, a0: int, n: int, j: int
) -> int:
    """Give base j of the grown sequence: reference, inserted bases, reference."""
    left = at - s
    if j < left:
        return int(seq[first + s + j])
    if j < left + n:
        return int(_UPPER[ab[a0 + j - left]])
    return int(seq[first + s + j - n])


@njit(cache=True, nogil=True)
def _subunit(
    seq: Bytes, first: int, s: int, e: int, at: int, ab: Bytes, a0: int, n: int
) -> int:
    """Find the repeat of an insertion that the reference spells; 0 if it does not.

    VRS 2.0 normalisation step 5.c: the longest divisor c of n for which the last c bases
    of the interval, repeated, give all that follows.
    """
    r = e - s
    if r >= n:
        # The grown sequence begins and ends with the interval: it repeats every n bases.
        return n
    for c in range(r, 0, -1):
        if n % c:
            continue
        valid = True
        for j in range(n):
            if _base_after(seq, first, s, at, ab, a0, n, r + j) != seq[first + e - c + j % c]:
                valid = False
                break
        if valid:
            return c
    return 0


@njit(cache=True, nogil=True)
def _measure(
    seq: Bytes,
    starts: Longs,
    lengths: Longs,
    whole: npt.NDArray[np.bool_],
    contig: npt.NDArray[np.int32],
    pos: npt.NDArray[np.int32],
    rb: Bytes,
    ro: Longs,
    ab: Bytes,
    ao: Longs,
    kind: Shorts,
    known: npt.NDArray[np.bool_],
    start: Longs,
    end: Longs,
    size: Longs,
    subunit: Longs,
    length: Longs,
    pre: Longs,
    at: Longs,
) -> None:
    for k in range(pos.size):
        r0, r1, a0, a1 = ro[k], ro[k + 1], ao[k], ao[k + 1]
        p = int(pos[k]) - 1
        start[k], end[k] = p, p + r1 - r0
        kind[k] = NOT_A_SEQUENCE
        if not (_is_sequence(rb, r0, r1) and _is_sequence(ab, a0, a1)):
            continue
        c = contig[k]
        first, held = 0, 0
        if 0 <= c < starts.size:
            first, held = starts[c], lengths[c]
        known[k] = _agrees(seq, first, held, p, rb, r0, r1)
        while r1 > r0 and a1 > a0 and _UPPER[rb[r1 - 1]] == _UPPER[ab[a1 - 1]]:
            r1 -= 1
            a1 -= 1
        while r1 > r0 and a1 > a0 and _UPPER[rb[r0]] == _UPPER[ab[a0]]:
            r0 += 1
            a0 += 1
        s = p + r0 - ro[k]
        e = s + r1 - r0
        n = a1 - a0
        kind[k] = _kind(r1 - r0, n)
        at[k] = s
        if known[k] and kind[k] == DELETION:
            size[k] = subunit[k] = e - s
            s, e = _grow_deletion(seq, first, held, s, e)
        elif known[k] and kind[k] == INSERTION:
            size[k] = n
            s, e = _grow_insertion(seq, first, held, at[k], ab, a0, n)
            subunit[k] = _subunit(seq, first, s, e, at[k], ab, a0, n)
        if size[k] and e == held and not whole[c]:
            # What follows is not held: the interval might reach further.
            known[k] = False
        start[k], end[k], pre[k] = s, e, a0
        length[k] = e - s - size[k] if kind[k] == DELETION else e - s + n
        if kind[k] != DELETION and kind[k] != INSERTION:
            length[k] = n


@njit(cache=True, nogil=True)
def _write(
    seq: Bytes,
    starts: Longs,
    contig: npt.NDArray[np.int32],
    ab: Bytes,
    kind: Shorts,
    written: npt.NDArray[np.bool_],
    start: Longs,
    end: Longs,
    size: Longs,
    length: Longs,
    pre: Longs,
    at: Longs,
    deleted: Bytes,
    deleted_at: Longs,
    inserted: Bytes,
    inserted_at: Longs,
) -> None:
    for k in range(kind.size):
        if not written[k]:
            continue
        first = starts[contig[k]]
        s, w = start[k], deleted_at[k]
        for j in range(end[k] - s):
            deleted[w + j] = seq[first + s + j]
        w = inserted_at[k]
        for j in range(length[k]):
            if kind[k] == INSERTION:
                inserted[w + j] = _base_after(seq, first, s, at[k], ab, pre[k], size[k], j)
            elif kind[k] == DELETION:
                # Shifting does not change the outcome: delete the first bases.
                inserted[w + j] = seq[first + s + size[k] + j]
            else:
                inserted[w + j] = _UPPER[ab[pre[k] + j]]


def justify_packed(
    seq: Bytes,
    starts: Longs,
    lengths: Longs,
    whole: npt.NDArray[np.bool_],
    contig: npt.NDArray[np.int32],
    pos: npt.NDArray[np.int32],
    ref: Bytes,
    ref_at: Longs,
    alt: Bytes,
    alt_at: Longs,
) -> Justified:
    """Find the fully-justified interval of n alleles.

    Parameters
    ----------
    seq, starts, lengths, whole
        All bases (upper case, uint8); first base, number of bases held and whether that
        is all of it, of each contig.
    contig, pos
        Index into `starts` (any other value: not held), and 1-based POS; int32[n].
    ref, ref_at, alt, alt_at
        Alleles end to end, uint8, with int64[n + 1] offsets.
    """
    n = pos.size
    longs = [np.zeros(n, np.int64) for _ in range(7)]
    start, end, size, subunit, length, pre, at = longs
    kind, known = np.zeros(n, np.int8), np.zeros(n, np.bool_)
    seq, starts, lengths, contig = (_frozen(a) for a in (seq, starts, lengths, contig))
    alt = _frozen(alt)
    _measure(
        seq,
        starts,
        lengths,
        _frozen(whole),
        contig,
        _frozen(pos),
        _frozen(ref),
        _frozen(ref_at),
        alt,
        _frozen(alt_at),
        kind,
        known,
        start,
        end,
        size,
        subunit,
        length,
        pre,
        at,
    )
    span = end - start
    # Literal states are always given: they are at most twice what came in.
    short = (span + length <= MAX_TEXT) | (span < size) | (size == 0)
    written = known & short
    deleted_at, inserted_at = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    np.cumsum(np.where(written, span, 0), out=deleted_at[1:])
    np.cumsum(np.where(written, length, 0), out=inserted_at[1:])
    deleted, inserted = np.empty(deleted_at[-1], np.uint8), np.empty(inserted_at[-1], np.uint8)
    _write(
        seq,
        starts,
        contig,
        alt,
        kind,
        written,
        start,
        end,
        size,
        length,
        pre,
        at,
        deleted,
        deleted_at,
        inserted,
        inserted_at,
    )
    return Justified(
        kind,
        known,
        start,
        end,
        size,
        subunit,
        length,
        written,
        deleted,
        deleted_at,
        inserted,
        inserted_at,
    )


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View an array as read-only and contiguous, so that one compiled version serves."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    if view.flags.writeable:
        view = view.view()
        view.flags.writeable = False
    return view
