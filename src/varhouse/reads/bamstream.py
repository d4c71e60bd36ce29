"""Records of an uncompressed BAM in a pipe, in blocks of bytes for compiled code.

samtools writes an uncompressed BAM (`-u`) as BGZF whose blocks hold the bytes as they are
(RFC 1951, section 3.2.4); they are put together without a decompressor.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.errors import InputError

Block = npt.NDArray[np.uint8]

_READ = 4 << 20
_FRAME = 18
"""Bytes of a block's header as htslib writes it (SAM specification, section 4.1)."""


@njit(cache=True, nogil=True)
def _unframe(raw, end, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy the bytes of whole blocks; gives bytes read, bytes written, and whether to go on.

    A block that is compressed is left to the caller.
    """
    at, n = 0, 0
    while at + _FRAME + 5 <= end:
        if raw[at] != 31 or raw[at + 1] != 139 or raw[at + 12] != 66 or raw[at + 13] != 67:
            return at, n, False
        size = raw[at + 16] + (raw[at + 17] << 8) + 1
        if at + size > end:
            break
        if raw[at + _FRAME] != 1:
            return at, n, False
        length = raw[at + _FRAME + 1] + (raw[at + _FRAME + 2] << 8)
        for k in range(length):
            out[n + k] = raw[at + _FRAME + 5 + k]
        n += length
        at += size
    return at, n, True


def _bytes_of(source: BinaryIO) -> Iterator[Block]:
    """Give the bytes of a BAM, framed as BGZF or not, as pieces of any length."""
    start = source.read(4)
    if start == b"BAM\x01":
        yield np.frombuffer(start, np.uint8)
        while piece := source.read(_READ):
            yield np.frombuffer(piece, np.uint8)
        return
    rest = start
    while True:
        piece = source.read(_READ)
        raw = np.frombuffer(rest + piece, np.uint8)
        at, end = 0, raw.size
        out = np.empty(end, np.uint8)
        while True:
            used, n, is_plain = _unframe(raw[at:], end - at, out)
            if n:
                yield out[:n]
                out = np.empty(end, np.uint8)
            at += used
            if is_plain:
                break
            # A compressed block: the empty one at the end, or one of another writer.
            inflater = zlib.decompressobj(31)
            body = inflater.decompress(raw[at:].tobytes())
            if not inflater.eof:
                if not piece:
                    raise InputError("a BAM in a pipe ends within a block")
                break
            at = end - len(inflater.unused_data)
            if body:
                yield np.frombuffer(body, np.uint8)
            if at == end:
                break
        rest = raw[at:].tobytes()
        if not piece:
            if rest:
                raise InputError("a BAM in a pipe ends within a block")
            return


@njit(cache=True, nogil=True)
def _whole(block):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find where the last whole record of a block ends."""
    at = 0
    while at + 4 <= block.size:
        size = 0
        for k in range(4):
            size |= block[at + k] << (8 * k)
        if at + 4 + size > block.size:
            break
        at += 4 + size
    return at


class BamStream:
    """A BAM that is read from a pipe: its header, then blocks of whole records.

    Attributes
    ----------
    text
        Of the header.
    names, lengths
        Of the contigs.
    header
        Bytes of the header as a BAM has it, without BGZF.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._pieces = _bytes_of(source)
        self._rest = b""
        magic, size = struct.unpack("<4si", self._take(8))
        if magic != b"BAM\x01":
            raise InputError("no BAM came through the pipe")
        raw = self._take(size)
        self.text = raw.rstrip(b"\0").decode(errors="replace")
        parts = [struct.pack("<4si", magic, size), raw, self._take(4)]
        self.names: list[str] = []
        self.lengths: list[int] = []
        for _ in range(struct.unpack("<i", parts[-1])[0]):
            parts.append(self._take(4))
            parts.append(self._take(struct.unpack("<i", parts[-1])[0] + 4))
            self.names.append(parts[-1][:-5].decode(errors="replace"))
            self.lengths.append(struct.unpack("<i", parts[-1][-4:])[0])
        self.header = b"".join(parts)

    def _take(self, n: int) -> bytes:
        while len(self._rest) < n:
            piece = next(self._pieces, None)
            if piece is None:
                raise InputError("a BAM in a pipe ends within its header")
            self._rest += piece.tobytes()
        own, self._rest = self._rest[:n], self._rest[n:]
        return own

    def blocks(self) -> Iterator[Block]:
        """Give the records: read-only uint8 blocks, each of whole records with their sizes.

        Raises
        ------
        InputError
            If the stream ends within a record.
        """
        rest = np.frombuffer(self._rest, np.uint8)
        for piece in self._pieces:
            block = np.concatenate((rest, piece)) if rest.size else piece
            # Pieces of some kinds are so anyway: one compiled version serves all.
            block.flags.writeable = False
            end = _whole(block)
            if end:
                yield block[:end]
            rest = block[end:]
        end = _whole(rest)
        if end:
            yield rest[:end]
        if end != rest.size:
            raise InputError("a BAM in a pipe ends within a record")
