"""Compaction: a release of the same rows in fewer files, each a piece of the table's order.

Nights of small deliveries leave partitions with many small files, or with files whose rows lie
among each other, so that a region is looked up in all of them. Ingests join small ones as they
come (`ingest.jobs.joinshared`, `ingest.jobs.compaction`); here the rest is done. A file that
is large and lies by itself is left as it is: where a store is compact, nothing is written.

Older releases keep their files, and whoever reads them keeps on.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from varhouse.errors import SchemaError
from varhouse.store.catalogue import Catalogue
from varhouse.store.commit import commit
from varhouse.store.compactfiles import OPEN_FILES, StoredFile, read_keys, rewrite
from varhouse.store.layout import (
    check_free_space,
    make_folder,
    read_store_file,
    staging_folder,
    table_folder,
)
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.reader import Store, open_store
from varhouse.tables.digest import combine
from varhouse.tables.labels import Labels
from varhouse.tables.schema import CALLABLE, TABLES, Table
from varhouse.tables.shards import Manifest, Shard

log = logging.getLogger("varhouse.store")

PASSED_OVER = frozenset({CALLABLE.name})
"""Tables whose files are of different people and are added up by the ingest, not joined."""

_UNREADABLE = (OSError, pa.ArrowException, pl.exceptions.PolarsError, SchemaError)


@dataclass(frozen=True)
class Piece:
    """Files of a partition, neighbours in its order, that become few.

    `groups` are of files whose rows lie among each other, in the order of the table.
    """

    table: Table
    partition: dict[str, str]
    groups: tuple[tuple[StoredFile, ...], ...]

    @property
    def files(self) -> list[StoredFile]:
        """All files, in the order of their first rows."""
        return [f for group in self.groups for f in group]

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for f in self.files)


@dataclass
class Compacted:
    """What a compaction does, or would do.

    Attributes
    ----------
    release
        The new release; None: there was nothing to do, or it was only asked.
    pieces
        What is written again.
    files
        Files of these before and after; after is 0 as long as nothing is written.
    skipped
        Tables and files that could not be read, and stay as they are.
    """

    release: int | None = None
    pieces: list[Piece] = field(default_factory=list)
    files: tuple[int, int] = (0, 0)
    skipped: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Bytes that are read, before compaction."""
        return sum(p.bytes for p in self.pieces)


def compact_store(path: Path, *, dry_run: bool = False, wait: float = 60.0) -> Compacted:
    """Make a release of the same rows in fewer files.

    Parameters
    ----------
    path
        The store's root folder.
    dry_run
        Only find out what would be written again.
    wait
        Seconds to wait for another writer.

    Returns
    -------
    Compacted
        Without a release, if the store is compact.

    Raises
    ------
    StoreError
        If somebody else is writing, the disk is full, or the content would differ.
    """
    path = path.absolute()
    read_store_file(path)
    if dry_run:
        store = open_store(path)
        return _planned(store)
    with store_lock(path, wait) as holder:
        store = open_store(path)
        out = _planned(store)
        if out.pieces:
            _carry_out(store, out, wait, holder.token)
        clear(path, was_killed=out.release is not None)
    return out


def _planned(store: Store) -> Compacted:
    out = Compacted()
    out.pieces = list(find_pieces(store, out.skipped))
    out.files = (sum(len(p.files) for p in out.pieces), 0)
    return out


def find_pieces(store: Store, skipped: list[str]) -> Iterator[Piece]:
    """Find the files of a release that should be fewer.

    Files are looked at by the keys of their first and last rows. They become fewer where the
    rows of several lie among each other, or where small ones are neighbours; a large one that
    lies by itself parts its neighbours, which are then joined up to it.

    Parameters
    ----------
    skipped
        Takes the files that cannot be read; the partition stays as it is then.
    """
    for name in store.tables:
        table = store.declaration(name)
        files = store.file_frame(name)
        if name in PASSED_OVER or files.height < 2:
            continue
        columns = [f"partition.{c}" for c in table.partition]
        parts = files.partition_by(columns, maintain_order=True) if columns else [files]
        for mine in parts:
            if mine.height < 2:
                continue
            partition = {c: mine[f"partition.{c}"][0] for c in table.partition}
            try:
                stored = [
                    StoredFile(
                        p, n, size, *read_keys(table_folder(store.path, table) / p, table,
                                               partition)
                    )
                    for p, n, size in mine.select("path", "num_records", "size_bytes").rows()
                ]  # fmt: skip
            except _UNREADABLE as error:
                skipped.append(f"{name} {partition}: {error}")
                continue
            for groups in runs_of(stored):
                yield Piece(table, partition, groups)


def runs_of(files: Iterable[StoredFile]) -> list[tuple[tuple[StoredFile, ...], ...]]:
    """Choose what is written again among the files of a partition.

    Returns
    -------
    list
        Runs of groups, in order. A group is of files whose rows lie among each other; a run is
        of neighbours that become one sequence of files. The order of the files that are given
        does not matter, and what becomes of a run has no further one in it.
    """
    groups: list[list[StoredFile]] = []
    apart: set[int] = set()
    last = None
    for file in sorted(files, key=lambda f: (f.first, f.last, f.path)):
        overlaps = last is not None and file.first < last
        if overlaps and len(groups[-1]) < OPEN_FILES:
            groups[-1].append(file)
        else:
            if overlaps:
                # Too many to be open at once: the next compaction goes on.
                apart.add(len(groups))
            groups.append([file])
        last = file.last if last is None else max(last, file.last)
    runs: list[list[tuple[StoredFile, ...]]] = [[]]
    for number, group in enumerate(groups):
        if number in apart:
            runs.append([])
        if len(group) == 1 and not group[0].is_small:
            runs.append([])
        else:
            runs[-1].append(tuple(group))
    return [tuple(run) for run in runs if sum(len(group) for group in run) > 1]


def _carry_out(store: Store, out: Compacted, wait: float, token: str) -> None:
    """Write the pieces again, check them, and make the release."""
    check_free_space(store.path, out.bytes)
    ingest_id = f"compact-{store.release + 1:08d}"
    work = staging_folder(store.path, ingest_id)
    shutil.rmtree(work, ignore_errors=True)
    make_folder(work, store.path)
    known, labels = Catalogue(store.path), _LabelsOf(store)
    shards: list[Shard] = []
    remove: list[tuple[str, str]] = []
    done = []
    for number, piece in enumerate(out.pieces):
        try:
            made = _write(store, piece, known, labels, work, number)
        except _UNREADABLE as error:
            out.skipped.append(f"{piece.table.name} {piece.partition}: {error}")
            continue
        if made is None:
            out.skipped.append(f"{piece.table.name} {piece.partition}: not what was committed")
            continue
        shards += made
        remove += [(piece.table.name, f.path) for f in piece.files]
        done.append(piece)
    out.pieces, out.files = done, (len(remove), len(shards))
    if done:
        event = {
            "files": [len(remove), len(shards)],
            "bytes": [out.bytes, sum(s.bytes for s in shards)],
        }
        out.release = commit(
            store.path,
            [Manifest(shards, [], remove)],
            ingest_id=ingest_id,
            operation="compact",
            base_release=store.release,
            meta={"event": event},
            wait=wait,
            token=token,
        )
    shutil.rmtree(work, ignore_errors=True)


class _LabelsOf:
    """Labels of the cohorts of a store, of one at a time."""

    def __init__(self, store: Store) -> None:
        self._store, self._cohort = store, ""
        self._labels: Labels | None = None

    def of(self, table: Table, partition: dict[str, str]) -> Labels | None:
        """Give the labels that a table of a cohort needs."""
        if not table.labelled:
            return None
        cohort = partition["cohort"]
        if self._labels is None or cohort != self._cohort:
            rows = (self._store.scan(t, cohort=cohort).collect() for t in ("files", "samples"))
            self._labels, self._cohort = Labels.of_tables(*rows), cohort
        return self._labels


def _write(
    store: Store, piece: Piece, known: Catalogue, labels: _LabelsOf, work: Path, number: int
) -> list[Shard] | None:
    """Write a piece again; None if its files are not what was committed."""
    table = piece.table
    made = rewrite(
        table_folder(store.path, table),
        table,
        piece.partition,
        piece.groups,
        labels.of(table, piece.partition),
        work,
        f"{table.name}-{number:05d}",
    )
    rows = sum(f.rows for f in piece.files)
    sums = combine(known.sums(table.name, f.path) for f in piece.files)
    if sum(s.rows for s in made) != rows or combine(s.digest for s in made) != sums:
        return None
    return made


def count_tables(pieces: Sequence[Piece]) -> dict[str, tuple[int, int, int]]:
    """Count by table what is written again: partitions, files, bytes."""
    out: dict[str, tuple[int, int, int]] = {}
    for piece in pieces:
        n, files, size = out.get(piece.table.name, (0, 0, 0))
        out[piece.table.name] = (n + 1, files + len(piece.files), size + piece.bytes)
    return dict(sorted(out.items(), key=lambda t: (t[0] not in TABLES, t[0])))
