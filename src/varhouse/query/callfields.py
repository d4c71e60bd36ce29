"""FORMAT fields of calls as columns, from the blocks of the table `fields`.

Blocks are decoded one after another and only the cells of calls that are asked for become
values. A field is a column of text, exact as in the file, or of the type that the headers
declare for it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.errors import UsageError, nearest
from varhouse.genotypes.codec.blocks import Block, decode, stored_names
from varhouse.genotypes.fields import INT_MISSING
from varhouse.query.records import Block as Records
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType
from varhouse.tables.textviews import span_column

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

_DECLARED = re.compile(r"^##FORMAT=(?=.*?[<,]ID=([^,>]+))(?=.*?[<,]Number=([^,>]+))"
                       r"(?=.*?[<,]Type=([^,>]+))", re.MULTILINE)  # fmt: skip
_SCALARS: Mapping[str, PolarsType] = {"Integer": pl.Int32, "Float": pl.Float64}
_ORDER = ["file", "record", "first", "names"]


@dataclass(frozen=True)
class FieldColumns:
    """Which fields are asked for, and the types of their columns (String: exact text)."""

    schema: dict[str, PolarsType]

    def read(
        self, store: Store, records: Records, file: int, record: Int64, column: Int32
    ) -> list[pl.Series]:
        """Give the fields of some calls.

        Parameters
        ----------
        records
            Where the calls lie.
        file
            The file of all of them.
        record, column
            int64[m], int32[m]: ordinal in the file, and sample column, of each.

        Returns
        -------
        list of pl.Series
            A column a field, null where the record's FORMAT does not name the field, the cell
            ends before it, or (not as text) it is `.` or not what the header declares.
        """
        if not self.schema:
            return []
        takers = [_Taker(n, t, record.size) for n, t in self.schema.items()]
        order = np.argsort(record, kind="stable")
        ascending = record[order]
        low, high = int(records.calls["pos"][0]), int(records.calls["pos"][-1])
        where = {"cohort": records.cohort, "contig": records.contig}
        rows = store.scan("fields", **where, start=low, end=high).filter(
            pl.col("file") == file,
            pl.col("first") <= int(column.max(initial=0)),
            pl.col("first") + pl.col("people") > int(column.min(initial=0)),
        )
        found = rows.collect().sort(_ORDER)
        for block in decode(found, list(self.schema)):
            first, last = np.searchsorted(ascending, [block.records[0], block.records[-1] + 1])
            calls = order[first:last]
            row = np.searchsorted(block.records, record[calls])
            person = column[calls] - block.first
            inside = (block.records[row] == record[calls]) & (person >= 0)
            inside &= person < block.people
            if inside.any():
                for taker in takers:
                    taker.take(block, calls[inside], row[inside], person[inside])
        return [taker.series() for taker in takers]


class _Taker:
    """Takes the values of one field, block by block."""

    def __init__(self, name: str, dtype: PolarsType, calls: int) -> None:
        self._name, self._dtype = name, dtype
        self._place = np.full(calls, -1, np.int64)
        self._parts: list[pl.Series] = []
        self._size = 0

    def take(self, block: Block, calls: Int64, row: Int64, person: Int32) -> None:
        """Take the values of the cells (row, person) of a block for some calls."""
        if self._name not in block.columns:
            return
        part = self._values(block, row, person)
        self._place[calls] = self._size + np.arange(calls.size)
        self._parts.append(part)
        self._size += part.len()

    def _values(self, block: Block, row: Int64, person: Int32) -> pl.Series:
        name, dtype = self._name, self._dtype
        is_list = isinstance(dtype, pl.List)
        inner = dtype.inner if isinstance(dtype, pl.List) else dtype
        if inner == pl.Int32 and block.columns[name].field.is_number:
            values, begin, end = block.numbers(name)
            own = begin[row, person], end[row, person]
            return _numbers(values, *own, is_list=is_list)
        spans = block.spans(name)
        begin, end = spans.begin[row, person], spans.end[row, person]
        size: Int32 = np.where(begin < 0, -1, end - begin).astype(np.int32)
        at = np.maximum(begin, 0).astype(np.int64)
        text = span_column(name, spans.text, at, size)
        if dtype == pl.String:
            return text
        known = text.set(text == ".", None)
        return (known.str.split(",") if is_list else known).cast(dtype, strict=False)

    def series(self) -> pl.Series:
        """Give the values of all calls."""
        empty = pl.Series(self._name, [], self._dtype)
        every = pl.concat([empty, *(p.alias(self._name) for p in self._parts)], rechunk=True)
        place = pl.Series(self._place)
        return every.gather(place.set(place < 0, None))


def _numbers(values: Int32, begin: Int64, end: Int64, *, is_list: bool) -> pl.Series:
    """Make a column of cells `values[begin:end]`; no value at all is null."""
    count = end - begin
    first = np.full(count.size, INT_MISSING, np.int32)
    first[count > 0] = values[begin[count > 0]]
    if not is_list:
        return pl.Series(first).set(pl.Series((count != 1) | (first == INT_MISSING)), None)
    cut = np.concatenate([[0], np.cumsum(count)])
    flat = values[np.arange(cut[-1]) + np.repeat(begin - cut[:-1], count)]
    # A cell of one `.` is missing as a whole.
    alone = (count == 1) & (first == INT_MISSING)
    array = pa.LargeListArray.from_arrays(
        pa.array(cut),
        pa.array(flat, mask=flat == INT_MISSING),
        mask=pa.array((count == 0) | alone),
    )
    made = pl.from_arrow(array)
    assert isinstance(made, pl.Series)
    return made


def kept_fields(store: Store, cohorts: Sequence[str]) -> dict[str, PolarsType]:
    """Give the fields that a store keeps of some cohorts, in the order of their headers.

    Integer fields are numbers and Float fields fractions, lists where Number is not 1; others,
    and those that headers do not agree on, are text.
    """
    held = store.scan("fields", cohort=list(cohorts)).select("names", "coding").unique()
    kept = set(stored_names(held.collect()))
    declared = _declared(store, cohorts)
    known = [n for n in declared if n in kept]
    return {n: declared.get(n, pl.String) for n in [*known, *sorted(kept - set(known))]}


def choose_fields(
    kept: Mapping[str, PolarsType],
    names: Sequence[str] | None,
    *,
    typed: bool,
    taken: Sequence[str],
) -> FieldColumns:
    """Choose fields and the types of their columns.

    Parameters
    ----------
    kept
        From `kept_fields`.
    names
        Those wanted, in order; None: all.
    typed
        Give them their types; otherwise every field is its text.
    taken
        Names that columns have already.

    Raises
    ------
    UsageError
        If a field is not kept, or named as a column is.
    """
    for name in names or ():
        if name not in kept:
            raise UsageError(
                f"the store keeps no FORMAT field {name!r}{nearest(name, list(kept))}"
            )
        if name in taken:
            raise UsageError(f"a column of calls is called {name!r} already")
    wanted = [n for n in (kept if names is None else names) if n not in taken]
    return FieldColumns({n: kept[n] if typed else pl.String for n in wanted})


def _declared(store: Store, cohorts: Sequence[str]) -> dict[str, PolarsType]:
    """Give the type of each FORMAT key; text where files or cohorts do not agree."""
    headers = store.scan("files", cohort=list(cohorts)).select("header").unique().collect()
    found: dict[str, PolarsType] = {}
    for header in headers["header"].sort():
        for name, number, kind in _DECLARED.findall(header):
            scalar = _SCALARS.get(kind, pl.String)
            dtype = scalar if number == "1" or scalar == pl.String else pl.List(scalar)
            if found.setdefault(name, dtype) != dtype:
                found[name] = pl.String
    found.pop("GT", None)
    return found
