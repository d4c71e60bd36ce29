"""Text files that people give: plain or gzip, in pieces of bounded size, cut into lines.

A line ends with a line feed; a carriage return before it is no part of it. `str.splitlines`
knows of more ends (form feed, U+0085, U+2028, ...), which are characters of a cell here.
A text without any line feed may be of old Macs and spreadsheets: its carriage returns count.
"""

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, cast

from isal import igzip, isal_zlib

from varhouse.errors import InputError

BLOCK = 16 << 20
"""Bytes of text read at once."""

LONGEST_LINE = 256 << 20
"""Bytes of a line at most: a gzip of a few MB may unpack to one that fills the memory."""

LONGEST_ROW = 8 << 20
"""Bytes at most of a line of a table, gene model or chain: of what has no genotypes."""

SMALL_FILE = 512 << 20
"""Bytes at most of a text that is held whole: sheets, aliases, PAR, configuration."""

_DOCUMENTS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old document of Excel or Word"),
)
"""First bytes of what people give in place of a sheet, and what it is."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks of encodings with more than a byte a letter."""

_NO_LETTERS = bytes(range(0x80, 0xC0))
"""Bytes that are no letters in Latin-1, CP1251 (but for a few) and KOI8-R."""

_LEVEL_1 = (0xB0, 0xD7)
"""First bytes of the common hanzi in GB2312: rows 16 to 55, each and 0xA0."""

_CHINESE_CELL = re.compile(r'[^\t\n\r,;"\x80-\U0010ffff]{0,30}[^\x00-\x7f][^\t\n\r,;"]{0,30}')

_GZIP_MAGIC = b"\x1f\x8b"
DAMAGED: tuple[type[Exception], ...] = (
    EOFError,
    OSError,
    zlib.error,
    isal_zlib.error,  # type: ignore[assignment]
)
"""What reading a cut off or damaged gzip raises, by zlib or isal."""


def open_text(path: Path) -> IO[bytes]:
    """Open a text, plain or gzip (BGZF too), to read its bytes unpacked."""
    with path.open("rb") as file:
        magic = file.read(2)
    if magic == _GZIP_MAGIC:
        return cast(IO[bytes], igzip.open(path, "rb"))  # type: ignore[no-untyped-call]
    return path.open("rb")


def line_blocks(path: Path, block: int = BLOCK, longest: int | None = None) -> Iterator[bytes]:
    """Yield pieces of a text that end with a line end (the last as it is).

    Raises
    ------
    InputError
        If the file is cut off or damaged, or a line that spans pieces is longer than
        `longest` bytes, by default `LONGEST_LINE`.
    """
    with open_text(path) as file:
        yield from whole_lines(path, file, block, longest)


def whole_lines(
    path: Path, file: IO[bytes], block: int = BLOCK, longest: int | None = None
) -> Iterator[bytes]:
    """Yield what an open file holds as `line_blocks` does; `path` is for messages."""
    longest = LONGEST_LINE if longest is None else longest
    # Pieces of one line are joined once, at its end: joining at each costs their square.
    held: list[bytes] = []
    size = 0
    while data := _read(path, file, block):
        cut = data.rfind(b"\n") + 1
        if cut:
            first = data.find(b"\n")
            _check_length(path, size + first, longest)
            yield b"".join([*held, memoryview(data)[:cut]])
            held, size = [], 0
        if cut < len(data):
            held.append(data[cut:])
            size += len(data) - cut
            _check_length(path, size, longest)
    if held:
        yield b"".join(held)


def _read(path: Path, file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size)
    except DAMAGED as error:
        raise InputError(f"{path}: cut off or damaged ({error})", "copy it again") from error


def _check_length(path: Path, size: int, longest: int) -> None:
    if size > longest:
        raise InputError(
            f"{path}: a line of more than {longest >> 20} MiB",
            "is this text? mend the line",
        )


def read_small(path: Path, most: int = SMALL_FILE) -> bytes:
    """Read a text that is held whole, plain or gzip.

    Raises
    ------
    InputError
        If it holds more than `most` bytes, or is cut off or damaged.
    """
    with open_text(path) as file:
        data = _read(path, file, most + 1)
    if len(data) > most:
        raise InputError(
            f"{path}: more than {most >> 20} MiB of text", "is this the right file?"
        )
    return data


def read_text(path: Path, most: int = SMALL_FILE) -> str:
    """Read a UTF-8 text that is held whole, plain or gzip, without its byte order mark.

    Raises
    ------
    InputError
        As `read_small`; if it is a workbook, or not UTF-8 (GBK is recognised and named).
    """
    raw = read_small(path, most)
    _refuse_documents(path, raw)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        try:
            raw.decode("gbk")
        except UnicodeDecodeError:
            raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from error
        raise InputError(
            f"{path}: not UTF-8 but looks like GBK", "save it as UTF-8 (iconv -f GBK -t UTF-8)"
        ) from error


def _refuse_documents(path: Path, raw: bytes) -> None:
    for magic, name in _DOCUMENTS:
        if raw.startswith(magic):
            raise InputError(
                f"{path}: {name}, no text", "save it as text, tab-separated, in UTF-8"
            )


def decode_any(path: Path, raw: bytes) -> tuple[str, str | None]:
    """Decode a text that people give: UTF-8, UTF-16 with its mark, or GB18030 (GBK, GB2312).

    Many bytes of other encodings are GB18030, too. It is taken only where more than two
    thirds of the letters that are not ASCII are among the 3,755 most common hanzi (level 1 of
    GB/T 2312-1980, rows 16 to 55), and not all bytes are letters of Latin-1, CP1251 and
    KOI8-R as well. Korean, and Japanese without kana, cannot be told apart so: two cells are
    named for people to look at.

    Returns
    -------
    tuple
        The text without its byte order mark, and what it was read as; None for UTF-8. Of
        GB18030 it names two cells.

    Raises
    ------
    InputError
        If it is a document, binary, or of another encoding.
    """
    _refuse_documents(path, raw)
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding), encoding.upper()
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}: not UTF-8, and cut off or damaged as {encoding.upper()} "
                    f"(byte {error.start})",
                    "copy it again, or save it as UTF-8",
                ) from error
    if b"\0" in raw:
        raise InputError(
            f"{path}: no text (a zero at byte {raw.index(0)}), or UTF-16 without its mark",
            "save it as UTF-8",
        )
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        text = _as_chinese(raw)
        if text is None:
            raise InputError(
                f"{path}: neither UTF-8 (byte {error.start}) nor GBK beyond doubt",
                "save it as UTF-8 (iconv -f ENCODING -t UTF-8; Excel: CSV UTF-8)",
            ) from error
        cells = dict.fromkeys(m[0].strip() for m in islice(_CHINESE_CELL.finditer(text), 99))
        shown = " and ".join(repr(c[:30]) for c in list(cells)[:2])
        return text, f"GB18030 (GBK): is {shown} what it says?"


def _as_chinese(raw: bytes) -> str | None:
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return None
    if not any(b in raw for b in _NO_LETTERS):
        return None
    others = "".join(c for c in text if c > "\x7f" and c.isalpha())
    first = others.encode("gb2312", "ignore")[::2]
    common = sum(_LEVEL_1[0] <= b <= _LEVEL_1[1] for b in first)
    return text if 3 * common > 2 * len(others) else None


def each_line(text: str) -> Iterator[str]:
    """Yield the lines of a text without their ends; carriage returns alone end lines, too."""
    old = "\n" not in text
    end = "\r" if old else "\n"
    at = 0
    while at < len(text):
        stop = text.find(end, at)
        stop = len(text) if stop < 0 else stop
        # The last line has no line feed, its carriage return is a letter.
        whole = not old and stop < len(text) and stop > at and text[stop - 1] == "\r"
        yield text[at : stop - 1 if whole else stop]
        at = stop + 1


def split_lines(text: str) -> list[str]:
    """Split a text into lines as `each_line` does."""
    return list(each_line(text))
