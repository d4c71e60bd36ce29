"""The state of a store, gathered from what it and those who write to it leave to be seen."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.account import parse
from varhouse.errors import AccessError, VarhouseError
from varhouse.governance.rulesinuse import OtherRulesError
from varhouse.ingest.setup.permits import Permits
from varhouse.nightly.account import Fault
from varhouse.nightly.settings import Settings
from varhouse.nightly.words import subject_of
from varhouse.quantities import seconds_between, span
from varhouse.status.nights import Nights, read_nights
from varhouse.status.views import views_behind
from varhouse.status.work import ENDED, LEFT, WorkFolder, Writer, describe_writer, list_work
from varhouse.store.layout import check_is_folder, read_store_file
from varhouse.store.lock import read_holder
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import (
    Release,
    read_all_releases,
    read_tags,
)
from varhouse.store.sizes import (
    Folder,
    Forecast,
    Left,
    forecast,
    measure_folder,
    space_left,
    what_came,
)

NIGHT_SECONDS = 30 * 3600
"""Without a night that ended for so long, one is missing."""

STATUS_VERSION = 1
"""Of what `--json` prints; raised when an entry goes or means something else."""


@dataclass(frozen=True)
class Newest:
    """The newest release: its number, tags, time (UTC) and what it holds.

    `people`, `alleles` and `cohorts` are those of the release, whoever may read their rows.
    """

    number: int
    tags: list[str]
    time: str
    digest: str
    cohorts: int
    people: int
    alleles: int


@dataclass(frozen=True)
class Held:
    """A cohort that was held back.

    Attributes
    ----------
    since, release
        When the ingest that held it back ended (UTC), and the release that says so; None
        where that is not known.
    reasons
        Why, each with its fix; of who may not read `controlled/` codes and counts alone.
    """

    cohort: str
    since: str | None
    release: int | None
    reasons: list[str]


@dataclass(frozen=True)
class Disk:
    """What a store takes, in bytes, and what is left.

    Attributes
    ----------
    open, controlled
        Files of the tables, of all releases.
    staging, cache
        Work folders, and what is kept for later ingests; None: not permitted to look.
    left
        On the file system of the store.
    forecast
        How long that is enough.
    """

    open: int
    controlled: int
    staging: Folder | None
    cache: Folder | None
    left: Left
    forecast: Forecast


@dataclass(frozen=True)
class Attention:
    """Something that a person should do: its kind, what it is, and the fix."""

    kind: str
    text: str
    fix: str


@dataclass(frozen=True)
class Status:
    """The state of a store.

    Attributes
    ----------
    release
        None while the store is being made, or before the first night.
    writer
        Who holds the lock; None: nobody writes.
    work
        Work folders; None: not permitted to look.
    held
        What was held back.
    held_in_full
        False: no right to read the reasons, they are shortened.
    nights
        Of `varhouse nightly`; None: no configuration was given.
    attention
        What a person should look at; nothing: all is well.
    """

    store: str
    assembly: str | None
    now: str
    release: Newest | None
    writer: Writer | None
    work: list[WorkFolder] | None
    held: list[Held]
    held_in_full: bool
    disk: Disk
    nights: Nights | None = None
    attention: list[Attention] = field(default_factory=list)


def read_status(path: Path, warn_nights: int, settings: Settings | None = None) -> Status:
    """Find out the state of a store; takes no lock and writes nothing.

    Parameters
    ----------
    path
        The store's root folder.
    warn_nights
        Fewer nights until the disk is full than this need attention.
    settings
        Of the nights, if any are configured; the store need not be there yet then.

    Raises
    ------
    StoreError
        If there is no store, it is damaged or of another format.
    UsageError
        If the path is that of a file.
    """
    path = path.absolute()
    check_is_folder(path)
    holder = read_holder(path)
    writer = describe_writer(holder) if holder else None
    being_made = writer is not None and not (path / "_store" / "store.json").exists()
    to_come = settings is not None and _is_to_come(path)
    meta = {} if being_made or to_come else read_store_file(path)
    releases = read_all_releases(path)
    held, in_full = _held(path, releases)
    left = space_left(_there(path))
    came = what_came(path, releases)
    disk = Disk(
        sum(b.open_bytes for b in came),
        sum(b.controlled_bytes for b in came),
        measure_folder(path / "_staging"),
        measure_folder(path / "_cache"),
        left,
        forecast(came, left),
    )
    nights = read_nights(settings) if settings else None
    work = list_work(path, writer, {r.ingest_id for r in releases})
    return Status(
        store=str(path),
        assembly=meta.get("assembly"),
        now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        release=_newest(path, releases),
        writer=writer,
        work=work,
        held=held,
        held_in_full=in_full,
        disk=disk,
        nights=nights,
        attention=[
            *_of_writers(writer, work or []),
            *_of_held(held, nights, is_full=in_full),
            *_of_basis(path, releases, nights),
            *_of_views(path, releases),
            *(_of_nights(nights) if nights else []),
            *_of_disk(disk.forecast, warn_nights),
        ],
    )


def _is_to_come(path: Path) -> bool:
    """Tell whether no store is there yet, nor anything else than what a first night leaves."""
    try:
        return {p.name for p in path.iterdir()} <= {"_cache", "_staging"}
    except FileNotFoundError:
        return True


def _there(path: Path) -> Path:
    """Give the folder, or the nearest one above it that is there."""
    return next(p for p in (path, *path.parents) if p.exists())


def as_json(status: Status) -> dict[str, Any]:
    """Give a status as JSON can hold it; what is not known is null."""
    return {"version": STATUS_VERSION, **asdict(status)}


def _newest(path: Path, releases: Sequence[Release]) -> Newest | None:
    if not releases:
        return None
    release = releases[-1]

    def rows(table: str) -> int:
        return release.tables[table].rows if table in release.tables else 0

    return Newest(
        number=release.number,
        tags=sorted(t for t, n in read_tags(path).items() if n == release.number),
        time=release.time,
        digest=release.digest,
        cohorts=rows("cohorts"),
        people=rows("samples"),
        alleles=rows("variants"),
    )


def _held(path: Path, releases: Sequence[Release]) -> tuple[list[Held], bool]:
    """List what is held back; False: from the account for anybody, as no more is permitted."""
    if not releases or "held_back" not in releases[-1].tables:
        return [], True
    if not releases[-1].tables["held_back"].rows:
        return [], True
    store = open_store(path, releases[-1].number)
    by_ingest = {r.ingest_id: r for r in releases}
    try:
        rows = store.scan("held_back").select("cohort", "reasons", "ingest_id").unique()
        found = rows.collect().sort("cohort").rows()
    except AccessError:
        return _held_publicly(store), False
    return [
        _as_held(cohort, json.loads(reasons), by_ingest.get(ingest))
        for cohort, reasons, ingest in found
    ], True


def _held_publicly(store: Store) -> list[Held]:
    """Read from the newest open account of an ingest what it says of cohorts held back."""
    # One of a drop or a withdrawal says nothing of them.
    silent = pl.col("operation").is_in(["drop", "withdraw"])
    accounts = store.scan("accounts").filter(~silent.fill_null(value=False))
    newest = accounts.sort("release", "ingest_id").select("account").tail(1)
    last = newest.collect()["account"].to_list()
    held: list[dict[str, Any]] = parse(last[0]).get("held_back", []) if last else []
    return [_as_held(h["cohort"], h["reasons"], None) for h in held]


def _as_held(cohort: str, reasons: list[str], release: Release | None) -> Held:
    return Held(
        cohort,
        release.time if release else None,
        release.number if release else None,
        [str(r) for r in reasons],
    )


def _of_writers(writer: Writer | None, work: Sequence[WorkFolder]) -> list[Attention]:
    found = []
    if writer is not None and writer.state == ENDED:
        found.append(
            Attention(
                "dead writer",
                f"process {writer.pid} ({writer.command}) has died and left its lock",
                "run the same command again: it takes the lock over and goes on",
            )
        )
    found += [
        Attention(
            "unfinished run",
            f"ingest {folder.ingest_id} failed or was killed; its work folder is there",
            "run the same command again: it goes on; or varhouse store gc removes it",
        )
        for folder in work
        if folder.state == LEFT
    ]
    return found


def _of_held(held: Sequence[Held], nights: Nights | None, *, is_full: bool) -> list[Attention]:
    if not held and not is_full:
        text = "something is held back: no account for everybody says what"
        return [Attention("held back", text, "ask who may read controlled/")]
    # What a night knows as a fault of a delivery is one matter, not two.
    known = {f.cohort for f in nights.faults if f.kind == "ingest"} if nights else set()
    return [
        Attention(
            "held back",
            f"{h.cohort}: {h.reasons[0] if h.reasons else 'no reason is known'}",
            "correct or replace its files, then run the ingest again",
        )
        for h in held
        if h.cohort not in known
    ]


def _of_basis(
    path: Path, releases: Sequence[Release], nights: Nights | None
) -> list[Attention]:
    """Say which cohorts are in, and would not be let in by the rules of the store today.

    Who may not read the ledger, or the tables about people, is told nothing.
    """
    if not releases:
        return []
    known = {f.cohort for f in nights.faults if f.kind == "basis"} if nights else set()
    try:
        base = open_store(path, releases[-1].number)
        permits = Permits.of_store(base)
        found = permits.lapsed(base) if permits else []
    except VarhouseError as error:
        if isinstance(error, AccessError) and not isinstance(error, OtherRulesError):
            # No permission: whoever has it is told.
            return []
        fix = error.fix or "put the rules and the ledger in order"
        return [Attention("rules", error.message, fix)]
    return [
        Attention(
            "no basis",
            f"{c['cohort']}: {c['reasons'][0].split('; fix:')[0]}",
            "renew the paper and enter it in the ledger; it stays, and nothing new comes in",
        )
        for c in found
        if c["cohort"] not in known
    ]


def _of_views(path: Path, releases: Sequence[Release]) -> list[Attention]:
    """Say which views show another release of a governed store than the newest."""
    behind = views_behind(path, releases[-1].number) if releases else []
    return [Attention("view", told, fix) for told, fix in behind]


def _of_nights(nights: Nights) -> list[Attention]:
    found = [
        Attention("fault", f"{subject_of(f)}: {f.reasons[0]}", _fix_of(f))
        for f in nights.faults
        if f.reasons
    ]
    if nights.writer is not None and nights.writer.state == ENDED:
        found.append(
            Attention(
                "dead night",
                f"the night of process {nights.writer.pid} has died",
                "start it again: it goes on",
            )
        )
    elif nights.last is not None and nights.writer is None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        age = seconds_between(nights.last.finished, now)
        if age > NIGHT_SECONDS:
            found.append(
                Attention(
                    "no night",
                    f"no night has ended for {span(age)}",
                    "look whether cron or the timer starts it (docs/nightly.md)",
                )
            )
    return found


def _fix_of(fault: Fault) -> str:
    return f"see kind {fault.kind} in docs/nightly.md"


def _of_disk(found: Forecast, warn_nights: int) -> list[Attention]:
    if found.nights is None or found.nights >= warn_nights:
        return []
    return [
        Attention(
            "disk",
            f"the disk is full in about {found.nights} night(s)",
            "free some space, or move the store to a larger file system",
        )
    ]
