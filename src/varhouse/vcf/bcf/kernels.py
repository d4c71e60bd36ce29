# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Compiled code for the sample fields of BCF: are they plain, and what do they hold.

A vector of a sample ends early with values "end of vector" (VCF 4.5 section 6.3.3).
"""

import numba as nb
import numpy as np

from varhouse.vcf.bcf.records import INT8, INT16, INT32, TEXT
from varhouse.vcf.bcf.values import END, LARGEST, MISSING, value_at, width_of
from varhouse.vcf.header.keys import Kind, Number
from varhouse.vcf.samples.genotype_text import write_allele
from varhouse.vcf.samples.layout import GENOTYPE

_INTEGER, _STRING = int(Kind.INTEGER), int(Kind.STRING)
_FIXED, _ANY, _A = int(Number.FIXED), int(Number.ANY), int(Number.A)
_R, _G = int(Number.R), int(Number.G)


@nb.njit(cache=True, nogil=True)
def _plain_genotypes(data, at, kind, count, n_samples, n_alt, diploid, implied):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all genotypes are plain: of alleles that are there, without a mark before.

    A first allele that is phased before one that is not stands for a leading `|`. From
    VCF 4.4 on (`implied`) the first allele has its phase written: a mark stands before it
    where it is another than that of the others (phased if all of them are; one allele
    alone is phased if it is called).
    """
    top = 2 * (n_alt + 1) + 1
    if kind == INT8 and count == 2:
        # Nearly all files: two alleles each.
        top = min(top, 127)
        bad = False
        for s in range(n_samples):
            one, two = data[at + 2 * s], data[at + 2 * s + 1]
            bad |= (one > top) | (two > top) | ((one & 1) > (two & 1))
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
            if ended or value < 0 or value > top or (first & 1) > (value & 1):
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
def _plain_texts(data, at, count, n_samples, wanted):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether all samples have text of `wanted` pieces (-1: any), or a dot."""
    for s in range(n_samples):
        i = at + s * count
        size = 0
        pieces = 1
        while size < count and data[i + size] != 0:
            c = data[i + size]
            if c <= 32 or c == 58:
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
def count_plain(fields, layout, layouts, n_alts, n_samples, implied):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the records at the front whose sample fields have no fault and no oddity."""
    data, first, _, types, counts, places = fields
    for k in range(layout.size):
        f0 = layouts.begin[layout[k]]
        n_alt = n_alts[k]
        by_ploidy = False
        for f in range(first[k + 1] - first[k]):
            by_ploidy = by_ploidy or layouts.number[f0 + f] == _G
        for f in range(first[k + 1] - first[k]):
            m = first[k] + f
            kind, number = layouts.kind[f0 + f], layouts.number[f0 + f]
            wanted = np.int64(-1)
            if number == _FIXED:
                wanted = np.int64(layouts.fixed[f0 + f])
            elif number == _A:
                wanted = max(n_alt, np.int64(1))
            elif number == _R:
                wanted = n_alt + 1
            elif number == _G:
                wanted = (n_alt + 1) * (n_alt + 2) // 2
            elif number != _ANY and kind != GENOTYPE:
                return k
            whole = types[m] == INT8 or types[m] == INT16 or types[m] == INT32
            good = False
            if kind == GENOTYPE and whole:
                good = _plain_genotypes(
                    data,
                    places[m],
                    types[m],
                    counts[m],
                    n_samples,
                    n_alt,
                    by_ploidy,
                    implied,
                )
            elif kind == _INTEGER and whole:
                low, high = layouts.low[f0 + f], layouts.high[f0 + f]
                least = np.int64(low) if low > -1e9 else END + 1
                most = np.int64(high) if high < 1e9 else LARGEST
                good = _plain_integers(
                    data, places[m], types[m], counts[m], n_samples, wanted, least, most
                )
            elif kind == _STRING and types[m] == TEXT:
                good = _plain_texts(data, places[m], counts[m], n_samples, wanted)
            if not good:
                return k
    return layout.size


@nb.njit(cache=True, nogil=True)
def write_genotypes(data, types, counts, places, n_samples, digits, marks, out, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write plain genotypes as text; gives the bytes."""
    w = 0
    x = 0
    top = np.uint8(digits.size)
    for r in range(types.size):
        kind, count, i = types[r], counts[r], places[r]
        if kind == INT8 and count == 2:
            for _ in range(n_samples):
                one, two = data[i], data[i + 1]
                i += 2
                if one < top and two < top:
                    out[w] = digits[one]
                    out[w + 1] = marks[two]
                    out[w + 2] = digits[two]
                    w += 3
                else:
                    w = write_allele(out, w, np.int64(one >> 1) - 1)
                    if two < 128:
                        out[w] = 124 if two & 1 else 47
                        w = write_allele(out, w + 1, np.int64(two >> 1) - 1)
                x += 1
                end[x] = w
            continue
        step = width_of(kind)
        for _ in range(n_samples):
            for j in range(count):
                value = value_at(data, i + j * step, kind)
                if value == END:
                    break
                if j:
                    out[w] = 124 if value & 1 else 47
                    w += 1
                w = write_allele(out, w, (value >> 1) - 1)
            i += count * step
            x += 1
            end[x] = w
    return w


@nb.njit(cache=True, nogil=True)
def read_integers(data, types, counts, places, n_samples, values, offset, many):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read whole numbers of plain fields one after another; gives how many.

    `offset` says where those of each sample end, and `many` how many they are; -1 is one
    that is missing, which is left out. With `many` empty there is one value for each.
    """
    w = 0
    x = 0
    single = many.size == 0
    for r in range(types.size):
        kind, count, i = types[r], counts[r], places[r]
        step = width_of(kind)
        if single and kind == INT8:
            for s in range(n_samples):
                value = np.int32(np.int8(data[i + s * count]))
                values[w + s] = value if value > -127 else MISSING
            w += n_samples
            continue
        if single:
            for s in range(n_samples):
                values[w + s] = value_at(data, i + s * count * step, kind)
            w += n_samples
            continue
        for _ in range(n_samples):
            n = 0
            while n < count:
                value = value_at(data, i + n * step, kind)
                if value == END:
                    break
                values[w + n] = value
                n += 1
            i += count * step
            if n == 1 and values[w] == MISSING:
                many[x] = -1
            else:
                many[x] = n
                w += n
            x += 1
            offset[x] = w
    return w


@nb.njit(cache=True, nogil=True)
def find_texts(data, counts, places, n_samples, at, many):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find the text of each sample; -1 bytes for a dot."""
    x = 0
    for r in range(counts.size):
        i = places[r]
        for _ in range(n_samples):
            size = 0
            while size < counts[r] and data[i + size] != 0:
                size += 1
            at[x] = i
            many[x] = -1 if size == 1 and data[i] == 46 else size
            i += counts[r]
            x += 1
