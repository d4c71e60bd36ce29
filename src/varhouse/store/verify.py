"""Checking a store against its data: an independent second reading.

The files are read with pyarrow, not with the reader of this package, and everything that
records say is worked out again from the rows: counts, digests, order, keys, and that the
tables agree with each other. Files are read in batches, tables compared in windows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import AccessError, SchemaError, StoreError
from varhouse.genotypes.planecheck import find_faults
from varhouse.store import delta
from varhouse.store.catalogue import Catalogue, file_ingest
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.store.releases import Pinned, list_releases, read_release
from varhouse.store.verifycounts import check_counts
from varhouse.store.verifyfields import compare_fields
from varhouse.tables.digest import EMPTY, combine, table_digest
from varhouse.tables.labels import Labels
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import GENOTYPES, KEY, TABLES, Table
from varhouse.tables.windows import cut_windows

BATCH_ROWS = 500_000
"""Rows of a table in memory at a time."""

BATCH_BYTES = 1 << 27
"""Bytes of a table in memory at a time, about: some rows hold the genotypes of thousands."""

UNIQUE: dict[str, tuple[str, ...]] = {
    "variants": KEY,
    "ids": ("id", *KEY, "source"),
    "genes": ("gene_id", "contig", "start"),
    "contigs": ("contig",),
    "consequences": (*KEY, "transcript_id"),
    "frequencies": (*KEY, "cohort", "stratum_by", "stratum"),
    "totals": (*KEY, "stratum_by", "stratum"),
    "sites": ("cohort", "file", "record"),
    "blocks": ("cohort", "file", "record"),
    "genotypes": ("cohort", "file", "record", "first"),
    "kits": ("cohort", "kit", "contig", "start"),
    "runs": ("cohort", "contig", "sample", "start"),
    "carried": ("cohort", *KEY, "sample"),
    "cohorts": ("cohort",),
    "samples": ("cohort", "ordinal"),
    "files": ("cohort", "file"),
    "ingests": ("ingest_id",),
    "accounts": ("ingest_id",),
}
"""Columns that name one row of a table."""

_RENEW = "the next `varhouse ingest` that makes its rows anew adds it"
_PERSONAL = {"sample", "samples", "sample_id", "planes", "flipped", "odd", "odd_text"}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the table, the file if it is one file's, and what.

    With `is_note` nothing is wrong: an earlier version of varhouse made it otherwise.
    """

    table: str
    file: str
    what: str
    is_note: bool = False

    def __str__(self) -> str:
        where = f"{self.table} {self.file}" if self.file else self.table
        return f"{'note: ' if self.is_note else ''}{where}: {self.what}"


def verify(store: Store) -> list[Problem]:
    """Check a release of a store; a list of notes alone means that nothing is wrong.

    Checked are: every pinned file is there with its size, rows, columns and order; rows
    and content digest of files, tables and release are as recorded; no file is of an
    ingest without a release; keys are unique; planes of genotypes hold
    each copy once; totals are the sums of frequencies, and of callable where a cohort
    was assessed without an allele; frequencies count of a base what callable does; every
    allele with frequencies is in variants and the other way round; ac <= an; and that no
    table under `open/` has a column about single people; and that the FORMAT fields are
    those whose digests stand beside the genotypes.
    """
    numbers = [n for n in list_releases(store.path) if n <= store.release]
    ingests = {read_release(store.path, n).ingest_id for n in numbers}
    problems: list[Problem] = []
    for name in store.tables:
        problems += _check_table(store, name, ingests)
    # What follows reads rows through scans: of no use while files are damaged.
    if all(p.is_note for p in problems):
        for name in store.tables:
            problems += _check_unique(store, name)
        problems += [Problem(t, "", what) for t, what in check_counts(store, BATCH_ROWS)]
        problems += _check_fields(store)
    return problems


def _check_fields(store: Store) -> list[Problem]:
    """Compare the values of FORMAT fields with the digests beside the genotypes."""
    try:
        return [Problem("fields", "", what) for what in compare_fields(store, read_batches)]
    except AccessError:
        raise
    except StoreError as error:
        return [Problem("fields", "", error.message)]


def _check_table(store: Store, name: str, ingests: set[str]) -> list[Problem]:
    pinned = store.record.tables[name]
    root = TABLES[name].root if name in TABLES else "open"
    try:
        handle = delta.open_table(store.path / root / name, pinned.version)
        columns = delta.read_schema(handle)
        table = delta.declare(name, columns)
    except AccessError:
        # Not a fault of the store: what cannot be read is not verified.
        raise
    except StoreError as error:
        return [Problem(name, "", error.message)]
    problems = []
    lacking = [c for c in table.names if c not in columns]
    if columns != {n: t for n, t in table.polars_schema.items() if n in columns}:
        problems.append(Problem(name, "", f"columns are {columns}, not as declared"))
    elif lacking:
        what = f"an earlier version wrote it, without {', '.join(lacking)}: {_RENEW}"
        problems.append(Problem(name, "", what, is_note=True))
        table = replace(table, columns=tuple(c for c in table.columns if c.name in columns))
    if table.root == "open" and (found := _PERSONAL & set(columns)):
        problems.append(Problem(name, "", f"open table with column(s) {sorted(found)}"))
    files = delta.list_files(handle)["path"].to_list()
    delta.check_files(store.path / root / name, files)
    if len(files) != pinned.files:
        problems.append(Problem(name, "", f"{len(files)} files, {pinned.files} recorded"))
    known, labels = Catalogue(store.path), StoredLabels(store)
    rows, sums, earlier = 0, (0, 0), 0
    for file in files:
        if file_ingest(file) not in ingests:
            problems.append(Problem(name, file, "of an ingest that made no release"))
            continue
        try:
            entry = known.entry(name, file)
            found_rows, found_sums, wrong = _check_file(
                table_folder(store.path, table) / file, table, entry, labels
            )
        except (StoreError, SchemaError, OSError, pa.ArrowException) as error:
            problems.append(Problem(name, file, str(error).partition("\n")[0]))
            continue
        problems += [Problem(name, file, w) for w in wrong]
        if found_sums != known.sums(name, file):
            if _is_earlier(table_folder(store.path, table) / file, table, entry):
                found_sums, earlier = known.sums(name, file), earlier + 1
            else:
                problems.append(Problem(name, file, "content is not what was committed"))
        rows, sums = rows + found_rows, combine([sums, found_sums])
    if earlier:
        what = (
            f"{earlier} file(s) have the content and the digest that an earlier version gave "
            "them, in which source_version counted: a store that is built anew has today's"
        )
        problems.append(Problem(name, "", what, is_note=True))
    is_bad = not all(p.is_note for p in problems)
    return problems + _compare_sums(name, pinned, rows, sums, is_bad)


def _is_earlier(file: Path, table: Table, entry: dict[str, Any]) -> bool:
    """Tell whether a file of a source's table has the digest of an earlier version.

    Their column source_version was content until a release could pin it.
    """
    if not any(c.name == "source_version" and not c.content for c in table.columns):
        return False
    columns = (
        replace(c, content=c.content or c.name == "source_version") for c in table.columns
    )
    old = replace(table, columns=tuple(columns))
    frames = read_batches(file, entry["partition"])
    sums = combine(digest_frame(frame, old) for frame in frames)
    return bool([f"{s:016x}" for s in sums] == entry["sums"])


def _compare_sums(
    name: str, pinned: Pinned, rows: int, sums: tuple[int, int], known_bad: bool
) -> list[Problem]:
    if known_bad or (rows, sums) == (pinned.rows, pinned.sums):
        return []
    if rows != pinned.rows:
        return [Problem(name, "", f"{rows:,} rows, the release says {pinned.rows:,}")]
    return [Problem(name, "", "content digest is not the one of the release")]


def read_batches(file: Path, partition: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    """Read a file with pyarrow, some rows at a time, partition columns added."""
    with pq.ParquetFile(file) as source:
        meta = source.metadata
        held = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        most = BATCH_BYTES * meta.num_rows // max(held, 1)
        for batch in source.iter_batches(max(min(BATCH_ROWS, most), 1)):
            frame = pl.DataFrame(pl.from_arrow(batch))
            yield frame.with_columns(
                pl.lit(v, pl.String).alias(k) for k, v in partition.items()
            )


def recompute_digests(store: Store) -> dict[str, str]:
    """Work out the content digest of each table from the data.

    Returns
    -------
    dict
        Table name to 64 hex digits; tables without rows are left out.
    """
    digests, labels = {}, StoredLabels(store)
    for name in store.record.table_digests():
        table = store.declaration(name)
        files = store.file_frame(name)
        folder = table_folder(store.path, table)
        rows, sums = 0, (0, 0)
        for row in files.iter_rows(named=True):
            partition = {c: row[f"partition.{c}"] for c in table.partition}
            known = labels.of(table, partition)
            for frame in read_batches(folder / row["path"], partition):
                rows += frame.height
                sums = combine([sums, digest_frame(frame, table, known)])
        digests[name] = table_digest(name, rows, sums)
    return {n: d for n, d in digests.items() if d != EMPTY}


class StoredLabels:
    """What the numbers of files and samples of each cohort stand for, as a store says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Labels] = {}

    def of(self, table: Table, partition: Mapping[str, str]) -> Labels | None:
        """Give the labels that the digest of a file needs; None: it needs none."""
        if not table.labelled:
            return None
        cohort = partition["cohort"]
        if cohort not in self._known:
            # Not their headers, which may be long.
            files = self._store.scan("files", cohort=cohort).select("file", "name", "samples")
            people = self._store.scan("samples", cohort=cohort).collect()
            self._known[cohort] = Labels.of_tables(files.collect(), people)
        return self._known[cohort]


def _check_file(
    file: Path, table: Table, entry: dict[str, Any], labels: "StoredLabels"
) -> tuple[int, tuple[int, int], list[str]]:
    """Read a file; give its rows, its digest sums and what is wrong with it."""
    wrong = []
    if (size := file.stat().st_size) != entry["bytes"]:
        wrong.append(f"{size:,} bytes, {entry['bytes']:,} recorded")
    rows, sums = 0, (0, 0)
    last: pl.DataFrame | None = None
    order = [c for c in table.sort if c not in table.partition]
    nullable = {c.name for c in table.columns if c.nullable}
    known = labels.of(table, entry["partition"])
    for frame in read_batches(file, entry["partition"]):
        for name, dtype in frame.schema.items():
            if table.polars_schema.get(name) != dtype:
                wrong.append(f"column {name} is {dtype}")
            elif name not in nullable and frame[name].null_count():
                wrong.append(f"null in column {name}")
        if table.name == GENOTYPES.name and not wrong:
            wrong += find_faults(frame)
        rows += frame.height
        sums = combine([sums, digest_frame(frame, table, known)])
        if order:
            keys = frame.select(order)
            if not _is_sorted(keys if last is None else pl.concat([last, keys])):
                wrong.append("rows are not sorted")
            last = keys.tail(1)
    if rows != entry["rows"]:
        wrong.append(f"{rows:,} rows, {entry['rows']:,} recorded")
    return rows, sums, sorted(set(wrong))


def _is_sorted(keys: pl.DataFrame) -> bool:
    """Tell whether rows ascend, column after column; nulls come first."""
    if keys.height < 2:
        return True
    before, after = keys[:-1], keys[1:]
    less = pl.Series([False]).new_from_index(0, before.height)
    equal = ~less
    for name in keys.columns:
        a, b = before[name], after[name]
        smaller = (a < b).fill_null(value=False) | (a.is_null() & b.is_not_null())
        less |= equal & smaller
        equal &= a.eq_missing(b)
    return bool((less | equal).all())


def _partitions(store: Store, table: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    files = store.file_frame(table)
    if not columns:
        return [{}]
    if not files.height:
        return []
    found = files.select(f"partition.{c}" for c in columns).unique(maintain_order=True)
    return [dict(zip(columns, row, strict=True)) for row in found.rows()]


def _pieces(rows: pl.LazyFrame, table: Table) -> Iterator[pl.LazyFrame]:
    """Cut a partition into pieces that hold all rows of any key."""
    if {"contig", "pos"} <= set(table.names) and "cohort" not in table.partition:
        for window in cut_windows(rows, BATCH_ROWS):
            yield rows.filter(window.rows())
    else:
        yield rows


def _check_unique(store: Store, name: str) -> list[Problem]:
    if name not in UNIQUE:
        return []
    table = store.declaration(name)
    keys = list(UNIQUE[name])
    problems = []
    # A record, an allele or a sample is in one partition only, except by its own columns.
    for partition in _partitions(store, name, table.partition):
        rows = store.scan(name, **partition).select({*keys, *_place(table)})
        for piece in _pieces(rows, table):
            counts = piece.group_by(keys).len().filter(pl.col("len") > 1)
            double = counts.collect(engine="streaming")
            if double.height:
                first = ", ".join(str(v) for v in double.sort(keys).row(0)[:-1])
                problems.append(
                    Problem(name, "", f"{double.height} keys stand twice, the first: {first}")
                )
    return problems


def _place(table: Table) -> list[str]:
    return [c for c in ("contig", "pos") if c in table.names]
