"""Checksums of a delivery: as a list says, and as the bytes are.

Lists are those of `md5sum` and `sha256sum` (GNU and BSD forms). A file is read once for both;
while size, times and inode stay as they are, it is not read again the next night.
"""

import hashlib
import json
import os
import re
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from varhouse.errors import InputError
from varhouse.files import write_json
from varhouse.filestate import Stamp, file_state
from varhouse.ingest.setup.known_files import RACY_NS
from varhouse.textfile import read_text, split_lines

LISTS = {
    "md5sum.txt": "md5", "MD5SUMS": "md5", "sha256sum.txt": "sha256", "SHA256SUMS": "sha256",
}  # fmt: skip
"""Names that a list of sums may have, and what its sums are."""

LONGEST_LIST = 64 << 20
"""Bytes of a list of sums at most: 500,000 files."""

READ_BYTES = 4 << 20

_DIGITS = {"md5": 32, "sha256": 64}
_GNU = re.compile(r"(\\?)([0-9A-Fa-f]+) [ *](.+)")
_BSD = re.compile(r"(\\?)(MD5|SHA256) \((.+)\) = ([0-9A-Fa-f]+)")
_ESCAPED = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "r": "\r", "\\": "\\"}


@dataclass
class Sums:
    """Sums that a delivery says its files have.

    Attributes
    ----------
    said
        Relative path to kind of sum (`md5`, `sha256`) to hex digits, lower case.
    problems
        What is wrong with the lists, one line each.
    """

    said: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, where: str, kind: str, name: str, digits: str) -> None:
        """Take in what a line says of a file."""
        clean = _relative(name)
        if clean is None:
            self.problems.append(
                f"{where}: {name!r} leads out of the delivery; fix: run {kind}sum inside of "
                "its folder"
            )
        elif len(digits) != _DIGITS[kind]:
            self.problems.append(
                f"{where}: {len(digits)} digits for {name!r}, a {kind} has {_DIGITS[kind]}"
            )
        elif self.said.setdefault(clean, {}).setdefault(kind, digits) != digits:
            self.problems.append(f"{where}: {name!r} stands twice, with different sums")


def _relative(name: str) -> str | None:
    """Give a path inside of a folder without `./`; None: it leads out of it."""
    path = PurePosixPath(name)
    return None if path.is_absolute() or ".." in path.parts or not path.parts else str(path)


def read_lists(folder: Path, names: list[str]) -> Sums:
    """Read the lists of sums of a delivery; every mistake is in `problems`."""
    sums = Sums()
    for name in names:
        try:
            lines = split_lines(read_text(folder / name, LONGEST_LIST))
        except InputError as error:
            sums.problems.append(str(error.message))
            continue
        except OSError as error:
            sums.problems.append(f"{name}: cannot be read ({error.strerror})")
            continue
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                _take_line(sums, f"{name}:{number}", LISTS[name], line.rstrip("\r"))
    return sums


def _take_line(sums: Sums, where: str, kind: str, line: str) -> None:
    if found := _BSD.fullmatch(line):
        escaped, of, path, digits = found.groups()
        kind = of.lower()
    elif found := _GNU.fullmatch(line):
        escaped, digits, path = found.groups()
    else:
        sums.problems.append(
            f"{where}: {line[:60]!r} is no line of {kind}sum (digits, two blanks, a name)"
        )
        return
    if escaped:
        path = _ESCAPED.sub(lambda m: _MEANING.get(m[1], m[0]), path)
    sums.add(where, kind, path, digits.lower())


# --- sums of the bytes ---


@dataclass(frozen=True)
class Summed:
    """A file as it was when its bytes were summed."""

    state: Stamp
    md5: str
    sha256: str


class KnownSums:
    """Sums of files that are read once, kept in a file that may be lost.

    Parameters
    ----------
    file
        Where they are kept; None: nowhere.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known = {} if file is None else _load(file)
        self._asked: dict[str, Summed] = {}
        self.read_bytes = 0

    def sum(self, path: Path) -> Summed:
        """Give the sums of a regular file.

        Raises
        ------
        InputError
            If it is no regular file, or changes while it is read.
        OSError
            If it cannot be read.
        """
        key = str(path)
        state = file_state(path)
        known = self._known.get(key)
        if known is None or known.state != state:
            known = self._read(path, state)
        self._asked[key] = known
        return known

    def _read(self, path: Path, before: Stamp) -> Summed:
        began = time.time_ns()
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        # What is a link or a pipe by now is not followed, and not waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError(f"{path}: not a regular file")
            while data := file.read(READ_BYTES):
                md5.update(data)
                sha256.update(data)
                self.read_bytes += len(data)
        if file_state(path) != before:
            raise InputError(
                f"{path.name}: changed while it was read",
                "write the ready mark when all is copied",
            )
        made = Summed(before, md5.hexdigest(), sha256.hexdigest())
        if max(before[1:3]) < began - RACY_NS:
            self._known[str(path)] = made
        return made

    def save(self) -> None:
        """Keep what was asked for; nothing else depends on it."""
        if self._file is not None:
            kept = {k: v for k, v in self._asked.items() if self._known.get(k) == v}
            data = {k: [v.state, v.md5, v.sha256] for k, v in kept.items()}
            with suppress(OSError):
                write_json(self._file, data, indent=0)


def _load(file: Path) -> dict[str, Summed]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return {
            str(k): Summed([int(n) for n in state], str(md5), str(sha))
            for k, (state, md5, sha) in data.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        # None yet, or damaged: every file is read again.
        return {}
