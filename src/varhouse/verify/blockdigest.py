"""The digest of the values of a record's FORMAT fields, from those of its cells.

A sum over fields and people, so that it does not depend on how people are cut into blocks.
"""

import hashlib
from collections.abc import Iterator
from functools import cache

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.verify.blockread import Block, Cells, read_blocks
from varhouse.verify.filescan import Rows

_K1, _K2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_TEXT, _NUMBERS = np.uint64(1), np.uint64(2)
_S8, _S31, _S32 = np.uint64(8), np.uint64(31), np.uint64(32)


@nb.njit(inline="always")
def _mix(h, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    h = (h ^ v) * _K2
    return h ^ (h >> _S32)


@nb.njit(cache=True, nogil=True)
def _add(name, first, people, values, cut, state, text, begin, end, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    c = 0
    for r in range(out.size):
        total = np.uint64(0)
        for s in range(first, first + people):
            seed = name + np.uint64(s) * _K1
            if begin[c] >= 0:
                a, b = begin[c], end[c]
                h = _mix(seed, _TEXT + (np.uint64(b - a) << _S8))
                for i in range(a, b):
                    h = _mix(h, np.uint64(text[i]))
                total += h * _K1
            elif state[c] == 0:
                a, b = cut[c], cut[c + 1]
                h = _mix(seed, _NUMBERS + (np.uint64(b - a) << _S8))
                for i in range(a, b):
                    h = _mix(h, np.uint64(values[i]))
                total += h * _K1
            c += 1
        out[r] += total


@cache
def _name(text: str) -> np.uint64:
    # A key that stands twice counts as itself both times, not as `KEY:2`.
    key = text.partition(":")[0]
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _add_field(block: Block, field: Cells, out: npt.NDArray[np.uint64]) -> None:
    _add(
        _name(field.name), block.first, block.people, field.values, field.cut, field.state,
        field.text, field.begin, field.end, out,
    )  # fmt: skip


def block_digests(
    rows: Rows,
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Digest the blocks of a batch of the table fields.

    Yields
    ------
    tuple
        Row of the batch, int64[n] ordinals of records, int64[n] digests of the block's part.
    """
    for block in read_blocks(rows):
        out = np.zeros(block.records.size, np.uint64)
        for field in block.fields:
            _add_field(block, field, out)
        yield block.row, block.records, out.view(np.int64)


def weigh(record: npt.NDArray[np.int64], digest: npt.NDArray[np.int64]) -> int:
    """Add up digests of records, each with a weight of its ordinal, modulo 2**64."""
    weight = record.astype(np.uint64) * _K1 ^ _K2
    weight = (weight ^ weight >> _S31) * _K2 | np.uint64(1)
    return int((weight * digest.view(np.uint64)).sum())
