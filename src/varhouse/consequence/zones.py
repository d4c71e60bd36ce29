"""Splice sites as lookup tables over the distance to a segment's edge.

Limits, in bases from the edge of an intron of n bases (VEP 115): donor 1-2, donor
region 3-6 without the 5th base, acceptor n-1..n, polypyrimidine tract n-16..n-2, splice
region 3-8 and n-7..n-2 of the intron and the 3 exon bases beside it. A table row is an
edge code of the model (none, intron side, exon side, each on the forward and on the
reverse strand), a column the distance of the base from that edge.
"""

import numpy as np
import numpy.typing as npt

from varhouse.consequence import terms as so
from varhouse.transcripts.genemodel import EDGE_EXON, EDGE_INTRON, EDGE_REVERSE, Bool, Int64

Zones = npt.NDArray[np.int16]

(
    DONOR,
    ACCEPTOR,
    FIFTH,
    DONOR_REGION,
    TRACT,
    REGION,
    REGION_RIGHT,
    INSERT_RIGHT,
    INSERT_LEFT,
) = (np.int16(1 << i) for i in range(9))
"""Bits of a zone. The splice region of a segment's left edge is not that of its right one: an
insertion between the two is in neither. The last two mark bases whose left or right side is a
place where an insertion counts as splice region although only one neighbour is in it."""

WIDTH = 18
"""One more than the widest zone: distances are cut off at WIDTH - 1."""


def _single_base_tables() -> tuple[Zones, Zones]:
    left, right = np.zeros((6, WIDTH), np.int16), np.zeros((6, WIDTH), np.int16)
    for reverse in (0, EDGE_REVERSE):
        intron_left, intron_right = left[EDGE_INTRON + reverse], right[EDGE_INTRON + reverse]
        # On the forward strand an intron begins with its donor.
        donor, acceptor = (
            (intron_right, intron_left) if reverse else (intron_left, intron_right)
        )
        donor[0:2] |= DONOR
        donor[4] |= FIFTH
        donor[2:6] |= DONOR_REGION
        acceptor[0:2] |= ACCEPTOR
        acceptor[2:17] |= TRACT
        intron_left[2:8] |= REGION
        intron_right[2:8] |= REGION_RIGHT
        intron_left[[0, 2]] |= INSERT_RIGHT
        intron_right[[0, 2]] |= INSERT_LEFT
        left[EDGE_EXON + reverse, 0:3] |= REGION
        right[EDGE_EXON + reverse, 0:3] |= REGION_RIGHT
    return left, right


def _interval_table(single: Zones) -> Zones:
    """OR of `single` over [a, b) at [edge, a, b]."""
    table = np.zeros((6, WIDTH, WIDTH + 1), np.int16)
    for a in range(WIDTH):
        for b in range(a + 1, WIDTH + 1):
            table[:, a, b] = np.bitwise_or.reduce(single[:, a:b], axis=1)
    return table


_LEFT, _RIGHT = _single_base_tables()
_LEFT_SPAN, _RIGHT_SPAN = _interval_table(_LEFT), _interval_table(_RIGHT)


def base_zones(
    left_edge: npt.NDArray[np.int8],
    right_edge: npt.NDArray[np.int8],
    from_left: Int64,
    from_right: Int64,
) -> Zones:
    """Zones of single bases from their distances (0 at the edge) to both edges."""
    zones: Zones = (
        _LEFT[left_edge, np.minimum(from_left, WIDTH - 1)]
        | _RIGHT[right_edge, np.minimum(from_right, WIDTH - 1)]
    )
    return zones


def interval_zones(
    left_edge: npt.NDArray[np.int8],
    right_edge: npt.NDArray[np.int8],
    first: Int64,
    stop: Int64,
    length: Int64,
) -> Zones:
    """Zones that the bases [first, stop) of segments of `length` bases touch."""
    zones: Zones = (
        _LEFT_SPAN[left_edge, np.minimum(first, WIDTH - 1), np.minimum(stop, WIDTH)]
        | _RIGHT_SPAN[
            right_edge,
            np.minimum(length - stop, WIDTH - 1),
            np.minimum(length - first, WIDTH),
        ]
    )
    return np.where(first >= stop, np.int16(0), zones)


def insertion_zones(left: Zones, right: Zones) -> Zones:
    """Zones of insertions from those of the bases on their two sides.

    An insertion is in a zone when both neighbours are; at the exon's edge and between
    intron bases 2 and 3 one is enough for the splice region, and for the tract always.
    """
    zones = left & right
    at_edge = ((right & INSERT_RIGHT) != 0) | ((left & INSERT_LEFT) != 0)
    zones = np.where(at_edge, zones | REGION, zones)
    return zones | ((left | right) & TRACT)


def splice_terms(zones: Zones, touches_exon: Bool) -> Int64:
    """Turn zones into terms: the narrower term excludes the wider.

    Returns
    -------
    int64[n]
        Masks; no polypyrimidine tract for alleles that touch an exon base.
    """
    donor, acceptor = (zones & DONOR) != 0, (zones & ACCEPTOR) != 0
    fifth = (zones & FIFTH) != 0
    donor_region = ((zones & DONOR_REGION) != 0) & ~fifth
    region = ((zones & (REGION | REGION_RIGHT)) != 0) & ~(
        donor | acceptor | fifth | donor_region
    )
    tract = ((zones & TRACT) != 0) & ~touches_exon
    masks: Int64 = (
        donor * so.DONOR
        | acceptor * so.ACCEPTOR
        | fifth * so.DONOR_5TH
        | donor_region * so.DONOR_REGION
        | region * so.SPLICE_REGION
        | tract * so.POLYPYRIMIDINE
    )
    return masks
