"""A mirror: the folder on a disk through which a store on S3 is read and written.

What tells about releases (`_store/`, the Delta logs) is brought up to date whenever the store
is opened; a data file comes when it is asked for, once, since it never changes. So everything
that reads a store on a disk reads one on S3. An ingest makes its release in a mirror of its
own, and `push.py` carries it over. What a mirror has beyond the storage (a release that never
got there) goes when it is brought up to date.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from varhouse.errors import AccessError, StoreError
from varhouse.files import read_json, write_json
from varhouse.store.bucket import Bucket, Object, is_url
from varhouse.store.layout import ROOTS
from varhouse.store.lock import store_lock

MARK = "_store/mirror.json"
"""In a mirror: what it is a mirror of."""

_OWN = "_store/mirror"
"""In it: what is about the mirror, and not about the store."""

_HELD = f"{_OWN}/objects.json"
"""Name to tag of the objects that were read last."""

_REFUSED = f"{_OWN}/refused"
"""There while the storage refuses what tells of tables below `controlled`: its words."""

_WRITING = "-writing"

_THREADS = 16
"""Objects that are read at once: small ones, of which each costs a round trip."""

LOCAL = ("_store/lock.json", "_store/probe-", _OWN)
"""What is of the storage or of the mirror alone."""


def mirrors_folder() -> Path:
    """Give the folder of all mirrors: `VARHOUSE_MIRRORS`, or below the user's cache."""
    if own := os.environ.get("VARHOUSE_MIRRORS"):
        return Path(own)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "varhouse" / "mirrors"


RECORDS = "_store/releases/"
"""What the names of release records begin with."""

LEDGER = ("_store/ledger/", "_store/receipts/", "_store/governance/private/")
"""Who was withdrawn, who was given to whom, with the keys, and what was done: for who writes
alone."""


def is_metadata(name: str) -> bool:
    """Tell whether an object is read with the store, and no data file."""
    parts = name.split("/")
    if name.startswith(LOCAL) or parts[0] not in ("_store", *ROOTS):
        return False
    return parts[0] == "_store" or "_delta_log" in parts or parts[-1] == "README.md"


class Mirror:
    """A mirror of a store.

    Parameters
    ----------
    path
        Its root folder, as `Mirror.of` made it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._said: dict[str, Any] = read_json(path / MARK)

    @classmethod
    def of(cls, url: str, *, writing: bool = False) -> "Mirror":
        """Give the mirror of a URL; an empty one is made, closed to others.

        Who writes has one of his own, so that readers never see what is not on the storage.

        Raises
        ------
        UsageError, StoreError
            See `Bucket`.
        """
        bucket = Bucket(url)
        key = hashlib.sha256(f"{bucket.endpoint} {bucket.url}".encode()).hexdigest()[:16]
        name = f"{Path(bucket.url).name}-{key}" + (_WRITING if writing else "")
        path = mirrors_folder() / name
        # It may hold what is under controlled/.
        path.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        (path / _OWN).mkdir(parents=True, exist_ok=True)
        if not (path / MARK).exists():
            write_json(path / MARK, {"url": bucket.url, "endpoint": bucket.endpoint})
        return cls(path)

    @property
    def url(self) -> str:
        """Where the store is."""
        return str(self._said["url"])

    @cached_property
    def bucket(self) -> Bucket:
        """The objects of the store."""
        found = Bucket(self.url)
        if found.endpoint != self._said["endpoint"]:
            raise StoreError(
                f"{self.path} is a mirror of {self.url} at {self._said['endpoint']}, "
                f"and not at {found.endpoint}",
                "set AWS_ENDPOINT_URL as it was, or open the store by its URL",
            )
        return found

    def hold(self, wait: float = 60.0) -> AbstractContextManager[object]:
        """Keep other processes from bringing it up to date."""
        folder = self.path / _OWN
        (folder / "_store").mkdir(parents=True, exist_ok=True)
        return store_lock(folder, wait)

    def update(self) -> list[Object]:
        """Bring what tells about releases up to date; gives all objects of the store.

        Data files that the storage has no more go. The caller holds it (`hold`).
        """
        every = list(self.bucket.objects())
        wanted = {o.name: o.tag for o in every if self._reads(o.name)}
        held = self.held()
        # Before anything changes: after a kill all of it is looked at again.
        (self.path / _HELD).unlink(missing_ok=True)
        # First, what never got there: a release, and the logs that it would pin.
        self._forget_releases(set(wanted))
        missing = {
            name
            for name, tag in wanted.items()
            if held.get(name) != tag or not (self.path / name).exists()
        }
        # Records last: a reader of the mirror never sees one before what it pins.
        records = {n for n in missing if n.startswith(RECORDS)}
        closed = {n for n in missing if n.split("/")[0] == "controlled"}
        self._read(missing - records - closed)
        refused = self._read_closed(closed)
        self._read(records)
        # Last, as a reader may be at work: of a log that was trimmed the checkpoint is there.
        self._forget({o.name for o in every}, set(wanted))
        write_json(self.path / _HELD, {n: t for n, t in wanted.items() if n not in refused})
        return every

    def _forget_releases(self, wanted: set[str]) -> None:
        """Remove the records of releases that the storage does not have."""
        for name in self._files():
            if name.startswith(RECORDS) and name not in wanted:
                (self.path / name).unlink(missing_ok=True)

    def _forget(self, there: set[str], wanted: set[str]) -> None:
        """Remove what the storage does not have."""
        for name in self._files():
            if name not in (wanted if is_metadata(name) else there):
                (self.path / name).unlink(missing_ok=True)

    def held(self) -> dict[str, str]:
        """Give name and tag of the objects that were read when it was brought up to date."""
        file = self.path / _HELD
        held: dict[str, str] = read_json(file) if file.exists() else {}
        return held

    def _reads(self, name: str) -> bool:
        return is_metadata(name) and (self.is_writing or not name.startswith(LEDGER))

    @property
    def is_writing(self) -> bool:
        """Whether it is the mirror of who writes."""
        return self.path.name.endswith(_WRITING)

    def _read_closed(self, names: set[str]) -> set[str]:
        """Read what tells of tables about single people; gives what is not permitted."""
        mark = self.path / _REFUSED
        mark.unlink(missing_ok=True)
        try:
            self._read(names)
        except AccessError as error:
            if self.is_writing:
                raise
            mark.write_text(error.message, encoding="utf-8")
            return names
        return set()

    def check_may_read(self, root: str) -> None:
        """Check that the tables below `open` or `controlled` may be read.

        Raises
        ------
        AccessError
            If the storage refused what tells of them.
        """
        mark = self.path / _REFUSED
        if root == "controlled" and mark.exists():
            raise AccessError(
                mark.read_text(encoding="utf-8"),
                "ask whoever keeps the store for access to controlled/; what needs no such "
                "table goes on without",
            )

    def _files(self) -> list[str]:
        """List the files of the mirror that `update` looks after."""
        found = (p for r in ("_store", *ROOTS) for p in (self.path / r).rglob("*"))
        names = (str(p.relative_to(self.path)) for p in found if p.is_file())
        return [n for n in names if not n.startswith(LOCAL)]

    def fetch(self, files: Iterable[tuple[str, int]]) -> None:
        """Read data files that the mirror lacks.

        Parameters
        ----------
        files
            Name below the store's root, and size in bytes.

        Raises
        ------
        StoreError
            If one is not there, or of another size.
        """
        lacking = {n: size for n, size in files if not (self.path / n).exists()}
        if not lacking:
            return
        self._read(lacking)
        for name, size in lacking.items():
            if (found := (self.path / name).stat().st_size) != size:
                (self.path / name).unlink()
                raise StoreError(
                    f"{self.url}/{name} has {found:,} bytes, of {size:,}",
                    "varhouse store push, from the disk that it was made on, writes it again",
                )

    def _read(self, names: Iterable[str]) -> None:
        def read(name: str) -> str | None:
            return None if self.bucket.read(name, self.path / name) else name

        with ThreadPoolExecutor(_THREADS) as pool:
            gone = [name for name in pool.map(read, names) if name is not None]
        if gone:
            raise StoreError(
                f"{self.url}/{gone[0]} is not there",
                "open the store again: its release may have been sealed meanwhile",
            )


def mirror_at(path: Path) -> Mirror | None:
    """Give the mirror that a store's folder is; None of any other store."""
    return Mirror(path) if (path / MARK).exists() else None


def local_path(path: str | Path) -> Path:
    """Give the folder to read a store from: of a URL its mirror, brought up to date."""
    if not is_url(path):
        return Path(path)
    mirror = Mirror.of(str(path))
    with mirror.hold():
        if not any(o.name == "_store/store.json" for o in mirror.update()):
            raise StoreError(
                f"{mirror.url} is no varhouse store (it has no _store/store.json)",
                "give the URL of a store; varhouse store push STORE URL makes one",
            )
    return mirror.path
