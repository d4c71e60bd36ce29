"""Bytes of plain, gzip, BGZF and bzip2 files, and ranges of BGZF files.

BGZF (SAM specification, section 4.1) is a series of gzip members of at most 64 KiB
that each say their size, so that a reader can start at any of them. A place in such a
file is a *virtual offset*: the byte at which a member starts, times 65,536, plus the
place inside its text. Files of other kinds are copied to BGZF on the first pass, so
that every later job reads its own range and nothing before it.
"""

import bz2
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from isal import igzip, isal_zlib

from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError

BATCH_BYTES = 8 << 20
"""Text of one batch; memory grows with it."""

_EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = struct.Struct("<4BI2BH")
_NOT_READ = (
    b"PK\x03\x04", b"\xfd7zXZ\x00", b"\x1f\x9d", b"\x1f\xa0", b"\x28\xb5\x2f\xfd",
    b"x\x01", b"x\x9c", b"x\xda", b"Rar!", b"7z\xbc\xaf",
)  # fmt: skip
"""First bytes of zip, xz, compress, zstd, zlib, rar and 7z."""


def file_kind(path: Path) -> str:
    """Tell the kind of a file by its first bytes: text, gzip, bgzf, bzip2 or bcf.

    Raises
    ------
    InputError
        If the file is empty or of a kind that is not read.
    """
    if path.is_dir():
        raise InputError(f"{path}: a directory, not a file")
    with path.open("rb") as f:
        head = f.read(18)
        if not head:
            raise InputError(f"{path}: the file is empty")
        if head[:3] == b"BZh":
            return "bzip2"
        if head.startswith(_NOT_READ):
            raise InputError(
                f"{path}: zip, xz, zstd, zlib or compress is not read",
                "unpack it and compress with bgzip",
            )
        if head[:5] == b"BCF\x02\x02":
            return "bcf"
        if head[:2] != b"\x1f\x8b":
            return "text"
        if len(head) == 18 and head[3] & 4 and head[12:14] == b"BC":
            f.seek(0)
            _, text = next(_members(f, path), (0, b""))
            return "bcf" if text[:3] == b"BCF" else "bgzf"
        return "gzip"


def _members(f: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (byte in file, text) of each BGZF member from where `f` stands."""
    while True:
        at = f.tell()
        head = f.read(12)
        if not head:
            return
        cut = InputError(f"{path}: cut off inside a block at byte {at:,}", "copy it again")
        if len(head) < 12:
            raise cut
        id1, id2, method, flags, _, _, _, extra_length = _HEADER.unpack(head)
        if (id1, id2, method) != (0x1F, 0x8B, 8) or not flags & 4:
            raise InputError(f"{path}: damaged: no BGZF block at byte {at:,}", "copy it again")
        extra = f.read(extra_length)
        size, i = -1, 0
        while i + 4 <= len(extra):
            length = extra[i + 2] | extra[i + 3] << 8
            if extra[i : i + 2] == b"BC" and length == 2 and i + 6 <= len(extra):
                size = (extra[i + 4] | extra[i + 5] << 8) + 1
            i += 4 + length
        if len(extra) < extra_length:
            raise cut
        body = f.read(size - 12 - extra_length) if size > 12 + extra_length + 8 else b""
        if size < 0 or len(body) < size - 12 - extra_length or len(body) < 8:
            raise cut
        crc, text_size = struct.unpack_from("<II", body, len(body) - 8)
        if text_size > 1 << 16:
            raise InputError(
                f"{path}: damaged: block at byte {at:,} claims {text_size:,} bytes"
            )
        try:
            text = isal_zlib.decompress(memoryview(body)[:-8], -15, max(text_size, 1))
        except isal_zlib.error as error:  # type: ignore[misc]
            raise InputError(f"{path}: damaged block at byte {at:,} ({error})") from error
        if len(text) != text_size or isal_zlib.crc32(text) != crc:
            raise InputError(f"{path}: damaged block at byte {at:,} (wrong checksum)")
        yield at, text


def has_end_block(path: Path) -> bool:
    """Tell whether a BGZF file ends with the empty block that marks its end.

    A BCF that is not compressed has no such block and needs none.
    """
    with path.open("rb") as f:
        if f.read(3) == b"BCF":
            return True
        f.seek(0, 2)
        if f.tell() < len(_EOF_BLOCK):
            return False
        f.seek(-len(_EOF_BLOCK), 2)
        return f.read() == _EOF_BLOCK


def read_pieces(path: Path, kind: str) -> Iterator[tuple[int, bytes]]:
    """Yield (byte in file or -1, bytes) of a whole file, whatever its compression.

    Of a BCF these are its binary records: `varhouse.vcf.blocks` gives its text.
    """
    with path.open("rb") as raw:
        if kind == "bgzf":
            yield from _members(raw, path)
            return
        stream: IO[bytes]
        if kind == "gzip":
            stream = igzip.IGzipFile(fileobj=raw, mode="rb")  # type: ignore[assignment, no-untyped-call]
        elif kind == "bzip2":
            stream = bz2.BZ2File(raw)
        else:
            stream = raw
        try:
            while piece := stream.read(1 << 20):
                yield -1, piece
        except EOFError as error:
            raise InputError(
                f"{path}: cut off: the {kind} stream has no end", "copy it again"
            ) from error
        except (OSError, ValueError, isal_zlib.error) as error:  # type: ignore[misc]
            raise InputError(f"{path}: damaged {kind} stream ({error})") from error


def iter_range(
    path: Path, begin: int, end: int, batch_bytes: int = BATCH_BYTES
) -> Iterator[bytes]:
    """Yield the text between two virtual offsets of a BGZF file in blocks of whole lines.

    Both offsets are line starts (or the end of the text).
    """
    pieces: list[bytes] = []
    held = 0
    skip = begin & 0xFFFF
    with path.open("rb") as f:
        f.seek(begin >> 16)
        for at, whole in _members(f, path):
            text = whole
            if at == end >> 16:
                text = text[: end & 0xFFFF]
            elif at > end >> 16:
                break
            if skip:
                text, skip = text[skip:], 0
            pieces.append(text)
            held += len(text)
            if held < batch_bytes:
                continue
            data = b"".join(pieces)
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
            pieces, held = [data[cut:]], len(data) - cut
    data = b"".join(pieces)
    if data:
        yield data if data.endswith(b"\n") else data + b"\n"


class BgzfWriter:
    """Write text as a BGZF file: the work copies of files of other kinds."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._stream = BgzfStream(self._file)

    def write(self, text: bytes | memoryview) -> None:
        """Add text."""
        self._stream.write(text)

    def virtual_offset(self, position: int) -> int:
        """Virtual offset of a byte of the text; after `close`."""
        return self._stream.virtual_offset(position)

    def close(self) -> None:
        """Write what is left and the end block."""
        self._stream.finish()
        self._file.close()
