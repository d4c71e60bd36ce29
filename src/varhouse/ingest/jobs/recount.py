"""Counts per person without what stands before: the genotypes of duplicates count once.

An allele that stands twice in the files of the same people is a reject the second time, and
so are the copies that its genotypes hold. A person's genotype counts by the alleles that are
kept; a record of which no allele is kept counts nowhere.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.count import (
    KIND_INDEL,
    KIND_OTHER,
    KIND_TRANSITION,
    KIND_TRANSVERSION,
    KIND_TWICE,
    count_people,
)
from varhouse.genome.haploid import HaploidRegions
from varhouse.genotypes.calls import Genotypes

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """The sample columns of a file: who is male, and where males have one copy."""

    male: npt.NDArray[np.bool_]
    haploid: HaploidRegions


class HeldCalls(NamedTuple):
    """Genotypes of some records: `record` int64[n] their ordinals in the file, ascending."""

    record: Longs
    genotypes: Genotypes

    def pick(self, records: pl.Series) -> "HeldCalls":
        """Give those of some records only."""
        keep = np.isin(self.record, records.to_numpy().astype(np.int64))
        return HeldCalls(self.record[keep], self.genotypes.pick(keep))


def kind_of(ref: str, alt: str, *, is_kept: pl.Expr) -> pl.Expr:
    """Make the kind of alleles in two columns (KIND_...) for the counts per person."""
    bases = ["A", "C", "G", "T"]
    r, a = pl.col(ref), pl.col(alt)
    snv = r.is_in(bases) & a.is_in(bases)
    purine = r.is_in(["A", "G"]) == a.is_in(["A", "G"])
    return (
        pl.when(~is_kept | ~a.str.contains("^[ACGTN]+$"))
        .then(KIND_OTHER)
        .when(snv & purine)
        .then(KIND_TRANSITION)
        .when(snv)
        .then(KIND_TRANSVERSION)
        .otherwise(KIND_INDEL)
        .cast(pl.Int8)
        .alias("kind")
    )


def counted_twice(
    calls: HeldCalls,
    sites: pl.DataFrame,
    new: pl.DataFrame,
    old: pl.DataFrame,
    columns: Columns,
) -> Longs:
    """Count what goes from each person with some duplicates: int64[columns, 8].

    Parameters
    ----------
    calls
        Genotypes, of the records of `new` among others.
    sites
        Rows of this table that hold the records, with the alleles that are duplicates from
        here on.
    new, old
        (record, alt_index): those alleles, and others of the records that went before.
    columns
        The columns of their file.
    """
    records = new.select("record").unique()
    held = calls.pick(records["record"])
    if not held.record.size:
        return np.zeros((columns.male.size, 8), np.int64)
    mine = sites.join(records, on="record", how="semi").sort("record")
    # Records whose genotypes were rejected have none.
    mine = mine.filter(pl.col("record").is_in(held.record.tolist()))
    before = _kinds(mine, old)
    after = _kinds(mine, pl.concat([old, new.select(old.columns)]))
    return _count(held, mine, before, columns) - _count(held, mine, after, columns)


def _kinds(sites: pl.DataFrame, twice: pl.DataFrame) -> pl.DataFrame:
    """Give each ALT of the records its kind: record, kind, and whether the record counts."""
    marks = twice.unique().with_columns(twice=pl.lit(value=True))
    kept = pl.col("allele_alt").is_not_null() & ~pl.col("twice")
    return (
        sites.select(
            "record",
            "allele_ref",
            "allele_alt",
            alt_index=pl.int_ranges(1, pl.col("allele_alt").list.len() + 1, dtype=pl.Int32),
        )
        .explode("allele_ref", "allele_alt", "alt_index", empty_as_null=True)
        .join(marks, on=["record", "alt_index"], how="left", maintain_order="left")
        .with_columns(pl.col("twice").fill_null(value=False))
        .select(
            "record",
            kind=pl.when("twice")
            .then(pl.lit(KIND_TWICE, pl.Int8))
            .otherwise(
                kind_of("allele_ref", "allele_alt", is_kept=pl.col("allele_alt").is_not_null())
            ),
            counts=kept.any().over("record") | ~pl.col("twice").any().over("record"),
        )
    )


def _count(
    calls: HeldCalls, sites: pl.DataFrame, kinds: pl.DataFrame, columns: Columns
) -> Longs:
    """Count the genotypes of the records that count."""
    wanted = kinds.filter("counts")
    records = wanted.select("record").unique()
    held = calls.pick(records["record"])
    places = sites.join(records, on="record", how="semi", maintain_order="left")
    if not held.record.size:
        return np.zeros((columns.male.size, 8), np.int64)
    sizes = wanted.group_by("record", maintain_order=True).len()["len"].to_numpy()
    return count_people(
        held.genotypes,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        columns.haploid.contains(places["contig"], places["pos"]),
        columns.male,
        wanted["kind"].to_numpy(),
    )
