"""One version of a Delta table, read from its log by ourselves: its files and its columns.

delta-rs does the same in 2 to 10 ms a table, after 30 ms to load it; a question opens ten
tables. Here a version is the checkpoint before it and the commits since: at most one Parquet
file and `CHECKPOINT_INTERVAL` small texts, however long the log is, and no listing of
its folder unless something is not where delta-rs puts it. Whatever this does not understand
is left to delta-rs, whose messages say what is wrong with a log.

Source: Delta Transaction Log Protocol, "Action Reconciliation" and "Checkpoints", for tables
of reader version 1, which have no deletion vectors and no column mapping.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from varhouse.tables.schema import PolarsType

CHECKPOINT_INTERVAL = 20
"""Commits from a checkpoint to the next: those of three weeks, of a release a night."""

_TYPES: dict[str, PolarsType] = {
    "string": pl.String(),
    "long": pl.Int64(),
    "integer": pl.Int32(),
    "short": pl.Int16(),
    "byte": pl.Int8(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "binary": pl.Binary(),
    "date": pl.Date(),
}
"""Types of Delta that the tables have, besides lists of them."""

_BOUNDED = "delta.dataSkippingStatsColumns"


_OTHER = (ValueError, LookupError, TypeError, AttributeError)
"""What JSON of another shape than ours raises."""


class UnknownLogError(Exception):
    """The log is not as delta-rs writes ours, or something of it is missing."""


@dataclass(frozen=True)
class TableVersion:
    """What a version of a table holds.

    Attributes
    ----------
    columns
        Names of all columns, to their types.
    files
        A row a file, those of the newest commit first: `path` (relative to the table's folder,
        as on disk), `size_bytes`, `num_records`, and where the log has them
        `partition.<column>`, `min.<column>`, `max.<column>`.
    """

    columns: Mapping[str, PolarsType]
    files: pl.DataFrame


def read_log(folder: Path, version: int) -> TableVersion:
    """Read a version of the table in a folder.

    Raises
    ------
    UnknownLogError
        If this cannot be read here: delta-rs is to be asked.
    PermissionError
        If the file system does not let us read the log.
    """
    log = folder / "_delta_log"
    try:
        checkpoint, texts = _collect(log, version)
        return _replay(texts, checkpoint)
    except PermissionError:
        raise
    except (OSError, *_OTHER, pl.exceptions.PolarsError) as error:
        raise UnknownLogError(f"{log}: {error!r}") from error


def _collect(log: Path, version: int) -> tuple[pl.DataFrame | None, list[bytes]]:
    """Read the checkpoint that a version is built on, and the commits since, newest first."""
    # delta-rs makes a checkpoint of every 20th version: 19, 39, ...
    base = (version + 1) // CHECKPOINT_INTERVAL * CHECKPOINT_INTERVAL - 1
    try:
        return _read_from(log, base, version)
    except FileNotFoundError:
        # Another checkpoint, as when a log was trimmed.
        names = [f.name for f in log.iterdir()]
    numbers = (int(n[:20]) for n in names if n[20:] == ".checkpoint.parquet")
    return _read_from(log, max((n for n in numbers if n <= version), default=-1), version)


def _read_from(log: Path, base: int, version: int) -> tuple[pl.DataFrame | None, list[bytes]]:
    texts = [(log / f"{n:020d}.json").read_bytes() for n in range(version, base, -1)]
    if base < 0:
        return None, texts
    # By its bytes: polars would not say that it may not read a file.
    packed = io.BytesIO((log / f"{base:020d}.checkpoint.parquet").read_bytes())
    return pl.read_parquet(packed, columns=["add", "metaData", "protocol"]), texts


def _replay(texts: Sequence[bytes], checkpoint: pl.DataFrame | None) -> TableVersion:
    """Reconcile the actions: the newest about a file counts, and the newest metadata."""
    seen: set[str] = set()
    added: list[dict[str, Any]] = []
    meta: dict[str, Any] | None = None
    for text in texts:
        newest = None
        # A line an action: as one list they are read twice as fast.
        for action in json.loads(b"[%s]" % b",".join(filter(None, text.splitlines()))):
            if add := action.get("add"):
                if add["path"] not in seen:
                    added.append(add)
                seen.add(add["path"])
            elif remove := action.get("remove"):
                seen.add(remove["path"])
            elif "metaData" in action:
                newest = action["metaData"]
            elif "protocol" in action:
                _check_reader(action["protocol"])
        meta = meta or newest
    if checkpoint is not None:
        _check_reader(checkpoint["protocol"].drop_nulls()[0])
        meta = meta or dict(checkpoint["metaData"].drop_nulls()[0])
    if meta is None:
        raise UnknownLogError("the log has no metadata")
    partition = list(meta["partitionColumns"])
    files = pl.DataFrame(
        {
            "path": [a["path"] for a in added],
            "size_bytes": [a["size"] for a in added],
            "stats": [a["stats"] for a in added],
            **{f"partition.{c}": [a["partitionValues"][c] for a in added] for c in partition},
        },
        schema={
            "path": pl.String,
            "size_bytes": pl.Int64,
            "stats": pl.String,
            **{f"partition.{c}": pl.String for c in partition},
        },
    )
    if checkpoint is not None:
        files = pl.concat([files, _checkpoint_files(checkpoint, partition, seen)])
    paths = files["path"].to_list()
    if any("%" in p for p in paths):
        files.replace_column(0, pl.Series("path", [unquote(p) for p in paths], pl.String))
    columns = _read_columns(meta["schemaString"])
    return TableVersion(columns, _with_bounds(files, columns, meta["configuration"]))


def _check_reader(protocol: Mapping[str, Any]) -> None:
    if protocol["minReaderVersion"] > 1:
        raise UnknownLogError(f"reader version {protocol['minReaderVersion']}")


def _checkpoint_files(
    checkpoint: pl.DataFrame, partition: Sequence[str], seen: set[str]
) -> pl.DataFrame:
    """Give the files of a checkpoint that no later commit is about."""
    add = checkpoint["add"].drop_nulls().struct.unnest()
    if seen:
        add = add.filter(~add["path"].is_in(list(seen)))
    values = add["partitionValues"]
    return pl.DataFrame(
        [
            add["path"],
            add["size"].alias("size_bytes"),
            add["stats"],
            *(values.map.get(c).alias(f"partition.{c}") for c in partition),
        ]
    )


def _read_columns(schema: str) -> dict[str, PolarsType]:
    return {f["name"]: _read_type(f["type"]) for f in json.loads(schema)["fields"]}


def _read_type(written: Any) -> PolarsType:
    if isinstance(written, str):
        return _TYPES[written]
    if written["type"] != "array":
        raise UnknownLogError(f"type {written['type']}")
    return pl.List(_read_type(written["elementType"]))


def _with_bounds(
    files: pl.DataFrame, columns: Mapping[str, PolarsType], told: Mapping[str, str]
) -> pl.DataFrame:
    """Put the statistics of the files, a JSON text each, into columns."""
    bounded = [n for n in told.get(_BOUNDED, "").split(",") if n]
    bounds = pl.Struct({n: columns[n] for n in bounded})
    wanted: dict[str, PolarsType] = {"numRecords": pl.Int64()}
    if bounded:
        wanted |= {"minValues": bounds, "maxValues": bounds}
    stats = files["stats"].str.json_decode(pl.Struct(wanted)).struct.unnest()
    found = [stats["numRecords"].alias("num_records")]
    for name, short in (("minValues", "min"), ("maxValues", "max")):
        if bounded:
            frame = stats[name].struct.unnest()
            found += [frame[n].alias(f"{short}.{n}") for n in bounded]
    return files.drop("stats").hstack(found)
