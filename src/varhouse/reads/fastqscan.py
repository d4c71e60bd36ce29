"""The walk over a FASTQ's bytes: records found and checked, many at a time; mates compared.

A read has four lines: a name after `@`, bases, `+`, qualities. Most reads of a file are as
long as the one before: the line is taken to end there, and the check that it has nothing but
bases (or qualities) is at once the check that no line end is inside. So the bytes are gone
over by loops without a branch, which the compiler makes vector code of.
"""

from typing import Any

import numpy as np
from numba import njit

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

FINE, NO_AT, NO_PLUS, QUALITY_LENGTH, BAD_BASE, BAD_QUALITY, NO_NAME, BAD_NAME, OTHER_NAME = (
    range(9)
)
"""What is wrong with a record."""

(
    N_READS, N_BASES, LONGEST, LOWEST, HIGHEST, N_EMPTY, N_CRLF, N_CODES, GUESS,
    FIRST_33, FIRST_64, N_WIDE,
) = range(12)  # fmt: skip
"""Places in the counts: reads, bases, the longest read, the lowest and the highest byte of a
quality, reads without bases, lines that end with carriage return and line feed, IUPAC codes
and dots, the length of the last read; the number (1-based; 0: none) of the first read with
qualities that only Phred+33 has, of the first that looks as Phred+64 does, and how many have
what only the one has and what is above all that sequencers give in it."""

BELOW_64 = 59
"""Byte of a quality below which only Phred+33 has any: Solexa's scale begins there."""
ABOVE_33 = 96
"""Byte of a quality, from which on Phred+33 would have qualities above 62: no sequencer of
short reads gives them, Phred+64 reaches it (quality 32) in any run."""

NAME, WORD_END, BASES, LENGTH = range(4)
"""Columns of the spans of records: where the name (behind the `@`) begins, where its first
word ends, where the bases begin, and how many there are."""

PLAIN, MIDDLE, LAST = range(3)
"""Where mates' names have their mark: `/1` at the end or nowhere; `_1:N:` in the middle; a
last character of its own."""

SAME, ODD, SWAPPED, BOTH_SAME = range(4)
"""What two names are to each other: a pair; not; mate 2 before mate 1; twice the same mate."""

_AT, _PLUS, _LF, _CR, _SLASH = 64, 43, 10, 13, 47
_LEAST, _MOST = 33, 126
"""Bytes of a quality."""

_LONGEST_NAME = 254
"""Bytes of a read's name, as SAM has it (1.4, QNAME)."""


def new_counts() -> Ints:
    """Give counts of a file of which nothing has been read."""
    counts = np.zeros(N_WIDE + 1, np.int64)
    counts[LOWEST] = 255
    return counts


@njit(cache=True, nogil=True)
def _line_end(buf: Bytes, begin: int, end: int) -> int:
    """Find the first line feed; `end` if there is none."""
    p = begin
    while p + 32 <= end:
        hit = False
        for i in range(32):
            hit |= buf[p + i] == _LF
        if hit:
            break
        p += 32
    while p < end and buf[p] != _LF:
        p += 1
    return p


@njit(cache=True, nogil=True)
def _are_bases(bases: Bytes) -> bool:
    bad = False
    for i in range(bases.size):
        c = bases[i] & 0xDF
        bad |= not ((c == 65) | (c == 67) | (c == 71) | (c == 84) | (c == 78))
    return not bad


@njit(cache=True, nogil=True)
def _bounds(qualities: Bytes) -> tuple[int, int]:
    low = np.uint8(255)
    high = np.uint8(0)
    for i in range(qualities.size):
        low = min(low, qualities[i])
        high = max(high, qualities[i])
    return int(np.int64(low)), int(np.int64(high))


@njit(cache=True, nogil=True)
def _count_codes(buf: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Count IUPAC codes (without U) and dots, which stand for N.

    Returns
    -------
    tuple
        How many, and the place of the first byte that is no base at all; -1: there is none.
    """
    n = 0
    for p in range(begin, end):
        c = buf[p] & 0xDF
        if c == 65 or c == 67 or c == 71 or c == 84 or c == 78:
            continue
        is_code = c in (82, 89, 75, 77, 83, 87, 66, 68, 72, 86)  # RYKMSWBDHV
        if not is_code and buf[p] != 46:
            return n, p
        n += 1
    return n, -1


@njit(cache=True, nogil=True)
def _same_text(buf: Bytes, a: int, a_end: int, b: int, b_end: int) -> bool:
    """Compare two lines, the second of which may be empty; a carriage return is no part."""
    if buf[a_end - 1] == _CR:
        a_end -= 1
    if buf[b_end - 1] == _CR:
        b_end -= 1
    if b == b_end:
        return True
    if a_end - a != b_end - b:
        return False
    differ = False
    for i in range(a_end - a):
        differ |= buf[a + i] != buf[b + i]
    return not differ


@njit(cache=True, nogil=True)
def scan(
    buf: Bytes, begin: int, end: int, spans: Ints, counts: Ints
) -> tuple[int, int, int, int]:
    """Walk over whole records until the bytes or the spans end, or one is wrong.

    Parameters
    ----------
    buf, begin, end
        Text from `begin` to before `end`; at `begin` a record begins.
    spans
        Filled, a row a record: `NAME`, `WORD_END`, `BASES`, `LENGTH`.
    counts
        Added to.

    Returns
    -------
    tuple
        Where the next record begins, records found, what is wrong with the next (`FINE`:
        nothing that is seen yet), and at which byte.
    """
    p = begin
    n = 0
    while n < spans.shape[0] and p < end:
        if buf[p] != _AT:
            return p, n, NO_AT, p
        e = p + 1
        word = -1
        is_odd = False
        while e < end and buf[e] != _LF:
            if word < 0 and (buf[e] == 32 or buf[e] == 9):
                word = e
            is_odd |= (buf[e] < 32) & (buf[e] != 9) & (buf[e] != _CR) | (buf[e] > _MOST)
            e += 1
        if e >= end:
            break
        name_end = e
        crlf = 1 if buf[e - 1] == _CR else 0
        if word < 0:
            word = e - crlf
        if word == p + 1:
            return p, n, NO_NAME, p
        if is_odd or word - p - 1 > _LONGEST_NAME:
            return p, n, BAD_NAME, p
        s = e + 1
        t = s + counts[GUESS]
        if t + crlf < end and buf[t + crlf] == _LF and (crlf == 0 or buf[t] == _CR):
            fits = _are_bases(buf[s:t])
        else:
            fits = False
        n_codes = 0
        if fits:
            e = t + crlf
        else:
            e = _line_end(buf, s, end)
            if e >= end:
                break
            t = e - 1 if e > s and buf[e - 1] == _CR else e
            n_codes, wrong = _count_codes(buf, s, t)
            if wrong >= 0:
                return p, n, BAD_BASE, wrong
        length = t - s
        plus = e + 1
        if plus >= end:
            break
        if buf[plus] != _PLUS:
            return p, n, NO_PLUS, plus
        e = plus + 1 if plus + 1 < end and buf[plus + 1] == _LF else _line_end(buf, plus, end)
        if e >= end:
            break
        # A name behind the + is that of the read, with or without what follows it.
        if (
            e > plus + 1
            and not _same_text(buf, p + 1, name_end, plus + 1, e)
            and not _same_text(buf, p + 1, word, plus + 1, e)
        ):
            return p, n, OTHER_NAME, plus
        q = e + 1
        stop = q + length
        # A quality may be `@` or `+`: only its length tells where the line ends.
        if stop + crlf >= end or buf[stop + crlf] != _LF:
            e = _line_end(buf, q, end)
            if e >= end:
                break
            own = e - 1 if e > q and buf[e - 1] == _CR else e
            if own != stop:
                return p, n, QUALITY_LENGTH, own
            crlf = 1
        low, high = _bounds(buf[q:stop])
        if length and (low < _LEAST or high > _MOST):
            for i in range(q, stop):
                if buf[i] < _LEAST or buf[i] > _MOST:
                    wrong_length = buf[i] == _LF or buf[i] == _CR
                    return p, n, QUALITY_LENGTH if wrong_length else BAD_QUALITY, i
        spans[n, NAME] = p + 1
        spans[n, WORD_END] = word
        spans[n, BASES] = s
        spans[n, LENGTH] = length
        n += 1
        counts[N_READS] += 1
        counts[N_BASES] += length
        counts[LONGEST] = max(counts[LONGEST], length)
        if length:
            counts[LOWEST] = min(counts[LOWEST], low)
            counts[HIGHEST] = max(counts[HIGHEST], high)
            if low < BELOW_64:
                counts[N_WIDE] += high >= ABOVE_33
                if counts[FIRST_33] == 0:
                    counts[FIRST_33] = counts[N_READS]
            elif high >= ABOVE_33 and counts[FIRST_64] == 0:
                counts[FIRST_64] = counts[N_READS]
        else:
            counts[N_EMPTY] += 1
        counts[N_CRLF] += crlf
        counts[N_CODES] += n_codes
        counts[GUESS] = length
        p = stop + crlf + 1
    return p, n, FINE, p


@njit(cache=True, nogil=True)
def mark_of(buf: Bytes, begin: int, end: int, mode: int) -> tuple[int, int]:
    """Find the mark of the mate in a name's first word.

    The one place where it stands what a mark is: the check of a lane and the reader before
    the aligner both ask here.

    Returns
    -------
    tuple
        How many bytes of the word name the pair, and the mate's number; 0: no mark.
    """
    size = end - begin
    if mode == MIDDLE:
        for i in range(begin + 1, end - 4):
            joint = buf[i] == 95 and buf[i + 2] == 58 and buf[i + 4] == 58
            if joint and (buf[i + 3] == 78 or buf[i + 3] == 89):
                return i - begin, int(np.int64(buf[i + 1])) - 48
        return size, 0
    if size > 2 and 49 <= buf[end - 1] <= 51:
        before = buf[end - 2]
        if before == _SLASH:
            return size - 2, int(np.int64(buf[end - 1])) - 48
        if mode == LAST and (before in (46, 95, 45, 58, 82)):  # . _ - : R
            size -= 2
            # Of _R1 the name keeps neither.
            if before == 82 and size > 1 and (buf[begin + size - 1] in (46, 95, 45, 58)):
                size -= 1
            return size, int(np.int64(buf[end - 1])) - 48
    return size, 0


@njit(cache=True, nogil=True)
def shared_name(a: Bytes, at: int, a_end: int, b: Bytes, bt: int, b_end: int) -> int:
    """Tell how many bytes of two names are those of one pair; -1: they are no mates.

    Mates are called the same, or their marks are 1 and 2 (or 1 and 3) in one of the forms.
    """
    for mode in (PLAIN, MIDDLE, LAST):
        size, mate = mark_of(a, at, a_end, mode)
        other_size, other = mark_of(b, bt, b_end, mode)
        if size != other_size:
            continue
        differ = False
        for i in range(size):
            differ |= a[at + i] != b[bt + i]
        if not differ and (mate == other == 0 or 0 < mate < other):
            return size
    return -1


@njit(cache=True, nogil=True)
def first_odd_pair(
    a: Bytes, spans_a: Ints, b: Bytes, spans_b: Ints, mode: int
) -> tuple[int, int]:
    """Find the first records of two files, read beside each other, that are no pair.

    Parameters
    ----------
    a, b
        Text of the mates 1 and 2.
    spans_a, spans_b
        As many rows each.
    mode
        `PLAIN`, `MIDDLE` or `LAST`.

    Returns
    -------
    tuple
        The row and what is wrong (`ODD`, `SWAPPED`, `BOTH_SAME`); all rows and `SAME` if they
        are pairs.
    """
    for k in range(spans_a.shape[0]):
        at, bt = spans_a[k, NAME], spans_b[k, NAME]
        size, mate = mark_of(a, at, spans_a[k, WORD_END], mode)
        other_size, other = mark_of(b, bt, spans_b[k, WORD_END], mode)
        if size != other_size:
            return k, ODD
        differ = False
        for i in range(size):
            differ |= a[at + i] != b[bt + i]
        if differ or (mode != PLAIN and (mate == 0 or other == 0)):
            return k, ODD
        if mate and other:
            if mate == other:
                return k, BOTH_SAME
            if mate > other:
                return k, SWAPPED
    return spans_a.shape[0], SAME


@njit(cache=True, nogil=True)
def first_of_other_unit(buf: Bytes, spans: Ints, begin: int, unit: Bytes) -> int:
    """Find the first record from row `begin` on whose name does not begin with a text."""
    for k in range(begin, spans.shape[0]):
        at = spans[k, NAME]
        if spans[k, WORD_END] - at < unit.size:
            return int(k)
        for i in range(unit.size):
            if buf[at + i] != unit[i]:
                return int(k)
    return int(spans.shape[0])
