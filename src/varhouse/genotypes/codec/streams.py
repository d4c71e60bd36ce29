"""Streams of a block: each compressed for itself, so what is not asked is not unpacked."""

from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Int64
from varhouse.genotypes.fields import Bytes

LARGEST_STREAM = 1 << 28
"""Bytes of a stream; who claims more is damaged, and must not make a reader ask for memory."""

_FAST, _SMALL = (pa.Codec("zstd", compression_level=level) for level in (1, 9))


class Packed(NamedTuple):
    """Streams as they are stored: one after another, where each ends, its size unpacked."""

    data: bytes
    ends: list[int]
    sizes: list[int]


class Streams(NamedTuple):
    """Unpacked streams in one array: stream k is `data[at[k]:at[k + 1]]`."""

    data: Bytes
    at: Int64


def _compress(stream: Bytes) -> bytes:
    """Compress a stream: bytes without repeats quickly, others as small as is worth it.

    Residuals are noise; all that helps is that some bytes are more frequent than others,
    which the quickest level finds as well. Where it finds much more, there are repeats.
    """
    if not stream.size:
        return b""
    fast: bytes = _FAST.compress(stream, asbytes=True)
    if len(fast) * 8 > stream.size * 3:
        return fast
    small: bytes = _SMALL.compress(stream, asbytes=True)
    return min(fast, small, key=len)


def pack(streams: Sequence[Bytes]) -> Packed:
    """Compress streams (uint8 each)."""
    parts = [_compress(np.ascontiguousarray(s)) for s in streams]
    ends = np.cumsum([len(p) for p in parts]).tolist()
    return Packed(b"".join(parts), ends, [int(s.size) for s in streams])


def _unpacked(data: bytes, size: int) -> bytes:
    if not 0 <= size <= LARGEST_STREAM:
        raise StoreError(f"a stream of a block of FORMAT fields claims {size} bytes")
    if not size:
        return b""
    try:
        out: bytes = _FAST.decompress(data, decompressed_size=size, asbytes=True)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"a stream of a block of FORMAT fields is damaged: {error}"
        ) from error
    if len(out) != size:
        raise StoreError(
            "a stream of a block of FORMAT fields has another length than it says"
        )
    return out


def unpack(packed: Packed, wanted: Container[int]) -> Streams:
    """Unpack some of the streams; the others are empty.

    Raises
    ------
    StoreError
        Streams that do not lie one after another in the data, or are damaged.
    """
    ends = [0, *packed.ends]
    if len(packed.sizes) != len(packed.ends) or ends[-1] != len(packed.data):
        raise StoreError("the streams of a block of FORMAT fields are cut off")
    if any(a > b for a, b in pairwise(ends)):
        raise StoreError("the streams of a block of FORMAT fields are out of order")
    parts = [
        _unpacked(packed.data[ends[k] : ends[k + 1]], size) if k in wanted else b""
        for k, size in enumerate(packed.sizes)
    ]
    at = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    return Streams(np.frombuffer(b"".join(parts), np.uint8), at)
