"""Which files of a table can hold the rows that are asked for, by their statistics."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from varhouse.alleles.extent import UNKNOWN
from varhouse.errors import StoreError
from varhouse.tables.schema import VARIANTS, Table

Wanted = str | list[str] | None

_START_END = ("start", "end")
SPANS = {
    "genes": _START_END,
    "transcripts": _START_END,
    "runs": _START_END,
    "callable": _START_END,
    "blocks": ("pos", "end"),
}
"""Columns with the first and the last base of a row, of tables that have both."""


@dataclass(frozen=True)
class Filters:
    """What is asked of a table: see `Store.scan`."""

    contig: str | None = None
    start: int | None = None
    end: int | None = None
    id: str | None = None
    partition: dict[str, Wanted] = field(default_factory=dict)


def read_filters(given: dict[str, Any]) -> Filters:
    """Part the filters of `Store.scan` from the values of partition columns."""
    rest = dict(given)
    named = {n: rest.pop(n, None) for n in ("contig", "start", "end", "id")}
    return Filters(**named, partition=rest)


def prune(
    files: pl.DataFrame, declared: Table, filters: Filters, span: int, part: str | None
) -> pl.DataFrame:
    """Leave out the files that cannot hold a row that is asked for.

    Parameters
    ----------
    files
        From `delta.list_files`: `path`, and where the log has them `partition.*`, `min.*`
        and `max.*`.
    span
        Bases of the longest REF in the table.
    part
        Partition of the contig that is asked for.

    Raises
    ------
    StoreError
        If the table is not partitioned by a column of the filters.
    """
    unknown = [n for n in filters.partition if n not in declared.partition]
    if unknown:
        raise StoreError(
            f"table {declared.name} is not partitioned by {', '.join(unknown)}"
            f" (by {', '.join(declared.partition) or 'nothing'})"
        )
    if not files.height:
        return files
    keep: list[pl.Expr] = []
    if part is not None and "part" in declared.partition:
        keep.append(pl.col("partition.part") == part)
    for name, wanted in filters.partition.items():
        values = [wanted] if isinstance(wanted, str) else list(wanted or [])
        if wanted is not None:
            keep.append(pl.col(f"partition.{name}").is_in(values))
    low, high = SPANS.get(declared.name, ("pos", "pos"))
    if filters.contig is not None and declared.name != "rejects":
        keep.append(may_hold(files, "contig", filters.contig, filters.contig))
    if (start := filters.start) is not None:
        near = may_hold(files, high, start - (max(span, 1) - 1 if high == "pos" else 0), None)
        if "extent" in declared.names:
            # A symbolic allele may reach over from far before.
            near |= may_hold(files, "extent", UNKNOWN, None)
        keep.append(near)
        if declared.name == VARIANTS.name:
            keep.append(may_hold(files, "end", start, None))
    if filters.end is not None:
        keep.append(may_hold(files, low, None, filters.end))
    if filters.id is not None:
        keep.append(may_hold(files, "id", filters.id, filters.id))
    return files.filter(*keep) if keep else files


def may_hold(files: pl.DataFrame, column: str, low: Any, high: Any) -> pl.Expr:
    """Tell which files can hold a value in low..high of a column; no statistics: may."""
    test = pl.lit(value=True)
    if low is not None and f"max.{column}" in files.columns:
        test &= (pl.col(f"max.{column}") >= low).fill_null(value=True)
    if high is not None and f"min.{column}" in files.columns:
        test &= (pl.col(f"min.{column}") <= high).fill_null(value=True)
    return test
