"""A delivery in the inbox: a folder with a manifest, sums of its files, and a ready mark.

    NAME/delivery.yaml    cohort, date, what else is said of it
    NAME/md5sum.txt       or sha256sum.txt, or both: as the tools of that name write them
    NAME/*.vcf.gz ...     files of calls; a sample sheet; whatever else has a sum
    NAME/READY            written last, empty or not

Nothing of it is trusted: links are not followed, paths stay inside, everything is bounded. All
that is wrong with a delivery is found at once.
"""

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import InputError
from varhouse.ingest.setup.config_form import dates_as_text, form_problems
from varhouse.ingest.setup.sheets import METADATA, Sheet, check_cohorts
from varhouse.masking import mask_text
from varhouse.nightly.delivery import Delivery, File, Found, one_line, read_people
from varhouse.nightly.sums import LISTS, KnownSums, Sums, read_lists
from varhouse.yamltext import read_yaml

MANIFEST = "delivery.yaml"

MOST_FILES = 200_000
"""Entries of a delivery at most."""

DEEPEST = 8
"""Levels of folders in a delivery at most."""

MANIFEST_BYTES = 1 << 20

_CALLS = re.compile(r".*\.(g?vcf|bcf)(\.(gz|bgz|bgzip|bz2))?", re.IGNORECASE)
_CLUTTER = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|\.nfs[0-9a-f]+")
"""What systems put into folders that people look at; nothing reads it."""


def shown_name(name: str) -> str:
    """Give a name of a file or folder as it can be shown and written."""
    return mask_text(os.fsencode(name).decode("utf-8", "backslashreplace"))


def is_text(name: str) -> bool:
    """Tell whether a name is UTF-8 without letters that cannot be shown, or blanks around."""
    return name.isprintable() and name == name.strip()


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
    return found


def _unreadable(where: str, error: OSError) -> str:
    return (
        f"{where}: cannot be read ({error.strerror}); fix: its permissions, or copy it again"
    )


def _look_inside(
    found: Found, ready: str, marked: int, known: KnownSums, now: datetime
) -> None:
    names = _walk(found, ready)
    lists = [name for name in LISTS if name in names]
    sums = read_lists(found.folder, lists)
    found.add(sums.problems, "a list of sums is malformed")
    if not lists:
        found.add(
            [f"no sums: none of {', '.join(LISTS)}; fix: md5sum *.vcf.gz > md5sum.txt"],
            "there is no list of sums",
        )
    date = _read_manifest(found, now)
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
    )
    _check_calls(found, delivery)
    _check_sheet(found, delivery)
    if not found.reasons:
        found.delivery = delivery


# --- what lies in the folder ---


def _walk(found: Found, ready: str) -> set[str]:
    """List the files of a delivery, relative; what is no plain file is a reason."""
    names: set[str] = set()
    wrong: dict[str, list[str]] = {"links": [], "special": [], "names": [], "locked": []}
    _walk_folder(found.folder, "", names, wrong, 0)
    found.add(
        (f"{x}: a link; fix: copy the file itself (cp -L)" for x in wrong["links"]),
        "there are links in it",
    )
    found.add(
        (f"{x}: neither a file nor a folder" for x in wrong["special"]),
        "there are pipes or devices in it",
    )
    found.add(
        (
            f"{x!r}: the name cannot be written into a sheet; fix: rename it"
            for x in wrong["names"]
        ),
        "names of files cannot be shown",
    )
    found.add(wrong["locked"], "a folder in it cannot be read")
    if len(names) > MOST_FILES:
        found.add([f"more than {MOST_FILES:,} files"], "too many files")
    return names - {ready}


def _walk_folder(
    folder: Path, below: str, names: set[str], wrong: dict[str, list[str]], depth: int
) -> None:
    try:
        entries = os.scandir(folder)
    except OSError as error:
        wrong["locked"].append(_unreadable(below or ".", error))
        return
    with entries:
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if _CLUTTER.fullmatch(entry.name) or len(names) > MOST_FILES:
                continue
            if not is_text(entry.name):
                wrong["names"].append(shown_name(path))
            elif stat.S_ISLNK(mode):
                wrong["links"].append(path)
            elif stat.S_ISDIR(mode) and depth < DEEPEST:
                _walk_folder(Path(entry.path), path, names, wrong, depth + 1)
            elif stat.S_ISREG(mode):
                names.add(path)
            else:
                wrong["special"].append(path)


# --- the manifest ---


def _read_manifest(found: Found, now: datetime) -> str:
    """Read `delivery.yaml` into `found.said`; gives its date, empty where there is none."""
    file = found.folder / MANIFEST
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            found.add([f"{MANIFEST}: not a file"], "the manifest is no file")
            return ""
        if file.stat().st_size > MANIFEST_BYTES:
            found.add(
                [f"{MANIFEST}: more than {MANIFEST_BYTES:,} bytes"], "manifest too large"
            )
            return ""
        raw = dates_as_text(read_yaml(file))
    except FileNotFoundError:
        found.add(
            [f"no {MANIFEST}; fix: a text file with the lines `cohort: NAME` and `date: "
             "2026-11-28`"],
            "there is no manifest",
        )  # fmt: skip
        return ""
    except InputError as error:
        found.add([one_line(error)], "the manifest is no YAML")
        return ""
    problems = form_problems(raw, "delivery")
    if isinstance(raw, dict):
        found.said = raw
    if not problems:
        row = {k: [str(raw[k])] for k in ("cohort", *METADATA) if raw.get(k) is not None}
        frame = pl.DataFrame({**row, "files": ["-"], "line": [1]})
        problems = check_cohorts(Sheet(Path(MANIFEST), frame)).problems
    found.add(
        (f"{MANIFEST}: {p.removeprefix(f'{MANIFEST}:1: ')}" for p in problems),
        "the manifest has mistakes",
    )
    return _check_date(found, raw.get("date"), now) if isinstance(raw, dict) else ""


def _check_date(found: Found, said: Any, now: datetime) -> str:
    if not isinstance(said, str):
        return ""
    date = read_date(said)
    if date is None:
        found.add([f"{MANIFEST}: date {said!r} is no date (2026-11-28)"], "its date is none")
        return ""
    if date > (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"):
        found.add(
            [f"{MANIFEST}: date {said} lies in the future: later "
             "deliveries would count as older; fix: correct it"],
            "its date lies in the future",
        )  # fmt: skip
    return date


def read_date(text: str) -> str | None:
    """Read an ISO date, with a time or without, as `2026-11-28T15:00:00`; None: it is none.

    One with an offset from UTC becomes UTC.
    """
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if date.tzinfo is not None:
        date = date.astimezone(UTC).replace(tzinfo=None)
    return date.replace(microsecond=0).isoformat()


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
    sizes = said if isinstance(said, dict) else {}
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
