"""`varhouse query --by`: a row an allele and group, in place of a row an allele.

Groups are the values of what people are counted by (`province`: its values; `cohort`: the
cohorts). All people of a value are counted together, from `totals`; with cohorts named each of
these is counted for itself. Who was not assessed at the site of an allele has no row there, as
in these tables.
"""

import logging
from collections.abc import Sequence

import polars as pl

from varhouse.errors import UsageError, nearest, one_of
from varhouse.query.describe import kinds_of_strata
from varhouse.query.expression import Condition, join_conditions
from varhouse.query.overview import GROUPS, Overview, OverviewColumn
from varhouse.query.select import Piece, scan_piece
from varhouse.store.reader import Store
from varhouse.tables.schema import FREQUENCIES, KEY, TOTALS, WITHIN

LOG = logging.getLogger("varhouse.query")

COHORT = "cohort"
"""The kind of group that no sheet names."""

_GROUP = (COHORT, "stratum_by", "stratum")
_SHOWN = ("ac", "an", "af", "n_samples")
_MEANINGS = {
    COHORT: "cohort whose people are counted",
    "stratum_by": "what the group goes by: a column of the sheets, several joined by +, or"
    " cohort",
    "stratum": "the group: a value of it",
}


class ByStrata(Overview):
    """The overview with a row an allele and group; statistics are those of the group.

    Parameters
    ----------
    by
        Kinds of groups: names of strata, `cohort`.
    cohorts
        Count each of these alone; empty: all cohorts together.

    Raises
    ------
    UsageError
        If there is no such kind or cohort; what there is is named.
    """

    def __init__(self, store: Store, by: Sequence[str], cohorts: Sequence[str] = ()) -> None:
        asked = [k.strip() for text in by for k in text.split(",") if k.strip()]
        if not asked:
            raise UsageError("--by names nothing", "--by province, or --by cohort")
        self._by = list(dict.fromkeys(self._kind(store, kind) for kind in asked))
        super().__init__(store)
        self.only = _check_cohorts(self.cohorts, cohorts)
        self._strata = self._choose_strata()
        self.table = "frequencies" if self.only else "totals"
        has_cohort = bool(self.only) and self._by != [COHORT]
        groups = self._by if self._alias else ["stratum_by", "stratum"]
        self.default = [
            *KEY, "gene", "consequence", *([COHORT] if has_cohort else []), *groups, *_SHOWN,
        ]  # fmt: skip
        self.order = [*WITHIN, "stratum_by", COHORT, "stratum"]

    @staticmethod
    def _kind(store: Store, asked: str) -> str:
        """Find a kind of group, in any case and whatever the order of its columns."""
        if asked.lower() == COHORT:
            return COHORT
        known = store.values("totals", "stratum_by", asked)
        if asked in known:
            return asked
        known = kinds_of_strata(store)
        same = [k for k in known if _parts(k) == _parts(asked)]
        if len(same) == 1:
            return same[0]
        raise UsageError(
            f"nobody is counted by {asked!r} in this release{nearest(asked, known)}",
            f"this store has {', '.join([*known, COHORT])}; others are named in the"
            " configuration (`strata`); `varhouse frequencies STORE --people` counts any",
        )

    def _choose_strata(self) -> list[tuple[str, str, str]]:
        """List the strata of the cohorts that are counted alone: cohort, kind, value."""
        kinds = [k for k in self._by if k != COHORT]
        if not self.only or not kinds:
            return []
        # It loads numpy; a query without cohorts of choice starts without.
        from varhouse.query.cohortstrata import read_strata  # noqa: PLC0415

        known = read_strata(self.store).filter(pl.col("cohort").is_in(self.only))
        lacking = [
            f"{cohort} by {kind}"
            for cohort in self.only
            for kind in kinds
            if not known.filter(cohort=cohort, stratum_by=kind).height
        ]
        if len(lacking) == len(self.only) * len(kinds):
            raise UsageError(
                f"nobody is counted: {', '.join(lacking)}",
                "`varhouse describe STORE --strata` shows what people are counted by",
            )
        if lacking:
            LOG.warning(
                "not in the answer, as nobody is counted: %s; `varhouse describe STORE"
                " --strata` shows what people are counted by",
                ", ".join(lacking),
            )
        wanted = known.filter(pl.col("stratum_by").is_in(kinds))
        return wanted.select(_GROUP).rows()

    @property
    def _alias(self) -> bool:
        """Whether the groups have a column of the name of their only kind."""
        return len(self._by) == 1 and self._columns[self._by[0]].source == GROUPS

    def _declare(self) -> dict[str, OverviewColumn]:
        columns = super()._declare()
        for table in (TOTALS, FREQUENCIES):
            for c in self.store.declaration(table.name).columns:
                if c.name not in (*KEY, *_GROUP, "part"):
                    columns[c.name] = OverviewColumn(
                        GROUPS, c.dtype, f"of the group: {c.meaning}"
                    )
        for name, meaning in _MEANINGS.items():
            columns[name] = OverviewColumn(GROUPS, pl.String, meaning)
        if len(self._by) == 1:
            alias = OverviewColumn(GROUPS, pl.String, _MEANINGS["stratum"])
            columns.setdefault(self._by[0], alias)
        return columns

    def values(self, column: str, word: str) -> list[str] | None:
        """List what a column of groups may hold, to find slips; None: it is no such column."""
        if column == COHORT or (self._by == [COHORT] and column == "stratum"):
            return self.cohorts
        if column == "stratum_by":
            return self._by
        if column != "stratum" and not (self._alias and column == self._by[0]):
            return None
        known = self.store.values("totals", "stratum", word)
        return sorted({*known, *self.cohorts}) if COHORT in self._by else known

    def read(
        self, piece: Piece, columns: Sequence[str], where: Sequence[Condition] = ()
    ) -> pl.DataFrame | None:
        """Leave it to `frame`: an allele has several rows."""
        return None

    def _in_turn(self, where: Sequence[Condition]) -> Sequence[Condition]:
        """Put alleles to what is asked of them before they become rows of groups."""
        of_alleles: list[Condition] = []
        of_groups: list[Condition] = []
        for test in where:
            is_group = any(self.source_of(n) == GROUPS for n in test.columns)
            (of_groups if is_group else of_alleles).append(test)
        return [t for some in (of_alleles, of_groups) if (t := join_conditions(some))]

    def side(self, source: str, piece: Piece, names: list[str]) -> pl.LazyFrame:
        """Make a frame of a source; of groups a row an allele and group."""
        if source != GROUPS:
            return super().side(source, piece, names)
        frames = [*self._totals_of(piece), *self._cohorts_of(piece)]
        rows = pl.concat(frames, how="diagonal")
        if self._alias and self._by != [COHORT]:
            rows = rows.with_columns(pl.col("stratum").alias(self._by[0]))
        known = rows.collect_schema().names()
        none = (pl.lit(None, self.schema[n]).alias(n) for n in names if n not in known)
        return rows.with_columns(*none).select(*WITHIN, *names)

    def _totals_of(self, piece: Piece) -> list[pl.LazyFrame]:
        kinds = [k for k in self._by if k != COHORT]
        if self.only or not kinds:
            return []
        rows = scan_piece(self.store, "totals", piece)
        rows = rows.filter(pl.col("stratum_by").is_in(kinds))
        return [rows.drop("contig", "part", strict=False).with_columns(_lit(COHORT, None))]

    def _cohorts_of(self, piece: Piece) -> list[pl.LazyFrame]:
        groups = [(c, by, value, (by, value)) for c, by, value in self._strata]
        if COHORT in self._by:
            everybody = ("all", "all")
            groups += [(c, COHORT, c, everybody) for c in self.only or self.cohorts]
        return [
            self.counts.of_group(piece, cohort, stratum)
            .filter(pl.col("n_samples") > 0)
            .with_columns(_lit(COHORT, cohort), _lit("stratum_by", by), _lit("stratum", value))
            for cohort, by, value, stratum in groups
        ]


def _lit(name: str, value: str | None) -> pl.Expr:
    return pl.lit(value, pl.String).alias(name)


def _parts(kind: str) -> list[str]:
    return sorted(kind.lower().split("+"))


def _check_cohorts(known: list[str], asked: Sequence[str]) -> list[str]:
    for name in asked:
        if name not in known:
            raise UsageError(
                f"no cohort {name!r} in this release{nearest(name, known)}", one_of(known)
            )
    return list(dict.fromkeys(asked))
