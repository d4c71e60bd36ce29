"""How a delivery gets from the inbox to where nobody else writes.

On one file system it is renamed, which is one step. What others could still write to (another
owner's files, files with a second name) and what lies elsewhere is copied, flushed and summed
once more. Either way the record says `taking` before and `accepted` after; what a killed night
left in between is gone on with, or has never happened.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from varhouse.files import is_abandoned, remove_abandoned, sync_file, sync_folder, whole_folder
from varhouse.filestate import Stamp, file_digest, file_state, settled_state
from varhouse.nightly.delivery import Delivery, File, Reason, changed_files, changed_paths
from varhouse.nightly.ledger import DATA, DELIVERIES, Ledger, Record
from varhouse.nightly.manifest import MANIFEST
from varhouse.nightly.sums import LISTS

LOG = logging.getLogger("varhouse.nightly")

COPY_BYTES = 4 << 20

_CHANGED = "files changed after they were checked"


def must_copy(source: Path, target: Path, files: list[File]) -> bool:
    """Tell whether a delivery has to be copied: it lies elsewhere, or others may write to it.

    `target` is a folder that is there.
    """
    if is_elsewhere(source, target):
        return True
    me = os.geteuid()
    stats = [(source / file.path).lstat() for file in files]
    return source.stat().st_uid != me or any(s.st_uid != me or s.st_nlink > 1 for s in stats)


def is_elsewhere(source: Path, target: Path) -> bool:
    """Tell whether a folder lies on another file system than what is, or will be, there."""
    while not target.exists():
        target = target.parent
    return source.stat().st_dev != target.stat().st_dev


def take(ledger: Ledger, record: Record, *, may_copy: bool = True) -> None:
    """Move a delivery's data to their place; the record gets its status then.

    A delivery that changes on the way becomes `held`. `record` is not written yet; nor is it
    ever for one that would have to be copied and may not be.

    Raises
    ------
    OSError
        If the disk is full or fails: the delivery is in the inbox as it was.
    """
    source, target = Path(record.source or ""), ledger.data(record)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    record.is_copied = must_copy(source, target.parent, record.files)
    if record.is_copied and not may_copy:
        return
    record.aim, record.status = record.status, "taking"
    ledger.save(record)
    try:
        if not record.is_copied and not _renamed(source, target):
            record.is_copied = True
            if not may_copy:
                ledger.forget(record)
                return
            ledger.save(record)
        if record.is_copied:
            _copy(record, source, target)
    except Exception:
        # What has arrived is gone on with by `recover`, as after a kill.
        if not target.is_dir():
            ledger.forget(record)
        raise
    _finish(ledger, record, record.since)


def _renamed(source: Path, target: Path) -> bool:
    """Rename a folder; False: that is not allowed here."""
    try:
        source.rename(target)
    except OSError:
        if target.exists() or not source.exists():
            raise
        return False
    sync_folder(target.parent)
    # Its files were flushed by nobody that we know.
    for file in target.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with suppress(OSError):
                sync_file(file)
    return True


def _copy(record: Record, source: Path, target: Path) -> None:
    """Copy the files of a delivery, and nothing else that lies there; sums are compared."""
    made = []
    with whole_folder(target) as own:
        for file in record.files:
            to = own / file.path
            to.parent.mkdir(parents=True, exist_ok=True)
            digest = _copy_file(source / file.path, to)
            # What differs is found by `_finish`, by a sum that is none of its file.
            made.append(replace(file, sha256=digest, state=[]))
        for folder in {(own / f.path).parent for f in record.files} | {own}:
            sync_folder(folder)
    sync_folder(target.parent)
    record.files = [
        replace(old, state=file_state(target / old.path) if new.sha256 == old.sha256 else [])
        for old, new in zip(record.files, made, strict=True)
    ]


def _copy_file(source: Path, to: Path) -> str:
    """Copy a file and flush it; gives the SHA-256 of the bytes that were read."""
    digest = hashlib.sha256()
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file, to.open("xb") as out:
        while data := file.read(COPY_BYTES):
            digest.update(data)
            out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _finish(ledger: Ledger, record: Record, since: str) -> None:
    """Check that what arrived is what was summed, and give the record its status."""
    changed = changed_files(ledger.data(record), record.files)
    if not record.is_copied:
        said = [n for n in record.in_inbox if n == MANIFEST or n in LISTS]
        changed += changed_paths(ledger.data(record), {n: record.in_inbox[n] for n in said})
        record.source, record.in_inbox = None, {}
    if changed:
        reasons = [
            Reason(f"{p}: changed while it was moved; fix: deliver it again", _CHANGED)
            for p in changed[:10]
        ]
        ledger.set_status(record, "held", since, reasons=reasons, is_aside=True)
    else:
        ledger.set_status(record, record.aim, since)
    leave(ledger, record)


def leave(ledger: Ledger, record: Record) -> None:
    """Remove what was copied from the inbox, if it may be and is what was taken, and no more.

    A folder in which anything changed or came stays whole: the next night looks at it.
    """
    if record.source is None:
        return
    source = Path(record.source)
    with suppress(OSError):
        if _is_as_taken(source, record.in_inbox):
            _remove(source, record.in_inbox)
    if not source.exists():
        ledger.set_status(record, record.status, record.since, source=None, in_inbox={})


def _is_as_taken(source: Path, states: Mapping[str, Stamp]) -> bool:
    """Tell whether all that a folder holds was taken; a killed night may have removed some."""

    def fail(error: OSError) -> None:
        raise error

    if source.is_symlink() or not os.access(source.parent, os.W_OK | os.X_OK):
        return False
    for folder, folders, files in os.walk(source, onerror=fail):
        if not os.access(folder, os.W_OK | os.X_OK):
            return False
        for path in (Path(folder, n) for n in (*files, *folders)):
            if path.is_dir() and not path.is_symlink():
                continue
            if file_state(path) != states.get(str(path.relative_to(source))):
                return False
    return True


def _remove(source: Path, states: Mapping[str, Stamp]) -> None:
    """Remove files that are in the states given, the mark first, and folders left empty."""
    for name, state in states.items():
        with suppress(FileNotFoundError):
            if file_state(source / name) == state:
                (source / name).unlink()
    for folder, _, _ in os.walk(source, topdown=False):
        Path(folder).rmdir()


def leave_again(ledger: Ledger, delivery: Delivery) -> None:
    """Remove a delivery that was copied before, if each file has the bytes that were taken."""
    sums = {f.path: f.sha256 for f in delivery.files}
    for record in list(ledger.records.values()):
        same = record.source == str(delivery.folder) and record.is_copied
        if same and sums == {f.path: f.sha256 for f in record.files}:
            # Of a mark or a manifest that was written once more, the state is another.
            record.in_inbox = delivery.states
            ledger.save(record)
            leave(ledger, record)


def left_behind(ledger: Ledger) -> list[str]:
    """Name the deliveries that were copied and whose folder is still there, one a line."""
    names = [r.name for r in ledger.records.values() if r.source and r.status != "taking"]
    return [
        f"{name}: was taken, and its folder is still in the inbox: it may not be removed, or "
        "something in it changed meanwhile; fix: take it out, or deliver what is new in a "
        "folder of its own"
        for name in dict.fromkeys(names)
    ]


def recover(ledger: Ledger, inbox: Path, now: str) -> list[str]:
    """Bring what a killed night was taking to an end; gives a line for each.

    Its unfinished files go, in the inbox those of notices.
    """
    lines = []
    for record in [r for r in ledger.records.values() if r.status == "taking"]:
        target = ledger.data(record)
        if not target.is_dir():
            # It lies in the inbox as it was, and is looked at again.
            ledger.forget(record)
            continue
        if record.is_copied:
            # The states of the copies were not written yet.
            record.files = [summed_again(target, f) for f in record.files]
        _finish(ledger, record, now)
        lines.append(f"{record.name}: a night that was killed had taken it; it goes on")
    for record in ledger.records.values():
        if record.source and record.is_copied and record.status != "taking":
            leave(ledger, record)
    for folder in (ledger.folder, ledger.folder / DATA, ledger.folder / DELIVERIES):
        _sweep(folder)
    for notice in inbox.glob(".*.tmp"):
        if notice.is_file() and is_abandoned(notice):
            with suppress(OSError):
                notice.unlink()
    return lines


def summed_again(folder: Path, file: File) -> File:
    """Read a file again, and give it as it is now; without a state if it is another."""
    path = folder / file.path
    try:
        state = settled_state(path)
        same = file_digest(path) == file.sha256 and file_state(path) == state
    except OSError:
        same = False
    return replace(file, state=state if same else [])


def _sweep(folder: Path) -> None:
    """Remove unfinished files and folders of dead processes; data are not walked through."""
    for place in (folder, *(p for p in folder.glob("*") if p.is_dir())):
        if any(place.glob(".*.tmp")):
            remove_abandoned(place)


def remove_old_data(ledger: Ledger, keep_days: float, now: datetime) -> list[Record]:
    """Remove the data of deliveries that nothing reads any more; their records stay.

    They are those replaced, closed and duplicate since `keep_days` days; gives them.
    """
    before = (now.astimezone(UTC) - timedelta(days=keep_days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    gone = []
    for record in ledger.records.values():
        ended = record.status in ("replaced", "duplicate", "closed")
        if ended and record.has_data and record.since <= before:
            data = ledger.data(record)
            dead = data.with_name(f".{data.name}.removed")
            with suppress(OSError):
                # A folder that is removed in part must not look whole.
                if data.exists():
                    data.rename(dead)
                shutil.rmtree(dead, ignore_errors=True)
                ledger.set_status(record, record.status, record.since, has_data=False)
                gone.append(record)
    return gone
