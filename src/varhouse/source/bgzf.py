"""Blocks of text from plain, gzip, BGZF, bzip2 or BCF files, cut at line ends.

BGZF (SAM specification, section 4.1) is a series of gzip members of at most 64 KiB
that each say their size, so that a reader can start at any of them. A place in such a
file is a *virtual offset*: the byte at which a member starts, times 65,536, plus the
place inside its text. Files of other kinds are copied to BGZF on the first pass, so
that every later job reads its own range and nothing before it.
"""

import bz2
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from isal import igzip, isal_zlib

from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError
from varhouse.source.limits import DEFAULTS, RATIO_FROM, LimitError, Limits

BATCH_BYTES = 8 << 20
"""Text of one batch; memory grows with it."""

SHORTEST_RECORD = 16
"""Bytes of the shortest line with eight columns, its newline included."""

_EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEADER = struct.Struct("<4BI2BH")
_NOT_READ = (
    b"PK\x03\x04", b"\xfd7zXZ\x00", b"\x1f\x9d", b"\x1f\xa0", b"\x28\xb5\x2f\xfd",
    b"x\x01", b"x\x9c", b"x\xda", b"Rar!", b"7z\xbc\xaf",
)  # fmt: skip
"""First bytes of zip, xz, compress, zstd, zlib, rar and 7z."""


@dataclass
class TextBlock:
    """Whole lines of text.

    Attributes
    ----------
    data
        Bytes that end with a newline (added to a last line that lacks it).
    start
        Position of the first byte in the whole text.
    ended
        False when the file's last line has no newline.
    """

    data: bytes
    start: int
    ended: bool = True
    members: list[tuple[int, int]] = field(default_factory=list)

    def virtual_offset(self, position: int) -> int:
        """Virtual offset of a byte of `data` (BGZF files only).

        `members` holds (text position, byte in file) of the members, ascending.
        """
        text = self.start + position
        low, high = 0, len(self.members)
        while high - low > 1:
            middle = (low + high) // 2
            if self.members[middle][0] <= text:
                low = middle
            else:
                high = middle
        at, byte = self.members[low]
        return byte << 16 | (text - at)


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
    """Yield (byte in file or -1, text) of a whole file, whatever its compression."""
    if kind == "bcf":
        # It reads its header with what is here.
        from varhouse.source.bcf import bcf_pieces  # noqa: PLC0415

        for piece in bcf_pieces(path):
            yield -1, piece
        return
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


def iter_text(
    path: Path, kind: str, batch_bytes: int = BATCH_BYTES, limits: Limits = DEFAULTS
) -> Iterator[TextBlock]:
    """Yield a file's text from its first to its last byte in blocks of whole lines.

    Never more than a batch and one line are held, whatever the file says of itself.

    Raises
    ------
    LimitError
        At a line that is too long (from 1 MiB on, see `Limits`), or when the file
        unpacks to more than it may.
    InputError
        If the file is damaged or cut off.
    """
    pieces: list[bytes] = []
    members: list[tuple[int, int]] = []
    start = total = cut = 0  # of the block, of what was read, length of its whole lines
    size = path.stat().st_size
    damage: InputError | None = None
    for at, text in _until_damage(path, kind):
        if isinstance(text, InputError):
            damage = text
            break
        if at >= 0:
            members.append((total, at))
        newline = text.find(b"\n")
        first = len(text) if newline < 0 else newline
        if total - start - cut + first > limits.line_bytes:
            raise LimitError(
                f"{path}: a line is longer than {limits.line_bytes:,} bytes", "line_bytes"
            )
        if newline >= 0:
            cut = total - start + text.rfind(b"\n") + 1
        total += len(text)
        pieces.append(text)
        _check_size(path, kind, total, size, limits)
        if total - start < batch_bytes or not cut:
            continue
        data = b"".join(pieces)
        yield from _blocks(data[:cut], start, True, members)
        pieces = [data[cut:]]
        start, cut = start + cut, 0
        members = _from(members, start)
    data = b"".join(pieces)
    if damage is not None:
        # The whole lines before it first: what is found does not hang on the batch.
        if cut:
            yield from _blocks(data[:cut], start, True, members)
        raise damage
    if data:
        ended = data.endswith(b"\n")
        yield from _blocks(data if ended else data + b"\n", start, ended, members)


def _until_damage(path: Path, kind: str) -> Iterator[tuple[int, bytes | InputError]]:
    """Yield the pieces of a file, and last of all what is wrong if it cannot be read on."""
    try:
        yield from read_pieces(path, kind)
    except InputError as error:
        yield -1, error


def _check_size(path: Path, kind: str, total: int, size: int, limits: Limits) -> None:
    """Check how much text a file of `size` bytes has given so far.

    Raises
    ------
    LimitError
        When it is more than it may be.
    """
    if total > limits.text_bytes:
        raise LimitError(
            f"{path}: unpacks to more than {limits.text_bytes:,} bytes", "text_bytes"
        )
    # A byte of BCF may be five of text: -100 and a comma.
    ratio = 5 * limits.ratio if kind == "bcf" else limits.ratio
    if kind != "text" and total > RATIO_FROM and total > ratio * size:
        raise LimitError(
            f"{path}: {size:,} bytes unpack to more than {ratio:,} times as many: "
            "a decompression bomb",
            "ratio",
        )


def _blocks(
    data: bytes, start: int, ended: bool, members: list[tuple[int, int]]
) -> Iterator[TextBlock]:
    """Yield whole lines as one block; as several where lines are too short for records.

    What a batch holds in memory beside its text grows with the number of its lines.
    """
    lines = int(np.count_nonzero(np.frombuffer(data, np.uint8) == 10))
    if lines <= len(data) // SHORTEST_RECORD + 4096:
        yield TextBlock(data, start, ended, members)
        return
    step = max(1, len(data) // SHORTEST_RECORD)
    at = 0
    while at < len(data):
        end = data.find(b"\n", min(at + step, len(data)) - 1) + 1
        yield TextBlock(data[at:end], start + at, ended or end < len(data), members)
        at = end


def _from(members: list[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    keep = 0
    while keep + 1 < len(members) and members[keep + 1][0] <= start:
        keep += 1
    return members[keep:]


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
