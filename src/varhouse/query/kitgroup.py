"""Counting a chosen group of people in a cohort with capture kits: kit by kit.

People of one kit are assessed at the bases that it covers, whatever their files have: each
kit's people are counted as a group of their own, and the counts add up.
"""

from collections.abc import Iterator

import polars as pl

from varhouse.frequencies.kits import INTERVALS, WHOLE, Kits
from varhouse.query.cohortgroup import GROUP_COUNTS, CohortGroup
from varhouse.query.rowgroups import Place
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY


class KitGroup:
    """The chosen people of a cohort with kits, as `CohortGroup`.

    Parameters
    ----------
    people
        Rows of People.frame of the cohort.

    Attributes
    ----------
    groups
        The people of each kit; perhaps those with runs.
    """

    def __init__(self, store: Store, cohort: str, people: pl.DataFrame) -> None:
        self.cohort = cohort
        self.groups = [
            CohortGroup(store, cohort, rows, kits)
            for rows, kits in _by_kit(store, cohort, people)
        ]

    @property
    def has_runs(self) -> bool:
        """Whether any base may be asked for."""
        return True

    @property
    def known_adj(self) -> frozenset[str]:
        """Counts of high quality that are known of all: see `CohortGroup.known_adj`."""
        return frozenset.intersection(*(group.known_adj for group in self.groups))

    def count(self, place: Place) -> pl.DataFrame:
        """Count the alleles at a place: see `CohortGroup.count`."""
        return _add_up([group.count(place) for group in self.groups])

    def at_bases(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Count who is assessed at the positions of alleles: see `CohortGroup.at_bases`."""
        return _add_up([group.at_bases(keys) for group in self.groups])


def open_group(store: Store, cohort: str, people: pl.DataFrame) -> CohortGroup | KitGroup:
    """Open the chosen people of a cohort, with or without kits."""
    has_kits = store.file_frame("kits", cohort=cohort).height > 0
    return (KitGroup if has_kits else CohortGroup)(store, cohort, people)


def _add_up(pieces: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(pieces).group_by(KEY).agg(pl.col(GROUP_COUNTS).sum())


def _by_kit(
    store: Store, cohort: str, people: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, Kits | None]]:
    """Sort people by their kits, those with runs apart."""
    intervals = store.scan("kits", cohort=cohort).select(*INTERVALS).collect()
    intervals = intervals.with_columns(pl.col("start") - 1)
    files = store.scan("files", cohort=cohort).filter("has_runs").select("samples").collect()
    with_runs = files["samples"].explode().drop_nulls()
    own = pl.col("attributes").str.json_path_match("$.kit")
    kit = pl.when(own.is_in(intervals["kit"].unique().implode())).then(own).fill_null(WHOLE)
    samples = store.scan("samples", cohort=cohort).select(
        "ordinal", kit=pl.when(~pl.col("ordinal").is_in(with_runs.implode())).then(kit)
    )
    rows = people.join(samples.collect(), on="ordinal", maintain_order="left", suffix="_bed")
    name = "kit_bed" if "kit" in people.columns else "kit"
    for (kit_name,), mine in rows.group_by(name, maintain_order=True):
        kits = None
        if kit_name is not None:
            of_kit = intervals.filter(pl.col("kit") == kit_name)
            # All are of one kit, whatever it is called.
            kits = Kits.of(of_kit.with_columns(kit=pl.lit(WHOLE)))
        yield mine.select(people.columns), kits
