"""States over one another: what each base of a contig is called in one person.

Entries of a person reach over each other: a variant record over the blocks beside it, its REF
over other records. One state a base and person holds (decision 0034, R3): that of a record at
its POS, over that of a block, over that of the rest of an own record's REF.

- Records at one base (R8): the called alleles add up, to at most the greater ploidy, and the
  better state holds. An allele that normalising moved puts its record's state there. Who is
  fully called in one of them is so at the base: `1` beside `./.` is one allele of one, not of
  two, for he is counted as a carrier who is fully called.
- Blocks over one base (R12), and spans: the weaker holds, counted once.
- A called block or record over an own span (R10) has the alleles of both, to at most the
  greater ploidy: Strelka writes haploid `0` inside a heterozygous deletion.

Work is n log n in the entries, however far they reach; a block of a contig is one run.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.callability.codes import (
    NOT_CALLED,
    SPAN_BIT,
    Codes,
    alleles_of,
    level_of,
    ploidy_of,
    with_alleles,
)

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Kinds = npt.NDArray[np.uint8]

SPAN, BLOCK, RECORD, MOVED = range(4)
"""What an entry is: the rest of a REF, a reference block, a record's POS, where one of its
alleles stands once it is normalised."""

_LOW32 = np.int64(0xFFFFFFFF)


class Runs(NamedTuple):
    """Stretches of one state each, of one person and contig, ascending and apart.

    Attributes
    ----------
    start, end
        int32[n]: 1-based, closed.
    code
        int32[n]: see `varhouse.callability.codes`; never 0.
    """

    start: Int32
    end: Int32
    code: Codes


@nb.njit(cache=True, nogil=True)
def _push(heap, size, value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Put a value into a heap of some size, the least first."""
    i = size
    while i > 0 and heap[(i - 1) >> 1] > value:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = value
    return size + 1


@nb.njit(cache=True, nogil=True)
def _pop(heap, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Take the least value out of a heap of some size."""
    size -= 1
    value = heap[size]
    i = 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value
    return size


@nb.njit(cache=True, nogil=True)
def _without_ended(heap, size, here):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Take out of the top of a heap what ends before `here`."""
    while size and (heap[0] & _LOW32) < here:
        size = _pop(heap, size)
    return size


@nb.njit(cache=True, nogil=True)
def _is_full(code):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether a code is that of a genotype of which all alleles are called."""
    return level_of(code) > NOT_CALLED and alleles_of(code) == ploidy_of(code) > 0


@nb.njit(cache=True, nogil=True)
def _together(code, called, ploidy, is_full):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give a state with the called alleles of several, of at most the greater ploidy."""
    alleles = min(ploidy, called)
    return with_alleles(code, alleles, alleles if is_full else ploidy)


@nb.njit(cache=True, nogil=True)
def _over_span(code, span):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the state of a block or record over a base of an own span (0: none), by R10."""
    if level_of(span) <= NOT_CALLED or level_of(code) <= NOT_CALLED:
        return code
    ploidy = max(ploidy_of(code), ploidy_of(span))
    return _together(code, alleles_of(code) + alleles_of(span), ploidy, _is_full(code))


@nb.njit(cache=True, nogil=True)
def _lay(pos, last, code, kind, limit):  # type: ignore[no-untyped-def]  # pragma: no cover
    n = pos.size
    start = np.empty(3 * n + 1, np.int32)
    end = np.empty(3 * n + 1, np.int32)
    out = np.empty(3 * n + 1, np.int32)
    # Of a block or a span that is going on: code << 32 | last.
    blocks, n_blocks = np.empty(n + 1, np.int64), 0
    spans, n_spans = np.empty(n + 1, np.int64), 0
    i = k = 0
    here = pos[0] if n else limit
    while here < limit:
        best, called, ploidy, is_full = np.int64(0), np.int64(0), np.int64(0), False
        while i < n and pos[i] == here:
            c = np.int64(code[i])
            if kind[i] == BLOCK:
                n_blocks = _push(blocks, n_blocks, c << 32 | last[i])
            elif kind[i] == SPAN:
                n_spans = _push(spans, n_spans, c << 32 | last[i])
            else:
                best = max(best, c)
                called += alleles_of(c)
                ploidy = max(ploidy, ploidy_of(c))
                is_full |= _is_full(c)
            i += 1
        n_blocks = _without_ended(blocks, n_blocks, here)
        n_spans = _without_ended(spans, n_spans, here)
        span = spans[0] >> 32 if n_spans else np.int64(0)
        until = limit - 1
        if i < n:
            until = min(until, pos[i] - 1)
        if n_spans:
            until = min(until, spans[0] & _LOW32)
        state = np.int64(0)
        if best:
            state = _over_span(_together(best, called, ploidy, is_full), span)
            until = here
        elif n_blocks:
            state = _over_span(blocks[0] >> 32, span)
            until = min(until, blocks[0] & _LOW32)
        elif n_spans:
            state = span | SPAN_BIT
        elif i == n:
            break
        if state:
            if k and out[k - 1] == state and end[k - 1] + 1 == here:
                end[k - 1] = until
            else:
                start[k], end[k], out[k] = here, until, state
                k += 1
        here = until + 1
    return start[:k].copy(), end[:k].copy(), out[:k].copy()


def lay(pos: Int64, last: Int64, code: Codes, kind: Kinds, limit: int) -> Runs:
    """Lay the entries of one person and contig over one another.

    Parameters
    ----------
    pos, last
        int64[n]: first and last base of each entry, 1-based, closed; pos ascending. An entry
        that ends before it begins, or from `limit` on, covers nothing.
    code
        int32[n]: its state, see `varhouse.callability.codes`, never 0.
    kind
        uint8[n]: SPAN, BLOCK, RECORD or MOVED; one of the last two has one base.
    limit
        First base that is not laid: behind the contig, or where a later window begins.
    """
    return Runs(*_lay(pos, last, code, kind, np.int64(limit)))
