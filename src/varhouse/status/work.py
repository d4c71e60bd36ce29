"""What works in a store now, and what work was left."""

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from varhouse.ingest.progress import Progress, read_progress
from varhouse.processes import has_ended, is_alive
from varhouse.store.leftovers import KEPT, is_used
from varhouse.store.lock import Holder

RUNNING, UNKNOWN, ENDED = "running", "unknown", "ended"
"""Of a process: it lives; it is on another host; it has ended."""

WORKING, KEPT_WORK, LEFT, DONE = "working", "kept", "left", "done"
"""Of a work folder: somebody works there; --keep-work kept it; nobody works there, and its
ingest made no release, or did."""


@dataclass(frozen=True)
class Writer:
    """Who holds the lock of the store.

    Attributes
    ----------
    host, user, pid, since, command
        As the lock says; `since` is UTC, ISO 8601.
    state
        `running`, `unknown` (another host: nobody can see from here) or `ended` (it died;
        the next command takes the lock over).
    """

    host: str
    user: str
    pid: int
    since: str
    command: str
    state: str


@dataclass(frozen=True)
class WorkFolder:
    """A work folder of the store: of a run that goes on, failed, or was killed.

    Attributes
    ----------
    ingest_id
        Its ingest, which names it.
    state
        `working`, `kept`, `left` or `done`.
    progress
        How far the ingest is, or was when it ended.
    """

    ingest_id: str
    state: str
    progress: Progress


def describe_writer(holder: Holder) -> Writer:
    """Say who holds a lock, and whether that process lives."""
    who = holder.host, holder.pid, holder.started, holder.boot
    state = RUNNING if is_alive(*who) else ENDED if has_ended(*who) else UNKNOWN
    return Writer(holder.host, holder.user, holder.pid, holder.since, holder.command, state)


def list_work(
    store: Path, writer: Writer | None, committed: Container[str]
) -> list[WorkFolder] | None:
    """List the work folders of a store, by name; None without permission to see them.

    Parameters
    ----------
    committed
        Ids of the ingests that made a release.
    """
    try:
        with os.scandir(store / "_staging") as entries:
            folders = sorted(Path(e.path) for e in entries if e.is_dir())
    except FileNotFoundError:
        return []
    except PermissionError:
        return None
    is_held = writer is not None and writer.state != ENDED
    return [
        WorkFolder(f.name, _state(f, committed, is_held=is_held), read_progress(f))
        for f in folders
        if f.name[0] != "."
    ]


def _state(folder: Path, committed: Container[str], *, is_held: bool) -> str:
    """Say whether somebody works in a folder.

    Who holds the lock clears all away but the folder that it works in, and what was kept.
    """
    if (folder / KEPT).exists():
        return KEPT_WORK
    if is_held or is_used(folder):
        return WORKING
    # Killed between the release and the clearing away.
    return DONE if folder.name in committed else LEFT
