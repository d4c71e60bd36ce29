"""One release of a store, pinned: its tables as they are declared, and what of them is shown.

Nothing here reads rows: `reader.Store` does. A table that is asked for is opened at the Delta
version that the release record pins, once.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import polars as pl

from varhouse.errors import StoreError, nearest
from varhouse.governed import PUBLIC, VIEWS
from varhouse.store import delta
from varhouse.store.errata import told_if_sealed
from varhouse.store.layout import table_folder
from varhouse.store.mirror import Mirror, mirror_at
from varhouse.store.releases import Pinned, Release, list_releases, read_release
from varhouse.store.sources import is_restricted, known_sources, source_of
from varhouse.store.table_methods import TableMethods
from varhouse.store.viewstores import ROLE, check_made_for
from varhouse.tables.digest import EMPTY
from varhouse.tables.schema import KEY, TABLES, Table, annotation_table
from varhouse.view import LEFT_OUT, View

log = logging.getLogger("varhouse.store")


class PinnedStore(TableMethods):
    """A store at one release, without its rows: `reader.Store`, which is the one to use."""

    def __init__(
        self, path: Path, meta: dict[str, Any], record: Release, view: View | None = None
    ) -> None:
        self.key = list(KEY)
        self.path = path
        self.view = view or View()
        self.meta = self.view.show_meta({**meta, **record.meta})
        # Of the whole release, also where a view shows a part of it.
        self._digest = record.digest
        self._whole = record
        shown = {n: t for n, t in record.tables.items() if self.view.shows(_known(n))}
        shown_meta = self.view.show_meta(record.meta)
        self.record = replace(record, tables=shown, meta=shown_meta)
        if self.view.is_limited:
            self.record = replace(self.record, sources=None)
        self._opened: dict[str, tuple[Table, pl.DataFrame]] = {}
        self._has_told = False

    def __repr__(self) -> str:
        return f"<Store {self.name} release {self.release}: {', '.join(self.tables)}>"

    @property
    def name(self) -> str:
        """What messages call the store: its path, or the folder's name for lesser roles."""
        if not self.view.is_limited:
            return str(self.path)
        above = self.path.parent
        return (above.parent if above.name == VIEWS else self.path).name

    @property
    def made_for(self) -> str | None:
        """The role for which a view store was made; None: it is no view store."""
        role = self.meta.get(ROLE)
        return None if role is None else str(role)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Sources that this view leaves out, see `public`."""
        return self.view.withheld

    if not TYPE_CHECKING:
        # Only for the message: a type checker would take any name for an attribute then.
        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"a store has no {name!r}{nearest(name, TABLES)}")

    @cached_property
    def _mirror(self) -> Mirror | None:
        """What brings data files of a store on S3."""
        return mirror_at(self.path)

    @property
    def release(self) -> int:
        """Number of the pinned release."""
        return self.record.number

    @property
    def assembly(self) -> str:
        """Name of the assembly."""
        return str(self.meta["assembly"])

    @property
    def tables(self) -> list[str]:
        """Names of the tables of this release, sorted."""
        return sorted(self.record.tables)

    @property
    def open_tables(self) -> list[str]:
        """Names of those tables of this release that tell of no single people, sorted."""
        return [n for n in self.tables if _known(n).root == "open"]

    def declaration(self, table: str) -> Table:
        """Give what is shown of a table's declaration, of annotations as of this release.

        Raises
        ------
        AccessError
            If the view shows nothing of it, or there is no permission to read it.
        """
        return self.view.show(self._open(table)[0])

    def schema(self, table: str) -> pl.DataFrame:
        """Describe a table: one row a column with name, type, nullable and meaning."""
        columns = self.declaration(table).columns
        return pl.DataFrame(
            {
                "name": [c.name for c in columns],
                "type": [str(c.dtype) for c in columns],
                "nullable": [c.nullable for c in columns],
                "meaning": [c.meaning for c in columns],
            }
        )

    def constants(self, table: str) -> dict[str, str | None]:
        """Give the columns of a table that the release decides, not the files.

        The files of a source's annotations stay as they are where a later version of the
        source says the same; `source_version` is that of this release all the same.
        """
        source = table.removeprefix("annotations_")
        versions = self.record.meta.get("annotation", {}).get("versions", {})
        if source == table or source not in versions:
            return {}
        return {"source_version": versions[source]}

    @cached_property
    def restricted(self) -> list[str]:
        """Names of the sources that may not be passed on (`redistribute: false`)."""
        return [
            source
            for table in self.tables
            if (source := source_of(table)) and is_restricted(self._open(table)[0].names)
        ]

    def public(self, withheld: Sequence[str] = ()) -> Self:
        """Give the store as it may be passed on to anybody: `seen_by` of `public`."""
        return self.seen_by(PUBLIC, withheld=withheld)

    def seen_by(
        self, role: str, hidden: Iterable[str] = (), withheld: Iterable[str] = ()
    ) -> Self:
        """Give the store as a role sees it; never more than this one shows.

        For who is not controlled: no table about single people, files or lines, no column
        that is not declared for the role. For who is not inside: nothing that restricted
        sources say, nor the ids that only they know; nor those of a source that only a later
        release restricts, as a mistake that was put right.

        Parameters
        ----------
        role
            One of `view.AUDIENCES`.
        hidden
            Cohorts to leave out, see `View.cohorts_hidden`.
        withheld
            Further sources to leave out, such as those that another release restricts.

        Raises
        ------
        AccessError
            If it is a view store of a role that sees more: columns could be left out, but
            which of its cohorts and alleles the lesser role may see only its own view knows.
        """
        check_made_for(self.path.name, self.made_for, role)
        view = replace(
            self.view.lowered(role), cohorts_hidden=self.view.cohorts_hidden | set(hidden)
        )
        if view == self.view and not view.is_passed_on:
            return self
        if view.is_passed_on:
            view = view.without({*self.restricted, *withheld, *self._restricted_later()})
        return type(self)(self.path, self.meta, self._whole, view)

    def _restricted_later(self) -> set[str]:
        """Name the sources that a later release says may not be passed on."""
        newest = list_releases(self.path)[-1]
        if newest <= self.release:
            return set()
        known = known_sources(self.path, read_release(self.path, newest))
        return {n for n, k in known.items() if k.last_restricted > self.release}

    @cached_property
    def view_of_all(self) -> View:
        """The view of this and earlier releases: sources that are gone are withheld, too."""
        return self._with_gone() if self.view.is_passed_on else self.view

    def _with_gone(self) -> View:
        """Give the view that withholds sources that are gone, too.

        The last release before that had such a source says whether it may be named.
        """
        seen = {*map(source_of, self.tables), *self.withheld}
        known = known_sources(self.path, self._whole)
        return self.view.without(n for n, k in known.items() if n not in seen and k.restricted)

    def _open(self, name: str) -> tuple[Table, pl.DataFrame]:
        """Give a table's whole declaration and its files, opened once."""
        if name in self._opened:
            return self._opened[name]
        if not self.view.shows(_known(name)):
            raise self.view.refuse(_known(name))
        pinned = self.record.tables.get(name)
        if pinned is None:
            if name not in TABLES:
                known = sorted(
                    {*(n for n, t in TABLES.items() if self.view.shows(t)), *self.tables}
                )
                raise StoreError(
                    f"release {self.release} of {self.name} has no table {name!r}"
                    f"{nearest(name, known)}",
                    "`varhouse describe STORE` lists the tables",
                )
            opened = TABLES[name], pl.DataFrame(schema={"path": pl.String})
        else:
            folder = table_folder(self.path, _known(name))
            if self._mirror is not None:
                self._mirror.check_may_read(_known(name).root)
            with told_if_sealed(self.path, self.release):
                found = delta.read_version(folder, pinned.version)
                _check_pinned(folder, found.files, pinned)
            declared = delta.declare(name, found.columns)
            # The store of a view of a governed one: numbers that tell of few are null.
            declared = declared if self.made_for is None else declared.masked
            opened = declared, self._without_hidden(declared, found.files)
            if opened[0].root == "controlled":
                # Not of open tables, which everybody reads, in some thousand files.
                delta.check_files(folder, opened[1]["path"])
        self._opened[name] = opened
        return opened

    def _without_hidden(self, declared: Table, files: pl.DataFrame) -> pl.DataFrame:
        """Leave out files of cohorts that are not shown; tells whoever may know of them."""
        if not files.height or not self.view.hides_cohorts(declared):
            return files
        hidden = pl.col("partition.cohort").is_in(list(self.view.cohorts_hidden))
        left = files.filter(~hidden)
        if left.height < files.height and not (self.view.is_limited or self._has_told):
            names = sorted(files.filter(hidden)["partition.cohort"].unique())
            log.warning(LEFT_OUT.say(n=len(names), cohorts=", ".join(names)))
            self._has_told = True
        return left

    def known_rows(self, table: str) -> int | None:
        """Give how many rows of a table are shown; None: some are hidden one by one.

        Raises
        ------
        AccessError
            If there is no permission to read a table of which cohorts are left out.
        """
        if self.view.hidden_rows(table):
            return None
        if self.view.hides_cohorts(_known(table)):
            files = self._open(table)[1]
            return int(files["num_records"].sum()) if files.height else 0
        return self.record.tables[table].rows if table in self.record.tables else 0

    def cohort_names(self) -> set[str]:
        """Name the cohorts of the release that are shown; no rows are read."""
        listed = self._open("cohorts")[1]
        return set(listed["partition.cohort"]) if listed.height else set()

    def table_digests(self) -> dict[str, str]:
        """Give the content digest of each table, 64 hex digits; no data is read."""
        return {n: d for n, d in self.record.table_digests().items() if d != EMPTY}

    def digest(self) -> str:
        """Give the content digest of the release, 64 hex digits; no data is read.

        It is that of the whole release in any view.
        """
        return self._digest


def _check_pinned(folder: Path, files: pl.DataFrame, pinned: Pinned) -> None:
    """Check that a log lists what the release pins: it may have lost lines without a trace."""
    listed, size = files.height, int(files["size_bytes"].sum())
    if (listed, size) != (pinned.files, pinned.bytes):
        raise StoreError(
            f"{folder}: the Delta log lists {listed} files of {size:,} bytes at version "
            f"{pinned.version}, the release pins {pinned.files} of {pinned.bytes:,}",
            "restore the store from a backup; varhouse store verify says what else is wrong",
        )


def _known(name: str) -> Table:
    """Declare a table as far as its name tells; of annotations the fixed columns."""
    return TABLES.get(name) or annotation_table(name.removeprefix("annotations_"), {})
