"""Frequencies of any group of people, counted when they are asked for.

`people.py` says who is meant. Each cohort is counted by itself from its calls
(`cohortgroup.py`), and the cohorts add up by the rule of the table totals, so that the answer
is the row that an ingest with this group as a stratum would have written.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.alleles.key import last_base
from varhouse.errors import UsageError
from varhouse.query.cohortgroup import GROUP_COUNTS
from varhouse.query.counted import COUNTS
from varhouse.query.expression import find_column
from varhouse.query.kitgroup import open_group
from varhouse.query.people import People, check_may_ask, choose_people
from varhouse.query.rowgroups import MAX_POS, Place
from varhouse.query.select import Piece, find_pieces
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA, WITHIN, PolarsType
from varhouse.tables.statistics import (
    FREQUENCIES,
    STATISTICS,
    Statistic,
    counts_of,
    unknown_of,
)
from varhouse.tables.totals import sum_counts

GROUP = "group"
"""Name of the stratum that the chosen people are while cohorts are added up."""

DEFAULT = (
    "ac", "an", "af", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples", "call_rate",
    "n_cohorts",
)  # fmt: skip
"""Statistics that are given if none are asked for; tests of each allele take longer."""


def group_frequencies(
    store: Store,
    people: str | People | None = None,
    *,
    samples: str | Path | Sequence[str] | None = None,
    region: str | Sequence[str] = (),
    gene: str | Sequence[str] = (),
    id: str | Sequence[str] = (),  # noqa: A002 - as the option is called
    columns: Sequence[str] = (),
    by_cohort: bool = False,
) -> pl.DataFrame:
    """Count alleles among people of choice.

    Parameters
    ----------
    store
        The opened store.
    people
        A condition over the sheets, `sex == "male" and province == "330000"`, or what
        `choose_people` gave.
    samples
        Names of samples, or a file of them; with a condition too both must hold.
    region, gene, id
        Which alleles, as in `varhouse query`; all of the store if nothing is given.
    columns
        Statistics to give (`tables.statistics`); by default counts and quotients alone.
    by_cohort
        Give each cohort a row of its own, with `cohort` before the statistics.

    Returns
    -------
    pl.DataFrame
        The key and the statistics of each allele at whose site somebody of the group was
        assessed; sorted by contig, pos, ref, alt, extent (and cohort).

    Raises
    ------
    AccessError
        In a public view.
    UsageError
        If the people, the alleles or a column cannot be understood, or nobody is chosen.
    """
    chosen = people if isinstance(people, People) else choose_people(store, people, samples)
    selection = Selection(_several(region), _several(gene), _several(id))
    counter = GroupCounter(store, chosen, _several(columns), by_cohort=by_cohort)
    empty = pl.DataFrame(schema=counter.schema)
    return pl.concat([empty, *counter.frames(selection)], rechunk=True)


def statistics_of_groups(
    *, by_cohort: bool = False, adj: Iterable[str] = ()
) -> dict[str, Statistic]:
    """Give the statistics that a group can have.

    What follows from the counts of planes, and from counts of high quality that are known of
    all its people (`CohortGroup.known_adj`).
    """
    known = {*COUNTS, "n_samples", "an_written", *adj}
    own = () if by_cohort else ("n_cohorts",)
    return {
        s.name: s
        for s in STATISTICS
        if s.name in {*known, *own}
        or (s.made is not None and not s.adds_up and set(s.made.meta.root_names()) <= known)
    }


def find_statistic(name: str, known: dict[str, Statistic]) -> str:
    """Find a statistic of a group, in any case.

    Raises
    ------
    UsageError
        If a group has none of this name; of counts of high quality it is said why.
    """
    low = name.lower()
    if low in {s.name for s in STATISTICS} - {*known} and low.endswith("_adj"):
        raise UsageError(
            f"no column {name!r} of a group: groups are counted from genotypes alone, without "
            "GQ, DP and AD (of people who all have gVCFs of their own they are known)",
            "name the column of the sheet in `strata` and ingest: its groups have them",
        )
    return find_column(name, known)


class GroupCounter:
    """Counts a group of people, as often as it is asked.

    Parameters
    ----------
    columns
        Statistics to give; those of `DEFAULT` if empty.

    Attributes
    ----------
    schema
        Columns of the frames and their types.
    statistics
        All statistics that these people can have.

    Raises
    ------
    AccessError
        In a public view.
    UsageError
        If there is no such statistic of a group.
    """

    def __init__(
        self,
        store: Store,
        people: People,
        columns: Sequence[str] = (),
        *,
        by_cohort: bool = False,
    ) -> None:
        # Who brings people that were chosen elsewhere is asked, too.
        check_may_ask(store)
        self._store = store
        self._by_cohort = by_cohort
        self._cohorts = [
            open_group(store, str(cohort), rows)
            for (cohort,), rows in people.frame.group_by("cohort", maintain_order=True)
        ]
        self._has_others = store.file_frame("cohorts").height > 1
        known = statistics_of_groups(
            by_cohort=by_cohort,
            adj=frozenset.intersection(*(c.known_adj for c in self._cohorts)),
        )
        self.statistics = known
        names = [find_statistic(c, known) for c in columns] or [
            n for n in DEFAULT if n in known
        ]
        self._made = {
            n: made.cast(known[n].dtype)
            for n in names
            if (made := known[n].made) is not None and not known[n].adds_up
        }
        self.schema: dict[str, PolarsType] = {
            **KEY_SCHEMA,
            **({"cohort": pl.String} if by_cohort else {}),
            **{n: known[n].dtype for n in names},
        }

    def frames(self, selection: Selection) -> Iterator[pl.DataFrame]:
        """Count the selected alleles, piece by piece in the order of the assembly."""
        for piece in find_pieces(self._store, selection, "variants"):
            place = _place(self._store, piece)
            if place is not None:
                rows = self.count(place).filter(_belongs(piece))
                if piece.keys is not None:
                    rows = rows.join(piece.keys, on=WITHIN, how="semi")
                if rows.height:
                    yield rows.sort(c for c in self.schema if c in (*KEY, "cohort"))

    @property
    def has_bases(self) -> bool:
        """Whether people are assessed also where no allele stands: by gVCFs or kits."""
        return any(c.has_runs for c in self._cohorts)

    def count(self, place: Place, more: pl.DataFrame | None = None) -> pl.DataFrame:
        """Count all alleles at a place, in no order; columns of `schema`.

        Parameters
        ----------
        more
            Keys of alleles at the place that the store lacks, to be counted too.
        """
        rows = pl.concat(
            cohort.count(place).with_columns(cohort=pl.lit(cohort.cohort, pl.String))
            for cohort in self._cohorts
        )
        if not self._by_cohort:
            keys = self._keys(place, more) if self._has_others or more is not None else None
            if keys is not None and self.has_bases:
                rows = pl.concat([rows, *self._covered(rows, keys)])
            if keys is not None:
                rows = pl.concat([rows, self._lacked(rows, keys)])
            if rows["cohort"].n_unique() > 1:
                rows = _add_cohorts(rows)
            else:
                rows = rows.with_columns(n_cohorts=pl.lit(1, pl.Int32))
        rows = rows.with_columns(**unknown_of(FREQUENCIES))
        return rows.with_columns(**self._made).select(
            pl.col(n).cast(t) for n, t in self.schema.items()
        )

    def lacking(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Count who is assessed at the sites of alleles of one contig that the store lacks.

        Parameters
        ----------
        keys
            The alleles.

        Returns
        -------
        pl.DataFrame
            Columns of `schema`: a row an allele at whose site somebody is assessed.
        """
        only = keys["pos"].unique().sort().to_numpy().astype(np.int64)
        place = Place(keys["contig"][0], int(only[0]), int(only[-1]), only)
        return self.count(place, keys).join(keys, on=KEY, how="semi")

    def _keys(self, place: Place, more: pl.DataFrame | None) -> pl.DataFrame:
        """Give all alleles of the store at a place, and more."""
        keys = self._store.scan(
            "variants", contig=place.contig, start=place.low, end=place.high
        ).select(KEY)
        if place.only is not None:
            only = pl.Series(place.only, dtype=pl.Int32)
            keys = keys.filter(pl.col("pos").is_in(only.implode()))
        found = keys.collect()
        return found if more is None else pl.concat([found, more.select(KEY)]).unique()

    def _covered(self, rows: pl.DataFrame, keys: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Give alleles at sites of which a cohort has none, where gVCFs of it say something.

        A cohort that has an allele of a site adds what it counted there, as any other does.
        """
        for cohort in self._cohorts:
            own = rows.filter(pl.col("cohort") == cohort.cohort).select("contig", "pos")
            lacking = keys.join(own, on=["contig", "pos"], how="anti")
            found = cohort.at_bases(lacking)
            yield found.with_columns(cohort=pl.lit(cohort.cohort)).select(rows.columns)

    def _lacked(self, rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
        """Give alleles that no file with chosen people has, at sites of `rows`.

        Who was assessed there with another allele has no copy of them: rows of no cohort
        with no counts, to which that is added.
        """
        site = ["contig", "pos"]
        return (
            keys.join(rows.select(site), on=site, how="semi")
            .join(rows, on=KEY, how="anti")
            .with_columns(
                *(pl.lit(0, pl.Int32).alias(n) for n in GROUP_COUNTS),
                cohort=pl.lit(""),
            )
            .select(rows.columns)
        )


def _add_cohorts(rows: pl.DataFrame) -> pl.DataFrame:
    """Add counts of cohorts up as those of one stratum."""
    unknown = (n for n in counts_of(FREQUENCIES) if n not in rows.columns)
    return sum_counts(
        rows.with_columns(
            *(pl.lit(None, pl.Int32).alias(n) for n in unknown),
            stratum_by=pl.lit(GROUP),
            stratum=pl.lit(GROUP),
        )
    )


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _place(store: Store, piece: Piece) -> Place | None:
    """Say at which positions the alleles of a piece stand."""
    if piece.keys is not None:
        only = piece.keys["pos"].unique().sort().to_numpy().astype(np.int64)
        return Place(piece.contig, int(only[0]), int(only[-1]), only) if only.size else None
    low, high = (piece.start or 1), (piece.end or MAX_POS)
    if piece.after is not None:
        low = max(low, piece.after + 1)
    elif low > 1:
        # An allele covers bases behind its position: those before may reach in.
        low = _first_reaching(store, piece.contig, low)
    return Place(piece.contig, low, high)


def _first_reaching(store: Store, contig: str, start: int) -> int:
    """Find a position from which on all alleles stand that cover a base."""
    if not store.may_be_open(store.file_frame("variants", contig=contig)):
        # None covers more bases than the longest REF has.
        return max(1, start - max(store.record.tables["variants"].span, 1) + 1)
    covering = store.scan("variants", contig=contig, start=start, end=start)
    first = covering.select(pl.col("pos").min()).collect().item()
    return start if first is None else min(start, int(first))


def _belongs(piece: Piece) -> pl.Expr:
    """Choose the alleles of a piece, as `select.scan_piece` does."""
    tests = [pl.lit(value=True)]
    if piece.end is not None:
        tests.append(pl.col("pos") <= piece.end)
    if piece.after is not None:
        tests.append(pl.col("pos") > piece.after)
    if piece.start is not None and piece.start > 1:
        tests.append(last_base() >= piece.start)
    if piece.also is not None:
        inside = [(pl.col("pos") <= b) & (last_base() >= a) for a, b in piece.also]
        tests.append(pl.any_horizontal(*inside))
    return pl.all_horizontal(*tests)
