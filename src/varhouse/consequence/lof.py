"""Confidence in loss of function, with its reasons, from the gene model alone.

Candidates are stop_gained, frameshift, splice donor and splice acceptor variants of
transcripts of biotype protein_coding with a CDS. Without a reason against it a candidate
is HC (high confidence), else LC. Names and rules are LOFTEE's (github.com/konradjk/loftee,
`LoF.pm`) as far as a gene model can decide them; `docs/loss-of-function.md` has each with
its source, and what LOFTEE knows beyond a gene model.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.consequence import terms as so
from varhouse.consequence.pairs import scattered
from varhouse.transcripts.genemodel import (
    EXON,
    INTRON,
    SITE_AG,
    SITE_GC,
    SITE_GT,
    SITE_NAGNAG,
    SITE_UNKNOWN,
    TINY_INTRON,
    Bool,
    GeneModel,
    Int64,
)

END = 0.95
"""Part of the CDS behind which a lost end counts as little (LOFTEE, filter_position)."""

NMD_BASES = 50
"""Bases before the last junction from where transcripts escape decay."""

LEAST_INTRON = 15
"""Bases of the smallest intron that is believed (LOFTEE, min_intron_size)."""

REASONS = (
    "END_TRUNC", "NMD_ESCAPE", "INCOMPLETE_CDS", "EXON_INTRON_UNDEF", "NON_CAN_SPLICE_SURR",
    "SMALL_INTRON", "NON_CAN_SPLICE", "5UTR_SPLICE", "3UTR_SPLICE",
)  # fmt: skip
"""What makes a candidate LC, in the order they are written."""

FLAGS = ("SINGLE_EXON", "NAGNAG_SITE")
"""Doubts that leave a candidate HC."""

_EXONIC = so.STOP_GAINED | so.FRAMESHIFT
_SPLICE = so.DONOR | so.ACCEPTOR


@dataclass(frozen=True)
class Candidates:
    """Pairs that may lose function: positions 1-based, ranks 1-based; 0 for none."""

    tx: Int64
    terms: Int64
    exon: Int64
    intron: Int64
    cdna: Int64
    cds_end: Int64


def add_lof(model: GeneModel, pairs: pl.DataFrame) -> dict[str, pl.Series]:
    """Class the pairs of a batch.

    Parameters
    ----------
    pairs
        tx, terms, exon_first, intron_first, cdna_start, cdna_end, cds_start, cds_end.

    Returns
    -------
    dict
        lof (HC, LC or null), lof_reasons, lof_flags (names joined by `&`, or null).
    """
    n = pairs.height
    tx, terms = pairs["tx"].to_numpy(), pairs["terms"].to_numpy()
    some = np.flatnonzero((terms & (_EXONIC | _SPLICE)) != 0)
    some = some[(model.protein_coding & model.coding)[tx[some]]]
    if not some.size:
        blank = pl.Series([None], dtype=pl.String).new_from_index(0, n)
        return {"lof": blank, "lof_reasons": blank, "lof_flags": blank}
    own = pairs[some].with_columns(
        cdna=pl.coalesce("cdna_start", "cdna_end"), cds=pl.coalesce("cds_end", "cds_start")
    )

    def numbers(name: str) -> Int64:
        column: Int64 = own[name].cast(pl.Int64).fill_null(0).to_numpy()
        return column

    found = Candidates(
        tx[some],
        terms[some],
        numbers("exon_first"),
        numbers("intron_first"),
        numbers("cdna"),
        numbers("cds"),
    )
    reasons, flags = classify(model, found)
    confidence = pl.Series(["HC", "LC"]).gather(pl.Series((reasons > 0).astype(np.int64)))
    return {
        "lof": scattered(n, some, confidence),
        "lof_reasons": scattered(n, some, _names(reasons, REASONS)),
        "lof_flags": scattered(n, some, _names(flags, FLAGS)),
    }


def classify(model: GeneModel, c: Candidates) -> tuple[Int64, Int64]:
    """Give the reasons against each candidate, and its flags.

    Returns
    -------
    reasons, flags
        int64[n]: masks, bit i for `REASONS[i]` and `FLAGS[i]`.
    """
    t = c.tx
    exonic, splice = (c.terms & _EXONIC) != 0, (c.terms & _SPLICE) != 0
    many = model.n_exon[t] > 1
    incomplete = model.start_unknown[t] | model.end_unknown[t]
    incomplete |= (model.phase[t] != 0) | (model.cds_length[t] % 3 != 0)
    end = exonic & (c.cds_end >= END * model.cds_length[t])
    undefined = (exonic & (c.exon == 0)) | (splice & (c.intron == 0))
    before, behind = _introns_around(model, t, c.exon)
    around = _is_small(model, before) | _is_small(model, behind)
    around |= _is_odd(model, before, 0, SITE_AG) | _is_odd(model, behind, SITE_GT | SITE_GC, 0)
    own = np.where(splice & (c.intron > 0), _segment(model, t, c.intron, 0), -1)
    low, high = model.seg_start[own], model.seg_end[own]
    forward = model.strand[t] > 0
    left, right = high <= model.cds_start[t], low >= model.cds_end[t]
    given = own >= 0
    reasons = _mask(
        end,
        exonic & many & (c.cdna > _last_junction(model, t) - NMD_BASES),
        incomplete,
        undefined,
        exonic & many & around,
        _is_small(model, own),
        _is_odd(model, own, SITE_GT | SITE_GC, SITE_AG),
        given & np.where(forward, left, right),
        given & np.where(forward, right, left),
    )
    nagnag = given & ((c.terms & so.ACCEPTOR) != 0)
    nagnag &= (model.seg_site[own] & SITE_NAGNAG) != 0
    return reasons, _mask(exonic & ~many, nagnag)


def _mask(*bits: Bool) -> Int64:
    mask = np.zeros(len(bits[0]), np.int64)
    for i, bit in enumerate(bits):
        mask |= bit.astype(np.int64) << i
    return mask


def _names(masks: Int64, names: tuple[str, ...]) -> pl.Series:
    """Write masks as names joined by `&`; null for none."""
    different, which = np.unique(masks, return_inverse=True)
    texts = [
        "&".join(name for i, name in enumerate(names) if mask >> i & 1) or None
        for mask in different.tolist()
    ]
    return pl.Series(texts, dtype=pl.String).gather(pl.Series(which))


def _segment(model: GeneModel, t: Int64, rank: Int64, step: int) -> Int64:
    """Segment of intron `rank`, of the exon before it with step -1; -1 for none.

    Segments are flank, exon, intron, ..., flank; a slippage puts more between them, then
    the place does not hold what it should, and nothing is said.
    """
    place = 2 * rank + step
    forward = model.strand[t] > 0
    seg = np.where(forward, model.seg_ptr[t] + place, model.seg_ptr[t + 1] - 1 - place)
    inside = (rank > 0) & (seg > model.seg_ptr[t]) & (seg < model.seg_ptr[t + 1] - 1)
    seg = np.where(inside, seg, 0)
    kind = model.seg_kind[seg]
    right_kind = (kind == EXON) if step else (kind == INTRON) | (kind == TINY_INTRON)
    return np.where(inside & right_kind & (model.seg_rank[seg] == rank), seg, -1)


def _introns_around(model: GeneModel, t: Int64, exon: Int64) -> tuple[Int64, Int64]:
    """Segments of the introns before and behind an exon, -1 for none."""
    return (
        _segment(model, t, np.maximum(exon - 1, 0), 0),
        _segment(model, t, np.where(exon < model.n_exon[t], exon, 0), 0),
    )


def _is_small(model: GeneModel, seg: Int64) -> Bool:
    small: Bool = (seg >= 0) & (model.seg_end[seg] - model.seg_start[seg] < LEAST_INTRON)
    return small


def _is_odd(model: GeneModel, seg: Int64, donors: int, acceptors: int) -> Bool:
    """Whether an intron begins with none of the donors, or ends with no acceptor."""
    site = model.seg_site[seg]
    known = (seg >= 0) & (model.seg_kind[seg] == INTRON) & ((site & SITE_UNKNOWN) == 0)
    odd = np.zeros(len(seg), bool)
    if donors:
        odd |= (site & donors) == 0
    if acceptors:
        odd |= (site & acceptors) == 0
    found: Bool = known & odd
    return found


def _last_junction(model: GeneModel, t: Int64) -> Int64:
    """Bases of the spliced transcript before its last exon."""
    forward = model.strand[t] > 0
    seg = np.where(forward, model.seg_ptr[t + 1] - 2, model.seg_ptr[t] + 1)
    step = np.where(forward, -2, 2)
    size: Int64 = model.cdna_length[t] - (model.seg_end[seg] - model.seg_start[seg])
    # A slippage cuts an exon into pieces of one rank.
    more = np.full(len(t), model.has_slippage)
    while more.any():
        seg = np.clip(seg + step, 0, len(model.seg_tx) - 1)
        more &= (model.seg_tx[seg] == t) & (model.seg_kind[seg] == EXON)
        more &= model.seg_rank[seg] == model.n_exon[t]
        size -= np.where(more, model.seg_end[seg] - model.seg_start[seg], 0)
    return size
