"""One writer at a time: a lock file that names its holder.

The lock is made with `os.link`, which never replaces, so that it holds on Lustre and NFS
between hosts too. Readers take no lock. A lock whose process has died is taken over when
that can be known: on the same host, by process id and start time.
"""

import contextlib
import fcntl
import json
import logging
import os
import pwd
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from varhouse.errors import InUseError, StoreError
from varhouse.files import unfinished_name
from varhouse.processes import boot_id, has_ended, start_time

log = logging.getLogger("varhouse.store")

TOKEN = "VARHOUSE_LOCK"
"""Environment variable by which a writer lets the commands it starts in."""

_POLL = 0.2

_held: set[str] = set()
"""Tokens of the locks that this process holds."""

WATCH_SECONDS = 2.0
"""Seconds between two looks of a job at the lock that it works under."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    `started` is the start time of the process in clock ticks and `boot` the id of the
    host's boot: a process id alone may have been given to another process since.
    """

    host: str
    user: str
    pid: int
    started: str
    boot: str
    command: str
    since: str
    token: str

    def describe(self) -> str:
        """Name the holder: host, process id, user, since when, command."""
        return (
            f"process {self.pid} of {self.user} on {self.host} since {self.since} "
            f"({self.command})"
        )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container may run under a number that has no name.
        return f"user {os.getuid()}"


def _me() -> Holder:
    pid = os.getpid()
    return Holder(
        host=socket.gethostname(),
        user=_user(),
        pid=pid,
        started=start_time(pid),
        boot=boot_id(),
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        since=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        token=uuid.uuid4().hex,
    )


def read_holder(path: Path) -> Holder | None:
    """Read who holds the lock of a store; None if nobody.

    Raises
    ------
    StoreError
        If the lock file is damaged.
    """
    return read_lock(_file(path))


def _file(store: Path) -> Path:
    return store / "_store" / "lock.json"


def read_lock(file: Path) -> Holder | None:
    """Read who holds a lock file; None if nobody.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    try:
        return Holder(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise StoreError(
            f"{file} is no lock of this version of varhouse",
            "delete it if nobody is writing there",
        ) from None


def _is_dead(holder: Holder) -> bool:
    """Tell whether a holder is known to be gone; False where that cannot be known."""
    me = os.getpid()
    if (holder.host, holder.pid, holder.started) == (
        socket.gethostname(), me, start_time(me)
    ):  # fmt: skip
        # This process once could not remove its lock: the disk let it not.
        return holder.token not in _held
    return has_ended(holder.host, holder.pid, holder.started, holder.boot)


def _take_over(file: Path, dead: Holder) -> None:
    """Remove the lock of a dead process, unless somebody else has done so already."""
    with file.with_suffix(".guard").open("w") as handle:
        # Where the file system knows no flock, two takers at once could go wrong.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if read_lock(file) == dead:
            log.warning("taking over the lock of %s, which has died", dead.describe())
            file.unlink(missing_ok=True)


def _try(file: Path, me: Holder) -> bool:
    temporary = unfinished_name(file)
    with temporary.open("x", encoding="utf-8") as out:
        json.dump(asdict(me), out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(temporary, file)
    except FileExistsError:
        # On NFS an answered link may be reported as failed: two links mean success.
        return temporary.stat().st_nlink == 2
    finally:
        temporary.unlink()
    return True


@contextlib.contextmanager
def store_lock(path: Path, wait: float = 0.0, token: str | None = None) -> Iterator[Holder]:
    """Hold the lock of a store for the time of a `with` block.

    A process that finds the holder's token in the environment variable
    `VARHOUSE_LOCK` was started by the holder and passes. With `token` nothing else does:
    a step that outlived the holder must not go on under a lock of its own.

    Parameters
    ----------
    path
        The store's root folder.
    wait
        Seconds to wait for another writer.
    token
        Token of the holder, for a step of what the holder does.

    Yields
    ------
    Holder
        The lock as it stands in the file; its `token` is for processes that the
        holder starts.

    Raises
    ------
    InUseError
        If another writer still holds it; the message names it.
    StoreError
        With `token`, if the holder is gone.
    """
    if token is not None:
        yield _holder_with(path, token)
        return
    with file_lock(_file(path), f"{path} is being written to", wait) as holder:
        yield holder


@contextlib.contextmanager
def file_lock(file: Path, message: str, wait: float = 0.0) -> Iterator[Holder]:
    """Hold a lock file for the time of a `with` block, as `store_lock` does a store's.

    Parameters
    ----------
    file
        The lock; its folder is there. What it guards is for its users to agree on.
    message
        What goes on while somebody else holds it, for the refusal.
    wait
        Seconds to wait for another one.

    Raises
    ------
    InUseError
        If another one still holds it; the message names it.
    """
    me = _me()
    # Before it is there: another thread must not take it for one that was left. A token is
    # never used again, so one of a lock that was not got does no harm.
    _held.add(me.token)
    deadline = time.monotonic() + wait
    told = False
    while not _try(file, me):
        holder = read_lock(file)
        if holder is None:
            continue
        if holder.token == os.environ.get(TOKEN):
            yield holder
            return
        if _is_dead(holder):
            _take_over(file, holder)
            continue
        if time.monotonic() >= deadline:
            raise _refusal(file, message, holder)
        if not told:
            log.info("waiting for %s", holder.describe())
            told = True
        time.sleep(min(_POLL, max(deadline - time.monotonic(), 0.01)))
    try:
        yield me
    finally:
        _held.discard(me.token)
        _release(file, me)


def _release(file: Path, me: Holder) -> None:
    """Remove a lock of this process; who comes next takes it over where that fails.

    An error here would hide the one that ended the work.
    """
    try:
        if read_lock(file) != me:
            return
        # Who waits at it looks for a holder that is gone, and does nothing.
        with contextlib.suppress(OSError):
            file.with_suffix(".guard").unlink(missing_ok=True)
        file.unlink(missing_ok=True)
    except (OSError, StoreError) as error:
        log.warning("the lock stays, for the next command to take over: %s", error)


def _holder_with(path: Path, token: str) -> Holder:
    holder = read_holder(path)
    if holder is None or holder.token != token:
        raise _lost(path)
    return holder


def end_with_lock(path: Path, token: str, file: Path | None = None) -> None:
    """End this process, from a thread, soon after the holder of a token has lost the lock.

    The lock is that of the store `path`, or `file`, which guards what is called `path`.

    A job may outlive the command that started it: its node does not see that command, or
    nobody was left to end it. It would write on into a work folder that the next command
    takes up.
    """

    def watch() -> None:
        missing = 0
        while missing < 2:
            time.sleep(WATCH_SECONDS)
            with contextlib.suppress(OSError, StoreError):
                holder = read_lock(file or _file(path))
                # One look may be wrong where a file system of several hosts is slow.
                taken = holder is not None and holder.token != token
                missing = 2 if taken else missing + 1 if holder is None else 0
        message = _lost(path)
        with contextlib.suppress(OSError):
            os.write(2, f"error: {message}\n".encode())
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _lost(path: Path) -> StoreError:
    return StoreError(
        f"who started this no longer holds the lock of {path}",
        "run the same command again: what is done is used again",
    )


def _refusal(file: Path, message: str, holder: Holder) -> InUseError:
    message = f"{message} by {holder.describe()}"
    if holder.host == socket.gethostname():
        return InUseError(message, "wait until it has finished, then run this again")
    return InUseError(
        message,
        f"wait until it has finished; if it has died (look on {holder.host}), delete {file}",
    )
