"""The text beside a delivery that is held back, for who delivered it: why, and the fix.

Reasons quote names of samples: the whole ones are for those who may read the delivery itself.
A notice has the owner and the mode of the delivery's folder; where that cannot be, anybody may
read it, and it says what anybody may know.
"""

import logging
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from varhouse.files import unfinished_name
from varhouse.nightly.account import Fault

LOG = logging.getLogger("varhouse.nightly")

HELD = ".held.txt"
"""Ending of the file beside a delivery that says why it is held back."""

_FIRST = "varhouse holds this delivery back: "

_IN_INBOX = """\
It lies where it was. Correct it there, and write the ready mark once more; or take
it away.
"""
_TAKEN = """\
It was taken out of the inbox and is kept, and is tried again every night. Where only
a paper is missing, the centre enters it, and nothing need be delivered. Else deliver it
corrected, under the same name, with the same date or a later one.
"""
_ASK = "The whole reasons stand in the account of the night: ask who runs it.\n"


def write_notices(inbox: Path, faults: Iterable[Fault], taken: Mapping[str, Path]) -> int:
    """Say beside each delivery that is held back why; take back what holds no more.

    Parameters
    ----------
    faults
        Of those of one name, the one that lies in the inbox first.
    taken
        Name of a delivery that was moved out of the inbox to its folder now.

    Returns
    -------
    int
        Notices that could not be written.
    """
    wanted: dict[str, list[Fault]] = {}
    for fault in faults:
        if fault.delivery:
            wanted.setdefault(fault.delivery + HELD, []).append(fault)
    unwritten = 0
    for name, mine in wanted.items():
        try:
            _write_notice(inbox / name, mine, [_folder(inbox, f, taken) for f in mine])
        except OSError as error:
            LOG.info("no notice %s: %s", name, error.strerror)
            unwritten += 1
    try:
        there = [p for p in inbox.iterdir() if p.name.endswith(HELD)]
    except OSError:
        there = []
    for path in there:
        if path.name not in wanted and _is_notice(path):
            with suppress(OSError):
                path.unlink()
    return unwritten


def _is_taken(fault: Fault) -> bool:
    # What lies in the inbox was never read by an ingest.
    return fault.kind == "ingest"


def _folder(inbox: Path, fault: Fault, taken: Mapping[str, Path]) -> Path | None:
    name = fault.delivery or ""
    return taken.get(name) if _is_taken(fault) else inbox / name


def _write_notice(path: Path, faults: list[Fault], folders: list[Path | None]) -> None:
    """Write why a delivery is held back; not where something else has the name."""
    if os.path.lexists(path) and not _is_notice(path):
        return
    own = unfinished_name(path)
    try:
        handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
            readers = _readers(folders[0])
            is_whole = readers is not None and _give(handle, readers)
            if not is_whole:
                os.fchmod(handle, 0o644)
            whole = [is_whole and _readers(folder) == readers for folder in folders]
            out.write(_text(faults, whole))
        if not _are_alike(own, path):
            own.rename(path)
    finally:
        own.unlink(missing_ok=True)


def _readers(folder: Path | None) -> tuple[int, int, int] | None:
    """Give owner, group and mode of a folder; None: it is not there."""
    try:
        found = folder.lstat() if folder is not None else None
    except OSError:
        return None
    if found is None or not stat.S_ISDIR(found.st_mode):
        return None
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def _give(handle: int, readers: tuple[int, int, int]) -> bool:
    """Let those read an open file who may read a folder; False: not its owner."""
    uid, gid, mode = readers
    for owner in (uid, -1):
        # Only root gives files away; a group of one's own can be given to.
        with suppress(PermissionError):
            os.fchown(handle, owner, gid)
            break
    now = os.fstat(handle)
    read = 0o600
    if mode & 0o050 == 0o050 and now.st_gid == gid:
        read |= 0o040
    if mode & 0o005 == 0o005:
        read |= 0o004
    os.fchmod(handle, read)
    return now.st_uid == uid or bool(read & 0o044)


def _text(faults: list[Fault], whole: list[bool]) -> str:
    parts = [f"{_FIRST}{faults[0].delivery}\n"]
    for k, (fault, is_whole) in enumerate(zip(faults, whole, strict=True)):
        lines = "".join(
            f"- {line}\n" for line in (fault.reasons if is_whole else fault.public)
        )
        head = "" if k == 0 else "\nAnother one of this name is held back, too:\n"
        what = _TAKEN if _is_taken(fault) else _IN_INBOX
        parts.append(f"{head}since {fault.since}\n\n{lines}\n{what}{'' if is_whole else _ASK}")
    return "".join(parts)


def _are_alike(a: Path, b: Path) -> bool:
    """Tell whether two files say the same to the same readers."""
    try:
        return _readers_of_file(a) == _readers_of_file(b) and a.read_bytes() == b.read_bytes()
    except OSError:
        return False


def _readers_of_file(path: Path) -> tuple[int, int, int, int]:
    """Give owner, group, mode and bytes: one that others made longer is not read."""
    found = path.lstat()
    return found.st_uid, found.st_gid, found.st_mode, found.st_size


def _is_notice(path: Path) -> bool:
    """Tell whether a file is one of ours; a pipe is not waited for, a link not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            is_file = stat.S_ISREG(os.fstat(handle).st_mode)
            return is_file and file.read(len(_FIRST)) == _FIRST.encode()
    except OSError:
        return False
