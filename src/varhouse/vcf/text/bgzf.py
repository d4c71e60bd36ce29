"""Bytes of plain, gzip, BGZF and bzip2 files, and ranges of BGZF files.

BGZF (SAM specification, section 4.1) is a series of gzip members of at most 64 KiB
that each say their size, so that a reader can start at any of them. A place in such a
file is a *virtual offset*: the byte at which a member starts, times 65,536, plus the
place inside its text. Files of other kinds are copied to BGZF on the first pass, so
that every later job reads its own range and nothing before it.
"""

import bz2
import hashlib
import io
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from isal import igzip, isal_zlib

from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError

BATCH_BYTES = 8 << 20
"""Text of one batch; memory grows with it."""

_READ = 1 << 20
_LARGEST = 1 << 17
"""Bytes that hold any member and what it claims of its extra field; it has 64 KiB."""

_EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = struct.Struct("<4BI2BH")
_NOT_READ = (
    (b"PK\x03\x04", "a zip archive", "unzip FILE"),
    (b"\xfd7zXZ\x00", "a file packed by xz", "xz -d FILE"),
    (b"\x1f\x9d", "a file packed by compress", "uncompress FILE"),
    (b"\x1f\xa0", "a file packed by compress", "uncompress FILE"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd", "zstd -d FILE"),
    (b"x\x01", "a stream of zlib", "pigz -dc FILE"),
    (b"x\x9c", "a stream of zlib", "pigz -dc FILE"),
    (b"x\xda", "a stream of zlib", "pigz -dc FILE"),
    (b"Rar!", "a RAR archive", "unrar x FILE"),
    (b"7z\xbc\xaf", "a 7z archive", "7z x FILE"),
)
"""First bytes of packed files that are not read, what they are, and what unpacks them."""


class PackedError(InputError):
    """A file that is packed in a way that is not read; `fix` says what unpacks it."""


class Readable(Protocol):
    """What gives the next bytes of a file."""

    def read(self, size: int = -1, /) -> bytes:
        """Give at most so many bytes, none at the end."""


def file_kind(path: Path) -> str:
    """Tell the kind of a file by its first bytes: text, gzip, bgzf, bzip2 or bcf.

    Raises
    ------
    InputError
        If the file is empty, no regular file, or of a kind that is not read.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: a directory, not a file")
    if not stat.S_ISREG(mode):
        # Opening a pipe waits for whoever writes into it, and a device may have no end.
        raise InputError(f"{path}: a pipe, a device or a socket, not a file")
    with path.open("rb") as f:
        head = f.read(18)
        if not head:
            raise InputError(f"{path}: the file is empty")
        if head[:3] == b"BZh":
            return "bzip2"
        for magic, name, unpack in _NOT_READ:
            if head.startswith(magic):
                raise PackedError(
                    f"{path}: {name} is not read",
                    f"unpack it ({unpack}), compress the VCF with bgzip and give that",
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


def _members(f: Readable, path: Path, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (byte in file, text) of each BGZF member from byte `at`, where `f` stands."""
    held, i = b"", 0
    ended = False
    while True:
        if len(held) - i < _LARGEST and not ended:
            more = f.read(_READ)
            held, i, ended = held[i:] + more, 0, not more
            continue
        if i == len(held):
            return
        size, text_size, body = _member(held, i, at, path)
        try:
            text = isal_zlib.decompress(body, -15, max(text_size, 1))
        except isal_zlib.error as error:  # type: ignore[misc]
            raise InputError(f"{path}: damaged block at byte {at:,} ({error})") from error
        crc = int.from_bytes(held[i + size - 8 : i + size - 4], "little")
        if len(text) != text_size or isal_zlib.crc32(text) != crc:
            raise InputError(f"{path}: damaged block at byte {at:,} (wrong checksum)")
        yield at, text
        at += size
        i += size


def _member(held: bytes, i: int, at: int, path: Path) -> tuple[int, int, memoryview]:
    """Take the member at `held[i]` apart: its size, that of its text, its packed text.

    Raises
    ------
    InputError
        If there is none, or it is cut off; `at` is its place in the file.
    """
    here = len(held) - i
    if here < 12:
        raise _cut_off(path, at)
    id1, id2, method, flags, _, _, _, extra_length = _HEADER.unpack_from(held, i)
    if (id1, id2, method) != (0x1F, 0x8B, 8) or not flags & 4:
        raise InputError(f"{path}: damaged: no BGZF block at byte {at:,}", "copy it again")
    extra = held[i + 12 : i + 12 + extra_length]
    size, j = -1, 0
    while j + 4 <= len(extra):
        length = extra[j + 2] | extra[j + 3] << 8
        if extra[j : j + 2] == b"BC" and length == 2 and j + 6 <= len(extra):
            size = (extra[j + 4] | extra[j + 5] << 8) + 1
        j += 4 + length
    if len(extra) < extra_length or size <= 12 + extra_length + 8 or here < size:
        raise _cut_off(path, at)
    text_size = int.from_bytes(held[i + size - 4 : i + size], "little")
    if text_size > 1 << 16:
        raise InputError(f"{path}: damaged: block at byte {at:,} claims {text_size:,} bytes")
    return size, text_size, memoryview(held)[i + 12 + extra_length : i + size - 8]


def _cut_off(path: Path, at: int) -> InputError:
    return InputError(f"{path}: cut off inside a block at byte {at:,}", "copy it again")


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


class FileHashes:
    """MD5 and SHA-256 of a file's bytes, made while it is read.

    Attributes
    ----------
    size
        Bytes that were read.
    """

    def __init__(self) -> None:
        self._md5, self._sha = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        self._md5.update(data)
        self._sha.update(data)
        self.size += len(data)

    def digests(self) -> tuple[str, str]:
        """Give MD5 and SHA-256 in hexadecimal digits."""
        return self._md5.hexdigest(), self._sha.hexdigest()


def hash_file(path: Path) -> tuple[str, str]:
    """Give MD5 and SHA-256 of a file's bytes."""
    hashes = FileHashes()
    with path.open("rb") as f:
        while block := f.read(4 << 20):
            hashes.update(block)
    return hashes.digests()


class _HashedFile(io.RawIOBase):
    """A file that is read once, from its start to its end, and hashed on the way."""

    def __init__(self, raw: IO[bytes], hashes: FileHashes) -> None:
        self._raw, self._hashes = raw, hashes

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self._hashes.update(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def read_pieces(
    path: Path, kind: str, hashes: FileHashes | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield (byte in file or -1, bytes) of a whole file, whatever its compression.

    Of a BCF these are its binary records: `varhouse.vcf.blocks` gives its text. Every byte
    that is read of the file goes into `hashes`.
    """
    with path.open("rb") as opened:
        raw: Any = opened if hashes is None else _HashedFile(opened, hashes)
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
        for at, whole in _members(f, path, begin >> 16):
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
