"""Compiled search for the best path of two states over the sites of people."""

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)
def find_runs(het, hom, called, person, at, contig, pos, emit, stay, model, path, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find runs of the state AZ on the Viterbi path of people, from one on.

    With x = P(best path to AZ) / P(best path to HW) one number a site is carried on, in
    which the path of both states is as in `hmm_run_viterbi` of bcftools, ties to HW.

    Parameters
    ----------
    het, hom, called
        uint64[people, words], as of `PackedCalls`.
    person
        The first one that is looked at.
    at, contig, pos, emit, stay
        Of the sites, see `roh._Sites`.
    model
        `roh.Model`.
    path
        uint8[n], overwritten.
    out
        int64[more than n, 4]: gets person, first and last site, sites of each run.

    Returns
    -------
    (int, int)
        The person to go on with, as `out` has no room for another; rows written.
    """
    n = at.size
    rows = 0
    for who in range(person, het.shape[0]):
        if rows + n > out.shape[0]:
            return who, rows
        begin = 0
        while begin < n:
            end = begin + 1
            while end < n and contig[end] == contig[begin]:
                end += 1
            state = _walk(
                het[who], hom[who], called[who], begin, end, at, pos, emit, stay, model, path
            )
            rows = _trace(begin, end, state, path, who, out, rows)
            begin = end
    return het.shape[0], rows


@nb.njit(cache=True, nogil=True)
def _walk(het, hom, called, begin, end, at, pos, emit, stay, model, path):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Go along the sites of a contig: the state of the last one; `path` gets the ways to it.

    Of each site bit 0: AZ comes from AZ, bit 1: HW comes from AZ, bit 2: it is not called.
    """
    to_az, to_hw, _ = model
    both = to_az + to_hw
    log_stay = np.log1p(-both)
    x = 1.0
    before = np.int64(-1)
    for i in range(begin, end):
        word, bit = at[i] >> 6, np.uint64(at[i] & 63)
        if (called[word] >> bit) & np.uint64(1) == 0:
            path[i] = 4
            continue
        copies = 0
        if (het[word] >> bit) & np.uint64(1):
            copies = 1
        elif (hom[word] >> bit) & np.uint64(1):
            copies = 2
        if before == i - 1 and before >= 0:
            kept = stay[i]
        elif before >= 0:
            kept = np.exp((pos[i] - pos[before]) * log_stay)
        else:
            kept = 1.0 - both
        to = (1.0 - kept) / both
        into, out_of = to_az * to, to_hw * to
        az_stays, az_leaves = x * (1.0 - out_of), x * out_of
        way = 0
        if az_stays > into:
            way = 1
        else:
            az_stays = into
        if az_leaves > 1.0 - into:
            way |= 2
        else:
            az_leaves = 1.0 - into
        x = emit[i, copies] * az_stays / az_leaves
        path[i] = way
        before = np.int64(i)
    return 1 if x > 1.0 else 0


@nb.njit(cache=True, nogil=True)
def _trace(begin, end, state, path, who, out, rows):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Go back along the sites and write runs of AZ, in order of place; rows written."""
    first = rows
    inside = False
    for i in range(end - 1, begin - 1, -1):
        way = path[i]
        if way == 4:
            continue
        if state == 1:
            if not inside:
                out[rows, 0], out[rows, 2], out[rows, 3] = who, i, 0
                rows += 1
                inside = True
            out[rows - 1, 1] = i
            out[rows - 1, 3] += 1
            state = way & 1
        else:
            inside = False
            state = way >> 1
    for k in range((rows - first) // 2):
        for j in range(4):
            a, b = first + k, rows - 1 - k
            out[a, j], out[b, j] = out[b, j], out[a, j]
    return rows
