"""Rows of a table by place, for a store that is asked again and again.

A scan by polars opens and plans files anew for each question, and unpacks whole row groups.
Here files stay open: bounds of files, row groups and pages say which pages hold a place
(`pagefile`), these are unpacked, and kept as long as there is room. Rows of a page are in
order of `pos`, so that those of a place are found by bisection. What does not fit this (a
table that is not sorted by allele, short contigs that share a file, files that were written
before pages were cut alike, symbolic alleles that reach far, more rows than are worth it) is
left to the scan: both give the same rows.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.errors import StoreError
from varhouse.query.idindex import IdIndex
from varhouse.query.pagefile import PageFile
from varhouse.store.layout import table_folder
from varhouse.store.pruning import SPANS
from varhouse.store.reader import Store
from varhouse.tables.schema import VARIANTS, PolarsType, Table

ROOM = 128 << 20
"""Bytes of unpacked columns of pages that are kept: those of some 100,000 alleles."""

FILES = 64 << 20
"""Bytes of footers that are kept: those of some hundred files of a million rows."""

MOST_ROWS = 60_000
"""Rows beyond which polars, on several threads, is as fast."""

Int64 = npt.NDArray[np.int64]


class _Group(NamedTuple):
    """Bounds of a row group: its least and greatest `pos`."""

    low: int
    high: int


class _Shelf(NamedTuple):
    """The files of a table that can hold rows of a contig (and cohort).

    Attributes
    ----------
    paths
        Their paths.
    low, high
        int64: least and greatest `pos` of each.
    constants
        Of each the columns that do not stand in it.
    is_plain
        No file can hold symbolic alleles that reach beyond REF.
    """

    paths: list[Path]
    low: Int64
    high: Int64
    constants: list[dict[str, str | None]]
    is_plain: bool


class _Span(NamedTuple):
    """Pages first..last of a row group of a file (by number), and their rows."""

    file: int
    group: int
    first: int
    last: int
    rows: int


class PlacedRows:
    """Reads rows of the tables of one release by place."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shelves: dict[tuple[str, str, str | None], _Shelf | None] = {}
        self._files: OrderedDict[Path, PageFile] = OrderedDict()
        self._groups: dict[Path, list[_Group] | None] = {}
        self._pages: OrderedDict[tuple[Path, int, int], dict[str, pl.Series]] = OrderedDict()
        self._sizes: dict[tuple[Path, int, int], int] = {}
        self._held = self._opened = 0
        self.ids = IdIndex(store, self)

    def rows(
        self,
        table: str,
        contig: str,
        start: int,
        end: int,
        columns: Sequence[str] | None = None,
        cohort: str | None = None,
    ) -> pl.DataFrame | None:
        """Read the rows that overlap a place; None: a scan has to.

        Parameters
        ----------
        contig, start, end
            Canonical name; 1-based, closed.
        columns
            Columns to give; None: all.
        cohort
            Of a table that is partitioned by cohort: the one to read.

        Returns
        -------
        pl.DataFrame
            As `Store.scan` gives them: sorted within a file, the files one behind another.
        """
        declared = self._store.declaration(table)
        schema = declared.polars_schema
        wanted = list(schema if columns is None else columns)
        found = self._pieces(declared, contig, start, end, wanted, cohort)
        if found is None:
            return None
        if not found:
            return pl.DataFrame(schema={n: schema[n] for n in wanted})
        rows = found[0]
        for more in found[1:]:
            # `concat` waits for threads.
            rows = rows.vstack(more)
        return rows

    def count(
        self, table: str, contig: str, start: int, end: int, cohort: str | None = None
    ) -> int | None:
        """Count rows near a place, at most a page too many on each side; None: not known."""
        found = self._spans(self._store.declaration(table), contig, start, end, cohort)
        return None if found is None else sum(span.rows for span in found)

    def _first(self, declared: Table, start: int) -> int:
        """Give the least `pos` of an allele that reaches `start`."""
        pinned = self._store.record.tables.get(declared.name)
        return start - max(pinned.span if pinned else 0, 1) + 1

    def _spans(
        self, declared: Table, contig: str, start: int, end: int, cohort: str | None
    ) -> "list[_Span] | None":
        """Find the pages that can hold rows of a place; None: a scan has to."""
        shelf = self._shelf(declared, contig, cohort)
        if shelf is None or not shelf.is_plain:
            return None
        first = self._first(declared, start)
        spans: list[_Span] = []
        rows = 0
        near = np.flatnonzero((shelf.low <= end) & (shelf.high >= first))
        for f in near.tolist():
            groups = self._bounds(shelf.paths[f])
            if groups is None:
                return None
            for g, (low, high) in enumerate(groups):
                if low > end or high < first:
                    continue
                pages = self._page_range(shelf.paths[f], g, first, end)
                if pages is None:
                    return None
                spans.append(_Span(f, g, *pages))
                rows += pages[2]
                if rows > MOST_ROWS:
                    return None
        return spans

    def _pieces(
        self, declared: Table, contig: str, start: int, end: int, wanted: list[str],
        cohort: str | None,
    ) -> list[pl.DataFrame] | None:  # fmt: skip
        found = self._spans(declared, contig, start, end, cohort)
        if found is None:
            return None
        shelf = self._shelf(declared, contig, cohort)
        assert shelf is not None
        first = self._first(declared, start)
        last = "end" if declared.name == VARIANTS.name else "ref"
        out = []
        schema = declared.polars_schema
        for f, g, a, b, _ in found:
            asked = list(dict.fromkeys(["pos", last, *wanted]))
            given = shelf.constants[f]
            own = [n for n in asked if n not in given]
            for page in range(a, b + 1):
                held = self._page(shelf.paths[f], g, page, own, schema)
                if held is None:
                    return None
                piece = _cut(held, last, first, start, end, wanted, given)
                if piece is not None:
                    out.append(piece)
        return out

    def _shelf(self, declared: Table, contig: str, cohort: str | None) -> _Shelf | None:
        key = (declared.name, contig, cohort)
        if key not in self._shelves:
            self._shelves[key] = self._make_shelf(declared, contig, cohort)
        return self._shelves[key]

    def _make_shelf(self, declared: Table, contig: str, cohort: str | None) -> _Shelf | None:
        store = self._store
        fits = declared.name not in SPANS and declared.sort[:2] == ("contig", "pos")
        if not fits or "extent" not in declared.names:
            return None
        partition = {"cohort": cohort} if cohort is not None else {}
        files = store.file_frame(declared.name, contig=contig, **partition)
        if not files.height:
            return _Shelf([], np.zeros(0, np.int64), np.zeros(0, np.int64), [], is_plain=True)
        if not {"min.pos", "max.pos", "max.extent"} <= set(files.columns):
            return None
        bounds = files.select("min.pos", "max.pos")
        if bounds.null_count().sum_horizontal().item():
            return None
        # The whole declaration: a view may hide a column that files are partitioned by.
        folder = table_folder(store.path, declared)
        fixed = store.constants(declared.name)
        names = [n for n in files.columns if n.startswith("partition.")]
        values = [
            {n.removeprefix("partition."): v for n, v in row.items()} | fixed
            for row in files.select(names).to_dicts()
        ] or [fixed] * files.height
        return _Shelf(
            [folder / p for p in files["path"]],
            bounds["min.pos"].to_numpy().astype(np.int64),
            bounds["max.pos"].to_numpy().astype(np.int64),
            values,
            is_plain=not store.may_be_open(files),
        )

    def file(self, path: Path) -> PageFile:
        """Open a file, or give it as it is open."""
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        try:
            file = PageFile(path)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise _damaged(path, error) from None
        self._files[path] = file
        self._opened += file.size
        while self._opened > FILES and len(self._files) > 1:
            _, gone = self._files.popitem(last=False)
            self._opened -= gone.size
        return file

    def _bounds(self, path: Path) -> list[_Group] | None:
        """Give the bounds of the row groups of a file; None: they are of several contigs."""
        if path not in self._groups:
            self._groups[path] = _group_bounds(self.file(path))
        return self._groups[path]

    def _page_range(
        self, path: Path, group: int, first: int, end: int
    ) -> tuple[int, int, int] | None:
        """Give the first and last page that can hold positions, and their rows."""
        file = self.file(path)
        found = file.page_bounds(group, "pos")
        rows = file.page_rows(group, ["pos"])
        if found is None or rows is None:
            return None
        low, high = (np.frombuffer(b"".join(v), "<i4") for v in found)
        a = int(np.searchsorted(high, first))
        b = int(np.searchsorted(low, end, side="right")) - 1
        return a, b, rows[b + 1] - rows[a] if b >= a else 0

    def _page(
        self,
        path: Path,
        group: int,
        page: int,
        columns: Sequence[str],
        schema: dict[str, PolarsType],
    ) -> dict[str, pl.Series] | None:
        """Give columns of a page, unpacked; None: they are not cut alike."""
        key = (path, group, page)
        held = self._pages.get(key)
        if held is None:
            held = self._pages[key] = {}
            self._sizes[key] = 0
        else:
            self._pages.move_to_end(key)
        lacking = [n for n in columns if n not in held]
        if lacking:
            read = self._read(path, group, page, lacking, schema)
            if read is None:
                return None
            held.update(read)
            size = sum(int(s.estimated_size()) for s in read.values())
            self._sizes[key] += size
            self._held += size
            while self._held > ROOM and len(self._pages) > 1:
                gone, _ = self._pages.popitem(last=False)
                self._held -= self._sizes.pop(gone)
        return held

    def _read(
        self,
        path: Path,
        group: int,
        page: int,
        columns: list[str],
        schema: dict[str, PolarsType],
    ) -> dict[str, pl.Series] | None:
        file = self.file(path)
        fixed = {n: v for n in columns if (v := file.constant(group, n)) is not None}
        # A source may have gained a field since the file was written.
        own = [n for n in columns if file.has(n) and n not in fixed]
        rows = file.page_rows(group, dict.fromkeys(["pos", *own]))
        if rows is None:
            return None
        out = {}
        if own:
            try:
                table = file.read(group, own, page, page)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise _damaged(path, error) from None
            # Column by column: of a table polars makes frames by threads, which takes longer.
            out = {
                n: _typed(pl.Series(n, _whole(column)), schema[n])
                for n, column in zip(own, table.columns, strict=True)
            }
        for n in columns:
            if n not in out:
                one = pl.Series(n, [fixed.get(n)], dtype=schema[n])
                out[n] = one.new_from_index(0, rows[page + 1] - rows[page])
        return out


def _typed(series: pl.Series, dtype: PolarsType) -> pl.Series:
    return series if series.dtype == dtype else series.cast(dtype)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _group_bounds(file: PageFile) -> list[_Group] | None:
    found = []
    for g in range(file.footer.num_row_groups):
        contig, pos = file.bounds(g, "contig"), file.bounds(g, "pos")
        if contig is None or pos is None or contig[0] != contig[1]:
            return None
        found.append(_Group(*pos))
    return found


def _cut(
    held: dict[str, pl.Series], last: str, first: int, start: int, end: int,
    wanted: Sequence[str], given: dict[str, str | None],
) -> pl.DataFrame | None:  # fmt: skip
    """Take the rows of a page that overlap start..end; None: there are none."""
    pos = held["pos"].to_numpy()
    a, b = np.searchsorted(pos, (first, end + 1)).tolist()
    if a >= b:
        return None
    # `pos` may be left out of the answer.
    rows = pl.DataFrame([held[n] for n in wanted if n not in given]).slice(a, b - a)
    begun = int(np.searchsorted(pos, start))
    if begun > a:
        # Those that begin before the place reach into it, or not.
        n = min(begun, b) - a
        if last == "end":
            reach = held["end"].slice(a, n).to_numpy()
        else:
            size = [len(text.encode()) for text in held["ref"].slice(a, n).to_list()]
            reach = pos[a : a + n] + np.array(size) - 1
        keep = np.flatnonzero(reach >= start)
        if not keep.size and n == b - a:
            return None
        if keep.size < n:
            rows = rows[np.concatenate([keep, np.arange(n, b - a)])]
    if any(n in given for n in wanted):
        constants = {
            n: pl.Series(n, [given[n]], pl.String).new_from_index(0, rows.height)
            for n in wanted
            if n in given
        }
        rows = pl.DataFrame(
            [constants[n] if n in constants else rows.get_column(n) for n in wanted]
        )
    return rows


def _damaged(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: cannot be read ({error})", "varhouse store verify says what else is wrong"
    )
