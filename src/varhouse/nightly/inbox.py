"""A delivery in the inbox: a folder with a manifest, sums of its files, and a ready mark.

    NAME/delivery.yaml    cohort, date, what else is said of it
    NAME/md5sum.txt       or sha256sum.txt, or both: as the tools of that name write them
    NAME/*.vcf.gz ...     files of calls; a sample sheet; whatever else has a sum
    NAME/READY            written last, empty or not

Nothing of it is trusted: links are not followed, paths stay inside, everything is bounded. All
that is wrong with a delivery is found at once.
"""

import logging
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from varhouse.errors import InputError
from varhouse.filestate import file_state
from varhouse.ingest.setup.sheets import METADATA
from varhouse.masking import mask_text
from varhouse.nightly.delivery import (
    Delivery,
    File,
    Found,
    is_text,
    one_line,
    read_people,
)
from varhouse.nightly.manifest import MANIFEST, read_manifest
from varhouse.nightly.sums import LISTS, KnownSums, Sums, read_lists

LOG = logging.getLogger("varhouse.nightly")

MOST_FILES = 200_000
"""Entries of a delivery at most."""

DEEPEST = 8
"""Levels of folders in a delivery at most."""

_CALLS = re.compile(r".*\.(g?vcf|bcf)(\.(gz|bgz|bgzip|bz2))?", re.IGNORECASE)
_CLUTTER = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|\.nfs[0-9a-f]+")
"""What systems put into folders that people look at; nothing reads it."""


def shown_name(name: str) -> str:
    """Give a name of a file or folder as it can be shown and written."""
    return mask_text(os.fsencode(name).decode("utf-8", "backslashreplace"))


def mark_problem(name: str) -> str | None:
    """Say why the ready mark of deliveries cannot have a name; None: it can."""
    if name in (".", "..", MANIFEST, *LISTS) or _CLUTTER.fullmatch(name):
        return f"{name!r} is there without anybody's word that a delivery is whole"
    return None if is_text(name) else f"{name!r} holds letters that cannot be shown"


def list_inbox(inbox: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of the inbox that may be deliveries, by name: folders, and links."""
    with os.scandir(inbox) as entries:
        found = sorted(entries, key=lambda e: os.fsencode(e.name))
    for entry in found:
        hidden = entry.name.startswith(".")
        if not hidden and (entry.is_symlink() or entry.is_dir(follow_symlinks=False)):
            yield entry


def look(entry: os.DirEntry[str], ready: str, known: KnownSums, now: datetime) -> Found:
    """Look at a folder of the inbox; what is wrong with it stands in `reasons`."""
    folder = Path(entry.path)
    found = Found(entry.name, folder)
    if entry.is_symlink():
        found.add(["a link, no folder; fix: deliver a folder"], "a link, no folder")
        return found
    if not is_text(entry.name):
        found.add(
            [f"{shown_name(entry.name)!r}: letters that cannot be shown, or blanks at an end, "
             "in the name of the folder; fix: rename it"],
            "the name of the folder cannot be shown",
        )  # fmt: skip
        return found
    try:
        mark = (folder / ready).lstat()
    except FileNotFoundError:
        found.is_ready = False
        return found
    except OSError as error:
        found.add([_unreadable(".", error)], "it cannot be read")
        return found
    try:
        _look_inside(found, ready, mark.st_mtime_ns, known, now)
    except OSError as error:
        # A file that is no longer there, or a disk that fails.
        found.delivery = None
        where = Path(str(error.filename or folder)).name
        found.add([_unreadable(where, error)], "a file cannot be read")
    except Exception as error:
        # Whatever people write: it holds this delivery, not all of a night.
        LOG.warning("%s cannot be judged", shown_name(found.name), exc_info=True)
        found.fail(error)
    return found


def _unreadable(where: str, error: OSError) -> str:
    return (
        f"{where}: cannot be read ({error.strerror}); fix: its permissions, or copy it again"
    )


def _look_inside(
    found: Found, ready: str, marked: int, known: KnownSums, now: datetime
) -> None:
    seen = _walk(found)
    names = seen.names - {ready}
    own = [ready, *(n for n in (MANIFEST, *LISTS) if n in names), *seen.clutter]
    beside = {name: file_state(found.folder / name) for name in own}
    lists = [name for name in LISTS if name in names]
    sums = read_lists(found.folder, lists)
    found.add(sums.problems, "a list of sums is malformed")
    if not lists:
        found.add(
            [f"no sums: none of {', '.join(LISTS)}; fix: md5sum *.vcf.gz > md5sum.txt"],
            "there is no list of sums",
        )
    date = read_manifest(found, now)
    files = _check_files(found, names, sums, marked, known) if lists else []
    if found.reasons:
        return
    said = found.said
    calls = sorted(f.path for f in files if _CALLS.fullmatch(f.path))
    delivery = Delivery(
        found.name,
        found.folder,
        said["cohort"],
        said.get("mode", "replace"),
        date,
        {k: str(said[k]) for k in METADATA if said.get(k) is not None},
        said.get("assembly"),
        said.get("samples"),
        files,
        calls,
        beside=beside,
    )
    _check_calls(found, delivery)
    _check_sheet(found, delivery)
    if not found.reasons:
        found.delivery = delivery


# --- what lies in the folder ---


class _Walk:
    """What lies in a folder, relative; entries of any kind are bounded together."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.clutter: list[str] = []
        self.links: list[str] = []
        self.special: list[str] = []
        self.odd: list[str] = []
        self.deep: list[str] = []
        self.locked: list[str] = []
        self.n_seen = 0

    def walk(self, folder: Path, below: str = "", depth: int = 0) -> None:
        """List a folder and those in it; links are not followed."""
        try:
            entries = os.scandir(folder)
        except OSError as error:
            self.locked.append(_unreadable(below or ".", error))
            return
        with entries:
            for entry in entries:
                self.n_seen += 1
                if self.n_seen > MOST_FILES:
                    return
                self._take(entry, f"{below}/{entry.name}" if below else entry.name, depth)

    def _take(self, entry: os.DirEntry[str], path: str, depth: int) -> None:
        mode = entry.stat(follow_symlinks=False).st_mode
        if _CLUTTER.fullmatch(entry.name):
            if stat.S_ISREG(mode):
                self.clutter.append(path)
        elif not is_text(entry.name):
            self.odd.append(shown_name(path))
        elif stat.S_ISLNK(mode):
            self.links.append(path)
        elif stat.S_ISDIR(mode):
            if depth < DEEPEST:
                self.walk(Path(entry.path), path, depth + 1)
            else:
                self.deep.append(path)
        elif stat.S_ISREG(mode):
            self.names.add(path)
        else:
            self.special.append(path)


def _walk(found: Found) -> _Walk:
    """List what lies in a delivery; what is no plain file is a reason."""
    seen = _Walk()
    seen.walk(found.folder)
    found.add(
        (f"{x}: a link; fix: copy the file itself (cp -L)" for x in seen.links),
        "there are links in it",
    )
    found.add(
        (f"{x}: neither a file nor a folder; fix: take it out" for x in seen.special),
        "there are pipes or devices in it",
    )
    found.add(
        (f"{x}: more than {DEEPEST} folders deep; fix: put files into fewer folders"
         for x in seen.deep),
        "folders in it are too deep",
    )  # fmt: skip
    found.add(
        (f"{x!r}: the name cannot be written into a sheet; fix: rename it" for x in seen.odd),
        "names of files cannot be shown",
    )
    found.add(seen.locked, "a folder in it cannot be read")
    if seen.n_seen > MOST_FILES:
        found.add([f"more than {MOST_FILES:,} files and folders"], "too many files")
    return seen


# --- the files ---


def _check_files(
    found: Found, names: set[str], sums: Sums, marked: int, known: KnownSums
) -> list[File]:
    """Compare the files with their sums and sizes; gives those that are as they should be."""
    listed = set(sums.said)
    own = {MANIFEST, *LISTS}
    missing = sorted(listed - names)
    found.add((f"{p}: has a sum, and is not there" for p in missing), "files are missing")
    extra = sorted(names - listed - own)
    found.add(
        (f"{p}: has no sum; fix: add it to the list of sums, or take it out" for p in extra),
        "files have no sum",
    )
    said = found.said.get("sizes")
    sizes: dict[str, Any] = said if isinstance(said, dict) else {}
    found.add(
        (f"{MANIFEST}: sizes: {p}: no such file" for p in sorted(set(sizes) - names)),
        "files are missing",
    )
    files, other_size, other_sum = [], [], []
    for path in sorted(listed & names):
        file = found.folder / path
        size = file.lstat().st_size
        if path in sizes and sizes[path] != size:
            # Its sum differs as well; reading it would tell no more.
            other_size.append(f"{path}: {size:,} bytes, {sizes[path]:,} in {MANIFEST}")
            continue
        try:
            summed = known.sum(file)
        except (InputError, OSError) as error:
            text = (
                one_line(error) if isinstance(error, InputError) else _unreadable(path, error)
            )
            found.add([text], "a file cannot be read, or changes")
            continue
        found_sums = {"md5": summed.md5, "sha256": summed.sha256}
        for kind, digits in sorted(sums.said[path].items()):
            if found_sums[kind] != digits:
                later = "; it changed after the ready mark was written" * (
                    summed.state[1] > marked
                )
                other_sum.append(
                    f"{path}: {kind.upper()} {found_sums[kind]}, {digits} in the list{later}; "
                    "fix: copy it again"
                )
        files.append(File(path, size, summed.md5, summed.sha256, summed.state))
    found.add(other_size, "sizes of files differ")
    found.add(other_sum, "sums of files differ")
    return files


def _check_calls(found: Found, delivery: Delivery) -> None:
    """Check that there is something to take in, under names that can be told apart."""
    only_sheet = delivery.mode == "add" and delivery.sheet
    if not delivery.calls and not only_sheet:
        found.add(
            ["no file of calls (names end in .vcf, .vcf.gz, .vcf.bgz, .vcf.bz2 or .bcf)"],
            "there is no file of calls",
        )
    names = [Path(c).name for c in delivery.calls]
    found.add(
        (f"{n}: files of this name lie in several folders" for n in sorted(set(names))
         if names.count(n) > 1),
        "two files have one name",
    )  # fmt: skip
    found.add((f"{c}: an empty file" for c in _empty(delivery)), "files are empty")


def _empty(delivery: Delivery) -> list[str]:
    return [f.path for f in delivery.files if f.path in delivery.calls and not f.bytes]


def _check_sheet(found: Found, delivery: Delivery) -> None:
    if delivery.sheet is None:
        return
    if delivery.sheet not in {f.path for f in delivery.files}:
        found.add(
            [f"{MANIFEST}: samples: {delivery.sheet!r} is not among the files with a sum"],
            "the sample sheet is missing",
        )
        return
    _, problems = read_people(delivery.folder / delivery.sheet, delivery.cohort)
    found.add(problems, "the sample sheet has mistakes")
