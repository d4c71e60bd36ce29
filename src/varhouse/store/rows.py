"""Rows of a table's files as a LazyFrame, and those of a region among them."""

from pathlib import Path

import polars as pl

from varhouse.alleles.extent import UNKNOWN
from varhouse.alleles.key import last_base, last_of_ref
from varhouse.store.pruning import SPANS, may_hold
from varhouse.tables.schema import VARIANTS, Table


def may_be_open(files: pl.DataFrame) -> bool:
    """Tell whether files may hold symbolic alleles with an extent, by their bounds."""
    return bool(files.select(may_hold(files, "extent", UNKNOWN, None).any()).item())


def overlapping(
    frame: pl.LazyFrame,
    declared: Table,
    files: pl.DataFrame,
    start: int | None,
    end: int | None,
    longest: int,
) -> pl.LazyFrame:
    """Take the rows of a contig that overlap [start, end] (1-based, closed).

    Parameters
    ----------
    files
        The files that the rows come from, with their bounds.
    longest
        Bases of the longest REF of the table.
    """
    if declared.name in SPANS:
        first, last = map(pl.col, SPANS[declared.name])
    elif "pos_end" in declared.names:
        first, last = pl.col("pos"), pl.col("pos_end")
    else:
        first, last = pl.col("pos"), last_of_ref()
    if end is not None:
        frame = frame.filter(first <= end)
    if start is None:
        return frame
    if declared.name not in SPANS:
        # Lets the reader skip row groups, which the sum below does not.
        near = pl.col("pos") >= start - max(longest, 1) + 1
        if "extent" in declared.names and may_be_open(files):
            near |= pl.col("extent") >= UNKNOWN
            # A source may call a field of its own `end`.
            last = pl.col("end") if declared.name == VARIANTS.name else last_base()
        frame = frame.filter(near)
    return frame.filter(last >= start)


def scan_files(folder: Path, declared: Table, files: pl.DataFrame) -> pl.LazyFrame:
    """Scan files of a table: its columns, those of the partition added, missing ones null."""
    if not files.height:
        return pl.LazyFrame(schema=declared.polars_schema)
    if "=" in str(folder) and declared.partition:
        # Polars would take `x=y` above the store for one of its partitions.
        by = [f"partition.{c}" for c in declared.partition]
        pieces = [
            _scan_paths(declared, folder, group["path"].to_list(), hive=False)
            .with_columns(
                pl.lit(v, pl.String).alias(c)
                for c, v in zip(declared.partition, values, strict=True)
            )
            .select(declared.names)
            for values, group in files.group_by(by, maintain_order=True)
        ]
        return pl.concat(pieces)
    return _scan_paths(
        declared, folder, files["path"].to_list(), hive=bool(declared.partition)
    )


def _scan_paths(
    declared: Table, folder: Path, paths: list[str], *, hive: bool
) -> pl.LazyFrame:
    schema = declared.polars_schema if hive else declared.file_schema
    frame = pl.scan_parquet(
        [f"{folder}/{p}" for p in paths],
        glob=False,
        schema=schema,
        missing_columns="insert",
        hive_partitioning=hive,
        # Without this a contig called 1 would become a number.
        hive_schema=dict.fromkeys(declared.partition, pl.String()) if hive else None,
    )
    return frame.select(declared.names) if hive else frame
