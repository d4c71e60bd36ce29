# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""FORMAT and sample columns of BCF records as text, letter by letter as htslib writes them."""

import numba as nb
import numpy as np

from varhouse.vcf.bcf.numbers import FLOAT_END, GAP, put_integer, put_number
from varhouse.vcf.bcf.records import FLOAT32, INT8, INT16, INT32, TEXT, u32
from varhouse.vcf.bcf.values import END, MISSING, value_at, width_of
from varhouse.vcf.samples.genotype_text import DIGITS, MARKS

_LETTERS = np.zeros(16, np.int64)
_LETTERS[[INT8, INT16, INT32, FLOAT32, TEXT]] = 5, 7, 12, GAP + 1, 1
"""Bytes of text that a value takes at most, with the byte before it."""


@nb.njit(cache=True, nogil=True)
def cells_room(fields, k, n_samples):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give how many bytes the sample columns of a record take at most."""
    room = np.int64(2 * n_samples)
    for m in range(fields.first[k], fields.first[k + 1]):
        # A mark before the first allele.
        each = fields.count[m] * _LETTERS[fields.kind[m]] + 2
        room += each * n_samples
    return room


@nb.njit(cache=True, nogil=True)
def put_format(fields, k, n_samples, strings, spans, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write FORMAT: (end; -1 where it is not plain, -2 where room is short)."""
    begin = w
    for m in range(fields.first[k], fields.first[k + 1]):
        number = fields.key[m]
        if number >= spans.shape[0] or spans[number, 0] < 0:
            return np.int64(-1)
        a, b = spans[number, 0], spans[number, 1]
        if w + b - a + 64 > out.size:
            return np.int64(-2)
        if w > begin:
            out[w] = 58
            w += 1
        for j in range(a, b):
            out[w] = strings[j]
            w += 1
    if w == begin:
        out[w] = 46
        w += 1
    return w


@nb.njit(cache=True, nogil=True)
def _put_genotype(data, i, kind, count, implied, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a genotype: its end, -1 for one that is not plain.

    From VCF 4.4 on (`implied`) a mark stands before the first allele where its phase is
    another than that which follows from the others (section 1.6.2).
    """
    step = width_of(kind)
    many = 0
    phased = True
    for j in range(count):
        value = value_at(data, i + j * step, kind)
        if value == END:
            break
        if value < 0:
            return np.int64(-1)
        many += 1
        phased = phased and (j == 0 or value & 1 == 1)
    if many == 0:
        out[w] = 46
        return w + 1
    first = value_at(data, i, kind)
    if many == 1:
        phased = first > 1
    if implied and (first & 1) != np.int64(phased):
        out[w] = 124 if first & 1 else 47
        w += 1
    for j in range(many):
        value = value_at(data, i + j * step, kind)
        if j:
            out[w] = 124 if value & 1 else 47
            w += 1
        if value > 1:
            w = put_integer(out, w, (value >> 1) - 1)
        else:
            out[w] = 46
            w += 1
    return w


@nb.njit(cache=True, nogil=True)
def _put_integers(data, i, kind, count, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    step = width_of(kind)
    for j in range(count):
        value = value_at(data, i + j * step, kind)
        if value == END:
            break
        if j:
            out[w] = 44
            w += 1
        if value == MISSING:
            out[w] = 46
            w += 1
        else:
            w = put_integer(out, w, value)
    return w


@nb.njit(cache=True, nogil=True)
def _put_floats(data, i, count, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    for j in range(count):
        at = i + 4 * j
        if u32(data, at) == FLOAT_END:
            break
        if j:
            out[w] = 44
            w += 1
        w, n_odd = put_number(data, at, out, w, odd, n_odd)
        if w < 0:
            break
    return w, n_odd


@nb.njit(cache=True, nogil=True)
def _put_text(data, i, count, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write a text: its end, -1 for one with a byte that would break the line."""
    good = True
    for j in range(i, i + count):
        c = data[j]
        if c == 0:
            break
        good &= c >= 32
        out[w] = c
        w += 1
    return w if good else np.int64(-1)


@nb.njit(cache=True, nogil=True)
def put_cells(fields, k, n_samples, gt, implied, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the sample columns of record `k`: (end, -1 where they are not plain; gaps).

    Parameters
    ----------
    gt
        Number of GT in the dictionary of strings, -1 for none.
    out
        With room for `cells_room` bytes.
    """
    data, first, keys, kinds, counts, places = fields
    a, b = first[k], first[k + 1]
    genotypes = np.int64(-1)
    for m in range(a, b):
        if keys[m] == gt:
            # Of two GT htslib writes the first as numbers.
            if genotypes >= 0 or kinds[m] == FLOAT32 or kinds[m] == TEXT:
                return np.int64(-1), n_odd
            genotypes = m
    for s in range(n_samples):
        out[w] = 9
        w += 1
        if a == b:
            out[w] = 46
            w += 1
        for m in range(a, b):
            if m > a:
                out[w] = 58
                w += 1
            kind, count = kinds[m], counts[m]
            if m == genotypes:
                i = places[m] + s * count * width_of(kind)
                one = two = np.uint8(255)
                if kind == INT8 and count == 2:
                    one, two = data[i], data[i + 1]
                if one < DIGITS.size and two < DIGITS.size and not implied:
                    out[w] = DIGITS[one]
                    out[w + 1] = MARKS[two]
                    out[w + 2] = DIGITS[two]
                    w += 3
                else:
                    w = _put_genotype(data, i, kind, count, implied, out, w)
            elif kind == TEXT:
                w = _put_text(data, places[m] + s * count, count, out, w)
            elif kind == FLOAT32:
                i = places[m] + s * 4 * count
                w, n_odd = _put_floats(data, i, count, out, w, odd, n_odd)
            else:
                i = places[m] + s * count * width_of(kind)
                w = _put_integers(data, i, kind, count, out, w)
            if w < 0:
                return w, n_odd
    return w, n_odd
