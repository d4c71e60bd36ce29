"""Alleles of one base, read and written as views (see `varhouse.tables.textviews`)."""

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.genome.reference import CONCRETE
from varhouse.normalise.status import Status

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Views = npt.NDArray[np.int32]

_UNCHANGED = int(Status.UNCHANGED)

_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_IS_BASE = np.isin(np.arange(256), np.frombuffer(b"ACGTN", np.uint8))


@njit(cache=True, nogil=True)
def runs(views: Views) -> Longs:
    """List the rows whose view differs from the one before (row 0 first).

    Equal short texts have equal views; long ones may stand apart and still be equal.
    """
    out = np.empty(len(views), np.int64)
    n = 0
    for k in range(len(views)):
        if (
            k == 0
            or views[k, 0] != views[k - 1, 0]
            or views[k, 1] != views[k - 1, 1]
            or views[k, 2] != views[k - 1, 2]
            or views[k, 3] != views[k - 1, 3]
        ):
            out[n] = k
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def take_bases(
    seq: Bytes,
    starts: Longs,
    lengths: Longs,
    contig: Ints,
    pos: Ints,
    ref: Views,
    alt: Views,
    new_ref: Views,
    new_alt: Views,
    status: npt.NDArray[np.int8],
) -> Longs:
    """Write the alleles of one base that stay as they are; list the rows of the others.

    Arguments as of `normalise_packed`; `new_ref`, `new_alt` and `status` are filled for
    the rows that are not in the list.
    """
    rest = np.empty(pos.size, np.int64)
    m = 0
    for k in range(pos.size):
        c, p = contig[k], np.int64(pos[k]) - 1
        if ref[k, 0] == 1 and alt[k, 0] == 1 and 0 <= c < starts.size and 0 <= p < lengths[c]:
            r, a = _UPPER[ref[k, 1] & 255], _UPPER[alt[k, 1] & 255]
            if r != a and _IS_BASE[a] and CONCRETE[seq[starts[c] + p]] == r:
                new_ref[k, 0], new_alt[k, 0] = 1, 1
                new_ref[k, 1], new_alt[k, 1] = r, a
                new_ref[k, 2], new_alt[k, 2] = 0, 0
                new_ref[k, 3], new_alt[k, 3] = 0, 0
                status[k] = _UNCHANGED
                continue
        rest[m] = k
        m += 1
    return rest[:m]
