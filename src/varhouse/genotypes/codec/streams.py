"""Streams of a block: each compressed for itself, so what is not asked is not unpacked."""

from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple

import numba as nb
import numpy as np
import pyarrow as pa

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Int64
from varhouse.genotypes.fields import Bytes

LARGEST_STREAM = 1 << 28
"""Bytes of a stream; who claims more is damaged, and must not make a reader ask for memory."""

FEW_SYMBOLS = 16
"""Distinct bytes of a stream of which several may share a byte."""

SAMPLE = 8192
"""Bytes at the beginning of a stream by which it is judged."""

_FAST, _SMALL = (pa.Codec("zstd", compression_level=level) for level in (1, 9))


class Packed(NamedTuple):
    """Streams as they are stored: one after another, where each ends, its size unpacked.

    A negative size: several symbols share a byte. Then the number of symbols and the symbols
    stand before the compressed bytes.
    """

    data: bytes
    ends: list[int]
    sizes: list[int]


class Streams(NamedTuple):
    """Unpacked streams in one array: stream k is `data[at[k]:at[k + 1]]`."""

    data: Bytes
    at: Int64


@nb.njit(cache=True, nogil=True)
def _histogram(stream):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count each byte: int64[256]. Two tables, so that a run does not wait for itself."""
    counts = np.zeros((2, 256), np.int64)
    for k in range(0, stream.size - 1, 2):
        counts[0, stream[k]] += 1
        counts[1, stream[k + 1]] += 1
    if stream.size % 2:
        counts[0, stream[stream.size - 1]] += 1
    return counts[0] + counts[1]


@nb.njit(cache=True, nogil=True)
def _several(stream, code, base, per_byte, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write `per_byte` symbols a byte: digits of a number in `base`, the highest first."""
    for k in range(out.size):
        v = 0
        for i in range(k * per_byte, (k + 1) * per_byte):
            v = v * base + (code[stream[i]] if i < stream.size else 0)
        out[k] = v


@nb.njit(cache=True, nogil=True)
def _one_each(data, digits, per_byte, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Undo `_several`; digits: uint8[256, per_byte], the symbols of each byte."""
    full = out.size // per_byte
    for k in range(full):
        for i in range(per_byte):
            out[k * per_byte + i] = digits[data[k], i]
    for i in range(full * per_byte, out.size):
        out[i] = digits[data[full], i - full * per_byte]


def _per_byte(symbols: int) -> int:
    """Tell how many of so many symbols one byte holds."""
    n = 1
    while symbols ** (n + 1) <= 256:
        n += 1
    return n


def _shared(stream: Bytes) -> tuple[bytes, float]:
    """Compress a stream of few symbols with several of them in a byte; nothing of many.

    Returns (bytes, what their frequencies say that is needed).
    """
    counts = _histogram(stream)
    known = np.flatnonzero(counts)
    if not 2 <= known.size <= FEW_SYMBOLS:
        return b"", 0.0
    code = np.zeros(256, np.uint8)
    code[known] = np.arange(known.size)
    per_byte = _per_byte(known.size)
    several = np.empty(-(-stream.size // per_byte), np.uint8)
    _several(stream, code, known.size, per_byte, several)
    head = bytes([known.size, *known.tolist()])
    return head + _FAST.compress(several, asbytes=True), _entropy(counts[known])


def _compress(stream: Bytes) -> tuple[bytes, int]:
    """Compress a stream: noise quickly, repeats as small as is worth it.

    Returns (bytes, size: negative where a byte holds several symbols).

    Residuals are noise. All that helps is that some bytes are more frequent than others, and
    that the quickest level finds as well, but never below one bit a byte: of few distinct
    symbols several share a byte first. Where the quickest level finds more than frequencies
    say, there are repeats, and a slower one finds more of them.
    """
    if not stream.size:
        return b"", 0
    seen = _histogram(stream[:SAMPLE])
    seen = seen[seen > 0]
    shared, bound = _shared(stream) if seen.size <= FEW_SYMBOLS else (b"", 0.0)
    if shared and 64 < len(shared) < 1.1 * bound and len(shared) > 0.9 * bound:
        return shared, -stream.size
    best: bytes = _FAST.compress(stream, asbytes=True)
    if len(best) < 0.9 * _entropy(seen) * stream.size / min(stream.size, SAMPLE):
        best = min(best, _SMALL.compress(stream, asbytes=True), key=len)
    if shared and len(shared) < len(best):
        return shared, -stream.size
    return best, stream.size


def _entropy(counts: Int64) -> float:
    """Give the bytes that symbols of these frequencies need."""
    return float((counts * np.log2(counts.sum() / counts)).sum() / 8)


def pack(streams: Sequence[Bytes]) -> Packed:
    """Compress streams (uint8 each)."""
    parts = [_compress(np.ascontiguousarray(s)) for s in streams]
    ends = np.cumsum([len(data) for data, _ in parts]).tolist()
    return Packed(b"".join(data for data, _ in parts), ends, [size for _, size in parts])


def _separated(data: bytes, size: int) -> Bytes:
    """Unpack a stream of which a byte holds several symbols."""
    symbols = data[0] if data else 0
    known = np.frombuffer(data[1 : 1 + symbols], np.uint8)
    if not 2 <= symbols <= FEW_SYMBOLS or known.size != symbols:
        raise StoreError("a stream of a block of FORMAT fields has an odd list of symbols")
    per_byte = _per_byte(symbols)
    several = np.frombuffer(_unpacked(data[1 + symbols :], -(-size // per_byte)), np.uint8)
    digit = np.arange(256)[:, None] // symbols ** np.arange(per_byte)[::-1] % symbols
    out = np.empty(size, np.uint8)
    _one_each(several, known[digit], per_byte, out)
    return out


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
    parts = []
    for k, size in enumerate(packed.sizes):
        data = packed.data[ends[k] : ends[k + 1]] if k in wanted else b""
        if k not in wanted:
            parts.append(b"")
        elif size < 0:
            parts.append(_separated(data, min(-size, LARGEST_STREAM + 1)).tobytes())
        else:
            parts.append(_unpacked(data, size))
    at = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    return Streams(np.frombuffer(b"".join(parts), np.uint8), at)
