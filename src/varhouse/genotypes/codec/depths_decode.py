"""Compiled readers of the streams of AD, DP, GQ and PL (see `depths`), a pass a field.

Kinds come first, then DP and AD, then PL, then GQ. Each reader stops at the end of its
stream, so bytes that are damaged or made to harm are refused and never lead outside.
"""

import numba as nb
import numpy as np

from varhouse.genotypes.codec.depths import (
    COPIED,
    DEPTH,
    ESCAPE,
    FIRST,
    HAS_AD,
    HAS_DP,
    HAS_GQ,
    HAS_PL,
    MISSING,
    MOST_KIND,
    OTHER_HIGH,
    OTHER_LOW,
    QUALITY,
    RAW,
    RAW_CELL,
    READS,
    SECOND_HIGH,
    SECOND_LOW,
    SUM,
    genotypes_of,
    pair_of,
    usual_other_pl,
    usual_quality,
    usual_reference_pl,
)
from varhouse.genotypes.codec.varints import DAMAGED, get_number, get_varint, unzigzag
from varhouse.genotypes.fields import INT_MISSING

_AD, _DP, _GQ, _PL = range(4)


@nb.njit(cache=True, nogil=True, inline="always")
def _get_byte(data, r, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a residual of one byte: (number or -1 for `.`, next place or DAMAGED)."""
    if r >= end:
        return np.int64(0), np.int64(DAMAGED)
    z = np.int64(data[r])
    if z < ESCAPE:
        return z, r + 1
    if z == MISSING:
        return np.int64(-1), r + 1
    return get_varint(data, r + 1, end)


@nb.njit(cache=True, nogil=True, inline="always")
def _get_two(data, low, high, low_end, high_end, expected):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a value of two bytes: (value, next place of the high byte or DAMAGED)."""
    if low >= low_end or high >= high_end:
        return np.int64(0), np.int64(DAMAGED)
    z = np.int64(data[high])
    if z < ESCAPE:
        return expected + unzigzag(z * 256 + data[low]), high + 1
    if z == MISSING:
        return np.int64(INT_MISSING), high + 1
    z, high = get_varint(data, high + 1, high_end)
    return expected + unzigzag(z), high


@nb.njit(cache=True, nogil=True)
def _raw(data, r, end, values, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a raw cell into `values` from v on: (next value, next place or DAMAGED)."""
    n, r = get_varint(data, r, end)
    if r == DAMAGED or v + n > values.size:
        return v, np.int64(DAMAGED)
    for i in range(v, v + n):
        x, r = get_number(data, r, end)
        if r == DAMAGED:
            return v, r
        values[i] = x
    return v + n, r


@nb.njit(cache=True, nogil=True)
def read_kinds(has, alleles, people, copied, written, kinds):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Spread the kinds over all cells; False if they are not as many, or none that can be."""
    m = k = 0
    for r in range(has.size):
        if not has[r]:
            continue
        most = min(max(genotypes_of(alleles[r]), 1), MOST_KIND) if has[r] & HAS_PL else 1
        for c in range(r * people, (r + 1) * people):
            if copied[m]:
                kinds[c] = COPIED
                if alleles[r] == 0:
                    return False
            else:
                if k >= written.size:
                    return False
                kinds[c] = written[k]
                k += 1
                if kinds[c] != RAW_CELL and (kinds[c] >> 2 >= most or alleles[r] == 0):
                    return False
            m += 1
    return k == written.size


@nb.njit(cache=True, nogil=True, inline="always")
def _reads(data, r_sum, e_sum, r_ad, e_ad, kind, has_dp, depth, n, ad, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read AD of a regular cell into `ad` from v on.

    Returns (depth, next place in SUM, next place in READS); a place is DAMAGED where the
    bytes end too early. Without DP the depth is the sum of AD.
    """
    main = np.int64(-1)
    rest = depth
    if has_dp:
        main = np.int64(0) if kind < 4 else np.int64(pair_of(kind >> 2)[0])
        z, r_sum = _get_byte(data, r_sum, e_sum)
        if z < 0:
            r_sum = np.int64(DAMAGED)
        rest = depth - unzigzag(z)
    else:
        depth = np.int64(0)
    for i in range(n):
        if i != main:
            z, r_ad = _get_byte(data, r_ad, e_ad)
            if r_ad == DAMAGED or z < 0:
                return depth, r_sum, np.int64(DAMAGED)
            ad[v + i] = z
            rest -= z
            if not has_dp:
                depth += z
    if main >= 0:
        ad[v + main] = rest
    return depth, r_sum, r_ad


@nb.njit(cache=True, nogil=True)
def read_depths(data, at, head, people, kinds, delta, want_ad, base, dp, dp_cut, ad, ad_cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read DP and, if wanted, AD; `base` gets the depth of cells. Tells if all is well.

    Where a record has AD and no DP, the depth is the sum of AD: then AD must be wanted.
    """
    alleles, has = head
    r_dp, r_sum, r_ad = at[DEPTH], at[SUM], at[READS]
    raw_dp, raw_ad = at[RAW + _DP], at[RAW + _AD]
    last = np.zeros(people, np.int64)
    c = v_dp = v_ad = np.int64(0)
    for r in range(has.size):
        has_dp, has_ad = has[r] & HAS_DP != 0, has[r] & HAS_AD != 0 and want_ad
        n = np.int64(alleles[r])
        for s in range(people):
            dp_cut[c], ad_cut[c] = v_dp, v_ad
            kind = kinds[c]
            depth = last[s]
            if kind == RAW_CELL:
                if has_dp:
                    v_dp, raw_dp = _raw(data, raw_dp, at[RAW + _DP + 1], dp, v_dp)
                if has_ad:
                    v_ad, raw_ad = _raw(data, raw_ad, at[RAW + _AD + 1], ad, v_ad)
                if raw_dp == DAMAGED or raw_ad == DAMAGED:
                    return False
                c += 1
                continue
            if (has_dp and v_dp >= dp.size) or (has_ad and v_ad + n > ad.size):
                return False
            if has_dp:
                if kind != COPIED:
                    z, r_dp = _get_byte(data, r_dp, at[DEPTH + 1])
                    if r_dp == DAMAGED or z < 0:
                        return False
                    depth = depth + unzigzag(z) if delta else z
                dp[v_dp] = depth
                v_dp += 1
            elif has[r] and not has_ad:
                depth = np.int64(0)
            if has_ad:
                if kind == COPIED:
                    ad[v_ad] = depth
                    ad[v_ad + 1 : v_ad + n] = 0
                else:
                    depth, r_sum, r_ad = _reads(
                        data,
                        r_sum,
                        at[SUM + 1],
                        r_ad,
                        at[READS + 1],
                        kind,
                        has_dp,
                        depth,
                        n,
                        ad,
                        v_ad,
                    )
                    if r_sum == DAMAGED or r_ad == DAMAGED:
                        return False
                v_ad += n
            base[c] = depth
            last[s] = depth
            c += 1
    dp_cut[c], ad_cut[c] = v_dp, v_ad
    return v_dp == dp.size and v_ad == ad.size


@nb.njit(cache=True, nogil=True, inline="always")
def _reference_pl(data, at, r, kind, ratio, base, n, pl, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read PL of a regular reference call; r: next places in FIRST, SECOND and OTHER."""
    p1 = min(np.int64(99), 3 * base)
    if not kind & 1:
        z, r[0] = _get_byte(data, r[0], at[FIRST + 1])
        if z < 0:
            r[0] = DAMAGED
        p1 = 3 * base + unzigzag(z)
    p2 = 15 * p1
    if not kind & 2:
        p2, high = _get_two(
            data, r[1], r[2], at[SECOND_LOW + 1], at[SECOND_HIGH + 1], (ratio * base) >> 4
        )
        r[1] += 1
        r[2] = high
    pl[v + 1], pl[v + 2] = p1, p2
    for i in range(3, n):
        guess = usual_reference_pl(i, p1, p2, 0)
        pl[v + i], high = _get_two(
            data, r[3], r[4], at[OTHER_LOW + 1], at[OTHER_HIGH + 1], guess
        )
        r[3] += 1
        r[4] = high
        if high == DAMAGED:
            break
    return p1, p2


@nb.njit(cache=True, nogil=True)
def _other_pl(data, at, r, called, base, ad, a, b, has_ad, n, pl, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read PL of a regular call of another genotype."""
    for i in range(n):
        if i == called:
            continue
        guess = usual_other_pl(i, ad, a, b, base, has_ad)
        pl[v + i], high = _get_two(
            data, r[3], r[4], at[OTHER_LOW + 1], at[OTHER_HIGH + 1], guess
        )
        r[3] += 1
        r[4] = high
        if high == DAMAGED:
            break


@nb.njit(cache=True, nogil=True)
def read_likelihoods(data, at, head, fill, people, kinds, ratio, base, ad, ad_cut, pl, pl_cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read PL; tells if all is well."""
    alleles, has = head
    r = np.array([at[FIRST], at[SECOND_LOW], at[SECOND_HIGH], at[OTHER_LOW], at[OTHER_HIGH]])
    raw = at[RAW + _PL]
    last = np.zeros((people, 2), np.int64)
    c = v = np.int64(0)
    for k in range(has.size):
        has_pl = has[k] & HAS_PL != 0
        has_ad = has[k] & HAS_AD != 0
        n = np.int64(genotypes_of(np.int64(alleles[k])))
        for s in range(people):
            pl_cut[c] = v
            kind = np.int64(kinds[c])
            p1, p2 = last[s, 0], last[s, 1]
            if not has_pl:
                if has[k] and kind < COPIED:
                    last[s, 0] = last[s, 1] = 0
            elif kind == RAW_CELL:
                v, raw = _raw(data, raw, at[RAW + _PL + 1], pl, v)
                if raw == DAMAGED:
                    return False
            elif v + n > pl.size:
                return False
            elif kind == COPIED:
                pl[v] = 0
                if n > 1:
                    pl[v + 1], pl[v + 2] = p1, p2
                    for i in range(3, n):
                        pl[v + i] = usual_reference_pl(i, p1, p2, fill[k])
                v += n
            else:
                called = kind >> 2
                pl[v + called] = 0
                p1 = p2 = np.int64(0)
                if n > 1 and called == 0:
                    p1, p2 = _reference_pl(data, at, r, kind, ratio, base[c], n, pl, v)
                elif n > 1:
                    a, b = ad_cut[c], ad_cut[c + 1]
                    _other_pl(data, at, r, called, base[c], ad, a, b, has_ad, n, pl, v)
                if r[0] == DAMAGED or r[2] == DAMAGED or r[4] == DAMAGED:
                    return False
                if called == 0:
                    last[s, 0], last[s, 1] = p1, p2
                v += n
            c += 1
    pl_cut[c] = v
    return v == pl.size


@nb.njit(cache=True, nogil=True)
def read_qualities(data, at, has, people, kinds, pl, pl_cut, gq, gq_cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read GQ, from PL where they are; tells if all is well."""
    r, raw = at[QUALITY], at[RAW + _GQ]
    c = v = np.int64(0)
    for k in range(has.size):
        has_gq = has[k] & HAS_GQ != 0
        for _ in range(people):
            gq_cut[c] = v
            kind = kinds[c]
            if has_gq and kind == RAW_CELL:
                v, raw = _raw(data, raw, at[RAW + _GQ + 1], gq, v)
                if raw == DAMAGED:
                    return False
            elif has_gq:
                if v >= gq.size:
                    return False
                z = np.int64(0)
                if kind != COPIED:
                    z, r = _get_byte(data, r, at[QUALITY + 1])
                    if r == DAMAGED:
                        return False
                usual = usual_quality(pl, pl_cut[c], pl_cut[c + 1])
                gq[v] = INT_MISSING if z < 0 else usual + unzigzag(z)
                v += 1
            c += 1
    gq_cut[c] = v
    return v == gq.size
