"""What goes from a store's disk: left-overs, and what only sealed releases held.

A release is *sealed* first: an erratum says so and why, and nobody opens it from then on. Its
record stays for good. Its files go once the grace time is over, as readers take no lock and
one of them may have opened it before. What is *held* are the releases that are open and those
whose grace time is not over; everything else that lies in the store goes:

1. the errata are written: a release is open and whole, or sealed;
2. tables that a dead ingest touched are brought back to the newest release, and Delta versions
   that stay get checkpoints of their own where those before them are to go;
3. log files, then data files, then what the catalogues say of them, then caches.

A kill between any two of them leaves a store that opens and verifies; the next run finds what
is left by looking at what lies there, not by a list. The caller holds the store's lock
throughout.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from varhouse.errors import AccessError, StoreError
from varhouse.store import delta, deltalog
from varhouse.store.catalogue import Entry, forget_files, read_catalogue
from varhouse.store.errata import (
    BY_RETENTION,
    SEALED,
    Erratum,
    add_erratum,
    sealed_releases,
    withdrawn_releases,
)
from varhouse.store.folders import PAGE
from varhouse.store.layout import make_folder, read_store_file, staging_folder
from varhouse.store.leftovers import (
    Leftover,
    find_leftovers,
    leftover_of,
    names_files,
    pinned_versions,
    remove_leftovers,
    roll_back,
    table_folders,
)
from varhouse.store.lock import store_lock
from varhouse.store.releases import Pinned, Release, read_all_releases, read_release, read_tags
from varhouse.store.retention import Policy, choose
from varhouse.store.sources import restricted_in, source_of

GRACE = 86_400.0
"""Seconds from sealing a release to the end of its files: a query over night ends in peace."""

LOG = "version of a table that no release needs"
DATA = "data of sealed releases"
ENTRIES = "what is known of files that are gone"
CACHED = "compiled for no release that is kept"


@dataclass(frozen=True)
class Sealing:
    """A release that is sealed now, and why."""

    number: int
    reason: str
    what: str

    def __str__(self) -> str:
        return f"release {self.number}  {self.what}: {self.reason}"


@dataclass
class Collected:
    """What a run seals and removes, or would.

    Attributes
    ----------
    sealed
        Releases that this run seals, oldest first.
    gone
        What it removes, in the order in which it goes.
    waiting
        Number of sealed releases whose files are still there for readers, to when the last
        of them go: UTC, ISO 8601.
    """

    sealed: list[Sealing] = field(default_factory=list)
    gone: list[Leftover] = field(default_factory=list)
    waiting: dict[int, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Bytes that the disk gets back."""
        return sum(f.bytes for f in self.gone)

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Count files and folders, and their bytes, by what they are."""
        counts = Counter(f.what for f in self.gone)
        sizes: Counter[str] = Counter()
        for leftover in self.gone:
            sizes[leftover.what] += leftover.bytes
        return {what: (n, sizes[what]) for what, n in counts.items()}


def collect(
    path: Path,
    *,
    policy: Policy | None = None,
    seal: Mapping[int, str] | None = None,
    grace: float = GRACE,
    dry_run: bool = False,
    wait: float = 60.0,
    token: str | None = None,
) -> Collected:
    """Seal releases, and remove what no release holds any more.

    Parameters
    ----------
    path
        The store's root folder.
    policy
        Which releases are kept; None: all.
    seal
        Further releases to seal, tagged ones too, with the reason.
    grace
        Seconds from the sealing of a release to the end of its files.
    dry_run
        Only say what would be done; nothing is written.
    wait
        Seconds to wait for another writer.
    token
        Token of the store's lock, if the caller holds it.

    Raises
    ------
    StoreError
        If the newest release is to be sealed, a record is missing or damaged, or somebody else
        is writing.
    """
    path = path.absolute()
    read_store_file(path)
    with store_lock(path, wait, token):
        now = time.time()
        releases = read_all_releases(path)
        wanted, every = _seal(path, releases, policy, seal or {}, now, dry_run=dry_run)
        late = [
            r for r in releases if r.number in every and _waits(every[r.number], now, grace)
        ]
        waiting = _still_there(path, late, [r for r in releases if r.number not in every])
        held = [r for r in releases if r.number not in every or r.number in waiting]
        found = Collected(
            [Sealing(r.number, reason, _what(r)) for r, reason in wanted],
            waiting={n: _iso(_seconds(every[n].time) + grace) for n in every if n in waiting},
        )
        tables = _Tables(path, held, grace) if held else None
        found.gone = _find(path, tables, {r.ingest_id for r in releases}, grace)
        if not dry_run:
            # Checkpoints of what stays once all that is sealed by now is gone: so that they
            # are old when the time comes.
            opened = [r for r in releases if r.number not in every]
            _carry_out(path, tables, opened, found.gone)
    return found


def _seal(
    path: Path,
    releases: Sequence[Release],
    policy: Policy | None,
    seal: Mapping[int, str],
    now: float,
    *,
    dry_run: bool,
) -> tuple[list[tuple[Release, str]], dict[int, Erratum]]:
    """Seal what is to be; give that with the reasons, and all that are sealed then."""
    before = sealed_releases(path)
    wanted = _to_seal(path, releases, before, policy, seal)
    made = _errata(path, wanted, now)
    if not dry_run:
        for number, erratum in made.items():
            add_erratum(path, number, erratum)
    return wanted, {**before, **made}


def _to_seal(
    path: Path,
    releases: Sequence[Release],
    before: Collection[int],
    policy: Policy | None,
    seal: Mapping[int, str],
) -> list[tuple[Release, str]]:
    opened = [r for r in releases if r.number not in before]
    wanted = {r.number: seal[r.number] for r in opened if r.number in seal}
    if opened and opened[-1].number in wanted:
        raise StoreError(
            f"release {opened[-1].number} of {path} is the newest: it cannot be sealed",
            "make a release without what is to go first",
        )
    if policy is not None:
        kept = choose(opened, read_tags(path), policy, withdrawn_releases(path))
        for release in opened:
            if release.number not in kept:
                wanted.setdefault(release.number, f"{BY_RETENTION}{policy}")
    return [(r, wanted[r.number]) for r in opened if r.number in wanted]


def _errata(
    path: Path, wanted: Sequence[tuple[Release, str]], now: float
) -> dict[int, Erratum]:
    return {
        release.number: Erratum(SEALED, reason, _iso(now), _restricted(path, release))
        for release, reason in wanted
    }


def _restricted(path: Path, release: Release) -> tuple[str, ...]:
    """Name the sources of a release that may not be passed on; all, where it is damaged."""
    try:
        return restricted_in(path, release)
    except AccessError:
        raise
    except StoreError:
        return tuple(s for t in sorted(release.tables) if (s := source_of(t)))


def _what(release: Release) -> str:
    return f"of {release.time}, {release.operation}"


def _waits(erratum: Erratum, now: float, grace: float) -> bool:
    return grace > 0 and _seconds(erratum.time) + grace > now


def _still_there(path: Path, late: Sequence[Release], opened: Sequence[Release]) -> set[int]:
    """Give the numbers of sealed releases whose own files lie there still.

    A gc of a shorter grace time, or a purge, may have taken versions of their tables: nobody
    can read them then, and no other version is looked for.
    """
    folders = {f.name: f for f in table_folders(path)}
    pins = {(n, p.version) for r in opened for n, p in r.tables.items()}
    found = set()
    for release in late:
        own = {(n, p.version) for n, p in release.tables.items()} - pins
        if own and all(n in folders and deltalog.has_version(folders[n], v) for n, v in own):
            found.add(release.number)
    return found


def _seconds(time_: str) -> float:
    return datetime.fromisoformat(time_).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Tables:
    """What of each table stays: versions of its log, and files."""

    def __init__(self, path: Path, held: Sequence[Release], grace: float) -> None:
        self.held, self.grace = held, grace
        self.folders = [
            f for f in table_folders(path) if any(f.name in r.tables for r in held)
        ]
        newest = read_release(path, held[-1].number)
        self.versions = {f: self._kept(f, held, newest) for f in self.folders}

    @staticmethod
    def _kept(folder: Path, held: Sequence[Release], newest: Release) -> set[int]:
        kept = pinned_versions(held, folder.name)
        latest = delta.latest_version(folder)
        pinned = newest.tables.get(folder.name)
        # What a dead ingest left goes once the table is brought back; where it was, the
        # version that did that is the latest.
        if latest not in kept and _is_brought_back(folder, latest, pinned):
            kept.add(latest)
        return kept

    def stays(self) -> dict[str, set[str]]:
        """List the files of each table that stay, relative to its folder."""
        return {
            f.name: deltalog.files_of(f, pinned_versions(self.held, f.name))
            for f in self.folders
        }

    def needless(self) -> Iterator[Leftover]:
        """List the files of logs that go."""
        for folder, kept in self.versions.items():
            for file in deltalog.needless(folder, kept, self.grace):
                yield leftover_of(file, LOG)


def _is_brought_back(folder: Path, latest: int, pinned: Pinned | None) -> bool:
    """Tell whether the latest version is as the newest release has the table, be it not."""
    if pinned is None:
        return not names_files(folder)
    return _is_same(folder, latest, pinned.version)


def _is_same(folder: Path, a: int, b: int) -> bool:
    one, other = (delta.read_version(folder, v) for v in (a, b))
    return one.columns == other.columns and set(one.files["path"]) == set(other.files["path"])


def _find(
    path: Path, tables: _Tables | None, ingests: set[str], grace: float
) -> list[Leftover]:
    """Find all that goes, as far as it lies there now."""
    if tables is None:
        return find_leftovers(path, kept=True, thorough=True)
    found = find_leftovers(path, kept=True, thorough=True, held=tables.held)
    catalogues = {
        source: read_catalogue(source)
        for source in sorted((path / "_store" / "files").glob("[!.]*.json"))
        if source.stem in ingests
    }
    brought = {
        f.rpartition("/")[2] for c in catalogues.values() for e in c.values() for f in e
    }
    named = [replace(f, what=DATA) if f.path.name in brought else f for f in found]
    for folder in table_folders(path):
        # The page of a table of which nothing else is left.
        if folder not in tables.folders and (folder / PAGE).exists():
            named.append(leftover_of(folder / PAGE, DATA))
    return [
        *tables.needless(),
        *named,
        *_entries(tables, catalogues),
        *_caches(path, tables.held, grace),
    ]


def _entries(
    tables: _Tables, catalogues: Mapping[Path, Mapping[str, Mapping[str, Entry]]]
) -> Iterator[Leftover]:
    """List the catalogues that tell of files which go, with the bytes of what they tell."""
    stays = tables.stays()
    for source, found in catalogues.items():
        if gone := sum(len(e.keys() - stays.get(t, set())) for t, e in found.items()):
            total = sum(map(len, found.values()))
            yield Leftover(source, source.stat().st_size * gone // total, ENTRIES)


def _caches(path: Path, held: Sequence[Release], grace: float) -> Iterator[Leftover]:
    """Find what was compiled for no release that stays, long ago; it can be made again."""
    meta = [r.meta for r in held]
    annotations = [m.get("annotation") or {} for m in meta]
    genes = {str(a.get("genes"))[:16] for a in annotations}
    references = {m.get("reference") for m in meta}
    sources = {name for a in annotations for name in a.get("sources") or ()}
    newest: set[str] = set()
    folders = [f for f in (path / "_cache").glob("*") if f.is_dir() and f.name[0] != "."]
    for folder in sorted(folders, key=lambda f: f.stat().st_mtime, reverse=True):
        kind, _, rest = folder.name.partition("-")
        if kind == "genes":
            is_used = rest in genes
        elif kind == "reference":
            is_used = _reference_digest(folder) in references
        elif kind == "source":
            name = rest.rpartition("-")[0]
            is_used = name in sources and name not in newest
            newest.add(name)
        else:
            continue
        if not is_used and time.time() - folder.stat().st_mtime > grace:
            yield leftover_of(folder, CACHED)


def _reference_digest(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "reference.json").read_text())["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _carry_out(
    path: Path, tables: _Tables | None, opened: Sequence[Release], gone: Sequence[Leftover]
) -> None:
    """Remove what was found, in an order that a kill may end anywhere."""
    if tables is None:
        remove_leftovers(path, list(gone))
        return
    roll_back(path)
    work = staging_folder(path, "gc")
    for held in filter(None, (tables.held, opened)):
        _write_checkpoints(path, _Tables(path, held, tables.grace), work)
    shutil.rmtree(work, ignore_errors=True)
    # As rolling back made versions: counted anew.
    after = _Tables(path, tables.held, tables.grace)
    stays = after.stays()
    for folder, kept in after.versions.items():
        needless = deltalog.needless(folder, kept, tables.grace)
        deltalog.trim(folder, sorted(kept), needless)
    remove_leftovers(path, [f for f in gone if f.what not in (LOG, ENTRIES)])
    still = {r.ingest_id for r in tables.held}
    for entry in (f for f in gone if f.what == ENTRIES):
        forget_files(entry.path, stays, may_end=entry.path.stem not in still)


def _write_checkpoints(path: Path, tables: _Tables, work: Path) -> None:
    for folder, kept in tables.versions.items():
        if deltalog.wants_checkpoints(folder, kept):
            make_folder(work, path)
            deltalog.write_checkpoints(folder, kept, work)


__all__ = ["GRACE", "Collected", "Sealing", "collect"]
