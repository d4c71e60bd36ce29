"""Rows of the table frequencies: counts of alleles spread over strata."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.strata import Strata
from varhouse.tables.schema import KEY
from varhouse.tables.statistics import (
    FREQUENCIES,
    adj_counts,
    genotype_counts,
    made_of,
    statistics_of,
    unknown_of,
)


def frequency_frame(
    keys: pl.DataFrame,
    counts: Mapping[str, npt.NDArray[np.int32]],
    strata: Strata,
    n_samples: npt.NDArray[np.int32] | None = None,
    *,
    alone: bool = True,
) -> pl.DataFrame:
    """Make one row for each allele and stratum.

    Parameters
    ----------
    keys
        The alleles: columns of the key.
    counts
        int32[alleles, groups] for each name of `genotype_counts`, and of `adj_counts` if
        there are fields of quality.
    n_samples
        int32[alleles, groups]: people assessed; None: everybody of the strata.
    alone
        The rows stand for themselves. Of rows that will be added to others nothing is worked
        out but counts: the rest is null.

    Returns
    -------
    pl.DataFrame
        Rows of frequencies without `cohort` and `part`, in the order of `keys`.
    """
    n, groups = keys.height, len(strata.by)
    everybody = np.tile(strata.n_samples.astype(np.int32), n)
    spread = keys.select(KEY)[np.repeat(np.arange(n), groups)]
    return spread.with_columns(
        pl.Series("stratum_by", strata.by * n, dtype=pl.String),
        pl.Series("stratum", strata.value * n, dtype=pl.String),
        *(pl.Series(name, counts[name].reshape(-1)) for name in genotype_counts()),
        pl.Series("an_written", counts["an"].reshape(-1)),
        pl.Series("n_samples", everybody if n_samples is None else n_samples.reshape(-1)),
        *_adj(counts),
    ).with_columns(**(made_of(FREQUENCIES) if alone else _nothing_made()))


def _nothing_made() -> dict[str, pl.Expr]:
    types = {s.name: s.dtype for s in statistics_of(FREQUENCIES)}
    return {name: pl.lit(None, types[name]) for name in made_of(FREQUENCIES)}


def _adj(counts: Mapping[str, npt.NDArray[np.int32]]) -> Iterator[pl.Series | pl.Expr]:
    """Make the columns of genotypes of high quality; null for who has no such fields."""
    names = adj_counts()
    if names[0] not in counts:
        yield from (pl.lit(None, pl.Int32).alias(name) for name in names)
        return
    held = pl.DataFrame({name: counts[name].reshape(-1) for name in names})
    yield from held.with_columns(**unknown_of(FREQUENCIES)).get_columns()
