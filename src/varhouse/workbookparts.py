"""The parts of a workbook, looked at before they are parsed: memory is bounded.

A parser of XML makes some hundred bytes of memory of `<a/>`, and a workbook of 20 KB may
unpack to half a GiB of it. What openpyxl keeps is bounded therefore: a part that it parses
whole, a row of a sheet, a text of the shared ones, and what stands outside of rows and texts.
Rows and texts themselves, which it lets go of one by one, are counted. Entities are refused.
"""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from varhouse.errors import InputError

MOST_HELD = 4 << 20
"""Bytes of XML at most that are parsed into memory at once."""

MOST_ROWS = 1 << 20
"""Rows of a sheet at most, as in Excel."""

MOST_TEXTS = 4 << 20
"""Shared texts at most: a million rows with four columns in which no text comes twice."""

MOST_OTHERS = 200_000
"""Elements outside of rows and texts at most: columns, rules of formats, merged cells."""

_GAP = 256
"""Bytes between a row and the next that are not counted: tags and line ends."""

_CHUNK = 1 << 18
_AS_CSV = "save the sheet as CSV UTF-8"


@dataclass
class PartNotes:
    """What is in a part: references of merged cells, and the number of hidden rows."""

    merged: list[str] = field(default_factory=list)
    hidden: int = 0


class WorkbookArchive(zipfile.ZipFile):
    """A workbook whose parts are looked at when they are opened first.

    `read` gives a part that is parsed whole, `open` one that is parsed row by row.

    Attributes
    ----------
    notes
        What was found, by name of the part.

    Raises
    ------
    InputError
        If a part is larger than what it is for needs, or declares entities.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        super().__init__(file)
        self._path = path
        self.notes: dict[str, PartNotes] = {}

    def read(self, name: Any, pwd: bytes | None = None) -> bytes:
        """Read a part of a few MiB at most."""
        size = self.getinfo(name).file_size if isinstance(name, str) else name.file_size
        if size > MOST_HELD:
            raise InputError(
                f"{self._path}: {name} in it has {size / 2**20:,.0f} MiB; at most "
                f"{MOST_HELD >> 20} MiB are read",
                _AS_CSV,
            )
        return super().read(name, pwd)

    def open(self, name: Any, *args: Any, **kwargs: Any) -> IO[bytes]:
        """Open a part, which is looked at before."""
        title = name if isinstance(name, str) else name.filename
        if title not in self.notes:
            with super().open(name) as file:
                self.notes[title] = _Look(f"{self._path}: {title} in it").whole(file)
        return super().open(name, *args, **kwargs)


class _Look:
    """Looks through a part, piece by piece; keeps nothing but `PartNotes`."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.notes = PartNotes()
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.depth = 0
        self.unit = 0  # depth of the row or text that is open, 0: none
        self.mark = 0  # byte at which the last row or text began or ended
        self.counts = {"row": 0, "si": 0}
        self.others = 0
        self.outside = 0

    def whole(self, file: IO[bytes]) -> PartNotes:
        fed = 0
        while data := file.read(_CHUNK):
            self.parser.Parse(data, False)
            fed += len(data)
            # A single tag may be as long as the part: no handler is called within.
            self._check(fed - self.mark, MOST_HELD + _CHUNK, "bytes in one row or none")
        self.parser.Parse(b"", True)
        return self.notes

    def _check(self, n: int, most: int, what: str) -> None:
        if n > most:
            raise InputError(f"{self.where} has more than {most:,} {what}", _AS_CSV)

    def _doctype(self, *_: object) -> None:
        raise InputError(
            f"{self.where} declares XML entities, which no workbook does",
            "open and save it again in Excel",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.unit:
            return
        kind = name.rpartition(":")[2]
        if kind in self.counts:
            self.unit = self.depth
            self._leave_gap()
            self.counts[kind] += 1
            self._check(self.counts["row"], MOST_ROWS, "rows")
            self._check(self.counts["si"], MOST_TEXTS, "texts")
            self.notes.hidden += attributes.get("hidden") in ("1", "true")
            return
        self.others += 1
        self._check(self.others, MOST_OTHERS, "elements outside of rows")
        if kind == "mergeCell":
            self.notes.merged.append(attributes.get("ref", "?")[:40])

    def _leave_gap(self) -> None:
        at = self.parser.CurrentByteIndex
        self.outside += max(0, at - self.mark - _GAP)
        self._check(self.outside, MOST_HELD, "bytes outside of rows")
        self.mark = at

    def _end(self, _: str) -> None:
        if self.depth == self.unit:
            self.unit = 0
            at = self.parser.CurrentByteIndex
            self._check(at - self.mark, MOST_HELD, "bytes in one row")
            self.mark = at
        self.depth -= 1
