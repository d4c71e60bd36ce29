"""Consequences of everything but SNVs: intervals of reference bases and what replaces them.

Alleles are joined to transcripts by two searches per transcript; the segments of their
two ends come from one search by the key (transcript, place); zones of an interval are
OR-ed over the segments it touches (as many rounds as the longest allele spans segments,
with ever fewer alleles). An insertion touches no base: it stands between two, and is
inside a transcript only when both are.
"""

from dataclasses import dataclass

import numpy as np

from varhouse.consequence import terms as so
from varhouse.consequence.alleles import Alleles
from varhouse.consequence.coding import annotate_edits
from varhouse.consequence.pairs import NONE, Pairs, distance_to, scattered
from varhouse.consequence.tiny import beside_tiny
from varhouse.consequence.windows import Edits
from varhouse.consequence.zones import (
    Zones,
    base_zones,
    insertion_zones,
    interval_zones,
    splice_terms,
)
from varhouse.transcripts.genemodel import (
    EXON,
    FLANK,
    INTRON,
    TINY_INTRON,
    Bool,
    GeneModel,
    Int64,
    UInt8,
    ranges,
)
from varhouse.transcripts.slippage import find_sites, pairs_near, spliced_edit

_BIG = np.int64(1) << 36
_FAR = np.int64(10) ** 9


@dataclass
class _Inside:
    """Pairs inside a transcript: `row` of the pairs, the allele's interval, its ends.

    `left` and `right` are the first and last base touched (for an insertion its two
    neighbours), clipped to the transcript; `left_seg`, `right_seg` their segments.
    """

    row: Int64
    tx: Int64
    start: Int64
    end: Int64
    insertion: Bool
    left: Int64
    right: Int64
    left_seg: Int64
    right_seg: Int64
    zones: Zones
    touches_exon: Bool
    touches_tiny: Bool
    intronic: Bool


@dataclass
class _Edit:
    """Edits of the spliced sequences: first and last base (an insertion's neighbours)."""

    first: Int64
    last: Int64
    insertion: Bool
    alt_ptr: Int64
    alt_length: Int64
    alt: UInt8


def annotate_intervals(
    model: GeneModel, alleles: Alleles, rows: Int64, as_vep: bool = False
) -> Pairs:
    """Annotate the alleles at `rows` against every transcript near."""
    start, end = alleles.start[rows], alleles.end[rows]
    allele, tx = _join(model, start, end)
    s, e = start[allele], end[allele]
    pairs = Pairs.empty(rows[allele], tx)
    first, last = model.start[tx], model.end[tx]
    insertion = s == e
    within = np.where(insertion, (s > first) & (s < last), (s < last) & (e > first))
    before = np.where(insertion, s <= first, e <= first)
    side = np.where(before == (model.strand[tx] > 0), so.UPSTREAM, so.DOWNSTREAM)
    pairs.terms = np.where(within, 0, side)
    out = np.flatnonzero(~within)
    pairs.distance[out] = distance_to(s[out], e[out], first[out], last[out])
    w = np.flatnonzero(within)
    if w.size:
        inside = _localise(model, pairs, w, s, e)
        alt_length = alleles.alt_length[pairs.allele[w]]
        pairs.terms[w] |= _transcript_terms(model, inside, alt_length, as_vep)
        _coding(model, alleles, pairs, inside, as_vep)
    return pairs


def _join(model: GeneModel, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Pairs of alleles (sorted by start) and transcripts with their flanks."""
    longest = int((end - start).max())
    hit = np.flatnonzero(
        (model.start - FLANK < start[-1] + longest + 2) & (model.end + FLANK > start[0] - 2)
    )
    low = np.searchsorted(start, model.start[hit] - FLANK - longest, "left")
    high = np.searchsorted(start, model.end[hit] + FLANK, "right")
    count = np.maximum(high - low, 0)
    allele, tx = ranges(low, count), np.repeat(hit, count)
    s, e = start[allele], end[allele]
    first, last = model.start[tx] - FLANK, model.end[tx] + FLANK
    keep = np.where(s == e, (s > first) & (s < last), (s < last) & (e > first))
    return allele[keep], tx[keep]


def _localise(model: GeneModel, pairs: Pairs, row: Int64, start: Int64, end: Int64) -> _Inside:
    """Find the segments touched; fill exons, introns and cDNA positions."""
    tx, s, e = pairs.tx[row], start[row], end[row]
    insertion = s == e
    first, last = model.start[tx], model.end[tx]
    left = np.maximum(np.where(insertion, s - 1, s), first)
    right = np.minimum(np.where(insertion, s, e - 1), last - 1)
    window = model.window(int(s.min()) - 2, int(e.max()) + 2)
    key = model.seg_tx[window] * _BIG + model.seg_start[window]
    left_seg = window[np.searchsorted(key, tx * _BIG + left, "right") - 1]
    right_seg = window[np.searchsorted(key, tx * _BIG + right, "right") - 1]
    n = len(row)
    inside = _Inside(
        row,
        tx,
        s,
        e,
        insertion,
        left,
        right,
        left_seg,
        right_seg,
        np.zeros(n, np.int16),
        *(np.zeros(n, bool) for _ in range(3)),
    )
    ranks = _walk(model, inside)
    _insertions(model, inside, ranks)
    zones, intronic = beside_tiny(model, window, tx, s, e)
    inside.zones |= zones
    inside.intronic |= intronic
    pairs.exon_first[row], pairs.exon_last[row] = ranks[0], ranks[1]
    pairs.intron_first[row], pairs.intron_last[row] = ranks[2], ranks[3]
    return inside


def _walk(model: GeneModel, inside: _Inside) -> list[Int64]:
    """Collect zones, kinds and ranks over all segments that each interval touches.

    Returns
    -------
    list of int64[n]
        First and last exon, first and last intron; -1 for none.
    """
    n = len(inside.row)
    low = [np.full(n, _FAR), np.full(n, _FAR)]
    high = [np.full(n, NONE), np.full(n, NONE)]
    current, seg = np.arange(n), inside.left_seg
    while current.size:
        begin, length = model.seg_start[seg], model.seg_end[seg] - model.seg_start[seg]
        a = np.maximum(inside.left[current], begin) - begin
        b = np.minimum(inside.right[current] + 1, model.seg_end[seg]) - begin
        kind, rank = model.seg_kind[seg], model.seg_rank[seg].astype(np.int64)
        inside.zones[current] |= interval_zones(
            model.seg_left[seg], model.seg_right[seg], a, b, length
        )
        is_exon, is_intron = kind == EXON, (kind == INTRON) | (kind == TINY_INTRON)
        inside.touches_exon[current] |= is_exon
        inside.touches_tiny[current] |= kind == TINY_INTRON
        inside.intronic[current] |= (kind == INTRON) & (b > 2) & (a < length - 2)
        for i, of_kind in enumerate((is_exon, is_intron & (a < b))):
            c = current[of_kind]
            low[i][c] = np.minimum(low[i][c], rank[of_kind])
            high[i][c] = np.maximum(high[i][c], rank[of_kind])
        more = seg < inside.right_seg[current]
        current, seg = current[more], seg[more] + 1
    low = [np.where(x == _FAR, NONE, x) for x in low]
    return [low[0], high[0], low[1], high[1]]


def _insertions(model: GeneModel, inside: _Inside, ranks: list[Int64]) -> None:
    """Zones of insertions: both neighbours decide."""
    q = np.flatnonzero(inside.insertion)
    if not q.size:
        return

    def zones(seg: Int64, place: Int64) -> Zones:
        return base_zones(
            model.seg_left[seg],
            model.seg_right[seg],
            place - model.seg_start[seg],
            model.seg_end[seg] - 1 - place,
        )

    inside.zones[q] = insertion_zones(
        zones(inside.left_seg[q], inside.left[q]), zones(inside.right_seg[q], inside.right[q])
    )
    # Between exon and intron an insertion is in neither (VEP leaves both empty).
    left, right = inside.left_seg[q], inside.right_seg[q]
    # (the pieces of an exon in which a ribosome slips are one).
    one = (model.seg_kind[left] == EXON) & (model.seg_kind[right] == EXON)
    one &= model.seg_rank[left] == model.seg_rank[right]
    border = q[(left != right) & ~one]
    for rank in ranks:
        rank[border] = NONE


def _transcript_terms(
    model: GeneModel, inside: _Inside, alt_length: Int64, as_vep: bool
) -> Int64:
    """Every term that does not need the reading frame."""
    tx, insertion = inside.tx, inside.insertion
    coding, forward = model.coding[tx], model.strand[tx] > 0
    whole = _whole(model, inside, alt_length)
    terms = splice_terms(inside.zones, inside.touches_exon) | inside.intronic * so.INTRON
    terms |= model.nmd[tx] * so.NMD
    both = (model.seg_kind[inside.left_seg] == EXON) & (
        model.seg_kind[inside.right_seg] == EXON
    )
    exonic = np.where(insertion, both, inside.touches_exon) & ~whole
    # Whatever the biotype says: without a CDS no exon codes. VEP says no more of the others.
    terms |= (~coding & exonic) * so.NON_CODING_EXON
    elsewhere = ~coding & ~exonic & (~model.protein_coding[tx] | (terms == 0))
    terms |= elsewhere * so.NON_CODING
    # UTR: by the genomic side of the CDS, and some exon base.
    low, high = model.cds_start[tx], model.cds_end[tx]
    only_tiny = inside.touches_tiny & ~inside.touches_exon
    touches = coding & (inside.touches_exon | only_tiny)
    # What lies outside the transcript is no UTR, but to VEP.
    begin, end = (inside.start, inside.end) if as_vep else (inside.left, inside.right + 1)
    left = touches & np.where(insertion, inside.start <= low, begin < low)
    right = touches & np.where(insertion, inside.start >= high, end > high)
    terms |= np.where(forward, left, right) * so.UTR_5
    terms |= np.where(forward, right, left) * so.UTR_3
    over = np.where(
        insertion,
        (inside.start > low) & (inside.start < high),
        (inside.start < high) & (inside.end > low),
    )
    terms |= (coding & only_tiny & over) * so.CODING_SEQUENCE
    ablated: Int64 = np.where(whole, so.ABLATION, terms)
    return ablated


def _whole(model: GeneModel, inside: _Inside, alt_length: Int64) -> Bool:
    """Whether the allele deletes the whole transcript."""
    tx = inside.tx
    covers: Bool = (inside.start <= model.start[tx]) & (inside.end >= model.end[tx])
    return covers & (inside.end - inside.start > alt_length)


def _touched(model: GeneModel, inside: _Inside) -> tuple[Int64, Int64]:
    """Give the cDNA indices of the first and last exonic base that each allele touches.

    An end in an intron stands for the exon's edge on the allele's inner side, one outside
    the transcript for the transcript's end; of no meaning where no exon is touched.
    """
    strand = model.strand[inside.tx]
    left, right = inside.left, inside.right
    seg = np.where(
        model.seg_kind[inside.left_seg] == EXON, inside.left_seg, inside.left_seg + 1
    )
    place = np.where(seg == inside.left_seg, left, model.seg_start[seg])
    low = model.seg_anchor[seg] + strand * place
    seg = np.where(
        model.seg_kind[inside.right_seg] == EXON, inside.right_seg, inside.right_seg - 1
    )
    place = np.where(seg == inside.right_seg, right, model.seg_end[seg] - 1)
    high = model.seg_anchor[seg] + strand * place
    return np.where(strand > 0, low, high), np.where(strand > 0, high, low)


def _slipped(model: GeneModel, edit: _Edit, inside: _Inside) -> _Edit:
    """Replace the edits at a ribosomal slippage by those of the sequence that is read."""
    sites = find_sites(model)
    near = pairs_near(sites, model, inside.tx, inside.start, inside.end)
    if not len(near):
        return edit
    first, last, insertion = edit.first.copy(), edit.last.copy(), inside.insertion.copy()
    at, length, alt = edit.alt_ptr.copy(), edit.alt_length.copy(), [edit.alt]
    held = len(edit.alt)
    for row, site in near.tolist():
        own = edit.alt[at[row] : at[row] + length[row]]
        found = spliced_edit(
            model, sites, site, int(inside.start[row]), int(inside.end[row]), own
        )
        if found is None:
            continue
        begin, stop, new = found
        if model.strand[inside.tx[row]] < 0:
            new = np.where(new < 4, 3 - new, 4)[::-1].astype(np.uint8)
        insertion[row] = begin == stop
        first[row], last[row] = (begin - 1, begin) if begin == stop else (begin, stop - 1)
        at[row], length[row] = held, len(new)
        alt.append(new)
        held += len(new)
    return _Edit(first, last, insertion, at, length, np.concatenate(alt))


def _coding(
    model: GeneModel, alleles: Alleles, pairs: Pairs, inside: _Inside, as_vep: bool
) -> None:
    """Positions in the transcript and its CDS, coding terms, codons and amino acids."""
    tx, strand = inside.tx, model.strand[inside.tx]
    # An end outside the transcript or in an intron has no position in it.
    held_left = inside.insertion | (inside.start >= model.start[tx])
    held_right = inside.insertion | (inside.end <= model.end[tx])
    left = np.where(
        (model.seg_kind[inside.left_seg] == EXON) & held_left,
        model.seg_anchor[inside.left_seg] + strand * inside.left,
        NONE,
    )
    right = np.where(
        (model.seg_kind[inside.right_seg] == EXON) & held_right,
        model.seg_anchor[inside.right_seg] + strand * inside.right,
        NONE,
    )
    first, last = np.where(strand > 0, left, right), np.where(strand > 0, right, left)
    # The neighbour that an insertion has in an intron is the next base of the cDNA.
    one = inside.insertion & ((first >= 0) != (last >= 0))
    first, last = (
        np.where(one & (first < 0), last - 1, first),
        np.where(one & (last < 0), first + 1, last),
    )
    row, a = inside.row, pairs.allele[inside.row]
    edit = _Edit(
        first, last, inside.insertion, alleles.alt_ptr[a], alleles.alt_length[a], alleles.alt
    )
    edit = _slipped(model, edit, inside)
    first, last = edit.first, edit.last
    pairs.cdna_start[row] = np.where(first >= 0, first + 1, NONE)
    pairs.cdna_end[row] = np.where(last >= 0, last + 1, NONE)
    offset, length = model.cds_offset[tx], model.cds_length[tx]
    lead = (3 - model.phase[tx]) % 3
    in_cds = [
        model.coding[tx] & (c >= 0) & (c - offset >= lead) & (c - offset < length)
        for c in (first, last)
    ]
    known = np.where(edit.insertion, in_cds[0] & in_cds[1], True)
    pairs.cds_start[row] = np.where(in_cds[0] & known, first - offset + 1, NONE)
    pairs.cds_end[row] = np.where(in_cds[1] & known, last - offset + 1, NONE)
    low, high = model.cds_start[tx], model.cds_end[tx]
    over = np.where(
        inside.insertion,
        (inside.start > low) & (inside.start < high),
        (inside.start < high) & (inside.end > low),
    )
    part = np.flatnonzero(
        over
        & model.coding[tx]
        & inside.touches_exon
        & ~_whole(model, inside, alleles.alt_length[a])
    )
    if not part.size:
        return
    one_end, other_end = _touched(model, inside)
    edits = Edits.between(
        model,
        tx[part],
        first[part],
        last[part],
        (one_end[part], other_end[part]),
        edit.insertion[part],
        edit.alt_ptr[part],
        edit.alt_length[part],
    )
    result = annotate_edits(model, edits, edit.alt, as_vep)
    rows = row[part]
    pairs.terms[rows] |= result.terms
    both_known = ((pairs.cds_start >= 0) & (pairs.cds_end >= 0))[rows]
    shown = np.flatnonzero(result.has_text & both_known)
    pick = rows[shown]
    pairs.codons = scattered(len(pairs), pick, result.codons.gather(shown))
    pairs.amino_acids = scattered(len(pairs), pick, result.amino_acids.gather(shown))
