"""Alleles where a ribosome slips: what the coding sequence that is really read becomes.

At a slippage two pieces of one exon overlap (a base is read twice) or leave one or two
bases between them (a base is jumped over). An allele changes the genome; both pieces are
read from the changed genome, so a base that is read twice is changed twice. The result is
one edit of the spliced sequence, which is what consequences and names are made of.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from varhouse.transcripts.genemodel import EXON, TINY_INTRON, GeneModel, Int64, UInt8

_JUMP = 2
"""Bases that a slippage may jump over."""


class Sites(NamedTuple):
    """Slippages of a model: transcript, and segments of the two pieces (genomic order)."""

    tx: Int64
    left: Int64
    right: Int64


def find_sites(model: GeneModel) -> Sites:
    """Find the slippages of a model."""
    if not model.has_slippage:
        none = np.zeros(0, np.int64)
        return Sites(none, none, none)
    return _sites(model.digest, _Held(model))


class _Held:
    """A model as an argument that the cache does not look at: the digest names it."""

    def __init__(self, model: GeneModel) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=2)
def _sites(digest: str, held: _Held) -> Sites:
    model = held.model
    left = np.flatnonzero(model.seg_kind[:-2] == EXON)
    same = (model.seg_kind[left + 2] == EXON) & (model.seg_kind[left + 1] == TINY_INTRON)
    same &= model.seg_tx[left] == model.seg_tx[left + 2]
    same &= model.seg_rank[left] == model.seg_rank[left + 2]
    gap = model.seg_start[left + 2] - model.seg_end[left]
    left = left[same & (gap <= _JUMP)]
    return Sites(model.seg_tx[left].astype(np.int64), left, left + 2)


def pairs_near(sites: Sites, model: GeneModel, tx: Int64, start: Int64, end: Int64) -> Int64:
    """Rows of pairs whose interval [start, end] touches a slippage of their transcript.

    Returns
    -------
    int64[k, 2]
        Row of the pair and row of the site.
    """
    found = []
    for k in range(len(sites.tx)):
        low = model.seg_start[sites.right[k]]
        high = model.seg_end[sites.left[k]]
        low, high = min(low, high), max(low, high)
        rows = np.flatnonzero((tx == sites.tx[k]) & (start <= high) & (end >= low))
        found.append(np.stack([rows, np.full(len(rows), k)], axis=1))
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def spliced_edit(
    model: GeneModel, sites: Sites, site: int, start: int, end: int, alt: UInt8
) -> tuple[int, int, UInt8] | None:
    """Give the edit of the spliced sequence that an allele at a slippage makes.

    Parameters
    ----------
    site
        Row of `sites`.
    start, end
        Changed bases on the model's axis, 0-based, half-open.
    alt
        Base codes of what stands there instead, on the forward strand.

    Returns
    -------
    first, stop, alt, or None
        Bases [first, stop) of the spliced sequence become `alt` (in its sense), equal ends
        taken off; None for an allele that is not wholly inside the two pieces, or that
        changes no base that is read.
    """
    left, right = int(sites.left[site]), int(sites.right[site])
    a1, b1 = int(model.seg_start[left]), int(model.seg_end[left])
    a2, b2 = int(model.seg_start[right]), int(model.seg_end[right])
    insertion = start == end
    if start < a1 or end > b2 or (insertion and not a1 < start < b2):
        return None
    in_left = start < b1
    in_right = start > a2 if insertion else end > a2
    if not (in_left or in_right):
        return None
    held = _both_pieces(model, left, right)
    n_left = b1 - a1
    # What lies behind the left piece, or before the right one, is not read with it.
    of_left = len(alt) if end <= b1 else min(len(alt), b1 - start)
    of_right = 0 if start >= a2 else min(len(alt), a2 - start)
    first, stop = start - a1, n_left + end - a2
    if in_left and in_right:
        kept_left = held[end - a1 : n_left]
        kept_right = held[n_left : n_left + max(start - a2, 0)]
        new = np.concatenate([alt[:of_left], kept_left, kept_right, alt[of_right:]])
    elif in_left:
        stop, new = min(end, b1) - a1, alt[:of_left]
    else:
        first, new = n_left + max(start - a2, 0), alt[of_right:]
    first, stop, new = _trimmed(held, first, stop, new)
    at = int(model.seg_anchor[left])
    if model.strand[sites.tx[site]] > 0:
        return at + a1 + first, at + a1 + stop, new
    turned = np.where(new < 4, 3 - new, 4)[::-1].astype(np.uint8)
    return at - a1 - stop + 1, at - a1 - first + 1, turned


def _both_pieces(model: GeneModel, left: int, right: int) -> UInt8:
    """Read the base codes of the two pieces, one behind the other, on the forward strand."""
    t = int(model.seg_tx[left])
    size = int(
        model.seg_end[left]
        - model.seg_start[left]
        + model.seg_end[right]
        - model.seg_start[right]
    )
    at = int(model.cdna_ptr[t] + model.seg_anchor[left])
    if model.strand[t] > 0:
        at += int(model.seg_start[left])
        return model.cdna[at : at + size]
    at -= int(model.seg_start[left])
    bases = model.cdna[at - size + 1 : at + 1][::-1]
    return np.where(bases < 4, 3 - bases, 4).astype(np.uint8)


def _trimmed(held: UInt8, first: int, stop: int, new: UInt8) -> tuple[int, int, UInt8]:
    while stop > first and len(new) and held[first] == new[0] and new[0] < 4:
        first, new = first + 1, new[1:]
    while stop > first and len(new) and held[stop - 1] == new[-1] and new[-1] < 4:
        stop, new = stop - 1, new[:-1]
    return first, stop, new
