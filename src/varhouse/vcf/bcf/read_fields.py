# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Compiled code that reads the sample fields of plain records: genotypes, numbers, texts.

A vector of a sample ends early with values "end of vector" (VCF 4.5 section 6.3.3).
"""

import numba as nb
import numpy as np

from varhouse.vcf.bcf.numbers import FLOAT_END, FLOAT_MISSING
from varhouse.vcf.bcf.records import INT8, u32
from varhouse.vcf.bcf.values import END, MISSING, value_at, width_of
from varhouse.vcf.samples.genotype_text import write_allele


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
def read_floats(data, counts, places, n_samples, values, offset, many):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the bits of floats of plain fields one after another; gives how many.

    `offset` and `many` as in `read_integers`.
    """
    w = 0
    x = 0
    single = many.size == 0
    for r in range(counts.size):
        count, i = counts[r], places[r]
        for s in range(n_samples if single else 0):
            values[w + s] = np.int32(u32(data, i + 4 * s * count))
        if single:
            w += n_samples
            continue
        for _ in range(n_samples):
            n = 0
            while n < count:
                bits = u32(data, i + 4 * n)
                if bits == FLOAT_END:
                    break
                values[w + n] = np.int32(bits)
                n += 1
            i += 4 * count
            if n == 1 and values[w] == np.int32(FLOAT_MISSING):
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
