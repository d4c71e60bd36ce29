"""The exact half of allele keys (see `keys.py`), in compiled code."""

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from varhouse.tables.textviews import views_of

Ints = npt.NDArray[np.int64]

_MAX_EACH, _MAX_BOTH = 7, 12
_CODE = np.full(256, 4, np.uint8)
_CODE[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4)


def exact_keys(ref: pl.Series, alt: pl.Series) -> tuple[Ints, Ints]:
    """Encode alleles of few bases A, C, G and T (capitals, no nulls).

    Returns
    -------
    int64[n]
        The lower half of the key; 0 for the rows that are listed.
    int64[rows]
        Rows whose alleles are longer, or hold other letters.
    """
    # Texts of up to 12 bytes stand in their views.
    return _encode(views_of(ref), views_of(alt), _CODE)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _encode(refs, alts, codes):  # type: ignore[no-untyped-def]
    low, rest = np.zeros(len(refs), np.int64), np.empty(len(refs), np.int64)
    n = 0
    for k in range(len(refs)):
        sizes = np.int64(refs[k, 0]), np.int64(alts[k, 0])
        key = np.int64(0)
        short = sizes[0] <= _MAX_EACH and sizes[1] <= _MAX_EACH
        fits = short and sizes[0] + sizes[1] <= _MAX_BOTH
        if fits:
            for j in range(sizes[0]):
                code = codes[(refs[k, 1 + j // 4] >> (8 * (j % 4))) & 255]
                key = (key << 2) | (code & 3)
                fits &= code < 4
            for j in range(sizes[1]):
                code = codes[(alts[k, 1 + j // 4] >> (8 * (j % 4))) & 255]
                key = (key << 2) | (code & 3)
                fits &= code < 4
        if fits:
            low[k] = key | (sizes[0] << 27) | (sizes[1] << 24)
        else:
            rest[n] = k
            n += 1
    return low, rest[:n]
