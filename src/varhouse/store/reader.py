"""Reading a store: one release, pinned, as polars LazyFrames.

A reader never takes a lock and never lists a data folder. It reads one release record;
a table that is asked for is opened at the Delta version that the record pins, and files
that cannot hold the wanted region are left out by the statistics in the Delta log.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import AccessError, StoreError, UsageError, nearest, one_of
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.regions import parse_region
from varhouse.governed import CONTROLLED, PUBLIC, governed_store_of
from varhouse.store.errata import check_is_open, told_if_sealed
from varhouse.store.layout import read_store_file, table_folder
from varhouse.store.mirror import local_path
from varhouse.store.pinned import PinnedStore
from varhouse.store.plan import Plan
from varhouse.store.pruning import Filters, Wanted, file_tests, read_filters
from varhouse.store.releases import read_release, resolve_release
from varhouse.store.rows import may_be_open, overlapping, scan_files
from varhouse.store.touched import recorded
from varhouse.store.viewstores import Closed, check_shown, role_of, root_for
from varhouse.tables.schema import Table
from varhouse.view import NO_GRANT, NO_GRANT_FIX, View

log = logging.getLogger("varhouse.store")


def open_store(
    path: str | Path,
    release: str | int | None = None,
    audience: str = CONTROLLED,
    closed: Closed | None = None,
) -> "Store":
    """Open a store for reading, pinned to one release.

    Of a governed store a role below `controlled` reads the view store that was made for it
    (`varhouse share release`). A view store shows no more than its role sees, whoever asks,
    and is not opened for a role that sees less: it has rows that are not for that one.

    Parameters
    ----------
    path
        The store's root folder, or where it is on S3: `s3://BUCKET/FOLDER`.
    release
        Number or tag; None: the newest.
    audience
        The role for which it is opened, one of `view.AUDIENCES`: `controlled` sees what the
        file system lets its reader see, `public` only what may be given to anybody.
    closed
        Says of the folder of a governed store and a role which cohorts are closed to it.
        What answers people hands in what asks the ledger, as `varhouse.open` does; what makes
        or checks a store reads all of it. To `controlled` nothing about the people of these
        is shown (`View.cohorts_hidden`); a view store that has one of them is refused.

    Raises
    ------
    AccessError
        If the store is governed, and has no view store of the role, or one that shows what
        may be shown no more; or if it is the view store of a role that sees more.
    StoreError
        If there is no store, no such release, it was sealed, or the format is newer.
    """
    view = View(audience)
    given = local_path(path).absolute()
    meta = read_store_file(given)
    whole = governed_store_of(given)
    root = root_for(given, view.audience) if view.is_limited and whole == given else given
    if root != given:
        meta = read_store_file(root)
    number = resolve_release(root, release)
    for erratum in check_is_open(root, number):
        log.warning("release %d was %s: %s", number, erratum.kind, erratum.reason)
    record = read_release(root, number)
    for said in (meta, record.meta):
        if (role := role_of(root, said)) is not None:
            view = view.lowered(role)
    hidden: Iterable[str] = ()
    if closed is not None and not view.is_limited and whole == given:
        hidden = closed(given, view.audience)
    store = Store(root, meta, record).seen_by(view.audience, hidden)
    if whole is not None and whole != root:
        check_shown(whole, view.audience, record.meta, store.cohort_names(), closed)
    return store


def fetch_release(path: str | Path, release: str | int | None = None) -> "Store":
    """Open a store of which all files of the release are on a disk, be it one on S3."""
    store = open_store(path, release)
    for table in store.tables:
        store.file_frame(table)
    return store


class Store(PinnedStore):
    """A store at one release.

    Every table is a method that scans it, `store.consequences("chr1:1-99")`: see
    `TableMethods`. `table` takes the name of one.

    Attributes
    ----------
    key
        Columns of the allele key, in their order.
    path
        The store's root folder, absolute.
    meta
        What `store.json` says (format, assembly, created, created_by) and what the
        release record adds (annotation, reference, ...).
    record
        The release record.
    view
        What of it is shown, see `varhouse.view`.
    """

    @cached_property
    def assembly_contigs(self) -> Contigs:
        """The contigs of the assembly, with their aliases."""
        rows = self.scan("contigs").collect().sort("ordinal")
        columns = ("contig", "aliases", "accession", "length", "refget")
        return Contigs(
            Contig(name, aliases, accession, length, refget)
            for name, aliases, accession, length, refget in rows.select(columns).rows()
        )

    def file_frame(self, table: str, **filters: Any) -> pl.DataFrame:
        """List the files of a table that can hold rows of a region or partition.

        Takes the filters of `scan`.

        Returns
        -------
        pl.DataFrame
            `path` (relative to the table's folder), `size_bytes`, `num_records` and,
            where the Delta log has them, `partition.*`, `min.*` and `max.*`.
        """
        return self._plan(table, read_filters(filters)).files

    def plan(self, table: str, region: str | None = None, **filters: Any) -> Plan:
        """Say what `table` reads: files, row groups, bytes; takes what it takes.

        Raises
        ------
        StoreError, UsageError
            As `table` does.
        """
        wanted = read_filters(self._with_region(table, region, filters))
        if wanted.contig is not None and table != "contigs":
            wanted = replace(wanted, contig=self._canonical(wanted.contig))
        if wanted.start is not None or wanted.end is not None:
            self._check_places(self._open(table)[0])
        return self._plan(table, wanted)

    def _plan(self, table: str, wanted: Filters) -> Plan:
        declared, listed = self._open(table)
        part = None
        if wanted.contig is not None and "part" in declared.partition:
            part = self.assembly_contigs.part(wanted.contig)
        span = self._span(table)
        tests = file_tests(listed, declared, wanted, span, part)
        self._check_cohorts(declared, wanted.partition.get("cohort"), listed)
        folder = table_folder(self.path, declared)
        plan = Plan(declared, folder, wanted, listed, tests, span)
        if self._mirror is not None and plan.files.height:
            root = table_folder(Path(), declared)
            rows = plan.files.select("path", "size_bytes").rows()
            self._mirror.fetch((f"{root}/{file}", size) for file, size in rows)
        return plan

    def list_files(
        self, table: str, region: str | None = None, **filters: Any
    ) -> pl.DataFrame:
        """List the files of a table as `file_frame` does; takes what `table` takes.

        Of a table of which rows are hidden the bounds of ids are left out, which may be those
        of a hidden row, and `num_records` is null.

        Raises
        ------
        StoreError
            If a region is given, and the table has no positions.
        """
        filters = self._with_region(table, region, filters)
        if region is not None:
            self._check_places(self._open(table)[0])
        files = self.file_frame(table, **filters)
        if self.view.hidden_rows(table) is None:
            return files
        number = pl.lit(None, pl.Int64).alias("num_records")
        return files.drop("min.id", "max.id", strict=False).with_columns(number)

    @staticmethod
    def _check_places(declared: Table) -> None:
        if not {"pos", "start"} & set(declared.names):
            raise StoreError(
                f"table {declared.name} has no positions to choose a region by",
                "leave out the region",
            )

    def _canonical(self, contig: str) -> str:
        own = self.assembly_contigs.canonical(contig)
        if own is None and self.assembly_contigs.names:
            known = self.assembly_contigs
            raise UsageError(known.unknown(contig), one_of(known.names))
        return own or contig

    def _check_cohorts(self, table: Table, wanted: Wanted, files: pl.DataFrame) -> None:
        """Check that there are such cohorts, and are shown; a table need not hold each."""
        if wanted is None:
            return
        known = self.cohort_names() | (
            set(files["partition.cohort"]) if files.height else set()
        )
        for value in [wanted] if isinstance(wanted, str) else wanted:
            is_hidden = self.view.hides_cohorts(table) and value in self.view.cohorts_hidden
            if is_hidden and value in known:
                raise AccessError(NO_GRANT.say(cohort=value), NO_GRANT_FIX.say())
            if value not in known:
                raise StoreError(
                    f"release {self.release} of {self.name} has no cohort {value!r}"
                    f"{nearest(value, sorted(known))}",
                    one_of(sorted(known)),
                )

    def paths(self, table: str, **filters: Any) -> list[Path]:
        """List the files of a table, absolute paths; takes the filters of `scan`.

        Raises
        ------
        AccessError
            For who is not controlled: the files hold more than is shown.
        """
        if self.view.is_limited:
            shown = "is public" if self.view.audience == PUBLIC else "the role sees"
            raise AccessError(
                f"the files of table {table} hold more than {shown}", "use scan instead"
            )
        folder = table_folder(self.path, self.declaration(table))
        return [folder / p for p in self.file_frame(table, **filters)["path"]]

    def scan(self, table: str, **filters: Any) -> pl.LazyFrame:
        """Scan a table of the pinned release.

        Parameters
        ----------
        table
            Name of the table; a declared one that the store does not hold is empty.
        **filters
            `contig`, `start`, `end` (1-based, closed): only rows that overlap the region
            (an allele: that cover a base of it, see `end` of variants), from only the files
            that can hold some. `id` (table ids): only rows with this id. `part`, `cohort`,
            where a table is partitioned by them: only rows with this value, or one of a
            list of values.

        Returns
        -------
        pl.LazyFrame
            The declared columns. Rows are sorted in each file, not across files.

        Raises
        ------
        StoreError
            If there is no such table or cohort, or it is not partitioned by a
            filter's column.
        UsageError
            If there is no such contig.
        """
        plan = self.plan(table, **filters)
        wanted, declared = plan.filters, plan.declared
        frame = recorded(plan, self._scan_files(declared, plan.files))
        if wanted.contig is not None and "contig" in declared.names and table != "rejects":
            frame = frame.filter(pl.col("contig") == wanted.contig)
        start, end = wanted.start, wanted.end
        frame = overlapping(frame, declared, plan.files, start, end, plan.span)
        if wanted.id is not None:
            frame = frame.filter(pl.col("id") == wanted.id)
        return self._show(table, frame)

    def read_rows(
        self, table: str, files: pl.DataFrame, first: int, rows: int
    ) -> pl.DataFrame:
        """Read some rows of files of a table, as `scan` shows them.

        Parameters
        ----------
        files
            Rows of `file_frame`.
        first, rows
            0-based number of the first row, among all rows of these files, and how many:
            fewer come where the view hides some.
        """
        frame = self._scan_files(self._open(table)[0], files).slice(first, rows)
        with told_if_sealed(self.path, self.release):
            return self._show(table, frame).collect()

    def _show(self, table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Leave out what the view does not show of rows of a table."""
        if hidden := self.view.hidden_rows(table):
            frame = frame.filter(~pl.sql_expr(hidden))
        if self.view.rewrites(table):
            frame = self.view_of_all.show_rows(table, frame)
        return frame.select(self.declaration(table).names) if self.view.is_limited else frame

    @staticmethod
    def may_be_open(files: pl.DataFrame) -> bool:
        """Tell whether files of `file_frame` may hold symbolic alleles with an extent."""
        return may_be_open(files)

    def _span(self, table: str) -> int:
        pinned = self.record.tables.get(table)
        return pinned.span if pinned else 0

    def _scan_files(self, declared: Table, files: pl.DataFrame) -> pl.LazyFrame:
        """Scan files as they are, but for `constants`."""
        frame = scan_files(table_folder(self.path, declared), declared, files)
        if not files.height:
            return frame
        given = self.constants(declared.name).items()
        return frame.with_columns(pl.lit(v, pl.String).alias(n) for n, v in given)

    def table(self, name: str, region: str | None = None, **partition: Wanted) -> pl.LazyFrame:
        """Scan a table, of a region written as `chr1:48,000-49,000` if one is given.

        Other filters as in `scan`; the contig may go by any of its names.
        """
        return self.scan(name, **self._with_region(name, region, partition))

    def _with_region(
        self, name: str, region: str | None, filters: dict[str, Any]
    ) -> dict[str, Any]:
        if region is None:
            return filters
        found = parse_region(region, self.assembly_contigs)
        return {**filters, "contig": found.contig, "start": found.start, "end": found.end}

    def group_frequencies(self, people: Any = None, **more: Any) -> pl.DataFrame:
        """Count alleles among people of choice: `varhouse.group_frequencies` of this store."""
        # The room query reads stores; it is the package that knows both.
        from varhouse import group_frequencies  # noqa: PLC0415

        return group_frequencies(self, people, **more)

    def explain(self, table: str, region: str | None = None, **filters: Any) -> str:
        """Say how much of a table is read for a region or filters; `plan` tells it in numbers.

        Takes what `table` takes: `3 of 24 files, 3 of 5 row groups, 81,920 bytes`.
        """
        plan = self.plan(table, region, **filters)
        groups = plan.row_groups["kept"]
        return (
            f"{plan.files.height} of {plan.listed.height} files, {groups.sum()} of "
            f"{groups.len()} row groups, {sum(plan.bytes().values()):,} bytes"
        )
