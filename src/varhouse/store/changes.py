"""What a commit changes: for each table the files that stay, go and come."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import SchemaError, StoreError
from varhouse.store import delta
from varhouse.store.layout import partition_folder
from varhouse.store.releases import Pinned, Release
from varhouse.tables.schema import TABLES, Table
from varhouse.tables.shards import Manifest, Shard

_SMALL_BYTES = 4 << 20


@dataclass
class TableChange:
    """What happens to one table.

    Attributes
    ----------
    table
        Its declaration, with the columns of the files that stay and come.
    base
        What the base release pins of it, if it has it.
    ends
        All of it was to go.
    kept, gone
        Files of the base release that stay, and that go.
    new
        File in the table's folder to the shard that it is made of.
    """

    table: Table
    base: Pinned | None
    ends: bool
    kept: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: dict[str, Shard] = field(default_factory=dict)


def plan_changes(
    path: Path,
    manifests: Sequence[Manifest],
    base: Release | None,
    ingest_id: str,
    empty: Mapping[str, Table],
) -> list[TableChange]:
    """Work out what happens to each table, sorted by name.

    Parameters
    ----------
    path
        The store's root folder.
    manifests
        What to replace, and the shards to add.
    base
        The base release; None: there is none yet.
    ingest_id
        Names the new files.
    empty
        Tables that are to be there, be it without rows, by name.

    Raises
    ------
    StoreError
        If a file that is to be removed is not in the base release.
    SchemaError
        If a shard does not fit its table.
    """
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
        matches = [values for t, values in replaced if t == name]
        left_out = {f for t, f in removed if t == name}
        kept, gone = _split_files(files, left_out, matches)
        # Columns of files that all go bind nobody: a source may change its types then.
        if name in empty and not kept and not mine:
            table = empty[name]
        else:
            table = _declare(name, columns if kept or not mine else {}, mine)
        ends = name not in empty and any(not values for values in matches)
        plan = TableChange(table, pinned.get(name), ends, kept, gone)
        missing = left_out - set(gone)
        if missing:
            raise StoreError(f"table {name} has no file {sorted(missing)[0]} to remove")
        for i, shard in enumerate(mine):
            plan.new[_file_name(table, shard, ingest_id, i)] = shard
        plans.append(plan)
    return plans


def _split_files(
    files: Sequence[tuple[str, dict[str, str]]],
    left_out: set[str],
    replaced: Sequence[Mapping[str, str]],
) -> tuple[list[str], list[str]]:
    """Split files (with their partition) into those that stay and those that go."""
    kept: list[str] = []
    gone: list[str] = []
    for file, partition in files:
        goes = file in left_out or any(
            all(partition.get(k) == v for k, v in values.items()) for values in replaced
        )
        (gone if goes else kept).append(file)
    return kept, gone


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
