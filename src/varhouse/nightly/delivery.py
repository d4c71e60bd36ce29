"""What a delivery is: files whose sums are known, and what its manifest says of them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import category

import polars as pl

from varhouse.errors import InputError
from varhouse.filestate import Stamp, file_state
from varhouse.ingest.setup.filelists import first_of_many
from varhouse.ingest.setup.sheets import check_samples
from varhouse.masking import mask_text
from varhouse.sheetcolumns import PEOPLE_SHEET
from varhouse.sheettable import read_sheet

_LONGEST = 1000
"""Letters of a reason."""

_BREAKS = r"[\p{Cc}\p{Zl}\p{Zp}]"
"""Letters that end a cell, a row or a text for some program."""


class Reason(NamedTuple):
    """Why a delivery is held back: for insiders, and without names of files and samples."""

    text: str
    public: str


@dataclass(frozen=True)
class File:
    """A file of a delivery as it was when it was summed; its path is relative."""

    path: str
    bytes: int
    md5: str
    sha256: str
    state: Stamp


@dataclass
class Delivery:
    """A delivery whose files are what its sums say.

    Attributes
    ----------
    name
        Of its folder.
    date
        ISO, with time: `2026-11-28T00:00:00`; UTC if it was given with an offset.
    metadata
        Columns of the cohort sheet that it fills.
    sheet
        Path of its sample sheet in the folder; None without.
    calls
        Paths of the files of calls, in order.
    beside
        Files without a sum (mark, manifest, lists, what systems leave), with their states
        before they were read; the mark is the first.
    """

    name: str
    folder: Path
    cohort: str
    mode: str
    date: str
    metadata: dict[str, str]
    assembly: str | None
    sheet: str | None
    files: list[File]
    calls: list[str]
    notes: list[str] = field(default_factory=list)
    beside: dict[str, Stamp] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of what it says and of the bytes that are read of it."""
        said = [self.cohort, self.mode, self.date, *self.content()]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def content(self) -> list[Any]:
        """Give what decides what an ingest reads: metadata, calls, sheet; not the date."""
        sums = {f.path: f.sha256 for f in self.files}
        calls = [(Path(c).name, sums[c]) for c in self.calls]
        return [self.metadata, self.assembly, calls, sums[self.sheet] if self.sheet else None]

    @property
    def states(self) -> dict[str, Stamp]:
        """State of every file in the inbox, the mark's first."""
        return {**self.beside, **{f.path: f.state for f in self.files}}

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for f in self.files)


@dataclass
class Found:
    """What was found of a folder of the inbox.

    Attributes
    ----------
    is_ready
        Whether it has the mark; without one nothing else was looked at.
    said
        What could be read of the manifest.
    delivery
        None if anything is wrong with it.
    """

    name: str
    folder: Path
    is_ready: bool = True
    said: dict[str, Any] = field(default_factory=dict)
    delivery: Delivery | None = None
    reasons: list[Reason] = field(default_factory=list)

    def add(self, texts: Iterable[str], public: str) -> None:
        """Take in reasons of a kind, of which all have the same public words."""
        self.reasons += [
            Reason(mask_text(_shortened(t)), public) for t in first_of_many(texts)
        ]

    def fail(self, error: Exception) -> None:
        """Take in what ended the look at this delivery: it is held, and others go on."""
        self.delivery = None
        text = f"it cannot be judged ({type(error).__name__}: {error}); fix: report this line"
        self.add([text], "it cannot be judged")


def _shortened(text: str) -> str:
    """Take the middle out of a reason that quotes a text without end."""
    return text if len(text) <= _LONGEST else f"{text[:600]} ... {text[-200:]}"


def is_text(name: str) -> bool:
    """Tell whether a name is UTF-8 without letters that cannot be shown, or blanks around."""
    return name.isprintable() and name == name.strip()


def is_cell(text: str) -> bool:
    """Tell whether a text can be a cell of a sheet: all of it shows, or is a blank."""
    return text.isprintable() or all(c.isprintable() or category(c) == "Zs" for c in text)


def one_line(error: InputError) -> str:
    """Say an error in a line, with its fix."""
    return f"{error.message}; fix: {error.fix}" if error.fix else error.message


def read_people(sheet: Path, cohort: str) -> tuple[pl.DataFrame, list[str]]:
    """Read the sample sheet of a delivery: rows with `cohort`, and every mistake.

    The column `cohort` may be left out; a row of another cohort is a mistake.
    """
    try:
        read = read_sheet(sheet, PEOPLE_SHEET)
    except InputError as error:
        return pl.DataFrame(), [one_line(error)]
    if "cohort" not in read.frame.columns:
        read.frame = read.frame.with_columns(pl.lit(cohort).alias("cohort"))
    read = check_samples(read)
    frame = read.frame
    if read.problems:
        return frame, read.problems
    others = frame.filter(pl.col("cohort") != cohort)
    problems = [
        f"{sheet.name}:{line}: cohort {c!r}, the delivery is of {cohort!r}"
        for line, c in others.select("line", "cohort").rows()
    ]
    names = pl.Series(
        [c for c in frame.columns if c not in ("line", "cohort")], dtype=pl.String
    )
    # Names of columns become cells of the night's sheet as well.
    problems += [
        f"{sheet.name}: column {name!r}: a name with a tab, a line end or a control character"
        for name in names.filter(names.str.contains(_BREAKS)).to_list()
    ]
    for name in names.to_list():
        odd = frame.filter(pl.col(name).str.contains(_BREAKS))
        problems += [
            f"{sheet.name}:{line}: {name!r}: a cell with a tab, a line end or the like"
            for line in odd["line"].to_list()
        ]
    return frame.drop("line"), problems


def changed_files(folder: Path, files: Iterable[File]) -> list[str]:
    """Name the files that are no longer in the state in which they were summed."""
    return changed_paths(folder, {f.path: f.state for f in files})


def changed_paths(folder: Path, states: Mapping[str, Stamp]) -> list[str]:
    """Name the files of a folder that are no longer in the states given."""
    changed = []
    for path, state in states.items():
        try:
            same = file_state(folder / path) == state
        except OSError:
            same = False
        if not same:
            changed.append(path)
    return changed
