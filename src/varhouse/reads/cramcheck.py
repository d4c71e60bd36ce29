"""Whether a CRAM is whole: its containers are walked to the last, and checksums compared.

What reads a CRAM does not see that containers at its end are missing, and looks at the
checksums of those blocks alone that it needs. Source: CRAM format specification 3.1, sections
2 (integers), 6 (file), 7 (containers), 8 (blocks), 9 (end of file).
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_VERSIONS = ((2, 1), (3, 0), (3, 1))
"""Those that end with a container by which a cut is seen. 4.0 is a draft."""

_HEAD = 26
"""Bytes of the file's own header: CRAM, version, identifier."""

_END_AT = 0x454F46
"""Place (`EOF` in ASCII) of the container of no records that ends a file."""

_PIECE = 1 << 20

_RAW, _GZIP, _BZIP2, _LZMA = range(4)
_AGAIN = "fix: copy it again"


class _DamagedError(Exception):
    """Why a container or block is not as it was written."""


class _Bytes:
    """A file that is read on, with the checksum of what was read since it was set to 0."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.crc = 0
        self.at = 0

    def take(self, n: int) -> bytes:
        data = self._file.read(n)
        if len(data) < n:
            raise EOFError
        self.crc = zlib.crc32(data, self.crc)
        self.at += n
        return data

    def number(self, most: int = 5) -> int:
        """Read an ITF8 (5 bytes at most) or LTF8 (9): ones that lead tell what follows."""
        first = self.take(1)[0]
        more = next((k for k in range(8) if not first & 0x80 >> k), 8)
        if most == 5 and more >= 4:
            rest = self.take(4)
            value = (first & 15) << 28 | int.from_bytes(rest[:3]) << 4 | rest[3] & 15
            return value - (1 << 32) if value >> 31 else value
        return (first & (0x7F >> more)) << 8 * more | int.from_bytes(self.take(more))

    def skip(self, n: int, each: Callable[[bytes], object] = len) -> None:
        """Read over bytes, a few at a time."""
        while n:
            part = self.take(min(n, _PIECE))
            each(part)
            n -= len(part)


def cram_problem(path: Path) -> str:
    """Say what is wrong with a CRAM as a file, with the fix; "": it is whole.

    In version 3 every container and block has a CRC-32. In 2.1 what is packed is unpacked, and
    has its packing's own; a block that is not packed there has none.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        source = _Bytes(file)
        try:
            version = tuple(source.take(_HEAD)[4:6])
            if version not in _VERSIONS:
                return (
                    f"{path}: CRAM {version[0]}.{version[1]}: 2.1, 3.0 and 3.1 are read; fix: "
                    "samtools view -C --output-fmt-option version=3.0 -T REFERENCE -o NEW OLD"
                )
            is_end = False
            while source.at < size:
                if is_end:
                    return (
                        f"{path}: goes on behind its end, from byte {source.at:,}: several "
                        f"files in one, or damaged; {_AGAIN}; several: samtools merge"
                    )
                begin = source.at
                is_end = _container(source, size, has_crc=version[0] > 2)
        except EOFError:
            return f"{path}: cut off, {size:,} bytes are left; {_AGAIN}"
        except _DamagedError as error:
            return f"{path}: damaged in the container at byte {begin:,} ({error}); {_AGAIN}"
    return "" if is_end else f"{path}: no container that ends it: cut off; {_AGAIN}"


def _container(source: _Bytes, size: int, *, has_crc: bool) -> bool:
    """Read a container; tells whether it is the one that ends a file."""
    begin, source.crc = source.at, 0
    length = int.from_bytes(source.take(4), "little", signed=True)
    reference, start, _, n_records = (source.number() for _ in range(4))
    source.number(9 if has_crc else 5)
    source.number(9)
    n_blocks, n_landmarks = source.number(), source.number()
    if length < 0 or n_blocks < 0 or not 0 <= n_landmarks <= size:
        raise _DamagedError("its header")
    for _ in range(n_landmarks):
        source.number()
    if has_crc:
        _compare(source, "its header")
    end = source.at + length
    if end > size:
        # Without a checksum the length itself may be wrong.
        raise EOFError
    for number in range(1, n_blocks + 1):
        _block(source, end, f"block {number}", has_crc=has_crc)
    # Behind the block of the header there may be room for a longer one.
    if source.at > end or (source.at < end and begin > _HEAD):
        raise _DamagedError("blocks of another length than its header says")
    source.skip(end - source.at)
    return (reference, start, n_records) == (-1, _END_AT, 0)


def _block(source: _Bytes, end: int, name: str, *, has_crc: bool) -> None:
    source.crc = 0
    method = source.take(2)[0]
    source.number()
    packed, size = source.number(), source.number()
    if packed < 0 or size < 0 or source.at + packed > end:
        raise _DamagedError(f"{name}: its length")
    if has_crc:
        source.skip(packed)
        _compare(source, name)
        return
    if method not in (_GZIP, _BZIP2, _LZMA):
        source.skip(packed)
        return
    unpacker = (
        zlib.decompressobj(31)
        if method == _GZIP
        else bz2.BZ2Decompressor()
        if method == _BZIP2
        else lzma.LZMADecompressor()
    )
    try:
        source.skip(packed, unpacker.decompress)
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise _DamagedError(f"{name}: {error}") from None
    if not unpacker.eof:
        raise _DamagedError(f"{name}: it is not whole")


def _compare(source: _Bytes, name: str) -> None:
    """Compare the checksum of what was read with the one that follows."""
    found = source.crc
    if int.from_bytes(source.take(4), "little") != found:
        raise _DamagedError(f"{name}: its checksum")
