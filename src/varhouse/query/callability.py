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

from varhouse.errors import UsageError
from varhouse.query.callablerows import COUNTS, ROWS_AT_ONCE, STRATUM, CallableRows, of_frame
from varhouse.query.cohortstrata import SCHEMA as STRATA
from varhouse.query.cohortstrata import choose_strata, read_strata
from varhouse.query.rowgroups import MAX_POS, Place
from varhouse.query.select import Selection, find_spans
from varhouse.query.stretches import Int64, Stretches, add_up, concat, join_equal
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType
from varhouse.tables.statistics import (
    FREQUENCIES,
    counts_at_site,
    statistics_of,
    unknown_of,
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
        own = {s.name: s.dtype for s in statistics_of(FREQUENCIES) if s.name in COUNTS}
        self.schema: dict[str, PolarsType] = {
            "contig": pl.String, "start": pl.Int32, "end": pl.Int32, **STRATA,
            "n_not_assessed": pl.Int32, **own,
        }  # fmt: skip
        self._told_columns = [
            _MADE.get(name, pl.col(name)).cast(dtype).alias(name)
            for name, dtype in self.schema.items()
            if name != "contig"
        ]

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
        rows = sum(c.size(Place(contig, low, high)) for c in self._cohorts.values())
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
            [c.stretches(Place(contig, low, high), groups) for c in self._cohorts.values()],
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
        groups = {n: self._groups[n].gather(found.group) for n in STRATA}
        counts = dict(zip(COUNTS, found.counts, strict=True))
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
        self._rows = CallableRows(store, cohort, groups)

    @cached_property
    def _has_sites(self) -> bool:
        """Whether its alleles tell of people of whom the table `callable` does not."""
        if not self._rows.is_there or self._store.view.is_public:
            return True
        return has_others(self._store, self._cohort)

    def size(self, place: Place) -> int:
        """Give how many rows are read for a span, about and at most."""
        files = self._files(place) if self._has_sites else pl.DataFrame()
        return self._rows.size(place) + int(files["num_records"].sum() if files.height else 0)

    def _files(self, place: Place) -> pl.DataFrame:
        return self._store.file_frame(
            "frequencies",
            contig=place.contig,
            start=place.low,
            end=place.high,
            cohort=self._cohort,
        )

    def stretches(self, place: Place, groups: Int64) -> Stretches:
        """Give rows that add up, of some groups."""
        mine = np.intersect1d(groups, self._groups["group"].to_numpy())
        covered = self._rows.read(place, mine)
        if not self._has_sites or not mine.size:
            return covered
        sites = self._sites(place, mine)
        if not covered.group.size or not sites.group.size:
            return concat([covered, sites], len(COUNTS))
        # Everybody was counted at a site, those who are covered there too.
        known = add_up(covered, place.low, place.high, mine)
        width = place.high - place.low + 1
        at = np.searchsorted(
            known.group * width + (known.start - place.low),
            sites.group * width + (sites.start - place.low),
            side="right",
        )
        more = sites._replace(counts=sites.counts - known.counts[:, at - 1])
        return concat([covered, more], len(COUNTS))

    def _sites(self, place: Place, mine: Int64) -> Stretches:
        """Give what was counted at the sites of its alleles: stretches of one base."""
        wanted = self._groups.filter(pl.col("group").is_in(mine.tolist()))
        found = (
            self._store.scan(
                "frequencies",
                contig=place.contig,
                start=place.low,
                end=place.high,
                cohort=self._cohort,
            )
            .filter(pl.col("pos").is_between(place.low, place.high))
            .join(wanted.lazy(), on=STRATUM, how="inner")
            .group_by("group", "pos")
            .agg(**{n: e for n, e in counts_at_site(FREQUENCIES).items() if n in COUNTS})
            .sort("group", "pos")
            .collect()
        )
        return of_frame(found.with_columns(start="pos", end="pos"))


def has_others(store: Store, cohort: str) -> bool:
    """Tell whether files of a cohort bring no runs, so that only its sites tell of them."""
    if "has_runs" not in store.declaration("files").names:
        return False
    files = store.scan("files", cohort=cohort).select("has_runs").collect()
    return not files["has_runs"].all()


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
