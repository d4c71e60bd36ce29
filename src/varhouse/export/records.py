"""The records of a cohort, window by window, from the tables sites and genotypes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.extent import INFO_KEYS
from varhouse.errors import StoreError
from varhouse.export.kernel import write_lines
from varhouse.genotypes.calls import NO_GT
from varhouse.genotypes.planefiles import NEEDED, NO_ROWS, FileCalls, list_files
from varhouse.store.reader import Store
from varhouse.tables.textcolumn import pack

WINDOW = 32_768
"""Records read at once: a row group of the table sites."""

WINDOW_CALLS = 1 << 27
"""Calls read at once, about: of many people fewer records."""

LINES_BYTES = 64 << 20
"""Text made at once, about."""

_MISSING = "./."
_ABSENT = np.frombuffer(_MISSING.encode(), np.uint8)
_RECORD = ["file", "record"]
_EQUAL = ["pos", "ref", "alt", "allele_extent"]


@dataclass(frozen=True)
class Layout:
    """Who stands where in the export.

    Attributes
    ----------
    samples
        Names of the columns.
    column_at, columns
        int64[files + 1], int32: the output columns of each file's sample columns.
    merged
        Files hold different samples: equal records of several files are one record.
    """

    samples: Sequence[str]
    column_at: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    merged: bool

    @property
    def sampled(self) -> list[int]:
        """Numbers of the files with sample columns."""
        found: list[int] = np.flatnonzero(np.diff(self.column_at)).tolist()
        return found

    @property
    def window(self) -> int:
        """Records that are read at once."""
        return max(min(WINDOW, WINDOW_CALLS // max(len(self.samples), 1)), 1)


def make_layout(files: pl.DataFrame, samples: pl.DataFrame) -> Layout:
    """Lay out the columns: those of the first file, then new ones of the others.

    Parameters
    ----------
    files, samples
        Rows of these tables of one cohort.

    Raises
    ------
    StoreError
        If a file names a sample that the cohort does not have.
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
    place = np.full(max(names, default=-1) + 1, -1, np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    at = np.zeros(len(lists) + 1, np.int64)
    at[1:] = np.cumsum([len(mine) for mine in lists])
    flat = np.array([o for mine in lists for o in mine], np.int64)
    merged = any(set(mine) != set(lists[0]) for mine in lists)
    return Layout([names[o] for o in order], at, place[flat], merged)


def iter_contigs(store: Store, cohort: str) -> Iterator[str]:
    """Give the contigs that hold records of a cohort, in the order of the assembly."""
    held = store.scan("sites", cohort=cohort).select("contig").unique().collect()["contig"]
    present = set(held.to_list())
    yield from (c for c in store.assembly_contigs.names if c in present)


def iter_windows(
    store: Store, cohort: str, contig: str, layout: Layout
) -> Iterator[tuple[pl.DataFrame, FileCalls]]:
    """Give the sites of a contig and their genotypes, some ten thousand records at a time.

    Both are in the same order: by pos, file and record. In records of files without sample
    columns nobody is called.
    """
    sites = store.scan("sites", cohort=cohort, contig=contig)
    pos = sites.select("pos").sort("pos").collect()["pos"]
    n = layout.window
    last = pos.gather_every(n, n - 1).unique(maintain_order=True).to_list()
    low = int(pos[0])
    for high in dict.fromkeys([*last, int(pos[-1])]):
        if high < low:
            continue
        yield _window(store, cohort, contig, (low, int(high)), layout)
        low = int(high) + 1


def _window(
    store: Store, cohort: str, contig: str, span: tuple[int, int], layout: Layout
) -> tuple[pl.DataFrame, FileCalls]:
    inside = pl.col("pos").is_between(*span)
    where = {"contig": contig, "start": span[0], "end": span[1]}

    def read(table: str, columns: Sequence[str]) -> pl.DataFrame:
        frame = store.scan(table, cohort=cohort, **where).filter(inside)
        return frame.sort("pos", *_RECORD).select(columns).collect()

    sites = read("sites", [*_RECORD, *_EQUAL, "chrom", "id", "qual", "filter", "info"])
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
    return sites, list_files(genotypes, sites, columns, _MISSING)


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
    numbered = sites.with_row_index("_row").with_columns(
        pl.col("record").cum_count().over(*_EQUAL, "file").alias("_nth")
    )
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


def format_qual(qual: pl.Expr) -> pl.Expr:
    """Print QUAL so that it reads back equal: shortest, whole numbers without a point."""
    whole = (qual == qual.round()) & (qual.abs() < 1e15)
    text = pl.when(whole).then(qual.cast(pl.Int64, strict=False).cast(pl.String))
    return text.otherwise(qual.cast(pl.String)).fill_null(".")


def iter_lines(
    sites: pl.DataFrame, calls: FileCalls, layout: Layout
) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    """Write the records of a window as lines of VCF, in pieces of some LINES_BYTES.

    Yields the bytes of a piece and its number of records.
    """
    n_columns = len(layout.samples)
    records, group = sites, np.arange(sites.height)
    if layout.merged:
        records, place = merge_records(sites)
        group = place.to_numpy()
    # The rows of a record lie together: sorted by record, as blocks.
    order = np.argsort(group, kind="stable")
    block_at = np.zeros(records.height + 1, np.int64)
    block_at[1:] = np.cumsum(np.bincount(group, minlength=records.height))
    texts, texts_at = pack(pl.Series(["." if t == NO_GT else t for t in calls.texts]))
    step = max(LINES_BYTES // (4 * n_columns + 200), 1)
    for first in range(0, records.height, step):
        last = min(first + step, records.height)
        rows = order[block_at[first] : block_at[last]]
        head, head_at = pack(_heads(records[first:last], samples=n_columns > 0))
        lines = write_lines(
            head,
            head_at,
            block_at[first : last + 1] - block_at[first],
            sites["file"].gather(rows).to_numpy(),
            calls.default[rows],
            calls.begin[rows],
            calls.end[rows],
            calls.who,
            calls.what,
            texts,
            texts_at,
            layout.column_at,
            layout.columns,
            n_columns,
            _ABSENT,
        )
        yield lines, last - first


def _heads(records: pl.DataFrame, *, samples: bool) -> pl.Series:
    """Make the cells before the genotypes."""
    cells = [
        pl.col("chrom"), pl.col("pos").cast(pl.String), pl.col("id").fill_null("."),
        pl.col("ref"), pl.col("alt"), format_qual(pl.col("qual")), pl.col("filter"),
        pl.col("info"),
    ]  # fmt: skip
    if samples:
        cells.append(pl.lit("GT"))
    return records.select(pl.concat_str(cells, separator="\t").alias("head"))["head"]
