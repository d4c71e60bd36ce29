"""The records of a cohort, window by window, from the tables sites and genotypes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.extent import INFO_KEYS
from varhouse.errors import StoreError, UsageError, nearest
from varhouse.export.fieldcells import BLOCK_ORDER
from varhouse.genotypes.planefiles import NEEDED, NO_ROWS, FileCalls, list_files
from varhouse.store.reader import Store
from varhouse.tables.schema import FIELDS

WINDOW = 32_768
"""Records read at once: a row group of the table sites."""

WINDOW_CALLS = 1 << 27
"""Calls read at once, about: of many people fewer records."""

WINDOW_FIELDS = 1 << 22
"""As WINDOW_CALLS, of cohorts with more FORMAT fields than GT."""

WINDOW_PLANES = 1 << 26
"""Bytes of planes read at once, about: of records of many ALTs fewer."""

MISSING = "./."
"""GT of a sample whose files do not hold a record."""

_RECORD = ["file", "record"]
_TEXTS = ["chrom", "id", "qual", "filter", "info", "format"]
_EQUAL = ["pos", "ref", "alt", "allele_extent"]
_NTH = pl.col("record").cum_count().over(*_EQUAL, "file").alias("_nth")
"""Which of equal records of its file a record is."""


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
    """

    samples: Sequence[str]
    column_at: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    merged: bool
    has_fields: bool = False
    recounts: bool = False

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
) -> Layout:
    """Lay out the columns: those of the first file, then new ones of the others.

    Parameters
    ----------
    files, samples
        Rows of these tables of one cohort.
    chosen
        The samples to write, in the order of their columns; None: all.
    has_fields
        See `Layout`.

    Raises
    ------
    StoreError
        If a file names a sample that the cohort does not have.
    UsageError
        If a chosen sample is not in the cohort, or chosen twice.
    """
    names = dict(zip(samples["ordinal"].to_list(), samples["sample"].to_list(), strict=True))
    lists: list[list[int]] = files.sort("file")["samples"].to_list()
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
    merged = any(set(mine) != set(lists[0]) for mine in lists)
    return Layout([names[o] for o in order], at, place[flat], merged, has_fields)


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
    held = store.scan("sites", cohort=cohort).select("contig").unique().collect()["contig"]
    present = set(held.to_list())
    yield from (c for c in store.assembly_contigs.names if c in present)


class Window(NamedTuple):
    """Some neighbouring records of a cohort.

    Attributes
    ----------
    sites
        Rows of this table, by pos, file and record.
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


def _scan_sites(
    store: Store, cohort: str, contig: str, layout: Layout, wanted: Span
) -> pl.LazyFrame:
    sites = store.scan("sites", cohort=cohort, contig=contig, start=wanted[0], end=wanted[1])
    return sites if layout.is_whole else sites.filter(pl.col("file").is_in(layout.sampled))


def measure(
    store: Store, cohort: str, contig: str, layout: Layout, wanted: Span
) -> tuple[int, int]:
    """Count the records that `iter_windows` and `merge_records` give, without their calls.

    Returns
    -------
    (records, alleles)
        Records, and REF and ALTs of a record at most.
    """
    sites = _scan_sites(store, cohort, contig, layout, wanted)
    if layout.merged:
        rows = sites.select(*_RECORD, *_EQUAL).sort("pos", *_RECORD)
        sites = rows.with_columns(_NTH).unique([*_EQUAL, "_nth"])
    most = pl.col("alt").str.count_matches(",").max().fill_null(0) + 2
    records, alleles = sites.select(pl.len(), most.alias("alleles")).collect().row(0)
    return int(records), int(alleles)


def iter_windows(
    store: Store, cohort: str, contig: str, layout: Layout, wanted: Span = (None, None)
) -> Iterator[Window]:
    """Give the records of a contig that overlap a region, a window at a time."""
    start = wanted[0]
    sites = _scan_sites(store, cohort, contig, layout, wanted)
    n_alt = pl.col("alt").str.count_matches(",", literal=True).cast(pl.Int64) + 1
    width = pl.col("file").replace_strict(layout.widths, default=0, return_dtype=pl.Int64)
    # Two copies a person; planes of ALTs, and of who is missing and absent.
    planes = (n_alt + 2) * ((width + 3) // 4)
    held = sites.select("pos", planes=planes).sort("pos").collect()
    if held.is_empty():
        return
    low = int(held["pos"][0])
    for high in _ends_of_windows(held, layout.window):
        if high < low:
            continue
        yield _window(store, cohort, contig, (low, high), layout, start)
        low = high + 1


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

    sites = read("sites", [*_RECORD, *_EQUAL, *_TEXTS])
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
    if not layout.has_fields:
        return Window(sites, calls, pl.DataFrame(schema=dict(FIELDS.polars_schema)))
    # Blocks may begin before the region that records overlap.
    reach = {**where, "start": span[0]}
    blocks = store.scan("fields", cohort=cohort, **reach)
    blocks = blocks.filter(pl.col("file").is_in(sampled)).select(FIELDS.names)
    return Window(sites, calls, _wanted_blocks(blocks.collect(), layout).sort(BLOCK_ORDER))


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


def merge_records(sites: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Join equal records of files with different samples.

    Records are equal if POS, REF, ALT and the extents of symbolic ALTs are, and they are the
    same-numbered of their file with these. ID, QUAL and CHROM are the first file's that has
    them; FILTER the union; INFO the entries that all agree on (AC or AN of one file is not
    that of all), and of symbolic ALTs what extents are made of as a file has it.

    Returns
    -------
    (records, group)
        Joined records in order, and for each row of `sites` the record it went to.
    """
    numbered = sites.with_row_index("_row").with_columns(_NTH)
    groups = numbered.group_by(*_EQUAL, "_nth", maintain_order=True).agg(
        pl.col("_row"),
        pl.col("chrom").first(),
        pl.col("id").drop_nulls().first(),
        pl.col("qual").drop_nulls().first(),
        pl.col("filter").unique(maintain_order=True),
        pl.col("info").unique(maintain_order=True),
    )
    records = groups.with_columns(
        _same_or(groups["filter"], _join_filters).alias("filter"),
        _join_all_infos(groups).alias("info"),
    ).with_row_index("_group")
    place = records.select("_group", "_row").explode("_row").sort("_row")["_group"]
    return records.drop("_row", "_group", "_nth"), place


def _join_all_infos(groups: pl.DataFrame) -> pl.Series:
    is_open = groups["alt"].str.contains("<", literal=True)
    if not is_open.any():
        return _same_or(groups["info"], _join_infos)
    plain = _same_or(groups["info"], _join_infos)
    return plain.zip_with(~is_open, _same_or(groups["info"], _join_open_infos))


def _same_or(values: pl.Series, join: object) -> pl.Series:
    """Give the only value of each list, or what `join` makes of several."""
    assert callable(join)
    single = values.list.first()
    many = (values.list.len() > 1).arg_true()
    if not many.len():
        return single
    joined = pl.Series([join(v) for v in values.gather(many).to_list()], dtype=pl.String)
    return single.scatter(many, joined)


def _join_filters(values: list[str]) -> str:
    failed = [f for v in values for f in v.split(";") if f not in (".", "PASS")]
    if failed:
        return ";".join(dict.fromkeys(failed))
    return "PASS" if "PASS" in values else "."


def _join_infos(values: list[str]) -> str:
    others = [set(v.split(";")) for v in values[1:]]
    kept = [e for e in values[0].split(";") if all(e in o for o in others)]
    return ";".join(kept) or "."


def _join_open_infos(values: list[str]) -> str:
    """Join INFO of symbolic alleles of equal extent, which need not be written alike."""
    kept = dict.fromkeys(e for e in _join_infos(values).split(";") if e != ".")
    for value in values:
        known = {e.partition("=")[0] for e in kept}
        entries = [(e, e.partition("=")[0]) for e in value.split(";")]
        kept |= dict.fromkeys(e for e, k in entries if k in INFO_KEYS and k not in known)
    return ";".join(kept) or "."
