# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""BCF records as lines of text, letter by letter as htslib writes them."""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.bcf.numbers import FLOAT_END, GAP, fill_gaps, put_integer, put_number, u32s
from varhouse.vcf.bcf.records import (
    FLOAT32,
    INT8,
    INT16,
    INT32,
    TEXT,
    Dictionaries,
    Fields,
    read_integer,
    u32,
)
from varhouse.vcf.bcf.sample_text import cells_room, put_cells, put_format
from varhouse.vcf.bcf.values import END, MISSING, value_at, width_of

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_STRING_MISSING = 7
_ROOM = 32 << 20
"""Bytes of text that are written at once, if a line is not longer."""

_MOST = 1 << 30
"""Bytes that a line may take; a longer one is left to htslib."""

_GAPS = 1 << 14

_SIZES = np.zeros(16, np.int64)
_SIZES[[INT8, INT16, INT32, FLOAT32, TEXT]] = 1, 2, 4, 4, 1


def pack_names(names: dict[int, str]) -> tuple[Bytes, Ints]:
    """Pack names by number for kernels: (bytes, [n, 2] start and end; -1 for none)."""
    n = max(names, default=-1) + 1
    spans = np.full((n, 2), -1, np.int64)
    packed: list[bytes] = []
    at = 0
    for number, name in names.items():
        packed.append(name.encode("utf-8", "surrogateescape"))
        spans[number] = at, at + len(packed[-1])
        at += len(packed[-1])
    return np.frombuffer(b"".join(packed) + b"\0", np.uint8), spans


@nb.njit(cache=True, nogil=True)
def _put(out, w, text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy text[a:b]: (end, whether it has no byte that would break a line)."""
    good = True
    for j in range(a, b):
        out[w] = text[j]
        good &= text[j] >= 32
        w += 1
    return w, good


@nb.njit(cache=True, nogil=True)
def _typed(data, i, e, sizes):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read what a typed value is: (type, values, where they start, where they end; -1)."""
    if i >= e:
        return 0, np.int64(0), i, np.int64(-1)
    kind, count = np.int64(data[i] & 15), np.int64(data[i] >> 4)
    i += 1
    if count == 15:
        count, i = read_integer(data, i, e)
        if count < 0:
            return 0, count, i, np.int64(-1)
    end = i + sizes[kind] * count
    if end > e or (sizes[kind] == 0 and (count > 0 or kind != 0)):
        end = np.int64(-1)
    return kind, count, i, end


@nb.njit(cache=True, nogil=True)
def _put_values(data, kind, count, i, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the values of an INFO key: (end, -1 for some that are not plain; gaps)."""
    if kind == TEXT:
        size = 0
        while size < count and data[i + size] != 0:
            if data[i + size] == _STRING_MISSING:
                return np.int64(-1), n_odd
            size += 1
        w, good = _put(out, w, data, i, i + size)
        return (w if good and size else np.int64(-1)), n_odd
    step = 4 if kind == FLOAT32 else width_of(kind)
    for j in range(count):
        at = i + j * step
        if kind == FLOAT32:
            if u32(data, at) == FLOAT_END:
                return (w if j else np.int64(-1)), n_odd
        elif value_at(data, at, kind) == END:
            return (w if j else np.int64(-1)), n_odd
        if j:
            out[w] = 44
            w += 1
        if kind == FLOAT32:
            w, n_odd = put_number(data, at, out, w, odd, n_odd)
            if w < 0:
                return w, n_odd
        else:
            value = value_at(data, at, kind)
            if value == MISSING:
                out[w] = 46
                w += 1
            else:
                w = put_integer(out, w, value)
    return w, n_odd


@nb.njit(cache=True, nogil=True)
def _put_alleles(data, i, e, n, sizes, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write ID, REF and ALT: (end; -1 where they are not plain; where they end)."""
    for j in range(n + 1):
        kind, count, i, end = _typed(data, i, e, sizes)
        if end < 0 or kind != TEXT or (j and not count):
            return np.int64(-1), i
        if not count:
            out[w] = 46
            w += 1
        for x in range(i, end):
            if data[x] <= 32:
                return np.int64(-1), i
        w, _ = _put(out, w, data, i, end)
        i = end
        out[w] = 44 if 1 < j < n else 9
        w += 1
    if n == 1:
        out[w] = 46
        out[w + 1] = 9
        w += 2
    return w, i


@nb.njit(cache=True, nogil=True)
def _put_filter(data, i, e, sizes, strings, spans, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write FILTER: (end; -1 where it is not plain; where it ends)."""
    kind, count, i, end = _typed(data, i, e, sizes)
    if end < 0 or (count and kind in (TEXT, FLOAT32)):
        return np.int64(-1), i
    if not count:
        out[w] = 46
        w += 1
    for j in range(count):
        number = value_at(data, i + j * width_of(kind), kind)
        if number < 0 or number >= spans.shape[0] or spans[number, 0] < 0:
            return np.int64(-1), i
        if w + spans[number, 1] - spans[number, 0] + 64 > out.size:
            return np.int64(-2), i
        if j:
            out[w] = 59
            w += 1
        w, _ = _put(out, w, strings, spans[number, 0], spans[number, 1])
    out[w] = 9
    return w + 1, end


@nb.njit(cache=True, nogil=True)
def _put_info(data, i, e, n, sizes, strings, spans, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write INFO: (end; -1 where it is not plain, -2 where room is short; where; gaps)."""
    if n == 0:
        out[w] = 46
        w += 1
    for j in range(n):
        number, i = read_integer(data, i, e)
        if number < 0 or number >= spans.shape[0] or spans[number, 0] < 0:
            return np.int64(-1), i, n_odd
        kind, count, i, end = _typed(data, i, e, sizes)
        if end < 0:
            return np.int64(-1), i, n_odd
        size = spans[number, 1] - spans[number, 0]
        if w + size + count * (GAP + 1) + 64 > out.size:
            return np.int64(-2), i, n_odd
        if j:
            out[w] = 59
            w += 1
        w, _ = _put(out, w, strings, spans[number, 0], spans[number, 1])
        if count:
            out[w] = 61
            w, n_odd = _put_values(data, kind, count, i, out, w + 1, odd, n_odd)
            if w < 0:
                return w, i, n_odd
        i = end
    return w, i, n_odd


class Samples(NamedTuple):
    """The sample columns of records that are written.

    Attributes
    ----------
    fields
        Where the values are (see `Fields`).
    whole
        bool[n]: the values are written; else FORMAT is the last column.
    n_samples
        Samples of the file; with none the lines end with INFO.
    gt
        Number of GT in the dictionary of strings (-1: it has none).
    implied
        The phase of a first allele may be implied (VCF 4.4).
    """

    fields: Fields
    whole: npt.NDArray[np.bool_]
    n_samples: int
    gt: int
    implied: bool


@nb.njit(cache=True, nogil=True)
def _put_samples(samples, k, strings, spans, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write FORMAT and the sample columns: (end; -1: not plain, -2: no room; gaps)."""
    fields, whole, n_samples, gt, implied = samples
    out[w] = 9
    w = put_format(fields, k, n_samples, strings, spans, out, w + 1)
    if w < 0 or not whole[k]:
        return w, n_odd
    if w + cells_room(fields, k, n_samples) + 64 > out.size:
        return np.int64(-2), n_odd
    return put_cells(fields, k, n_samples, gt, implied, out, w, odd, n_odd)


@nb.njit(cache=True, nogil=True)
def _write(
    data, starts, k, n, sizes, contigs, contig_spans, strings, spans, samples, out, odd
):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write records `k` to `n`: (first not written, why, end, gaps).

    Why is 1 where it is not plain, 2 where there is no room for it.
    """
    w = np.int64(0)
    n_odd = 0
    while k < n:
        i = starts[k] + 8
        e = i + u32(data, starts[k])
        begin, before = w, n_odd
        chrom, pos = u32(data, i), u32(data, i + 4)
        if chrom >= contig_spans.shape[0] or contig_spans[chrom, 0] < 0 or pos > 2**31 - 2:
            return k, 1, w, n_odd
        n_info = np.int64(data[i + 16]) | np.int64(data[i + 17]) << 8
        n_allele = np.int64(data[i + 18]) | np.int64(data[i + 19]) << 8
        # The alleles and the name of the contig, and numbers.
        if w + e - i + contig_spans[chrom, 1] - contig_spans[chrom, 0] + 128 > out.size:
            return k, 2, w, n_odd
        w, _ = _put(out, w, contigs, contig_spans[chrom, 0], contig_spans[chrom, 1])
        out[w] = 9
        w = put_integer(out, w + 1, pos + 1)
        out[w] = 9
        w += 1
        at = np.int64(-1)
        if n_allele:
            w, at = _put_alleles(data, i + 24, e, n_allele, sizes, out, w)
        if at >= 0 and w >= 0:
            w, n_odd = put_number(data, i + 12, out, w, odd, n_odd)
        if at >= 0 and w >= 0:
            out[w] = 9
            w, at = _put_filter(data, at, e, sizes, strings, spans, out, w + 1)
        if at >= 0 and w >= 0:
            w, at, n_odd = _put_info(
                data, at, e, n_info, sizes, strings, spans, out, w, odd, n_odd
            )
        if w >= 0 and at == e and samples.n_samples:
            w, n_odd = _put_samples(samples, k, strings, spans, out, w, odd, n_odd)
        if w < 0 or at != e:
            short = w == -2 or n_odd == odd.shape[0]
            return k, (2 if short else 1), begin, before
        out[w] = 10
        w += 1
        k += 1
    return k, 0, w, n_odd


class LineWriter:
    """Writes records as lines.

    Parameters
    ----------
    known
        The names in the dictionaries of the header.
    """

    def __init__(self, known: Dictionaries) -> None:
        self._names = (*pack_names(known.contigs), *pack_names(known.strings))

    def write(self, data: Bytes, starts: Ints, n: int, samples: Samples) -> tuple[int, bytes]:
        """Write the first `n` records, or as many at the front as are plain.

        Parameters
        ----------
        data, starts
            Records (of `records.iter_records`), of which `records.find_fields` found
            those with samples to write sound.
        samples
            Their sample columns.

        Returns
        -------
        tuple
            How many, and their lines.
        """
        shared = 4 * int(u32s(data, starts[:n]).sum()) + 64 * n + 4096
        if samples.n_samples:
            # FORMAT, and what a value of one byte takes.
            shared += 64 * n + 4 * (int(starts[n]) if samples.whole[:n].any() else 0)
        room, gaps, k = min(shared, _ROOM), _GAPS, 0
        pieces: list[bytes] = []
        while True:
            out, odd = np.empty(room, np.uint8), np.empty((gaps, 2), np.int64)
            done, why, w, n_odd = _write(
                data, starts, k, n, _SIZES, *self._names, samples, out, odd
            )
            if w:
                found = out[:w]
                pieces.append(
                    fill_gaps(data, found, odd[:n_odd]) if n_odd else found.tobytes()
                )
            if why != 2 or (done == k and room > _MOST):
                return int(done), pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if done == k:
                room, gaps = 4 * room, 4 * gaps
            k = int(done)
