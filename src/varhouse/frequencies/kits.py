"""Capture kits: the bases at which people are assessed, of files that do not say it.

A VCF of an exome has no record where nobody carries anything, and where the kit has no bait.
What a kit covers says its BED: there somebody without a record is *assumed* called, with the
reference; elsewhere he is not assessed, whatever his file has. The rule goes by base, and an
allele is asked for at its normalised position. An assumed call is never of high quality.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.strata import Strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.tables.statistics import PolarsType, of_records

WHOLE = "callable"
"""Name of the BED of a whole cohort, after its column of the sheet: of people without a kit
of their own."""

OUTSIDE = "ac_outside"
"""Copies of an allele that people hold outside of their kit, which no count has."""

INTERVALS: dict[str, PolarsType] = {
    "kit": pl.String,
    "contig": pl.String,
    "start": pl.Int32,
    "end": pl.Int32,
}
"""Columns of intervals: 0-based and half-open."""

Bools = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kits:
    """What the kits of a cohort cover.

    Attributes
    ----------
    names
        The kits; `Strata.kit` counts in this order.
    intervals
        Frame of INTERVALS: those of a kit and contig ascend and do not touch each other.
    """

    names: tuple[str, ...]
    intervals: pl.DataFrame

    @classmethod
    def of(cls, intervals: pl.DataFrame) -> "Kits":
        """Take intervals of any order that may overlap (columns of INTERVALS)."""
        return cls(tuple(intervals["kit"].unique().sort()), merge_intervals(intervals))

    def covers(self, contig: pl.Series, pos: pl.Series) -> Bools:
        """Tell for each 1-based position which kits cover it, bool[n, kits]."""
        out = np.zeros((contig.len(), len(self.names)), np.bool_)
        base = pos.to_numpy().astype(np.int64) - 1
        for name in contig.unique():
            rows = np.flatnonzero((contig == name).to_numpy())
            for k, kit in enumerate(self.names):
                start, end = self.spans(kit, name)
                if end.size:
                    # By the ends: the interval that is found begins before or at the base.
                    i = np.searchsorted(end, base[rows], side="right")
                    inside = i < end.size
                    inside &= start[np.minimum(i, end.size - 1)] <= base[rows]
                    out[rows, k] = inside
        return out

    def spans(self, kit: str, contig: str) -> tuple[Int64, Int64]:
        """Give the intervals of a kit on a contig: start and end, int64[n] each."""
        none = np.zeros(0, np.int64)
        return self._spans.get((kit, contig), (none, none))

    @cached_property
    def _spans(self) -> dict[tuple[str, str], tuple[Int64, Int64]]:
        """Sort the intervals by kit and contig, once: chunks ask time and again."""
        found = self.intervals.with_columns(pl.col("start", "end").cast(pl.Int64))
        return {
            (kit, contig): (rows["start"].to_numpy(), rows["end"].to_numpy())
            for (kit, contig), rows in found.group_by("kit", "contig", maintain_order=True)
        }

    def within(self, contig: str, low: int, high: int) -> "Kits":
        """Give what they cover of some bases of a contig (1-based, closed)."""
        start, end = pl.col("start"), pl.col("end")
        near = (pl.col("contig") == contig) & (start < high) & (end >= low)
        cut = self.intervals.filter(near).with_columns(
            start.clip(lower_bound=low - 1), end.clip(upper_bound=high)
        )
        return Kits(self.names, cut)

    def assessed(self, contig: pl.Series, pos: pl.Series, strata: Strata) -> Bools:
        """Tell for each 1-based position whose files may speak there, bool[n, cells].

        People without a kit (`Strata.kit` -1) are assessed wherever their files are.
        """
        everywhere = np.ones((contig.len(), 1), np.bool_)
        # Number -1 is the last column.
        return np.hstack([self.covers(contig, pos), everywhere])[:, strata.kit]

    def assumed(
        self, contig: pl.Series, pos: pl.Series, strata: Strata, haploid: HaploidRegions
    ) -> Int32:
        """Give the copies that people without a record are assumed to have, int32[n, cells].

        0 where their kit does not cover the base, and where their sex has no copy, or is not
        known and decides how many there are: they are not assessed then.
        """
        covered = self.assessed(contig, pos, strata) & (strata.kit >= 0)
        return np.where(covered, assumed_copies(contig, pos, strata, haploid), 0).astype(
            np.int32
        )


def assumed_copies(
    contig: pl.Series, pos: pl.Series, strata: Strata, haploid: HaploidRegions
) -> Int32:
    """Give the copies that people of each cell have at 1-based positions, int32[n, cells].

    Two; one on the mitochondrial contig; where males have one copy: males one, females two on
    X and none on Y, and 0 for people of unknown sex, of whom nothing is assumed there. So has
    `bcftools call --ploidy GRCh38`.
    """
    single = haploid.contains(contig, pos)[:, None]
    on_y = contig.is_in(sorted(haploid.on_y)).to_numpy()[:, None]
    on_mt = contig.is_in(sorted(haploid.on_mt)).to_numpy()[:, None]
    of_sex = np.where(strata.male, 1, np.where(strata.female & ~on_y, 2, 0))
    return np.where(single, of_sex, np.where(on_mt, 1, 2)).astype(np.int32)


def count_in_kits(
    counts: Mapping[str, Int32],
    records: npt.NDArray[np.int64],
    assessed: Bools,
    strata: Strata,
) -> dict[str, Int32]:
    """Take people out of counts who are not assessed where an allele stands.

    Parameters
    ----------
    counts
        int32[records or alleles, cells] by name, as `tables.statistics.of_records` says.
    records
        int64[alleles]: the record of each allele.
    assessed
        bool[alleles, cells] (`Kits.assessed`).

    Returns
    -------
    dict
        int32[alleles, groups] of each name, of `n_samples`, and of OUTSIDE.
    """
    out = {
        name: strata.sums(
            np.where(assessed, found[records] if name in of_records() else found, 0)
        )
        for name, found in counts.items()
    }
    out["n_samples"] = strata.sums(np.where(assessed, strata.size, 0))
    out[OUTSIDE] = strata.sums(np.where(assessed, 0, counts["ac"]))
    return out


def kit_of_people(samples: pl.DataFrame, kits: Kits | None) -> pl.Series | None:
    """Give the number of each person's kit; -1 for who has none; None without kits.

    Parameters
    ----------
    samples
        Rows of the sample sheet, perhaps with the column `kit`.
    kits
        The cohort's; WHOLE among them is that of people without a kit of their own.
    """
    if kits is None:
        return None
    own = pl.col("kit") if "kit" in samples.columns else pl.lit(None, pl.String)
    number = {name: k for k, name in enumerate(kits.names)}
    # Without kits.tsv a column of this name is some text of the sheet.
    rest = number.get(WHOLE, -1)
    return samples.with_columns(
        kit=own.replace_strict(number, default=rest, return_dtype=pl.Int32)
    )["kit"]


def merge_intervals(intervals: pl.DataFrame) -> pl.DataFrame:
    """Join intervals of a kit that overlap or touch; sorted by kit, contig and start."""
    group = ["kit", "contig"]
    reach = pl.col("end").cum_max().shift(1, fill_value=-1).over(group)
    return (
        intervals.select(*INTERVALS)
        .sort(*group, "start", "end")
        .with_columns(piece=(pl.col("start") > reach).cum_sum().over(group))
        .group_by(*group, "piece", maintain_order=True)
        .agg(pl.col("start").min(), pl.col("end").max())
        .select(pl.col(n).cast(t) for n, t in INTERVALS.items())
    )
