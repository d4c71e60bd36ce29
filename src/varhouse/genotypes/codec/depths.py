"""What AD, DP, GQ and PL say about each other: what both sides of their coding must know.

Callers write the four so that little is left when one knows the others: AD sums to DP, GQ is
the second PL up to 99, PL of reads that do not fit an allele grows by some 30 a read. So each
is written as what it differs from that. Nothing is taken for granted: what differs is written.

A cell is *copied* (homozygous reference, with depth and PL of the same person in the record
before, as a gVCF block has it: one bit), *regular* (a PL of 0, the numbers of values that the
alleles ask for) or *raw* (anything else, each value for itself).
"""

from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.genotypes.fields import INT_MISSING

GROUP = ("AD", "DP", "GQ", "PL")
"""Fields of the group, in the order of their bits in a record's head."""

HAS_AD, HAS_DP, HAS_GQ, HAS_PL = 1, 2, 4, 8

MOST_ALLELES = 64
"""Alleles of a record with REF; of more, AD and PL are not coded here."""

MOST_DEPTH = 1 << 24
"""Depth, and sum of AD, of a cell that is not raw: what is expected of its PL stays within
the bits that a varint has, and the sum of AD within int32."""

(
    HEAD,
    MASK,
    KIND,
    DEPTH,
    SUM,
    READS,
    QUALITY,
    FIRST,
    SECOND_LOW,
    SECOND_HIGH,
    OTHER_LOW,
    OTHER_HIGH,
    RAW,
) = range(13)
"""Streams; RAW and the three after it hold raw cells, a stream a field of the group."""

ODD = RAW + len(GROUP)
STREAMS = ODD + 3
"""Odd texts of the group: field and cell, length, bytes."""

COPIED, RAW_CELL = 254, 255
"""Kinds of cells that are not regular; COPIED is not written but is what the mask says."""

MOST_KIND = 60
"""Genotypes that the kind of a cell can name; a cell with a PL of 0 beyond is raw."""

ESCAPE, MISSING = 254, 255
"""In place of a residual: it follows as a varint in the same stream; the value is `.`."""

SLOPE = 32
"""PL of a read that does not fit, as far as nothing better is known."""


class Rules(NamedTuple):
    """What the writer chose for a block."""

    ratio: int
    """Second PL of a homozygous reference call, in sixteenths of its depth."""

    delta: int
    """1: a depth is written as what it differs from that of the record before."""


@nb.njit(cache=True, nogil=True, inline="always")
def genotypes_of(alleles):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the diploid genotypes of some alleles."""
    return alleles * (alleles + 1) // 2


@nb.njit(cache=True, nogil=True)
def pair_of(i):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give alleles a <= b of genotype number i (VCF 4.5 section 1.6.2, Number=G)."""
    b = 0
    while (b + 1) * (b + 2) // 2 <= i:
        b += 1
    return i - b * (b + 1) // 2, b


@nb.njit(cache=True, nogil=True, inline="always")
def second_of_three(x, y, z):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the second smallest of three numbers."""
    return max(min(x, y), min(max(x, y), z))


@nb.njit(cache=True, nogil=True)
def usual_quality(pl, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the GQ that PL values a to b of an array say: the second smallest, up to 99."""
    low = second = np.int64(1 << 30)
    for i in range(a, b):
        v = np.int64(pl[i])
        if v == INT_MISSING:
            continue
        if v < low:
            low, second = v, low
        elif v < second:
            second = v
    return min(np.int64(99), second) if second < 1 << 30 else np.int64(0)


@nb.njit(cache=True, nogil=True)
def usual_reference_pl(i, p1, p2, fill):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Guess PL number i >= 3 of a homozygous reference call with PL `0, p1, p2`.

    `fill`: in this record, genotypes of two different ALTs are `.`.
    """
    a, b = pair_of(i)
    if a == 0:
        return np.int64(p1)
    return np.int64(INT_MISSING) if fill and a != b else np.int64(p2)


@nb.njit(cache=True, nogil=True)
def usual_other_pl(i, ad, a, b, depth, has_ad):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Guess PL number i of a call with another genotype, from its AD, `ad[a:b]`."""
    if not has_ad:
        return np.int64(0)
    x, y = pair_of(i)
    against = np.int64(0)
    for j in range(a, b):
        if j - a != x and j - a != y:
            against += ad[j]
    return SLOPE * against + (3 * depth if against == 0 else 0)
