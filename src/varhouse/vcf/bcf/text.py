# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""The first eight columns of BCF records as text, letter by letter as htslib writes them."""

from collections.abc import Iterable

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.bcf.records import FLOAT32, INT8, INT16, INT32, TEXT, read_integer, u32
from varhouse.vcf.bcf.values import END, MISSING, value_at, width_of

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_FLOAT_MISSING, _FLOAT_END = np.int64(0x7F800001), np.int64(0x7F800002)
_STRING_MISSING = 7
_GAP = 16
"""Bytes that are left for a number with an exponent; `%g` of a float32 takes 13 at most."""

_POWERS = 10 ** np.arange(10, dtype=np.int64)
_BOUNDS = 10.0 ** np.arange(-3, 6)
_SCALES = 2.0 ** (np.arange(255) - 150)
"""Weight of the last digit of a float32 by its exponent."""

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
def _put_integer(out, w, value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if value < 0:
        out[w] = 45
        w += 1
        value = -value
    digits = 1
    while digits < 10 and value >= _POWERS[digits]:
        digits += 1
    for j in range(digits - 1, -1, -1):
        out[w + j] = 48 + value % 10
        value //= 10
    return w + digits


@nb.njit(cache=True, nogil=True)
def _put_float(out, w, value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write a float32 with six digits, as %g does; -1 where that takes an exponent.

    In this range value * 10**k is exact in a double (24 and 21 bits), so that rounding it
    to a whole number, ties to even, is what the C library does.
    """
    if value == 0:
        if np.signbit(value):
            out[w] = 45
            w += 1
        out[w] = 48
        return w + 1
    size = abs(value)
    if not (0.0001 <= size <= 999999):
        return np.int64(-1)
    if value < 0:
        out[w] = 45
        w += 1
    k = 9
    while k > 0 and size >= _BOUNDS[9 - k]:
        k -= 1
    whole = np.int64(np.rint(size * _POWERS[k]))
    front = np.int64(0) if whole < _POWERS[k] else whole // _POWERS[k]
    w = _put_integer(out, w, front)
    rest = whole - front * _POWERS[k]
    if rest:
        out[w] = 46
        w += 1
        while rest % 10 == 0:
            rest //= 10
            k -= 1
        for j in range(k - 1, -1, -1):
            out[w + j] = 48 + rest % 10
            rest //= 10
        w += k
    return w


@nb.njit(cache=True, nogil=True)
def _float_of(bits):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the value of a float32 with these bits."""
    exponent, digits = (bits >> 23) & 255, bits & 0x7FFFFF
    if exponent == 255:
        value = np.nan if digits else np.inf
    elif exponent:
        value = np.float64(digits | 0x800000) * _SCALES[exponent]
    else:
        value = np.float64(digits) * _SCALES[1]
    return -value if bits >> 31 else value


@nb.njit(cache=True, nogil=True)
def _put_number(data, i, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the float at `i`, or leave a gap for it: (end, -1 for one not plain; gaps)."""
    bits = u32(data, i)
    if bits == _FLOAT_MISSING:
        out[w] = 46
        return w + 1, n_odd
    value = _float_of(bits)
    if np.isnan(value) or n_odd == odd.shape[0]:
        return np.int64(-1), n_odd
    end = _put_float(out, w, value)
    if end < 0:
        odd[n_odd, 0] = w
        odd[n_odd, 1] = i
        for j in range(_GAP):
            out[w + j] = 0
        return w + _GAP, n_odd + 1
    return end, n_odd


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
    if end > e or (sizes[kind] == 0 and count > 0):
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
            if u32(data, at) == _FLOAT_END:
                return (w if j else np.int64(-1)), n_odd
        elif value_at(data, at, kind) == END:
            return (w if j else np.int64(-1)), n_odd
        if j:
            out[w] = 44
            w += 1
        if kind == FLOAT32:
            w, n_odd = _put_number(data, at, out, w, odd, n_odd)
            if w < 0:
                return w, n_odd
        else:
            value = value_at(data, at, kind)
            if value == MISSING:
                out[w] = 46
                w += 1
            else:
                w = _put_integer(out, w, value)
    return w, n_odd


@nb.njit(cache=True, nogil=True)
def _put_alleles(data, i, e, n, sizes, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write ID, REF and ALT: (end; -1 where they are not plain; where they end)."""
    for j in range(n + 1):
        kind, count, i, end = _typed(data, i, e, sizes)
        if end < 0 or (count and kind != TEXT) or (j and not count):
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
        if w + size + count * (_GAP + 1) + 64 > out.size:
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


@nb.njit(cache=True, nogil=True)
def _write(
    data, starts, k, n, sizes, contigs, contig_spans, strings, spans, out, w, odd, n_odd
):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write records `k` to `n`: (first not written, why, end, gaps).

    Why is 1 where it is not plain, 2 where there is no room for it.
    """
    while k < n:
        i = starts[k] + 8
        e = i + u32(data, starts[k])
        begin, held = w, n_odd
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
        w = _put_integer(out, w + 1, pos + 1)
        out[w] = 9
        w += 1
        at = np.int64(-1)
        if n_allele:
            w, at = _put_alleles(data, i + 24, e, n_allele, sizes, out, w)
        if at >= 0 and w >= 0:
            w, n_odd = _put_number(data, i + 12, out, w, odd, n_odd)
        if at >= 0 and w >= 0:
            out[w] = 9
            w, at = _put_filter(data, at, e, sizes, strings, spans, out, w + 1)
        if at >= 0 and w >= 0:
            w, at, n_odd = _put_info(
                data, at, e, n_info, sizes, strings, spans, out, w, odd, n_odd
            )
        if w < 0 or at != e:
            return k, (2 if w == -2 else 1), begin, held
        out[w] = 10
        w += 1
        k += 1
    return k, 0, w, n_odd


class SiteText:
    """Writes the first eight columns of records.

    Parameters
    ----------
    contigs, strings
        The names in the dictionaries of the header, by number.
    """

    def __init__(self, contigs: dict[int, str], strings: dict[int, str]) -> None:
        self._names = (*pack_names(contigs), *pack_names(strings))

    def write(self, data: Bytes, starts: Ints, n: int) -> tuple[int, bytes]:
        """Write the first `n` records, or as many at the front as are plain.

        Parameters
        ----------
        data, starts
            Records that `bcf_records.find_fields` found sound.

        Returns
        -------
        tuple
            How many, and their lines.
        """
        shared = int(u32s(data, starts[:n]).sum())
        room = 4 * shared + 64 * n + 4096
        while True:
            out = np.empty(room, np.uint8)
            odd = np.empty((shared // 4 + 1, 2), np.int64)
            done, why, w, n_odd = _write(
                data, starts, 0, n, _SIZES, *self._names, out, 0, odd, 0
            )
            if why != 2 or room > _MOST:
                break
            room *= 4
        if not n_odd:
            return int(done), out[:w].tobytes()
        return int(done), _fill_gaps(data, out[:w], odd[:n_odd])


_MOST = 1 << 30
"""Bytes of text of a batch; what takes more is left to htslib."""


def u32s(data: Bytes, at: Ints) -> Ints:
    """Read little-endian numbers of four bytes."""
    parts = data[at[:, None] + np.arange(4)].astype(np.int64)
    numbers: Ints = parts @ (np.int64(1) << np.array([0, 8, 16, 24]))
    return numbers


def _fill_gaps(data: Bytes, out: Bytes, odd: Ints) -> bytes:
    """Write the numbers that take an exponent into their gaps, and close what is left."""
    bits = u32s(data, odd[:, 1]).astype(np.uint32)
    texts = _formatted(bits.view(np.float32).astype(np.float64).tolist())
    out[odd[:, :1] + np.arange(_GAP)] = (
        np.array(texts, f"S{_GAP}").view(np.uint8).reshape(-1, _GAP)
    )
    written: bytes = out[out != 0].tobytes()
    return written


def _formatted(values: Iterable[float]) -> list[bytes]:
    return [b"%g" % value for value in values]
