"""Which files of a table can hold the rows that are asked for, by their statistics."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Test:
    """What a file must fit to be read, and why it is left out if it does not."""

    reason: str
    fits: pl.Expr


def reach(declared: Table, start: int, span: int) -> int:
    """Give the least last base, or first base where that alone is known, of a row at `start`.

    Of first bases the longest row decides.
    """
    return start if declared.name in SPANS else start - max(span, 1) + 1


def file_tests(
    files: pl.DataFrame, declared: Table, filters: Filters, span: int, part: str | None
) -> list[Test]:
    """Say what a file must fit that can hold a row that is asked for.

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
        return []
    tests: list[Test] = []
    if part is not None and "part" in declared.partition:
        tests.append(Test("of another contig", pl.col("partition.part") == part))
    for name, wanted in filters.partition.items():
        values = [wanted] if isinstance(wanted, str) else list(wanted or [])
        if wanted is not None:
            fits = pl.col(f"partition.{name}").is_in(values)
            tests.append(Test(f"of another {name}", fits))
    low, high = SPANS.get(declared.name, ("pos", "pos"))
    if filters.contig is not None and declared.name != "rejects":
        fits = may_hold(files, "contig", filters.contig, filters.contig)
        tests.append(Test("of another contig", fits))
    if (start := filters.start) is not None:
        near = may_hold(files, high, reach(declared, start, span), None)
        if "extent" in declared.names:
            # A symbolic allele may reach over from far before.
            near |= may_hold(files, "extent", UNKNOWN, None)
        if declared.name == VARIANTS.name:
            near &= may_hold(files, "end", start, None)
        tests.append(Test("before the region", near))
    if filters.end is not None:
        fits = may_hold(files, low, None, filters.end)
        tests.append(Test("behind the region", fits))
    if filters.id is not None:
        tests.append(Test("of other ids", may_hold(files, "id", filters.id, filters.id)))
    return tests


def prune(files: pl.DataFrame, tests: Sequence[Test]) -> pl.DataFrame:
    """Leave out the files that do not fit some test."""
    return files.filter(*(test.fits for test in tests)) if tests else files


def may_hold(files: pl.DataFrame, column: str, low: Any, high: Any) -> pl.Expr:
    """Tell which files can hold a value in low..high of a column; no statistics: may."""
    test = pl.lit(value=True)
    if low is not None and f"max.{column}" in files.columns:
        test &= (pl.col(f"max.{column}") >= low).fill_null(value=True)
    if high is not None and f"min.{column}" in files.columns:
        test &= (pl.col(f"min.{column}") <= high).fill_null(value=True)
    return test
