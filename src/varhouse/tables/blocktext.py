"""INFO of reference blocks without the number of its END, which the table has already.

Two blocks of a gVCF differ in INFO by END alone, as a rule: cut out, all of a file have the
same text, which costs nothing. What was cut out is put back to the letter.
"""

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.infovalue import END, find_info
from varhouse.tables.textcolumn import pack, strings

Bytes = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_DIGITS = 20


@nb.njit(cache=True, nogil=True)
def _digits(number, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write a number that is not negative to the end of `out`; give its first place."""
    w = out.size
    while True:
        w -= 1
        out[w] = 48 + number % 10
        number //= 10
        if number == 0:
            return w


@nb.njit(cache=True, nogil=True)
def _cut(text, at, end, name, out, out_at, apart):  # type: ignore[no-untyped-def]  # pragma: no cover
    number = np.empty(_DIGITS, np.uint8)
    w = 0
    for k in range(end.size):
        a, b = at[k], at[k + 1]
        value = find_info(text, a, b, name)
        skip = np.int64(0)
        if value >= 0 and end[k] >= 0:
            first = _digits(end[k], number)
            size = number.size - first
            same = value + size <= b and (value + size == b or text[value + size] == 59)
            for j in range(size):
                if not same:
                    break
                same = text[value + j] == number[first + j]
            if same:
                apart[k] = True
                skip = size
        for j in range(a, b):
            if skip and value <= j < value + skip:
                continue
            out[w] = text[j]
            w += 1
        out_at[k + 1] = w
    return w


@nb.njit(cache=True, nogil=True)
def _put(text, at, end, apart, name, out, out_at):  # type: ignore[no-untyped-def]  # pragma: no cover
    number = np.empty(_DIGITS, np.uint8)
    w = 0
    for k in range(end.size):
        a, b = at[k], at[k + 1]
        value = find_info(text, a, b, name) if apart[k] else np.int64(-1)
        for j in range(a, b + 1):
            if j == value:
                for i in range(_digits(end[k], number), number.size):
                    out[w] = number[i]
                    w += 1
            if j < b:
                out[w] = text[j]
                w += 1
        out_at[k + 1] = w
    return w


def cut_ends(info: pl.Series, end: Int64) -> tuple[pl.Series, Bools]:
    """Cut the number of END out of INFO texts, where it is `end` in plain digits.

    Parameters
    ----------
    info
        String[n].
    end
        int64[n]: last base of each record, 1-based.

    Returns
    -------
    (String[n], bool[n])
        The texts, and of which something was cut out: `END=` is left of the entry.
    """
    text, at = pack(info)
    out, out_at = np.empty(text.size, np.uint8), np.zeros(end.size + 1, np.int64)
    apart = np.zeros(end.size, np.bool_)
    used = _cut(text, at, end, END, out, out_at, apart)
    return strings(out[:used], out_at), apart


def put_ends(info: pl.Series, end: Int64, apart: Bools) -> pl.Series:
    """Put back what `cut_ends` cut out."""
    text, at = pack(info)
    size = text.size + _DIGITS * int(apart.sum())
    out, out_at = np.empty(size, np.uint8), np.zeros(end.size + 1, np.int64)
    used = _put(text, at, end, apart, END, out, out_at)
    return strings(out[:used], out_at)
