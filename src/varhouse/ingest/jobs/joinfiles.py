"""Small files of a cohort are joined, so that a partition has tens of files, not thousands.

A chunk holds little of a cohort of many people: 64 MiB of text are 300 records of 50,000. A
reader opens each file of a partition that it asks, and a release lists them all.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from varhouse.tables.labels import Labels
from varhouse.tables.schema import TABLES
from varhouse.tables.shards import Shard, write_shard

FILES = 48
"""Files of a table and a partition that a cohort may have before they are joined."""

JOINED_BYTES = 64 << 20
"""Encoded bytes that are joined at once, before compression: bounds the memory."""


def share_bytes(sizes: Sequence[int]) -> list[list[int]]:
    """Put neighbours together to about `FILES` files, of at most `JOINED_BYTES` if of several.

    Parameters
    ----------
    sizes
        Encoded bytes of each file.
    """
    return fill(sizes, min(JOINED_BYTES, -(-sum(sizes) // FILES)))


def fill(sizes: Sequence[int], limit: int | None = None) -> list[list[int]]:
    """Put neighbours together up to `limit` bytes [JOINED_BYTES]; a larger one stays alone.

    Returns
    -------
    list of list of int
        Their numbers.
    """
    limit = JOINED_BYTES if limit is None else limit
    out: list[list[int]] = []
    held = 0
    for k, size in enumerate(sizes):
        if not out or held + size > limit:
            out.append([])
            held = 0
        out[-1].append(k)
        held += size
    return out


def join_files(shards: Sequence[Shard], directory: Path, labels: Labels) -> list[Shard]:
    """Join shards of tables and partitions that have many; the rows stay as they are.

    Parameters
    ----------
    shards
        Of one cohort, in the order of its chunks.
    directory
        Where new files are written.
    labels
        Those of the cohort's files and samples.

    Returns
    -------
    list of Shard
        With the same rows; shards that were joined are no longer among them.
    """
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Shard]] = {}
    for shard in shards:
        key = shard.table, tuple(sorted(shard.partition.items()))
        groups.setdefault(key, []).append(shard)
    out: list[Shard] = []
    for n, ((table, _), some) in enumerate(groups.items()):
        if len(some) <= FILES:
            out += some
            continue
        for k, numbers in enumerate(share_bytes([encoded_bytes(Path(s.path)) for s in some])):
            name = f"{table}-{n:05d}-{k:05d}"
            out += _join([some[i] for i in numbers], directory, name, labels)
    return out


def encoded_bytes(path: Path) -> int:
    """Give the bytes of a file of Parquet before compression: what reading it takes."""
    meta = pq.read_metadata(path)
    return sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))


def _join(shards: list[Shard], directory: Path, name: str, labels: Labels) -> list[Shard]:
    if len(shards) == 1:
        return shards
    first = shards[0]
    frames = [pl.read_parquet(s.path, hive_partitioning=False, glob=False) for s in shards]
    rows = pl.concat(frames)
    joined = write_shard(rows, TABLES[first.table], directory, name, first.partition, labels)
    return [joined] if joined is not None else []
