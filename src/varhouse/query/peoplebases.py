"""What a chosen group of people of a cohort has at any base, variant or not."""

import numpy as np
import polars as pl

from varhouse.errors import UsageError
from varhouse.query.callablerows import COUNTS, of_frame
from varhouse.query.cohortgroup import CohortGroup
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

    Raises
    ------
    UsageError
        If the cohort has capture kits.
    """

    def __init__(self, store: Store, cohort: str, people: pl.DataFrame, number: int) -> None:
        self._store = store
        self._cohort = cohort
        if store.file_frame("kits", cohort=cohort).height:
            raise UsageError(
                f"cohort {cohort}: what chosen people of capture kits have at any base is not "
                "known",
                "ask for the alleles of the region (frequencies --people), or name the column "
                "of the sheet in `strata` and ingest",
            )
        self._group = CohortGroup(store, cohort, people)
        self._number = number

    @property
    def has_sites(self) -> bool:
        """Whether some of the people have no runs: only sites of alleles tell of them."""
        return not self._group.is_known

    def size(self, place: Place) -> int:
        """Give how many runs are read for a span, about."""
        runs = self._group.runs
        return 0 if runs is None else runs.size(place)

    def covered(self, place: Place, groups: Int64) -> Stretches:
        """Give rows that add up, of who has runs."""
        if self._group.runs is None or self._number not in groups:
            return Stretches.empty(len(COUNTS))
        found = concat(list(self._group.runs.read(place)), len(COUNTS))
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
