"""Genotypes that a child cannot have of its parents, 64 sites at a time.

Over the sites at which the child and its parents are called: an error is a child that is
heterozygous where both parents are homozygous for the same allele, or homozygous for an allele
that one parent has no copy of. Of one parent alone an error is that both are homozygous for
different alleles. As plink 1.9 `--mendel` and bcftools `+mendelian` count autosomes; they look
as well at sites at which one of two parents is not called, which are left out here: an error
rate has the sites below it at which every error can be seen.
"""

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.people.panel import PackedCalls
from varhouse.tables.loads import ones

Int64 = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def _count(het, hom, called, trios, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count sites and errors of trios: int64[n, 2]."""
    for k in range(trios.shape[0]):
        child = trios[k, 0]
        for w in range(het.shape[1]):
            both = called[child, w]
            alt, ref = hom[child, w], ~(het[child, w] | hom[child, w])
            wrong = np.uint64(0)
            all_alt, all_ref = ~np.uint64(0), ~np.uint64(0)
            known = 0
            for p in range(1, 3):
                parent = trios[k, p]
                if parent < 0:
                    continue
                known += 1
                both &= called[parent, w]
                has_alt = hom[parent, w]
                has_ref = ~(het[parent, w] | hom[parent, w])
                wrong |= (alt & has_ref) | (ref & has_alt)
                all_alt &= has_alt
                all_ref &= has_ref
            if known == 2:
                wrong |= het[child, w] & (all_alt | all_ref)
            out[k, 0] += ones(both)
            out[k, 1] += ones(wrong & both)


def count_errors(packed: PackedCalls, trios: Int64) -> pl.DataFrame:
    """Count what cannot be inherited so.

    Parameters
    ----------
    trios
        int64[n, 3]: rows of `packed` of child, father and mother; -1 for a parent who is not
        there.

    Returns
    -------
    pl.DataFrame
        `n_sites`, `n_errors` (Int64), `error_rate` (Float64, null without a site): a row a
        trio, in the order given.
    """
    out = np.zeros((trios.shape[0], 2), np.int64)
    rows = np.ascontiguousarray(trios, np.int64)
    _count(packed.het, packed.hom, packed.called, rows, out)
    rate = pl.when(pl.col("n_sites") > 0).then(pl.col("n_errors") / pl.col("n_sites"))
    return pl.DataFrame(
        {"n_sites": out[:, 0], "n_errors": out[:, 1]},
        schema={"n_sites": pl.Int64, "n_errors": pl.Int64},
    ).with_columns(rate.alias("error_rate"))
