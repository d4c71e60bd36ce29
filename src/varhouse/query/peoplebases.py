"""What a chosen group of people of a cohort has at any base, variant or not."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from varhouse.query.callablerows import COUNTS, of_frame
from varhouse.query.cohortgroup import CohortGroup
from varhouse.query.kitgroup import OneKit, open_group
from varhouse.query.rowgroups import Place
from varhouse.query.stretches import Int64, Stretches, concat
from varhouse.store.reader import Store
from varhouse.tables.statistics import FREQUENCIES, counts_at_site


class PeopleBases:
    """The chosen people of a cohort, as one group.

    Parameters
    ----------
    people
        Rows of People.frame of the cohort.
    number
        The number that the group goes by.
    """

    def __init__(self, store: Store, cohort: str, people: pl.DataFrame, number: int) -> None:
        self._store = store
        self._cohort = cohort
        self._group = open_group(store, cohort, people)
        self._groups = (
            [self._group] if isinstance(self._group, CohortGroup) else self._group.groups
        )
        self._number = number

    @property
    def has_sites(self) -> bool:
        """Whether some of the people have no runs: only sites of alleles tell of them."""
        return not all(g.is_known for g in self._groups)

    def size(self, place: Place) -> int:
        """Give how many runs are read for a span, about."""
        return sum(g.runs.size(place) for g in self._groups if g.runs is not None)

    def covered(self, place: Place, groups: Int64) -> Stretches:
        """Give rows that add up, of who has runs, or a kit (not where an allele stands)."""
        if self._number not in groups:
            return Stretches.empty(len(COUNTS))
        found = concat([s for g in self._groups for s in _covered(g, place)], len(COUNTS))
        return found._replace(group=np.full(found.group.size, self._number))

    def sites(self, place: Place, groups: Int64) -> Stretches:
        """Give what all of them have at the sites of alleles: stretches of one base."""
        if self._number not in groups:
            return Stretches.empty(len(COUNTS))
        found = (
            self._group.count(place)
            .group_by("pos")
            .agg(**{n: e for n, e in counts_at_site(FREQUENCIES).items() if n in COUNTS})
            .sort("pos")
        )
        number = pl.lit(self._number, pl.Int64).alias("group")
        return of_frame(found.with_columns(number, start="pos", end="pos"))


def _covered(group: CohortGroup, place: Place) -> Iterator[Stretches]:
    if group.runs is not None:
        yield from group.runs.read(place)
    if isinstance(group, OneKit):
        for rows in group.without_allele(place):
            yield of_frame(rows.with_columns(group=pl.lit(0, pl.Int64)))
