"""A store as it will be: a release, and what an ingest is about to put in its place.

What tells of people reads a store. Before a commit there is none with a cohort that is coming
in: so one is laid out of links, in a work folder, the shards of the cohort in the folders of
their partitions beside the files of the release that stay. Nothing is copied, and whatever
reads a store reads this one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.store.layout import partition_folder, table_folder
from varhouse.store.reader import Store
from varhouse.store.releases import Pinned
from varhouse.tables.schema import TABLES, Table
from varhouse.tables.shards import Manifest, Shard


class StagedStore(Store):
    """A release with shards that are not committed yet, in place of what they replace.

    It is read as any store. `path` is the folder of links, which its maker deletes.

    Parameters
    ----------
    base
        The release.
    manifests
        What will be committed upon it.
    folder
        Empty or missing: the links are made there, as they are asked for.
    """

    def __init__(self, base: Store, manifests: Sequence[Manifest], folder: Path) -> None:
        super().__init__(base.path, base.meta, base.record, base.view)
        self.path = folder.absolute()
        self._base = base
        self._shards: dict[str, list[Shard]] = {}
        for shard in (s for m in manifests for s in m.shards):
            self._shards.setdefault(shard.table, []).append(shard)
        self._replaced: dict[str, list[dict[str, str]]] = {}
        for table, values in (r for m in manifests for r in m.replace):
            self._replaced.setdefault(table, []).append(values)
        self._removed: dict[str, set[str]] = {}
        for table, file in (r for m in manifests for r in m.remove):
            self._removed.setdefault(table, set()).add(file)
        tables = dict(self.record.tables)
        for name, shards in self._shards.items():
            tables[name] = _pinned(tables.get(name), shards)
        self.record = replace(self.record, tables=tables)

    def _open(self, name: str) -> tuple[Table, pl.DataFrame]:
        if name not in self._opened:
            self._opened[name] = self._lay(name)
        return self._opened[name]

    def _lay(self, name: str) -> tuple[Table, pl.DataFrame]:
        """Link the files of a table, and list them."""
        in_base = name in self._base.record.tables or name not in TABLES
        declared, files = self._base._open(name) if in_base else (TABLES[name], None)
        changes = (self._shards, self._replaced, self._removed)
        if not any(name in change for change in changes):
            if files is None:
                return declared, pl.DataFrame(schema={"path": pl.String})
            folder = table_folder(self.path, declared)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(table_folder(self._base.path, declared), True)
            return declared, files
        shards = self._shards.get(name, [])
        left = self._left(name, files)
        made = _listed(declared, shards)
        if left is not None and left.height:
            _link(declared, self._base.path, self.path, left["path"].to_list())
        for shard, path in zip(shards, made["path"].to_list(), strict=True):
            _link_one(table_folder(self.path, declared) / path, Path(shard.path))
        if left is None or not left.height:
            return declared, made
        return declared, pl.concat([left, made.select(left.columns)], how="vertical")

    def _left(self, name: str, files: pl.DataFrame | None) -> pl.DataFrame | None:
        """Give the files of the release that stay."""
        if files is None or not files.height:
            return None
        goes = pl.col("path").is_in(sorted(self._removed.get(name, ())))
        for values in self._replaced.get(name, ()):
            matches = [pl.col(f"partition.{c}") == v for c, v in values.items()]
            goes |= pl.all_horizontal(matches) if matches else pl.lit(value=True)
        return files.filter(~goes)


def _pinned(before: Pinned | None, shards: Iterable[Shard]) -> Pinned:
    """Bound what a table holds: readers ask for its span, and whether it has rows."""
    known = before or Pinned(0, 0, 0, 0, (0, 0), 0)
    some = list(shards)
    return replace(
        known,
        rows=known.rows + sum(s.rows for s in some),
        files=known.files + len(some),
        bytes=known.bytes + sum(s.bytes for s in some),
        span=max([known.span, *(s.span for s in some)]),
    )


def _listed(declared: Table, shards: Sequence[Shard]) -> pl.DataFrame:
    """List shards as the Delta log would once they are committed."""
    types = declared.polars_schema
    columns: dict[str, pl.Series] = {
        "path": pl.Series(
            [_place(declared, s, i) for i, s in enumerate(shards)], dtype=pl.String
        ),
        "size_bytes": pl.Series([s.bytes for s in shards], dtype=pl.Int64),
    }
    for name in declared.partition:
        values = [s.partition[name] for s in shards]
        columns[f"partition.{name}"] = pl.Series(values, dtype=pl.String)
    columns["num_records"] = pl.Series([s.rows for s in shards], dtype=pl.Int64)
    for side, short in (("minValues", "min"), ("maxValues", "max")):
        for name in declared.bounded:
            bounds: list[Any] = [s.stats[side][name] for s in shards]
            columns[f"{short}.{name}"] = pl.Series(bounds, dtype=types[name])
    return pl.DataFrame(columns)


def _place(declared: Table, shard: Shard, number: int) -> str:
    """Name a shard in its table's folder, as no committed file is called."""
    folder = partition_folder(declared, shard.partition)
    name = f"staged-{number:05d}.parquet"
    return f"{folder}/{name}" if folder else name


def _link(declared: Table, base: Path, here: Path, files: Sequence[str]) -> None:
    old, new = table_folder(base, declared), table_folder(here, declared)
    for file in files:
        _link_one(new / file, old / file)


def _link_one(place: Path, file: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(file.absolute())
