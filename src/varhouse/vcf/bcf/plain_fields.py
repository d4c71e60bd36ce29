# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Compiled code that tells which records have plain sample fields: no fault, nothing odd.

A vector of a sample ends early with values "end of vector" (VCF 4.5 section 6.3.3).
"""

import numba as nb
import numpy as np

from varhouse.vcf.bcf.numbers import FLOAT_END, FLOAT_MISSING, float_of
from varhouse.vcf.bcf.records import FLOAT32, INT8, INT16, INT32, TEXT, u32
from varhouse.vcf.bcf.values import END, LARGEST, MISSING, value_at, width_of
from varhouse.vcf.header.keys import Kind, Number
from varhouse.vcf.samples.layout import GENOTYPE

_INTEGER, _FLOAT, _STRING = int(Kind.INTEGER), int(Kind.FLOAT), int(Kind.STRING)
_FIXED, _ANY, _A = int(Number.FIXED), int(Number.ANY), int(Number.A)
_R, _G = int(Number.R), int(Number.G)


@nb.njit(cache=True, nogil=True)
def _plain_genotypes(data, at, kind, count, n_samples, n_alt, diploid, implied):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all genotypes are plain: of alleles that are there, without a mark before.

    From VCF 4.4 on (`implied`) the first allele has its phase written: a mark stands before
    it where it is another than that of the others (phased if all of them are; one allele
    alone is phased if it is called). Before, it has none.
    """
    top = 2 * (n_alt + 1) + 1
    if kind == INT8 and count == 2:
        # Nearly all files: two alleles each.
        top = min(top, 127)
        bad = False
        for s in range(n_samples):
            one, two = data[at + 2 * s], data[at + 2 * s + 1]
            bad |= (one > top) | (two > top)
            bad |= implied & ((one & 1) != (two & 1))
        if not bad:
            return True
    step = width_of(kind)
    for s in range(n_samples):
        i = at + s * count * step
        first = value_at(data, i, kind)
        ended = False
        many = 0
        phased = np.int64(1)
        for j in range(count):
            value = value_at(data, i + j * step, kind)
            if value == END:
                ended = True
                continue
            if j:
                phased &= value & 1
            if ended or value < 0 or value > top:
                return False
            many += 1
        if many == 0 or (diploid and many != 2):
            return False
        if many == 1:
            phased = np.int64(first > 1)
        if implied and (first & 1) != phased:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _plain_integers(data, at, kind, count, n_samples, wanted, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all samples have `wanted` values (-1: any), or one that is missing."""
    if count == wanted or wanted < 0:
        bad = False
        if kind == INT8:
            least, most = max(low, -126), min(high, 127)
            for i in range(at, at + count * n_samples):
                value = np.int64(np.int8(data[i]))
                bad |= (value < least) | (value > most)
        elif kind == INT16:
            least, most = max(low, -32766), min(high, 32767)
            for i in range(at, at + 2 * count * n_samples, 2):
                value = np.int64(np.int16(np.uint16(data[i]) | np.uint16(data[i + 1]) << 8))
                bad |= (value < least) | (value > most)
        else:
            bad = True
        if not bad:
            return True
    step = width_of(kind)
    for s in range(n_samples):
        i = at + s * count * step
        many = 0
        missing = False
        ended = False
        for j in range(count):
            value = value_at(data, i + j * step, kind)
            if value == END:
                ended = True
                continue
            if ended:
                return False
            many += 1
            missing = value == MISSING
            if not missing and (value < low or value > high):
                return False
        if many == 0 or (many != wanted and wanted >= 0 and not (missing and many == 1)):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _plain_floats(data, at, count, n_samples, wanted, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all samples have `wanted` floats (-1: any), or one that is missing.

    Bounds are of six digits: a value inside them stays so when it is rounded. What is just
    outside is not plain, and its text decides.
    """
    bounded = low > -np.inf or high < np.inf
    # A key from -1 on has -1 for what is not known, and else numbers from 0 on.
    least = 0.0 if low == -1 else low
    if count == wanted or wanted < 0:
        bad = False
        for i in range(at, at + 4 * count * n_samples, 4):
            bits = np.uint32(data[i + 2]) | np.uint32(data[i + 3]) << np.uint32(8)
            bad |= bits & np.uint32(0x7F80) == np.uint32(0x7F80)
        if not bad and not bounded:
            return True
    for s in range(n_samples):
        many = 0
        missing = ended = False
        for j in range(count):
            bits = u32(data, at + 4 * (s * count + j))
            if bits == FLOAT_END:
                ended = True
                continue
            if ended:
                return False
            many += 1
            missing = bits == FLOAT_MISSING
            if missing:
                continue
            value = float_of(bits)
            if np.isnan(value) or value < least or value > high:
                return False
        if many == 0 or (many != wanted and wanted >= 0 and not (missing and many == 1)):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _plain_texts(data, at, count, n_samples, wanted, highest):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all samples have text of `wanted` pieces (-1: any), or a dot.

    No byte is above `highest`.
    """
    for s in range(n_samples):
        i = at + s * count
        size = 0
        pieces = 1
        while size < count and data[i + size] != 0:
            c = data[i + size]
            if c <= 32 or c == 58 or c > highest:
                return False
            pieces += c == 44
            size += 1
        for j in range(size, count):
            if data[i + j] != 0:
                return False
        dot = size == 1 and data[i] == 46
        if size == 0 or (wanted >= 0 and pieces != wanted and not dot):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _wanted(number, fixed, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give how many values a field has when all is plain: -1 for any, -2 where it depends."""
    if number == _FIXED:
        return np.int64(fixed)
    if number == _A:
        return max(n_alt, np.int64(1))
    if number == _R:
        return n_alt + 1
    if number == _G:
        return (n_alt + 1) * (n_alt + 2) // 2
    return np.int64(-1) if number == _ANY else np.int64(-2)


@nb.njit(cache=True, nogil=True)
def find_plain(fields, layout, layouts, good, n_alts, n_samples, implied, highest):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell which records have sample fields without fault or oddity.

    Parameters
    ----------
    layout
        int32[n]: the layout of each record, -1 for none that is known.
    good
        bool[layouts]: records of this layout may be plain.
    highest
        Highest byte of plain text.

    Returns
    -------
    bool[n]
    """
    data, first, _, types, counts, places = fields
    plain = np.zeros(layout.size, np.bool_)
    for k in range(layout.size):
        if layout[k] < 0 or not good[layout[k]]:
            continue
        f0 = layouts.begin[layout[k]]
        n_alt = n_alts[k]
        by_ploidy = False
        for f in range(first[k + 1] - first[k]):
            by_ploidy = by_ploidy or layouts.number[f0 + f] == _G
        sound = True
        for f in range(first[k + 1] - first[k]):
            m = first[k] + f
            kind = layouts.kind[f0 + f]
            wanted = _wanted(layouts.number[f0 + f], layouts.fixed[f0 + f], n_alt)
            low, high = layouts.low[f0 + f], layouts.high[f0 + f]
            whole = types[m] == INT8 or types[m] == INT16 or types[m] == INT32
            if kind == GENOTYPE:
                sound = whole and _plain_genotypes(
                    data, places[m], types[m], counts[m], n_samples, n_alt, by_ploidy, implied
                )
            elif wanted == -2:
                sound = False
            elif kind == _INTEGER and whole:
                least = np.int64(low) if low > -1e9 else END + 1
                # From -1 on: -1 is what is not known, and told of.
                least = np.int64(0) if least == -1 else least
                most = np.int64(high) if high < 1e9 else LARGEST
                sound = _plain_integers(
                    data, places[m], types[m], counts[m], n_samples, wanted, least, most
                )
            elif kind == _FLOAT and types[m] == FLOAT32:
                sound = _plain_floats(data, places[m], counts[m], n_samples, wanted, low, high)
            elif kind == _STRING and types[m] == TEXT:
                sound = _plain_texts(data, places[m], counts[m], n_samples, wanted, highest)
            else:
                sound = False
            if not sound:
                break
        plain[k] = sound
    return plain
