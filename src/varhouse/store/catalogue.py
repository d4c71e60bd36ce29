"""What is known of each file of a store, kept in one small file for each ingest.

A data file's name begins with the id of the ingest that brought it, so that its entry is
found without an index.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.errors import StoreError
from varhouse.store import delta
from varhouse.store.layout import catalogue_file, read_json, write_json

if TYPE_CHECKING:
    # It brings compiled code along, which a reader of catalogues does not need.
    from varhouse.tables.shards import Shard

Entry = dict[str, Any]
"""A file in a catalogue: rows, bytes, sums (hex), stats, partition, span."""


def make_entry(shard: "Shard") -> Entry:
    """Describe a shard as it stands in a catalogue."""
    return {
        "rows": shard.rows,
        "bytes": shard.bytes,
        "sums": [f"{s:016x}" for s in shard.digest],
        "partition": shard.partition,
        "span": shard.span,
        "stats": shard.stats,
    }


class Catalogue:
    """What is known of every file of a store, read one ingest at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ingests: dict[str, dict[str, dict[str, Entry]]] = {}

    def entry(self, table: str, file: str) -> Entry:
        """Give the entry of a file, named relative to its table's folder.

        Raises
        ------
        StoreError
            If no ingest of the store brought such a file.
        """
        ingest_id = file_ingest(file)
        if ingest_id not in self._ingests:
            self._ingests[ingest_id] = read_catalogue(catalogue_file(self._path, ingest_id))
        try:
            return self._ingests[ingest_id][table][file]
        except KeyError:
            raise StoreError(
                f"{self._path}: file {file} of table {table} is not of this store",
                "varhouse store verify says what else is wrong",
            ) from None

    def data_file(self, table: str, file: str) -> delta.DataFile:
        """Give what Delta must know of a file."""
        entry = self.entry(table, file)
        return delta.DataFile(file, entry["bytes"], entry["partition"], entry["stats"])

    def sums(self, table: str, file: str) -> tuple[int, int]:
        """Give the digest sums of a file."""
        low, high = self.entry(table, file)["sums"]
        return int(low, 16), int(high, 16)


def read_catalogue(source: Path) -> dict[str, dict[str, Entry]]:
    """Read the catalogue of an ingest: table to file to entry; empty if there is none.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    if not source.exists():
        # That of an ingest of which no file is left.
        return {}
    data = read_json(source)
    if not isinstance(data, dict) or not all(isinstance(e, dict) for e in data.values()):
        raise StoreError(f"{source} is damaged: no catalogue", "restore it from a backup")
    return data


def forget_files(source: Path, stays: Mapping[str, Collection[str]], *, may_end: bool) -> None:
    """Write a catalogue anew without the files that are gone.

    Parameters
    ----------
    source
        The file.
    stays
        Table to the files of it that are left, of any ingest.
    may_end
        Without any file it goes; else an empty one stays, as of an ingest that brought none.
    """
    known = {
        table: {file: e for file, e in entries.items() if file in stays.get(table, ())}
        for table, entries in read_catalogue(source).items()
    }
    left = {table: entries for table, entries in known.items() if entries}
    if left or not may_end:
        write_json(source, left, replace=True)
    else:
        source.unlink(missing_ok=True)


def file_ingest(file: str) -> str:
    """Give the id of the ingest that brought a file, which its name begins with."""
    return file.rpartition("/")[2].rsplit("-", 2)[0]
