"""Line ends and characters of a text: byte order mark, CR, bytes that are not UTF-8."""

from dataclasses import dataclass, field

import numpy as np

from varhouse.source.lines import COLUMNS, _count_lines
from varhouse.source.problems import SHOWN, Account

BOM = b"\xef\xbb\xbf"


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
    examples: list[tuple[int, str, str]] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        """Take whole lines, the first block with the file's first byte."""
        if self.lines == 0 and data.startswith(BOM):
            self.account.add(
                "VH-F-007", "the file begins with a byte order mark (U+FEFF)", line=1
            )
        n = int(_count_lines(np.frombuffer(data, np.uint8)))
        if b"\r" in data:
            self._take_returns(data, n)
        elif not self.first_lf:
            self.first_lf = self.lines + 1
        if not data.isascii():
            self._take_characters(data)
        self.lines += n

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
        for i, (line, name, value) in enumerate(self.examples):
            self.account.add(
                "VH-F-009", "bytes that are not UTF-8 (Latin-1 or GBK?)", line=line, name=name,
                value=value, count=self.bad - len(self.examples) + 1 if i == 0 else 1,
                severity="error" if newer else "warning",
            )  # fmt: skip
        if self.crlf and self.crlf < self.lines:
            self.account.add(
                "VH-F-008",
                f"{self.crlf:,} of {self.lines:,} lines end with CR LF, the others with LF",
                line=min(self.first_cr, self.first_lf) if self.first_lf > 1 else self.first_cr,
            )
        elif self.lone_cr:
            self.account.add(
                "VH-F-008", "a CR that is no line end", line=self.first_cr, count=self.lone_cr
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
