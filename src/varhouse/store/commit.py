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
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.errors import SchemaError, StoreError
from varhouse.files import new_file, sync_file, sync_folder
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.store import delta
from varhouse.store.catalogue import Catalogue, make_entry
from varhouse.store.layout import (
    ROOTS,
    catalogue_file,
    check_is_free,
    check_name,
    describe_new_store,
    follow_folder,
    hands_down_acl,
    make_folder,
    partition_folder,
    read_store_file,
    staging_folder,
    table_folder,
    write_json,
)
from varhouse.store.lock import Holder, read_holder, store_lock
from varhouse.store.releases import (
    Pinned,
    Release,
    find_ingest,
    list_releases,
    read_release,
    write_release,
)
from varhouse.tables.digest import combine, subtract
from varhouse.tables.schema import CONTIGS, TABLES, Table
from varhouse.tables.shards import Manifest, Shard, write_shard

log = logging.getLogger("varhouse.store")

_SMALL_BYTES = 4 << 20


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
    (path / "_store").mkdir(parents=True, exist_ok=True)
    with store_lock(path, wait, token) as holder:
        # Somebody else may have made it while this one waited.
        _check_is_none(path)
        for root in ROOTS:
            make_folder(path / root, path)
        file = path / "_store" / "store.json"
        write_json(file, describe_new_store(assembly, utc_now()), replace=True)
        # Whatever a making that was killed has left is made again.
        work = staging_folder(path, "init")
        shutil.rmtree(work, ignore_errors=True)
        make_folder(work, path)
        frame = contigs_frame(contigs, reference)
        shard = write_shard(frame, CONTIGS, work, "contigs", {})
        number = commit(
            path,
            [Manifest([shard] if shard else [])],
            ingest_id="init",
            operation="init",
            base_release=0,
            meta={"assembly": assembly},
            token=holder.token,
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


@dataclass
class _Plan:
    """What happens to one table; `ends` if all of it was to go."""

    table: Table
    base: Pinned | None
    ends: bool
    kept: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: dict[str, Shard] = field(default_factory=dict)


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
        done = find_ingest(path, ingest_id)
        if done is not None:
            if read_release(path, done).operation != operation:
                raise StoreError(
                    f"release {done} of {path} has the id {ingest_id} already",
                    "give this ingest another id",
                )
            log.info("%s is in release %d already", ingest_id, done)
            return done
        newest = (list_releases(path) or [0])[-1]
        if newest != base_release:
            raise StoreError(
                f"the store moved on from release {base_release} to {newest} "
                f"while {ingest_id} was being made",
                "run again: what is done is used again where it still fits",
            )
        base = read_release(path, newest) if newest else None
        plans = _plan(path, list(manifests), base, ingest_id, {t.name: t for t in empty})
        return _carry_out(
            path,
            plans,
            base,
            ingest_id,
            operation,
            _handed_on(base) | dict(meta or {}),
            holder,
        )


def _handed_on(base: Release | None) -> dict[str, Any]:
    return {k: v for k, v in base.meta.items() if k != "event"} if base else {}


def _carry_out(
    path: Path,
    plans: Sequence[_Plan],
    base: Release | None,
    ingest_id: str,
    operation: str,
    meta: dict[str, Any],
    holder: Holder,
) -> int:
    number = (base.number if base else 0) + 1
    for plan in plans:
        _link_shards(path, plan)
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
    )
    if read_holder(path) != holder:
        # Who started this has died, and somebody else is writing.
        raise StoreError(f"the lock of {path} was taken over", "run again")
    if not write_release(path, release):
        raise StoreError(
            f"somebody else made release {number} of {path} at the same time",
            "run again; if it happens again, look who writes to the store",
        )
    _reached("released")
    log.debug("release %d: %s %s", number, operation, ingest_id)
    return number


def _plan(
    path: Path,
    manifests: Sequence[Manifest],
    base: Release | None,
    ingest_id: str,
    empty: Mapping[str, Table],
) -> list[_Plan]:
    shards = [s for m in manifests for s in m.shards]
    replaced = [r for m in manifests for r in m.replace]
    removed = {r for m in manifests for r in m.remove}
    pinned = base.tables if base else {}
    names = sorted(
        {s.table for s in shards} | {t for t, _ in replaced} | {t for t, _ in removed}
    )
    # Tables that nobody asked for but that an ingest which died has touched: those who
    # read the latest Delta version see the newest release again after each commit.
    left = {n for n, t in pinned.items() if _latest(path, n) != t.version}
    plans = []
    for name in sorted({*names, *left, *empty}):
        mine = sorted(
            (s for s in shards if s.table == name),
            key=lambda s: (sorted(s.partition.items()), s.path),
        )
        if not mine and name not in pinned and name not in empty:
            continue
        columns, files = _base_files(path, name, pinned.get(name))
        kept: list[str] = []
        gone: list[str] = []
        matches = [values for t, values in replaced if t == name]
        for file, partition in files:
            goes = (name, file) in removed or any(
                all(partition.get(k) == v for k, v in values.items()) for values in matches
            )
            (gone if goes else kept).append(file)
        # Columns of files that all go bind nobody: a source may change its types then.
        if name in empty and not kept and not mine:
            table = empty[name]
        else:
            table = _declare(name, columns if kept or not mine else {}, mine)
        ends = name not in empty and any(not values for values in matches)
        plan = _Plan(table, pinned.get(name), ends, kept, gone)
        missing = {f for t, f in removed if t == name} - set(plan.gone)
        if missing:
            raise StoreError(f"table {name} has no file {sorted(missing)[0]} to remove")
        for i, shard in enumerate(mine):
            plan.new[_file_name(table, shard, ingest_id, i)] = shard
        plans.append(plan)
    return plans


def _folder(path: Path, name: str) -> Path:
    return path / (TABLES[name].root if name in TABLES else "open") / name


def _latest(path: Path, name: str) -> int | None:
    folder = _folder(path, name)
    return delta.latest_version(folder) if delta.exists(folder) else None


def _base_files(
    path: Path, name: str, pinned: Pinned | None
) -> tuple[dict[str, Any], list[tuple[str, dict[str, str]]]]:
    """Give the columns of a table in the base release, and its files with partitions."""
    if pinned is None:
        return {}, []
    handle = delta.open_table(_folder(path, name), pinned.version)
    listed = delta.list_files(handle)
    parts = [c for c in listed.columns if c.startswith("partition.")]
    values = listed.select(pl.col(parts).name.map(lambda c: c.removeprefix("partition.")))
    rows = values.to_dicts() if parts else [{} for _ in range(listed.height)]
    return delta.read_schema(handle), list(zip(listed["path"].to_list(), rows, strict=True))


def _declare(name: str, columns: Mapping[str, Any], shards: Sequence[Shard]) -> Table:
    """Find the declaration of a table that keeps columns and takes shards in."""
    found = [
        pl.scan_parquet(s.path, glob=False, hive_partitioning=False).collect_schema()
        for s in shards
    ]
    table = delta.declare(name, delta.union_columns([columns, *found], name))
    for shard, schema in zip(shards, found, strict=True):
        _check_shard(shard, table, schema)
    return table


def _check_shard(shard: Shard, table: Table, found: Mapping[str, Any]) -> None:
    """Check a file against its table: Delta does not when files are registered."""
    wanted = table.file_schema
    for column, dtype in found.items():
        if wanted.get(column) != dtype:
            raise SchemaError(
                f"{shard.path}: column {column} is {dtype}, "
                f"table {table.name} declares {wanted.get(column, 'no such column')}"
            )
    needed = [c.name for c in table.columns if c.name in wanted and not c.nullable]
    for name in needed:
        if name not in found:
            raise SchemaError(f"{shard.path}: no column {name} of table {table.name}")
    if set(shard.partition) != set(table.partition):
        raise SchemaError(
            f"{shard.path}: partition {shard.partition} is not that of its table"
        )


def _file_name(table: Table, shard: Shard, ingest_id: str, number: int) -> str:
    """Name a shard in its table; the end of the name stands for its content.

    Columns such as times of a run are no content and may differ when a commit is run again:
    of small files, which the commit's own step writes, every byte counts.
    """
    content = f"{shard.digest} {shard.rows} {shard.bytes} {sorted(shard.partition.items())}"
    tag = hashlib.sha256(content.encode())
    if shard.bytes <= _SMALL_BYTES:
        tag.update(Path(shard.path).read_bytes())
    name = f"{ingest_id}-{number:05d}-{tag.hexdigest()[:12]}.parquet"
    folder = partition_folder(table, shard.partition)
    return f"{folder}/{name}" if folder else name


def _link_shards(path: Path, plan: _Plan) -> None:
    root = table_folder(path, plan.table)
    folders: set[Path] = set()
    is_read = True
    for name, shard in plan.new.items():
        target = root / name
        make_folder(target.parent, path)
        folders.update(f for f in target.parents if f == root or root in f.parents)
        if not target.exists():
            source = Path(shard.path)
            if source.stat().st_size != shard.bytes:
                raise StoreError(
                    f"{source} has {source.stat().st_size:,} bytes, its manifest says "
                    f"{shard.bytes:,}",
                    "delete the work folder and run the ingest again",
                )
            is_read &= _link(source, target)
        sync_file(target)
    for folder in sorted(folders):
        sync_folder(folder)
    if not is_read:
        log.warning(
            "%s: people who may list it cannot read its new files, whose group this user may "
            "not change; fix: write as a member of the folder's group",
            root,
        )


def _link(source: Path, target: Path) -> bool:
    """Give a shard its name in the store; tells whether its folder's readers can read it.

    Its group and mode are set while no release can hold it, so that it never changes after.
    """
    if not hands_down_acl(target.parent):
        is_read = follow_folder(source, target.parent)
        with contextlib.suppress(OSError):
            os.link(source, target)
            return is_read
    # Another file system, one without hard links, or a list that only new files get.
    with new_file(target) as own:
        shutil.copyfile(source, own)
        is_read = follow_folder(own)
    return is_read


def _commit_table(
    path: Path, plan: _Plan, known: Catalogue, ingest_id: str, number: int
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


def _span(before: int, plan: _Plan, known: Catalogue) -> int:
    """Bound the length of REF; the kept files are looked up only if it may have shrunk."""
    name = plan.table.name
    bound: int = max((s.span for s in plan.new.values()), default=0)
    gone: int = max((known.entry(name, f)["span"] for f in plan.gone), default=0)
    if gone < before:
        return max(bound, before)
    kept: int = max((known.entry(name, f)["span"] for f in plan.kept), default=0)
    return max(bound, kept)
