"""Which records of a cohort hold what is asked: by region, gene or id.

Genotypes stand under the records of the files, not under normalised alleles. A record is
found by where it lies, as `bcftools view -r` finds it, or by an allele: the table `sites`
says what each ALT of a record became. One allele may be written in many ways, so all
records are looked at that a spelling of it can have.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.errors import AccessError, StoreError
from varhouse.genotypes.planerows import COLUMNS
from varhouse.query.columns import Columns
from varhouse.query.names import read_names, trim
from varhouse.query.select import Piece, find_pieces, scan_piece
from varhouse.query.selection import Selection, find_keys
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA, WITHIN, PolarsType

RECORD = ("file", "record")
"""What tells the records of a cohort apart."""

CALL = (*RECORD, "pos", "ref", "alt", *COLUMNS)
"""Columns of `Block.calls`."""

CALLS = 4_000_000
"""Calls (records x people asked for) of a block, about: some hundred megabytes as rows."""

COPIES = 128_000_000
"""Copies (2 x records x sample columns) of a block, about: what is read, 8 a byte."""

LEAST = 16
"""Records of a block, at least."""

_FAR = 100_000
"""Bases between two wanted alleles over which all records are not read."""

_ALLELES = {n: f"allele_{n}" for n in WITHIN}
_ORDER = ("pos", *RECORD, "first")
_BASES = "^[ACGTN]+$"
_MOVES = "^<(DEL|DUP)"
"""Symbols that the normaliser moves, as far as the bases repeat."""

ALLELE_SCHEMA: dict[str, PolarsType] = {
    "file": pl.Int32, "record": pl.Int64, "alt_index": pl.Int32,
    **{n: KEY_SCHEMA[n] for n in WITHIN},
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Calls of some records of one cohort and contig, as many as fit in memory.

    Attributes
    ----------
    calls
        Rows of the table `genotypes` (CALL), by pos, file, record and first.
    alleles
        A row a record and ALT that is asked for, in the same order: file, record, alt_index
        (1-based) and the normalised allele: pos, ref, alt, extent. ALTs that were rejected,
        and those that are no allele (`.`, `<NON_REF>`), are not there. None if it was not
        asked for.
    """

    cohort: str
    contig: str
    calls: pl.DataFrame
    alleles: pl.DataFrame | None = None


def find_cohorts(store: Store, names: Sequence[str] = ()) -> list[str]:
    """Give the cohorts to ask, sorted: those named, or all that have files.

    Raises
    ------
    AccessError
        In a public view: calls are of single people.
    StoreError
        If there is no such cohort, or the store keeps only its frequencies.
    """
    if store.view.is_limited:
        raise AccessError(
            f"calls are of single people: they are not {store.view.shown}",
            f"leave out {store.view.option} for your own eyes; `varhouse query` has counts",
        )
    held = store.file_frame("files", cohort=list(names) if names else None)
    known = set(held["partition.cohort"]) if held.height else set()
    for name in names:
        if name not in known:
            raise StoreError(
                f"the store keeps no files of cohort {name!r}, only its frequencies",
                "calls need the tables under controlled/",
            )
    return sorted(known)


def find_allele(store: Store, text: str) -> pl.DataFrame:
    """Give the keys of an id, as `find_keys` does; none if nothing has it.

    A change of bases for as many bases has one way to be written once it is trimmed, so its
    key is known without a look at the alleles; only an id of that name goes before.
    """
    changes = [trim(change) for change in read_names(text.strip(), store.assembly_contigs)]
    if len(changes) != 1:
        return find_keys(store, text)
    change = changes[0]
    if not change.old or not change.new or len(change.old) != len(change.new):
        return find_keys(store, text)
    known = store.scan("ids", id=text.strip()).select(KEY).unique().collect()
    if known.height:
        return known
    row = (change.contig, change.start + 1, change.old, change.new, "")
    return pl.DataFrame([row], schema=KEY_SCHEMA, orient="row")


def iter_blocks(
    store: Store, columns: Columns, pieces: Sequence[Piece], *, alleles: bool = False
) -> Iterator[Block]:
    """Give the records of a cohort that hold what is asked for, in order.

    Parameters
    ----------
    columns
        Who is asked about.
    pieces
        From `find_record_pieces`, which are the same for all cohorts.
    alleles
        Give the alleles of each record, too: all of them, or those found by id.
    """
    step = _step(columns)
    for piece in pieces:
        if piece.keys is not None or alleles:
            yield from iter_piece(store, columns, piece)
            continue
        windows = list(_windows(store, columns.cohort, piece, step))
        for calls in _read_ahead(store, columns.cohort, windows):
            if calls.height:
                yield Block(columns.cohort, piece.contig, calls)


def iter_piece(store: Store, columns: Columns, piece: Piece) -> Iterator[Block]:
    """Give the records of a piece with their alleles: all, or those of its keys."""
    cohort = columns.cohort
    sites, held = _find_alleles(store, cohort, piece)
    for part in _cut(sites, _step(columns)):
        own = held
        if part.height < sites.height:
            own = held.join(part, on=RECORD, how="semi", maintain_order="left")
        yield Block(cohort, piece.contig, _calls_of(store, cohort, piece.contig, part), own)


def _step(columns: Columns) -> int:
    """Give the records of a block, about."""
    return max(min(CALLS // max(columns.size, 1), COPIES // (2 * columns.widest)), LEAST)


def _read_ahead(store: Store, cohort: str, windows: list[Piece]) -> Iterator[pl.DataFrame]:
    """Read the calls of windows, the next one while one is worked on."""

    def read(window: Piece) -> pl.DataFrame:
        rows = scan_piece(store, "genotypes", window, cohort=cohort)
        return _in_order(rows.select(CALL).collect(), *_ORDER)

    if len(windows) == 1:
        yield read(windows[0])
        return
    pool = ThreadPoolExecutor(1)
    try:
        coming = [pool.submit(read, window) for window in windows[:1]]
        for window in windows[1:]:
            found = coming.pop().result()
            coming.append(pool.submit(read, window))
            yield found
        for last in coming:
            yield last.result()
    finally:
        # Of who leaves off early the generator may be cleared away by the thread that reads
        # ahead, which cannot wait for itself.
        pool.shutdown(wait=False, cancel_futures=True)


def _windows(store: Store, cohort: str, piece: Piece, step: int) -> Iterator[Piece]:
    """Cut a piece into pieces of about `step` records."""
    where = {"contig": piece.contig, "start": piece.start, "end": piece.end}
    files = store.file_frame("genotypes", cohort=cohort, **where)
    if not files.height:
        return
    if int(files["num_records"].sum()) <= step:
        yield piece
        return
    last = _ends_of_files(files, step)
    if last is not None:
        yield from _between(piece, last)
        return
    rows = scan_piece(store, "genotypes", piece, cohort=cohort).select("pos").collect()
    pos = rows["pos"].sort()
    last = pos.gather_every(step, offset=step - 1).unique(maintain_order=True).to_list()
    yield from _between(piece, last)


def _ends_of_files(files: pl.DataFrame, step: int) -> list[int] | None:
    """Give positions between files that make windows of about `step` rows, if there are such.

    So no file is read twice, as one is that a window ends in.
    """
    if not {"min.pos", "max.pos"} <= set(files.columns):
        return None
    rows = files.select("min.pos", "max.pos", "num_records").sort("min.pos").rows()
    ends: list[int] = []
    size, reach = 0, 0
    for low, high, number in rows:
        if size and low > reach and size + number > step:
            ends.append(reach)
            size = 0
        size, reach = size + number, max(reach, high)
        if size > 2 * step:
            return None
    return ends


def _between(piece: Piece, last: Sequence[int]) -> Iterator[Piece]:
    """Cut a piece behind some positions."""
    low, after = piece.start, piece.after
    for high in [*last, None]:
        end = piece.end if high is None else high
        yield replace(piece, start=low, end=end, after=after)
        low = after = end


def find_record_pieces(store: Store, selection: Selection) -> list[Piece]:
    """Turn a selection into pieces of contigs; of ids as `find_allele` finds them.

    Regions and genes find the records of which REF covers a base of them; ids the records
    that hold one of the alleles.

    Raises
    ------
    VarhouseError
        If a region, gene or id cannot be read.
    """
    if selection.keys is not None:
        keys = selection.keys
    elif selection.ids:
        found = [find_allele(store, text) for text in selection.ids]
        keys = pl.concat(found).unique() if len(found) > 1 else found[0]
    else:
        return list(find_pieces(store, selection, "sites"))
    if not selection.regions and not selection.genes:
        if keys.height == 1:
            pos = keys["pos"][0]
            return [Piece(keys["contig"][0], pos, pos, None, keys.select(WITHIN))]
        held = {str(c): rows for (c,), rows in keys.group_by("contig")}
        return [
            Piece(contig, group["pos"][0], group["pos"][-1], None, group.select(WITHIN))
            for contig in store.assembly_contigs.names
            if contig in held
            for group in _clusters(held[contig])
        ]
    places = replace(selection, ids=())
    return [
        replace(piece, keys=mine.select(WITHIN))
        for piece in find_pieces(store, places, "sites")
        if (mine := keys.filter(pl.col("contig") == piece.contig)).height
    ]


def _clusters(keys: pl.DataFrame) -> list[pl.DataFrame]:
    """Part the alleles of a contig where none is for long."""
    far = pl.col("pos").diff().fill_null(0) > _FAR
    ordered = keys.sort(WITHIN).with_columns(_=far.cum_sum())
    return ordered.partition_by("_", include_key=False)


def _find_alleles(
    store: Store, cohort: str, piece: Piece
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the records of a piece (file, record, pos) and the alleles they are asked for."""
    if piece.keys is not None:
        return _find_keys(store, cohort, piece)
    frame = scan_piece(store, "sites", piece, cohort=cohort)
    rows = frame.select(*RECORD, "pos", *_ALLELES.values()).collect()
    sites = _in_order(rows, "pos", *RECORD)
    return sites.select(*RECORD, "pos"), _alleles(sites)


def _find_keys(store: Store, cohort: str, piece: Piece) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the records that hold alleles, and which ALT of them it is."""
    assert piece.keys is not None
    found = [
        store.scan("sites", cohort=cohort, contig=piece.contig, start=low, end=high)
        .select(*RECORD, "pos", *_ALLELES.values())
        .collect()
        for low, high in _where_written(store, piece)
    ]
    rows = pl.concat(found).unique(RECORD) if len(found) > 1 else found[0]
    rows = rows.sort("pos", *RECORD)
    wanted = set(piece.keys.select(WITHIN).rows())
    # A few records about each allele: frames of one row cost more than these loops.
    lists = rows.select(_ALLELES.values()).rows()
    held = [
        (row, i, key)
        for row, columns in enumerate(lists)
        for i, key in enumerate(zip(*columns, strict=True), 1)
        if key in wanted
    ]
    sites = rows.select(*RECORD, "pos")[
        [row for row, *_ in dict.fromkeys((h[0], 0) for h in held)]
    ]
    numbers = rows.select(RECORD).rows()
    alleles = [(*numbers[row], i, *key) for row, i, key in held]
    return sites, pl.DataFrame(alleles, ALLELE_SCHEMA, orient="row")


def order_of(frame: pl.DataFrame, *by: str) -> npt.NDArray[np.int64] | None:
    """Give the order that sorts a frame by numbers; None: it is sorted, as one file is."""
    keys = [frame[name].to_numpy() for name in by]
    before = np.zeros(max(frame.height - 1, 0), np.bool_)
    same = ~before
    for key in keys:
        before |= same & (key[1:] < key[:-1])
        same &= key[1:] == key[:-1]
    return np.lexsort(keys[::-1]) if before.any() else None


def _in_order(frame: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Sort a frame unless it is sorted."""
    order = order_of(frame, *by)
    return frame if order is None else frame[order]


def _where_written(store: Store, piece: Piece) -> list[tuple[int, int | None]]:
    """Give the bases (1-based, closed; None: to the end) where records hold the alleles.

    Trimming moves an allele to the right inside of REF, so REF covers its base; shifting
    moves it left, at most over its justified interval, which the SPDI is.
    """
    assert piece.keys is not None
    keys = piece.keys
    bases = pl.col("ref").str.contains(_BASES) & pl.col("alt").str.contains(_BASES)
    shifts = (
        bases & (pl.col("ref").str.len_bytes() != pl.col("alt").str.len_bytes())
    ) | pl.col("alt").str.contains(_MOVES)
    split = keys.with_columns(shifts=shifts)
    spans: list[tuple[int, int | None]] = [
        (p, p) for p in split.filter(~pl.col("shifts"))["pos"].unique().sort()
    ]
    moved = split.filter("shifts")
    if moved.height:
        low, high = int(moved["pos"].min()), int(moved["pos"].max())  # type: ignore[arg-type]
        known = store.scan("variants", contig=piece.contig, start=low, end=high)
        old = pl.col("spdi").str.split(":").list.get(-2, null_on_oob=True)
        wide = moved.join(
            known.select(*WITHIN, reach=old.str.len_bytes()).collect(),
            on=WITHIN,
            how="left",
        )
        for pos, reach in wide.select("pos", "reach").unique().sort("pos").rows():
            spans.append((pos, None if reach is None else pos + reach + 1))
    return _joined(spans)


def _joined(spans: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """Join spans that lie near each other, so that few files are opened twice."""
    out: list[tuple[int, int | None]] = []
    for low, high in sorted(spans, key=lambda s: s[0]):
        last = out[-1][1] if out else 0
        if out and (last is None or low <= last + 10_000):
            out[-1] = (out[-1][0], None if None in (last, high) else max(last or 0, high or 0))
        else:
            out.append((low, high))
    return out


def _alleles(sites: pl.DataFrame) -> pl.DataFrame:
    """Make a row of each ALT of the records that is kept."""
    lists = list(_ALLELES.values())
    rows = sites.select(
        *RECORD, *lists, alt_index=pl.int_ranges(1, pl.col(lists[0]).list.len() + 1)
    ).explode(*lists, "alt_index", empty_as_null=True)
    is_kept = pl.col(_ALLELES["pos"]).is_not_null()
    is_allele = ~pl.col(_ALLELES["alt"]).is_in(UNSPECIFIED_ALTS)
    named = [pl.col(v).alias(k) for k, v in _ALLELES.items()]
    return rows.filter(is_kept & is_allele).select(
        *RECORD, pl.col("alt_index").cast(pl.Int32), *named
    )


def _cut(sites: pl.DataFrame, step: int) -> Iterator[pl.DataFrame]:
    """Cut records into blocks of about `step`, between two positions."""
    pos = sites["pos"]
    first = 0
    while first < sites.height:
        last = min(first + step, sites.height)
        if last < sites.height:
            last = int(pos.search_sorted(pos[last - 1], "right"))
        yield sites[first:last]
        first = last


def _calls_of(store: Store, cohort: str, contig: str, sites: pl.DataFrame) -> pl.DataFrame:
    """Read the calls of records (file, record, pos)."""
    low, high = int(sites["pos"][0]), int(sites["pos"][-1])
    rows = store.scan("genotypes", cohort=cohort, contig=contig, start=low, end=high)
    found = rows.filter(pl.col("pos").is_between(low, high)).select(CALL).collect()
    found = _in_order(found, *_ORDER)
    # Often they are the same; planes are not to be copied then.
    wanted = sites.select(RECORD)
    if found.height == wanted.height and found.select(RECORD).equals(wanted):
        return found
    return found.join(wanted, on=RECORD, how="semi", maintain_order="left")
