"""The cells of blocks of FORMAT fields: docs/call-blocks.md in compiled code.

A read beyond the end of a stream gives 0 and moves on, so that whoever compares the place
with the size of the stream afterwards finds it.
"""

import numba as nb
import numpy as np

_MISSING = -(2**31)
_NONE = -(2**62)
"""In place of a number: `.`"""
_MOST = 1 << 20
"""No cell has as many values."""


@nb.njit(inline="always")
def _byte(streams, at, k):  # type: ignore[no-untyped-def]  # pragma: no cover
    i = at[k]
    at[k] = i + 1
    return np.int64(streams[k][i]) if i < streams[k].size else np.int64(0)


@nb.njit(cache=True, nogil=True)
def _varint(streams, at, k):  # type: ignore[no-untyped-def]  # pragma: no cover
    value = np.int64(0)
    shift = 0
    while shift < 63:
        byte = _byte(streams, at, k)
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value


@nb.njit(inline="always")
def _signed(z):  # type: ignore[no-untyped-def]  # pragma: no cover
    return -(z + 1) // 2 if z & 1 else z // 2


@nb.njit(inline="always")
def _short(streams, at, k):  # type: ignore[no-untyped-def]  # pragma: no cover
    byte = _byte(streams, at, k)
    if byte == 255:
        return _NONE
    return _varint(streams, at, k) if byte == 254 else byte


@nb.njit(inline="always")
def _long(streams, at, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    a = _byte(streams, at, low)
    b = _byte(streams, at, high)
    if b == 255:
        return _NONE
    return _varint(streams, at, high) if b == 254 else b * 256 + a


@nb.njit(cache=True, nogil=True)
def read_one(shape, how, heads, streams, at, values, cut, state):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a field coded for itself.

    Parameters
    ----------
    shape
        Records and people.
    how
        int64[10]: predictions of class 0 to 3, two bytes or one, sum, ragged.
    heads
        int64[5 x records]: stream 0.
    at
        int64[streams]: where each was read to.
    values, cut, state
        See `blockread.Cells`; filled.

    Returns
    -------
    int
        Number of values; -1 if there are more than `values` has room for.
    """
    n, people = shape
    total, ragged = how[8], how[9]
    before = np.zeros((people, 4), np.int64)
    v = 0
    bit = 0
    c = 0
    for r in range(n):
        for s in range(people):
            if heads[r] <= 0:
                state[c] = 2
                c += 1
                cut[c] = v
                continue
            where = bit >> 3
            same = where < streams[1].size and (streams[1][where] >> (7 - (bit & 7))) & 1
            bit += 1
            width = heads[r] - 1
            if not same and ragged:
                width = _varint(streams, at, 2)
            if width < 0 or width > _MOST or v + width > values.size:
                return -1
            known = np.int64(0)
            for i in range(width):
                k = min(i, 3)
                kind = how[k]
                guess = heads[(1 + k) * n + r]
                if kind == 0:
                    guess = np.int64(0)
                elif kind == 2:
                    guess = before[s, k]
                elif kind == 3 and i == width - 1:
                    guess = total - known
                if not same:
                    if how[4 + k]:
                        z = _long(streams, at, 4 + 2 * k, 3 + 2 * k)
                    else:
                        z = _short(streams, at, 3 + 2 * k)
                    base = np.int64(0) if guess == _MISSING else guess
                    guess = np.int64(_MISSING) if z == _NONE else base + _signed(z)
                if guess != _MISSING:
                    known += guess
                values[v] = guess
                v += 1
            for i in range(min(width, 4)):
                if values[v - width + i] != _MISSING:
                    before[s, i] = values[v - width + i]
            state[c] = 1 if width == 0 else 0
            c += 1
            cut[c] = v
    at[1] = (bit + 7) >> 3
    return v


@nb.njit(cache=True, nogil=True)
def _raw(streams, at, k, out, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a raw cell of a field: how many values, or -1."""
    width = _varint(streams, at, k)
    if width < 0 or width > _MOST or v + width > out.size:
        return -1
    for i in range(width):
        z = _varint(streams, at, k)
        out[v + i] = _MISSING if z == 0 else _signed(z - 1)
    return width


@nb.njit(cache=True, nogil=True)
def read_depths(shape, how, streams, at, values, cuts, states):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read AD, DP, GQ and PL; arguments as of `read_one`, a tuple of four fields each.

    `how` is int64[2]: ratio, delta.
    """
    n, people = shape
    ratio, delta = how[0], how[1]
    last = np.zeros((people, 3), np.int64)
    v = np.zeros(4, np.int64)
    ad = np.zeros(64, np.int64)
    pl = np.zeros(64 * 65 // 2, np.int64)
    bit = 0
    c = 0
    for r in range(n):
        alleles, flags = np.int64(streams[0][r]), np.int64(streams[0][n + r])
        has_ad, has_dp, has_gq, has_pl = flags & 1, flags & 2, flags & 4, flags & 8
        fill = flags & 16
        for s in range(people):
            for f in range(4):
                states[f][c] = 0 if flags >> f & 1 else 2
            if not flags & 15:
                c += 1
                for f in range(4):
                    cuts[f][c] = v[f]
                continue
            where = bit >> 3
            copied = where < streams[1].size and (streams[1][where] >> (7 - (bit & 7))) & 1
            bit += 1
            kind = np.int64(0) if copied else _byte(streams, at, 2)
            if kind == 255:
                for f in range(4):
                    if flags >> f & 1:
                        width = _raw(streams, at, 12 + f, values[f], v[f])
                        if width < 0:
                            return -1
                        v[f] += width
                        if width == 0:
                            states[f][c] = 1
                c += 1
                for f in range(4):
                    cuts[f][c] = v[f]
                continue
            if alleles < 1 or alleles > 64:
                return -1
            called = kind >> 2
            main = called
            b = np.int64(0)
            while main > b:
                main -= b + 1
                b += 1
            if main >= alleles:
                return -1
            depth = last[s, 0]
            ad[:alleles] = 0
            if copied:
                ad[0] = depth
            else:
                if has_dp:
                    z = _short(streams, at, 3)
                    depth = depth + _signed(z) if delta else z
                if has_ad:
                    total = depth - _signed(_short(streams, at, 4)) if has_dp else np.int64(0)
                    rest = np.int64(0)
                    for i in range(alleles):
                        if i != main or not has_dp:
                            ad[i] = _short(streams, at, 5)
                            rest += ad[i]
                    if has_dp:
                        ad[main] = total - rest
                    else:
                        depth = rest
                elif not has_dp:
                    depth = np.int64(0)
            p1, p2 = np.int64(0), np.int64(0)
            if called:
                p1, p2 = last[s, 1], last[s, 2]
            genotypes = alleles * (alleles + 1) // 2 if has_pl else 0
            if has_pl and genotypes > 1 and called == 0:
                if copied:
                    p1, p2 = last[s, 1], last[s, 2]
                else:
                    p1 = min(np.int64(99), 3 * depth)
                    if not kind & 1:
                        p1 = 3 * depth + _signed(_short(streams, at, 7))
                    p2 = 15 * p1
                    if not kind & 2:
                        p2 = (ratio * depth >> 4) + _signed(_long(streams, at, 8, 9))
            x, y = np.int64(0), np.int64(0)
            least, second = np.int64(1 << 60), np.int64(1 << 60)
            for i in range(genotypes):
                if i == called:
                    value = np.int64(0)
                elif called == 0 and i < 3:
                    value = p1 if i == 1 else p2
                else:
                    guess = p1 if x == 0 else p2
                    if x != 0 and copied and fill and x != y:
                        guess = np.int64(_MISSING)
                    if called:
                        guess = np.int64(0)
                        if has_ad:
                            for j in range(alleles):
                                if j != x and j != y:
                                    guess += ad[j]
                            guess = 32 * guess
                            if guess == 0:
                                guess = 3 * depth
                    value = guess
                    if not copied:
                        z = _long(streams, at, 10, 11)
                        value = np.int64(_MISSING) if z == _NONE else guess + _signed(z)
                pl[i] = value
                if value != _MISSING:
                    if value < least:
                        least, second = value, least
                    elif value < second:
                        second = value
                x += 1
                if x > y:
                    x, y = np.int64(0), y + 1
            quality = min(np.int64(99), second) if second < 1 << 60 else np.int64(0)
            if has_gq and not copied:
                z = _short(streams, at, 6)
                quality = np.int64(_MISSING) if z == _NONE else quality + _signed(z)
            last[s, 0], last[s, 1], last[s, 2] = depth, p1, p2
            if (
                (v[0] + alleles > values[0].size and has_ad)
                or (v[1] >= values[1].size and has_dp)
                or (v[2] >= values[2].size and has_gq)
                or v[3] + genotypes > values[3].size
            ):
                return -1
            if has_ad:
                values[0][v[0] : v[0] + alleles] = ad[:alleles]
                v[0] += alleles
            if has_dp:
                values[1][v[1]] = depth
                v[1] += 1
            if has_gq:
                values[2][v[2]] = quality
                v[2] += 1
            if has_pl:
                values[3][v[3] : v[3] + genotypes] = pl[:genotypes]
                v[3] += genotypes
            c += 1
            for f in range(4):
                cuts[f][c] = v[f]
    at[1] = (bit + 7) >> 3
    return v.sum()


@nb.njit(cache=True, nogil=True)
def write_decimals(values, cut, state, digits, trimmed, out, begin, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the numbers of cells as text: `digits` behind the point, zeros trimmed if so.

    Returns
    -------
    int
        Bytes written to `out`; `begin` and `end` are those of each cell with values.
    """
    o = 0
    letters = np.zeros(32, np.uint8)
    for c in range(state.size):
        if state[c] != 0:
            continue
        begin[c] = o
        for v in range(cut[c], cut[c + 1]):
            if v > cut[c]:
                out[o] = 44
                o += 1
            number = values[v]
            if number == _MISSING:
                out[o] = 46
                o += 1
                continue
            if number < 0:
                out[o] = 45
                o += 1
                number = -number
            n = 0
            while number > 0 or n <= digits:
                letters[n] = 48 + number % 10
                number //= 10
                n += 1
            low = 0
            while trimmed and low < digits and letters[low] == 48:
                low += 1
            for k in range(n - 1, low - 1, -1):
                if k == digits - 1:
                    out[o] = 46
                    o += 1
                out[o] = letters[k]
                o += 1
        end[c] = o
    return o
