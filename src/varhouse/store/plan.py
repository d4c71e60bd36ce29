"""What a question to a table reads: its files, their row groups, and bytes of columns.

`Store.scan` reads by a plan, and so a plan cannot say anything else. Files are chosen by the
statistics of the Delta log; row groups by those of the footers, which say the same of fewer
rows: by them polars leaves out what `overlapping` filters.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from varhouse.alleles.extent import UNKNOWN
from varhouse.errors import StoreError
from varhouse.store.pruning import SPANS, Filters, Test, prune, reach
from varhouse.store.rows import may_be_open
from varhouse.tables.schema import Table

if TYPE_CHECKING:
    from pyarrow.parquet import RowGroupMetaData

GROUP_SCHEMA = {"path": pl.String, "group": pl.Int64, "rows": pl.Int64, "kept": pl.Boolean}


class Chunk(NamedTuple):
    """A chunk of a column: its file, row group (0-based), name, number, and bytes on disk."""

    path: str
    group: int
    column: str
    number: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """What is read of a table for some filters.

    Attributes
    ----------
    declared
        The table.
    folder
        Its folder.
    filters
        What is asked; its contig by the name that the store has for it.
    listed
        All files of the release.
    tests
        What a file must fit, in turn.
    span
        Bases of the longest REF of the table.
    """

    declared: Table
    folder: Path
    filters: Filters
    listed: pl.DataFrame
    tests: Sequence[Test]
    span: int

    @cached_property
    def files(self) -> pl.DataFrame:
        """The files that can hold rows that are asked for: rows of `Store.file_frame`."""
        return prune(self.listed, self.tests)

    @cached_property
    def reasons(self) -> pl.Series:
        """Why each of `listed` is left out, by the first test that it fails; null: read."""
        if not self.tests:
            return pl.Series("reason", [None] * self.listed.height, pl.String)
        failed = [pl.when(~test.fits).then(pl.lit(test.reason)) for test in self.tests]
        return self.listed.select(reason=pl.coalesce(failed)).to_series()

    @property
    def left_out(self) -> dict[str, int]:
        """Why files are left out, to how many."""
        counts = dict(self.reasons.drop_nulls().value_counts().rows())
        order = dict.fromkeys(test.reason for test in self.tests)
        return {reason: counts[reason] for reason in order if reason in counts}

    @cached_property
    def _groups(self) -> "list[tuple[str, int, RowGroupMetaData, bool]]":
        found = []
        for path in self.files["path"].to_list():
            footer = read_footer(self.folder / path)
            found += [
                (path, n, group := footer.row_group(n), self._may_hold(group))
                for n in range(footer.num_row_groups)
            ]
        return found

    @property
    def row_groups(self) -> pl.DataFrame:
        """A row a row group of the files: path, group (0-based), rows, whether it is read."""
        rows = [(path, n, group.num_rows, kept) for path, n, group, kept in self._groups]
        return pl.DataFrame(rows, schema=GROUP_SCHEMA, orient="row")

    def bytes(self, columns: Iterable[str] | None = None) -> dict[str, int]:
        """Give the bytes, as they lie on disk, of the columns of the row groups that are read.

        Parameters
        ----------
        columns
            Names of columns; None: all. Those that do not stand in the files are left out.
        """
        found: dict[str, int] = {}
        for chunk in self.chunks(columns):
            found[chunk.column] = found.get(chunk.column, 0) + chunk.bytes
        return found

    def chunks(self, columns: Iterable[str] | None = None) -> Iterator[Chunk]:
        """Give the chunks of columns of the row groups that are read, as `bytes` counts."""
        wanted = None if columns is None else set(columns)
        for path, number, group, kept in self._groups:
            if kept:
                yield from chunks_of(path, number, group, wanted)

    def _may_hold(self, group: "RowGroupMetaData") -> bool:
        """Tell whether a row group can hold rows that are asked for, as `overlapping` asks."""
        asked, table = self.filters, self.declared
        bounds = _bounds(group)

        def within(column: str, low: Any, high: Any) -> bool:
            least, greatest = bounds.get(column, (None, None))
            return (low is None or greatest is None or greatest >= low) and (
                high is None or least is None or least <= high
            )

        named = (
            asked.contig is not None and "contig" in table.names and table.name != "rejects"
        )
        if named and not within("contig", asked.contig, asked.contig):
            return False
        if asked.id is not None and not within("id", asked.id, asked.id):
            return False
        first, last = SPANS.get(table.name, ("pos", "pos"))
        if not within(first, None, asked.end):
            return False
        if asked.start is None:
            return True
        near = within(last, reach(table, asked.start, self.span), None)
        if not near and "extent" in table.names and may_be_open(self.files):
            near = within("extent", UNKNOWN, None)
        return near


def chunks_of(
    path: str, number: int, group: "RowGroupMetaData", wanted: Container[str] | None
) -> Iterator[Chunk]:
    """Give the chunks of a row group, of a column several if it is nested."""
    for i in range(group.num_columns):
        column = group.column(i)
        name = column.path_in_schema.partition(".")[0]
        if wanted is None or name in wanted:
            yield Chunk(path, number, name, i, column.total_compressed_size)


@lru_cache(maxsize=64)
def read_footer(path: Path) -> Any:
    """Read the footer of a file, which never changes."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{path}: cannot be read ({error})",
            "varhouse store verify says what else is wrong",
        ) from None


def _bounds(group: "RowGroupMetaData") -> dict[str, tuple[Any, Any]]:
    found = {}
    for i in range(group.num_columns):
        column = group.column(i)
        told = column.statistics
        if told is not None and told.has_min_max and "." not in column.path_in_schema:
            found[column.path_in_schema] = (told.min, told.max)
    return found
