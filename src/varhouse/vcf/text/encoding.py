"""Line ends and characters of a text: byte order mark, CR, bytes that are not UTF-8."""

from dataclasses import dataclass, field

import numba as nb
import numpy as np

from varhouse.vcf.account.problems import SHOWN, Account
from varhouse.vcf.text.lines import COLUMNS, count_lines

BOM = b"\xef\xbb\xbf"

_CONTROL = np.zeros(256, np.bool_)
_CONTROL[:32] = True
_CONTROL[[9, 10, 13]] = False


@nb.njit(cache=True, nogil=True)
def _has_control(text):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether a byte below 32 is no tab, LF or CR (VCF 4.5, section 1.2).

    The greatest of many bytes is found by wide instructions; a sum or an `or` is not.
    """
    found = np.uint8(0)
    for i in range(text.size):
        c = text[i]
        found = max(found, np.uint8((c < 32) & (c != 9) & (c != 10) & (c != 13)))
    return found > 0


def header_text(data: bytes) -> str:
    r"""Decode lines of a header; bytes that are not UTF-8 become escapes like `\xd5`.

    Two names that differ in bytes so stay two names (a replacement character would make
    one of them), in messages, sheets and the store alike.
    """
    return data.decode("utf-8", "backslashreplace")


@dataclass
class TextWatch:
    """Looks at the text of a file block by block; `finish` tells what it saw.

    ASCII text with bare newlines costs two searches a block.
    """

    account: Account
    lines: int = 0
    crlf: int = 0
    lone_cr: int = 0
    first_cr: int = 0
    first_lf: int = 0
    bad: int = 0
    marked: bool = False
    controls: int = 0
    nuls: int = 0
    control_examples: list[tuple[int, str, str]] = field(default_factory=list)
    examples: list[tuple[int, str, str]] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        """Take whole lines, the first block with the file's first byte."""
        if self.lines == 0:
            self.marked = data.startswith(BOM)
        self._take_controls(data)
        n = int(count_lines(np.frombuffer(data, np.uint8)))
        if b"\r" in data:
            self._take_returns(data, n)
        elif not self.first_lf:
            self.first_lf = self.lines + 1
        if not data.isascii():
            self._take_characters(data)
        self.lines += n

    def _take_controls(self, data: bytes) -> None:
        text = np.frombuffer(data, np.uint8)
        if not _has_control(text):
            return
        self.controls += int(np.count_nonzero(_CONTROL[text]))
        self.nuls += data.count(0)
        if len(self.control_examples) < SHOWN:
            ends = np.flatnonzero(text == 10)
            lines = np.searchsorted(ends, np.flatnonzero(_CONTROL[text]))
            for k in np.unique(lines)[: SHOWN - len(self.control_examples)].tolist():
                line = data[int(ends[k - 1]) + 1 if k else 0 : int(ends[k])]
                at = next(i for i, byte in enumerate(line) if _CONTROL[byte])
                self.control_examples.append((self.lines + 1 + k, *_place(line, at)))

    def _take_returns(self, data: bytes, n: int) -> None:
        crlf = data.count(b"\r\n")
        self.lone_cr += data.count(b"\r") - crlf
        if not self.first_cr:
            self.first_cr = self.lines + 1 + data.count(b"\n", 0, data.index(b"\r"))
        if crlf < n and not self.first_lf:
            at = data.find(b"\n")
            number = self.lines + 1
            while at > 0 and data[at - 1] == 13:
                at = data.find(b"\n", at + 1)
                number += 1
            self.first_lf = number
        self.crlf += crlf

    def _take_characters(self, data: bytes) -> None:
        try:
            data.decode("utf-8")
            return
        except UnicodeDecodeError:
            pass
        text = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(text == 10)
        for k in np.unique(np.searchsorted(ends, np.flatnonzero(text > 127))).tolist():
            line = data[int(ends[k - 1]) + 1 if k else 0 : int(ends[k])]
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                self.bad += 1
                if len(self.examples) < SHOWN:
                    self.examples.append((self.lines + 1 + k, *_place(line, error.start)))

    def finish(self, version: int | None) -> None:
        """Tell what was seen; `version` is the minor version of VCF, None: unknown."""
        newer = version is None or version >= 3
        if self.marked:
            self.account.add(
                "VH-F-007",
                "the file begins with a byte order mark (U+FEFF)",
                line=1,
                severity="error" if (version or 3) >= 4 else "warning",
            )
        self._tell_controls(newer)
        for i, (line, name, value) in enumerate(self.examples):
            self.account.add(
                "VH-F-009",
                "bytes that are not UTF-8 (Latin-1 or GBK?)",
                line=line,
                name=name,
                value=value,
                count=self.bad - len(self.examples) + 1 if i == 0 else 1,
                severity="error" if newer else "warning",
            )
        if self.crlf and self.crlf < self.lines:
            self.account.add(
                "VH-F-008",
                f"{self.crlf:,} of {self.lines:,} lines end with CR LF, the others with LF",
                line=min(self.first_cr, self.first_lf) if self.first_lf > 1 else self.first_cr,
            )
        elif self.lone_cr:
            self.account.add(
                "VH-F-008",
                "a CR that is no line end",
                line=self.first_cr,
                count=self.lone_cr,
                severity="error" if newer else "warning",
            )

    def _tell_controls(self, newer: bool) -> None:
        """Tell of control characters; a NUL ends the text for readers written in C."""
        for i, (line, name, value) in enumerate(self.control_examples):
            shown = len(self.control_examples)
            self.account.add(
                "VH-F-016",
                "a control character (NUL among them)" if self.nuls else "a control character",
                line=line,
                name=name,
                value=value.encode("unicode_escape").decode(),
                count=self.controls - shown + 1 if i == 0 else 1,
                severity="error" if newer or self.nuls else "warning",
            )


def _place(line: bytes, at: int) -> tuple[str, str]:
    """Give the field of a byte of a line, and what stands there."""
    if line.startswith(b"#"):
        return "header", line[max(0, at - 20) : at + 20].decode("utf-8", "backslashreplace")
    begin = line.rfind(b"\t", 0, at) + 1
    end = line.find(b"\t", at)
    column = line.count(b"\t", 0, at)
    name = COLUMNS[column].upper() if column < len(COLUMNS) else f"sample {column - 8}"
    value = line[begin : end if end >= 0 else len(line)]
    offset = max(0, at - begin - 20)
    return name, value[offset : offset + 60].decode("utf-8", "backslashreplace")
