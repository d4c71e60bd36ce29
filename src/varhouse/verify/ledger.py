"""What a store says of itself: records, errata, catalogues, and the Delta log, read as JSON.

The state of a Delta table at a version is the newest checkpoint before it and the actions of
the versions since: what was added and not removed again (Delta protocol, *Action
reconciliation*).
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import AccessError, StoreError
from varhouse.verify.words import FORMAT_VERSION

_DELTA_TYPES = {
    "string": "String", "integer": "Int32", "long": "Int64", "short": "Int16", "byte": "Int8",
    "double": "Float64", "boolean": "Boolean", "binary": "Binary",
}  # fmt: skip
_NUMBER = re.compile(r"[0-9]+")


def read_json(file: Path) -> Any:
    """Read a JSON file of the store.

    Raises
    ------
    AccessError
        If the file system does not let us.
    StoreError
        If it is missing or damaged.
    """
    try:
        return json.loads(file.read_bytes())
    except PermissionError:
        raise AccessError(f"no permission to read {file}") from None
    except FileNotFoundError:
        raise StoreError(f"{file} is missing", "restore it from a backup") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} is damaged: {error}", "restore it from a backup") from None


@dataclass
class DeltaFile:
    """A file that a version of a table holds; `path` as on disk, relative to the table."""

    path: str
    size: int
    partition: dict[str, str]
    stats: dict[str, Any]


@dataclass
class DeltaTable:
    """A Delta table at a version: columns (name to type), files by path."""

    columns: dict[str, str] = field(default_factory=dict)
    partition: list[str] = field(default_factory=list)
    configuration: dict[str, str] = field(default_factory=dict)
    files: dict[str, DeltaFile] = field(default_factory=dict)


def _type(dtype: Any) -> str:
    if isinstance(dtype, dict):
        return f"list<{_type(dtype['elementType'])}>"
    return _DELTA_TYPES.get(dtype, str(dtype))


def _apply(table: DeltaTable, action: dict[str, Any]) -> None:
    if meta := action.get("metaData"):
        fields = json.loads(meta["schemaString"])["fields"]
        table.columns = {f["name"]: _type(f["type"]) for f in fields}
        table.partition = list(meta["partitionColumns"])
        table.configuration = dict(meta.get("configuration") or {})
    if add := action.get("add"):
        stats = json.loads(add["stats"]) if add.get("stats") else {}
        path = unquote(add["path"])
        table.files[path] = DeltaFile(path, add["size"], dict(add["partitionValues"]), stats)
    if remove := action.get("remove"):
        table.files.pop(unquote(remove["path"]), None)
    if protocol := action.get("protocol"):
        found = protocol["minReaderVersion"], protocol["minWriterVersion"]
        if found[0] > 1:
            raise StoreError(f"Delta protocol {found}, not of readers of version 1")


def _checkpoint(log: Path, version: int) -> int:
    """Find the newest checkpoint up to a version; -1 if there is none."""
    names = (f.name.split(".") for f in log.glob("*.checkpoint.parquet"))
    found = [int(n[0]) for n in names if len(n) == 3 and _NUMBER.fullmatch(n[0])]
    return max((n for n in found if n <= version), default=-1)


def _actions(log: Path, version: int) -> Any:
    begin = _checkpoint(log, version)
    if begin >= 0:
        for batch in pq.ParquetFile(log / f"{begin:020d}.checkpoint.parquet").iter_batches():
            names = [n for n in batch.schema.names if n in ("metaData", "add", "protocol")]
            for row in batch.select(names).to_pylist():
                for part in ("add", "metaData"):
                    for key in ("partitionValues", "configuration"):
                        if row.get(part) and isinstance(row[part].get(key), list):
                            row[part][key] = dict(row[part][key])
                yield row
    for number in range(begin + 1, version + 1):
        with (log / f"{number:020d}.json").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def read_delta(folder: Path, version: int) -> DeltaTable:
    """Read the log of a table up to a version.

    Raises
    ------
    AccessError
        If the file system does not let us.
    StoreError
        If the log is missing or damaged.
    """
    table = DeltaTable()
    try:
        for action in _actions(folder / "_delta_log", version):
            _apply(table, action)
    except PermissionError as error:
        raise AccessError(
            f"no permission to read {error.filename}, of table {folder.name}",
            f"ask whoever keeps the store for access to {folder.parent.name}/",
        ) from None
    except StoreError as error:
        raise StoreError(f"{folder}: {error.message}") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        pa.ArrowException,
    ) as error:
        raise StoreError(
            f"{folder}: the Delta table cannot be read at version {version}: {error!r}",
            "restore the store from a backup",
        ) from None
    return table


class Ledger:
    """The small files of a store: which releases there are, and what each says.

    Parameters
    ----------
    path
        The store.
    release
        Number or tag; None: the newest.

    Raises
    ------
    StoreError
        If there is no such release, it was sealed, or a file is damaged.
    """

    def __init__(self, path: Path, release: int | str | None = None) -> None:
        self.path = path
        self.meta = read_json(path / "_store" / "store.json")
        if not isinstance(self.meta, dict) or self.meta.get("format") != FORMAT_VERSION:
            raise StoreError(f"{path} is no store of format {FORMAT_VERSION}")
        folder = path / "_store" / "releases"
        names = (f.stem for f in folder.glob("*.json") if _NUMBER.fullmatch(f.stem))
        self.is_view = "role" in self.meta
        self.numbers = sorted(int(n) for n in names)
        self.number = self._resolve(release)
        self.record = self.read_record(self.number)
        for erratum in self.errata(self.number):
            if erratum["kind"] == "sealed":
                raise StoreError(
                    f"release {self.number} of {path} was sealed on {erratum['time']}: "
                    f"{erratum['reason']}; its record is kept, its data were deleted",
                    "verify a later release: varhouse store log lists them",
                )
        self._catalogues: dict[str, Any] = {}

    def _resolve(self, release: int | str | None) -> int:
        if release is None or release == "latest":
            if not self.numbers:
                raise StoreError(f"{self.path} has no release")
            return self.numbers[-1]
        if not _NUMBER.fullmatch(str(release)):
            release = int(read_json(self.path / "_store" / "tags" / str(release)))
        if int(release) not in self.numbers:
            raise StoreError(f"{self.path} has no release {release}")
        return int(release)

    def read_record(self, number: int) -> dict[str, Any]:
        """Read the record of a release."""
        data = read_json(self.path / "_store" / "releases" / f"{number:08d}.json")
        try:
            lacking = {"release", "ingest_id", "digest", "tables"} - data.keys()
            if lacking or data["release"] != number:
                raise KeyError(*lacking)
        except (KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"release {number} has no release record: {error!r}") from None
        return dict(data)

    def errata(self, number: int) -> list[dict[str, Any]]:
        """Read what was said of a release after it was made."""
        file = self.path / "_store" / "errata" / f"{number:08d}.json"
        if not file.exists():
            return []
        data = read_json(file)
        if not isinstance(data, list) or any(
            not isinstance(e, dict) or not {"kind", "reason", "time"} <= e.keys() for e in data
        ):
            raise StoreError(f"{file} is damaged: no list of errata")
        return data

    def ingests(self) -> set[str]:
        """Give the ids of the ingests that made the releases up to this one."""
        return {
            str(self.read_record(n)["ingest_id"]) for n in self.numbers if n <= self.number
        }

    def entry(self, table: str, file: str) -> dict[str, Any] | None:
        """Give what the catalogue of an ingest says of a file; None: nothing."""
        ingest = ingest_of(file)
        if ingest not in self._catalogues:
            source = self.path / "_store" / "files" / f"{ingest}.json"
            self._catalogues[ingest] = read_json(source) if source.exists() else {}
        try:
            entry = self._catalogues[ingest].get(table, {}).get(file)
        except AttributeError:
            raise StoreError(f"the catalogue of ingest {ingest} is damaged") from None
        return None if entry is None else dict(entry)


def ingest_of(file: str) -> str:
    """Give the id of the ingest that brought a file, which its name begins with."""
    return file.rpartition("/")[2].rsplit("-", 2)[0]
