"""VRS 2 ids of many alleles: canonical JSON and digests in one compiled pass.

GA4GH VRS 2.0, "Computed identifiers": the id is `ga4gh:VA.` and the sha512t24u digest of
the allele's canonical JSON (keys sorted, no blanks, no id), in which the location is the
digest of its own JSON and the sequence is named by its refget digest.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.identify.sha512 import BLOCK, LANES, Bytes, sha512t24u
from varhouse.identify.text import put, put_number

Longs = npt.NDArray[np.int64]

PREFIX = b"ga4gh:VA."
PREFIX_SIZE = len(PREFIX)
SIZE = PREFIX_SIZE + 32
"""Letters of an id."""


def _text(text: str) -> Bytes:
    return np.frombuffer(text.encode(), np.uint8)


_PREFIX = _text(PREFIX.decode())
_END = _text('{"end":')
_SEQUENCE = _text(',"sequenceReference":{"refgetAccession":"')
_START = _text('","type":"SequenceReference"},"start":')
_LOCATION = _text(',"type":"SequenceLocation"}')
_ALLELE = _text('{"location":"')
_LENGTH = _text('","state":{"length":')
_SUBUNIT = _text(',"repeatSubunitLength":')
_DERIVED = _text(',"type":"ReferenceLengthExpression"},"type":"Allele"}')
_LITERAL = _text('","state":{"sequence":"')
_LITERAL_END = _text('","type":"LiteralSequenceExpression"},"type":"Allele"}')
_ROOM = 256
"""Bytes of either JSON without the refget digest and the literal sequence, at most."""


@njit(cache=True, nogil=True)
def write_location(
    refget: Bytes, r0: int, r1: int, start: int, end: int, message: Bytes
) -> int:
    """Write the location's JSON and give its size."""
    w = put_number(end, message, put(_END, 0, _END.size, message, 0))
    w = put(_SEQUENCE, 0, _SEQUENCE.size, message, w)
    w = put(refget, r0, r1, message, w)
    w = put_number(start, message, put(_START, 0, _START.size, message, w))
    return put(_LOCATION, 0, _LOCATION.size, message, w)


@njit(cache=True, nogil=True)
def write_allele(
    location: Bytes,
    length: int,
    subunit: int,
    inserted: Bytes,
    i0: int,
    i1: int,
    message: Bytes,
) -> int:
    """Write the allele's JSON and give its size."""
    w = put(_ALLELE, 0, _ALLELE.size, message, 0)
    w = put(location, 0, 32, message, w)
    if subunit > 0:
        w = put_number(length, message, put(_LENGTH, 0, _LENGTH.size, message, w))
        w = put_number(subunit, message, put(_SUBUNIT, 0, _SUBUNIT.size, message, w))
        return put(_DERIVED, 0, _DERIVED.size, message, w)
    w = put(_LITERAL, 0, _LITERAL.size, message, w)
    w = put(inserted, i0, i1, message, w)
    return put(_LITERAL_END, 0, _LITERAL_END.size, message, w)


@njit(cache=True, nogil=True)
def vrs_ids(
    contig: npt.NDArray[np.int32],
    refget: Bytes,
    refget_at: Longs,
    start: Longs,
    end: Longs,
    length: Longs,
    subunit: Longs,
    inserted: Bytes,
    inserted_at: Longs,
) -> Bytes:
    """Give the VRS ids of n alleles, SIZE letters each, end to end.

    Parameters
    ----------
    contig
        Index into the refget digests, int32[n].
    refget, refget_at
        The digests `SQ....` end to end, with offsets.
    start, end
        int64[n], 0-based half-open: the fully-justified interval.
    length, subunit
        int64[n]: `length` and `repeatSubunitLength` of the state; subunit 0: literal.
    inserted, inserted_at
        Bases of literal states end to end, with n + 1 offsets.
    """
    n = contig.size
    longest = 0
    for c in range(refget_at.size - 1):
        longest = max(longest, refget_at[c + 1] - refget_at[c])
    most = longest
    for k in range(n):
        if subunit[k] == 0:
            most = max(most, inserted_at[k + 1] - inserted_at[k])
    room = (most + _ROOM) // BLOCK * BLOCK + 2 * BLOCK
    messages, sizes = np.zeros((LANES, room), np.uint8), np.zeros(LANES, np.int64)
    state, words = np.zeros((8, LANES), np.uint64), np.zeros((16, LANES), np.uint64)
    locations, places = np.zeros((LANES, 32), np.uint8), 32 * np.arange(LANES)
    # Lanes without an allele write behind all others.
    out = np.empty((n + LANES) * SIZE, np.uint8)
    for first in range(0, n, LANES):
        lanes = min(LANES, n - first)
        for lane in range(lanes):
            k = first + lane
            a, b = refget_at[contig[k]], refget_at[contig[k] + 1]
            sizes[lane] = write_location(refget, a, b, start[k], end[k], messages[lane])
        sha512t24u(messages, sizes, locations.reshape(-1), places, state, words)
        at = (first + np.arange(LANES)) * SIZE + PREFIX_SIZE
        for lane in range(lanes):
            k = first + lane
            sizes[lane] = write_allele(
                locations[lane],
                length[k],
                subunit[k],
                inserted,
                inserted_at[k],
                inserted_at[k + 1],
                messages[lane],
            )
            put(_PREFIX, 0, PREFIX_SIZE, out, k * SIZE)
        sha512t24u(messages, sizes, out, at, state, words)
    return out[: n * SIZE]
