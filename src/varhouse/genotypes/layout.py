"""From listed genotypes to the columns of the table `genotypes`."""

import numba as nb
import numpy as np
import polars as pl
import pyarrow as pa

from varhouse.genotypes.calls import Genotypes, Int32, Int64


@nb.njit(cache=True, nogil=True)
def _local(default, pointer, what, n_texts):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give each record's texts numbers in order of their first listed person.

    Returns (index of each listed person's text, pointer [n + 1], texts of all records);
    text 0 of a record is the default.
    """
    n = default.size
    index = np.empty(what.size, np.int16)
    ends = np.zeros(n + 1, np.int64)
    texts = np.empty(n + what.size, np.int32)
    mine = np.full(n_texts, -1, np.int32)
    w = 0
    for k in range(n):
        first = w
        texts[w] = default[k]
        w += 1
        for i in range(pointer[k], pointer[k + 1]):
            c = what[i]
            if mine[c] < 0:
                mine[c] = w - first
                texts[w] = c
                w += 1
            index[i] = mine[c]
        for j in range(first, w):
            if texts[j] >= 0:
                mine[texts[j]] = -1
        ends[k + 1] = w
    return index, ends, texts[:w].copy()


def _lists(offsets: Int64, values: pl.Series) -> pl.Series:
    array = pa.LargeListArray.from_arrays(
        pa.array(offsets), values.to_arrow(compat_level=pl.CompatLevel.oldest())
    )
    out = pl.from_arrow(array)
    assert isinstance(out, pl.Series)
    return out


def genotype_columns(genotypes: Genotypes, ordinal: Int32) -> dict[str, pl.Series]:
    """Make the columns gt_values, sample and gt of n records; a default of -1 is `.`.

    Parameters
    ----------
    ordinal
        int32[columns]: ordinal in the cohort of each sample column.
    """
    default, pointer, who, what = genotypes.listed
    n_texts = len(genotypes.texts)
    known = pl.Series([*(t or "." for t in genotypes.texts), "."], dtype=pl.String)
    fixed = np.where(default < 0, n_texts, default).astype(np.int32)
    index, ends, used = _local(fixed, pointer, what, n_texts + 1)
    return {
        "gt_values": _lists(ends, known.gather(used)).alias("gt_values"),
        "sample": _lists(pointer, pl.Series(ordinal[who], dtype=pl.Int32)).alias("sample"),
        "gt": _lists(pointer, pl.Series(index, dtype=pl.Int16)).alias("gt"),
    }
