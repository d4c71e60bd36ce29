"""Whether the bytes of a file are still those that were hashed.

What is compiled from a file, or read from it piece by piece, is kept under the digest of
its bytes. The file may be exchanged meanwhile, or between the moment when it was hashed and
the one when it is read: so its state is taken before the first byte is read and after the
last, and its digest is made in between.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from varhouse.errors import InputError

GRAIN_NS = 20_000_000
"""Two ticks of the coarsest clock that Linux stamps files by (100 Hz): of two changes in
one tick the second does not show."""

Stamp = list[int]


def file_state(path: Path) -> Stamp:
    """Give what tells a change of a file without reading it.

    Returns
    -------
    list of int
        Size, time of change of the bytes and of the entry (ns), and inode; then time and
        inode of the name itself, which may be a link that is turned elsewhere. The second
        time cannot be set by hand, as `cp -p` and `rsync -t` set the first. The device is
        left out: its number is each host's own, and states go from host to host.
    """
    return [*_stamp(path.stat()), *_stamp(path.lstat())[2:4]]


def _stamp(stat: os.stat_result) -> Stamp:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def settled_state(path: Path) -> Stamp:
    """Give the state of a file, waiting until a later change would show in it."""
    state = file_state(path)
    if 0 <= time.time_ns() - max(state[1:3]) < GRAIN_NS:
        time.sleep(GRAIN_NS / 1e9)
        state = file_state(path)
    return state


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def unmoved(path: Path) -> Iterator[Stamp]:
    """Check that a file stays as it is while a block reads it; gives its state.

    Raises
    ------
    InputError
        If it changed meanwhile.
    """
    before = settled_state(path)
    yield before
    if file_state(path) != before:
        raise InputError(f"{path}: the file changed while it was read", "run again")


@contextmanager
def read_as_recorded(
    files: Iterable[Path], recorded: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Check that a block reads the bytes that were hashed.

    Parameters
    ----------
    files
        What the block reads; a file must not change before the block has ended.
    recorded
        Path to the SHA-256 that was told of a file; those not in it have any.

    Yields
    ------
    dict
        Path to SHA-256 of what was read, once the block has ended.

    Raises
    ------
    InputError
        If a file changed meanwhile, or is not what was recorded.
    """
    before = {path: settled_state(path) for path in files}
    found: dict[str, str] = {}
    yield found
    for path, state in before.items():
        digest = file_digest(path)
        if file_state(path) != state:
            raise InputError(f"{path}: the file changed while it was read", "run again")
        if digest != (recorded or {}).get(str(path), digest):
            raise InputError(
                f"{path}: the file changed after it was checked (SHA-256 "
                f"{(recorded or {})[str(path)][:12]}... then, {digest[:12]}... now)",
                "run again",
            )
        found[str(path)] = digest


def is_recorded(path: Path, state: Stamp | None, sha256: str) -> bool:
    """Tell whether a file holds the bytes of a digest; its state alone may tell."""
    return file_state(path) == state or file_digest(path) == sha256
