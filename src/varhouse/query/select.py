"""Which rows are wanted: regions, genes and ids, turned into pieces of contigs.

A query is answered piece by piece in the order of the assembly: each piece is small
enough to be joined and sorted in memory, so a whole store streams through. The pieces of
a contig do not overlap; an allele that reaches over the border of two belongs to the
first, so each is given once.
"""

import logging
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from varhouse.alleles.key import last_base, last_of_ref, write_key
from varhouse.errors import StoreError, UsageError, nearest
from varhouse.genome.contigs import Region, parse_region
from varhouse.query.missing import explain_missing, other_base
from varhouse.query.names import (
    Change,
    match_change,
    match_written,
    parse_name,
    read_names,
)
from varhouse.query.transcript_names import find_transcript_name
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA, WITHIN

PIECE_ROWS = 200_000
"""Rows of a piece: joins of 8 tables stay below some 300 MB, and cost little to start."""

_NEAR = 1_000_000
LOG = logging.getLogger("varhouse.query")

_LOOSE_RS = re.compile(r"^[Rr][Ss]\d+\Z")
_VERSION = re.compile(r"^(ens[a-z]*\d+)\.\d+")
_VRS = re.compile(r"^(ga4gh:)?VA\.(?P<digest>[\w-]+)\Z")
_HGVS = re.compile(r"^(?P<contig>.+):(?P<name>[gm]\.\d.*)\Z")


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


@dataclass(frozen=True)
class Selection:
    """What the user asked for; empty lists ask for everything.

    Several regions, genes or ids widen the answer; one kind narrows another. `keys` (columns
    KEY) are alleles that were found already.
    """

    regions: Sequence[str] = field(default_factory=tuple)
    genes: Sequence[str] = field(default_factory=tuple)
    ids: Sequence[str] = field(default_factory=tuple)
    keys: pl.DataFrame | None = None

    def __bool__(self) -> bool:
        return bool(self.regions or self.genes or self.ids or self.keys is not None)


Spans = dict[str, list[tuple[int, int | None]]]


def find_genes(store: Store, names: Sequence[str]) -> pl.DataFrame:
    """Find genes by symbol or id, in any case.

    A version behind an Ensembl id counts for nothing, whoever has it: `ENSG00000141510.9`
    and `ENSG00000141510` are one gene. So does the last part of other ids that the gene
    model has (`CHS.7.2`), if the question leaves it out and one gene alone has the rest.

    Returns
    -------
    pl.DataFrame
        Rows of the table genes.

    Raises
    ------
    StoreError
        If the store knows no such gene; the nearest are named.
    """
    genes = store.scan("genes").collect()
    found = []
    for name in names:
        rows = _named(genes, name.strip().lower())
        if not rows.height:
            if not genes.height:
                raise StoreError(
                    f"{store.name} knows no genes",
                    "add `genes` to the configuration and ingest",
                )
            known = [*genes["gene_name"].drop_nulls(), *genes["gene_id"]]
            raise StoreError(f"no gene {name!r} in the gene model{nearest(name, known)}")
        found.append(rows)
    return pl.concat(found).unique(maintain_order=True)


def _named(genes: pl.DataFrame, low: str) -> pl.DataFrame:
    """Rows of the genes that a name in lower case stands for."""
    own_id = pl.col("gene_id").str.to_lowercase()
    rows = genes.filter((pl.col("gene_name").str.to_lowercase() == low) | (own_id == low))
    if rows.height:
        return rows
    plain = _VERSION.sub(r"\1", low)
    xref = re.sub(r"^(hgnc|mgi):(?:hgnc|mgi):", r"\1:", low)
    xref = re.sub(r"^(?:(?:entrez|ncbi|geneid|ncbigene):)?(\d+)\Z", r"geneid:\1", xref)
    shorter = own_id.str.replace(r"\.\d+$", "")
    tests = (
        own_id == plain,
        pl.col("xrefs").list.eval(pl.element().str.to_lowercase()).list.contains(xref),
        (shorter == plain) & (pl.col("gene_id").n_unique().over(shorter) == 1),
    )
    for test in tests:
        rows = genes.filter(test)
        if rows.height:
            LOG.info(
                "%s is taken for gene %s", low, ", ".join(rows["gene_id"].unique().sort())
            )
            break
    return rows


def find_keys(store: Store, text: str) -> pl.DataFrame:
    """Find the alleles that an id stands for.

    Parameters
    ----------
    store
        The store.
    text
        An rs id, SPDI, VRS id, HGVS g., c., n. or p. name, a cohort's own id, or
        `contig-pos-ref-alt`, whose contig may go by any of its names, with the extent of a
        symbolic allele behind it, or without for all extents; any spelling of
        the same change finds it (`names.py`, `transcript_names.py`).

    Returns
    -------
    pl.DataFrame
        The keys, none for an unknown id; the log says why.

    Raises
    ------
    UsageError
        If the contig or the transcript of a name is unknown, or it has another base than
        the reference beside its change.
    """
    text = text.strip()
    if _LOOSE_RS.match(text):
        text = text.lower()
    known = store.scan("ids", id=text).select(KEY).unique().collect()
    if known.height:
        return known
    in_transcript = find_transcript_name(store, text)
    if in_transcript is not None:
        return in_transcript
    found = _find_name(store, text)
    if not found.height:
        LOG.warning("%s", explain_missing(store, text))
    return found


def _find_name(store: Store, text: str) -> pl.DataFrame:
    if match := _VRS.match(text):
        return _by_vrs(store, match["digest"])
    written = match_written(store, text)
    if written is not None and written.height:
        return written
    readings = parse_name(text, store.assembly_contigs)
    wrong = ""
    for change, whole in zip(readings, read_names(text, store.assembly_contigs), strict=True):
        known = match_change(store, change)
        if not known.height:
            continue
        # The bases beside the change say where it is: others are of another place.
        if other := other_base(store, whole, change):
            wrong = wrong or other
            continue
        _say(text, change, known, several=len(readings) > 1)
        return known
    if wrong:
        raise UsageError(f"{text}: {wrong}", "check the assembly and position of the name")
    if match := _HGVS.match(text):
        return _by_hgvs(store, match["contig"], match["name"])
    return pl.DataFrame(schema=KEY_SCHEMA)


def _say(text: str, change: Change, keys: pl.DataFrame, *, several: bool) -> None:
    """Tell which allele another spelling was taken for."""
    own = write_key(keys)
    how = f", read as {change.spelling}" if several else ""
    LOG.info("%s is %s here%s", text, own, how)


def _by_vrs(store: Store, digest: str) -> pl.DataFrame:
    full = f"ga4gh:VA.{digest}"
    found = store.scan("ids", id=full).select(KEY).unique().collect()
    files = store.file_frame("ids")
    # A file holds ids of one kind: one that begins with VRS ids lists all of its alleles.
    listed = "min.id" in files.columns and files["min.id"].str.starts_with("ga4gh:VA.").any()
    if found.height or listed:
        return found
    return store.scan("variants").filter(pl.col("vrs_id") == full).select(KEY).collect()


def _by_hgvs(store: Store, prefix: str, name: str) -> pl.DataFrame:
    """Find alleles whose shift is too wide for a SPDI by their name as it is."""
    contig = store.assembly_contigs.canonical(prefix)
    if contig is None:
        raise UsageError(store.assembly_contigs.unknown(prefix))
    wanted = pl.col("spdi").is_null() & pl.col("hgvs_g").str.ends_with(f":{name}")
    return store.scan("variants", contig=contig).filter(wanted).select(KEY).collect()


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
    texts = [r for text in regions for r in text.split() or [text]]
    return merge_spans([parse_region(r, store.assembly_contigs) for r in texts])


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
    for contig in store.assembly_contigs.names:
        mine = keys.filter(pl.col("contig") == contig).select(WITHIN)
        if not mine.height or contig not in spans:
            continue
        whole = last_base()
        for wanted in (spans, genes):
            if wanted is not None:
                inside = [
                    (whole >= a) & (pl.lit(b is None) | (pl.col("pos") <= (b or 0)))
                    for a, b in wanted.get(contig, [])
                ]
                mine = mine.filter(pl.any_horizontal(pl.lit(value=False), *inside))
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
    for start, end in spans:
        for a, b in _cut(store, contig, start, end, table):
            yield Piece(contig, a, b, after, also=also)
            after = b


def _cut(
    store: Store, contig: str, start: int, end: int | None, table: str
) -> list[tuple[int, int | None]]:
    """Cut a span into parts of about PIECE_ROWS rows of a table."""
    if table == "ids":
        # Sorted by id: every part would read all of it.
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


def scan_piece(
    store: Store, table: str, piece: Piece, **partition: str | list[str] | None
) -> pl.LazyFrame:
    """Scan the rows of a table with pos, ref and alt that belong to a piece."""
    frame = store.scan(
        table, contig=piece.contig, start=piece.start, end=piece.end, **partition
    )
    if piece.after is not None:
        frame = frame.filter(pl.col("pos") > piece.after)
    if piece.also is not None:
        last = last_base() if "extent" in store.declaration(table).names else last_of_ref()
        inside = [(pl.col("pos") <= b) & (last >= a) for a, b in piece.also]
        frame = frame.filter(pl.any_horizontal(*inside))
    if piece.keys is not None:
        frame = frame.join(piece.keys.lazy(), on=WITHIN, how="semi", maintain_order="left")
    return frame
