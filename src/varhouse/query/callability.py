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
import polars as pl

from varhouse.errors import AccessError, UsageError
from varhouse.language import Text
from varhouse.query.callablerows import COUNTS, ROWS_AT_ONCE, STRATUM
from varhouse.query.cohortbases import Bases, CohortBases, count_bases
from varhouse.query.cohortstrata import SCHEMA as STRATA
from varhouse.query.cohortstrata import choose_strata, read_strata
from varhouse.query.people import People, check_may_ask, choose_people
from varhouse.query.rowgroups import MAX_POS, Place
from varhouse.query.select import find_spans
from varhouse.query.selection import Selection
from varhouse.query.stretches import Int64, Stretches, add_up, concat, join_equal
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType
from varhouse.tables.statistics import (
    FREQUENCIES,
    statistics_of,
    unknown_of,
)

NO_BASES = Text(
    "the view of {role} tells of no single bases", "角色 {role} 的视图不含单个碱基位置的信息"
)
NO_BASES_FIX = Text(
    "ask for alleles: an and n_samples say it at their sites",
    "请查询等位基因: 其位点的 an 和 n_samples 给出检测情况",
)

TOTAL = "all"
"""What all cohorts together are called."""


def callability(
    store: Store,
    region: str | Sequence[str] = (),
    *,
    gene: str | Sequence[str] = (),
    id: str | Sequence[str] = (),  # noqa: A002 - as the option is called
    cohort: str | Sequence[str] = (),
    stratum_by: str | None = None,
    people: str | People | None = None,
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
    people
        A condition over the sheets, or what `choose_people` gave: these people are counted,
        as one group, in place of strata.

    Returns
    -------
    pl.DataFrame
        See `Callability.schema`; a row a stretch of bases that are alike.

    Raises
    ------
    UsageError
        If nothing is chosen, or there is no such contig, base, cohort or kind of stratum.
    """
    chosen = choose_people(store, people) if isinstance(people, str) else people
    answer = Callability(store, _several(cohort), stratum_by, chosen)
    selection = Selection(_several(region), _several(gene), _several(id))
    empty = pl.DataFrame(schema=answer.schema)
    return pl.concat([empty, *answer.frames(selection)])


class Callability:
    """Answers how many people and alleles are assessed.

    Attributes
    ----------
    schema
        Columns of the frames and their types: contig, start and end (1-based, closed),
        cohort, stratum_by, stratum, `n_people` of it, `n_not_assessed` of them, n_samples and
        the other counts at a site of `frequencies`. Null: `n_people` is not public, or nobody
        has what a count of high quality needs.
    """

    def __init__(
        self,
        store: Store,
        cohorts: Sequence[str] = (),
        stratum_by: str | None = None,
        people: People | None = None,
    ) -> None:
        if people is not None and stratum_by is not None:
            raise UsageError("people are one group, no kind of stratum", "leave out one")
        if store.made_for is not None:
            raise AccessError(NO_BASES.say(role=store.made_for), NO_BASES_FIX.say())
        self._store = store
        known = read_strata(store) if people is None else self._open_people(people)
        self._check_chosen(cohorts, known)
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
        self._sources = [
            self._source(str(name), rows, people)
            for (name,), rows in self._groups.group_by("cohort", maintain_order=True)
            if name != TOTAL
        ]
        self._total_of = self._totals() if with_total else None
        own = {s.name: s.dtype for s in statistics_of(FREQUENCIES) if s.name in COUNTS}
        self.schema: dict[str, PolarsType] = {
            "contig": pl.String, "start": pl.Int32, "end": pl.Int32, **STRATA,
            "n_samples": pl.Int32, "n_not_assessed": pl.Int32, **own,
        }  # fmt: skip
        self._told_columns = [
            _MADE.get(name, pl.col(name)).cast(dtype).alias(name)
            for name, dtype in self.schema.items()
            if name != "contig"
        ]

    def _check_chosen(self, cohorts: Sequence[str], known: pl.DataFrame) -> None:
        """Check that a cohort of the release that is asked for has people who are, too."""
        every = self._store.scan("cohorts").select("cohort").collect()["cohort"]
        for name in cohorts:
            if name in every and name not in known["cohort"]:
                raise UsageError(
                    f"nobody of cohort {name!r} is chosen", "choose others, or leave it out"
                )

    def _source(self, cohort: str, groups: pl.DataFrame, people: People | None) -> Bases:
        if people is None:
            return CohortBases(self._store, cohort, groups)
        # It loads numba, which everybody's counts do not need.
        from varhouse.query.peoplebases import PeopleBases  # noqa: PLC0415

        mine = people.frame.filter(pl.col("cohort") == cohort)
        return PeopleBases(self._store, cohort, mine, groups["group"][0])

    def _open_people(self, people: People) -> pl.DataFrame:
        """Take chosen people for a stratum of each cohort."""
        from varhouse.query.groups import GROUP  # noqa: PLC0415

        check_may_ask(self._store)
        counted = people.frame.group_by("cohort").agg(n_people=pl.len().cast(pl.Int32))
        named = {n: pl.lit(GROUP) for n in STRATUM}
        return counted.sort("cohort").with_columns(**named).select(list(STRATA))

    def _totals(self) -> Int64:
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
            (contig, max(low, 1), self._end(contig, low, high))
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
        if low > known or high == 0:
            raise UsageError(f"{contig} has {known:,} bases: none is {low:,}")
        return min(known if high is None else high, known)

    @cached_property
    def _lengths(self) -> dict[str, int | None]:
        return {c.name: c.length for c in self._store.assembly_contigs.contigs}

    def _stretches(self, contig: str, low: int, high: int) -> Iterator[Stretches]:
        """Answer for a span: at once, or if it is long group by group and piece by piece."""
        every = np.arange(self._groups.height)
        rows = sum(s.size(Place(contig, low, high)) for s in self._sources)
        pieces = ceil(rows / ROWS_AT_ONCE)
        if pieces <= 1:
            yield self._counted(contig, low, high, every)
            return
        step = max(ceil((high - low + 1) / pieces), 1)
        for group in range(self._told):
            needed = every[every == group]
            if self._total_of is not None and self._groups["cohort"][group] == TOTAL:
                needed = np.flatnonzero(self._total_of == group)
            held = Stretches.empty(len(COUNTS))
            for start in range(low, high + 1, step):
                end = min(start + step - 1, high)
                part = self._counted(contig, start, end, needed)
                part = part.take(part.group == group)
                # The last one may go on in the next piece.
                whole = join_equal(concat([held, part], len(COUNTS)))
                yield whole.take(slice(None, -1))
                held = whole.take(slice(-1, None))
            yield held

    def _counted(self, contig: str, low: int, high: int, groups: Int64) -> Stretches:
        """Count at the bases of a piece, in those of the groups that are told."""
        rows = concat(
            [count_bases(s, Place(contig, low, high), groups) for s in self._sources],
            len(COUNTS),
        )
        told = groups[groups < self._told]
        if self._total_of is not None:
            total = self._total_of[rows.group]
            sums = rows._replace(group=total).take(total >= 0)
            rows = concat([rows.take(rows.group < self._told), sums], len(COUNTS))
            told = np.union1d(told, self._total_of[groups][self._total_of[groups] >= 0])
        return add_up(rows, low, high, told)

    def _frame(self, contig: str, found: Stretches) -> pl.DataFrame:
        group = pl.Series(found.group.astype(np.uint32))
        groups = {n: self._groups[n].gather(group) for n in STRATA}
        counts = dict(zip(COUNTS, found.counts, strict=True))
        rows = pl.DataFrame({"start": found.start, "end": found.end, **groups, **counts})
        return rows.select(pl.lit(contig).alias("contig"), *self._told_columns)


_MADE = {
    **unknown_of(FREQUENCIES),
    "n_not_assessed": pl.col("n_people") - pl.col("n_samples"),
}


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
