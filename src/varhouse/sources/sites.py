"""The alleles of VCF lines, without what stands behind ALT.

Most bytes of a line are INFO or samples: the line ends are found by numpy, and only the
first five columns are looked at.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from varhouse.tables.textcolumn import strings

Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]

_UPPER: UInt8 = np.frombuffer(bytes(range(128)).upper() + b"?" * 128, np.uint8)
"""Upper case of each byte; what is no ASCII is no allele, and may be no text either."""

_MOST = 2**31 - 1


def split_alleles(
    block: bytes, canonical: Callable[[str], str | None]
) -> tuple[pl.DataFrame, int]:
    """Give the alleles of whole VCF lines, one row for each ALT.

    Parameters
    ----------
    block
        Lines without header; lines of fewer than five columns, or without ALT, have no row.
    canonical
        Gives the contig that a name of the file means, or None; asked once for each run of
        lines of one name.

    Returns
    -------
    pl.DataFrame
        contig String (null where it is unknown), pos Int32 (1-based; null where it is no
        number of 31 bits), ref and alt String in upper case, in the order of the lines.
    int
        Lines that have rows.
    """
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    if data.size and data[-1] != ord("\n"):
        ends = np.append(ends, data.size)
    at = np.empty((ends.size, 8), np.int64)
    n, rows, ref_size, alt_size = _find(data, ends, at)
    run, pos, is_pos = np.empty(rows, np.int64), np.zeros(rows, np.int32), np.empty(rows, bool)
    ref, alt = np.empty(ref_size, np.uint8), np.empty(alt_size, np.uint8)
    ref_at, alt_at = np.zeros(rows + 1, np.int64), np.zeros(rows + 1, np.int64)
    names = np.empty((n, 2), np.int64)
    n_names = _write(data, at[:n], _UPPER, run, names, pos, is_pos, ref, ref_at, alt, alt_at)
    said = [block[a:b].decode("utf-8", "replace") for a, b in names[:n_names]]
    contigs = pl.Series([canonical(name) for name in said], dtype=pl.String)
    positions = pl.Series(pos)
    if not is_pos.all():
        positions = positions.set(~pl.Series(is_pos), None)
    frame = pl.DataFrame(
        {
            "contig": contigs.gather(run),
            "pos": positions,
            "ref": strings(ref, ref_at),
            "alt": strings(alt, alt_at),
        }
    )
    return frame, n


@njit(cache=True, nogil=True)
def _find(  # type: ignore[no-untyped-def]
    data, ends, at
):
    """Write where chrom, pos, ref and alt of the lines that have them begin and end.

    Gives the number of these lines, of their ALTs, and of the bytes that REF, once for each
    ALT, and the ALTs take.
    """
    n, rows, ref_size, alt_size = 0, 0, 0, 0
    start = 0
    for end in ends:
        i, column = start, 0
        stop = end
        if stop > start and data[stop - 1] == 13:
            stop -= 1
        first = start
        while column < 5 and i <= stop:
            if i == stop or data[i] == 9:
                if column != 2:
                    slot = column if column < 2 else column - 1
                    at[n, 2 * slot], at[n, 2 * slot + 1] = first, i
                first = i + 1
                column += 1
            i += 1
        start = end + 1
        if column < 5 or at[n, 6] == at[n, 7]:
            continue
        several = 1
        for j in range(at[n, 6], at[n, 7]):
            several += data[j] == 44
        rows += several
        ref_size += several * (at[n, 5] - at[n, 4])
        alt_size += at[n, 7] - at[n, 6] + 1 - several
        n += 1
    return n, rows, ref_size, alt_size


@njit(cache=True, nogil=True)
def _write(  # type: ignore[no-untyped-def]
    data, at, upper, run, names, pos, is_pos, ref, ref_at, alt, alt_at
):
    """Write the rows; gives the number of names: one for each run of lines of one chrom."""
    row, r, a, n_names = 0, 0, 0, 0
    for k in range(at.shape[0]):
        if k == 0 or not _same(data, at[k, 0], at[k, 1], at[k - 1, 0], at[k - 1, 1]):
            names[n_names, 0], names[n_names, 1] = at[k, 0], at[k, 1]
            n_names += 1
        value, good = _number(data, at[k, 2], at[k, 3])
        j, end = at[k, 6], at[k, 7]
        while j <= end:
            run[row] = n_names - 1
            pos[row], is_pos[row] = value, good
            for i in range(at[k, 4], at[k, 5]):
                ref[r] = upper[data[i]]
                r += 1
            while j < end and data[j] != 44:
                alt[a] = upper[data[j]]
                a += 1
                j += 1
            j += 1
            row += 1
            ref_at[row], alt_at[row] = r, a
    return n_names


@njit(cache=True, nogil=True)
def _same(data, a, a_end, b, b_end):  # type: ignore[no-untyped-def]
    if a_end - a != b_end - b:
        return False
    same = True
    for i in range(a_end - a):
        same = same and data[a + i] == data[b + i]
    return same


@njit(cache=True, nogil=True)
def _number(data, start, end):  # type: ignore[no-untyped-def]
    """Read a decimal number; gives it and whether it is one of 31 bits."""
    value = 0
    if start == end:
        return 0, False
    for i in range(start, end):
        digit = int(data[i]) - 48
        if digit < 0 or digit > 9:
            return 0, False
        value = value * 10 + digit
        if value > _MOST:
            return 0, False
    return value, True
