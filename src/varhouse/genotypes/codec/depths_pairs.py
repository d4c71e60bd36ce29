"""Records of two alleles with AD, DP, GQ and PL, nearly all there are, into streams.

The same bytes as `depths_cell` writes, without calls: a call with arrays costs more than a
cell. What does not fit into single bytes goes there.
"""

import numba as nb
import numpy as np

from varhouse.genotypes.codec.depths import (
    DEPTH,
    ESCAPE,
    FIRST,
    KIND,
    OTHER_HIGH,
    OTHER_LOW,
    QUALITY,
    READS,
    SECOND_HIGH,
    SECOND_LOW,
    SLOPE,
    SUM,
    second_of_three,
)
from varhouse.genotypes.codec.depths_cell import encode_cell
from varhouse.genotypes.codec.varints import zigzag


@nb.njit(cache=True, nogil=True, inline="always")
def _guess(i, x, y, depth):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Guess PL number i of a call that is not 0/0 with AD x, y (see `usual_other_pl`)."""
    against = y if i == 0 else (x if i == 2 else 0)
    return SLOPE * against if against else 3 * depth


@nb.njit(cache=True, nogil=True)
def encode_pairs(values, cut, p, step, slot, people, last, rules, copied, c, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a record of two alleles that has all four fields.

    p: place of its first cell on the tape; step: fields of a cell; slot: places of the four in
    a cell; c: its first cell in `copied`.
    """
    ratio, delta = rules
    w_kind, w_depth, w_sum, w_reads, w_gq = w[KIND], w[DEPTH], w[SUM], w[READS], w[QUALITY]
    w_1, w_2l, w_2h, w_l, w_h = (
        w[FIRST],
        w[SECOND_LOW],
        w[SECOND_HIGH],
        w[OTHER_LOW],
        w[OTHER_HIGH],
    )
    j_ad, j_dp, j_gq, j_pl = slot[0], slot[1], slot[2], slot[3]
    for s in range(people):
        a, d, q, l = cut[p + j_ad], cut[p + j_dp], cut[p + j_gq], cut[p + j_pl]  # noqa: E741
        fits = cut[p + j_ad + 1] - a == 2 and cut[p + j_dp + 1] - d == 1
        fits = fits and cut[p + j_gq + 1] - q == 1 and cut[p + j_pl + 1] - l == 3
        if fits:
            depth, x, y = np.int64(values[d]), np.int64(values[a]), np.int64(values[a + 1])
            gq, v0 = np.int64(values[q]), np.int64(values[l])
            v1, v2 = np.int64(values[l + 1]), np.int64(values[l + 2])
            called = 0 if v0 == 0 else 1 if v1 == 0 else 2 if v2 == 0 else -1
            fits = called >= 0 and min(depth, x, y, gq, v0, v1, v2) >= 0
        if fits:
            error = zigzag(depth - x - y)
            z_gq = zigzag(gq - min(np.int64(99), second_of_three(v0, v1, v2)))
            z_depth = zigzag(depth - last[s, 0]) if delta else depth
            if called == 0:
                same = depth == last[s, 0] and v1 == last[s, 1] and v2 == last[s, 2]
                if same and x == depth and y == 0 and z_gq == 0:
                    copied[c] = True
                    c += 1
                    p += step
                    continue
                first = v1 == min(np.int64(99), 3 * depth)
                second = v2 == 15 * v1
                z_1 = np.int64(0) if first else zigzag(v1 - 3 * depth)
                z_2 = np.int64(0) if second else zigzag(v2 - ((ratio * depth) >> 4))
                fits = max(z_depth, error, y, z_gq, z_1) < ESCAPE and z_2 < ESCAPE * 256
                if fits:
                    out[w_kind] = int(first) + 2 * int(second)
                    out[w_reads] = y
                    if not first:
                        out[w_1] = z_1
                        w_1 += 1
                    if not second:
                        out[w_2l], out[w_2h] = z_2 & 255, z_2 >> 8
                        w_2l, w_2h = w_2l + 1, w_2h + 1
                    last[s, 1], last[s, 2] = v1, v2
            else:
                reads, i = (y, 2) if called == 1 else (x, 1)
                z_1 = zigzag(v0 - _guess(0, x, y, depth))
                z_2 = zigzag((v2 if i == 2 else v1) - _guess(i, x, y, depth))
                fits = (
                    max(z_depth, error, reads, z_gq) < ESCAPE and max(z_1, z_2) < ESCAPE * 256
                )
                if fits:
                    out[w_kind] = called * 4
                    out[w_reads] = reads
                    out[w_l], out[w_l + 1] = z_1 & 255, z_2 & 255
                    out[w_h], out[w_h + 1] = z_1 >> 8, z_2 >> 8
                    w_l, w_h = w_l + 2, w_h + 2
        if fits:
            out[w_depth], out[w_sum], out[w_gq] = z_depth, error, z_gq
            w_kind, w_reads = w_kind + 1, w_reads + 1
            w_depth, w_sum, w_gq = w_depth + 1, w_sum + 1, w_gq + 1
            last[s, 0] = depth
            copied[c] = False
        else:
            w[KIND], w[DEPTH], w[SUM], w[READS], w[QUALITY] = (
                w_kind,
                w_depth,
                w_sum,
                w_reads,
                w_gq,
            )
            w[FIRST], w[SECOND_LOW], w[SECOND_HIGH] = w_1, w_2l, w_2h
            w[OTHER_LOW], w[OTHER_HIGH] = w_l, w_h
            spans = (
                np.int64(a),
                np.int64(cut[p + j_ad + 1]),
                np.int64(d),
                np.int64(cut[p + j_dp + 1]),
                np.int64(q),
                np.int64(cut[p + j_gq + 1]),
                np.int64(l),
                np.int64(cut[p + j_pl + 1]),
            )
            copied[c] = encode_cell(out, w, values, spans, 2, 0, last[s], rules)
            w_kind, w_depth, w_sum, w_reads, w_gq = (
                w[KIND],
                w[DEPTH],
                w[SUM],
                w[READS],
                w[QUALITY],
            )
            w_1, w_2l, w_2h = w[FIRST], w[SECOND_LOW], w[SECOND_HIGH]
            w_l, w_h = w[OTHER_LOW], w[OTHER_HIGH]
        c += 1
        p += step
    w[KIND], w[DEPTH], w[SUM], w[READS], w[QUALITY] = w_kind, w_depth, w_sum, w_reads, w_gq
    w[FIRST], w[SECOND_LOW], w[SECOND_HIGH] = w_1, w_2l, w_2h
    w[OTHER_LOW], w[OTHER_HIGH] = w_l, w_h
