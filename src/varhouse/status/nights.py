"""What waits in the inbox, what the last night said, and whether one runs now."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from varhouse.nightly.account import LOCK, Fault, Night, load_account
from varhouse.nightly.inbox import list_inbox, shown_name
from varhouse.nightly.settings import Settings
from varhouse.nightly.words import headline
from varhouse.status.work import Writer, describe_writer
from varhouse.store.lock import read_lock


@dataclass(frozen=True)
class Waiting:
    """A delivery in the inbox: its name, and whether it has the ready mark.

    Attributes
    ----------
    held
        Whether the last night held it back.
    since
        When its mark, or without one its folder, was last changed; UTC.
    """

    name: str
    is_ready: bool
    held: bool
    since: str


@dataclass(frozen=True)
class LastNight:
    """The newest account: the night, its end (UTC), exit code, and what it did in words."""

    night: str
    finished: str
    exit_code: int
    said: str


@dataclass(frozen=True)
class Nights:
    """What is to be seen of the nights.

    Attributes
    ----------
    writer
        The night that runs; None: none does.
    waiting
        Deliveries in the inbox; None: no permission to look.
    last
        The last night; None: there was none, or no permission (`is_readable`).
    faults
        Those of the last night, new ones first.
    is_readable
        Whether the nights' folder may be read.
    """

    inbox: str
    folder: str
    writer: Writer | None
    waiting: list[Waiting] | None
    last: LastNight | None
    faults: list[Fault]
    is_readable: bool


def read_nights(settings: Settings) -> Nights:
    """Find out what waits and what the last night said; writes nothing.

    Raises
    ------
    StoreError
        If the account or the lock is damaged.
    """
    is_readable, account, writer = True, None, None
    try:
        account = load_account(settings.folder)
        holder = read_lock(settings.folder / LOCK)
        writer = describe_writer(holder) if holder else None
    except PermissionError:
        is_readable = False
    return Nights(
        inbox=str(settings.inbox),
        folder=str(settings.folder),
        writer=writer,
        waiting=_waiting(settings, account),
        last=_last(account),
        faults=account.faults if account else [],
        is_readable=is_readable,
    )


def _last(account: Night | None) -> LastNight | None:
    if account is None:
        return None
    return LastNight(account.night, account.finished, account.exit_code, headline(account))


def _waiting(settings: Settings, account: Night | None) -> list[Waiting] | None:
    held = {d.name for d in account.deliveries if d.outcome == "held"} if account else set()
    found = []
    try:
        for entry in list_inbox(settings.inbox):
            name = shown_name(entry.name)
            time = _changed(Path(entry.path) / settings.ready)
            since = time if time is not None else _changed(Path(entry.path))
            found.append(Waiting(name, time is not None, name in held, since or ""))
    except PermissionError:
        return None
    return found


def _changed(path: Path) -> str | None:
    """Give when something was last changed, UTC; None: it is not there."""
    try:
        seconds = path.lstat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
