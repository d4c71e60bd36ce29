"""What people of a cohort were counted at the alleles of a piece, their own or not.

A cohort without a row of the allele that holds another allele of its site assessed it: 0
copies among the alleles that were called there (decision 0006), as in `totals`. So did one of
which gVCFs cover the base (decision 0035).
"""

from typing import TYPE_CHECKING

import polars as pl

from varhouse.query.select import Piece, scan_piece
from varhouse.store.reader import Store
from varhouse.tables.schema import WITHIN
from varhouse.tables.statistics import (
    FREQUENCIES,
    adding_alone,
    counts_at_site,
    counts_of,
    made_of,
    statistics_of,
    unknown_of,
)

if TYPE_CHECKING:
    from varhouse.query.callablerows import CallableSites
    from varhouse.query.stretches import Int64

_AT_SITE = "/site"
"""Ends the names of counts of a cohort's other alleles of a site."""

_HELD = "/held"
"""Column that says of an allele that the cohort has a row of it."""

EVERYBODY = ("all", "all")
"""The stratum of all people."""

Stratum = tuple[str, str]
"""stratum_by and stratum."""


class CohortCounts:
    """Gives counts of cohorts and their strata, piece by piece."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._callable: dict[tuple[str, Stratum], CallableSites] = {}
        self._last: tuple[Piece, Int64] | None = None
        self._bases: dict[str, bool] = {}

    def has_bases(self, cohort: str) -> bool:
        """Tell whether gVCFs of a cohort say what was counted where it has no allele."""
        if cohort not in self._bases:
            files = self._store.file_frame("callable", cohort=cohort)
            self._bases[cohort] = files.height > 0
        return self._bases[cohort]

    def of_group(
        self, piece: Piece, cohort: str, stratum: Stratum = EVERYBODY
    ) -> pl.LazyFrame:
        """Give what a stratum of a cohort was counted of each allele of the piece.

        Returns
        -------
        pl.LazyFrame
            WITHIN and the statistics of `frequencies`, a row an allele of the piece; null:
            not assessed.
        """
        by, value = stratum
        group = (pl.col("stratum_by") == by) & (pl.col("stratum") == value)
        names = [s.name for s in statistics_of(FREQUENCIES)]
        rows = scan_piece(self._store, "frequencies", piece, cohort=cohort).filter(group)
        # A count may be masked: that there is a row is told apart from what stands in it.
        own = rows.select(*WITHIN, *names, pl.lit(value=True).alias(_HELD))
        site = (
            self._at_sites(piece, cohort)
            .filter(group)
            .group_by("pos")
            .agg(**counts_at_site(FREQUENCIES))
        )
        covered = self._covered(piece, cohort, stratum)
        if covered is not None:
            site = pl.concat([site, covered.join(site, on="pos", how="anti")])
        site = site.with_columns(**unknown_of(FREQUENCIES)).with_columns(
            **made_of(FREQUENCIES)
        )
        lacks = pl.col(_HELD).is_null()
        return (
            scan_piece(self._store, "variants", piece)
            .select(WITHIN)
            .join(own, on=WITHIN, how="left")
            .join(site, on="pos", how="left", suffix=_AT_SITE)
            .select(
                *WITHIN,
                *(
                    pl.when(lacks).then(pl.col(n + _AT_SITE)).otherwise(pl.col(n)).alias(n)
                    for n in names
                ),
            )
        )

    def _covered(self, piece: Piece, cohort: str, stratum: Stratum) -> pl.LazyFrame | None:
        """Give what a stratum was counted at the positions of the piece, by its gVCFs.

        Returns
        -------
        pl.LazyFrame
            pos and the counts of `frequencies`, no copy of anything; None: it has no gVCFs.
        """
        if not self.has_bases(cohort):
            return None
        # It loads numpy and pyarrow, which other questions do not need.
        from varhouse.query.callablerows import CallableSites  # noqa: PLC0415

        known = (cohort, stratum)
        if known not in self._callable:
            self._callable[known] = CallableSites(self._store, cohort, stratum)
        if self._last is None or self._last[0] is not piece:
            alleles = scan_piece(self._store, "variants", piece)
            pos = alleles.select(pl.col("pos").unique().sort()).collect()["pos"]
            self._last = (piece, pos.to_numpy().astype("int64"))
        found = self._callable[known].at(piece.contig, self._last[1])
        none = (pl.lit(0, pl.Int32).alias(n) for n in adding_alone(FREQUENCIES))
        return found.lazy().with_columns(*none).select("pos", *counts_of(FREQUENCIES))

    def _at_sites(self, piece: Piece, cohort: str) -> pl.LazyFrame:
        """Scan the frequencies of a cohort at every site of which the piece has an allele."""
        rows = self._store.scan("frequencies", contig=piece.contig, cohort=cohort)
        pos = pl.col("pos")
        if piece.keys is not None:
            return rows.filter(pos.is_in(piece.keys["pos"].unique().to_list()))
        inside = pl.lit(value=True)
        if piece.end is not None:
            inside = pos <= piece.end
        if piece.start is not None:
            # Long alleles of the piece may begin before it.
            reach = scan_piece(self._store, "variants", piece).filter(pos < piece.start)
            before = reach.select(pos.unique()).collect()["pos"].to_list()
            inside &= (pos >= piece.start) | pos.is_in(before)
        return rows.filter(inside)
