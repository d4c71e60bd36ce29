"""What commands compile and keep for the next one, where `$VARHOUSE_CACHE` says."""

import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

VARIABLE = "VARHOUSE_CACHE"


def file_stamp(path: Path) -> dict[str, object]:
    """Tell the state of a file without reading it: path, size, time of change."""
    stat = path.stat()
    return {
        "path": str(path.resolve()), "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns,
    }  # fmt: skip


def cached_folder(kind: str, files: list[Path], *said: object) -> Path | None:
    """Name the folder that keeps what is made of some files in this state of theirs.

    Parameters
    ----------
    kind
        First word of the folder's name.
    files
        The files that it is made of.
    said
        Everything else that decides what it holds; its `repr` counts.

    Returns
    -------
    Path or None
        `$VARHOUSE_CACHE/KIND-KEY`, which may not be there yet; None without the variable.
    """
    cache = os.environ.get(VARIABLE)
    return Path(cache) / f"{kind}-{state_key(files, *said)}" if cache else None


def state_key(files: list[Path], *said: object) -> str:
    """Give 16 letters that name the state of some files, and all else that is said."""
    text = json.dumps([[file_stamp(f) for f in files], [repr(s) for s in said]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fill_folder(folder: Path, last: str, fill: Callable[[Path], object]) -> None:
    """Make a folder that appears as a whole; one that is there is left as it is.

    Parameters
    ----------
    last
        The file without which a folder is not whole: it is made anew.
    fill
        Writes into the folder that it is given.
    """
    if (folder / last).exists():
        return
    own = folder.with_name(
        f".{folder.name}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
    )
    own.mkdir(parents=True)
    try:
        fill(own)
        if folder.exists() and not (folder / last).exists():
            shutil.rmtree(folder, ignore_errors=True)
        # Another process may have been faster: its folder is the same.
        with suppress(OSError):
            own.rename(folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)
