"""Compiled readers of the streams of AD, DP, GQ and PL (see `depths`): kinds, DP and AD.

Each reader stops at the end of its stream, so bytes that are damaged or made to harm are
refused and never lead outside. A call with arrays costs more than a cell: records of two
alleles, nearly all there are, are read without any.
"""

import numba as nb
import numpy as np

from varhouse.genotypes.codec.depths import (
    COPIED,
    DEPTH,
    ESCAPE,
    HAS_AD,
    HAS_DP,
    HAS_PL,
    MISSING,
    MOST_KIND,
    RAW,
    RAW_CELL,
    READS,
    SUM,
    genotypes_of,
    pair_of,
)
from varhouse.genotypes.codec.varints import (
    DAMAGED,
    get_number,
    get_varint,
    unzigzag,
)
from varhouse.genotypes.fields import INT_MISSING

_AD, _DP = range(2)


@nb.njit(cache=True, nogil=True)
def escaped(data, r, end, z):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read on after a byte z >= ESCAPE: (number or -1 for `.`, next place or DAMAGED)."""
    return (np.int64(-1), np.int64(r)) if z == MISSING else get_varint(data, r, end)


@nb.njit(cache=True, nogil=True)
def escaped_two(data, r, end, z, expected):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read on after a high byte z >= ESCAPE: (value, next place or DAMAGED)."""
    if z == MISSING:
        return np.int64(INT_MISSING), np.int64(r)
    z, r = get_varint(data, r, end)
    return expected + unzigzag(z), r


@nb.njit(cache=True, nogil=True)
def get_byte(data, r, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a residual of one byte: (number or -1 for `.`, next place or DAMAGED)."""
    if r >= end:
        return np.int64(0), np.int64(DAMAGED)
    z = np.int64(data[r])
    return (z, r + 1) if z < ESCAPE else escaped(data, r + 1, end, z)


@nb.njit(cache=True, nogil=True)
def get_two(data, r, end, low, high, expected):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a value of two bytes; r: next places; that of the high byte may be DAMAGED."""
    if r[low] >= end[low] or r[high] >= end[high]:
        r[high] = DAMAGED
        return np.int64(0)
    z = np.int64(data[r[high]])
    if z < ESCAPE:
        x = expected + unzigzag(z * 256 + data[r[low]])
        r[high] += 1
    else:
        x, r[high] = escaped_two(data, r[high] + 1, end[high], z, expected)
    r[low] += 1
    return x


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


@nb.njit(cache=True, nogil=True)
def raw_of(f, data, r, end, values, cut, c, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the values of field f of raw cell c; tells if all is well."""
    cut[c] = v[f]
    v[f], r[RAW + f] = _raw(data, r[RAW + f], end[RAW + f], values, v[f])
    return r[RAW + f] != DAMAGED


@nb.njit(cache=True, nogil=True)
def _depths_of_pairs(  # type: ignore[no-untyped-def]  # pragma: no cover
    data, r, end, v, c, people, kinds, delta, last, base, dp, dp_cut, ad, ad_cut
):
    """Read DP and AD of a record of two alleles: nearly all there are, so without calls."""
    r_dp, r_sum, r_ad = r[DEPTH], r[SUM], r[READS]
    e_dp, e_sum, e_ad = end[DEPTH], end[SUM], end[READS]
    v_dp, v_ad = v[_DP], v[_AD]
    for s in range(people):
        kind = kinds[c]
        if kind == RAW_CELL:
            v[_DP], v[_AD] = v_dp, v_ad
            well = raw_of(_DP, data, r, end, dp, dp_cut, c, v)
            if not well or not raw_of(_AD, data, r, end, ad, ad_cut, c, v):
                return False
            v_dp, v_ad = v[_DP], v[_AD]
            c += 1
            continue
        if v_dp >= dp.size or v_ad + 2 > ad.size:
            return False
        dp_cut[c], ad_cut[c] = v_dp, v_ad
        depth = np.int64(last[s])
        other, reads, error = 1, np.int64(0), np.int64(0)
        if kind != COPIED:
            if r_dp >= e_dp or r_sum >= e_sum or r_ad >= e_ad:
                return False
            z, error, reads = np.int64(data[r_dp]), np.int64(data[r_sum]), np.int64(data[r_ad])
            r_dp, r_sum, r_ad = r_dp + 1, r_sum + 1, r_ad + 1
            if max(z, error, reads) >= ESCAPE:
                if z >= ESCAPE:
                    z, r_dp = escaped(data, r_dp, e_dp, z)
                if error >= ESCAPE:
                    error, r_sum = escaped(data, r_sum, e_sum, error)
                if reads >= ESCAPE:
                    reads, r_ad = escaped(data, r_ad, e_ad, reads)
                if min(z, error, reads, r_dp, r_sum, r_ad) < 0:
                    return False
            depth = depth + unzigzag(z) if delta else z
            other = 0 if kind >= 8 else 1
        dp[v_dp] = depth
        ad[v_ad + other] = reads
        ad[v_ad + 1 - other] = depth - unzigzag(error) - reads
        v_dp, v_ad = v_dp + 1, v_ad + 2
        base[c] = last[s] = depth
        c += 1
    r[DEPTH], r[SUM], r[READS] = r_dp, r_sum, r_ad
    v[_DP], v[_AD] = v_dp, v_ad
    return True


@nb.njit(cache=True, nogil=True)
def _reads(data, r, end, n, main, ad, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read AD of all alleles but the main one; their sum, or DAMAGED."""
    total = np.int64(0)
    for i in range(n):
        if i != main:
            z, r[READS] = get_byte(data, r[READS], end[READS])
            if r[READS] == DAMAGED or z < 0:
                return np.int64(DAMAGED)
            ad[v + i] = z
            total += z
    return total


@nb.njit(cache=True, nogil=True)
def _depths_of_any(  # type: ignore[no-untyped-def]  # pragma: no cover
    data,
    r,
    end,
    v,
    c,
    people,
    kinds,
    delta,
    last,
    base,
    dp,
    dp_cut,
    ad,
    ad_cut,
    n,
    has_dp,
    has_ad,
    counts,
):
    """Read DP and AD, as far as they are there, of a record of n alleles.

    `counts`: the record has fields of the group, so that its cells have a depth.
    """
    for s in range(people):
        dp_cut[c], ad_cut[c] = v[_DP], v[_AD]
        kind = kinds[c]
        if kind == RAW_CELL:
            if has_dp and not raw_of(_DP, data, r, end, dp, dp_cut, c, v):
                return False
            if has_ad and not raw_of(_AD, data, r, end, ad, ad_cut, c, v):
                return False
            c += 1
            continue
        if (has_dp and v[_DP] >= dp.size) or (has_ad and v[_AD] + n > ad.size):
            return False
        depth, z, rest = np.int64(last[s]), np.int64(0), np.int64(0)
        if has_dp:
            if kind != COPIED:
                z, r[DEPTH] = get_byte(data, r[DEPTH], end[DEPTH])
                depth = depth + unzigzag(z) if delta else z
            dp[v[_DP]] = depth
            v[_DP] += 1
        elif counts and not has_ad:
            depth = np.int64(0)
        at = v[_AD]
        if has_ad and kind == COPIED:
            ad[at : at + n] = 0
            ad[at] = depth
        elif has_ad and has_dp:
            main = pair_of(np.int64(kind >> 2))[0]
            error, r[SUM] = get_byte(data, r[SUM], end[SUM])
            rest = _reads(data, r, end, n, main, ad, at)
            ad[at + main] = depth - unzigzag(error) - rest
            z = min(z, error)
        elif has_ad:
            rest = depth = _reads(data, r, end, n, -1, ad, at)
        if min(z, rest, r[DEPTH], r[SUM]) < 0:
            return False
        v[_AD] += n if has_ad else 0
        base[c] = last[s] = depth
        c += 1
    return True


@nb.njit(cache=True, nogil=True)
def read_depths(data, at, head, people, kinds, delta, want_ad, base, dp, dp_cut, ad, ad_cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read DP and, if wanted, AD; `base` gets the depth of cells. Tells if all is well.

    Where a record has AD and no DP, the depth is the sum of AD: then AD must be wanted.
    """
    alleles, has = head
    r, end = at[:-1].copy(), at[1:]
    v = np.zeros(4, np.int64)
    last = np.zeros(people, np.int32)
    for k in range(has.size):
        has_dp, has_ad = has[k] & HAS_DP != 0, has[k] & HAS_AD != 0 and want_ad
        n, c = np.int64(alleles[k]), k * people
        if n == 2 and has_dp and has_ad:
            well = _depths_of_pairs(
                data, r, end, v, c, people, kinds, delta, last, base, dp, dp_cut, ad, ad_cut
            )
        else:
            well = _depths_of_any(
                data,
                r,
                end,
                v,
                c,
                people,
                kinds,
                delta,
                last,
                base,
                dp,
                dp_cut,
                ad,
                ad_cut,
                n,
                has_dp,
                has_ad,
                has[k] != 0,
            )
        if not well:
            return False
    dp_cut[kinds.size], ad_cut[kinds.size] = v[_DP], v[_AD]
    return v[_DP] == dp.size and v[_AD] == ad.size
