"""What a cohort counted at any base: where its rows of `callable` say so, and at its alleles.

A cohort of which files bring no runs is known at the sites of its alleles alone, by what
`frequencies` counted there; where a cohort has both, `frequencies` counted everybody.
"""

from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl

from varhouse.query.callablerows import COUNTS, STRATUM, CallableRows, of_frame
from varhouse.query.rowgroups import Place
from varhouse.query.stretches import Int64, Stretches, add_up, concat
from varhouse.store.reader import Store
from varhouse.tables.statistics import FREQUENCIES, counts_at_site


class Bases(Protocol):
    """What a cohort, or chosen people of it, counted at bases."""

    @property
    def has_sites(self) -> bool:
        """Whether sites of alleles tell of people of whom nothing else does."""
        ...

    def size(self, place: Place) -> int:
        """Give how many rows are read for a span, about."""
        ...

    def covered(self, place: Place, groups: Int64) -> Stretches:
        """Give rows that add up, of some groups, of who is covered at any base."""
        ...

    def sites(self, place: Place, groups: Int64) -> Stretches:
        """Give what all were counted at the sites of alleles: stretches of one base."""
        ...


def count_bases(source: Bases, place: Place, groups: Int64) -> Stretches:
    """Give rows that add up, of some groups: everybody's at sites, and elsewhere."""
    covered = source.covered(place, groups)
    if not source.has_sites:
        return covered
    sites = source.sites(place, groups)
    if not covered.group.size or not sites.group.size:
        return concat([covered, sites], len(COUNTS))
    # Everybody was counted at a site, those who are covered there too.
    mine = np.union1d(covered.group, sites.group)
    known = add_up(covered, place.low, place.high, mine)
    width = place.high - place.low + 1
    at = np.searchsorted(
        known.group * width + (known.start - place.low),
        sites.group * width + (sites.start - place.low),
        side="right",
    )
    more = sites._replace(counts=sites.counts - known.counts[:, at - 1])
    return concat([covered, more], len(COUNTS))


class CohortBases:
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
    def has_sites(self) -> bool:
        """Whether its alleles tell of people of whom the table `callable` does not."""
        if not self._rows.is_there or not self._store.view.shows_people(self._cohort):
            return True
        return has_others(self._store, self._cohort)

    def size(self, place: Place) -> int:
        """Give how many rows are read for a span, about and at most."""
        files = self._files(place) if self.has_sites else pl.DataFrame()
        return self._rows.size(place) + int(files["num_records"].sum() if files.height else 0)

    def _files(self, place: Place) -> pl.DataFrame:
        return self._store.file_frame(
            "frequencies",
            contig=place.contig,
            start=place.low,
            end=place.high,
            cohort=self._cohort,
        )

    def covered(self, place: Place, groups: Int64) -> Stretches:
        """Give rows that add up, of some groups, of who is covered by gVCFs or a BED."""
        return self._rows.read(place, self._mine(groups))

    def _mine(self, groups: Int64) -> Int64:
        return np.intersect1d(groups, self._groups["group"].to_numpy())

    def sites(self, place: Place, groups: Int64) -> Stretches:
        """Give what was counted at the sites of its alleles: stretches of one base."""
        wanted = self._groups.filter(pl.col("group").is_in(groups.tolist()))
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
