"""The records of a cohort, window by window, from the tables sites and genotypes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import StoreError, UsageError, nearest
from varhouse.export.fieldcells import BLOCK_ORDER
from varhouse.export.joined import EQUAL, NTH
from varhouse.export.refblocks import NEEDED as BLOCK_COLUMNS
from varhouse.export.refblocks import as_sites, block_calls, in_order, join_calls
from varhouse.genotypes.planefiles import NEEDED, NO_ROWS, FileCalls, list_files
from varhouse.store.reader import Store
from varhouse.tables.schema import FIELDS
from varhouse.tables.windows import cut_windows

WINDOW = 32_768
"""Records read at once: a row group of the table sites."""

WINDOW_CALLS = 1 << 27
"""Calls read at once, about: of many people fewer records."""

WINDOW_FIELDS = 1 << 22
"""As WINDOW_CALLS, of cohorts with more FORMAT fields than GT."""

HELD_RECORDS = 1 << 22
"""Records whose positions are held at once, about, while windows are cut: a person's gVCF may
have hundreds of millions."""

WINDOW_PLANES = 1 << 26
"""Bytes of planes read at once, about: of records of many ALTs fewer."""

MISSING = "./."
"""GT of a sample whose files do not hold a record."""

_TABLES = ("sites", "blocks")
"""Tables that hold the records of a cohort."""

_RECORD = ["file", "record"]
_SITE_COLUMNS = [
    *_RECORD, "pos", "ref", "alt", "allele_extent", "chrom", "id", "qual", "filter", "info",
    "format",
]  # fmt: skip
_NO_BLOCK = pl.lit(None, pl.Int32).alias("block_end")


def format_qual(qual: pl.Expr) -> pl.Expr:
    """Print QUAL so that it reads back equal: shortest, whole numbers without a point."""
    whole = (qual == qual.round()) & (qual.abs() < 1e15)
    text = pl.when(whole).then(qual.cast(pl.Int64, strict=False).cast(pl.String))
    return text.otherwise(qual.cast(pl.String))


@dataclass(frozen=True)
class Layout:
    """Who stands where in the export.

    Attributes
    ----------
    samples
        Names of the columns.
    column_at, columns
        int64[files + 1], int32: the output columns of each file's sample columns, -1 for
        those that are not written.
    has_fields
        The cohort has FORMAT fields beside GT.
    recounts
        AC, AN and AF are made anew.
    merged
        Files hold different samples: equal records of several files are one record.
    has_blocks
        The reference blocks of gVCF files are wanted, too.
    as_filed
        FORMAT is that of the file: fields that are not kept are missing, not left out.
    """

    samples: Sequence[str]
    column_at: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    merged: bool
    has_fields: bool = False
    recounts: bool = False
    has_blocks: bool = False
    as_filed: bool = False

    @property
    def sampled(self) -> list[int]:
        """Numbers of the files with sample columns that are written."""
        file_of = np.repeat(np.arange(self.column_at.size - 1), np.diff(self.column_at))
        found: list[int] = np.unique(file_of[self.columns >= 0]).tolist()
        return found

    @property
    def is_whole(self) -> bool:
        """Whether all sample columns are written."""
        return bool((self.columns >= 0).all())

    @property
    def widths(self) -> dict[int, int]:
        """Sample columns of each file that has some."""
        return {k: n for k, n in enumerate(np.diff(self.column_at).tolist()) if n}

    @property
    def window(self) -> int:
        """Records that are read at once."""
        calls = WINDOW_FIELDS if self.has_fields else WINDOW_CALLS
        people = max(sum(self.widths.values(), 1) // max(len(self.widths), 1), 1)
        return max(min(WINDOW, calls // people), 1)


def make_layout(
    files: pl.DataFrame,
    samples: pl.DataFrame,
    chosen: Sequence[str] | None = None,
    *,
    has_fields: bool = False,
    has_blocks: bool = False,
) -> Layout:
    """Lay out the columns: those of the first file, then new ones of the others.

    Parameters
    ----------
    files, samples
        Rows of these tables of one cohort.
    chosen
        The samples to write, in the order of their columns; None: all.
    has_fields, has_blocks
        See `Layout`.

    Raises
    ------
    StoreError
        If a file names a sample that the cohort does not have.
    UsageError
        If a chosen sample is not in the cohort, or chosen twice.
    """
    names = dict(zip(samples["ordinal"].to_list(), samples["sample"].to_list(), strict=True))
    own = dict(files.select("file", "samples").sort("file").rows())
    # A file that left the cohort leaves its number behind, without columns.
    lists: list[list[int]] = [own.get(k, []) for k in range(max(own, default=-1) + 1)]
    order = list(dict.fromkeys(o for mine in lists for o in mine))
    unknown = [o for o in order if o not in names]
    if unknown:
        raise StoreError(
            f"the table samples lacks ordinal {unknown[0]} that the table files names",
            "varhouse store verify says what else is wrong",
        )
    if chosen is not None:
        order = _find_samples(chosen, {names[o]: o for o in order})
    place = np.full(max(names, default=-1) + 1, -1, np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    at = np.zeros(len(lists) + 1, np.int64)
    at[1:] = np.cumsum([len(mine) for mine in lists])
    flat = np.array([o for mine in lists for o in mine], np.int64)
    merged = len({frozenset(mine) for mine in own.values()}) > 1
    return Layout(
        [names[o] for o in order],
        at,
        place[flat],
        merged,
        has_fields=has_fields,
        has_blocks=has_blocks,
    )


def _find_samples(chosen: Sequence[str], known: dict[str, int]) -> list[int]:
    """Give the ordinals of samples by name."""
    unknown = [s for s in chosen if s not in known]
    if unknown:
        raise UsageError(
            f"the cohort has no sample {unknown[0]!r}{nearest(unknown[0], list(known))}"
        )
    twice = [s for k, s in enumerate(chosen) if s in chosen[:k]]
    if twice:
        raise UsageError(f"sample {twice[0]!r} is asked for twice")
    return [known[s] for s in chosen]


def iter_contigs(store: Store, cohort: str) -> Iterator[str]:
    """Give the contigs that hold records of a cohort, in the order of the assembly."""
    held = pl.concat(
        [store.scan(table, cohort=cohort).select("contig").unique() for table in _TABLES]
    )
    present = set(held.collect()["contig"].to_list())
    yield from (c for c in store.assembly_contigs.names if c in present)


class Window(NamedTuple):
    """Some neighbouring records of a cohort.

    Attributes
    ----------
    sites
        Rows of this table, QUAL as text, and the reference blocks among them (`block_end`:
        their last base, else null), by pos, file and record.
    calls
        Their genotypes, in the same order; in records of files without sample columns
        nobody is called.
    fields
        Rows of the table `fields` that hold their other FORMAT fields, in the order in
        which they are decoded.
    """

    sites: pl.DataFrame
    calls: FileCalls
    fields: pl.DataFrame


Span = tuple[int | None, int | None]
"""First and last 1-based base of what is wanted of a contig; None: to its end."""


def _scan(
    store: Store, table: str, cohort: str, contig: str, layout: Layout, wanted: Span
) -> pl.LazyFrame:
    rows = store.scan(table, cohort=cohort, contig=contig, start=wanted[0], end=wanted[1])
    return rows if layout.is_whole else rows.filter(pl.col("file").is_in(layout.sampled))


def measure(
    store: Store, cohort: str, contig: str, layout: Layout, wanted: Span
) -> tuple[int, int]:
    """Count the records that `iter_windows` and `merge_records` give, without their calls.

    Reference blocks are not among them.

    Returns
    -------
    (records, alleles)
        Records, and REF and ALTs of a record at most.
    """
    sites = _scan(store, "sites", cohort, contig, layout, wanted)
    if layout.merged:
        sites = sites.with_columns(_NO_BLOCK)
        rows = sites.select(*_RECORD, *EQUAL).sort("pos", *_RECORD)
        sites = rows.with_columns(NTH).unique([*EQUAL, "_nth"])
    most = pl.col("alt").str.count_matches(",").max().fill_null(0) + 2
    records, alleles = sites.select(pl.len(), most.alias("alleles")).collect().row(0)
    return int(records), int(alleles)


def iter_windows(
    store: Store, cohort: str, contig: str, layout: Layout, wanted: Span = (None, None)
) -> Iterator[Window]:
    """Give the records of a contig that overlap a region, a window at a time."""
    n_alt = pl.col("alt").str.count_matches(",", literal=True).cast(pl.Int64) + 1
    width = pl.col("file").replace_strict(layout.widths, default=0, return_dtype=pl.Int64)
    # Two copies a person; planes of ALTs, and of who is missing and absent.
    planes = (n_alt + 2) * ((width + 3) // 4)
    rows = _scan(store, "sites", cohort, contig, layout, wanted).select(
        "contig", "pos", planes=planes
    )
    if layout.has_blocks:
        blocks = _scan(store, "blocks", cohort, contig, layout, wanted)
        blocks = blocks.select("contig", "pos", planes=pl.lit(0, pl.Int64))
        rows = pl.concat([rows, blocks])
    for low, high in _spans_of_windows(rows, layout.window):
        yield _window(store, cohort, contig, (low, high), layout, wanted[0])


def _spans_of_windows(rows: pl.LazyFrame, most: int) -> Iterator[tuple[int, int]]:
    """Give first and last position of windows of records (contig, pos, planes in bytes)."""
    for window in cut_windows(rows, HELD_RECORDS):
        part = rows.filter(window.rows()).sort("pos").collect()
        first = int(part["pos"][0])
        for last in _ends_of_windows(part, most):
            if last >= first:
                yield first, last
                first = last + 1


def _ends_of_windows(held: pl.DataFrame, most: int) -> list[int]:
    """Give the last position of windows of at most so many records, and WINDOW_PLANES.

    `held` has `pos` and `planes` (bytes) of each record, in order.
    """
    share = held["planes"].to_numpy().clip(WINDOW_PLANES // most, None)
    window = (np.cumsum(share) - 1) // WINDOW_PLANES
    last = np.flatnonzero(np.diff(window, append=window[-1] + 1))
    ends: list[int] = np.unique(held["pos"].to_numpy()[last]).tolist()
    return ends


def _window(
    store: Store,
    cohort: str,
    contig: str,
    span: tuple[int, int],
    layout: Layout,
    start: int | None,
) -> Window:
    inside = pl.col("pos").is_between(*span)
    if not layout.is_whole:
        inside &= pl.col("file").is_in(layout.sampled)
    where = {"contig": contig, "start": max(span[0], start or 0), "end": span[1]}

    def read(table: str, columns: Sequence[str]) -> pl.DataFrame:
        frame = store.scan(table, cohort=cohort, **where).filter(inside)
        return frame.sort("pos", *_RECORD).select(columns).collect()

    sites = read("sites", _SITE_COLUMNS).with_columns(format_qual(pl.col("qual")), _NO_BLOCK)
    sampled = layout.sampled
    genotypes = read("genotypes", NEEDED) if sampled else NO_ROWS
    known = sites.filter(pl.col("file").is_in(sampled)).select(_RECORD)
    if not known.equals(genotypes.select(_RECORD).unique(maintain_order=True)):
        raise StoreError(
            f"cohort {cohort}, {contig}:{span[0]}-{span[1]}: the tables sites and genotypes "
            "do not hold the same records",
            "varhouse store verify says what else is wrong",
        )
    at = layout.column_at
    columns = {f: layout.columns[at[f] : at[f + 1]] for f in sampled}
    calls = list_files([genotypes], sites, columns, MISSING)
    if layout.has_blocks and (rows := read("blocks", BLOCK_COLUMNS)).height:
        blocks = as_sites(rows)
        order = in_order(sites, blocks, ["pos", *_RECORD])
        calls = join_calls(calls, block_calls(blocks, columns), order)
        sites = pl.concat([sites, blocks.select(sites.columns)])[order]
    if not layout.has_fields:
        return Window(sites, calls, pl.DataFrame(schema=dict(FIELDS.polars_schema)))
    # Blocks may begin before the region that records overlap.
    reach = {**where, "start": span[0]}
    fields = store.scan("fields", cohort=cohort, **reach)
    fields = fields.filter(pl.col("file").is_in(sampled)).select(FIELDS.names)
    return Window(sites, calls, _wanted_blocks(fields.collect(), layout).sort(BLOCK_ORDER))


def _wanted_blocks(blocks: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Keep the blocks with any sample column that is written."""
    if layout.is_whole or blocks.is_empty():
        return blocks
    keys, at = ["file", "first", "people"], layout.column_at
    known = blocks.select(keys).unique()
    hit = [
        bool((layout.columns[at[f] + first :][:n] >= 0).any()) for f, first, n in known.rows()
    ]
    return blocks.join(known.filter(pl.Series(hit)), on=keys, how="semi")
