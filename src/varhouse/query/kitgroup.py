"""Counting a chosen group of people in a cohort with capture kits: kit by kit.

People of one kit are assessed at the bases that it covers, whatever their files have: each
kit's people are counted as a group of their own, and the counts add up.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from varhouse.frequencies.assessed import SITE, Sites, rejected_sites
from varhouse.frequencies.assumed import assumed_stretches
from varhouse.frequencies.kits import INTERVALS, WHOLE, Kits, kit_of_people
from varhouse.frequencies.strata import ALL, Strata, make_strata
from varhouse.query.cohortgroup import GROUP_COUNTS, SITE_COUNTS, CohortGroup
from varhouse.query.rowgroups import Place
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA
from varhouse.tables.windows import Window


class OneKit(CohortGroup):
    """The chosen people of a cohort who have one kit, and no runs.

    Parameters
    ----------
    people
        Rows of People.frame of the cohort.
    kits
        What their kit covers, by one name.
    """

    def __init__(self, store: Store, cohort: str, people: pl.DataFrame, kits: Kits) -> None:
        self._kits = kits
        super().__init__(store, cohort, people)

    @property
    def has_runs(self) -> bool:
        """Whether any base may be asked for: the kit tells of it."""
        return True

    def count(self, place: Place) -> pl.DataFrame:
        """Count the alleles at a place, of which the kit covers the base."""
        rows = super().count(place)
        covered = self._kits.covers(rows["contig"], rows["pos"]).any(axis=1)
        return rows.filter(pl.Series(covered, dtype=pl.Boolean))

    def at_bases(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Count who is assessed at sites of one contig at which no allele stands."""
        schema = {**KEY_SCHEMA, **dict.fromkeys(GROUP_COUNTS, pl.Int32)}
        if not keys.height:
            return pl.DataFrame(schema=schema)
        sites = keys.select(SITE).unique().sort("pos")
        contig, pos = sites["contig"][0], sites["pos"]
        window = Window((contig, pos[0]), (contig, pos[-1]), sites.height)
        found = self._sites(contig).without_allele(sites, window)
        none = (pl.lit(0, pl.Int32).alias(n) for n in GROUP_COUNTS if n not in found.columns)
        rows = found.filter(pl.col("stratum_by") == ALL).with_columns(*none)
        return keys.select(KEY).join(rows, on=SITE).select(*schema)

    def without_allele(self, place: Place) -> Iterator[pl.DataFrame]:
        """Count people at the bases of a place at which no allele of the cohort stands.

        Yields
        ------
        pl.DataFrame
            Rows that add up: start, end (1-based, closed) and SITE_COUNTS.
        """
        contig, low, high = place.contig, place.low, place.high
        window = Window((contig, low), (contig, high), 0)
        sites = self._sites(contig)
        held = self._alleles(Place(contig, low, high)).select(SITE).unique()
        told = sites.places(window).join(held, on=SITE, how="anti")
        rows = sites.without_allele(told, window).filter(pl.col("stratum_by") == ALL)
        at = pl.col("pos")
        yield rows.select(at.alias("start"), at.alias("end"), *SITE_COUNTS)
        strata = self._strata(self._sexes.filter(pl.Series(self._chosen)))
        known = pl.concat([held, told])["pos"].unique().sort().to_numpy().astype(np.int64)
        kits = self._kits.within(contig, low, high)
        for found in assumed_stretches(contig, kits, strata, self._haploid, known):
            yield found.select("start", "end", *SITE_COUNTS)

    def _strata(self, people: pl.DataFrame) -> Strata:
        return make_strata(people, [], kit_of_people(people, self._kits))

    def _sites(self, contig: str) -> Sites:
        part = self._store.assembly_contigs.part(contig)
        if part not in self._assessed:
            self._assessed[part] = self._open_sites(
                part, self._strata(self._sexes), self._kits, self._rejected(part)
            )
        return self._assessed[part]

    def _rejected(self, part: str) -> pl.DataFrame | None:
        """Find where records were rejected; not of what was lifted over, from elsewhere."""
        if self._store.file_frame("lifted", cohort=self.cohort).height:
            return None
        paths = self._store.paths("rejects", cohort=self.cohort, part=part)
        return rejected_sites(map(str, paths), self._store.assembly_contigs.canonical)


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
            CohortGroup(store, cohort, rows)
            if kits is None
            else OneKit(store, cohort, rows, kits)
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
