"""Who carries an allele: the people whose bits are set in its plane."""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.planerows import PlaneRows


class Carriers(NamedTuple):
    """Carriers of some ALTs, by ALT and sample column.

    which
        int64[m]: number of the ALT among those asked for.
    column
        int32[m]: sample column.
    copies
        int8[m]: copies of the ALT that the person has, at least 1.
    """

    which: Int64
    column: Int32
    copies: npt.NDArray[np.int8]


@nb.njit(cache=True, nogil=True)
def _carriers(planes, record, rec, alt, wanted, which, column, copies):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the carriers of each ALT; write them down if there is room for them."""
    n = 0
    for i in range(rec.size):
        for r in range(record[rec[i]], record[rec[i] + 1]):
            ploidy = np.int64(planes.ploidy[r])
            p = planes.plane[r] + alt[i] - 1
            if ploidy < 1 or p >= planes.plane[r + 1]:
                continue
            slots = planes.people[r] * ploidy
            at = planes.at[p]
            last = np.int64(-1)
            for b in range((slots + 7) >> 3):
                byte = planes.bits[at + b]
                if byte == 0:
                    continue
                for k in range(8):
                    if not byte & (128 >> k):
                        continue
                    s = (8 * b + k) // ploidy
                    c = s + planes.first[r]
                    if not wanted[c]:
                        continue
                    if s != last:
                        last = s
                        if which.size:
                            which[n] = i
                            column[n] = c
                            copies[n] = 0
                        n += 1
                    if which.size:
                        copies[n - 1] += 1
    return n


def find_carriers(rows: PlaneRows, record: Int64, alt: Int32, columns: Int32) -> Carriers:
    """Find who has at least one copy of some ALTs.

    Parameters
    ----------
    rows
        Genotypes of records of one file.
    record, alt
        int64[k], int32[k]: record (0 to `rows.size` - 1) and number of each ALT, from 1.
        Nobody carries an ALT of a record without GT.
    columns
        int32[...]: the sample columns to look at.
    """
    wanted = np.zeros(int(rows.columns.max(initial=-1)) + 1, np.bool_)
    wanted[columns] = True
    none = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int8)
    n = _carriers(rows.planes, rows.record, record, alt, wanted, *none)
    out = Carriers(np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int8))
    if n:
        _carriers(rows.planes, rows.record, record, alt, wanted, *out)
    return out
