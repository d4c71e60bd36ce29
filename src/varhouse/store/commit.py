"""Making a release: link the shards in, one Delta commit a table, the record last.

Order of the steps, so that a process killed between any two of them leaves a store that
readers see unchanged, and that the same commit can be run again on:

1. shards are linked into the tables under names made from the ingest, a number and
   their content: a file that is there already is the same file;
2. the ingest's catalogue (rows, digest, statistics of its files) is written;
3. for each table, one Delta commit brings it to base release - replaced + new,
   whatever its latest version holds;
4. the release record pins the versions. Only now readers see anything.
"""

import contextlib
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.errors import StoreError
from varhouse.files import sync_folder
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.store import delta
from varhouse.store.catalogue import Catalogue, make_entry
from varhouse.store.changes import TableChange, plan_changes
from varhouse.store.folders import write_pages
from varhouse.store.history import record_changes
from varhouse.store.layout import (
    ROOTS,
    catalogue_file,
    check_is_free,
    check_name,
    close_governed,
    describe_new_store,
    make_folder,
    read_store_file,
    releases_folder,
    staging_folder,
    table_folder,
    write_json,
)
from varhouse.store.link import link_shards
from varhouse.store.lock import Holder, read_holder, store_lock
from varhouse.store.releases import (
    Pinned,
    Release,
    find_ingest,
    list_releases,
    read_release,
    write_release,
)
from varhouse.store.sources import sources_after
from varhouse.tables.digest import combine, subtract
from varhouse.tables.schema import CONTIGS, TABLES, Table
from varhouse.tables.shards import Manifest, write_shard

log = logging.getLogger("varhouse.store")


def _reached(_point: str) -> None:
    """Do nothing: tests replace this to die at a point."""


def utc_now() -> str:
    """Give the time as ISO 8601 in UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def init_store(
    path: Path,
    assembly: str,
    contigs: Contigs,
    *,
    reference: Reference | None = None,
    wait: float = 60.0,
    token: str | None = None,
) -> int:
    """Make an empty store: `store.json`, the table contigs, and release 1.

    A making that was killed is taken up again.

    Parameters
    ----------
    path
        The store's root folder; made if needed.
    assembly
        Name of the assembly, e.g. GRCh38.
    contigs
        The contigs of the assembly with their aliases.
    reference
        Gives the lengths that were checked and refget digests, if given.
    wait
        Seconds to wait for another writer.
    token
        Token of the store's lock, if the caller holds it.

    Returns
    -------
    int
        Number of the release, 1.

    Raises
    ------
    StoreError
        If there is a store already, or the folder holds other things.
    """
    path = path.absolute()
    _check_is_none(path)
    check_is_free(path)
    missing = [f for f in (path, *path.parents) if not f.exists()]
    (path / "_store").mkdir(parents=True, exist_ok=True)
    for folder in missing or [path]:
        sync_folder(folder.parent)
    with store_lock(path, wait, token) as holder:
        # Somebody else may have made it while this one waited.
        _check_is_none(path)
        return _write_assembly(path, assembly, contigs, reference, holder.token, 0)


def change_assembly(
    path: Path, assembly: str, contigs: Contigs, reference: Reference, *, token: str
) -> int:
    """Make a store that holds no data one of another assembly, or of other contig names.

    The caller holds the lock, and knows that no cohort ever went in.

    Returns
    -------
    int
        Number of the release.
    """
    base = list_releases(path)[-1]
    return _write_assembly(path.absolute(), assembly, contigs, reference, token, base)


def _write_assembly(
    path: Path,
    assembly: str,
    contigs: Contigs,
    reference: Reference | None,
    token: str,
    base: int,
) -> int:
    """Make the release of a store without data, upon release `base` (0: none)."""
    for root in ROOTS:
        make_folder(path / root, path)
    file = path / "_store" / "store.json"
    write_json(file, describe_new_store(assembly, utc_now()), replace=True)
    # Whatever a making that was killed has left is made again.
    work = staging_folder(path, "init")
    shutil.rmtree(work, ignore_errors=True)
    make_folder(work, path)
    shard = write_shard(contigs_frame(contigs, reference), CONTIGS, work, "contigs", {})
    number = commit(
        path,
        [Manifest([shard] if shard else [], [(CONTIGS.name, {})] if base else [])],
        ingest_id=f"init-{base}" if base else "init",
        operation="init",
        base_release=base,
        meta={"assembly": assembly},
        token=token,
    )
    shutil.rmtree(work, ignore_errors=True)
    with contextlib.suppress(OSError):
        work.parent.rmdir()
    return number


def _check_is_none(path: Path) -> None:
    if list_releases(path):
        raise StoreError(
            f"{path} is a store already", "choose another folder, or delete this one"
        )


def contigs_frame(contigs: Contigs, reference: Reference | None) -> pl.DataFrame:
    """Give the rows of the table contigs for an assembly."""
    rows = [
        (
            c.name,
            contigs.part(c.name),
            i,
            c.length,
            reference.length(c.name) if reference else 0,
            reference.refget(c.name) if reference else c.refget,
            c.accession,
            c.aliases,
        )
        for i, c in enumerate(contigs.contigs)
    ]
    return pl.DataFrame(rows, schema=CONTIGS.polars_schema, orient="row")


def commit(
    path: Path,
    manifests: Iterable[Manifest],
    *,
    ingest_id: str,
    operation: str,
    base_release: int,
    meta: Mapping[str, Any] | None = None,
    empty: Iterable[Table] = (),
    wait: float = 60.0,
    token: str | None = None,
) -> int:
    """Make the next release out of the base release and some manifests.

    A second call with the same `ingest_id` does nothing once the first has succeeded,
    and finishes what the first left undone otherwise.

    Parameters
    ----------
    path
        The store's root folder.
    manifests
        What to replace and the shards to add; shards lie on the store's file system or
        are copied.
    ingest_id
        Id of the ingest: letters, digits, `_`, `.`, `-`.
    operation
        What is being done, for the log: ingest, drop, ...
    base_release
        The release that the manifests were made from.
    meta
        Kept in the release record, on top of what the base release keeps; `event` is
        about this commit alone and is not handed on.
    empty
        Tables that are to be there with their columns, be it without rows.
    wait
        Seconds to wait for another writer.
    token
        Token of the store's lock, if the caller holds it.

    Returns
    -------
    int
        Number of the release that holds the ingest.

    Raises
    ------
    StoreError
        If the store has moved on since `base_release`, or somebody else is writing.
    SchemaError
        If a shard does not fit its table.
    """
    path = path.absolute()
    check_name("ingest id", ingest_id)
    read_store_file(path)
    with store_lock(path, wait, token) as holder:
        done = _find_done(path, ingest_id, operation)
        if done is not None:
            write_pages(path, read_release(path, done).tables)
            return done
        base = _read_base(path, base_release, ingest_id)
        plans = plan_changes(
            path, list(manifests), base, ingest_id, {t.name: t for t in empty}
        )
        said = _handed_on(base) | dict(meta or {})
        said["event"] = {**said.get("event", {}), **record_changes(path, plans)}
        number = _carry_out(path, plans, base, ingest_id, operation, said, holder)
        for line in close_governed(path):
            log.info("%s", line)
        return number


def _find_done(path: Path, ingest_id: str, operation: str) -> int | None:
    """Give the release that holds the ingest already, if there is one."""
    done = find_ingest(path, ingest_id)
    if done is None:
        return None
    if read_release(path, done).operation != operation:
        raise StoreError(
            f"release {done} of {path} has the id {ingest_id} already",
            "give this ingest another id",
        )
    log.info("%s is in release %d already", ingest_id, done)
    return done


def _read_base(path: Path, base_release: int, ingest_id: str) -> Release | None:
    """Read the base release, which must be the newest; None: there is none yet."""
    newest = (list_releases(path) or [0])[-1]
    if newest != base_release:
        raise StoreError(
            f"the store moved on from release {base_release} to {newest} "
            f"while {ingest_id} was being made",
            "run again: what is done is used again where it still fits",
        )
    return read_release(path, newest) if newest else None


def _handed_on(base: Release | None) -> dict[str, Any]:
    return {k: v for k, v in base.meta.items() if k != "event"} if base else {}


def _carry_out(
    path: Path,
    plans: Sequence[TableChange],
    base: Release | None,
    ingest_id: str,
    operation: str,
    meta: dict[str, Any],
    holder: Holder,
) -> int:
    number = (base.number if base else 0) + 1
    for plan in plans:
        link_shards(path, plan)
        _reached(f"linked {plan.table.name}")
    catalogue = {
        p.table.name: {f: make_entry(s) for f, s in p.new.items()} for p in plans if p.new
    }
    write_json(catalogue_file(path, ingest_id), catalogue, replace=True)
    _reached("catalogued")
    tables = dict(base.tables) if base else {}
    known = Catalogue(path)
    for plan in plans:
        pinned = _commit_table(path, plan, known, ingest_id, number)
        if pinned.files or plan.table.name in TABLES or not plan.ends:
            tables[plan.table.name] = pinned
        else:
            # The annotations of a source that is gone: older releases still pin them.
            tables.pop(plan.table.name, None)
        _reached(f"committed {plan.table.name}")
    release = Release(
        number,
        base.number if base else None,
        operation,
        ingest_id,
        utc_now(),
        __version__,
        tables,
        meta,
        sources_after(path, base, number, tables),
    )
    if read_holder(path) != holder:
        # Who started this has died, and somebody else is writing.
        raise StoreError(f"the lock of {path} was taken over", "run again")
    _sync_folders(path, [p.table for p in plans])
    if not write_release(path, release):
        raise StoreError(
            f"somebody else made release {number} of {path} at the same time",
            "run again; if it happens again, look who writes to the store",
        )
    _reached("released")
    # Not before: what a killed commit leaves is told by the tables that no release holds.
    write_pages(path, tables)
    log.debug("release %d: %s %s", number, operation, ingest_id)
    return number


def _sync_folders(path: Path, tables: Iterable[Table]) -> None:
    """Make the names of the folders last that the release lies in, and its own folder's.

    Always, not only where this commit made them: one that was killed may have done so.
    """
    make_folder(releases_folder(path), path)
    above = {table_folder(path, t).parent for t in tables} | {path, path / "_store"}
    for folder in sorted(above):
        sync_folder(folder)


def _commit_table(
    path: Path, plan: TableChange, known: Catalogue, ingest_id: str, number: int
) -> Pinned:
    name = plan.table.name
    folder = table_folder(path, plan.table)
    make_folder(folder / "_delta_log", path)
    wanted = [*plan.kept, *plan.new]
    before = plan.base or Pinned(0, 0, 0, 0, (0, 0), 0)
    version = delta.commit_files(
        folder,
        plan.table,
        wanted,
        partial(known.data_file, name),
        {"ingest_id": ingest_id, "release": str(number)},
        plan.base.version if plan.base else -1,
    )
    gone = [known.entry(name, f) for f in plan.gone]
    new = list(plan.new.values())
    sums = subtract(before.sums, combine(known.sums(name, f) for f in plan.gone))
    return replace(
        before,
        version=version,
        rows=before.rows - sum(e["rows"] for e in gone) + sum(s.rows for s in new),
        files=len(wanted),
        bytes=before.bytes - sum(e["bytes"] for e in gone) + sum(s.bytes for s in new),
        sums=combine([sums, *(s.digest for s in new)]),
        span=_span(before.span, plan, known),
    )


def _span(before: int, plan: TableChange, known: Catalogue) -> int:
    """Bound the length of REF; the kept files are looked up only if it may have shrunk."""
    name = plan.table.name
    bound: int = max((s.span for s in plan.new.values()), default=0)
    gone: int = max((known.entry(name, f)["span"] for f in plan.gone), default=0)
    if gone < before:
        return max(bound, before)
    kept: int = max((known.entry(name, f)["span"] for f in plan.kept), default=0)
    return max(bound, kept)
