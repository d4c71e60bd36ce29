"""What killed processes leave in a store, and how it goes.

Readers never see any of it: it is what no release pins. It is looked for while the lock is
held, so that nobody is writing: work folders, unfinished files, catalogues and shards of
ingests that made no release, and the Delta versions that name them. Nothing is a left-over
that a release pins, whoever made it; when a release record cannot be read, nothing is. Files
of releases that were sealed are no left-overs either: `store/gc.py` takes them when their time
is over.
"""

import json
import logging
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.files import FOREIGN_SECONDS, is_abandoned, write_json
from varhouse.processes import boot_id, has_ended, is_alive, start_time
from varhouse.store import delta, deltalog
from varhouse.store.catalogue import Catalogue, file_ingest
from varhouse.store.errata import sealed_releases
from varhouse.store.layout import ROOTS
from varhouse.store.mirror import mirror_at
from varhouse.store.releases import (
    Release,
    list_releases,
    read_all_releases,
    read_open_releases,
    read_release,
)

log = logging.getLogger("varhouse.store")

OWNER = "owner.json"
"""In a work folder: the process that works there without holding the store's lock."""

KEPT = "kept"
"""In a work folder: somebody asked for it to be kept."""

_OUTSIDE = re.compile(r"reference-(\d+)\Z")
_SHARD = re.compile(r"^.+-\d{5,}-[0-9a-f]{12}\.parquet\Z")
_STAGED = re.compile(r"^_commit_.*\.json\.tmp\Z|#\d+\Z")
"""What delta-rs writes before it gives a file of the log its name."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that goes; `bytes` that it takes and what it is."""

    path: Path
    bytes: int
    what: str


def find_leftovers(
    path: Path,
    *,
    keep: str | None = None,
    kept: bool = False,
    thorough: bool = False,
    held: Sequence[Release] | None = None,
) -> list[Leftover]:
    """Find what killed processes left; the caller holds the store's lock.

    Parameters
    ----------
    keep
        Id of the ingest that is going on: its work folder, catalogue and shards stay.
    kept
        Also work folders that somebody asked for to be kept.
    thorough
        Also shards that no release pins of ingests that made one: of a commit that was
        killed and run again.
    held
        The releases whose files stay, for `store/gc.py`; None: all of which files are there.

    Raises
    ------
    StoreError
        If a release record is missing or damaged.
    """
    found = [*_work_folders(path, keep, kept), *_outside(path), *_unfinished(path)]
    releases = read_all_releases(path)
    if not releases:
        return found
    ingests = {r.ingest_id for r in releases}
    for file in sorted((path / "_store" / "files").glob("[!.]*.json")):
        if file.stem not in ingests and file.stem != keep:
            found.append(leftover_of(file, "catalogue of an ingest that made no release"))
    pins = _Pins(path, releases, held)
    return found + _shards(path, pins, ingests, keep, thorough)


def remove_leftovers(path: Path, found: list[Leftover]) -> None:
    """Remove what `find_leftovers` found; the caller holds the store's lock."""
    if any(f.path.suffix == ".parquet" for f in found):
        roll_back(path)
    for leftover in found:
        if leftover.path.is_dir() and not leftover.path.is_symlink():
            shutil.rmtree(leftover.path, ignore_errors=True)
        else:
            leftover.path.unlink(missing_ok=True)
        root = next((path / r for r in ROOTS if path / r in leftover.path.parents), None)
        for folder in leftover.path.parents if root else ():
            if folder == root:
                break
            with suppress(OSError):
                folder.rmdir()
    with suppress(OSError):
        (path / "_staging").rmdir()


def clear(
    path: Path, *, keep: str | None = None, kept: bool = False, was_killed: bool = False
) -> None:
    """Remove what killed processes left, as every command that holds the lock does.

    Shards of a commit that was killed and run again, which may have written others, are
    looked for (in the log of every release) only where there was one: with `was_killed`, or
    where a work folder tells.
    """
    was_killed |= next(_work_folders(path, keep, kept=False), None) is not None
    try:
        found = find_leftovers(path, keep=keep, kept=kept, thorough=was_killed)
    except StoreError as error:
        log.warning("nothing is cleared away: %s", error.message)
        return
    if found:
        size = sum(f.bytes for f in found) / 2**20
        log.info("removing %d left-over(s) of killed processes, %.1f MiB", len(found), size)
    remove_leftovers(path, found)


def hold_work(folder: Path) -> None:
    """Say in a work folder that this process works there, unless another one does."""
    if is_used(folder):
        return
    pid = os.getpid()
    me = {"host": socket.gethostname(), "pid": pid, "started": start_time(pid),
          "boot": boot_id()}  # fmt: skip
    write_json(folder / OWNER, me)


def leftover_of(path: Path, what: str) -> Leftover:
    """Describe a file or folder that goes, with what it takes on the disk."""
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    size = 0
    for file in files:
        with suppress(OSError):
            status = file.lstat()
            # A shard that a release holds too is not freed with its other name.
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                size += status.st_size
    return Leftover(path, size, what)


def _listed(folder: Path) -> list[Path]:
    """List a folder in order; nothing where it is none or may not be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _work_folders(path: Path, keep: str | None, kept: bool) -> Iterator[Leftover]:
    for folder in _listed(path / "_staging"):
        if folder.name == keep or is_used(folder):
            continue
        if not (folder / KEPT).exists():
            yield leftover_of(folder, "work folder of a process that has ended")
        elif kept:
            yield leftover_of(folder, "work folder that --keep-work kept")


def _owner(folder: Path) -> tuple[str, int, str, str]:
    """Read who says that he works in a folder, as `processes.has_ended` takes it."""
    owner = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    return owner["host"], owner["pid"], owner["started"], owner["boot"]


def is_used(folder: Path) -> bool:
    """Tell whether a process works in a folder that it did not take the lock for."""
    try:
        who = _owner(folder)
        if has_ended(*who):
            return False
        if is_alive(*who):
            # However long one of its jobs writes nothing.
            return True
        newest = max(f.lstat().st_mtime for f in [folder, *folder.iterdir()])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return time.time() - newest < FOREIGN_SECONDS


def is_used_by_another(folder: Path) -> bool:
    """Tell whether another process works in a folder that it did not take the lock for."""
    return is_used(folder) and _owner(folder)[:2] != (socket.gethostname(), os.getpid())


def _outside(path: Path) -> Iterator[Leftover]:
    """Find references that earlier versions compiled beside a store that was to be made."""
    start = f".{path.name}.reference-"
    for folder in _listed(path.parent):
        match = _OUTSIDE.search(folder.name)
        if (
            folder.name.startswith(start)
            and match
            and has_ended(socket.gethostname(), int(match[1]), "")
        ):
            yield leftover_of(folder, "reference of an ingest that was killed")


def _unfinished(path: Path) -> Iterator[Leftover]:
    store = path / "_store"
    folders = [store, store / "releases", store / "files", store / "tags", path / "_cache"]
    folders += [f for f in (path / "_cache").glob("reference-*") if f.is_dir()]
    for root in ROOTS:
        folders += [f for f in (path / root).rglob("*") if f.is_dir()]
    for folder in folders:
        for file in _listed(folder):
            is_staged = folder.name == "_delta_log" and _STAGED.search(file.name)
            if is_abandoned(file) or _is_old(file) or is_staged:
                yield leftover_of(file, "unfinished file of a process that has ended")


def _is_old(file: Path) -> bool:
    """Tell whether it is an unfinished file as earlier versions named them, and a day old."""
    if not (file.name.startswith(".") or ".bases." in file.name or ".json." in file.name):
        return False
    try:
        return file.name.endswith(".tmp") and (
            time.time() - file.lstat().st_mtime > FOREIGN_SECONDS
        )
    except OSError:
        return False


class _Pins:
    """Which files of a table releases pin: all that are there, or some that are to stay."""

    def __init__(
        self, path: Path, releases: Sequence[Release], held: Sequence[Release] | None
    ) -> None:
        gone = set() if held is not None else sealed_releases(path)
        self._open = [r for r in releases if r.number not in gone] if held is None else held
        self._sealed = [r for r in releases if r.number in gone]

    def holds(self, table: str) -> bool:
        """Tell whether a release holds a table."""
        return any(table in r.tables for r in [*self._open, *self._sealed])

    def files(self, folder: Path) -> set[str]:
        """List the files of a table that a release pins, relative to the table's folder."""
        table = folder.name
        pinned = deltalog.files_of(folder, pinned_versions(self._open, table))
        for version in pinned_versions(self._sealed, table):
            # Of a sealed release some may be gone already.
            if deltalog.has_version(folder, version):
                with suppress(StoreError):
                    pinned |= deltalog.files_of(folder, [version])
        return pinned


def pinned_versions(releases: Sequence[Release], table: str) -> set[int]:
    """List the Delta versions of a table that releases pin."""
    return {r.tables[table].version for r in releases if table in r.tables}


def _shards(
    path: Path, pins: _Pins, ingests: set[str], keep: str | None, thorough: bool
) -> list[Leftover]:
    """Find files in the tables that no release pins."""
    found: list[Leftover] = []
    for folder in table_folders(path):
        table = folder.name
        files = [f for f in folder.rglob("*.parquet") if _SHARD.match(f.name)]
        strange = [f for f in files if file_ingest(f.name) not in {*ingests, keep}]
        candidates = files if thorough else strange
        candidates = [f for f in candidates if file_ingest(f.name) != keep]
        # Whoever a file is of, what a release pins stays; this is asked seldom.
        pinned = pins.files(folder) if candidates else set()
        found += [
            leftover_of(f, "shard that no release holds")
            for f in sorted(candidates)
            if str(f.relative_to(folder)) not in pinned
        ]
        # In a mirror a log never begins anew: the storage has versions under these names.
        is_gone = keep is None and not pins.holds(table) and mirror_at(path) is None
        if is_gone and (folder / "_delta_log").is_dir():
            found.append(leftover_of(folder / "_delta_log", "table that no release holds"))
    return found


def table_folders(path: Path) -> list[Path]:
    """List the folders of all tables that lie in a store, whoever made them."""
    roots = [path / root for root in ROOTS]
    return [f for root in roots if root.is_dir() for f in sorted(root.iterdir()) if f.is_dir()]


def roll_back(path: Path) -> None:
    """Bring tables that a dead ingest has touched back to what the newest release pins.

    Readers who take the latest Delta version would look for shards that are gone. A table that
    older releases alone hold, as its source went, has no files in it, as the commit that ended
    it left it.
    """
    release = read_release(path, list_releases(path)[-1])
    known = Catalogue(path)
    for folder in table_folders(path):
        pinned = release.tables.get(folder.name)
        if pinned is None:
            if not _is_dangling(path, folder):
                continue
            handle, wanted = delta.open_table(folder), []
        elif delta.latest_version(folder) == pinned.version:
            continue
        else:
            handle = delta.open_table(folder, pinned.version)
            wanted = delta.list_files(handle)["path"].to_list()
        delta.commit_files(
            folder,
            delta.declare(folder.name, delta.read_schema(handle)),
            wanted,
            partial(known.data_file, folder.name),
            {"ingest_id": release.ingest_id, "release": str(release.number)},
        )


def _is_dangling(path: Path, folder: Path) -> bool:
    """Tell of a table that the newest release lacks whether its latest version names files.

    Only where an open release holds it: any other log goes as a whole.
    """
    holders = (r for r in read_open_releases(path) if folder.name in r.tables)
    return next(holders, None) is not None and names_files(folder)


def names_files(folder: Path) -> bool:
    """Tell whether the latest version of a table names any file."""
    return bool(deltalog.files_of(folder, [delta.latest_version(folder)]))
