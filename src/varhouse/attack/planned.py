"""What an attack reads: a release of a view, or one that is about to be made.

A release has to be attacked before anybody sees it. `Planned` shows the tables of counts as
they will be: new shards, and what stays of the release before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from varhouse.store.reader import Store
from varhouse.tables.schema import TABLES
from varhouse.tables.shards import Shard

COUNTED = ("frequencies", "totals")
"""Tables that are attacked."""


class Readable(Protocol):
    """What has tables: a `Store`, or `Planned`."""

    @property
    def tables(self) -> list[str]:
        """Names of the tables that have rows."""

    def scan(self, table: str, **filters: Any) -> pl.LazyFrame:
        """Scan rows, as `Store.scan` does; `contig`, `start`, `end`."""


@dataclass(frozen=True)
class Planned:
    """A release that is not made yet.

    Attributes
    ----------
    shards
        New files, with absolute paths or ones below `folder`.
    before
        The release of which something stays; None: nothing does.
    kept
        Its partitions (`part`) that stay.
    """

    shards: Sequence[Shard]
    folder: Path
    before: Store | None = None
    kept: Sequence[str] = ()

    @property
    def tables(self) -> list[str]:
        """Names of the tables that have rows."""
        new = {s.table for s in self.shards}
        old = set(self.before.tables) if self.before is not None and self.kept else set()
        return sorted(t for t in COUNTED if t in new | old)

    def scan(self, table: str, **filters: Any) -> pl.LazyFrame:
        """Scan rows of a region; of rows that begin in it, at least."""
        declared = TABLES[table]
        frames = [pl.LazyFrame(schema=declared.polars_schema)]
        for shard in self.shards:
            if shard.table != table or not _may_hold(shard, filters):
                continue
            rows = pl.scan_parquet(self.folder / shard.path)
            lacking = shard.partition.items()
            rows = rows.with_columns(pl.lit(v, pl.String).alias(n) for n, v in lacking)
            frames.append(rows.select(declared.names))
        if self.before is not None and self.kept:
            stays = self.before.scan(table, **filters)
            frames.append(stays.filter(pl.col("part").is_in(list(self.kept))))
        whole = pl.concat(frames, how="vertical_relaxed")
        if "contig" in filters:
            whole = whole.filter(pl.col("contig") == filters["contig"])
        return whole


def _may_hold(shard: Shard, filters: Mapping[str, Any]) -> bool:
    """Tell by its statistics whether a file may hold rows of a region."""
    low, high = (shard.stats.get(n, {}) for n in ("minValues", "maxValues"))
    contig = filters.get("contig")
    if contig is None or "contig" not in low:
        return True
    if not low["contig"] <= contig <= high["contig"]:
        return False
    if low["contig"] != high["contig"] or "pos" not in low:
        return True
    return bool(low["pos"] <= filters["end"] and filters["start"] <= high["pos"])
