"""How mates are told in the names of a lane's reads: which mark they have, and where."""

import re

from varhouse.reads import fastqscan as fq
from varhouse.reads.fastqfile import FastqFile
from varhouse.reads.names import archive_mate

FIRST_PAIRS = 64
"""Pairs by which it is decided how mates are marked."""


def turn_mode(file: FastqFile) -> int | None:
    """Find how mates that stand in turn are marked; None: reads have no mates here."""
    n = min(len(file.left) // 2, FIRST_PAIRS)
    pairs = file.left[: 2 * n]
    for mode in (fq.PLAIN, fq.MIDDLE, fq.LAST):
        # A running number looks like a mark at the end, for one pair: 7.1 and 7.2.
        asked = pairs if mode == fq.LAST and n > 1 else pairs[:2]
        if not n or (mode == fq.LAST and n == 1 and file.name(file.row).count(b".") < 2):
            continue
        _, what = fq.first_odd_pair(file.buf, asked[0::2], file.buf, asked[1::2], mode)
        if what == fq.SAME:
            return mode
    return None


def late_turns(file: FastqFile) -> int:
    """Find mates in turn at the beginning or end of a block of reads without mates.

    Returns
    -------
    int
        Number of a read where they are, from 1; 0: there are none.
    """
    n = 2 * FIRST_PAIRS
    for begin in (0, 1, len(file.left) - n - 1, len(file.left) - n):
        rows = file.left[max(begin, 0) : begin + n]
        if begin < 0 or len(rows) < n:
            continue
        for mode in (fq.PLAIN, fq.MIDDLE, fq.LAST):
            _, what = fq.first_odd_pair(file.buf, rows[0::2], file.buf, rows[1::2], mode)
            if what == fq.SAME:
                return file.at_read + begin
    return 0


def pair_mode(one: FastqFile, first: fq.Ints, two: FastqFile, second: fq.Ints) -> int:
    """Find how mates are marked: the first way in which the first pairs fit.

    Where names are the same in both files a number at their end is no mark: it may be of a
    barcode, a coordinate, a running number. In archives' names alone it is known to be one.
    """
    if archive_mate(one.name(one.row)) and archive_mate(two.name(two.row)):
        return fq.LAST
    for mode in (fq.MIDDLE, fq.PLAIN, fq.LAST):
        _, what = fq.first_odd_pair(one.buf, first, two.buf, second, mode)
        # A pair in the wrong order is marked so, too.
        if what in (fq.SAME, fq.SWAPPED, fq.BOTH_SAME):
            return mode
    return fq.PLAIN


def mate_number(name: bytes) -> int:
    """Give the mate's number of a name that has one."""
    mark = re.search(rb"_([123]):[YN]:|([123])\Z", name)
    return int(mark[1] or mark[2]) if mark else 0
