"""Where things lie in a store, and how small files are written so that they last."""

import functools
import json
import logging
import os
import re
import shlex
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from varhouse import __version__, files
from varhouse.errors import StoreError, UsageError
from varhouse.files import new_file, sync_file, sync_folder, unfinished_name
from varhouse.governed import is_governed
from varhouse.tables.schema import FORMAT_VERSION, Table

log = logging.getLogger("varhouse.store")

ROOTS = ("open", "controlled")
PRIVATE = ("controlled", "_staging")
"""What holds data about single people; other people's permissions end here."""
RAW = (*PRIVATE, "open", "_store/releases", "_store/files")
"""Folders of a governed store that tell of cohorts which not everybody may know of."""
_ODD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|%[0-9A-Fa-f]{2}")
"""What delta-rs reads otherwise in a path, as it makes URLs of them and decodes them, or
cannot read: bytes that are no UTF-8, which Python shows as half letters."""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def releases_folder(path: Path) -> Path:
    """Give the folder of the release records."""
    return path / "_store" / "releases"


def tags_folder(path: Path) -> Path:
    """Give the folder of the tags."""
    return path / "_store" / "tags"


def catalogue_file(path: Path, ingest_id: str) -> Path:
    """Give the file that describes the shards which an ingest brought."""
    return path / "_store" / "files" / f"{ingest_id}.json"


def staging_folder(path: Path, ingest_id: str) -> Path:
    """Give the work folder of an ingest: on the store's file system, so links work."""
    return path / "_staging" / ingest_id


def table_folder(path: Path, table: Table) -> Path:
    """Give the root folder of a table."""
    return path / table.root / table.name


def partition_folder(table: Table, partition: Mapping[str, str]) -> str:
    """Name the folder of a partition inside its table, hive style, percent-encoded.

    Everything but letters, digits and `_.-~` is encoded, so that contigs such as
    `HLA-A*01:01` are safe in globs and on any file system.
    """
    return "/".join(f"{name}={quote(partition[name], safe='')}" for name in table.partition)


def check_name(kind: str, name: str) -> str:
    """Check a name that becomes a file name: letters, digits, `_`, `.` and `-`.

    Raises
    ------
    StoreError
        If it holds anything else or does not begin with a letter or digit.
    """
    if not _NAME.match(name):
        raise StoreError(
            f"{kind} {name!r} cannot be a file name",
            "use letters, digits, _ . and -, beginning with a letter or digit",
        )
    return name


def make_folder(folder: Path, store: Path) -> None:
    """Make a folder of a store with those above it.

    What is new under `controlled/` and `_staging/` is open to nobody else, whatever the
    umask; where somebody opened `controlled/` itself to a group, it is as open as that, to
    that group. A setgid bit is handed down, as everywhere. What is new elsewhere is at
    least as open as the folder of the store that it lies in.
    """
    root = store / folder.relative_to(store).parts[0]
    for part in reversed([folder, *folder.parents]):
        if part.exists():
            continue
        if root.name not in PRIVATE or not (part == root or root in part.parents):
            part.mkdir(exist_ok=True)
            if root in part.parents:
                follow_folder(part)
            continue
        try:
            part.mkdir(mode=0o700)
        except FileExistsError:
            continue
        group = 0 if part == root else root.stat().st_mode & stat.S_IRWXG
        if group and not _give_group(part, root.stat().st_gid):
            _say_closed(root)
            group = 0
        part.chmod(stat.S_IRWXU | group | (part.stat().st_mode & stat.S_ISGID))


def follow_folder(path: Path, folder: Path | None = None) -> bool:
    """Let those read a new file, or folder, who may list the folder it is to lie in.

    A file that is linked in keeps the group and the mode of the place where it was made,
    and the writer's umask may be narrower than what somebody opened on purpose. Nothing is
    taken away, and nobody else may write.

    Parameters
    ----------
    folder
        Where it will lie, if not where it lies.

    Returns
    -------
    bool
        False if the system did not permit it: somebody who may list the folder cannot
        read what lies there.
    """
    above = (folder or path.parent).stat()
    bits = stat.S_IRGRP | stat.S_IROTH
    if path.is_dir():
        bits |= stat.S_IXGRP | stat.S_IXOTH
    wanted, is_done = above.st_mode & bits, True
    if wanted & stat.S_IRGRP and not _give_group(path, above.st_gid):
        is_done = bool(wanted & stat.S_IROTH)
        wanted &= ~stat.S_IRWXG
    mode = stat.S_IMODE(path.stat().st_mode)
    if wanted & ~mode:
        try:
            path.chmod(mode | wanted)
        except PermissionError:
            return False
    return is_done


@functools.cache
def _say_closed(root: Path) -> None:
    # Once: a table may have thousands of partitions.
    log.warning(
        "%s: this user may not give its group to new folders in it: nobody else is let into "
        "them; fix: write as a member of that group",
        root,
    )


def _give_group(path: Path, group: int) -> bool:
    if path.stat().st_gid == group:
        return True
    try:
        os.chown(path, -1, group)
    except PermissionError:
        return False
    return True


def hands_down_acl(folder: Path) -> bool:
    """Tell whether what is made in a folder gets an access list that a link would lack."""
    return _has_acl(folder, "default")


def close_folders(store: Path, names: Sequence[str] = PRIVATE) -> list[str]:
    """Close folders, `controlled/` and `_staging/`, to people that nobody let in on purpose.

    A group was let in on purpose if the folder has the setgid bit or an access list, or is
    not of the writer's own group.

    Returns
    -------
    list of str
        A line for each folder that was open, and what has become of it.
    """
    said = []
    for folder in (store / name for name in names):
        if not folder.is_dir():
            continue
        status = folder.stat()
        mode = stat.S_IMODE(status.st_mode)
        wanted = mode & ~stat.S_IRWXO
        if not (mode & stat.S_ISGID or status.st_gid != os.getegid() or _has_acl(folder)):
            wanted &= ~stat.S_IRWXG
        if wanted == mode:
            continue
        was = stat.filemode(status.st_mode)
        try:
            folder.chmod(wanted)
        except PermissionError:
            said.append(f"{folder} is open to others ({was}): its owner should close it")
        else:
            now = stat.filemode(folder.stat().st_mode)
            said.append(f"{folder} was open to others ({was}) and is closed now ({now})")
    return said


def close_governed(store: Path) -> list[str]:
    """Close the tables and records of a governed store as `close_folders` does.

    Who is not `controlled` reads a view, also before the first one is made.

    Returns
    -------
    list of str
        A line for each folder that was open; none of a store that is not governed.
    """
    return close_folders(store, RAW) if is_governed(store) else []


def _has_acl(folder: Path, kind: str = "access") -> bool:
    try:
        return bool(os.getxattr(folder, f"system.posix_acl_{kind}"))
    except (OSError, AttributeError):
        return False


def write_json(file: Path, data: Any, *, replace: bool) -> bool:
    """Write JSON in one step: either the whole file is there or none of it.

    Parameters
    ----------
    file
        The file to make; its folder is made if needed.
    data
        Anything JSON can hold.
    replace
        True: an existing file is replaced. False: it stays and nothing is written.

    Returns
    -------
    bool
        False if the file was there and `replace` is False.
    """
    if not file.parent.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        follow_folder(file.parent)
        sync_folder(file.parent.parent)
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    if replace:
        with new_file(file, flush=True) as own:
            own.write_text(text, encoding="utf-8")
            follow_folder(own)
        return True
    whole = unfinished_name(file)
    try:
        with whole.open("x", encoding="utf-8") as out:
            out.write(text)
        follow_folder(whole)
        sync_file(whole)
        # A link never replaces, unlike a rename: two writers cannot both succeed.
        os.link(whole, file)
    except FileExistsError:
        return False
    finally:
        whole.unlink(missing_ok=True)
    sync_folder(file.parent)
    return True


def read_json(file: Path) -> Any:
    """Read a JSON file of the store.

    Raises
    ------
    StoreError
        If it is missing or damaged.
    """
    try:
        return files.read_json(file, "restore it from a backup")
    except FileNotFoundError:
        raise StoreError(f"{file} is missing: the store is damaged") from None


def describe_new_store(assembly: str, now: str) -> dict[str, Any]:
    """Make what stands in `store.json`."""
    return {
        "format": FORMAT_VERSION,
        "assembly": assembly,
        "created": now,
        "created_by": f"varhouse {__version__}",
    }


def check_is_folder(path: Path) -> None:
    """Check that a store is or can be in a place: it may be missing, but is no file.

    Raises
    ------
    UsageError
        If the place, or a folder that it should lie in, is a file, or has a name that
        Delta takes for another one or cannot take.
    """
    if odd := _ODD.search(str(path.absolute())):
        raise UsageError(
            f"{str(path)!r}: {odd[0]!r} in the path of a store: the readers of its tables "
            "would not find them",
            "use a folder without control characters, backslashes, % with two digits and "
            "bytes that are no UTF-8",
        )
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        is_it = f"{path} is" if there == path.absolute() else f"{path}: {there} is"
        raise UsageError(f"{is_it} a file; a store is a folder", "give the store's folder")


def check_is_free(path: Path) -> None:
    """Check that a store can be made in a place, or one whose making was killed finished.

    Raises
    ------
    UsageError
        If the place, or a folder that it should lie in, is a file.
    StoreError
        If the folder holds other things.
    """
    check_is_folder(path)
    if not path.is_dir() or (path / "_store").is_dir():
        return
    for entry in path.iterdir():
        # Somebody may have made them, with permissions of choice.
        is_empty_root = entry.name in ROOTS and entry.is_dir() and not any(entry.iterdir())
        if entry.name not in ("_cache", "_staging") and not is_empty_root:
            raise StoreError(f"{path} is not empty and no store", "choose another folder")


def read_store_file(path: Path) -> dict[str, Any]:
    """Read `store.json` and check that this version can read the store.

    Raises
    ------
    StoreError
        If there is no store, or it is of another format.
    UsageError
        If the path is that of a file.
    """
    check_is_folder(path)
    file = path / "_store" / "store.json"
    if not file.exists():
        why = "it has no _store/store.json" if path.is_dir() else "there is no such folder"
        raise StoreError(
            f"{path} is no varhouse store ({why})",
            "give the folder of a store; "
            f"varhouse ingest {shlex.quote(str(path))} --config FILE makes one",
        )
    meta: dict[str, Any] = read_json(file)
    if not isinstance(meta, dict):
        raise StoreError(f"{file} is damaged: no object", "restore it from a backup")
    found = meta.get("format")
    if found != FORMAT_VERSION:
        is_older = isinstance(found, int) and found < FORMAT_VERSION
        raise StoreError(
            f"{path} is a store of format {found}, made by {meta.get('created_by')}; this "
            f"varhouse {__version__} reads format {FORMAT_VERSION}",
            "ingest its cohorts again into another folder, or use the version that made it"
            if is_older
            else "use the version of varhouse that made it, or newer",
        )
    return meta


def check_free_space(path: Path, needed_bytes: int) -> None:
    """Check that the file system of a folder has room for so many bytes.

    Raises
    ------
    StoreError
        If it has less; the message says needed and free in GiB.
    """
    folder = path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise StoreError(
            f"{path}: about {needed_bytes / 2**30:,.1f} GiB needed, "
            f"{free / 2**30:,.1f} GiB free on this file system",
            "free some space, or put the store on another file system",
        )
