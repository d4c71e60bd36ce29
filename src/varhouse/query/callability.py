"""How many people and alleles are assessed at any base, whether anybody has a variant there.

The rows of the table `callable` add up: of a base, all rows over it (decision 0035). A cohort
of which files bring no runs is known at the sites of its alleles alone, by what `frequencies`
counted there; where a cohort has both, `frequencies` counted everybody. A base that nobody
covers is answered for with 0 people.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import ceil

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.errors import UsageError
from varhouse.query.cohortstrata import SCHEMA as STRATA
from varhouse.query.cohortstrata import STRATUM, choose_strata, read_strata
from varhouse.query.rowgroups import MAX_POS, Place, RowGroup, RowGroups
from varhouse.query.select import Selection, find_spans
from varhouse.query.stretches import Stretches, add_up, concat, join_equal
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType
from varhouse.tables.statistics import (
    FREQUENCIES,
    counts_at_site,
    site_counts,
    statistics_of,
    unknown_of,
)

TOTAL = "all"
"""What all cohorts together are called."""

ROWS_AT_ONCE = 1_000_000
"""Rows that are added up at once, about: some hundred megabytes."""

_PLACE = ("group", "start", "end")
_WORDS = ("contig", *STRATUM)
_COUNTS = site_counts()


def callability(
    store: Store,
    region: str | Sequence[str] = (),
    *,
    gene: str | Sequence[str] = (),
    id: str | Sequence[str] = (),  # noqa: A002 - as the option is called
    cohort: str | Sequence[str] = (),
    stratum_by: str | None = None,
) -> pl.DataFrame:
    """Say who is assessed at the bases of a region.

    Parameters
    ----------
    region, gene, id
        Which bases, as in `varhouse query`: of an id the position of its normalised allele.
    cohort
        Names of cohorts, `all` for all together; by default each, then all.
    stratum_by
        One kind of stratum, `all` for everybody; None: all kinds.

    Returns
    -------
    pl.DataFrame
        See `Callability.schema`; a row a stretch of bases that are alike.

    Raises
    ------
    UsageError
        If nothing is chosen, or there is no such contig, base, cohort or kind of stratum.
    """
    answer = Callability(store, _several(cohort), stratum_by)
    selection = Selection(_several(region), _several(gene), _several(id))
    empty = pl.DataFrame(schema=answer.schema)
    return pl.concat([empty, *answer.frames(selection)])


class Callability:
    """Answers how many people and alleles are assessed.

    Attributes
    ----------
    schema
        Columns of the frames and their types: contig, start and end (1-based, closed), cohort,
        stratum_by, stratum, `n_people` of it, `n_not_assessed` of them, and the counts at a
        site of `frequencies`. Null: `n_people` is not public, or nobody has what a count of
        high quality needs.
    """

    def __init__(
        self, store: Store, cohorts: Sequence[str] = (), stratum_by: str | None = None
    ) -> None:
        self._store = store
        known = read_strata(store)
        chosen = choose_strata(known, list(cohorts), stratum_by, TOTAL)
        with_total = TOTAL in chosen["cohort"]
        # Groups are numbered as they are told; those that only add to totals come behind.
        hidden = known.join(chosen, on=list(STRATA), how="anti", nulls_equal=True)
        if stratum_by is not None:
            hidden = hidden.filter(pl.col("stratum_by") == stratum_by)
        self._told = chosen.height
        self._groups = pl.concat([chosen, hidden] if with_total else [chosen]).with_row_index(
            "group"
        )
        self._cohorts = {
            str(name): _Cohort(store, str(name), rows)
            for (name,), rows in self._groups.group_by("cohort", maintain_order=True)
            if name != TOTAL
        }
        self._total_of = self._totals() if with_total else None
        own = {s.name: s.dtype for s in statistics_of(FREQUENCIES) if s.name in _COUNTS}
        self.schema: dict[str, PolarsType] = {
            "contig": pl.String, "start": pl.Int32, "end": pl.Int32, **STRATA,
            "n_not_assessed": pl.Int32, **own,
        }  # fmt: skip
        self._told_columns = [
            _MADE.get(name, pl.col(name)).cast(dtype).alias(name)
            for name, dtype in self.schema.items()
            if name != "contig"
        ]

    def _totals(self) -> npt.NDArray[np.int64]:
        """Give the group of all cohorts together that each group adds to."""
        numbered = self._groups.with_columns(pl.col("group").cast(pl.Int64))
        of = numbered.filter(pl.col("cohort") == TOTAL).select(*STRATUM, total="group")
        found = numbered.join(of, on=STRATUM, how="left", maintain_order="left")
        return found["total"].fill_null(-1).to_numpy()

    def frames(self, selection: Selection) -> Iterator[pl.DataFrame]:
        """Answer for the selected bases, in the order of the assembly.

        Of each span of bases the rows are sorted by cohort (all together last), stratum and
        start; together they cover each base of it once in every group.

        Raises
        ------
        UsageError
            If nothing is selected, or a region lies behind the end of its contig.
        """
        if not selection:
            raise UsageError(
                "nothing says which bases", "--region chr1:1000-2000, --gene or --id"
            )
        spans = [
            (contig, low, self._end(contig, low, high))
            for contig, own in find_spans(self._store, selection).items()
            for low, high in own
        ]
        return self._frames(spans)

    def _frames(self, spans: list[tuple[str, int, int]]) -> Iterator[pl.DataFrame]:
        for contig, low, high in spans:
            for stretches in self._stretches(contig, low, high):
                yield self._frame(contig, stretches)

    def _end(self, contig: str, low: int, high: int | None) -> int:
        """Give the last base of a span, at most that of its contig."""
        known = self._lengths.get(contig) or MAX_POS - 1
        if low > known:
            raise UsageError(f"{contig} has {known:,} bases: none is {low:,}")
        return min(known if high is None else high, known)

    @cached_property
    def _lengths(self) -> dict[str, int | None]:
        return {c.name: c.length for c in self._store.assembly_contigs.contigs}

    def _stretches(self, contig: str, low: int, high: int) -> Iterator[Stretches]:
        """Answer for a span: at once, or if it is long group by group and piece by piece."""
        every = np.arange(self._groups.height)
        rows = sum(c.rows(contig, low, high) for c in self._cohorts.values())
        pieces = ceil(rows / ROWS_AT_ONCE)
        if pieces <= 1:
            yield self._counted(contig, low, high, every)
            return
        step = max(ceil((high - low + 1) / pieces), 1)
        for group in range(self._told):
            needed = every[every == group]
            if self._total_of is not None and self._groups["cohort"][group] == TOTAL:
                needed = np.flatnonzero(self._total_of == group)
            held = Stretches.empty(len(_COUNTS))
            for start in range(low, high + 1, step):
                end = min(start + step - 1, high)
                part = self._counted(contig, start, end, needed)
                part = part.take(part.group == group)
                # The last one may go on in the next piece.
                whole = join_equal(concat([held, part], len(_COUNTS)))
                yield whole.take(slice(None, -1))
                held = whole.take(slice(-1, None))
            yield held

    def _counted(
        self, contig: str, low: int, high: int, groups: npt.NDArray[np.int64]
    ) -> Stretches:
        """Count at the bases of a piece, in those of the groups that are told."""
        rows = concat(
            [c.stretches(contig, low, high, groups) for c in self._cohorts.values()],
            len(_COUNTS),
        )
        told = groups[groups < self._told]
        if self._total_of is not None:
            total = self._total_of[rows.group]
            sums = rows._replace(group=total).take(total >= 0)
            rows = concat([rows.take(rows.group < self._told), sums], len(_COUNTS))
            told = np.union1d(told, self._total_of[groups][self._total_of[groups] >= 0])
        return add_up(rows, low, high, told)

    def _frame(self, contig: str, found: Stretches) -> pl.DataFrame:
        groups = {n: self._groups[n].gather(found.group) for n in STRATA}
        counts = dict(zip(_COUNTS, found.counts, strict=True))
        rows = pl.DataFrame({"start": found.start, "end": found.end, **groups, **counts})
        return rows.select(pl.lit(contig).alias("contig"), *self._told_columns)


_MADE = {
    **unknown_of(FREQUENCIES),
    "n_not_assessed": pl.col("n_people") - pl.col("n_samples"),
}


class _Cohort:
    """What a cohort counted at bases.

    Parameters
    ----------
    groups
        Its groups: `group`, stratum_by, stratum.
    """

    def __init__(self, store: Store, cohort: str, groups: pl.DataFrame) -> None:
        self._store = store
        self._cohort = cohort
        self._groups = groups.select(pl.col("group").cast(pl.Int64), *STRATUM)
        self._number = {(b, v): g for g, b, v in self._groups.rows()}
        self._opened: dict[str, RowGroups] = {}
        self._is_public = store.view.is_public
        listed = store.file_frame("callable", cohort=cohort)
        self._has_callable = bool(listed.height)

    @cached_property
    def _has_sites(self) -> bool:
        """Whether its alleles tell of people of whom the table `callable` does not."""
        if not self._has_callable or self._is_public:
            return True
        return has_others(self._store, self._cohort)

    def rows(self, contig: str, low: int, high: int) -> int:
        """Give how many rows are read for a span, about and at most."""
        tables = ["frequencies"] if self._has_sites else []
        rows = 0
        if self._is_public:
            tables.append("callable")
        elif self._has_callable:
            source = self._row_groups(contig)
            rows += source.rows(source.find(Place(contig, low, high)))
        for table in tables:
            files = self._store.file_frame(
                table, contig=contig, start=low, end=high, cohort=self._cohort
            )
            rows += int(files["num_records"].sum()) if files.height else 0
        return rows

    def stretches(
        self, contig: str, low: int, high: int, groups: npt.NDArray[np.int64]
    ) -> Stretches:
        """Give rows that add up, of some groups."""
        mine = np.intersect1d(groups, self._groups["group"].to_numpy())
        if not mine.size:
            return Stretches.empty(len(_COUNTS))
        covered = self._callable(contig, low, high, mine)
        if not self._has_sites:
            return covered
        sites = self._sites(contig, low, high, mine)
        if not covered.group.size or not sites.group.size:
            return concat([covered, sites], len(_COUNTS))
        # Everybody was counted at a site, those who are covered there too.
        known = add_up(covered, low, high, mine)
        width = high - low + 1
        at = np.searchsorted(
            known.group * width + (known.start - low),
            sites.group * width + (sites.start - low),
            side="right",
        )
        more = sites._replace(counts=sites.counts - known.counts[:, at - 1])
        return concat([covered, more], len(_COUNTS))

    def _row_groups(self, contig: str) -> RowGroups:
        part = self._store.assembly_contigs.part(contig)
        if part not in self._opened:
            paths = self._store.paths("callable", cohort=self._cohort, part=part)
            self._opened[part] = RowGroups(paths, "start", "end", _WORDS)
        return self._opened[part]

    def _callable(
        self, contig: str, low: int, high: int, mine: npt.NDArray[np.int64]
    ) -> Stretches:
        """Read rows of the table callable over a span."""
        if not self._has_callable:
            return Stretches.empty(len(_COUNTS))
        if self._is_public:
            return self._scanned(contig, low, high, mine)
        source = self._row_groups(contig)
        found = source.find(Place(contig, low, high))
        if mine.size == 1:
            row = self._groups.row(by_predicate=pl.col("group") == int(mine[0]), named=True)
            found = [g for g in found if all(source.may_hold(g, n, row[n]) for n in STRATUM)]
        columns = [*_WORDS, "start", "end", *_COUNTS]
        return concat(
            [
                self._of_table(source.table(batch, columns), contig, mine, low, high)
                # As the rows are sorted in each file.
                for batch in _by_file(sorted(found))
            ],
            len(_COUNTS),
        )

    def _scanned(
        self, contig: str, low: int, high: int, mine: npt.NDArray[np.int64]
    ) -> Stretches:
        """Read the same through the view."""
        wanted = self._groups.filter(pl.col("group").is_in(mine.tolist()))
        rows = self._store.scan(
            "callable", contig=contig, start=low, end=high, cohort=self._cohort
        )
        return _of_frame(rows.join(wanted.lazy(), on=STRATUM, how="inner").collect())

    def _of_table(
        self, table: pa.Table, contig: str, mine: npt.NDArray[np.int64], low: int, high: int
    ) -> Stretches:
        group = self._numbers(table, mine)
        start, end = table["start"].to_numpy(), table["end"].to_numpy()
        kept = (group >= 0) & (start <= high) & (end >= low)
        words = table["contig"].chunk(0)
        names = words.dictionary.to_pylist()
        if names != [contig]:
            kept &= np.array([n == contig for n in names])[words.indices.to_numpy()]
        counts = np.stack([table[n].to_numpy() for n in _COUNTS])
        return Stretches(group, start.astype(np.int64), end.astype(np.int64), counts).take(
            kept
        )

    def _numbers(self, table: pa.Table, mine: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give the group of each row; -1 of one that is not asked for."""
        by, value = (table[n].chunk(0) for n in STRATUM)
        wanted = set(mine.tolist())
        numbers = np.full((len(by.dictionary), len(value.dictionary)), -1)
        for i, b in enumerate(by.dictionary.to_pylist()):
            for j, v in enumerate(value.dictionary.to_pylist()):
                group = self._number.get((b, v), -1)
                numbers[i, j] = group if group in wanted else -1
        found: npt.NDArray[np.int64] = numbers[by.indices.to_numpy(), value.indices.to_numpy()]
        return found

    def _sites(
        self, contig: str, low: int, high: int, mine: npt.NDArray[np.int64]
    ) -> Stretches:
        """Give what was counted at the sites of its alleles: stretches of one base."""
        wanted = self._groups.filter(pl.col("group").is_in(mine.tolist()))
        found = (
            self._store.scan(
                "frequencies", contig=contig, start=low, end=high, cohort=self._cohort
            )
            .filter(pl.col("pos").is_between(low, high))
            .join(wanted.lazy(), on=STRATUM, how="inner")
            .group_by("group", "pos")
            .agg(**{n: e for n, e in counts_at_site(FREQUENCIES).items() if n in _COUNTS})
            .sort("group", "pos")
            .collect()
        )
        return _of_frame(found.with_columns(start="pos", end="pos"))


def _of_frame(rows: pl.DataFrame) -> Stretches:
    """Make rows that add up of a frame with group, start, end and counts; null adds 0."""
    group, start, end = (rows[n].to_numpy().astype(np.int64) for n in _PLACE)
    counts = rows.select(pl.col(n).fill_null(0).cast(pl.Int32) for n in _COUNTS)
    return Stretches(group, start, end, counts.to_numpy().T.copy())


def has_others(store: Store, cohort: str) -> bool:
    """Tell whether files of a cohort bring no runs, so that only its sites tell of them."""
    if "has_runs" not in store.declaration("files").names:
        return False
    files = store.scan("files", cohort=cohort).select("has_runs").collect()
    return not files["has_runs"].all()


def _by_file(groups: list[RowGroup]) -> Iterator[list[RowGroup]]:
    waiting: list[RowGroup] = []
    for group in groups:
        if waiting and waiting[0].file != group.file:
            yield waiting
            waiting = []
        waiting.append(group)
    if waiting:
        yield waiting


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
