"""What is known of each delivery that was taken: a record each, in `FOLDER/deliveries`.

A record is the one truth about a delivery's status: it is replaced whole, and each step of a
night writes it before and after the step, so that a night that was killed is gone on with.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError
from varhouse.files import read_json, sync_folder, write_text
from varhouse.filestate import Stamp
from varhouse.ingest.setup.filelists import first_of_many
from varhouse.nightly.delivery import Delivery, File, Reason

DELIVERIES = "deliveries"
DATA = "data"

CURRENT = ("accepted", "in", "held")
"""Statuses of deliveries whose files may be read."""


@dataclass
class Record:
    """A delivery that was taken out of the inbox.

    Attributes
    ----------
    id
        `COHORT/DATE-DIGEST`: the path of its data below `FOLDER/data`.
    number
        Order in which deliveries were taken, from 1.
    status
        `taking` (its data are on the way), or one of the outcomes `accepted`, `in`, `held`,
        `replaced`, `duplicate`, `closed`.
    since
        Start of the night in which it got its status, UTC.
    aim
        The status that one has which is `taking`, once it has arrived.
    is_aside
        Whether something newer of the cohort was accepted while it was held: it is not
        tried again.
    release
        That it came in with.
    of
        Record that it is a duplicate of, or that took its place.
    reasons
        Why it is held.
    told
        The outcome that an account has told last.
    source
        Its folder in the inbox, until that is gone.
    in_inbox
        State of each file of that folder when it was looked at, the mark's first; empty once
        the folder is gone. Nothing else of it is ever removed.
    is_copied
        Whether its data are a copy of the folder in the inbox.
    has_data
        Whether its data are kept still.
    as_of
        Latest date of a delivery that said the same; None: of none with a later date.
    """

    id: str
    number: int
    name: str
    cohort: str
    mode: str
    date: str
    metadata: dict[str, str]
    assembly: str | None
    sheet: str | None
    files: list[File]
    calls: list[str]
    content: str
    status: str
    since: str
    aim: str = "accepted"
    is_aside: bool = False
    release: int | None = None
    of: str | None = None
    reasons: list[Reason] = field(default_factory=list)
    told: str | None = None
    source: str | None = None
    is_copied: bool = False
    has_data: bool = True
    as_of: str | None = None
    in_inbox: dict[str, Stamp] = field(default_factory=dict)

    @property
    def true_at(self) -> str:
        """The latest date of which it is known that what it says was true."""
        return max(self.date, self.as_of or self.date)

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for f in self.files)

    @property
    def is_wanted(self) -> bool:
        """Whether the next ingest may read it."""
        return self.status in CURRENT and not self.is_aside

    @cached_property
    def _sums(self) -> dict[str, str]:
        return {f.path: f.sha256 for f in self.files}

    def sha256_of(self, path: str) -> str:
        """Give the SHA-256 of one of its files."""
        return self._sums[path]

    def read_files(self) -> list[File]:
        """Choose the files that an ingest reads: of calls, and the sample sheet."""
        return [f for f in self.files if f.path in {*self.calls, self.sheet}]


def content_text(delivery: Delivery) -> str:
    """Give what decides what is read of a delivery, as a text to compare."""
    return json.dumps(delivery.content(), sort_keys=True, ensure_ascii=False)


class Ledger:
    """All records of a nights' folder, by their ids.

    Parameters
    ----------
    folder
        The nights' folder, or one that is not there yet.

    Attributes
    ----------
    damaged
        Errors of records that cannot be read; they are not among `records`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, Record] = {}
        self.damaged: list[StoreError] = []
        for file in sorted((folder / DELIVERIES).glob("*/*.json")):
            try:
                record = _load(file)
            except StoreError as error:
                self.damaged.append(error)
            else:
                self.records[record.id] = record

    def check(self) -> None:
        """Raise what keeps records from being read: nothing can be decided without them.

        Raises
        ------
        StoreError
            With every damaged record.
        """
        if self.damaged:
            every = first_of_many(error.message for error in self.damaged)
            raise StoreError("; ".join(every), self.damaged[0].fix)

    def of_cohort(self, cohort: str) -> list[Record]:
        """Give the records of a cohort in the order in which they were taken."""
        mine = [r for r in self.records.values() if r.cohort == cohort]
        return sorted(mine, key=lambda r: r.number)

    def cohorts(self) -> list[str]:
        """Name the cohorts of all records."""
        return sorted({r.cohort for r in self.records.values()})

    def data(self, record: Record) -> Path:
        """Give the folder of a record's data."""
        return self.folder / DATA / record.id

    def new_record(
        self, delivery: Delivery, status: str, since: str, planned: Iterable[Record] = ()
    ) -> Record:
        """Make the record of a delivery; it is not written yet, as those `planned`."""
        others = {**self.records, **{r.id: r for r in planned}}
        stem = f"{delivery.cohort}/{delivery.date[:10]}-{delivery.digest[:8]}"
        key, n = stem, 1
        while key in others:
            n += 1
            key = f"{stem}-{n}"
        return Record(
            key,
            max((r.number for r in others.values()), default=0) + 1,
            delivery.name,
            delivery.cohort,
            delivery.mode,
            delivery.date,
            delivery.metadata,
            delivery.assembly,
            delivery.sheet,
            delivery.files,
            delivery.calls,
            content_text(delivery),
            status,
            since,
            source=str(delivery.folder),
            in_inbox=delivery.states,
        )

    def save(self, record: Record) -> None:
        """Write a record; it lasts through a power failure."""
        self.records[record.id] = record
        file = self._file(record)
        if not file.parent.is_dir():
            file.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(file.parent.parent)
        text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
        write_text(file, text, flush=True)

    def forget(self, record: Record) -> None:
        """Remove a record of something that never happened."""
        self._file(record).unlink(missing_ok=True)
        del self.records[record.id]

    def set_status(self, record: Record, status: str, since: str, **more: Any) -> None:
        """Change the status of a record, and write it."""
        if record.status != status:
            record.status, record.since = status, since
        for name, value in more.items():
            setattr(record, name, value)
        self.save(record)

    def _file(self, record: Record) -> Path:
        return self.folder / DELIVERIES / f"{record.id}.json"


def _load(file: Path) -> Record:
    fix = "restore it from a backup, or close the delivery by deleting it"
    try:
        data = read_json(file, fix)
        data["files"] = [File(**f) for f in data["files"]]
        data["reasons"] = [Reason(*r) for r in data["reasons"]]
        return Record(**data)
    except OSError as error:
        raise StoreError(f"{file} cannot be read ({error.strerror})", fix) from None
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"{file} is no record of a delivery: {error!r}", "use the varhouse of the nights"
        ) from None
