"""Splice terms beside tiny introns and exons, by VEP's rule for them.

An intron of 13 bases or fewer ("frameshift intron", `abs(end - start) <= 12` in VEP's
`_intron_effects`) stands for an error of the assembly. An allele that touches it is in no
intron and at no splice site of it. One that does not is judged as beside any other intron, by
the distance to its ends alone: so the zones of its two sides, which are longer than it is,
lie on the bases of the exon, or even the intron, behind it. The same is true of the zones of
any intron beside an exon of 1 or 2 bases, and of the polypyrimidine tract of a short one.
"""

import numpy as np
import numpy.typing as npt

from varhouse.consequence.zones import (
    ACCEPTOR,
    DONOR,
    DONOR_REGION,
    FIFTH,
    REGION,
    TRACT,
    WIDTH,
    Zones,
)
from varhouse.transcripts.genemodel import INTRON, TINY_INTRON, Bool, GeneModel, Int64

_BIG = np.int64(1) << 36

# Bases from the intron's first base on (0), towards its 3' end: [first, last] of each zone.
_DONOR_SIDE = (
    (0, 1, DONOR),
    (4, 4, FIFTH),
    (2, 5, DONOR_REGION),
    (2, 7, REGION),
    (-3, -1, REGION),
)
_ACCEPTOR_SIDE = ((0, 1, ACCEPTOR), (2, 16, TRACT), (2, 7, REGION), (-3, -1, REGION))


def beside_tiny(
    model: GeneModel, window: Int64, tx: Int64, start: Int64, end: Int64
) -> tuple[Zones, Bool]:
    """Give the zones of tiny introns, and those longer than what they lie on, of pairs.

    Parameters
    ----------
    window
        int64: segments of all transcripts near.
    tx, start, end
        int64[n]: transcript, and changed bases on the axis (0-based, half-open; none for an
        insertion before `start`).

    Returns
    -------
    zones, intronic
        int16[n] bits of `zones.py`; bool[n], insertions that VEP calls intronic.
    """
    zones, intronic = np.zeros(len(tx), np.int16), np.zeros(len(tx), np.bool_)
    tiny = _special(model, window)
    if not tiny.size:
        return zones, intronic
    key = model.seg_tx[tiny] * _BIG + model.seg_end[tiny]
    row = np.flatnonzero(np.isin(tx, model.seg_tx[tiny]))
    at = np.searchsorted(key, tx[row] * _BIG + start[row] - WIDTH)
    while row.size:
        near = at < len(tiny)
        row, at = row[near], at[near]
        seg = tiny[at]
        near = (model.seg_tx[seg] == tx[row]) & (model.seg_start[seg] < end[row] + WIDTH)
        row, at, seg = row[near], at[near], seg[near]
        found, inner = _of_intron(model, seg, start[row], end[row])
        zones[row] |= found
        intronic[row] |= inner
        at = at + 1
    return zones, intronic


def _special(model: GeneModel, window: Int64) -> Int64:
    """Pick tiny introns, and others whose zones are longer than what they lie on."""
    introns = window[model.seg_kind[window] >= INTRON]
    size = model.seg_end[introns] - model.seg_start[introns]
    before = model.seg_end[introns - 1] - model.seg_start[introns - 1]
    behind = model.seg_end[introns + 1] - model.seg_start[introns + 1]
    some = (size < WIDTH - 1) | (before < 3) | (behind < 3)
    # Neither where a ribosome slips, nor between exons that touch.
    found: Int64 = introns[some & (size > 0) & (model.seg_rank[introns] > 0)]
    return found


def _of_intron(
    model: GeneModel, seg: Int64, start: Int64, end: Int64
) -> tuple[npt.NDArray[np.int16], Bool]:
    """Zones of one intron for each allele."""
    low, high = model.seg_start[seg], model.seg_end[seg]
    insertion = start == end
    inside = np.where(insertion, (start > low) & (start < high), (start < high) & (end > low))
    forward = model.strand[model.seg_tx[seg]] > 0
    zones = np.zeros(len(seg), np.int16)
    for from_low, side in ((forward, _DONOR_SIDE), (~forward, _ACCEPTOR_SIDE)):
        zones |= np.where(from_low, _touching(start - low, end - low, side), np.int16(0))
    # The other side is counted from the intron's last base.
    for from_high, side in ((forward, _ACCEPTOR_SIDE), (~forward, _DONOR_SIDE)):
        zones |= np.where(from_high, _touching(high - end, high - start, side), np.int16(0))
    edge = (start == low) | (start == high) | (start == low + 2) | (start == high - 2)
    zones = np.where(insertion & edge, zones | REGION, zones)
    inner = insertion & ((start == low + 2) | (start == high - 2))
    inside &= model.seg_kind[seg] == TINY_INTRON
    return np.where(inside, np.int16(0), zones), inner & ~inside


def _touching(
    first: Int64, stop: Int64, side: tuple[tuple[int, int, np.int16], ...]
) -> npt.NDArray[np.int16]:
    """Zones that [first, stop) touches; an insertion lies in one with both its neighbours."""
    zones = np.zeros(len(first), np.int16)
    insertion = first == stop
    for low, high, zone in side:
        touches = np.where(
            insertion, (first > low) & (first <= high), (first <= high) & (stop > low)
        )
        if zone == TRACT:
            touches |= insertion & (first >= low) & (first <= high + 1)
        zones |= np.where(touches, zone, np.int16(0))
    return zones
