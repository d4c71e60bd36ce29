"""Cut and put together lines of VCF text, compiled."""

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_TAB, _NEWLINE, _COMMA, _ZERO = 9, 10, 44, 48
_MAX_DIGITS = 20


@njit(cache=True, nogil=True)
def contig_runs(text: Bytes, start: Longs, end: Longs) -> Longs:
    """List the rows at which a span differs from the one before (row 0 first)."""
    out = np.empty(start.size, np.int64)
    n = 0
    for k in range(start.size):
        same = k > 0 and end[k] - start[k] == end[k - 1] - start[k - 1]
        if same:
            for j in range(end[k] - start[k]):
                if text[start[k] + j] != text[start[k - 1] + j]:
                    same = False
                    break
        if not same:
            out[n] = k
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def split_alts(text: Bytes, start: Longs, end: Longs) -> tuple[Longs, Longs, Longs, Longs]:
    """Cut ALT at its commas: (row, 1-based ALT, first byte, length) of each allele."""
    total = start.size
    for k in range(start.size):
        for j in range(start[k], end[k]):
            if text[j] == _COMMA:
                total += 1
    row, index = np.empty(total, np.int64), np.empty(total, np.int64)
    offset, length = np.empty(total, np.int64), np.empty(total, np.int64)
    m = 0
    for k in range(start.size):
        a, i = start[k], 1
        for j in range(start[k], end[k] + 1):
            if j == end[k] or text[j] == _COMMA:
                row[m], index[m], offset[m], length[m] = k, i, a, j - a
                m += 1
                i += 1
                a = j + 1
    return row, index, offset, length


@njit(cache=True, nogil=True)
def has_end_key(text: Bytes, start: Longs, end: Longs) -> Flags:
    """Tell whether INFO holds the key END."""
    out = np.zeros(start.size, np.bool_)
    for k in range(start.size):
        for j in range(start[k], end[k] - 3):
            if (
                text[j] == 69
                and text[j + 1] == 78
                and text[j + 2] == 68
                and text[j + 3] == 61
                and (j == start[k] or text[j - 1] == 59)
            ):
                out[k] = True
                break
    return out


@njit(cache=True, nogil=True)
def _copy(source: Bytes, start: int, end: int, out: Bytes, w: int) -> int:
    n = end - start
    for j in range(n):
        out[w + j] = source[start + j]
    return w + n


@njit(cache=True, nogil=True)
def _number(value: int, out: Bytes, w: int) -> int:
    digits = 1
    rest = value // 10
    while rest:
        digits += 1
        rest //= 10
    for j in range(digits - 1, -1, -1):
        out[w + j] = _ZERO + value % 10
        value //= 10
    return w + digits


@njit(cache=True, nogil=True)
def assemble(
    text: Bytes,
    line: Longs,
    verbatim: Flags,
    chrom: Longs,
    ident: Longs,
    pos: Longs,
    own: Flags,
    ref_text: Bytes,
    alt_text: Bytes,
    ref: Longs,
    alt: Longs,
    made: Flags,
    tail_text: Bytes,
    tail: Longs,
    suffix: Longs,
) -> tuple[Flags, Longs, Bytes]:
    """Write the lines that change: (whether it was written, span int64[n, 2], bytes).

    A verbatim row stays where it is in `text` with the line end behind its span `line`,
    unless that is not a mere newline. Another has CHROM and ID as spans of
    `text`, REF and ALT as spans of `ref_text` and `alt_text` if they are its `own`, else
    of `text`, and everything from QUAL on as a span of `tail_text` if it was `made`, else
    of `text`. Spans are int64[n, 2]. Columns of `suffix` (int64[n, c]) follow.
    """
    n = line.shape[0]
    total = 0
    written = np.empty(n, np.bool_)
    for k in range(n):
        end = line[k, 1]
        written[k] = not verbatim[k] or suffix.shape[1] > 0
        written[k] |= end >= text.size or text[end] != _NEWLINE
        if written[k]:
            total += (
                end - line[k, 0]
                if verbatim[k]
                else (
                    chrom[k, 1]
                    - chrom[k, 0]
                    + ident[k, 1]
                    - ident[k, 0]
                    + ref[k, 1]
                    - ref[k, 0]
                    + alt[k, 1]
                    - alt[k, 0]
                    + tail[k, 1]
                    - tail[k, 0]
                    + _MAX_DIGITS
                    + 5
                )
            )
            total += 1 + suffix.shape[1] * (_MAX_DIGITS + 1)
    out = np.empty(total, np.uint8)
    span = np.empty((n, 2), np.int64)
    w = 0
    for k in range(n):
        if not written[k]:
            span[k, 0], span[k, 1] = line[k, 0], line[k, 1] + 1
            continue
        span[k, 0] = w
        if verbatim[k]:
            w = _copy(text, line[k, 0], line[k, 1], out, w)
        else:
            w = _copy(text, chrom[k, 0], chrom[k, 1], out, w)
            out[w] = _TAB
            w = _number(pos[k], out, w + 1)
            out[w] = _TAB
            w = _copy(text, ident[k, 0], ident[k, 1], out, w + 1)
            out[w] = _TAB
            w = _copy(ref_text if own[k] else text, ref[k, 0], ref[k, 1], out, w + 1)
            out[w] = _TAB
            w = _copy(alt_text if own[k] else text, alt[k, 0], alt[k, 1], out, w + 1)
            out[w] = _TAB
            w = _copy(tail_text if made[k] else text, tail[k, 0], tail[k, 1], out, w + 1)
        for j in range(suffix.shape[1]):
            out[w] = _TAB
            w = _number(suffix[k, j], out, w + 1)
        out[w] = _NEWLINE
        w += 1
        span[k, 1] = w
    return written, span, out[:w]


@njit(cache=True, nogil=True)
def gather(data: Bytes, at: Longs, order: Longs) -> tuple[Longs, Bytes]:
    """Put lines into another order: (offsets, bytes)."""
    new = np.zeros(order.size + 1, np.int64)
    for k in range(order.size):
        new[k + 1] = new[k] + at[order[k] + 1] - at[order[k]]
    out = np.empty(new[-1], np.uint8)
    k = 0
    while k < order.size:
        # Lines that follow each other are copied at once.
        first, last = k, order[k]
        while k + 1 < order.size and order[k + 1] == last + 1:
            k, last = k + 1, last + 1
        _copy(data, at[order[first]], at[last + 1], out, new[first])
        k += 1
    return new, out


@njit(cache=True, nogil=True)
def join_runs(source: Longs, span: Longs) -> Longs:
    """Join spans that follow each other in one source: int64[r, 3] of source, first, end."""
    out = np.empty((source.size, 3), np.int64)
    n = 0
    for k in range(source.size):
        if n and out[n - 1, 0] == source[k] and out[n - 1, 2] == span[k, 0]:
            out[n - 1, 2] = span[k, 1]
        else:
            out[n, 0], out[n, 1], out[n, 2] = source[k], span[k, 0], span[k, 1]
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def copy_runs(text: Bytes, source: int, runs: Longs, at: Longs, out: Bytes) -> None:
    """Copy the runs of one source to their places in `out`."""
    for k in range(runs.shape[0]):
        if runs[k, 0] == source:
            _copy(text, runs[k, 1], runs[k, 2], out, at[k])
