"""Where males have one copy: at a record, and where its alleles stand once normalised.

A genotype is counted for each allele where that stands, however a file spells it: left
alignment may carry an allele over the end of a pseudo-autosomal region, and leave another of
its record behind. Such a record is judged and counted twice, and each allele takes the
counts of its own place (decision 0034).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genome.haploid import HaploidRegions
from varhouse.tables.statistics import of_records

Bools = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def with_copies(
    records: pl.DataFrame, alleles: pl.DataFrame, haploid: HaploidRegions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Say where males have one copy.

    Parameters
    ----------
    records
        k, contig, pos.
    alleles
        k, contig, pos, pos0 (that of the record), fault (null: kept).

    Returns
    -------
    tuple
        The records with `haploid`, at POS, and `twice`: an allele that is kept stands where
        that is otherwise; the alleles with `elsewhere`: of such an allele the number of its
        record among those of `twice`, else -1.
    """
    of_record = haploid.contains(records["contig"], records["pos"])
    elsewhere, twice = np.full(alleles.height, -1, np.int64), np.zeros(0, np.int64)
    moved = pl.col("fault").is_null() & (pl.col("pos") != pl.col("pos0"))
    rows = alleles.select(moved.arg_true()).to_series().to_numpy()
    if rows.size:
        some = alleles[rows]
        own = haploid.contains(some["contig"], some["pos0"])
        rows = rows[haploid.contains(some["contig"], some["pos"]) != own]
        twice, elsewhere[rows] = np.unique(alleles["k"].to_numpy()[rows], return_inverse=True)
    records = records.with_columns(
        pl.Series("haploid", of_record),
        pl.Series("twice", np.isin(records["k"].to_numpy(), twice)),
    )
    return records, alleles.with_columns(pl.Series("elsewhere", elsewhere))


class Places(NamedTuple):
    """Which records are counted twice, and which of the counts each allele takes.

    Attributes
    ----------
    twice
        bool[records]: an allele of it stands elsewhere.
    row, record
        int64[alleles]: row of an allele among the counts of alleles, and of its record
        among those of records; those of `twice` stand behind all others.
    """

    twice: Bools
    row: Int64
    record: Int64

    @classmethod
    def of(cls, records: pl.DataFrame, alleles: pl.DataFrame) -> "Places":
        """Look records and all of their alleles over, both in order (see `with_copies`)."""
        n_alt = records["n_alt"].to_numpy().astype(np.int64)
        record = np.repeat(np.arange(records.height), n_alt)
        row = np.arange(record.size)
        twice = records["twice"].to_numpy()
        elsewhere = alleles["elsewhere"].to_numpy()
        moved = elsewhere >= 0
        behind = row.size + np.cumsum(twice[record]) - 1
        row[moved] = behind[moved]
        record[moved] = records.height + elsewhere[moved]
        return cls(twice, row, record)

    def joined(
        self, first: dict[str, Int32], again: Callable[[], dict[str, Int32]]
    ) -> dict[str, Int32]:
        """Put the counts of records that are counted twice behind the `first` ones.

        Counts that `again` lacks, as nothing is known of its records, are 0 there.
        """
        if not self.twice.any():
            return first
        more = again()
        return {
            name: np.concatenate(
                [
                    found,
                    more.get(
                        name, np.zeros_like(more["an" if name in of_records() else "ac"])
                    ),
                ]
            )
            for name, found in first.items()
        }
