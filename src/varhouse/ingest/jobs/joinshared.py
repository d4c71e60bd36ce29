"""Small files of the tables that cohorts share are joined, so that nights do not add up.

An ingest writes the rows of its new alleles, and its account, as files of its own. After a
year of nights a partition would have hundreds of files of some rows each, and every release
lists them all. When a partition of a table has more than `MOST` small files, they are joined.
A file that is no longer small is never written again: each row is written some few times,
however many nights there are.

A file that is not what was committed stays as it is: joined, its rows would get a digest of
their own, and nobody would find the damage.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from varhouse.ingest.jobs.joinfiles import encoded_bytes, fill
from varhouse.store.catalogue import Catalogue
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import IDS, Table
from varhouse.tables.shards import Manifest, Shard, write_shard

LOG = logging.getLogger("varhouse.ingest")

MOST = 16
"""Small files that a partition of a table may have."""

SMALL_BYTES = 4 << 20
"""Bytes from which on a file is left as it is."""

_UNREADABLE = (OSError, pa.ArrowException, pl.exceptions.PolarsError)

_Partition = tuple[tuple[str, str], ...]


class _File(NamedTuple):
    """A small file: a new shard, or a file of the base release by its path in the table."""

    path: Path
    shard: Shard | None
    stored: str | None


def join_shared(base: Store, manifests: Sequence[Manifest], directory: Path) -> list[Manifest]:
    """Join what would be too many small files in the next release; the rows stay as they are.

    Parameters
    ----------
    base
        The release that the manifests were made from.
    manifests
        What the ingest has made.
    directory
        Where new files are written.

    Returns
    -------
    list of Manifest
        The same without the shards that were joined, and one more, with what they and
        files of the base release have become.
    """
    shards: list[Shard] = []
    remove: list[tuple[str, str]] = []
    joined: set[str] = set()
    known = Catalogue(base.path)
    for number, (name, partition) in enumerate(_places(base, manifests)):
        table = base.declaration(name)
        small = _small_files(base, table, partition, manifests)
        if len(small) <= MOST:
            continue
        for k, some in enumerate(_groups(table, small)):
            whole = _whole(table, partition, some, known)
            if len(whole) < 2:
                continue
            stem = f"{name}-{number:05d}-{k:05d}"
            rows = pl.concat(frame for _, frame in whole)
            made = write_shard(rows, table, directory, stem, dict(partition))
            shards += [made] if made is not None else []
            remove += [(name, f.stored) for f, _ in whole if f.stored is not None]
            joined |= {f.shard.path for f, _ in whole if f.shard is not None}
    if not shards:
        return list(manifests)
    left = [
        Manifest([s for s in m.shards if s.path not in joined], m.replace, m.remove)
        for m in manifests
    ]
    return [*left, Manifest(shards, [], remove)]


def _places(base: Store, manifests: Iterable[Manifest]) -> list[tuple[str, _Partition]]:
    """List the tables and partitions that get new files and that no cohort has for itself."""
    found = {
        (s.table, tuple(sorted(s.partition.items())))
        for m in manifests
        for s in m.shards
        if "cohort" not in s.partition and s.bytes < SMALL_BYTES and s.table in base.tables
    }
    return sorted(found)


def _small_files(
    base: Store, table: Table, partition: _Partition, manifests: Sequence[Manifest]
) -> list[_File]:
    """List the small files that the next release would have in a partition of a table."""
    values = dict(partition)
    replaced = any(
        name == table.name and all(values.get(k) == v for k, v in some.items())
        for m in manifests
        for name, some in m.replace
    )
    gone = {file for m in manifests for name, file in m.remove if name == table.name}
    folder = table_folder(base.path, table)
    stay = pl.DataFrame() if replaced else base.file_frame(table.name, **values)
    found = [
        _File(folder / path, None, path)
        for path, size in (stay.select("path", "size_bytes").rows() if stay.height else [])
        if size < SMALL_BYTES and path not in gone
    ]
    found += [
        _File(Path(s.path), s, None)
        for m in manifests
        for s in m.shards
        if s.table == table.name and s.partition == values and s.bytes < SMALL_BYTES
    ]
    return found


def _whole(
    table: Table, partition: _Partition, files: Iterable[_File], known: Catalogue
) -> list[tuple[_File, pl.DataFrame]]:
    """Read files, and leave out what is not what was committed."""
    values = [pl.lit(v, pl.String).alias(k) for k, v in partition]
    out = []
    for file in files:
        try:
            rows = pl.read_parquet(file.path, hive_partitioning=False, glob=False)
        except _UNREADABLE:
            _warn(file)
            continue
        if file.shard is not None:
            digest = file.shard.digest
        else:
            digest = known.sums(table.name, str(file.stored))
        if digest_frame(rows.with_columns(values), table) == digest:
            out.append((file, rows))
        else:
            _warn(file)
    return out


def _warn(file: _File) -> None:
    LOG.warning(
        "note  %s is damaged, and stays as it is. fix: varhouse store verify says what to do",
        file.path,
    )


def _groups(table: Table, files: Iterable[_File]) -> list[list[_File]]:
    """Put files together that become one: of all columns, and in `ids` of one kind.

    By the first and the last id of a file readers know whether an id can be in it. Files that
    were written before the table had a column stay as they are, and so do those of a source
    whose fields have other types now.
    """
    kinds: dict[str, list[tuple[int, _File]]] = {}
    for file in files:
        try:
            if dict(pl.read_parquet_schema(file.path)) != dict(table.file_schema):
                continue
            size = encoded_bytes(file.path)
            kind = _kind(table, file.path)
        except _UNREADABLE:
            _warn(file)
            continue
        kinds.setdefault(kind, []).append((size, file))
    out: list[list[_File]] = []
    for _, some in sorted(kinds.items()):
        if len(some) <= MOST // 4:
            continue
        some = sorted(some, key=lambda f: (f[0], str(f[1].path)))
        out += [[some[k][1] for k in numbers] for numbers in fill([size for size, _ in some])]
    return [group for group in out if len(group) > 1]


def _kind(table: Table, path: Path) -> str:
    if table.name != IDS.name:
        return ""
    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).select("kind")
    return str(rows.head(1).collect().item())
