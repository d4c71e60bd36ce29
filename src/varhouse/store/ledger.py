"""The ledger of a store: who was withdrawn, so that nobody of them comes back unnoticed.

`_store/ledger/` (for its owner alone) holds a `key` of 32 random bytes, made with the first
withdrawal, and a JSON file a withdrawal, named by the release that it made. Nobody stands in
there by name, but by a keyed hash: HMAC-SHA256 (RFC 2104) of the sample id. What that
protects: who has the files, but not the key, can neither read the ids nor test guesses of
them. What it does not: who has the key can test guesses, and the ids of a study are few and
easily listed. The ledger has to say of an id whether it was withdrawn, and could not without
that. So the key is as confidential as the ids, and belongs to no copy of a store that others
get.

An entry is written before its release, and counts once that is there: a withdrawal that was
killed in between has taken nobody out, and refuses nobody.

The ledger of permits (`governance/ledger.py`) is another thing: documents call this one the
list of withdrawals.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from varhouse.errors import AccessError, StoreError
from varhouse.files import new_file, sync_folder
from varhouse.store.layout import read_json, write_json
from varhouse.store.releases import list_releases, read_release

KEY_BYTES = 32
_KEY = "key"

WITHDRAW = "withdraw"
"""Operation of the releases that people were taken out for."""


@dataclass(frozen=True)
class Entry:
    """A withdrawal.

    Attributes
    ----------
    release
        The release that it made.
    ingest_id
        Of that release: by it, one that was killed is told from one that was done.
    cohort
        Of whom people were taken out.
    everywhere
        Whether they are refused in any cohort, or in this one alone.
    people
        Keyed hashes of their ids, hex, sorted.
    time
        UTC, ISO 8601.
    reason
        As whoever withdrew them gave it; empty without one.
    """

    release: int
    ingest_id: str
    cohort: str
    everywhere: bool
    people: tuple[str, ...]
    time: str
    reason: str

    def concerns(self, cohort: str) -> bool:
        """Tell whether it refuses people in a cohort."""
        return self.everywhere or self.cohort == cohort


def ledger_folder(path: Path) -> Path:
    """Give the folder of the ledger of a store."""
    return path / "_store" / "ledger"


class Ledger:
    """Who was withdrawn from a store.

    Parameters
    ----------
    path
        The store's root folder.
    key
        That of the hashes; None: a new one, which `keep_key` writes.
    entries
        Those that count, oldest first.
    """

    def __init__(self, path: Path, key: bytes | None, entries: Sequence[Entry]) -> None:
        self.path, self.entries = path, list(entries)
        self._is_kept = key is not None
        self._key = secrets.token_bytes(KEY_BYTES) if key is None else key

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Read the ledger of a store; an empty one where nobody was withdrawn.

        Raises
        ------
        AccessError
            If it may not be read: who cannot ask it must not write to the store.
        StoreError
            If it is damaged, or an entry or its key is lost.
        """
        folder = ledger_folder(path)
        try:
            files = sorted(folder.glob("[0-9]*.json")) if folder.is_dir() else []
            entries = [e for e in map(_read, files) if _is_done(path, e)]
            _check_all_there(path, {e.release for e in entries})
            key = _read_key(folder, needed=bool(entries))
        except PermissionError:
            raise AccessError(
                f"{folder}: no permission, so that nobody can tell who was withdrawn",
                "write to the store as its owner, or let your group read this folder",
            ) from None
        return cls(path, key, entries)

    def hash(self, sample: str) -> str:
        """Give the keyed hash of a sample id, 64 hex digits."""
        return hmac.new(self._key, sample.encode(), hashlib.sha256).hexdigest()

    def keep_key(self) -> None:
        """Write the key of the first withdrawal; the caller holds the store's lock."""
        if self._is_kept:
            return
        folder = ledger_folder(self.path)
        folder.mkdir(mode=0o700, exist_ok=True)
        with new_file(folder / _KEY, flush=True) as own:
            handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(self._key)
        sync_folder(folder.parent)
        self._is_kept = True

    @cached_property
    def _everywhere(self) -> frozenset[str]:
        return frozenset(h for e in self.entries if e.everywhere for h in e.people)

    def concerns(self, cohort: str) -> bool:
        """Tell whether anybody is refused in a cohort: most have nobody."""
        return any(e.concerns(cohort) for e in self.entries)

    def refuses(self, cohort: str, names: Iterable[str]) -> list[str]:
        """List which of some sample ids may not come into a cohort, in their order."""
        if not self.concerns(cohort):
            return []
        mine = {h for e in self.entries if e.cohort == cohort for h in e.people}
        refused = mine | self._everywhere
        return [n for n in names if self.hash(n) in refused]

    def find(self, cohort: str, sample: str) -> Entry | None:
        """Give the withdrawal by which somebody is refused in a cohort; None: by none."""
        own = self.hash(sample)
        found = (e for e in self.entries if e.concerns(cohort) and own in e.people)
        return next(found, None)

    def widen(self, entry: Entry) -> Entry:
        """Refuse the people of a withdrawal everywhere from now on.

        The caller holds the store's lock.
        """
        wide = replace(entry, everywhere=True)
        file = ledger_folder(self.path) / f"{entry.release:08d}.json"
        write_json(file, asdict(wide), replace=True)
        self.entries = [wide if e == entry else e for e in self.entries]
        self.__dict__.pop("_everywhere", None)
        return wide

    def add(self, entry: Entry) -> None:
        """Write an entry, before its release is; the caller holds the store's lock.

        Entries of withdrawals that were killed before they made one go; of later releases, as
        the ledger of a newer copy has them in a restored store, they stay.
        """
        folder = ledger_folder(self.path)
        for file in folder.glob("[0-9]*.json"):
            found = _read(file)
            if found.release <= entry.release and not _is_done(self.path, found):
                file.unlink()
        write_json(folder / f"{entry.release:08d}.json", asdict(entry), replace=True)


def _read(file: Path) -> Entry:
    data = read_json(file)
    try:
        return Entry(**{**data, "people": tuple(data["people"])})
    except (KeyError, TypeError) as error:
        raise StoreError(f"{file} is damaged: {error!r}", "restore it from a backup") from None


def _check_all_there(path: Path, known: Collection[int]) -> None:
    """Check that each release that people were taken out for has its entry."""
    for number in list_releases(path):
        if number not in known and read_release(path, number).operation == WITHDRAW:
            file = ledger_folder(path) / f"{number:08d}.json"
            raise StoreError(
                f"{file} is missing: nobody can tell who was withdrawn by release {number}",
                "restore the folder from a backup",
            )


def _is_done(path: Path, entry: Entry) -> bool:
    """Tell whether the release of an entry was made."""
    if entry.release not in list_releases(path):
        return False
    return read_release(path, entry.release).ingest_id == entry.ingest_id


def _read_key(folder: Path, *, needed: bool) -> bytes | None:
    file = folder / _KEY
    if not file.exists() and not needed:
        return None
    try:
        key = file.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"{file} is no key: nobody can tell who was withdrawn", "restore it from a backup"
        )
    return key
