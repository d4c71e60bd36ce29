"""Lift single positions: one look into an index, then a short search among blocks."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.liftover.chain import (
    END,
    N_HITS,
    PLACE,
    SIGN,
    START,
    TARGET,
    Chain,
    Ints,
    Longs,
)


class Lifted(NamedTuple):
    """Positions in the target.

    Attributes
    ----------
    contig
        int32[n]: index into `Chain.targets`; -1: in no chain.
    pos
        int64[n]: 0-based on the plus strand; -1: in no chain.
    strand
        int8[n]: 1, or -1 where the target has the minus strand; 0: in no chain.
    n_hits
        int32[n]: blocks that hold the position. Of several the one with the highest
        score counts, of equal ones the first in the file.
    """

    contig: Ints
    pos: Longs
    strand: npt.NDArray[np.int8]
    n_hits: Ints


@njit(cache=True, nogil=True, inline="always")
def find_segment(first, table, shift, bucket_first, bucket, c, pos):  # type: ignore[no-untyped-def]
    """Give the row of contig `c` that holds `pos`, -1 if there is none."""
    b = bucket_first[c] + (pos >> shift[c])
    if b >= bucket_first[c + 1]:
        return -1
    last = first[c + 1]
    low = np.int64(bucket[b])
    # Walk a little, then halve: buckets with many rows are rare.
    for _ in range(4):
        if low >= last or table[low, START] > pos:
            return -1
        if table[low, END] > pos:
            return low
        low += 1
    high = np.int64(bucket[b + 1]) if b + 1 < bucket_first[c + 1] else last
    while low < high:
        middle = (low + high) >> 1
        if table[middle, END] > pos:
            high = middle
        else:
            low = middle + 1
    return low if low < last and table[low, START] <= pos else -1


@njit(cache=True, nogil=True)
def _lift(first, table, shift, bucket_first, bucket, contig, pos):  # type: ignore[no-untyped-def]
    n = pos.size
    n_contigs = first.size - 1
    out_contig, out_pos = np.empty(n, np.int32), np.empty(n, np.int64)
    out_strand, out_hits = np.empty(n, np.int8), np.empty(n, np.int32)
    for k in range(n):
        c = np.int64(contig[k] if contig.size > 1 else contig[0])
        p = pos[k]
        row = np.int64(-1)
        if 0 <= c < n_contigs and p >= 0:
            row = find_segment(first, table, shift, bucket_first, bucket, c, p)
        if row < 0:
            out_contig[k], out_pos[k], out_strand[k], out_hits[k] = -1, -1, 0, 0
        else:
            out_contig[k], out_hits[k] = table[row, TARGET], table[row, N_HITS]
            out_pos[k] = table[row, PLACE] + table[row, SIGN] * p
            out_strand[k] = table[row, SIGN]
    return out_contig, out_pos, out_strand, out_hits


def lift_positions(chain: Chain, contig: "int | Ints", pos: Longs) -> Lifted:
    """Lift positions from the source to the target.

    Parameters
    ----------
    chain
        From `read_chain`.
    contig
        Index into `chain.sources`, one for all positions or int32[n]; -1: not known.
    pos
        int64[n], 0-based.

    Returns
    -------
    Lifted
        A row for each position, in their order.
    """
    pos = np.ascontiguousarray(pos, np.int64)
    codes = np.atleast_1d(np.asarray(contig, np.int32))
    if codes.size not in (1, pos.size):
        raise ValueError("contig and pos have different lengths")
    look = chain.forward
    return Lifted(
        *_lift(
            look.first,
            look.table,
            look.shift,
            look.bucket_first,
            look.bucket,
            np.ascontiguousarray(codes),
            pos,
        )
    )
