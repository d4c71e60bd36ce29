"""Arrays of the gene model from the pieces of its transcripts.

Bases are taken contig by contig from the reference, so that memory holds one contig's
exons at a time beside the packed result. Bases that the reference does not hold
(a FASTA of a piece of a chromosome) are N.
"""

from typing import Any

import numpy as np
import polars as pl
from numba import njit

from varhouse.genes.pieces import Chain, Pieces
from varhouse.genes.sites import read_sites
from varhouse.genome.reference import Reference
from varhouse.transcripts.genemodel import (
    CODE,
    CONTIG_GAP,
    EDGE_EXON,
    EDGE_INTRON,
    EDGE_NONE,
    EDGE_REVERSE,
    EXON,
    FLANK,
    FLANK_LEFT,
    FLANK_RIGHT,
    INTRON,
    NO_CODON,
    RECODED,
    TINY_INTRON,
    TINY_INTRON_LENGTH,
    Bool,
    Int8,
    Int64,
    UInt8,
)

_BIG = np.int64(1) << 36
_RESIDUES = {"Sec": 65, "Pyl": 66}
"""Residues of `transl_except` that have codon codes of their own."""


def build_arrays(
    pieces: Pieces, reference: Reference
) -> tuple[dict[str, Any], dict[str, int]]:
    """Build every array of the model except the genetic codes.

    Returns
    -------
    arrays, counts
        Arrays by the name of the model's attribute (see `GeneModel`); transcripts that
        lie on contigs without sequence, or run past the end of the sequence.
    """
    tx = pieces.transcripts
    n = tx.height
    span, offset = _axis(pieces, reference)
    contig = _contig_index(pieces)
    shift = offset[contig] if n else np.zeros(0, np.int64)
    exons, cds = _shifted(pieces.exons, shift), _shifted(pieces.cds, shift)
    strand = np.where(tx["reverse"].to_numpy(), -1, 1).astype(np.int64)
    start, end = tx["first"].to_numpy() + shift, tx["last"].to_numpy() + shift
    arrays: dict[str, Any] = {
        "contig_start": offset,
        "contig_span": span,
        "start": start,
        "end": end,
        "strand": strand,
        **_flags(tx),
    }
    layout = _layout(exons, strand, n)
    held = np.array([reference.length(c) for c in pieces.contigs], np.int64)
    local_last = tx["last"].to_numpy()
    missing = held[contig] == 0 if n else np.zeros(0, bool)
    counts = {
        "transcripts_on_contigs_without_sequence": int(missing.sum()),
        "protein_coding_transcripts_without_cds": int(
            (arrays["protein_coding"] & (np.bincount(cds.tx, minlength=n) == 0)).sum()
        ),
        "transcripts_past_the_end_of_the_sequence": int(
            ((local_last > held[contig]) & ~missing).sum() if n else 0
        ),
    }
    segments = _segments(exons, layout, start, end, strand)
    cdna, segments["seg_site"] = _spliced(
        pieces.contigs, exons, layout, strand, contig, offset, reference, segments
    )
    arrays |= {
        "cdna_length": layout["cdna_length"],
        "cdna_ptr": layout["cdna_ptr"],
        "cdna": cdna,
    }
    arrays |= _coding(exons, cds, layout, strand, cdna, n)
    counts |= _recode(arrays, exons, layout["anchor"], shift, pieces.exceptions)
    arrays |= segments
    arrays["n_exon"] = layout["n_exon"]
    return arrays, counts


def _axis(pieces: Pieces, reference: Reference) -> tuple[Int64, Int64]:
    """Bases that each contig may carry, and where it begins on the common axis."""
    last = dict(pieces.transcripts.group_by("contig").agg(pl.col("last").max()).iter_rows())
    span = np.array(
        [
            max(reference.length(c), reference.contigs.by_name[c].length or 0, last[c])
            for c in pieces.contigs
        ],
        np.int64,
    )
    steps = np.concatenate([[0], np.cumsum(span + CONTIG_GAP)])[: len(span)]
    return span, (CONTIG_GAP + steps).astype(np.int64)


def _contig_index(pieces: Pieces) -> Int64:
    index = {c: i for i, c in enumerate(pieces.contigs)}
    column = pieces.transcripts["contig"].replace_strict(index, return_dtype=pl.Int64)
    return column.to_numpy()


def _shifted(chain: Chain, shift: Int64) -> Chain:
    by = shift[chain.tx] if len(chain.tx) else np.zeros(0, np.int64)
    return Chain(chain.tx, chain.start + by, chain.end + by, chain.phase, chain.number)


def _flags(tx: pl.DataFrame) -> dict[str, Any]:
    biotype = tx["biotype"].fill_null("")
    order = np.argsort(tx["transcript_id"].to_numpy().astype(str), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return {
        "start_unknown": tx["start_unknown"].fill_null(False).to_numpy().copy(),
        "end_unknown": tx["end_unknown"].fill_null(False).to_numpy().copy(),
        "nmd": (biotype == "nonsense_mediated_decay").to_numpy().copy(),
        "protein_coding": (biotype == "protein_coding").to_numpy().copy(),
        "name_rank": rank,
        "preference": _preference(tx),
        "gene": _genes(tx),
    }


def _preference(tx: pl.DataFrame) -> Int64:
    """Put what comes before the consequence in VEP's order of picking into one number.

    `mane_select,mane_plus_clinical,canonical,appris,tsl,biotype,ccds` (VEP 115, --pick_order);
    principal isoforms come before alternative ones, what has no level comes last.
    """
    grade = pl.col("appris").str.slice(1).replace("", "9").cast(pl.Int64)
    alternative = pl.col("appris").str.starts_with("A")
    number = pl.lit(0, pl.Int64)
    for digit, base in (
        (~pl.col("mane_select"), 2),
        (~pl.col("mane_plus_clinical"), 2),
        (~pl.col("canonical"), 2),
        ((grade + 10 * alternative).fill_null(31), 32),
        (pl.col("tsl").fill_null(7), 8),
        ((pl.col("biotype") != "protein_coding").fill_null(True), 2),
        (~pl.col("ccds"), 2),
    ):
        number = number * base + digit.cast(pl.Int64)
    return tx.select(number).to_series().to_numpy().copy()


def _genes(tx: pl.DataFrame) -> Int64:
    """Give each transcript the number of its gene; without one it is a gene of its own."""
    own = pl.coalesce("gene_id", pl.lit("@") + pl.col("transcript_id"))
    number = own.rank("dense").over("contig")
    return tx.select(number.cast(pl.Int64)).to_series().to_numpy().copy()


def _layout(exons: Chain, strand: Int64, n: int) -> dict[str, Any]:
    """Place of each exon piece in its transcript's spliced sequence."""
    count = np.bincount(exons.tx, minlength=n)
    ptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    length = exons.end - exons.start
    total = np.concatenate([[0], np.cumsum(length)])
    base = total[ptr[:-1]]
    cdna_length = total[ptr[1:]] - base
    before = total[:-1] - base[exons.tx]
    forward = strand[exons.tx] > 0
    anchor = np.where(
        forward, before - exons.start, cdna_length[exons.tx] - 1 - before + exons.start
    )
    n_exon = exons.number[ptr[1:] - 1] + 1 if n else np.zeros(0, np.int64)
    rank = np.where(forward, exons.number + 1, n_exon[exons.tx] - exons.number)
    return {
        "ptr": ptr,
        "anchor": anchor,
        "rank": rank,
        "n_exon": n_exon,
        "cdna_length": cdna_length,
        "cdna_ptr": np.concatenate([[0], np.cumsum(cdna_length)])[:-1].astype(np.int64),
    }


def _spliced(
    contigs: list[str],
    exons: Chain,
    layout: dict[str, Any],
    strand: Int64,
    contig: Int64,
    offset: Int64,
    reference: Reference,
    segments: dict[str, Any],
) -> tuple[UInt8, Int8]:
    """Read the spliced sequences in the sense of each transcript, and the splice sites."""
    out = np.full(int(layout["cdna_length"].sum()), 4, np.uint8)
    sites = np.zeros(len(segments["seg_kind"]), np.int8)
    of_exon = contig[exons.tx] if len(exons.tx) else np.zeros(0, np.int64)
    introns = np.flatnonzero(segments["seg_kind"] == INTRON)
    of_intron = contig[segments["seg_tx"][introns]] if len(introns) else introns
    for i, name in enumerate(contigs):
        rows = np.flatnonzero(of_exon == i)
        tx = exons.tx[rows]
        _splice(
            out,
            reference.sequence(name),
            CODE,
            exons.start[rows] - offset[i],
            exons.end[rows] - offset[i],
            layout["cdna_ptr"][tx] + layout["anchor"][rows] + strand[tx] * offset[i],
            strand[tx] < 0,
        )
        rows = introns[of_intron == i]
        read_sites(
            sites,
            rows,
            reference.sequence(name),
            CODE,
            segments["seg_start"][rows] - offset[i],
            segments["seg_end"][rows] - offset[i],
            strand[segments["seg_tx"][rows]] < 0,
        )
    return out, sites


@njit(cache=True, nogil=True)
def _splice(out, bases, code, start, end, anchor, reverse):  # type: ignore[no-untyped-def]
    """Write the codes of exons: `out[anchor +- place]` for the places of each."""
    for i in range(start.size):
        for place in range(start[i], min(end[i], bases.size)):
            base = code[bases[place]]
            if reverse[i]:
                out[anchor[i] - place] = 3 - base if base < 4 else base
            else:
                out[anchor[i] + place] = base


@njit(cache=True, nogil=True)
def _read_codons(codon, codon_ptr, cdna, begin, lead, padded):  # type: ignore[no-untyped-def]
    """Write the codes of codons of CDS that begin at `cdna[begin]` behind `lead` N."""
    for i in range(begin.size):
        for k in range((padded[i] + 2) // 3):
            value, known = 0, True
            for j in range(3 * k, 3 * k + 3):
                base = 4
                if lead[i] <= j < padded[i]:
                    base = cdna[begin[i] + j - lead[i]]
                known = known and base < 4
                value = 4 * value + base
            codon[codon_ptr[i] + k] = value if known else NO_CODON


def _coding(
    exons: Chain, cds: Chain, layout: dict[str, Any], strand: Int64, cdna: UInt8, n: int
) -> dict[str, Any]:
    """CDS of each transcript in its spliced sequence, and its codons."""
    count = np.bincount(cds.tx, minlength=n)
    coding: Bool = count > 0
    ptr = np.concatenate([[0], np.cumsum(count)])
    has = np.flatnonzero(coding)
    first, last = ptr[has], ptr[has + 1] - 1
    low, high = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    phase, offset = np.zeros(n, np.int64), np.zeros(n, np.int64)
    low[has], high[has] = cds.start[first], cds.end[last]
    phase[has] = np.where(strand[has] > 0, cds.phase[first], cds.phase[last]) % 3
    length = np.zeros(n, np.int64)
    np.add.at(length, cds.tx, cds.end - cds.start)
    five = np.where(strand > 0, low, high - 1)[has]
    piece = np.searchsorted(exons.tx * _BIG + exons.start, has * _BIG + five, "right") - 1
    offset[has] = layout["anchor"][piece] + strand[has] * five
    # Unknown bases in front make the first codon whole.
    lead = np.where(coding, (3 - phase) % 3, 0)
    padded = length + lead
    n_codon = (padded + 2) // 3
    codon_ptr = np.concatenate([[0], np.cumsum(n_codon)]).astype(np.int64)
    codon = np.empty(int(codon_ptr[-1]), np.uint8)
    begin = layout["cdna_ptr"][has] + offset[has]
    _read_codons(codon, codon_ptr[has], cdna, begin, lead[has], padded[has])
    return {
        "coding": coding,
        "cds_start": low,
        "cds_end": high,
        "phase": phase,
        "cds_offset": offset - lead,
        "cds_length": padded,
        "codon_ptr": codon_ptr[:-1],
        "codon": codon,
    }


def _recode(
    arrays: dict[str, Any], exons: Chain, anchor: Int64, shift: Int64, codons: pl.DataFrame
) -> dict[str, int]:
    """Write the codes of codons that the annotation says are read otherwise."""
    code, begin = arrays["codon"], arrays["codon_ptr"]
    number = (arrays["cds_length"] + 2) // 3
    # Without positions every TGA before the last codon is one.
    for t in codons.filter(pl.col("pos").is_null())["tx"].to_list():
        own = code[begin[t] : begin[t] + max(number[t] - 1, 0)]
        own[own == RECODED[_RESIDUES["Sec"]][0]] = _RESIDUES["Sec"]
    placed = codons.filter(pl.col("pos").is_not_null())
    tx = placed["tx"].to_numpy()
    place = placed["pos"].to_numpy() + (shift[tx] if len(tx) else 0)
    k = np.searchsorted(exons.tx * _BIG + exons.start, tx * _BIG + place, "right") - 1
    index = (anchor[k] + arrays["strand"][tx] * place - arrays["cds_offset"][tx]) // 3
    known = (k >= 0) & (exons.tx[k] == tx) & (place < exons.end[k])
    known &= (index >= 0) & (index < number[tx])
    at = np.where(known, begin[tx] + index, 0)
    wanted = placed["aa"].replace_strict(_RESIDUES, default=NO_CODON, return_dtype=pl.Int64)
    new = wanted.to_numpy()
    for number_of, (bases, _) in RECODED.items():
        # The rows of a codon that two exons share name it twice.
        some = known & (new == number_of) & np.isin(code[at], (bases, number_of))
        code[at[some]] = number_of
        known &= (new != number_of) | some
    known &= new != NO_CODON
    return {
        "codons_recoded": int((code > NO_CODON).sum()),
        "translation_exceptions_not_used": int((~known).sum()),
    }


def _segments(
    exons: Chain, layout: dict[str, Any], start: Int64, end: Int64, strand: Int64
) -> dict[str, Any]:
    """Flank, exon, intron, exon, ..., flank of each transcript in genomic order."""
    n, ptr = len(start), layout["ptr"]
    n_seg = 2 * np.diff(ptr) + 1
    seg_ptr = np.concatenate([[0], np.cumsum(n_seg)]).astype(np.int64)
    size = int(seg_ptr[-1])
    seg_tx = np.repeat(np.arange(n), n_seg)
    low, high = np.zeros(size, np.int64), np.zeros(size, np.int64)
    kind, rank = np.zeros(size, np.int8), np.zeros(size, np.int32)
    anchor = np.zeros(size, np.int64)
    place = np.arange(len(exons.tx)) - ptr[exons.tx]
    at = seg_ptr[exons.tx] + 1 + 2 * place
    low[at], high[at], kind[at] = exons.start, exons.end, EXON
    rank[at], anchor[at] = layout["rank"], layout["anchor"]
    is_first, is_last = place == 0, np.arange(len(exons.tx)) == ptr[exons.tx + 1] - 1
    inner = np.flatnonzero(~is_last)
    gap = at[inner] + 1
    # Pieces of a slippage may overlap: then the intron is empty, and starts stay sorted.
    low[gap] = np.minimum(exons.end[inner], exons.start[inner + 1])
    high[gap] = exons.start[inner + 1]
    kind[gap] = np.where(high[gap] - low[gap] <= TINY_INTRON_LENGTH, TINY_INTRON, INTRON)
    forward = strand[exons.tx] > 0
    before = np.where(forward[inner], layout["rank"][inner], layout["rank"][inner] - 1)
    # Bases that a ribosome jumps over inside an exon are no intron.
    rank[gap] = np.where(exons.number[inner] == exons.number[inner + 1], -1, before)
    left, right = seg_ptr[:-1], seg_ptr[1:] - 1
    low[left], high[left], kind[left] = start - FLANK, start, FLANK_LEFT
    low[right], high[right], kind[right] = end, end + FLANK, FLANK_RIGHT
    edge = np.where(kind == INTRON, EDGE_INTRON, np.where(kind == EXON, EDGE_EXON, EDGE_NONE))
    left_edge, right_edge = edge.copy(), edge.copy()
    left_edge[at[is_first]] = EDGE_NONE
    right_edge[at[is_last]] = EDGE_NONE
    # Where the frame slips there is no splicing; beside tiny introns it has rules of its own
    # (`consequence/tiny.py`).
    tiny = gap[kind[gap] == TINY_INTRON]
    right_edge[tiny - 1] = EDGE_NONE
    left_edge[tiny + 1] = EDGE_NONE
    reverse = EDGE_REVERSE * (strand[seg_tx] < 0)
    return {
        "seg_ptr": seg_ptr,
        "seg_tx": seg_tx.astype(np.int32),
        "seg_start": low,
        "seg_end": high,
        "seg_kind": kind,
        "seg_rank": rank,
        "seg_left": (left_edge + reverse).astype(np.int8),
        "seg_right": (right_edge + reverse).astype(np.int8),
        "seg_anchor": anchor,
    }
