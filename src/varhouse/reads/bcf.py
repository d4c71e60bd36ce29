"""BCF that a program writes to a pipe: its bytes, its header, and its numbers.

Layout of BCF: the VCF specification, section 6.3.
"""

import re
from collections.abc import Sequence
from typing import BinaryIO

import numba as nb
import numpy as np
from isal import isal_zlib

from varhouse.errors import InputError

MAGIC = b"BCF\x02\x02"
_FORMAT = re.compile(r"^##FORMAT=<ID=([^,>]+)[^\n]*?,IDX=(\d+)>\n", re.M)
_RAW_DEPTH = re.compile(r"^##INFO=<ID=DP,[^\n]*?,IDX=(\d+)>\n", re.M)

_HEAD = 18
"""Bytes before the compressed ones of a BGZF block."""

CUT = "what bcftools mpileup wrote is cut off"
LOOK = "look into the log of the step"


@nb.njit(cache=True, nogil=True)
def word(data, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a little-endian int32."""
    return np.int64(
        np.int32(
            np.uint32(data[at])
            | np.uint32(data[at + 1]) << np.uint32(8)
            | np.uint32(data[at + 2]) << np.uint32(16)
            | np.uint32(data[at + 3]) << np.uint32(24)
        )
    )


@nb.njit(cache=True, nogil=True)
def number(data, at, kind):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a typed integer of kind 1, 2 or 3 (8, 16, 32 bits); missing ones are negative."""
    if kind == 1:
        return np.int64(np.int8(data[at]))
    if kind == 2:
        return np.int64(
            np.int16(np.uint16(data[at]) | np.uint16(data[at + 1]) << np.uint16(8))
        )
    return word(data, at)


@nb.njit(cache=True, nogil=True)
def typed(data, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read the head of a typed value: how many there are, of which kind, where they begin."""
    kind, n = np.int64(data[at] & 15), np.int64(data[at] >> 4)
    at += 1
    if n == 15:
        width = np.int64(data[at] & 15)
        n = number(data, at + 1, width)
        at += 1 + (1 << (width - 1))
    return n, kind, at


@nb.njit(cache=True, nogil=True)
def width_of(kind):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the bytes of a number of a kind."""
    return 1 if kind == 1 or kind == 7 else 2 if kind == 2 else 4


class BcfSource:
    """The bytes of a BCF, whether it is plain or in BGZF blocks: `-Ou` writes stored ones."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._head = source.read(_HEAD)
        self._is_plain = self._head[:2] != b"\x1f\x8b"
        self._rest = memoryview(self._head if self._is_plain else b"")

    def read(self, n: int) -> bytes:
        """Read n bytes, fewer at the end."""
        data = bytearray(n)
        got = 0
        while got < n and (more := self.read_into(memoryview(data)[got:])):
            got += more
        return bytes(data[:got])

    def read_into(self, place: memoryview) -> int:
        """Fill a place as far as the end allows; 0: there is nothing more."""
        filled = 0
        while filled < len(place):
            if not self._rest:
                self._rest = memoryview(self._next(len(place) - filled))
                if not self._rest:
                    break
            n = min(len(self._rest), len(place) - filled)
            place[filled : filled + n] = self._rest[:n]
            self._rest = self._rest[n:]
            filled += n
        return filled

    def _next(self, n: int) -> bytes:
        if self._is_plain:
            return self._source.read(n)
        while self._head:
            # SAM specification, section 4.1: bytes 16 and 17 are the size of the block less
            # one.
            size = int.from_bytes(self._head[16:18], "little") + 1 - _HEAD
            body = self._source.read(size)
            if len(self._head) < _HEAD or len(body) < size:
                raise InputError(CUT, LOOK)
            data = isal_zlib.decompress(memoryview(body)[:-8], -15)
            self._head = self._source.read(_HEAD)
            if data:
                return data
        return b""


def read_header(source: BcfSource, keys: Sequence[str]) -> tuple[str, list[int]]:
    """Read the header of a BCF: its text, and the numbers of the keys (-1: none).

    Of the FORMAT `keys`, and then of INFO/DP.
    """
    head = source.read(9)
    if len(head) < 9 or head[:5] != MAGIC:
        raise InputError("bcftools mpileup wrote no BCF", LOOK)
    size = int.from_bytes(head[5:], "little")
    data = source.read(size)
    if len(data) < size:
        raise InputError(CUT, LOOK)
    text = data.rstrip(b"\0").decode()
    found = {m[1]: int(m[2]) for m in _FORMAT.finditer(text)}
    if "PL" not in found or "DP" not in found:
        raise InputError("the BCF of bcftools mpileup lacks FORMAT/PL or DP", "this is a bug")
    raw = _RAW_DEPTH.search(text)
    return text, [*(found.get(key, -1) for key in keys), int(raw[1]) if raw else -1]
