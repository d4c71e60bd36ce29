"""Rows of the table `callable`, read for a few bases or many: only row groups that hold some.

Rows add up: what is counted at a base is the sum of all rows over it (decision 0035).
"""

from collections import OrderedDict
from collections.abc import Iterator
from math import ceil

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.frequencies.strata import ALL
from varhouse.query.rowgroups import Place, RowGroup, RowGroups
from varhouse.query.stretches import Stretches, concat, look
from varhouse.store.reader import Store
from varhouse.tables.statistics import site_counts

COUNTS = site_counts()
"""Counts at a base, in the order of `Stretches.counts`."""

STRATUM = ("stratum_by", "stratum")

ROWS_AT_ONCE = 1_000_000
"""Rows that are added up at once, about: some hundred megabytes."""

FEW = 8
"""Row groups that are read for few bases, at most: of more none is kept."""

KEPT = 64
"""Row groups that are kept for the next question, some 300 KB each."""

_WORDS = ("contig", *STRATUM)
_COLUMNS = (*_WORDS, "start", "end", *COUNTS)
_PLACE = ("group", "start", "end")

Int64 = npt.NDArray[np.int64]


class CallableRows:
    """The rows of a cohort.

    Parameters
    ----------
    groups
        The strata that are asked for: `group`, the number that they go by, stratum_by,
        stratum.

    Attributes
    ----------
    is_there
        The cohort has rows at all.
    """

    def __init__(self, store: Store, cohort: str, groups: pl.DataFrame) -> None:
        self._store = store
        self._cohort = cohort
        self._groups = groups.select(pl.col("group").cast(pl.Int64), *STRATUM)
        self._number = {(b, v): g for g, b, v in self._groups.rows()}
        self._opened: dict[str, RowGroups] = {}
        self._kept: OrderedDict[tuple[int, RowGroup], pa.Table] = OrderedDict()
        self.is_there = bool(store.file_frame("callable", cohort=cohort).height)

    def size(self, place: Place) -> int:
        """Give how many rows are read for a place, at most."""
        if not self.is_there:
            return 0
        if not self._store.view.is_limited:
            source = self._row_groups(place.contig)
            return source.rows(source.find(place))
        files = self._store.file_frame(
            "callable",
            contig=place.contig,
            start=place.low,
            end=place.high,
            cohort=self._cohort,
        )
        return int(files["num_records"].sum()) if files.height else 0

    def read(self, place: Place, groups: Int64) -> Stretches:
        """Read the rows of some groups over a place, and perhaps others near it.

        Parameters
        ----------
        groups
            int64[m]: numbers of groups.
        """
        if not self.is_there or not groups.size:
            return Stretches.empty(len(COUNTS))
        if self._store.view.is_limited:
            return self._scanned(place, groups)
        source = self._row_groups(place.contig)
        found = source.find(place)
        if groups.size == 1:
            row = self._groups.row(by_predicate=pl.col("group") == int(groups[0]), named=True)
            found = [g for g in found if all(source.may_hold(g, n, row[n]) for n in STRATUM)]
        # As the rows are sorted in each file.
        found.sort()
        tables = (
            (source.table(batch, _COLUMNS) for batch in _by_file(found))
            if len(found) > FEW
            else (self._table(source, g) for g in found)
        )
        return concat([self._of_table(t, place, groups) for t in tables], len(COUNTS))

    def _table(self, source: RowGroups, group: RowGroup) -> pa.Table:
        """Read a row group, or take it from those that were read last."""
        key = (id(source), group)
        if key not in self._kept:
            self._kept[key] = source.table([group], _COLUMNS)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _row_groups(self, contig: str) -> RowGroups:
        part = self._store.assembly_contigs.part(contig)
        if part not in self._opened:
            paths = self._store.paths("callable", cohort=self._cohort, part=part)
            self._opened[part] = RowGroups(paths, "start", "end", _WORDS)
        return self._opened[part]

    def _scanned(self, place: Place, groups: Int64) -> Stretches:
        """Read them through the view, which gives no files away."""
        wanted = self._groups.filter(pl.col("group").is_in(groups.tolist()))
        rows = self._store.scan(
            "callable",
            contig=place.contig,
            start=place.low,
            end=place.high,
            cohort=self._cohort,
        )
        return of_frame(rows.join(wanted.lazy(), on=STRATUM, how="inner").collect())

    def _of_table(self, table: pa.Table, place: Place, groups: Int64) -> Stretches:
        group = self._numbers(table, groups)
        start, end = table["start"].to_numpy(), table["end"].to_numpy()
        kept = (group >= 0) & (start <= place.high) & (end >= place.low)
        words = table["contig"].chunk(0)
        names = words.dictionary.to_pylist()
        if names != [place.contig]:
            kept &= np.array([n == place.contig for n in names])[words.indices.to_numpy()]
        rows = _as_slice(np.flatnonzero(kept))
        held = [table[name].to_numpy()[rows] for name in COUNTS]
        return Stretches(
            group[rows],
            start[rows].astype(np.int64),
            end[rows].astype(np.int64),
            np.stack(held).astype(np.int32, copy=False),
        )

    def _numbers(self, table: pa.Table, groups: Int64) -> Int64:
        """Give the group of each row; -1 of one that is not asked for."""
        by, value = (table[n].chunk(0) for n in STRATUM)
        wanted = set(groups.tolist())
        numbers = np.full((len(by.dictionary), len(value.dictionary)), -1)
        for i, b in enumerate(by.dictionary.to_pylist()):
            for j, v in enumerate(value.dictionary.to_pylist()):
                group = self._number.get((b, v), -1)
                numbers[i, j] = group if group in wanted else -1
        found: Int64 = numbers[by.indices.to_numpy(), value.indices.to_numpy()]
        return found


class CallableSites:
    """What a stratum of a cohort, by default everybody, adds at some bases."""

    def __init__(
        self, store: Store, cohort: str, stratum: tuple[str, str] = (ALL, ALL)
    ) -> None:
        group = pl.DataFrame([(0, *stratum)], schema=["group", *STRATUM], orient="row")
        self._rows = CallableRows(store, cohort, group)

    def at(self, contig: str, positions: Int64) -> pl.DataFrame:
        """Look bases up.

        Parameters
        ----------
        positions
            int64[n], ascending and distinct, 1-based.

        Returns
        -------
        pl.DataFrame
            `pos` and COUNTS: a row for each base at which somebody is assessed.
        """
        frames = [no_bases()]
        if not self._rows.is_there or not positions.size:
            return frames[0]
        pieces = ceil(self._rows.size(_place(contig, positions)) / ROWS_AT_ONCE)
        for some in np.array_split(positions, min(max(pieces, 1), positions.size)):
            found = look(self._rows.read(_place(contig, some), np.zeros(1, np.int64)), some)
            frames.append(assessed_bases(some, found))
        return pl.concat(frames)


def no_bases() -> pl.DataFrame:
    """Make no row of `pos` and COUNTS."""
    return pl.DataFrame(schema={"pos": pl.Int32, **dict.fromkeys(COUNTS, pl.Int32)})


def assessed_bases(positions: Int64, counts: npt.NDArray[np.int32]) -> pl.DataFrame:
    """Make a row of `pos` and COUNTS of each base at which somebody is assessed.

    Parameters
    ----------
    positions
        int64[n], 1-based.
    counts
        int32[COUNTS, n].
    """
    pos = pl.Series("pos", positions, dtype=pl.Int32)
    rows = pl.DataFrame({"pos": pos, **dict(zip(COUNTS, counts, strict=True))})
    return rows.filter(pl.col("n_samples") > 0)


def _place(contig: str, positions: Int64) -> Place:
    return Place(contig, int(positions[0]), int(positions[-1]), positions)


def of_frame(rows: pl.DataFrame) -> Stretches:
    """Make rows that add up of a frame with group, start, end and COUNTS; null adds 0."""
    group, start, end = (rows[n].to_numpy().astype(np.int64) for n in _PLACE)
    counts = rows.select(pl.col(n).fill_null(0).cast(pl.Int32) for n in COUNTS)
    return Stretches(group, start, end, counts.to_numpy().T.copy())


def _as_slice(rows: Int64) -> Int64 | slice:
    """Give rows that follow each other as a slice: what it takes is not copied one by one.

    Files are sorted by stratum and start, so that nearly always they do.
    """
    if not rows.size or rows[-1] - rows[0] + 1 != rows.size:
        return rows
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _by_file(groups: list[RowGroup]) -> Iterator[list[RowGroup]]:
    waiting: list[RowGroup] = []
    for group in groups:
        if waiting and waiting[0].file != group.file:
            yield waiting
            waiting = []
        waiting.append(group)
    if waiting:
        yield waiting
