"""The walk over a BAM's records for base qualities: mismatches counted, qualities rewritten.

Covariates of a base are its read group, the quality that the sequencer gave, its cycle (from
the end that was read first; mate 2 apart) and the two bases that were read last, in the order
of reading.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.reads.bamcounts import find_tag, tags_of

N_QUALITIES = 64
"""Qualities that are told apart; higher ones count as the highest."""

MOST_CYCLES = 1000
"""Cycles of a mate: as the longest of short reads."""

N_CYCLES = 2 * MOST_CYCLES
N_CONTEXTS = 17
"""Pairs of bases, and one for a base without a base before it."""

LEAST_QUALITY = 6
"""Lower qualities are marks of bad bases (2 of Illumina), no estimates, and stay."""

SKIPPED = 4
"""Code of a reference base with which reads are not compared: no base, or a known variant."""

_NOT_COUNTED = 0x4 | 0x100 | 0x200 | 0x400 | 0x800
"""Unmapped, secondary, failed, duplicate, supplementary."""

_CODES = np.full(16, 4, np.uint8)
_CODES[[1, 2, 4, 8]] = 0, 1, 2, 3
_LETTERS = np.full(256, SKIPPED, np.uint8)
for _code, _letter in enumerate(b"ACGT"):
    _LETTERS[_letter] = _LETTERS[_letter + 32] = _code


@njit(cache=True, nogil=True)
def _int32(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    value = np.int32(0)
    for k in range(4):
        value |= np.int32(block[at + k]) << np.int32(8 * k)
    return np.int64(value)


@njit(cache=True, nogil=True)
def _uint32(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    value = np.int64(0)
    for k in range(4):
        value |= np.int64(block[at + k]) << np.int64(8 * k)
    return value


@njit(cache=True, nogil=True)
def _base(block, bases, k):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the code of a read's base: 0 to 3, 4: another letter."""
    both = np.int64(block[bases + (k >> 1)])
    return _CODES[both & 15 if k & 1 else both >> 4]


@njit(cache=True, nogil=True)
def _context(block, bases, k, length, is_reverse):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the two bases that were read last at place `k` of SEQ."""
    own = _base(block, bases, k)
    if is_reverse:
        before = _base(block, bases, k + 1) if k + 1 < length else np.uint8(4)
        if own > 3 or before > 3:
            return 16
        return np.int64(3 - before) * 4 + np.int64(3 - own)
    before = _base(block, bases, k - 1) if k else np.uint8(4)
    if own > 3 or before > 3:
        return 16
    return np.int64(before) * 4 + np.int64(own)


@njit(cache=True, nogil=True)
def _group(block, at, end, ids, starts, last):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find the read group of a record; the last one is that of records that name none."""
    n = starts.size - 1
    place = find_tag(block, tags_of(block, at), end, 82, 71)
    if place < 0:
        return n
    begin = place + 1
    stop = begin
    while stop < end and block[stop] != 0:
        stop += 1
    for turn in range(n + 1):
        g = last if turn == 0 else turn - 1
        if g >= n or starts[g + 1] - starts[g] != stop - begin:
            continue
        same = True
        for i in range(stop - begin):
            same &= ids[starts[g] + i] == block[begin + i]
        if same:
            return g
    return n


@njit(cache=True, nogil=True)
def _hard(block, cigar, n_cigar, is_reverse):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count the bases that were cut off before the first that was read."""
    word = _uint32(block, cigar + 4 * (n_cigar - 1 if is_reverse else 0))
    return word >> 4 if n_cigar and word & 15 == 5 else 0


@njit(cache=True, nogil=True)
def _cycle(k, length, hard, is_reverse, is_second):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    cycle = hard + (length - 1 - k if is_reverse else k)
    return min(cycle, MOST_CYCLES - 1) + (MOST_CYCLES if is_second else 0)


@njit(cache=True, nogil=True)
def count_block(block, at, contig, codes, ids, starts, cycles, contexts):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count bases and mismatches of records that are aligned to a contig.

    Parameters
    ----------
    block, at
        Whole records, and where the next of them begins.
    contig
        Number of the contig that `codes` has.
    codes
        Bases of the reference, 0 to 3, or `SKIPPED`.
    ids, starts
        Names of the read groups one after the other, and where each begins; the end, too.
    cycles, contexts
        Added to: [group, quality, cycle or context, bases and mismatches].

    Returns
    -------
    int
        Where the first record of another contig begins; the block's end if there is none.
    """
    last = 0
    while at < block.size:
        end = at + 4 + _int32(block, at)
        flag = np.int64(block[at + 18]) | np.int64(block[at + 19]) << 8
        own = _int32(block, at + 4)
        # Without a place, or with mapping quality 0: nothing that can be compared.
        if flag & _NOT_COUNTED or own < 0 or block[at + 13] == 0:
            at = end
            continue
        if own != contig:
            return at
        length = _int32(block, at + 20)
        n_cigar = np.int64(block[at + 16]) | np.int64(block[at + 17]) << 8
        cigar = at + 36 + np.int64(block[at + 12])
        bases = cigar + 4 * n_cigar
        qualities = bases + (length + 1) // 2
        if length == 0 or block[qualities] == 255:
            at = end
            continue
        last = _group(block, at, end, ids, starts, last)
        is_reverse, is_second = flag & 16 != 0, flag & 128 != 0
        hard = _hard(block, cigar, n_cigar, is_reverse)
        k, p = 0, _int32(block, at + 8)
        for i in range(n_cigar):
            word = _uint32(block, cigar + 4 * i)
            op, size = word & 15, word >> 4
            if op == 0 or op == 7 or op == 8:
                for j in range(size):
                    quality = np.int64(block[qualities + k + j])
                    if quality < LEAST_QUALITY or p + j >= codes.size:
                        continue
                    base, known = _base(block, bases, k + j), codes[p + j]
                    if base > 3 or known == SKIPPED:
                        continue
                    q = min(quality, N_QUALITIES - 1)
                    c = _cycle(k + j, length, hard, is_reverse, is_second)
                    x = _context(block, bases, k + j, length, is_reverse)
                    cycles[last, q, c, 0] += 1
                    contexts[last, q, x, 0] += 1
                    if base != known:
                        cycles[last, q, c, 1] += 1
                        contexts[last, q, x, 1] += 1
                k += size
                p += size
            elif op == 1 or op == 4:
                k += size
            elif op == 2 or op == 3:
                p += size
        at = end
    return at


@njit(cache=True, nogil=True)
def rewrite_block(block, ids, starts, table):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give all records of a block new qualities, in place.

    Parameters
    ----------
    table
        [group, quality, cycle, context]: the new quality.
    """
    at = 0
    last = 0
    while at < block.size:
        end = at + 4 + _int32(block, at)
        flag = np.int64(block[at + 18]) | np.int64(block[at + 19]) << 8
        length = _int32(block, at + 20)
        n_cigar = np.int64(block[at + 16]) | np.int64(block[at + 17]) << 8
        cigar = at + 36 + np.int64(block[at + 12])
        bases = cigar + 4 * n_cigar
        qualities = bases + (length + 1) // 2
        if length and block[qualities] != 255:
            last = _group(block, at, end, ids, starts, last)
            is_reverse, is_second = flag & 16 != 0, flag & 128 != 0
            hard = _hard(block, cigar, n_cigar, is_reverse)
            for k in range(length):
                quality = np.int64(block[qualities + k])
                if quality < LEAST_QUALITY:
                    continue
                q = min(quality, N_QUALITIES - 1)
                c = _cycle(k, length, hard, is_reverse, is_second)
                x = _context(block, bases, k, length, is_reverse)
                block[qualities + k] = table[last, q, c, x]
        at = end


@njit(cache=True, nogil=True)
def fill_codes(raw, line_bases, line_width, codes):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the codes of a contig's bases; `raw` are its lines in the FASTA."""
    for i in range(codes.size):
        codes[i] = _LETTERS[raw[i // line_bases * line_width + i % line_bases]]


@njit(cache=True, nogil=True)
def mask_known(text: Any, codes: Any) -> tuple[int, int]:  # pragma: no cover - compiled
    """Take the places of known variants out, of lines POS, tab, REF.

    Returns
    -------
    tuple
        Where the last line begins that has no end, and how many were read.
    """
    at, n = 0, 0
    while True:
        p, position = at, 0
        while p < text.size and text[p] != 9:
            position = 10 * position + int(np.int64(text[p])) - 48
            p += 1
        begin = p + 1
        while p < text.size and text[p] != 10:
            p += 1
        if p >= text.size:
            return at, n
        for i in range(max(0, position - 1), min(codes.size, position - 1 + p - begin)):
            codes[i] = SKIPPED
        at = p + 1
        n += 1


def new_counts(n_groups: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give counts for read groups and one more: by cycle, and by context."""
    shape = (n_groups + 1, N_QUALITIES)
    return (
        np.zeros((*shape, N_CYCLES, 2), np.int64),
        np.zeros((*shape, N_CONTEXTS, 2), np.int64),
    )
