"""The Delta tables of a store; nothing else here touches `deltalake`.

It takes 30 ms to import, so only what needs it does: readers go by `deltaread`.

Tables are of reader version 1 and writer version 2, which every Delta reader opens: no
deletion vectors, no column mapping. Files are written and sorted by us and registered;
delta-rs never rewrites them. Paths in the Delta log are percent-encoded once more than
on disk (`part=HLA-A%2A01` is `part=HLA-A%252A01` there); delta-rs does that.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from varhouse.errors import AccessError, SchemaError, StoreError
from varhouse.files import sync_file, sync_folder
from varhouse.store.deltaread import (
    CHECKPOINT_INTERVAL,
    TableVersion,
    UnknownLogError,
    read_log,
)
from varhouse.store.layout import follow_folder
from varhouse.tables.schema import KEY, TABLES, PolarsType, Table, annotation_table

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.transaction import AddAction, RemoveAction

_CONFIGURATION = {
    # Releases pin old versions: log clean-up after the usual 30 days would break them.
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
    # To open a table, the versions since the last checkpoint are read one by one.
    "delta.checkpointInterval": str(CHECKPOINT_INTERVAL),
}
_FIXED = (*KEY, "source_version", "licence", "part")


@dataclass(frozen=True)
class DataFile:
    """A file of a table: what a Delta commit needs to add it or take it away.

    `path` is relative to the table's folder, as on disk.
    """

    path: str
    size: int
    partition: dict[str, str]
    stats: dict[str, Any]


def exists(folder: Path) -> bool:
    """Tell whether there is a Delta table in a folder.

    Its first versions may be gone: see `store/deltalog.py`.
    """
    log = folder / "_delta_log"
    return (log / f"{0:020d}.json").exists() or any(
        f.stem.isdigit() for f in log.glob("*.json")
    )


def latest_version(folder: Path) -> int:
    """Give the latest version of a Delta table, by the names in its log.

    That of the latest version stays whatever `store/deltalog.py` removes.
    """
    log = folder / "_delta_log"
    return max(int(f.stem) for f in log.glob("*.json") if f.stem.isdigit())


def read_version(folder: Path, version: int) -> TableVersion:
    """Read the files and columns of a version of a table.

    Raises
    ------
    AccessError
        If the file system does not let us read it.
    StoreError
        If it is missing or damaged.
    """
    try:
        return read_log(folder, version)
    except PermissionError as error:
        raise _no_access(folder, str(error.filename)) from None
    except UnknownLogError:
        table = open_table(folder, version)
        return TableVersion(read_schema(table), list_files(table))


def open_table(folder: Path, version: int | None = None) -> "DeltaTable":
    """Open a Delta table at a version; None: the latest.

    Raises
    ------
    AccessError
        If the file system does not let us read it.
    StoreError
        If it is missing or damaged.
    """
    from deltalake import DeltaTable  # noqa: PLC0415
    from deltalake.exceptions import DeltaError  # noqa: PLC0415

    _check_permission(folder)
    try:
        return DeltaTable(str(folder), version=version)
    except DeltaError as error:
        raise StoreError(
            f"{folder}: the Delta table cannot be read at version {version}: "
            f"{str(error).partition(chr(10))[0]}",
            "restore the store from a backup; varhouse store verify says what else is wrong",
        ) from None


def _check_permission(folder: Path) -> None:
    """Check that we may read a table; delta-rs cannot tell that from a damaged one."""
    try:
        with os.scandir(folder / "_delta_log") as files:
            denied = next((f.path for f in files if not os.access(f.path, os.R_OK)), None)
    except PermissionError as error:
        denied = str(error.filename)
    except OSError:
        return
    if denied is not None:
        raise _no_access(folder, denied)


def check_files(folder: Path, paths: Iterable[str]) -> None:
    """Check that we may read the files of a table: one of each partition.

    Raises
    ------
    AccessError
        If the file system does not let us.
    """
    seen: set[str] = set()
    for path in paths:
        partition = path.rpartition("/")[0]
        if partition in seen:
            continue
        seen.add(partition)
        file = folder / path
        try:
            file.stat()
        except PermissionError:
            raise _no_access(folder, str(file)) from None
        except OSError:
            continue
        if not os.access(file, os.R_OK):
            raise _no_access(folder, str(file))


def _no_access(folder: Path, file: str) -> AccessError:
    return AccessError(
        f"no permission to read {file}, of table {folder.name}",
        f"ask whoever keeps the store for access to {folder.parent.name}/; what needs no such "
        "table goes on without, and so does varhouse report --open",
    )


def list_files(table: "DeltaTable") -> pl.DataFrame:
    """List the files of an opened table.

    Returns
    -------
    pl.DataFrame
        `path` (relative, as on disk), `size_bytes`, `num_records`, and where the table
        has them `partition.<column>`, `min.<column>`, `max.<column>`.
    """
    frame = pl.DataFrame(table.get_add_actions(flatten=True))
    paths = [unquote(p) for p in frame["path"].to_list()] if frame.height else []
    return frame.with_columns(pl.Series("path", paths, pl.String))


def read_schema(table: "DeltaTable") -> dict[str, pl.DataType]:
    """Read the columns of an opened table as polars types."""
    return dict(pl.Schema(table.schema().to_arrow()))


def declare(name: str, columns: Mapping[str, PolarsType] | None = None) -> Table:
    """Find the declaration of a table; that of annotations comes from its columns.

    Raises
    ------
    SchemaError
        If there is no such table.
    """
    if name in TABLES:
        return TABLES[name]
    source = name.removeprefix("annotations_")
    if source == name or columns is None:
        raise SchemaError(f"no table is called {name!r}")
    return annotation_table(source, {n: t for n, t in columns.items() if n not in _FIXED})


def _delta_schema(table: Table) -> "Schema":
    from deltalake import Schema  # noqa: PLC0415

    empty = pl.DataFrame(schema=table.polars_schema)
    return Schema.from_arrow(empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema)


def _configuration(table: Table) -> dict[str, str | None]:
    """Give the properties of a table; they name the columns that have statistics."""
    if not table.bounded:
        return {**_CONFIGURATION, "delta.dataSkippingNumIndexedCols": "0"}
    return {**_CONFIGURATION, "delta.dataSkippingStatsColumns": ",".join(table.bounded)}


def _add(file: DataFile) -> "AddAction":
    from deltalake.transaction import AddAction  # noqa: PLC0415

    return AddAction(
        file.path,
        file.size,
        dict(file.partition),
        int(time.time() * 1000),
        True,
        # As UTF-8: arrow-json, in delta-rs, misreads escapes of what is beyond U+FFFF.
        json.dumps(file.stats, allow_nan=False, ensure_ascii=False),
    )


def commit_files(
    folder: Path,
    table: Table,
    wanted: Sequence[str],
    known: Callable[[str], DataFile],
    note: Mapping[str, str],
    since: int | None = None,
) -> int:
    """Bring a table to hold exactly the wanted files, in one Delta commit.

    What the latest version holds beyond them, be it replaced or left by an ingest that
    died, goes in the same commit.

    Parameters
    ----------
    folder
        The table's root folder; the files are in place.
    table
        The declaration; a table is made on first use, its columns are brought to the
        declared ones.
    wanted
        Relative paths of the files.
    known
        Looks up a wanted file that the latest version lacks.
    note
        Kept in the Delta history.
    since
        A version that lasts, as a release pins it, -1 where none does: what the log holds
        beyond it, be it of an attempt that died, is made to last. None: it is not known.

    Returns
    -------
    int
        The version that holds these files.

    Raises
    ------
    StoreError
        If somebody else writes to the table.
    """
    from deltalake import CommitProperties  # noqa: PLC0415
    from deltalake.exceptions import DeltaError  # noqa: PLC0415

    properties = CommitProperties(custom_metadata=dict(note))
    try:
        if not exists(folder):
            _create(folder, table, [known(p) for p in wanted], properties)
            version = 0
        else:
            version = _swap(open_table(folder), table, wanted, known, properties)
    except DeltaError as error:
        raise StoreError(
            f"{folder}: the Delta commit was refused: {error}",
            "only varhouse may write to a store; run the command again",
        ) from None
    except OSError as error:
        raise _named(error, folder) from None
    _sync_log(folder, since)
    return version


def _create(
    folder: Path, table: Table, files: Sequence[DataFile], properties: "CommitProperties"
) -> None:
    from deltalake.transaction import create_table_with_add_actions  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    create_table_with_add_actions(
        str(folder),
        _delta_schema(table),
        [_add(f) for f in files],
        partition_by=list(table.partition),
        name=table.name,
        description=table.row,
        configuration=_configuration(table),
        commit_properties=properties,
    )


def _named(error: OSError, folder: Path) -> OSError:
    """Give an error of the system a number and a path, which delta-rs tells in its text."""
    found = re.search(r"os error (\d+)", str(error))
    if error.filename is not None or found is None:
        return error
    place = re.search(rf"{re.escape(str(folder))}/\S+", str(error))
    number = int(found[1])
    return OSError(number, os.strerror(number), place[0] if place else str(folder))


def _swap(
    latest: "DeltaTable",
    table: Table,
    wanted: Sequence[str],
    known: Callable[[str], DataFile],
    properties: "CommitProperties",
) -> int:
    """Commit what an existing table lacks and has too much."""
    there = list_files(latest)
    goal = set(wanted)
    stays = there.filter(pl.col("path").is_in(list(goal)))
    schema = read_schema(latest)
    changed = {n for n, t in table.polars_schema.items() if n in schema and schema[n] != t}
    if changed or (set(schema) != set(table.names) and not stays.height):
        # The columns of files that are gone, or of an ingest that died: a new schema
        # comes with mode overwrite, which cannot keep files.
        if stays.height:
            _write(latest, table, _removes(there, table), "append", properties)
        adds: list[AddAction | RemoveAction] = [_add(known(p)) for p in wanted]
        return _write(latest, table, adds, "overwrite", properties, _delta_schema(table))
    new = [f for f in _delta_schema(table).fields if f.name not in schema]
    if new:
        latest.alter.add_columns(new)
    old = set(stays["path"].to_list())
    gone = there.filter(~pl.col("path").is_in(list(goal)))
    new_files = [_add(known(p)) for p in wanted if p not in old]
    actions = [*new_files, *_removes(gone, table)]
    return _write(latest, table, actions, "append", properties)


def _write(
    latest: "DeltaTable",
    table: Table,
    actions: "list[AddAction | RemoveAction]",
    mode: str,
    properties: "CommitProperties",
    schema: "Schema | None" = None,
) -> int:
    if actions or schema is not None:
        latest.create_write_transaction(
            actions,
            mode=mode,
            schema=schema or latest.schema(),
            partition_by=list(table.partition),
            commit_properties=properties,
        )
    latest.update_incremental()
    version: int = latest.version()
    return version


def _removes(files: pl.DataFrame, table: Table) -> "list[AddAction | RemoveAction]":
    from deltalake.transaction import RemoveAction  # noqa: PLC0415

    now = int(time.time() * 1000)
    columns = ["path", "size_bytes", *(f"partition.{c}" for c in table.partition)]
    if not files.height:
        return []
    return [
        RemoveAction(path, True, now, size, dict(zip(table.partition, values, strict=True)))
        for path, size, *values in files.select(columns).rows()
    ]


def _sync_log(folder: Path, since: int | None) -> None:
    """Make the log beyond a version last, and be read by whom its folder lets in.

    delta-rs never calls fsync, and takes the mode from the umask. Only what is new is
    flushed: each flush costs a round trip on shared file systems.
    """
    log = folder / "_delta_log"
    files = sorted(f for f in log.iterdir() if f.suffix in (".json", ".parquet"))
    new = files[-4:] if since is None else [f for f in files if _version_of(f) > since]
    if since is None or any(f.suffix == ".parquet" for f in new):
        new.append(log / "_last_checkpoint")
    for file in new:
        if file.exists():
            follow_folder(file)
            sync_file(file)
    sync_folder(log)
    sync_folder(folder)


def _version_of(file: Path) -> int:
    """Give the version that a file of a log is of; -1: it is none of the log's files."""
    number = file.name.partition(".")[0]
    return int(number) if number.isdigit() else -1


def union_columns(
    schemas: Iterable[Mapping[str, PolarsType]], name: str
) -> dict[str, PolarsType]:
    """Join the columns of several files, in the order of their appearance.

    Raises
    ------
    SchemaError
        If a column has two types.
    """
    columns: dict[str, PolarsType] = {}
    for schema in schemas:
        for column, dtype in schema.items():
            if columns.setdefault(column, dtype) != dtype:
                raise SchemaError(
                    f"table {name}: column {column} is {dtype} in one file and "
                    f"{columns[column]} in another",
                    "annotate with this source anew, or give it another name",
                )
    return columns
