"""Exons and CDS of each transcript as clean chains of pieces.

Mends what annotations write differently: transcripts without exon rows, a stop codon
beside the CDS (GTF), rows that touch, CDS outside the exons, and ribosomal slippage.
A slippage transcript (two CDS rows in one exon that overlap or leave a gap) has that
exon cut where the reading frame jumps, so that its spliced sequence is what the
ribosome reads: a base used twice stands there twice, a base jumped over is missing.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl

from varhouse.genes.rows import UNTRANSLATED, UTR, Features
from varhouse.transcripts.genemodel import Bool, Int64

_BIG = np.int64(1) << 36

SLIP = 2
"""Bases that a ribosome jumps over; wider gaps between CDS rows are introns."""


@dataclass
class Chain:
    """Pieces of all transcripts, sorted by transcript and start (0-based, half-open).

    `number` is the 0-based rank of the exon, in genomic order, that a piece is of.
    """

    tx: Int64
    start: Int64
    end: Int64
    phase: Int64
    number: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class Pieces:
    """Transcripts with their exons and CDS, positions on each contig.

    `transcripts` are sorted by contig (the assembly's order), first base and key.
    `exceptions` are codons not read by the genetic code: tx, pos (0-based), aa.
    """

    contigs: list[str]
    transcripts: pl.DataFrame
    exons: Chain
    cds: Chain
    slippage: Bool
    exceptions: pl.DataFrame
    counts: dict[str, int]


def make_pieces(features: Features, contig_order: list[str]) -> Pieces:
    """Order transcripts and parts, and mend what dialects write differently.

    Parameters
    ----------
    features
        What the annotation says.
    contig_order
        Canonical contig names in the assembly's order.
    """
    transcripts, parts, counts = _ordered(features, contig_order)
    exons, cds, stops, utrs, untranslated = (
        _chain(parts.filter(pl.col("type") == t))
        for t in ("exon", "CDS", "stop_codon", UTR, UNTRANSLATED)
    )
    n = transcripts.height
    bare = np.bincount(exons.tx, minlength=n) == 0
    counts["transcripts_without_exon_rows"] = int(bare.sum())
    exons = _merged(exons)
    every_cds = _joined(cds, untranslated)
    bare_cds = _merged(_take(every_cds, bare[every_cds.tx]), SLIP)
    beside = _joined(_take(stops, bare[stops.tx]), _take(utrs, bare[utrs.tx]))
    exons = _joined(exons, _exons_of(bare_cds, beside))
    outside = np.unique(cds.tx[~_inside(exons, cds)])
    counts["transcripts_with_cds_outside_exons"] = len(outside)
    if len(outside):
        of_bad = np.isin(exons.tx, outside)
        cds_bad = np.isin(cds.tx, outside)
        union = _merged(_joined(_take(exons, of_bad), _take(cds, cds_bad)))
        exons = _joined(_take(exons, ~of_bad), union)
    cds, counts["stop_codons_not_adjacent"] = _with_stops(exons, cds, stops)
    broken, jumping = _breaks(exons, cds)
    counts["transcripts_with_broken_cds"] = len(broken)
    cds = _take(cds, ~np.isin(cds.tx, broken))
    jumping = np.setdiff1d(jumping, broken)
    exons.number = _numbers(exons.tx)
    exons = _cut(exons, cds, jumping)
    overlap = (exons.tx[1:] == exons.tx[:-1]) & (exons.start[1:] < exons.end[:-1])
    slippage = np.zeros(n, bool)
    slippage[jumping] = True
    slippage[exons.tx[1:][overlap]] = True
    counts["transcripts_with_slippage"] = int(slippage.sum())
    contigs = [c for c in contig_order if c in set(transcripts["contig"].to_list())]
    exceptions = features.exceptions.join(
        transcripts.select("contig", "key", "tx"), on=["contig", "key"]
    ).select("tx", pl.col("pos") - 1, "aa")
    return Pieces(contigs, transcripts, exons, cds, slippage, exceptions, counts)


def _ordered(
    features: Features, contig_order: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Transcripts sorted by place, and parts with the transcript's number `tx`."""
    by = ["contig", "key"]
    rank = {c: i for i, c in enumerate(contig_order)}
    spans = features.parts.group_by(by).agg(
        first=pl.col("start").min() - 1,
        last=pl.col("end").max(),
        strands=pl.col("strand").n_unique(),
        reverse=pl.col("strand").first() == "-",
        unstranded=(~pl.col("strand").is_in(["+", "-"])).any(),
    )
    counts = {
        "transcripts_on_both_strands": spans.filter(pl.col("strands") > 1).height,
        "transcripts_without_strand": spans.filter("unstranded").height,
        "transcripts_over_the_origin": features.refused.height,
    }
    transcripts = (
        features.transcripts.join(spans.filter(pl.col("strands") == 1), on=by)
        .join(features.refused, on=by, how="anti")
        .with_columns(
            ordinal=pl.col("contig").replace_strict(rank, return_dtype=pl.Int32),
        )
        .sort("ordinal", "first", "key")
        .with_row_index("tx")
        .with_columns(pl.col("tx").cast(pl.Int64))
    )
    parts = features.parts.join(transcripts.select(*by, "tx"), on=by)
    return transcripts, parts, counts


def _chain(parts: pl.DataFrame) -> Chain:
    rows = (
        parts.select("tx", pl.col("start") - 1, "end", pl.col("phase").fill_null(0))
        .unique(["tx", "start", "end"], keep="first", maintain_order=True)
        .sort("tx", "start", "end")
    )
    return Chain(*(rows[c].to_numpy().copy() for c in ("tx", "start", "end", "phase")))


def _take(chain: Chain, keep: Bool) -> Chain:
    number = chain.number[keep] if len(chain.number) else chain.number
    return Chain(chain.tx[keep], chain.start[keep], chain.end[keep], chain.phase[keep], number)


def _joined(*chains: Chain) -> Chain:
    columns = [
        np.concatenate([getattr(c, name) for c in chains])
        for name in ("tx", "start", "end", "phase")
    ]
    order = np.lexsort((columns[2], columns[1], columns[0]))
    return Chain(*(c[order] for c in columns))


def _merged(chain: Chain, gap: int = 0) -> Chain:
    """Join rows of a transcript that overlap, or have 1 to `gap` bases between them.

    Rows that only touch stay apart: they are two exons of a transcript that is its own
    reference.
    """
    if not len(chain.tx):
        return chain
    reach = np.maximum.accumulate(chain.tx * _BIG + chain.end)
    opens = np.ones(len(chain.tx), bool)
    between = (chain.tx * _BIG + chain.start)[1:] - reach[:-1]
    opens[1:] = (between >= 0) & ((between == 0) | (between > gap))
    first = np.flatnonzero(opens)
    end = np.maximum.reduceat(chain.end, first)
    return Chain(chain.tx[first], chain.start[first], end, chain.phase[first])


def _exons_of(cds: Chain, beside: Chain) -> Chain:
    """Make exons of transcripts that have CDS, UTR and stop codon rows, but no exon rows.

    A UTR or stop codon that touches another row is of the same exon; CDS rows that touch
    each other stay apart, as exon rows do.
    """
    if not len(beside.tx):
        return cds
    tx = np.concatenate([cds.tx, beside.tx])
    start = np.concatenate([cds.start, beside.start])
    end = np.concatenate([cds.end, beside.end])
    glue = np.repeat([False, True], [len(cds.tx), len(beside.tx)])
    order = np.lexsort((end, start, tx))
    tx, start, end, glue = tx[order], start[order], end[order], glue[order]
    reach = np.maximum.accumulate(tx * _BIG + end)
    between = (tx * _BIG + start)[1:] - reach[:-1]
    opens = np.ones(len(tx), bool)
    opens[1:] = (between > 0) | ((between == 0) & ~(glue[1:] | glue[:-1]))
    first = np.flatnonzero(opens)
    end = np.maximum.reduceat(end, first)
    return Chain(tx[first], start[first], end, np.zeros(len(first), np.int64))


def _exon_of(exons: Chain, tx: Int64, base: Int64) -> Int64:
    """Row of the last exon of each transcript that begins at or before a base."""
    return np.searchsorted(exons.tx * _BIG + exons.start, tx * _BIG + base, "right") - 1


def _inside(exons: Chain, cds: Chain) -> Bool:
    if not len(exons.tx):
        return np.zeros(len(cds.tx), bool)
    k = _exon_of(exons, cds.tx, cds.start)
    inside: Bool = (k >= 0) & (exons.tx[k] == cds.tx) & (cds.end <= exons.end[k])
    return inside


def _breaks(exons: Chain, cds: Chain) -> tuple[Int64, Int64]:
    """Transcripts whose CDS rows do not follow each other in the spliced sequence.

    Returns
    -------
    broken, jumping
        Transcripts whose CDS leaves out bases between two exons; those where the CDS
        jumps inside one exon.
    """
    if len(cds.tx) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    k = _exon_of(exons, cds.tx, cds.start)
    same_tx = cds.tx[1:] == cds.tx[:-1]
    end, start = cds.end[:-1], cds.start[1:]
    same_exon = k[1:] == k[:-1]
    next_exon = (
        (k[1:] == k[:-1] + 1) & (end == exons.end[k[:-1]]) & (start == exons.start[k[1:]])
    )
    jumping = same_tx & same_exon & (start != end)
    broken = same_tx & ~same_exon & ~next_exon
    return np.unique(cds.tx[1:][broken]), np.unique(cds.tx[1:][jumping])


def _with_stops(exons: Chain, cds: Chain, stops: Chain) -> tuple[Chain, int]:
    """Add stop codon rows that lie directly behind the CDS; count the others."""
    coding = np.isin(stops.tx, cds.tx)
    stops = _take(stops, coding & ~_inside(_merged(cds), stops) & _inside(exons, stops))
    if not len(stops.tx):
        return cds, 0
    longer = _joined(cds, stops)
    wrong = np.union1d(*_breaks(exons, longer))
    already = np.union1d(*_breaks(exons, cds))
    reject = np.isin(stops.tx, np.setdiff1d(wrong, already))
    # A jumping CDS keeps its stop codon: the jump is cut out of the exon afterwards.
    return _joined(cds, _take(stops, ~reject)), len(np.unique(stops.tx[reject]))


def _numbers(tx: Int64) -> Int64:
    """0-based rank of each row inside its transcript."""
    first = np.concatenate([[True], tx[1:] != tx[:-1]]) if len(tx) else np.zeros(0, bool)
    place = np.arange(len(tx))
    return place - np.maximum.accumulate(np.where(first, place, 0))


def _cut(exons: Chain, cds: Chain, jumping: Int64) -> Chain:
    """Cut exons where the reading frame jumps (a handful of transcripts: a plain loop)."""
    if not len(jumping):
        return exons
    rows: list[tuple[int, int, int, int]] = []
    of_jump = np.isin(exons.tx, jumping)
    for i in np.flatnonzero(of_jump):
        inner = np.flatnonzero(
            (cds.tx == exons.tx[i]) & (cds.start >= exons.start[i]) & (cds.end <= exons.end[i])
        )
        low = int(exons.start[i])
        for a, b in pairwise(inner):
            if cds.end[a] != cds.start[b]:
                rows.append((int(exons.tx[i]), low, int(cds.end[a]), int(exons.number[i])))
                low = int(cds.start[b])
        rows.append((int(exons.tx[i]), low, int(exons.end[i]), int(exons.number[i])))
    cut = np.array(rows, np.int64).reshape(-1, 4)
    kept = _take(exons, ~of_jump)
    tx = np.concatenate([kept.tx, cut[:, 0]])
    start = np.concatenate([kept.start, cut[:, 1]])
    end = np.concatenate([kept.end, cut[:, 2]])
    number = np.concatenate([kept.number, cut[:, 3]])
    order = np.lexsort((end, start, tx))
    return Chain(
        tx[order], start[order], end[order], np.zeros(len(tx), np.int64), number[order]
    )
