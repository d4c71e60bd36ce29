"""A digest of the values of a record's FORMAT fields.

The digest of a record and some sample columns is a sum over fields and people, so it does not
depend on how people are cut into blocks, on the order of FORMAT, or on the batch and the kind
of file that values came from: numbers count as numbers, texts as bytes, names as bytes.
"""

import hashlib

import numba as nb
import numpy as np

from varhouse.genotypes.calls import Int64
from varhouse.genotypes.fields import Field, FieldTape

_K1, _K2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_TEXT, _NUMBERS = np.uint64(1), np.uint64(2)


def name_digest(field: Field) -> int:
    """Give 64 bits of the name of a field."""
    digest = hashlib.blake2b(field.name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@nb.njit(cache=True, nogil=True, inline="always")
def _mix(h, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    h = (h ^ v) * _K2
    return h ^ (h >> np.uint64(32))


@nb.njit(cache=True, nogil=True)
def text_hash(seed, text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Hash a text for a cell of which `seed` says field and person."""
    h = _mix(seed, _TEXT + (np.uint64(b - a) << np.uint64(8)))
    for i in range(a, b):
        h = _mix(h, np.uint64(text[i]))
    return h * _K1


@nb.njit(cache=True, nogil=True, inline="always")
def numbers_hash(seed, values, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Hash the numbers of a cell."""
    h = _mix(seed, _NUMBERS + (np.uint64(b - a) << np.uint64(8)))
    for i in range(a, b):
        h = _mix(h, np.uint64(values[i]))
    return h * _K1


@nb.njit(cache=True, nogil=True, inline="always")
def cell_seed(name, column):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Make the start of a cell's hash: field and sample column of the file."""
    return name + np.uint64(column) * _K1


@nb.njit(cache=True, nogil=True)
def _tape_digest(tape, names, is_number, size, first, people, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    text, values, cut, begin, layout, odd = tape
    o = 0
    for r in range(layout.size):
        fields = size[layout[r]]
        while o < odd.shape[0] and odd[o, 0] < begin[r]:
            o += 1
        total = np.uint64(0)
        p = begin[r] + first * fields
        for s in range(first, first + people):
            for j in range(fields):
                a, b = cut[p], cut[p + 1]
                if b > a:
                    seed = cell_seed(names[layout[r], j], s)
                    while o < odd.shape[0] and odd[o, 0] < p:
                        o += 1
                    if o < odd.shape[0] and odd[o, 0] == p:
                        total += text_hash(seed, text, odd[o, 1], odd[o, 2])
                    elif is_number[layout[r], j]:
                        total += numbers_hash(seed, values, a, b)
                    else:
                        total += text_hash(seed, text, values[a], values[a + 1])
                p += 1
        out[r] = total


def digest_fields(tape: FieldTape, first: int, people: int) -> Int64:
    """Digest the values of each record for the sample columns from `first` on.

    Returns
    -------
    int64[n]
        0 for a record without fields. The digest of more columns is the sum (modulo 2**64)
        of those of its parts.
    """
    width = max((len(x) for x in tape.layouts), default=0)
    names = np.zeros((len(tape.layouts), max(width, 1)), np.uint64)
    is_number = np.zeros(names.shape, np.bool_)
    for k, fields in enumerate(tape.layouts):
        for j, field in enumerate(fields):
            names[k, j], is_number[k, j] = name_digest(field), field.is_number
    size = np.array([len(x) for x in tape.layouts], np.int64)
    out = np.zeros(tape.size, np.uint64)
    _tape_digest(tape.arrays, names, is_number, size, first, people, out)
    return out.view(np.int64)


def sum_digests(record: Int64, digests: Int64) -> int:
    """Join the digests of records to one, whatever order or pieces they come in.

    Parameters
    ----------
    record, digests
        int64[n]: ordinal in the file and digest of each record. Of a record that comes in
        parts (some people, some fields) the digests are added up.

    Returns
    -------
    int
        A signed 64-bit number; those of several pieces add up modulo 2**64 (`wrap`).
    """
    # Odd weights: what is added to one record's digest is no other one's.
    weight = record.astype(np.uint64) * _K1 ^ _K2
    weight = (weight ^ weight >> np.uint64(31)) * _K2 | np.uint64(1)
    return wrap(int((weight * digests.view(np.uint64)).sum()))


def wrap(number: int) -> int:
    """Give a sum of digests as a signed 64-bit number."""
    return (number + 2**63) % 2**64 - 2**63
