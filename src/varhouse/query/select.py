"""Which rows are wanted: regions, genes and ids, turned into pieces of contigs.

A query is answered piece by piece in the order of the assembly: each piece is small
enough to be joined and sorted in memory, so a whole store streams through. The pieces of
a contig do not overlap; an allele that reaches over the border of two belongs to the
first, so each is given once.
"""

import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from varhouse.alleles.key import last_base, last_of_ref
from varhouse.genome.regions import LAST_BASE, Region, parse_regions
from varhouse.query.selection import Selection, find_genes, find_keys
from varhouse.query.warm import placed_rows
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, WITHIN

PIECE_ROWS = 200_000
"""Rows of a piece: joins of 8 tables stay below some 300 MB, and cost little to start."""

_NEAR = 1_000_000
_FEW_SPANS = 8
"""Spans of a contig that are read one by one."""

_NEAR_SPANS = 100_000
"""Bases between spans that are read together."""

LOG = logging.getLogger("varhouse.query")


@dataclass(frozen=True)
class Piece:
    """A part of a contig, 1-based and closed; None: to its end.

    Alleles are wanted that cover a base of start..end and begin after `after`; of `keys`
    (columns `WITHIN`), if given, only these; and that overlap one of `also`.
    """

    contig: str
    start: int | None = None
    end: int | None = None
    after: int | None = None
    keys: pl.DataFrame | None = None
    also: tuple[tuple[int, int], ...] | None = None


Spans = dict[str, list[tuple[int, int | None]]]


def find_pieces(store: Store, selection: Selection, table: str) -> Iterator[Piece]:
    """Give the pieces that hold what is selected of a table, in order.

    Mistakes in the selection are raised at once, not when the first piece is taken.

    Raises
    ------
    UsageError
        If a region cannot be read or its contig is unknown.
    StoreError
        If a gene is unknown.
    """
    spans = _region_spans(store, selection.regions)
    genes = _gene_spans(store, selection.genes) if selection.genes else None
    if not selection.regions:
        spans = (
            genes
            if genes is not None
            else {c: [(1, None)] for c in store.assembly_contigs.names}
        )
        genes = None
    if selection.ids:
        keys = pl.concat([find_keys(store, text) for text in selection.ids]).unique().sort(KEY)
        return _key_pieces(store, keys, spans, genes)
    if not selection:
        held = _held_contigs(store, table)
        spans = {c: mine for c, mine in spans.items() if c in held}
    return _all_pieces(store, spans, genes, table)


def _all_pieces(
    store: Store, spans: Spans, genes: Spans | None, table: str
) -> Iterator[Piece]:
    for contig in store.assembly_contigs.names:
        if contig not in spans or (genes is not None and contig not in genes):
            continue
        also = None
        if genes is not None:
            also = tuple((a, b) for a, b in genes[contig] if b is not None)
        yield from _span_pieces(store, contig, spans[contig], also, table)


def merge_spans(regions: Sequence[Region]) -> Spans:
    """Merge the regions of each contig into spans that do not overlap, ascending."""
    spans: Spans = {}
    for region in sorted(regions, key=lambda r: r.start):
        mine = spans.setdefault(region.contig, [])
        last = mine[-1] if mine else None
        if last is not None and (last[1] is None or region.start <= last[1] + 1):
            both = last[1] is None or region.end is None
            mine[-1] = (last[0], None if both else max(last[1] or 0, region.end or 0))
        else:
            mine.append((region.start, region.end))
    return spans


def find_spans(store: Store, selection: Selection) -> dict[str, list[tuple[int, int | None]]]:
    """Give the bases that are selected, by contig in the order of the assembly.

    Of an id the position of its allele. Spans of a contig ascend and do not overlap.

    Raises
    ------
    UsageError
        If a region cannot be read or its contig is unknown.
    StoreError
        If a gene is unknown.
    """
    kinds: list[Spans] = []
    if selection.regions:
        kinds.append(_region_spans(store, selection.regions))
    if selection.genes:
        kinds.append(_gene_spans(store, selection.genes))
    if selection.ids:
        keys = pl.concat([find_keys(store, text) for text in selection.ids])
        places = keys.select("contig", "pos").unique().rows()
        kinds.append(merge_spans([Region(c, p, p) for c, p in places]))
    spans = kinds[0] if kinds else {}
    for others in kinds[1:]:
        spans = {c: _both(own, others.get(c, [])) for c, own in spans.items()}
    return {c: spans[c] for c in store.assembly_contigs.names if spans.get(c)}


def _both(
    some: list[tuple[int, int | None]], others: list[tuple[int, int | None]]
) -> list[tuple[int, int | None]]:
    """Give what two lists of spans share."""
    out = []
    for a, b in some:
        for c, d in others:
            low = max(a, c)
            high = b if d is None else d if b is None else min(b, d)
            if high is None or low <= high:
                out.append((low, high))
    return sorted(out, key=lambda span: span[0])


def _region_spans(store: Store, regions: Sequence[str]) -> Spans:
    return merge_spans(parse_regions(regions, store.assembly_contigs))


def _gene_spans(store: Store, names: Sequence[str]) -> Spans:
    rows = find_genes(store, names).select("contig", "start", "end").rows()
    return merge_spans([Region(contig, start, end) for contig, start, end in rows])


def _held_contigs(store: Store, table: str) -> set[str]:
    """Contigs that a table may hold rows of, from its partitions alone."""
    files = store.file_frame(table)
    if "partition.part" not in files.columns:
        return set(store.assembly_contigs.names)
    parts = set(files["partition.part"])
    return {c for c in store.assembly_contigs.names if store.assembly_contigs.part(c) in parts}


def _key_pieces(
    store: Store, keys: pl.DataFrame, spans: Spans, genes: Spans | None
) -> Iterator[Piece]:
    """Give a piece for each cluster of the wanted alleles."""
    held = set(keys["contig"].to_list())
    for contig in store.assembly_contigs.names:
        if contig not in held or contig not in spans:
            continue
        mine = keys.filter(pl.col("contig") == contig).select(WITHIN)
        whole = last_base()
        for wanted in (spans, genes):
            if wanted is not None and wanted.get(contig) != [(1, None)]:
                inside = [
                    (whole >= a) & (pl.lit(b is None) | (pl.col("pos") <= (b or 0)))
                    for a, b in wanted.get(contig, [])
                ]
                mine = mine.filter(pl.any_horizontal(pl.lit(value=False), *inside))
        if not mine.height:
            continue
        cluster = (pl.col("pos").diff().fill_null(0) > _NEAR).cum_sum()
        for group in mine.with_columns(cluster.alias("_")).partition_by(
            "_", include_key=False
        ):
            first, last = group["pos"][0], group["pos"][-1]
            yield Piece(contig, first, last, first - 1, group)


def _span_pieces(
    store: Store,
    contig: str,
    spans: list[tuple[int, int | None]],
    also: tuple[tuple[int, int], ...] | None,
    table: str,
) -> Iterator[Piece]:
    after: int | None = None
    for near in _near(spans) if also is None else [[span] for span in spans]:
        if len(near) > 1:
            also = tuple((a, b if b is not None else LAST_BASE) for a, b in near)
        for a, b in _cut(store, contig, near[0][0], near[-1][1], table):
            yield Piece(contig, a, b, after, also=also)
            after = b
        if len(near) > 1:
            also = None


def _near(spans: Sequence[tuple[int, int | None]]) -> Iterator[list[tuple[int, int | None]]]:
    """Join spans that are near each other, as those of a BED: a piece each would take long.

    An allele that reaches from one such group into the next covers the last base of the first,
    which is in its last span: it is given with that.
    """
    if len(spans) <= _FEW_SPANS:
        yield from ([span] for span in spans)
        return
    group: list[tuple[int, int | None]] = []
    for span in spans:
        if group and span[0] - (group[-1][1] or LAST_BASE) > _NEAR_SPANS:
            yield group
            group = []
        group.append(span)
    yield group


def _cut(
    store: Store, contig: str, start: int, end: int | None, table: str
) -> list[tuple[int, int | None]]:
    """Cut a span into parts of about PIECE_ROWS rows of a table."""
    if table == "ids":
        # Sorted by id: every part would read all of it.
        return [(start, end)]
    placed = placed_rows(store)
    if placed is not None and end is not None:
        held = placed.count(table, contig, start, end)
        if held is not None and held <= PIECE_ROWS:
            return [(start, end)]
    files = store.file_frame(table, contig=contig, start=start, end=end)
    if not files.height or int(files["num_records"].sum()) <= PIECE_ROWS:
        return [(start, end)]
    # The alleles stand for the rows: a table of n rows per allele gets parts n times smaller.
    pinned = store.record.tables
    alleles = pinned["variants"].rows if "variants" in pinned else 0
    ratio = max(pinned[table].rows / max(alleles, 1), 1.0)
    if table == "genotypes":
        # Rows of some hundred bytes and more.
        ratio *= 10
    step = max(int(PIECE_ROWS / ratio), 100)
    source = "variants" if alleles else table
    pos = (
        store.scan(source, contig=contig, start=start, end=end)
        .select("pos")
        .sort("pos")
        .gather_every(step, offset=step)
        .collect()["pos"]
    )
    last = [p for p in pos.unique(maintain_order=True).to_list() if p > start]
    if end is not None:
        last = last[: bisect_right(last, end - 1)]
    starts = [start, *(p + 1 for p in last)]
    ends: list[int | None] = [*last, end]
    return list(zip(starts, ends, strict=True))


def _meets(spans: Sequence[tuple[int, int]], last: pl.Expr) -> pl.Expr:
    """Tell which rows, from `pos` to `last`, share a base with one of some spans."""
    ordered = sorted(spans)
    is_apart = all(a[1] < b[0] for a, b in pairwise(ordered))
    if len(ordered) <= _FEW_SPANS or not is_apart:
        inside = [(pl.col("pos") <= b) & (last >= a) for a, b in ordered]
        return pl.any_horizontal(*inside)
    # Of spans that do not overlap, the first that ends at `pos` or behind it decides.
    starts = pl.Series([a for a, _ in ordered] + [LAST_BASE], dtype=pl.Int64)
    ends = pl.Series([b for _, b in ordered], dtype=pl.Int64)
    first = (
        pl.col("pos")
        .cast(pl.Int64)
        .map_batches(
            lambda pos: starts.gather(ends.search_sorted(pos, side="left")),
            pl.Int64,
            is_elementwise=True,
        )
    )
    return last >= first


def scan_piece(
    store: Store,
    table: str,
    piece: Piece,
    columns: Sequence[str] | None = None,
    cohort: str | None = None,
) -> pl.LazyFrame:
    """Scan the rows of a table with pos, ref and alt that belong to a piece.

    `columns`, WITHIN among them, are those that are read at all; None: all.
    """
    rows = _read_placed(store, table, piece, columns, cohort)
    if rows is not None:
        frame = rows.lazy()
    else:
        partition = {"cohort": cohort} if cohort is not None else {}
        frame = store.scan(
            table, contig=piece.contig, start=piece.start, end=piece.end, **partition
        )
        if columns is not None:
            frame = frame.select(columns)
    return _narrow(frame, store, table, piece)


def read_piece(
    store: Store, table: str, piece: Piece, columns: Sequence[str], cohort: str | None = None
) -> pl.DataFrame | None:
    """Read what `scan_piece` scans, if pages that are open have it."""
    rows = _read_placed(store, table, piece, columns, cohort)
    if rows is None or not rows.height:
        return rows
    if piece.keys is not None and piece.also is None:
        # Few keys: a plan of a join takes longer.
        wanted = set(piece.keys.select(WITHIN).iter_rows())
        own = zip(*(rows[n].to_list() for n in WITHIN), strict=True)
        return rows[[i for i, key in enumerate(own) if key in wanted]]
    if piece.after is None and piece.also is None:
        return rows
    return _narrow(rows.lazy(), store, table, piece).collect()


def _narrow(frame: pl.LazyFrame, store: Store, table: str, piece: Piece) -> pl.LazyFrame:
    """Leave out rows that overlap a piece, and do not belong to it all the same."""
    if piece.after is not None:
        frame = frame.filter(pl.col("pos") > piece.after)
    if piece.also is not None:
        last = last_base() if "extent" in store.declaration(table).names else last_of_ref()
        frame = frame.filter(_meets(piece.also, last))
    if piece.keys is not None:
        frame = frame.join(piece.keys.lazy(), on=WITHIN, how="semi", maintain_order="left")
    return frame


def _read_placed(
    store: Store, table: str, piece: Piece, columns: Sequence[str] | None, cohort: str | None
) -> pl.DataFrame | None:
    """Read the rows of a piece from pages that are open; None: they have to be scanned."""
    placed = placed_rows(store)
    if placed is None or piece.start is None or piece.end is None:
        return None
    return placed.rows(table, piece.contig, piece.start, piece.end, columns, cohort)
