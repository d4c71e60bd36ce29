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

from varhouse.alleles.key import write_key
from varhouse.errors import AccessError, SchemaError, StoreError
from varhouse.genotypes.planecheck import find_faults
from varhouse.store import delta
from varhouse.store.catalogue import Catalogue, file_ingest
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.store.releases import Pinned, list_releases, read_release
from varhouse.store.retract import callable_files
from varhouse.store.verifyfields import compare_fields
from varhouse.tables.atsites import at_sites
from varhouse.tables.consistency import describe, impossible, strata_apart
from varhouse.tables.digest import EMPTY, combine, table_digest
from varhouse.tables.labels import Labels
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import GENOTYPES, KEY, TABLES, Table
from varhouse.tables.statistics import (
    STATISTICS,
    counts_at_site,
    counts_of,
    greatest_of,
    made_of,
    site_counts,
)
from varhouse.tables.totals import CohortFile, sum_cohorts, with_greatest
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
        problems += _check_counts(store)
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
            files = self._store.scan("files", cohort=cohort).collect()
            people = self._store.scan("samples", cohort=cohort).collect()
            self._known[cohort] = Labels.of_tables(files, people)
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


def _check_counts(store: Store) -> list[Problem]:
    """Compare variants, frequencies and totals, which are about the same alleles."""
    problems: list[Problem] = []
    names = ("variants", "frequencies", "totals")
    parts = {p["part"] for n in names for p in _partitions(store, n, ("part",))}
    for part in sorted(parts):
        assessed = callable_files(store, part)
        frames = {n: store.scan(n, part=part) for n in names}
        place = pl.concat([frames[n].select("contig", "pos") for n in names])
        for window in cut_windows(place, BATCH_ROWS):
            rows = {n: f.filter(window.rows()).collect() for n, f in frames.items()}
            problems += _compare_alleles(rows["variants"], rows["frequencies"])
            problems += _compare_totals(rows["frequencies"], rows["totals"], assessed)
            problems += _compare_bases(store, part, rows["frequencies"])
            for name in ("frequencies", "totals"):
                problems += _check_statistics(name, rows[name])
    return problems


def _check_statistics(name: str, rows: pl.DataFrame) -> list[Problem]:
    """Find rows with counts that cannot be, or with what does not follow from them."""
    wrong = impossible(name, rows) + strata_apart(rows, exactly=name == "frequencies")
    problems = []
    if wrong:
        problems.append(Problem(name, "", f"counts that cannot be: {describe(wrong)}"))
    made = {n: e for n, e in made_of(name).items() if n in rows.columns}
    # The last bit of a logarithm is another one on another machine.
    rounded = {s.name for s in STATISTICS if not s.is_exact}
    differs = pl.lit(value=False)
    for column, value in made.items():
        found = pl.col(column)
        off = (found - value).abs() > 1e-12 * value.abs()
        apart = found.is_null() != value.is_null()
        differs |= (
            (apart | off.fill_null(value=False))
            if column in rounded
            else (found.ne_missing(value))
        )
    if name == "totals":
        again = with_greatest(rows)
        for column in (c for c in greatest_of(name) if c in rows.columns):
            differs |= pl.col(column).ne_missing(again[column])
            made[column] = pl.col(column)
    bad = rows.filter(differs)
    if bad.height:
        names = ", ".join(made)
        what = f"{bad.height} rows with {names} that cannot be, the first: {_allele(bad)}"
        problems.append(Problem(name, "", what))
    return problems


def _allele(frame: pl.DataFrame) -> str:
    return write_key(frame)


def _compare_alleles(variants: pl.DataFrame, frequencies: pl.DataFrame) -> list[Problem]:
    problems = []
    counted = frequencies.select(KEY).unique()
    unknown = counted.join(variants, on=KEY, how="anti")
    if unknown.height:
        what = f"{unknown.height} alleles are not in variants, the first: {_allele(unknown)}"
        problems.append(Problem("frequencies", "", what))
    orphans = variants.join(counted, on=KEY, how="anti")
    if orphans.height:
        what = f"{orphans.height} alleles have no frequencies, the first: {_allele(orphans)}"
        problems.append(Problem("variants", "", what))
    return problems


def _compare_bases(store: Store, part: str, frequencies: pl.DataFrame) -> list[Problem]:
    """Compare what alleles count of their base with the table callable.

    Of a cohort in which all files have runs they are equal; of any other some allele of the
    base counts at least as many, for people of other files are among them.
    """
    problems = []
    key = ["contig", "pos", "stratum_by", "stratum"]
    counts = site_counts()
    most = {n: e for n, e in counts_at_site("frequencies").items() if n in counts}
    for (cohort,), rows in frequencies.group_by("cohort", maintain_order=True):
        paths = [f.path for f in callable_files(store, part) if f.cohort == cohort]
        if not paths:
            continue
        files = store.scan("files", cohort=str(cohort)).select("has_runs").collect()
        by_runs_alone = bool(files["has_runs"].all())
        if not by_runs_alone:
            rows = rows.group_by(key).agg(pl.first("ref", "alt", "extent"), **most)
        both = rows.join(at_sites(paths, rows), on=key, how="left", suffix="_base")
        said, found = (
            [pl.col(f"{n}{end}").fill_null(0) for n in counts] for end in ("", "_base")
        )
        wrong = pl.any_horizontal(
            a != b if by_runs_alone else a < b for a, b in zip(said, found, strict=True)
        )
        bad = both.filter(wrong)
        if bad.height:
            what = (
                f"cohort {cohort}: {bad.height} rows count of their base something else than"
                f" the table callable, the first: {_allele(bad)}"
            )
            problems.append(Problem("frequencies", "", what))
    return problems


def _compare_totals(
    frequencies: pl.DataFrame, totals: pl.DataFrame, assessed: list[CohortFile]
) -> list[Problem]:
    """Compare totals with the sums of the frequencies, and of callable where it has more."""
    names = [*KEY, "stratum_by", "stratum", *counts_of("totals")]
    sums = sum_cohorts(frequencies, assessed)
    wanted, found = (f.select(names) for f in (sums, totals))
    wrong = pl.concat(
        [
            wanted.join(found, on=names, how="anti", nulls_equal=True),
            found.join(wanted, on=names, how="anti", nulls_equal=True),
        ]
    )
    if not wrong.height:
        return []
    alleles = wrong.select(*KEY, "stratum_by", "stratum").unique(maintain_order=True)
    what = f"{alleles.height} sums over cohorts are wrong, the first: {_allele(alleles)}"
    return [Problem("totals", "", what)]
