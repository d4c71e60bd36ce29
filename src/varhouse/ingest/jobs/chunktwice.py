"""Alleles that an earlier chunk of the same people holds: rejects of the later one.

Left alignment can carry an allele over a cut, to where an earlier chunk holds the same
allele: the later one is then a duplicate, as it would have been in one chunk.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.genotypes.planerows import PlaneRows
from varhouse.ingest.jobs.callrows import PIECE_BYTES
from varhouse.ingest.jobs.chunk import Place
from varhouse.ingest.jobs.cohortchunks import CohortChunk
from varhouse.ingest.jobs.recount import Columns, HeldCalls, counted_twice
from varhouse.ingest.jobs.tasks import (
    blank_alleles,
    duplicate_rows,
)
from varhouse.tables.schema import FREQUENCIES, KEY, REJECTS, SITES
from varhouse.tables.shards import (
    Shard,
    write_frame,
    write_shard,
)


def drop_carried(
    chunks: list[CohortChunk],
    group_of: dict[int, int],
    places: dict[tuple[int, int], Place],
    directory: Path,
    columns: Callable[[int], Columns],
) -> int:
    """Find alleles that an earlier chunk of the same people holds too; reject them."""
    n = 0
    # Thousands of files of one person each have nobody in common: no pairs to look at.
    before: dict[tuple[int, str], list[CohortChunk]] = {}
    for late in chunks:
        if late.alleles is None:
            continue
        gone: list[pl.DataFrame] = []
        of_these = before.setdefault((group_of[late.file], late.part), [])
        for early in of_these:
            assert early.alleles is not None
            for contig, (low, high) in late.info["span"].items():
                span = early.info["span"].get(contig)
                if span is None or span[1] < low or high < span[0]:
                    continue
                first, last = max(low, span[0]), min(high, span[1])
                both = (
                    _between(late.alleles, contig, first, last)
                    .join(_between(early.alleles, contig, first, last), on=KEY, how="semi")
                    .collect()
                )
                if both.height:
                    gone.append(both)
        of_these.append(late)
        if gone:
            twice = pl.concat(gone).unique(["record", "alt_index"]).sort("record", "alt_index")
            n += twice.height
            place = places[late.file, late.number]
            _reject(late, twice, directory, place, columns(late.file))
    return n


def _between(path: Path, contig: str, first: int, last: int) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False).filter(
        (pl.col("contig") == contig) & pl.col("pos").is_between(first, last)
    )


def _reject(
    chunk: CohortChunk, twice: pl.DataFrame, directory: Path, place: Place, columns: Columns
) -> None:
    """Take alleles out of a chunk's shards; they become rejects."""
    assert chunk.alleles is not None
    folder = directory / f"mended-{chunk.folder.name}"
    folder.mkdir(parents=True, exist_ok=True)
    mended: list[Shard] = []
    for shard in chunk.shards:
        if shard.table not in ("frequencies", "sites", "rejects"):
            mended.append(shard)
            continue
        frame = pl.read_parquet(shard.path, glob=False)
        stem = Path(shard.path).stem
        if shard.table == "frequencies":
            frame = frame.join(twice.select(KEY), on=KEY, how="anti", maintain_order="left")
            table = FREQUENCIES
        elif shard.table == "sites":
            sites = frame
            frame = blank_alleles(frame, twice.select("record", "alt_index"))
            table = SITES
        else:
            continue
        new = write_shard(frame, table, folder, stem, shard.partition, chunk.labels)
        if new is not None:
            mended.append(new)
    rejects = [s for s in chunk.shards if s.table == "rejects"]
    lines = place.lines(twice["record"])
    rows = duplicate_rows(twice, sites, lines).with_columns(
        pl.lit(chunk.info["file"], pl.Int32).alias("file")
    )
    old = [pl.read_parquet(s.path, glob=False).select(rows.columns) for s in rejects]
    _count_once(chunk, sites, twice, pl.concat([rows.clear(), *old]), columns)
    partition = chunk.shards[0].partition
    rows = pl.concat([*old, rows])
    new = write_shard(rows, REJECTS, folder, "rejects", partition, chunk.labels)
    if new is not None:
        mended.append(new)
    kept = pl.read_parquet(chunk.alleles, glob=False).join(
        twice.select("record", "alt_index"),
        on=["record", "alt_index"],
        how="anti",
        maintain_order="left",
    )
    chunk.alleles = folder / "alleles.parquet"
    write_frame(kept, chunk.alleles)
    chunk.shards = mended
    chunk.info["n_alleles"] = kept.height
    reasons = chunk.info["reasons"]
    reasons["duplicate_allele"] = reasons.get("duplicate_allele", 0) + twice.height


def _count_once(
    chunk: CohortChunk,
    sites: pl.DataFrame,
    twice: pl.DataFrame,
    rejects: pl.DataFrame,
    columns: Columns,
) -> None:
    """Take the genotypes of duplicates out of a chunk's counts per person."""
    genotypes = [s.path for s in chunk.shards if s.table == "genotypes"]
    if not genotypes:
        return
    before = rejects.filter(pl.col("reason") == "duplicate_allele")
    new = twice.select("record", "alt_index")
    held = sites.join(new, on="record", how="semi").sort("record")
    alts = held["allele_alt"].list.len().to_numpy().astype(np.int64)
    # Bytes of planes: of how many records they are held at once.
    ends = np.cumsum((alts + 2) * -(-columns.male.size // 4))
    for _, part in held.group_by(pl.Series(ends // PIECE_BYTES), maintain_order=True):
        records = part["record"].to_list()
        rows = pl.scan_parquet(genotypes, glob=False).filter(pl.col("record").is_in(records))
        frame = rows.sort("record", "first").collect()
        chunk.people -= counted_twice(
            HeldCalls(
                frame["record"].unique(maintain_order=True).to_numpy(),
                PlaneRows.of(frame).genotypes(),
            ),
            part,
            new.filter(pl.col("record").is_in(records)),
            before.select("record", "alt_index"),
            columns,
        )
