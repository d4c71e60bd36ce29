"""Compiled readers of the streams of AD, DP, GQ and PL (see `depths`): PL and GQ."""

import numba as nb
import numpy as np

from varhouse.genotypes.codec.depths import (
    COPIED,
    ESCAPE,
    FIRST,
    HAS_AD,
    HAS_GQ,
    HAS_PL,
    OTHER_HIGH,
    OTHER_LOW,
    QUALITY,
    RAW_CELL,
    SECOND_HIGH,
    SECOND_LOW,
    SLOPE,
    genotypes_of,
    second_of_three,
    usual_other_pl,
    usual_quality,
    usual_reference_pl,
)
from varhouse.genotypes.codec.depths_decode import (
    escaped,
    escaped_two,
    get_byte,
    get_two,
    raw_of,
)
from varhouse.genotypes.codec.varints import (
    unzigzag,
)
from varhouse.genotypes.fields import INT_MISSING

_GQ, _PL = range(2, 4)


@nb.njit(cache=True, nogil=True)
def _pl_of_pairs(  # type: ignore[no-untyped-def]  # pragma: no cover
    data, r, end, v, c, people, kinds, ratio, last, base, ad, ad_cut, has_ad, pl, pl_cut
):
    """Read PL of a record of two alleles, without calls (see `_depths_of_pairs`)."""
    r_1, r_2l, r_2h, r_l, r_h = (
        r[FIRST],
        r[SECOND_LOW],
        r[SECOND_HIGH],
        r[OTHER_LOW],
        r[OTHER_HIGH],
    )
    e_1, e_h = end[FIRST], end[OTHER_HIGH]
    w = v[_PL]
    for s in range(people):
        kind = np.int64(kinds[c])
        pl_cut[c] = w
        if kind == RAW_CELL:
            v[_PL] = w
            if not raw_of(_PL, data, r, end, pl, pl_cut, c, v):
                return False
            w = v[_PL]
            c += 1
            continue
        if w + 3 > pl.size:
            return False
        depth = np.int64(base[c])
        if kind < 4:
            p1 = min(np.int64(99), 3 * depth)
            if not kind & 1:
                if r_1 >= e_1:
                    return False
                z = np.int64(data[r_1])
                r_1 += 1
                if z >= ESCAPE:
                    z, r_1 = escaped(data, r_1, e_1, z)
                    if z < 0 or r_1 < 0:
                        return False
                p1 = 3 * depth + unzigzag(z)
            p2 = 15 * p1
            if not kind & 2:
                if r_2l >= end[SECOND_LOW] or r_2h >= end[SECOND_HIGH]:
                    return False
                z = np.int64(data[r_2h])
                p2 = (ratio * depth) >> 4
                r_2h += 1
                if z < ESCAPE:
                    p2 += unzigzag(z * 256 + data[r_2l])
                else:
                    p2, r_2h = escaped_two(data, r_2h, end[SECOND_HIGH], z, p2)
                    if r_2h < 0:
                        return False
                r_2l += 1
            pl[w], pl[w + 1], pl[w + 2] = 0, p1, p2
            last[s, 0], last[s, 1] = p1, p2
        elif kind == COPIED:
            pl[w], pl[w + 1], pl[w + 2] = 0, last[s, 0], last[s, 1]
        else:
            a = ad_cut[c]
            for i in range(3):
                x = np.int64(0)
                if i != kind >> 2:
                    if has_ad:
                        x = np.int64(ad[a + 1] if i == 0 else ad[a] if i == 2 else 0)
                        x = SLOPE * x if x else 3 * depth
                    if r_l >= end[OTHER_LOW] or r_h >= e_h:
                        return False
                    z = np.int64(data[r_h])
                    r_h += 1
                    if z < ESCAPE:
                        x += unzigzag(z * 256 + data[r_l])
                    else:
                        x, r_h = escaped_two(data, r_h, e_h, z, x)
                        if r_h < 0:
                            return False
                    r_l += 1
                pl[w + i] = x
        w += 3
        c += 1
    r[FIRST], r[SECOND_LOW], r[SECOND_HIGH], r[OTHER_LOW], r[OTHER_HIGH] = (
        r_1,
        r_2l,
        r_2h,
        r_l,
        r_h,
    )
    v[_PL] = w
    return True


@nb.njit(cache=True, nogil=True)
def _pl_of_any(  # type: ignore[no-untyped-def]  # pragma: no cover
    data,
    r,
    end,
    v,
    c,
    people,
    kinds,
    ratio,
    last,
    base,
    ad,
    ad_cut,
    has_ad,
    pl,
    pl_cut,
    n,
    fill,
):
    """Read PL of a record of n genotypes."""
    for s in range(people):
        kind = np.int64(kinds[c])
        w = v[_PL]
        pl_cut[c] = w
        if kind == RAW_CELL:
            if not raw_of(_PL, data, r, end, pl, pl_cut, c, v):
                return False
            c += 1
            continue
        if w + n > pl.size:
            return False
        called = np.int64(0) if kind == COPIED else kind >> 2
        depth, p1, p2 = np.int64(base[c]), np.int64(0), np.int64(0)
        if n > 1 and kind == COPIED:
            p1, p2 = np.int64(last[s, 0]), np.int64(last[s, 1])
        elif n > 1 and called == 0:
            p1 = min(np.int64(99), 3 * depth)
            if not kind & 1:
                z, r[FIRST] = get_byte(data, r[FIRST], end[FIRST])
                p1 = 3 * depth + unzigzag(z)
                if z < 0 or r[FIRST] < 0:
                    return False
            p2 = 15 * p1
            if not kind & 2:
                p2 = get_two(data, r, end, SECOND_LOW, SECOND_HIGH, (ratio * depth) >> 4)
        for i in range(n):
            if i == called:
                pl[w + i] = 0
            elif called == 0 and i < 3:
                pl[w + i] = p1 if i == 1 else p2
            elif kind == COPIED:
                pl[w + i] = usual_reference_pl(i, p1, p2, fill)
            else:
                if called == 0:
                    guess = usual_reference_pl(i, p1, p2, 0)
                else:
                    guess = usual_other_pl(i, ad, ad_cut[c], ad_cut[c + 1], depth, has_ad)
                pl[w + i] = get_two(data, r, end, OTHER_LOW, OTHER_HIGH, guess)
            if r[SECOND_HIGH] < 0 or r[OTHER_HIGH] < 0:
                return False
        if called == 0:
            last[s, 0], last[s, 1] = p1, p2
        v[_PL] += n
        c += 1
    return True


@nb.njit(cache=True, nogil=True)
def read_likelihoods(data, at, head, fill, people, kinds, ratio, base, ad, ad_cut, pl, pl_cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read PL; tells if all is well."""
    alleles, has = head
    r, end = at[:-1].copy(), at[1:]
    v = np.zeros(4, np.int64)
    last = np.zeros((people, 2), np.int64)
    for k in range(has.size):
        has_ad, c = has[k] & HAS_AD != 0, k * people
        n = np.int64(genotypes_of(np.int64(alleles[k])))
        well = True
        if not has[k] & HAS_PL:
            for s in range(people):
                pl_cut[c + s] = v[_PL]
                if has[k] and kinds[c + s] < COPIED:
                    last[s, 0] = last[s, 1] = 0
        elif n == 3:
            well = _pl_of_pairs(
                data,
                r,
                end,
                v,
                c,
                people,
                kinds,
                ratio,
                last,
                base,
                ad,
                ad_cut,
                has_ad,
                pl,
                pl_cut,
            )
        else:
            well = _pl_of_any(
                data,
                r,
                end,
                v,
                c,
                people,
                kinds,
                ratio,
                last,
                base,
                ad,
                ad_cut,
                has_ad,
                pl,
                pl_cut,
                n,
                fill[k],
            )
        if not well:
            return False
    pl_cut[kinds.size] = v[_PL]
    return v[_PL] == pl.size


@nb.njit(cache=True, nogil=True)
def read_qualities(data, at, has, people, kinds, pl, pl_cut, gq, gq_cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read GQ, from PL where they are; tells if all is well."""
    r, end = at[:-1].copy(), at[1:]
    v = np.zeros(4, np.int64)
    r_gq, e_gq = r[QUALITY], end[QUALITY]
    w = np.int64(0)
    for k in range(has.size):
        has_gq = has[k] & HAS_GQ != 0
        for c in range(k * people, (k + 1) * people):
            gq_cut[c] = w
            kind = kinds[c]
            if not has_gq:
                continue
            if kind == RAW_CELL:
                v[_GQ] = w
                if not raw_of(_GQ, data, r, end, gq, gq_cut, c, v):
                    return False
                w = v[_GQ]
                continue
            if w >= gq.size:
                return False
            z = np.int64(0)
            if kind != COPIED:
                if r_gq >= e_gq:
                    return False
                z = np.int64(data[r_gq])
                r_gq += 1
                if z >= ESCAPE:
                    z, r_gq = escaped(data, r_gq, e_gq, z)
                    if r_gq < 0:
                        return False
            a, b = pl_cut[c], pl_cut[c + 1]
            if b - a == 3 and min(pl[a], pl[a + 1], pl[a + 2]) >= 0:
                second = second_of_three(pl[a], pl[a + 1], pl[a + 2])
                usual = min(np.int64(99), np.int64(second))
            else:
                usual = usual_quality(pl, a, b)
            gq[w] = INT_MISSING if z < 0 else usual + unzigzag(z)
            w += 1
    gq_cut[kinds.size] = w
    return w == gq.size
