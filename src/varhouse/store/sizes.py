"""How much a store takes on the disk, how it grows, and how long there is room.

Sizes of tables come from the records and catalogues, small files, not from a walk over the
files: a shared file system with thousands of them answers each question slowly. Shards stay
as long as a release pins them, and catalogues tell of no others: what they tell is what lies
there.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.files import read_json
from varhouse.store.errata import sealed, sealed_releases
from varhouse.store.history import BROUGHT
from varhouse.store.layout import catalogue_file
from varhouse.store.releases import Release, read_all_releases
from varhouse.tables.schema import TABLES

GROWTH_RELEASES = 14
"""Newest releases by which the growth is judged: what was long ago says little."""

FEWEST_RELEASES = 3
FEWEST_DAYS = 2.0
"""With less behind it, a rate would be a guess."""

MOST_FILES = 20_000
"""Files of a folder without a catalogue that are looked at; beyond, a size is a least one."""

_DAY = 86_400.0


@dataclass(frozen=True)
class Brought:
    """What the ingest of a release wrote into the tables.

    Attributes
    ----------
    release
        Number of the release.
    time
        When it was made, UTC, ISO 8601.
    operation
        What made it: `ingest`, `hold back`, `drop`, ...
    open_bytes, controlled_bytes
        Bytes of its files, by the root that they lie in.
    files
        How many they are, with what a commit writes beside them.
    """

    release: int
    time: str
    operation: str
    open_bytes: int
    controlled_bytes: int
    files: int

    @property
    def bytes(self) -> int:
        """All bytes."""
        return self.open_bytes + self.controlled_bytes


@dataclass(frozen=True)
class Left:
    """What is left on a file system; None where it has no fixed number of files."""

    bytes: int
    files: int | None


@dataclass(frozen=True)
class Folder:
    """Size of a folder; `is_least`: it holds more files than were looked at."""

    bytes: int
    is_least: bool = False


@dataclass(frozen=True)
class Forecast:
    """How a store grows, and how long there is room for that.

    Attributes
    ----------
    nights
        Nights until the file system is full at this rate; None: see `why`.
    bytes_a_night, bytes_a_release
        Mean growth; None without history.
    releases
        How many releases they are the mean of.
    why
        Why nothing is foretold; empty if something is.
    """

    nights: int | None
    bytes_a_night: int | None
    bytes_a_release: int | None
    releases: int
    why: str = ""


def what_came(path: Path, releases: Sequence[Release]) -> list[Brought]:
    """List what each release brought and what of it is there, oldest first.

    As long as no release is sealed everything is there, and the records tell; a catalogue,
    which is larger, is read for those of before records told, and where something went.

    Raises
    ------
    StoreError
        If a catalogue is damaged or missing.
    """
    is_whole = not sealed_releases(path)
    return [_recorded(path, r) if is_whole else _what_came(path, r) for r in releases]


def _recorded(path: Path, release: Release) -> Brought:
    """Give what a record tells of its commit, if it does and the catalogue is there."""
    told = release.meta.get("event", {}).get(BROUGHT)
    source = catalogue_file(path, release.ingest_id)
    size = source.stat().st_size if source.exists() else 0
    if told is None or size < _ENTRY_BYTES * (told["files"] - 2) // 2:
        # It says what is wrong with a catalogue that cannot be whole.
        return _what_came(path, release)
    return Brought(
        release.number, release.time, release.operation,
        told["open"], told["controlled"], told["files"],
    )  # fmt: skip


def _what_came(path: Path, release: Release) -> Brought:
    sizes = {"open": 0, "controlled": 0}
    # The record and the catalogue.
    files = 2
    source = catalogue_file(path, release.ingest_id)
    try:
        for table, entries in read_json(source, _RESTORE).items():
            root = TABLES[table].root if table in TABLES else "open"
            sizes[root] += sum(e["bytes"] for e in entries.values())
            # A version of the table's log beside them.
            files += len(entries) + 1
    except FileNotFoundError:
        if sealed(path, release.number) is not None:
            # Nothing is left of what it brought.
            return Brought(release.number, release.time, release.operation, 0, 0, 0)
        raise StoreError(f"{source} is missing: the store is damaged", _RESTORE) from None
    except (AttributeError, TypeError, KeyError):
        raise StoreError(f"{source} is damaged: no catalogue", _RESTORE) from None
    return Brought(
        release.number,
        release.time,
        release.operation,
        sizes["open"],
        sizes["controlled"],
        files,
    )


_ENTRY_BYTES = 100
"""Bytes that a file takes in a catalogue, at least."""

_RESTORE = "restore it from a backup"


def measure_folder(folder: Path) -> Folder | None:
    """Add up the files below a folder of which no catalogue knows; None: not permitted.

    Files that go while they are counted are not counted.
    """
    total, seen, waiting = 0, 0, [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except PermissionError:
            return None
        except OSError:
            continue
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                    continue
                seen += 1
                found = entry.stat(follow_symlinks=False)
                # A shard that a release holds too is counted there.
                total += found.st_size if found.st_nlink == 1 else 0
        if seen > MOST_FILES:
            return Folder(total, is_least=True)
    return Folder(total)


def space_left(path: Path) -> Left:
    """Ask the file system of a folder what an ordinary user may still write."""
    status = os.statvfs(path)
    # Some (Btrfs, Lustre with many servers) make room for files as they come.
    return Left(status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None)


def forecast(came: Sequence[Brought], left: Left) -> Forecast:
    """Say in how many nights a store fills its file system, by its newest releases.

    The first release with data is often the whole past at once, and makes no rate. A rate is
    bytes, or files, of the releases after one, by the time since that one: nights without
    a release count as nights.
    """
    first = next((k for k, b in enumerate(came) if b.operation == "ingest"), len(came))
    judged = came[first + 1 :][-GROWTH_RELEASES:]
    if len(judged) < FEWEST_RELEASES:
        return Forecast(
            None, None, None, len(judged),
            f"not enough history: {len(judged)} release(s) after the first with data, "
            f"{FEWEST_RELEASES} are needed",
        )  # fmt: skip
    a_release = sum(b.bytes for b in judged) // len(judged)
    before = came[-len(judged) - 1]
    days = (_seconds(judged[-1].time) - _seconds(before.time)) / _DAY
    if days < FEWEST_DAYS:
        return Forecast(
            None, None, a_release, len(judged),
            f"not enough history: the releases span {max(days, 0):.1f} days, "
            f"{FEWEST_DAYS:.0f} are needed",
        )  # fmt: skip
    a_night = sum(b.bytes for b in judged) / days
    # A release always brings a few files of its own.
    nights = left.bytes / max(a_night, 1)
    if left.files is not None:
        nights = min(nights, left.files * days / sum(b.files for b in judged))
    return Forecast(int(nights), round(a_night), a_release, len(judged))


def outlook(path: Path) -> Forecast:
    """Say how a store grows, and in how many nights its file system is full.

    Raises
    ------
    StoreError
        If a record or a catalogue is damaged or missing.
    """
    return forecast(what_came(path, read_all_releases(path)), space_left(path))


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
