"""How much text a file holds, told without reading it: the size of the work on it.

Compressed sizes mislead: genotypes of many people shrink fiftyfold, annotations fourfold.
The blocks of a BGZF file say how much text they hold; of other kinds a piece is unpacked.
"""

import bz2
import mmap
import struct
import zlib
from pathlib import Path

from varhouse.errors import InputError
from varhouse.vcf.text.bgzf import file_kind

WALKED_BYTES = 256 << 20
"""Compressed bytes whose blocks are all looked at; of a longer file some stretches are."""

SAMPLED_BYTES = 1 << 20
UNPACKED_BYTES = 64 << 20
"""Bytes to which a piece is unpacked at most: three kilobytes of bzip2 may hold gigabytes."""

_STEP = 16 << 10
_STRETCHES = 8
_BLOCK = b"\x1f\x8b\x08\x04"
_BLOCK_TEXT = 1 << 16
_BCF_GROWTH, _PARQUET_GROWTH = 2, 4


def text_bytes(path: Path) -> int:
    """Estimate the bytes of text that a file holds when it is unpacked.

    Returns
    -------
    int
        Exact for text and for BGZF up to `WALKED_BYTES`; 0 for what cannot be read.
    """
    try:
        size = path.stat().st_size
        kind = file_kind(path)
        if kind == "text":
            with path.open("rb") as file:
                return size * (_PARQUET_GROWTH if file.read(4) == b"PAR1" else 1)
        if kind in ("gzip", "bzip2"):
            return int(size * _growth(path, kind))
        text = _bgzf_text(path, size)
        return text * _BCF_GROWTH if kind == "bcf" else text
    except (InputError, OSError, ValueError):
        # What is wrong with the file, its verdict says.
        return 0


def _growth(path: Path, kind: str) -> float:
    """Unpack the start of a file: bytes of text for each byte."""
    reader = bz2.BZ2Decompressor() if kind == "bzip2" else zlib.decompressobj(31)
    packed = text = 0
    with path.open("rb") as file:
        while packed < SAMPLED_BYTES and text < UNPACKED_BYTES and not reader.eof:
            piece = file.read(_STEP)
            if not piece:
                break
            packed += len(piece)
            try:
                text += len(reader.decompress(piece, UNPACKED_BYTES))
            except (OSError, zlib.error):
                return 1.0
    return max(1.0, text / max(1, packed - len(reader.unused_data)))


def _bgzf_text(path: Path, size: int) -> int:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        if data[:4] != _BLOCK:
            # A BCF that is not compressed.
            return size
        if size <= WALKED_BYTES:
            return _walk(data, 0, size)[1]
        packed = text = 0
        for k in range(_STRETCHES):
            at = _first_block(data, size * k // _STRETCHES)
            more, held = _walk(data, at, min(size, at + SAMPLED_BYTES))
            packed, text = packed + more, text + held
        return int(size * text / max(1, packed))


def _walk(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """Go from block to block: (bytes of the blocks, bytes of their text)."""
    first, text, size = at, 0, len(data)
    while at < end and at + 18 <= size and data[at : at + 4] == _BLOCK:
        step = struct.unpack_from("<H", data, at + 16)[0] + 1
        if at + step > size or step < 26:
            break
        held = struct.unpack_from("<I", data, at + step - 4)[0]
        if held > _BLOCK_TEXT:
            # No block says that: the file is damaged, and its verdict will tell.
            break
        text += held
        at += step
    return at - first, text


def _first_block(data: mmap.mmap, at: int) -> int:
    """Find a block that another one follows, from a place on."""
    while (at := data.find(_BLOCK, at)) >= 0:
        if at + 18 > len(data):
            break
        follows = at + struct.unpack_from("<H", data, at + 16)[0] + 1
        if data[follows : follows + 4] == _BLOCK:
            return at
        at += 1
    return len(data)
