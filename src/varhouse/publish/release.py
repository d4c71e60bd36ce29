"""Publishing one release: its tables as plain Parquet, with what explains and proves them.

All of it goes through the store's view, as any reader does, and appears in one step.
"""

import errno
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from varhouse.errors import AccessError, StoreError, UsageError, VarhouseError
from varhouse.files import abandoned_of, whole_folder
from varhouse.publish.describe import describe
from varhouse.publish.parquet import PublishedTable, TableFiles, published_table
from varhouse.store.layout import check_free_space
from varhouse.store.reader import Store
from varhouse.tables.merge import Source, merge
from varhouse.tables.schema import PART, Table

HELD_BYTES = 1 << 28
"""Bytes of rows in memory at once, about."""

_UNPACKED = 8
"""Bytes in memory of a byte of a file, about."""


def publish_release(
    store: Store,
    out: Path,
    tables: Sequence[str] | None = None,
    progress: Callable[[PublishedTable], None] = lambda _: None,
) -> list[PublishedTable]:
    """Write the release of an opened store as plain Parquet.

    Parameters
    ----------
    store
        The store; its view says what is shown (`varhouse.open(..., audience="public")`).
    out
        The folder to make.
    tables
        Names; None: all open ones. One about single people has to be named.
    progress
        Called with each table once it is written.

    Returns
    -------
    list
        What was written, in the order of the tables' names.

    Raises
    ------
    UsageError
        If the folder is there already, or would lie in the store.
    StoreError
        If the release has no such table, a file of it cannot be read, or there is no room.
    AccessError
        If a table is not shown, or there is no permission to read it.
    """
    chosen = choose_tables(store, tables)
    out = out.absolute()
    _check_place(store, out)
    _remove_abandoned(out)
    check_free_space(out.parent, sum(store.record.tables[n].bytes for n in chosen))
    made = []
    try:
        with whole_folder(out, replace=False, flush=True) as folder:
            for name in chosen:
                made.append(_publish_table(store, name, folder))
                progress(made[-1])
            describe(store, made, folder)
            _set_mode(folder, made)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise _is_there(out) from None
        raise
    return made


def choose_tables(store: Store, names: Sequence[str] | None = None) -> list[str]:
    """Choose the tables to publish: those that are named, or all open ones.

    Raises
    ------
    StoreError, AccessError
        For names that cannot be published; the message names all of them.
    """
    if names is None:
        return store.open_tables
    wrong: list[VarhouseError] = []
    for name in sorted(set(names)):
        try:
            store.declaration(name)
            if name not in store.tables:
                raise StoreError(f"release {store.release} has no table {name}")
        except (StoreError, AccessError) as error:
            wrong.append(error)
    if len(wrong) > 1:
        raise StoreError("; ".join(e.message for e in wrong), wrong[0].fix)
    if wrong:
        raise wrong[0]
    if not names:
        raise UsageError("no table is named", "--tables variants,frequencies")
    return sorted(set(names))


def _check_place(store: Store, out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise _is_there(out)
    if store.path.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"{out} would lie in the store", "choose a folder outside of it")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}", f"mkdir -p {out.parent}")


def _is_there(out: Path) -> UsageError:
    return UsageError(
        f"{out} is there already, and nothing is overwritten",
        "choose another folder, or remove it",
    )


def _remove_abandoned(out: Path) -> None:
    """Remove what a publication left that was killed."""
    for left in abandoned_of(out):
        shutil.rmtree(left, ignore_errors=True)


def _set_mode(folder: Path, made: Sequence[PublishedTable]) -> None:
    """Let others in as the umask does, unless rows of single people are among it."""
    if all(t.table.root == "open" for t in made):
        mask = os.umask(0)
        os.umask(mask)
        folder.chmod(0o777 & ~mask)


def _publish_table(store: Store, name: str, folder: Path) -> PublishedTable:
    table = published_table(store.declaration(name))
    listed = store.file_frame(name)
    files = TableFiles(folder, table)
    column = f"partition.{PART.name}"
    groups = (
        listed.sort(column, "path").partition_by(column, as_dict=True, maintain_order=True)
        if column in listed.columns
        else {(None,): listed.sort("path")}
    )
    for (part,), own in groups.items():
        files.write(_rows(store, table, own), part)
    if not files.files:
        files.write_none()
    made = PublishedTable(table, files.files)
    # What a view hides, nobody has counted.
    known = store.known_rows(name)
    if known is not None and made.rows != known:
        raise StoreError(
            f"table {name}: {made.rows:,} rows were read, the release has {known:,}",
            f"varhouse store verify {shlex.quote(str(store.path))} says which files",
        )
    return made


def _rows(store: Store, table: Table, listed: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give the rows of files of a part, sorted, in the columns of the publication."""
    names = list(table.names)
    sources = [
        Source(rows, partial(_read, store, table.name, listed[i], names))
        for i, rows in enumerate(listed["num_records"].to_list())
    ]
    packed, rows = int(listed["size_bytes"].sum()), int(listed["num_records"].sum())
    at_once = HELD_BYTES * max(rows, 1) // max(packed * _UNPACKED, 1)
    return merge(sources, table.sort, at_once)


def _read(
    store: Store, table: str, file: pl.DataFrame, names: list[str], first: int, rows: int
) -> pl.DataFrame:
    return store.read_rows(table, file, first, rows).select(names)
