"""Texts of cells as numbers in a list of distinct texts."""

from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.codec.varints import DAMAGED, get_varint, put_varint
from varhouse.genotypes.fields import Bytes


class Texts(NamedTuple):
    """Texts one after another: text k is `data[cut[k]:cut[k + 1]]`."""

    data: Bytes
    cut: Int64


@nb.njit(cache=True, nogil=True)
def _hash(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    h = np.uint64(14695981039346656037)
    for i in range(a, b):
        h = (h ^ np.uint64(text[i])) * np.uint64(1099511628211)
    return h ^ (h >> np.uint64(29))


@nb.njit(cache=True, nogil=True)
def _same(text, a, b, c, d):  # type: ignore[no-untyped-def]  # pragma: no cover
    if b - a != d - c:
        return False
    i = 0
    while i < b - a and text[a + i] == text[c + i]:
        i += 1
    return i == b - a


@nb.njit(cache=True, nogil=True)
def _number(text, spans, codes, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give each span the number of its text; `first` gets the span that had it first.

    Open addressing in a table twice as large as there are spans: nothing is moved, and a
    file that is made to collide costs time in one block only.
    """
    size = 16
    while size < 2 * codes.size:
        size *= 2
    table = np.full(size, -1, np.int32)
    n = 0
    for k in range(codes.size):
        a, b = spans[2 * k], spans[2 * k + 1]
        if k and _same(text, a, b, spans[2 * k - 2], spans[2 * k - 1]):
            codes[k] = codes[k - 1]
            continue
        place = np.int64(_hash(text, a, b) & np.uint64(size - 1))
        while table[place] >= 0:
            f = first[table[place]]
            if _same(text, a, b, spans[2 * f], spans[2 * f + 1]):
                break
            place = (place + 1) & (size - 1)
        if table[place] < 0:
            table[place] = n
            first[n] = k
            n += 1
        codes[k] = table[place]
    return n


@nb.njit(cache=True, nogil=True)
def _copy(text, spans, which, cut, data):  # type: ignore[no-untyped-def]  # pragma: no cover
    w = 0
    for k in range(which.size):
        cut[k] = w
        for i in range(spans[2 * which[k]], spans[2 * which[k] + 1]):
            data[w] = text[i]
            w += 1
    cut[which.size] = w


def gather_texts(text: Bytes, spans: Int32 | Int64, which: Int32 | Int64) -> Texts:
    """Copy the texts of some spans; span k is `spans[2 * k]` to `spans[2 * k + 1]`."""
    pairs = spans.reshape(-1, 2)[which]
    data = np.empty(int((pairs[:, 1] - pairs[:, 0]).sum()), np.uint8)
    cut = np.empty(which.size + 1, np.int64)
    _copy(text, spans, which, cut, data)
    return Texts(data, cut)


def number_texts(text: Bytes, spans: Int32) -> tuple[Int32, Texts]:
    """Give each distinct text of spans a number, in the order in which they come up.

    Returns
    -------
    (int32[spans.size / 2], Texts)
        The number of each span's text, and the distinct texts.
    """
    codes = np.empty(spans.size // 2, np.int32)
    first = np.empty(codes.size, np.int32)
    n = _number(text, spans, codes, first)
    return codes, gather_texts(text, spans, first[:n])


@nb.njit(cache=True, nogil=True)
def _put_all(numbers, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    w = 0
    for v in numbers:
        w = put_varint(out, w, v)
    return w


@nb.njit(cache=True, nogil=True)
def _get_all(data, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read varints until the bytes end; gives how many, or DAMAGED."""
    r = n = np.int64(0)
    while r < data.size:
        if n >= out.size:
            return np.int64(DAMAGED)
        out[n], r = get_varint(data, r, data.size)
        if r == DAMAGED:
            return np.int64(DAMAGED)
        n += 1
    return n


def varints_of(numbers: Int64) -> Bytes:
    """Write numbers >= 0 as varints."""
    out = np.empty(6 * numbers.size + 1, np.uint8)
    return out[: _put_all(numbers, out)]


def numbers_of(data: Bytes) -> Int64:
    """Read varints.

    Raises
    ------
    StoreError
        The bytes end within a number, or are none.
    """
    out = np.empty(data.size, np.int64)
    n = _get_all(data, out)
    if n < 0:
        raise StoreError("a block of FORMAT fields is damaged: a number is cut off")
    return out[:n]


def text_streams(texts: Texts) -> list[Bytes]:
    """Write texts as two streams: their lengths and their bytes."""
    return [varints_of(np.diff(texts.cut)), texts.data]


def texts_from(lengths: Bytes, data: Bytes) -> Texts:
    """Undo `text_streams`.

    Raises
    ------
    StoreError
        The lengths do not add up to the bytes.
    """
    sizes = numbers_of(lengths)
    cut = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    if sizes.max(initial=0) > data.size or cut[-1] != data.size:
        raise StoreError("a block of FORMAT fields is damaged: texts have other lengths")
    return Texts(data, cut)
