"""How files are made: each under a name of its own, and renamed when it is whole.

A commit gives the files of a work folder a second name in the store (hard links), so a
file that has its final name may be what a release holds. None is ever opened for writing
again: whoever makes it anew makes another file, and the name goes over to that one.
Names of unfinished files tell which process makes them, so that what a killed one left can
be found and removed.
"""

import glob
import json
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError
from varhouse.processes import has_ended, start_time

_UNFINISHED = re.compile(
    r"\.(?P<host>[^/]+)\.(?P<pid>\d+)-(?P<started>\d*)-[0-9a-f]{8}\.tmp\Z"
)

FOREIGN_SECONDS = 86_400.0
"""Age from which an unfinished file of another host counts as left by a dead process."""


@cache
def _own_start(pid: int) -> str:
    """Give the start time of this process, whose id is `pid`: a fork has another one."""
    return start_time(pid)


def unfinished_name(path: Path) -> Path:
    """Name a new file or folder beside `path`, which no other process and no retry uses."""
    host, pid = socket.gethostname()[:80], os.getpid()
    mark = f"{host}.{pid}-{_own_start(pid)}-{uuid.uuid4().hex[:8]}"
    return path.with_name(f".{_stem(path)}.{mark}.tmp")


def _stem(path: Path) -> str:
    # A name may have 255 bytes; the start of the last one is enough for people.
    return path.name.encode()[:80].decode(errors="ignore")


def abandoned_of(path: Path) -> list[Path]:
    """List what processes left that ended before `path`, a file or folder, was whole.

    Of long names only the start is known: what was to be another of the same start is listed,
    too.
    """
    found = path.parent.glob(f".{glob.escape(_stem(path))}.*.tmp")
    return [left for left in found if is_abandoned(left)]


def is_abandoned(path: Path) -> bool:
    """Tell whether a file or folder is the unfinished one of a process that has ended.

    One of another host counts after a day without a change: whether its process is alive
    cannot be seen from here.
    """
    match = _UNFINISHED.search(path.name)
    if match is None:
        return False
    # The file's own name may hold dots: the host is what fits.
    host = socket.gethostname()[:80]
    if match["host"] == host or match["host"].endswith(f".{host}"):
        return has_ended(socket.gethostname(), int(match["pid"]), match["started"])
    try:
        return time.time() - path.lstat().st_mtime > FOREIGN_SECONDS
    except OSError:
        return False


@contextmanager
def new_file(path: Path, *, flush: bool = False) -> Iterator[Path]:
    """Give the name of a new file that becomes `path` when the block ends.

    When the block fails, the file is removed, and what `path` was before stays. What is
    there and no file (a pipe, /dev/null) is written as it is, and stays what it is.

    Parameters
    ----------
    path
        The file to make or to replace; its folder is there.
    flush
        Make it last through a power failure before it gets its name. The shards of a work
        folder do without: the commit flushes what it links.
    """
    if _is_special(path):
        yield path
        return
    own = unfinished_name(path)
    try:
        yield own
        if flush:
            sync_file(own)
        own.rename(path)
    except BaseException:
        own.unlink(missing_ok=True)
        raise
    if flush:
        sync_folder(path.parent)


def _is_special(path: Path) -> bool:
    return path.exists() and not (path.is_file() or path.is_dir())


def put(made: Path, path: Path) -> None:
    """Give a file that is whole, in a folder of its own, its place and name.

    Parameters
    ----------
    made
        The file; it is gone afterwards.
    path
        Where it goes; a file there is replaced, what is none (/dev/null) is written.
    """
    if not _is_special(path):
        # Between file systems there is no rename.
        with suppress(OSError):
            made.rename(path)
            return
    with new_file(path) as own, made.open("rb") as source, own.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    made.unlink()


@contextmanager
def whole_folder(
    folder: Path, last: str | None = None, *, replace: bool = True, flush: bool = False
) -> Iterator[Path]:
    """Give a new folder beside `folder` that takes its place when the block ends.

    What a killed attempt left is never mixed with what is made now, nor with what a process
    writes that outlived who started it. When the block fails, the new folder is removed.

    Parameters
    ----------
    last
        File by which a folder is known to be whole. What another process has made
        meanwhile then stays, as others may read it already, and what was made here goes.
    replace
        Whether what is there may go; if not, and it holds anything, the block fails at its
        end with an OSError.
    flush
        Make the names in it, and its own, last through a power failure; its files are flushed
        by who writes them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = unfinished_name(folder)
    own.mkdir(mode=0o700)
    try:
        yield own
        if last is not None and (folder / last).exists():
            shutil.rmtree(own, ignore_errors=True)
            return
        if replace:
            shutil.rmtree(folder, ignore_errors=True)
        if flush:
            for place, _, _ in os.walk(own):
                sync_folder(Path(place))
        own.rename(folder)
    except BaseException:
        # On a full disk its bytes are what the next attempt needs.
        shutil.rmtree(own, ignore_errors=True)
        raise
    if flush:
        sync_folder(folder.parent)


def remove_abandoned(folder: Path) -> None:
    """Remove the unfinished files and folders below a folder whose processes have ended."""
    for left in [p for p in folder.rglob(".*.tmp") if is_abandoned(p)]:
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, flush: bool = False) -> None:
    """Write a text file (UTF-8) in one step: the whole of it is there or none."""
    with new_file(path, flush=flush) as own, own.open("x", encoding="utf-8") as out:
        out.write(text)


def write_json(path: Path, data: Any, *, indent: int | None = 1) -> None:
    """Write a JSON file of a work folder or a cache in one step."""
    write_text(path, json.dumps(data, indent=indent, ensure_ascii=False))


def read_json(path: Path, fix: str = "delete the work folder and run it again") -> Any:
    """Read a JSON file that an earlier step wrote.

    Raises
    ------
    StoreError
        If it is damaged; a file that is not there raises FileNotFoundError.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}", fix) from None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(file: Path) -> None:
    """Make the bytes of a file last through a power failure."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
