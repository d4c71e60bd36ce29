"""The files of a cohort that grows: rows of files that go are taken out, small files joined.

What stays keeps its files. Only those that hold rows of somebody who goes are written again,
and when a table has more files in a partition than `joinfiles.FILES` the smallest are joined:
so each row is written some few times, however often a cohort grows.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.ingest.jobs.joinfiles import FILES, encoded_bytes, fill
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.labels import Labels
from varhouse.tables.schema import HELD_BACK, TABLES, Table
from varhouse.tables.shards import Shard, write_shard

Removed = list[tuple[str, str]]
"""(table, file of the base release): files that go, because shards hold what is left."""


@dataclass(frozen=True)
class Leaving:
    """Files of a cohort that go: their numbers, and the ordinals of their people."""

    files: Collection[int]
    people: Collection[int]

    def rows(self, table: Table) -> pl.Expr | None:
        """Choose their rows in a table; None where no column tells."""
        if "file" in table.names:
            return pl.col("file").is_in(list(self.files))
        if "sample" in table.names:
            return pl.col("sample").is_in(list(self.people))
        return None


def take_out(
    base: Store,
    cohort: str,
    leaving: Leaving,
    labels: Labels,
    directory: Path,
    passed_over: Collection[str],
) -> tuple[list[Shard], Removed]:
    """Write again the files of a cohort that hold rows of people who go, without these.

    Parameters
    ----------
    labels
        Of the files and samples that stay.
    passed_over
        Tables that are looked after otherwise.
    """
    shards: list[Shard] = []
    removed: Removed = []
    for table in _own_tables(base) if leaving.files else ():
        goes = leaving.rows(table)
        if goes is None or table.name in passed_over:
            continue
        for path, partition in _files(base, table, cohort):
            rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            if not rows.filter(goes).select(pl.len()).collect().item():
                continue
            name = f"left-{table.name}-{len(removed):05d}"
            kept = rows.filter(~goes).collect()
            made = write_shard(kept, table, directory, name, partition, labels)
            shards += [made] if made is not None else []
            removed.append((table.name, _relative(base, table, path)))
    return shards, removed


def join_small(
    base: Store,
    cohort: str,
    shards: Sequence[Shard],
    removed: Removed,
    labels: Labels,
    directory: Path,
    passed_over: Collection[str],
) -> tuple[list[Shard], Removed]:
    """Join the smallest files of a table and a partition, where they are too many.

    Parameters
    ----------
    shards, removed
        What comes into the cohort's tables, and which files go.
    labels
        Of all files and samples of the cohort as it will be.
    passed_over
        Tables that are looked after otherwise.

    Returns
    -------
    tuple
        The shards in place of `shards`, and all files that go.
    """
    out: list[Shard] = []
    gone, known = list(removed), set(removed)
    for number, ((name, _), mine) in enumerate(_by_partition(shards).items()):
        table, partition = TABLES[name], mine[0].partition
        stay = [
            path
            for path, where in _files(base, table, cohort)
            if where == partition and (name, _relative(base, table, path)) not in known
        ]
        if name in passed_over or len(stay) + len(mine) <= FILES:
            out += mine
            continue
        new = {Path(s.path): s for s in mine}
        sizes = {path: encoded_bytes(path) for path in (*stay, *new)}
        joined: set[Path] = set()
        for k, some in enumerate(smallest(sizes)):
            frames = [pl.read_parquet(p, hive_partitioning=False, glob=False) for p in some]
            stem = f"joined-{number:05d}-{k:05d}"
            made = write_shard(pl.concat(frames), table, directory, stem, partition, labels)
            out += [made] if made is not None else []
            joined |= set(some)
        out += [shard for path, shard in new.items() if path not in joined]
        gone += [(name, _relative(base, table, path)) for path in stay if path in joined]
    return out, gone


def smallest(sizes: dict[Path, int]) -> list[list[Path]]:
    """Choose the smallest of many files: groups that are joined, at most `FILES / 2` left.

    No group has more than `JOINED_BYTES`; so where files are large already more are left.
    """
    order = sorted(sizes, key=lambda path: (sizes[path], str(path)))
    order = order[: len(order) - FILES // 2]
    groups = [[order[k] for k in numbers] for numbers in fill([sizes[p] for p in order])]
    return [group for group in groups if len(group) > 1]


def _by_partition(
    shards: Iterable[Shard],
) -> dict[tuple[str, tuple[tuple[str, str], ...]], list[Shard]]:
    out: dict[tuple[str, tuple[tuple[str, str], ...]], list[Shard]] = {}
    for shard in shards:
        key = shard.table, tuple(sorted(shard.partition.items()))
        out.setdefault(key, []).append(shard)
    return out


def _own_tables(base: Store) -> list[Table]:
    # What was held back is told anew in any case.
    names = (n for n in base.tables if n in TABLES and n != HELD_BACK.name)
    return [TABLES[n] for n in names if "cohort" in TABLES[n].partition]


def _files(base: Store, table: Table, cohort: str) -> list[tuple[Path, dict[str, str]]]:
    """List the files of a cohort in a table of the base release, with their partitions."""
    if table.name not in base.tables:
        return []
    files = base.file_frame(table.name, cohort=cohort)
    if not files.height:
        return []
    folder = table_folder(base.path, table)
    return [
        (folder / row["path"], {c: row[f"partition.{c}"] for c in table.partition})
        for row in files.iter_rows(named=True)
    ]


def _relative(base: Store, table: Table, path: Path) -> str:
    return str(path.relative_to(table_folder(base.path, table)))
