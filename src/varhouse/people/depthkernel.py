"""Compiled sums of depth, quality and reads over blocks of FORMAT fields and their calls."""

from typing import NamedTuple, Self

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genotypes.fields import INT_MISSING

Floats = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Sums(NamedTuple):
    """Sums of people: float64[people] of the values, int64[people] how many they are."""

    dp: Floats
    n_dp: Int64
    gq: Floats
    n_gq: Int64
    charr: Floats
    n_charr: Int64

    @classmethod
    def of(cls, people: int) -> Self:
        """Give sums of nothing."""
        floats = np.zeros((3, people), np.float64)
        counts = np.zeros((3, people), np.int64)
        return cls(floats[0], counts[0], floats[1], counts[1], floats[2], counts[2])

    def add(self, more: "Sums") -> None:
        """Add sums of the same people."""
        for floats, others in zip(self[::2], more[::2], strict=True):
            np.add(floats, others, out=floats)
        for counts, further in zip(self[1::2], more[1::2], strict=True):
            np.add(counts, further, out=counts)


class Reads(NamedTuple):
    """AD of the cells of a block: those of cell c are `values[cut[c]:cut[c + 1]]`.

    `odd` int64, ascending: cells that hold no plain numbers. `has_dp` bool[n]: the record has
    a DP, so that its depth is not the sum of AD.
    """

    values: Int32
    cut: Int32
    odd: Int64
    has_dp: npt.NDArray[np.bool_]


class Limits(NamedTuple):
    """Of a genotype that says something of contamination: both bounds of DP count."""

    least_dp: float
    most_dp: float
    least_gq: float


@nb.njit(cache=True, nogil=True)
def first_values(values, cut, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the value of each cell that has just one, and it is not `.`; else NaN."""
    for c in range(cut.size - 1):
        out[c] = np.nan
        if cut[c + 1] - cut[c] == 1 and values[cut[c]] != INT_MISSING:
            out[c] = values[cut[c]]


@nb.njit(cache=True, nogil=True, inline="always")
def _bit(bits, at, slot):  # type: ignore[no-untyped-def]  # pragma: no cover
    return (bits[at + (slot >> 3)] >> (7 - (slot & 7))) & 1


@nb.njit(cache=True, nogil=True)
def _is_called(planes, r, slot, ploidy):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a person has a copy, and all copies are called."""
    copies = 0
    for q in range(slot, slot + ploidy):
        if planes.absent[r] >= 0 and _bit(planes.bits, planes.absent[r], q):
            continue
        if planes.missing[r] >= 0 and _bit(planes.bits, planes.missing[r], q):
            return False
        copies += 1
    return copies > 0


@nb.njit(cache=True, nogil=True)
def _is_hom(planes, r, alt, slot, ploidy):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a called person has two copies, and both are an ALT (1-based)."""
    at = planes.at[planes.plane[r] + alt - 1]
    copies = 0
    for q in range(slot, slot + ploidy):
        if planes.absent[r] >= 0 and _bit(planes.bits, planes.absent[r], q):
            continue
        if not _bit(planes.bits, at, q):
            return False
        copies += 1
    return copies == 2


@nb.njit(cache=True, nogil=True)
def _strange_reads(reads, c, alt, dp, has_dp, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the share of reads of REF among those of REF and an ALT in cell c; -1: none."""
    begin, end = reads.cut[c], reads.cut[c + 1]
    if begin + alt >= end:
        return -1.0
    o = np.searchsorted(reads.odd, c)
    if o < reads.odd.size and reads.odd[o] == c:
        return -1.0
    ref, own = reads.values[begin], reads.values[begin + alt]
    if ref < 0 or own < 0 or ref + own == 0:
        return -1.0
    depth = dp
    if not has_dp:
        depth = 0.0
        for i in range(begin, end):
            depth += max(reads.values[i], 0)
    if not limits.least_dp <= depth <= limits.most_dp:
        return -1.0
    return ref / (np.float64(ref) + own)


@nb.njit(cache=True, nogil=True)
def add_block(planes, record, at, first, place, dp, gq, reads, sites, limits, sums):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the cells of a block whose genotype is fully called.

    Parameters
    ----------
    planes, record
        Of `PlaneRows`: the genotypes of the file's records.
    at
        int64[n]: which of these the records of the block are; -1 none.
    first
        First sample column of the block.
    place
        int32[columns of the file]: where the sums of each stand; -1: not asked for.
    dp, gq
        float64[n, people], NaN: none.
    reads
        `Reads` of the cells.
    sites
        int32[n] number of the ALT that contamination is looked for at, float64[n] the
        frequency of REF; 0: not at this record.
    """
    alt, ref_af = sites
    people = dp.shape[1]
    for k in range(at.size):
        if at[k] < 0:
            continue
        for r in range(record[at[k]], record[at[k] + 1]):
            ploidy = np.int64(planes.ploidy[r])
            if ploidy < 1:
                continue
            begin, end = planes.first[r], planes.first[r] + planes.people[r]
            whole = planes.missing[r] < 0 and planes.absent[r] < 0
            looked = ref_af[k] > 0.0 and alt[k] <= planes.plane[r + 1] - planes.plane[r]
            for c in range(max(first, begin), min(first + people, end)):
                s = place[c]
                slot = (c - begin) * ploidy
                if s < 0 or not (whole or _is_called(planes, r, slot, ploidy)):
                    continue
                depth, quality = dp[k, c - first], gq[k, c - first]
                if depth == depth:
                    sums.dp[s] += depth
                    sums.n_dp[s] += 1
                if quality == quality:
                    sums.gq[s] += quality
                    sums.n_gq[s] += 1
                if not looked or not quality >= limits.least_gq:
                    continue
                if _is_hom(planes, r, alt[k], slot, ploidy):
                    cell = k * people + c - first
                    share = _strange_reads(reads, cell, alt[k], depth, reads.has_dp[k], limits)
                    if share >= 0.0:
                        sums.charr[s] += share / ref_af[k]
                        sums.n_charr[s] += 1
