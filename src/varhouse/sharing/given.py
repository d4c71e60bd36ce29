"""The meter: which persons' data a recipient was given, over all ways out and all time.

What leaves is told to the audit log twice. Before anything is visible the event `share` says
who, what, to whom, under which rules, and names a file of the persons (`given/`, below the
private folder): their keyed hashes and assays, sorted, named by its SHA-256. Afterwards
`shared` says the digest of the output, or `share_failed` that nothing left. A `share` with
neither counts: whoever was killed in between may have given it all. So the log is what counts,
and its chain shows a file that was changed or is gone.

The same persons again add nothing, whatever cohort they are in by then: sets are joined.
"""

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, tzinfo
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import StoreError
from varhouse.files import new_file
from varhouse.governance.audit import Audit
from varhouse.governance.chain import Link, refusals
from varhouse.governance.days import CHINA, day_of
from varhouse.governance.mark import Mark, read_mark
from varhouse.governance.personkey import make_private_folder
from varhouse.governed import audit_file, private_folder
from varhouse.sharing.request import Content

SHARE, SHARED, FAILED, REFUSED, READ = (
    "share", "shared", "share_failed", "share_refused", "read",
)  # fmt: skip
"""Events of the audit log: before something leaves, when it has, when it has not, when it may
not, and when somebody reads on a terminal."""

SCHEMA: dict[str, Any] = {"person": pl.Binary, "assay": pl.String}


@dataclass(frozen=True)
class Giving:
    """Something that left, or may have.

    Attributes
    ----------
    n
        Number of the event `share`.
    on
        Its day.
    people
        SHA-256 of the file of the persons.
    """

    n: int
    on: date
    recipient: str
    content: Content
    cohorts: tuple[str, ...]
    people: str


class Meter:
    """Who was given what of a store.

    Parameters
    ----------
    store
        The store's root folder. Nothing is made in it before something leaves.
    zone
        By which days is counted (`Ledger.zone`).
    """

    def __init__(self, store: Path, zone: tzinfo = CHINA) -> None:
        self.store, self.zone = store, zone
        self.folder = private_folder(store) / "given"

    @cached_property
    def givings(self) -> tuple[Giving, ...]:
        """What left, or may have, the oldest first.

        Raises
        ------
        AccessError, StoreError
            If the audit log may not be read, or was changed.
        """
        if not audit_file(self.store).exists() and not private_folder(self.store).exists():
            return ()
        mark = read_mark(self.store) or Mark()
        events = Audit(self.store).events([mark.audit])
        failed = {x.body.get("of") for x in events if x.body.get("event") == FAILED}
        return tuple(
            _giving(x, self.zone)
            for x in events
            if x.body.get("event") == SHARE and x.n not in failed
        )

    def given(
        self,
        recipients: Collection[str],
        contents: Collection[Content] = tuple(Content),
        since: date | None = None,
    ) -> pl.DataFrame:
        """Give the distinct persons and assays that any of some recipients was given.

        Parameters
        ----------
        since
            First day that counts; None: all time.

        Returns
        -------
        pl.DataFrame
            person, assay; a person of two assays has two rows.
        """
        files = {
            g.people
            for g in self.givings
            if g.recipient in recipients
            and g.content in contents
            and (since is None or g.on >= since)
        }
        return distinct(self.persons(name) for name in sorted(files))

    def cohorts(self, recipients: Collection[str]) -> set[str]:
        """Name the cohorts of which any of some recipients was given something."""
        return {c for g in self.givings if g.recipient in recipients for c in g.cohorts}

    def persons(self, name: str) -> pl.DataFrame:
        """Read the persons of a giving by the SHA-256 of their file.

        Raises
        ------
        StoreError
            If it is not there as it was noted.
        """
        file = self.folder / f"{name}.parquet"
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            raw = b""
        if hashlib.sha256(raw).hexdigest() != name:
            raise StoreError(
                f"{file}: the persons of an export are not there as they were noted",
                "restore the folder from a backup: without them nobody knows who was given",
            )
        return pl.read_parquet(BytesIO(raw))

    def keep(self, people: pl.DataFrame) -> str:
        """Keep the persons of what is to leave, and give the SHA-256 of their file."""
        rows = distinct([people])
        out = BytesIO()
        rows.write_parquet(out, compression="zstd", statistics=False)
        raw = out.getvalue()
        name = hashlib.sha256(raw).hexdigest()
        make_private_folder(self.store)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        file = self.folder / f"{name}.parquet"
        if not file.exists():
            # Named by what it holds: to write it again changes nothing.
            with new_file(file, flush=True) as own:
                own.write_bytes(raw)
                own.chmod(0o600)
        return name


@contextmanager
def one_at_a_time(store: Path) -> Iterator[None]:
    """Hold the meter of a store while something is asked and noted; others wait."""
    folder = make_private_folder(store) / "given"
    with refusals(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def distinct(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join frames of persons: a row a person and assay, sorted."""
    rows = [f.select(list(SCHEMA)) for f in frames]
    whole = pl.concat(rows) if rows else pl.DataFrame(schema=SCHEMA)
    return whole.unique().sort("person", "assay")


def _giving(link: Link, zone: tzinfo) -> Giving:
    body = link.body
    return Giving(
        link.n,
        day_of(link.time, zone),
        str(body["recipient"]),
        Content(body["content"]),
        tuple(body["cohorts"]),
        str(body["people"]["file"]),
    )
