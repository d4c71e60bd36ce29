"""Consequences of SNVs: the fast path.

The alleles are sorted, so two searches per *segment* of the model (one for its start,
one for its end) give every (allele, transcript) pair together with the segment it lies
in: interval join and localisation in one step, and terms that depend only on the
segment are made once per segment and repeated. Splice zones are looked up only near an
edge; in the CDS the ALT codon is arithmetic on the REF codon's code.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.consequence import terms as so
from varhouse.consequence.alleles import Alleles
from varhouse.consequence.pairs import Pairs, distance_to, scattered
from varhouse.consequence.tiny import beside_tiny
from varhouse.consequence.zones import WIDTH, Zones, base_zones, splice_terms
from varhouse.transcripts.genemodel import (
    EXON,
    FLANK_LEFT,
    FLANK_RIGHT,
    INTRON,
    NO_CODON,
    TINY_INTRON,
    Bool,
    GeneModel,
    Int8,
    Int64,
    UInt8,
    ranges,
)
from varhouse.transcripts.geneticcode import (
    AMINO_ACID,
    ATG,
    BASES_OF,
    BEGINS,
    LETTERS,
    STARTS,
    STOP,
    UNKNOWN,
)

_POWER = np.array([16, 4, 1], np.int64)


def annotate_snvs(
    model: GeneModel, alleles: Alleles, rows: Int64, as_vep: bool = False
) -> Pairs:
    """Annotate the alleles at `rows`, which are SNVs, against every transcript near."""
    g, alt = alleles.start[rows], alleles.alt[alleles.alt_ptr[rows]]
    seg = window = model.window(int(g[0]), int(g[-1]) + 1)
    low = np.searchsorted(g, model.seg_start[seg])
    count = np.searchsorted(g, model.seg_end[seg]) - low
    hit = count > 0
    seg, low, count = seg[hit], low[hit], count[hit]
    v = ranges(low, count)
    at = np.repeat(seg, count)
    kind, tx = model.seg_kind[at], model.seg_tx[at].astype(np.int64)
    place = g[v]
    pairs = Pairs.empty(rows[v], tx)
    terms = np.repeat(_segment_terms(model, seg), count)
    zones, _ = beside_tiny(model, window, tx, place, place + 1)
    terms |= _splice(model, at, kind, place, zones)
    _ranks(model, pairs, at, kind)
    flank = np.flatnonzero(kind <= FLANK_RIGHT)
    t = tx[flank]
    pairs.distance[flank] = distance_to(
        place[flank], place[flank] + 1, model.start[t], model.end[t]
    )
    exonic = np.flatnonzero(kind == EXON)
    t = tx[exonic]
    cdna = model.seg_anchor[at[exonic]] + model.strand[t] * place[exonic]
    pairs.cdna_start[exonic] = pairs.cdna_end[exonic] = cdna + 1
    some = model.coding[t]
    tiny = np.flatnonzero(kind == TINY_INTRON)
    terms[tiny] |= _tiny_terms(model, tx[tiny], place[tiny])
    pairs.terms = terms
    _coding(model, pairs, exonic[some], cdna[some], alt[v], as_vep)
    return pairs


def _segment_terms(model: GeneModel, seg: Int64) -> Int64:
    """Terms that depend only on the segment: flanks, NMD, non-coding."""
    kind, tx = model.seg_kind[seg], model.seg_tx[seg]
    flank = kind <= FLANK_RIGHT
    upstream = (kind == FLANK_LEFT) == (model.strand[tx] > 0)
    terms: Int64 = np.where(flank, np.where(upstream, so.UPSTREAM, so.DOWNSTREAM), np.int64(0))
    terms |= (model.nmd[tx] & ~flank) * so.NMD
    # Whatever the biotype says: without a CDS no exon codes. VEP says no more of introns.
    non_coding = ~model.coding[tx] & ~flank
    terms |= (non_coding & (kind == EXON)) * so.NON_CODING_EXON
    elsewhere = (kind != EXON) & (~model.protein_coding[tx] | (kind == TINY_INTRON))
    terms |= (non_coding & elsewhere) * so.NON_CODING
    return terms


def _tiny_terms(model: GeneModel, tx: Int64, place: Int64) -> Int64:
    """Terms in a tiny intron of a coding transcript, which counts as exon with no codons."""
    before, behind = place < model.cds_start[tx], place >= model.cds_end[tx]
    forward = model.strand[tx] > 0
    terms: Int64 = (
        np.where(forward, before, behind) * so.UTR_5
        | np.where(forward, behind, before) * so.UTR_3
        | ~(before | behind) * so.CODING_SEQUENCE
    )
    return terms * model.coding[tx]


def _splice(model: GeneModel, at: Int64, kind: Int8, place: Int64, tiny: Zones) -> Int64:
    """Splice and intron terms of each pair; `tiny` are its zones of tiny introns."""
    from_left = place - model.seg_start[at]
    from_right = model.seg_end[at] - 1 - place
    near_edge = (from_left < WIDTH - 1) | (from_right < WIDTH - 1) | (tiny > 0)
    near = np.flatnonzero(near_edge & (kind >= EXON))
    s = at[near]
    zones = base_zones(
        model.seg_left[s], model.seg_right[s], from_left[near], from_right[near]
    )
    zones |= tiny[near]
    terms: Int64 = ((kind == INTRON) & (from_left >= 2) & (from_right >= 2)) * so.INTRON
    terms[near] |= splice_terms(zones, kind[near] == EXON)
    return terms


def _ranks(model: GeneModel, pairs: Pairs, at: Int64, kind: Int8) -> None:
    rank = model.seg_rank[at].astype(np.int64)
    pairs.exon_first = pairs.exon_last = np.where(kind == EXON, rank, -1)
    intronic = (kind == INTRON) | (kind == TINY_INTRON)
    pairs.intron_first = pairs.intron_last = np.where(intronic, rank, -1)


@dataclass(frozen=True)
class _Codons:
    """Codons of SNVs inside the CDS; `phase` 0-2 is the changed base."""

    tx: Int64
    cds: Int64
    phase: Int64
    alt_base: UInt8
    ref: Int64
    alt: Int64
    ref_aa: UInt8
    alt_aa: UInt8
    partial: Bool


def _coding(
    model: GeneModel, pairs: Pairs, exonic: Int64, cdna: Int64, alt: UInt8, as_vep: bool
) -> None:
    """Add UTR and coding terms, CDS positions, codons and amino acids."""
    tx = pairs.tx[exonic]
    cds = cdna - model.cds_offset[tx]
    lead = (3 - model.phase[tx]) % 3
    utr5, utr3 = cds < lead, cds >= model.cds_length[tx]
    pairs.terms[exonic] |= utr5 * so.UTR_5 | utr3 * so.UTR_3
    inside = ~(utr5 | utr3)
    rows, cds, tx, lead = exonic[inside], cds[inside], tx[inside], lead[inside]
    codons = _make_codons(model, tx, cds, alt[rows])
    pairs.terms[rows] |= _codon_terms(model, codons, lead, as_vep)
    pairs.cds_start[rows] = pairs.cds_end[rows] = cds + 1
    n = len(pairs)
    pairs.codons = scattered(n, rows, _codon_text(model, codons))
    pair = codons.ref_aa.astype(np.int64) * 128 + codons.alt_aa
    pairs.amino_acids = scattered(n, rows, _AMINO_TEXT.gather(pl.Series(pair)))


def _make_codons(model: GeneModel, tx: Int64, cds: Int64, alt: UInt8) -> _Codons:
    index = cds // 3
    phase = cds - 3 * index
    read = model.codon[model.codon_ptr[tx] + index]
    ref = BASES_OF[read].astype(np.int64)
    base = np.where((model.strand[tx] < 0) & (alt < 4), 3 - alt, alt).astype(np.uint8)
    power = _POWER[phase]
    changed = ref + (base.astype(np.int64) - ((ref // power) & 3)) * power
    new = np.where((ref < NO_CODON) & (base < 4), changed, NO_CODON)
    table = model.code[tx]
    return _Codons(
        tx=tx,
        cds=cds,
        phase=phase,
        alt_base=base,
        ref=ref,
        alt=new,
        ref_aa=AMINO_ACID[table, read],
        alt_aa=AMINO_ACID[table, new],
        partial=(model.cds_length[tx] - 3 * index) < 3,
    )


def _starts(
    model: GeneModel, c: _Codons, lead: Int64, unknown: Bool, as_vep: bool
) -> tuple[Bool, Bool]:
    """Whether a start codon is lost, and whether another one stands there.

    VEP knows ATG alone, and without a 5' UTR it has no sequence to look for it in: there
    the residue decides.
    """
    start = (c.cds < 3) & ~model.start_unknown[c.tx] & (lead == 0)
    if as_vep:
        has_utr = model.cds_offset[c.tx] > 0
        changed = (c.ref_aa != c.alt_aa) & (c.ref_aa != UNKNOWN)
        return start & np.where(has_utr, c.alt != ATG, changed), start & (c.alt == ATG)
    code = model.code[c.tx]
    start &= BEGINS[code, c.ref]
    retained = start & STARTS[code, c.alt]
    return start & ~retained & ~unknown, retained


def _codon_terms(model: GeneModel, c: _Codons, lead: Int64, as_vep: bool) -> Int64:
    """Terms of a changed codon (VEP's predicates for one codon)."""
    ref, alt = c.ref_aa, c.alt_aa
    unknown = (ref == UNKNOWN) | (alt == UNKNOWN)
    start_lost, start_retained = _starts(model, c, lead, unknown, as_vep)
    stop_retained = (ref == STOP) & (alt == STOP)
    stop_gained = (alt == STOP) & (ref != STOP) & ~c.partial
    stop_lost = (ref == STOP) & (alt != STOP) & ~c.partial & ~unknown
    synonymous = (ref == alt) & ~stop_retained & ~start_retained & ~unknown
    missense = (ref != alt) & ~unknown
    missense &= ~(start_lost | stop_gained | stop_lost | c.partial | stop_retained)
    if not as_vep:
        # Whatever the codon, a protein begins with Met.
        synonymous &= ~start_lost
        missense &= ~start_retained
    terms: Int64 = (
        start_lost * so.START_LOST
        | start_retained * so.START_RETAINED
        | stop_retained * so.STOP_RETAINED
        | stop_gained * so.STOP_GAINED
        | stop_lost * so.STOP_LOST
        | synonymous * so.SYNONYMOUS
        | missense * so.MISSENSE
        | c.partial * so.INCOMPLETE_TERMINAL
        | (unknown & ~start_lost & ~start_retained) * so.CODING_SEQUENCE
    )
    return terms


def _codon_texts() -> pl.Series:
    """`aTg/aCg` by 12 * REF codon code + 4 * phase + ALT base; 64 is left empty."""
    texts = []
    for code in range(NO_CODON):
        codon = bytes(LETTERS[[code >> 4, code >> 2 & 3, code & 3]]).decode()
        for phase in range(3):
            for base in "ACGT":
                ref, alt = list(codon.lower()), list(codon.lower())
                ref[phase], alt[phase] = codon[phase], base
                texts.append("".join(ref) + "/" + "".join(alt))
    return pl.Series(texts)


_CODON_TEXT = _codon_texts()
_AMINO_TEXT = pl.Series(
    [chr(a) if a == b else f"{chr(a)}/{chr(b)}" for a in range(128) for b in range(128)]
)


def _codon_text(model: GeneModel, c: _Codons) -> pl.Series:
    known = c.alt < NO_CODON
    key = np.where(known, 12 * c.ref + 4 * c.phase + c.alt_base, 0)
    text = _CODON_TEXT.gather(pl.Series(key))
    odd = np.flatnonzero(~known)
    if not odd.size:
        return text
    # Codons with unknown bases or without their last bases: a handful, from the bases.
    rare = [_odd_codon(model, c, int(i)) for i in odd]
    filled = scattered(len(text), odd, pl.Series(rare, dtype=pl.String))
    return pl.select(pl.coalesce(filled, text)).to_series()


def _odd_codon(model: GeneModel, c: _Codons, i: int) -> str:
    t, first = int(c.tx[i]), int(c.cds[i] - c.phase[i])
    lead = (3 - int(model.phase[t])) % 3
    stop = min(first + 3, int(model.cds_length[t]))
    at = int(model.cdna_ptr[t] + model.cds_offset[t])
    held = bytes(LETTERS[model.cdna[at + max(first, lead) : at + stop]]).decode()
    ref = list(("N" * max(0, lead - first) + held).lower())
    alt = ref.copy()
    phase = int(c.phase[i])
    ref[phase] = ref[phase].upper()
    alt[phase] = chr(LETTERS[c.alt_base[i]])
    return "".join(ref) + "/" + "".join(alt)
