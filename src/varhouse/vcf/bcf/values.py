# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Whole numbers of BCF: of one, two or four bytes, missing, and ends of vectors."""

import numba as nb
import numpy as np

from varhouse.vcf.bcf.records import INT8, INT16
from varhouse.vcf.text.decimals import INT_MISSING

END = np.int64(-(2**31) + 1)
MISSING = np.int64(INT_MISSING)
LARGEST = np.int64(2**31 - 1)


@nb.njit(cache=True, nogil=True)
def value_at(data, i, kind):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a whole number; missing and end of vector as they are in 32 bits."""
    if kind == INT8:
        value = np.int64(np.int8(data[i]))
        return value - 128 + MISSING + 256 if value < -126 else value
    if kind == INT16:
        value = np.int64(np.int16(np.uint16(data[i]) | np.uint16(data[i + 1]) << 8))
        return value - 32768 + MISSING + 65536 if value < -32766 else value
    return np.int64(
        np.int32(
            np.uint32(data[i])
            | np.uint32(data[i + 1]) << 8
            | np.uint32(data[i + 2]) << 16
            | np.uint32(data[i + 3]) << 24
        )
    )


@nb.njit(cache=True, nogil=True)
def width_of(kind):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the bytes of a whole number."""
    return 1 if kind == INT8 else (2 if kind == INT16 else 4)
