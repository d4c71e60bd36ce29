"""What commands compile and keep for the next one, where `$VARHOUSE_CACHE` says.

A folder of a cache holds what was made of some files, and in `inputs.json` their state and
their digests: one whose files have other bytes is made anew, whatever its name says.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from varhouse.files import unfinished_name, write_json
from varhouse.filestate import Stamp, file_state, is_recorded, read_as_recorded

VARIABLE = "VARHOUSE_CACHE"
INPUTS = "inputs.json"


def file_stamp(path: Path) -> dict[str, object]:
    """Tell the state of a file without reading it: path, size, time of change."""
    stat = path.stat()
    return {
        "path": str(path.resolve()),
        "bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
    }


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
        `$VARHOUSE_CACHE/KIND-KEY`, which may not be there yet; None without the variable,
        and for pipes, whose bytes cannot be looked at again.
    """
    cache = os.environ.get(VARIABLE)
    if not cache or any(f.exists() and not f.is_file() for f in files):
        return None
    return Path(cache) / f"{kind}-{state_key(files, *said)}"


def state_key(files: list[Path], *said: object) -> str:
    """Give 16 letters that name the state of some files, and all else that is said."""
    text = json.dumps([[file_stamp(f) for f in files], [repr(s) for s in said]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fill_folder(
    folder: Path,
    last: str,
    fill: Callable[[Path], object],
    files: Sequence[Path] = (),
    recorded: Mapping[str, str] | None = None,
) -> None:
    """Make a folder that appears as a whole; one that is there is left as it is.

    Parameters
    ----------
    last
        The file without which a folder is not whole: it is made anew.
    fill
        Writes into the folder that it is given.
    files
        What it is made of. A folder that was made of other bytes is made anew.
    recorded
        Path to the SHA-256 that the folder is to be made of (see `read_as_recorded`).

    Raises
    ------
    InputError
        If a file changes meanwhile, or is not what was recorded; no folder is left then.
    """
    # A pipe cannot be looked at again.
    files = [f for f in files if not f.exists() or f.is_file()]
    if (folder / last).exists() and is_made_of(folder, files, recorded):
        return
    own = unfinished_name(folder)
    own.mkdir(parents=True)
    try:
        states = {str(f): file_state(f) for f in files}
        with read_as_recorded(files, recorded) as digests:
            fill(own)
        write_inputs(own, states, digests)
        if folder.exists() and not (
            (folder / last).exists() and is_made_of(folder, files, recorded)
        ):
            # Renamed first: another process never sees half of it.
            old = unfinished_name(folder)
            folder.rename(old)
            shutil.rmtree(old, ignore_errors=True)
        # Another process may have been faster: its folder is the same.
        with suppress(OSError):
            own.rename(folder)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def write_inputs(
    folder: Path, states: Mapping[str, Stamp], digests: Mapping[str, str]
) -> None:
    """Write down what a folder was made of."""
    said = {path: {"state": states[path], "sha256": digests[path]} for path in digests}
    write_json(folder / INPUTS, said)


def is_made_of(
    folder: Path, files: Sequence[Path], recorded: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a folder was made of the bytes that files hold, or of recorded ones."""
    if not files:
        return True
    try:
        said: dict[str, Any] = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
        for file in files:
            found = said[str(file)]
            wanted = (recorded or {}).get(str(file))
            if wanted is not None and wanted != found["sha256"]:
                return False
            if wanted is None and not is_recorded(file, found["state"], found["sha256"]):
                return False
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        # Of a version that did not write it down, or damaged.
        return False
    return True
