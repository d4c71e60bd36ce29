"""The account of a night: what became of deliveries and cohorts, and what is at fault.

It is `FOLDER/accounts/NIGHT.json`, the newest also `FOLDER/account.json`: a file for machines,
of which pages, mails and metrics are made. It holds a `version`. `reasons` quote files, lines
and names of samples: who may not see those is shown `public`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from varhouse.errors import StoreError
from varhouse.files import read_json, write_json

VERSION = 1
"""Of accounts and of lines of the log; raised when what is there changes its meaning."""

ACCOUNT = "account.json"
ACCOUNTS = "accounts"
LOCK = "lock.json"
"""Held by the night that runs; see `store.lock.file_lock`."""

OUTCOMES = {
    "waiting": "there is no ready mark yet: it is not looked into",
    "accepted": "checked and moved; it goes in with a later night's ingest",
    "in": "in the store, as of `release`",
    "held": "held back; `Night.faults` says why",
    "replaced": "a later delivery has taken its place: nothing of it is read any more",
    "duplicate": "the bytes of another delivery, `of`: nothing to do",
    "closed": "it was held back, and `varhouse nightly --close` ended that",
}
"""What can become of a delivery in a night."""

FAULT_KINDS = {
    "delivery": "a delivery is at fault by itself: its manifest, sums, files or names",
    "late": "a delivery is older than what is in of its cohort, or of the very same date",
    "ingest": "the ingest holds a cohort back, by what its files or sheets hold",
    "unfinished": "a delivery has had no ready mark for too long",
    "changed": "files of a delivery that was accepted are no longer as they were checked",
    "basis": "a cohort is in, and rules would not let it in today: a paper ended, say",
    "verify": "a second reading found a release to be other than its files, or damaged",
    "failed": "the night itself failed; `Night.error` says why",
}
"""Kinds of faults."""

EXIT_CODES = {
    0: "no new fault: all is in, or nothing is to do; with known faults too, unless --strict",
    1: "failed: the store is as it was, or a whole release further",
    2: "a mistake in the usage or the configuration: nothing came in",
    3: "new faults; what is good is in",
    75: "another nightly runs with the same folder: nothing was begun",
}
"""What `varhouse nightly` ends with. 75 is EX_TEMPFAIL of sysexits.h: try again later."""


@dataclass(frozen=True)
class Fault:
    """Something that a person has to see to.

    Attributes
    ----------
    subject
        `delivery:NAME`, `cohort:NAME`, `release` or `night`: with `reasons` it tells
        faults apart.
    kind
        One of `FAULT_KINDS`.
    delivery, cohort
        What it is about; None where that is not known.
    reasons
        One line each, with the fix; they may quote names of files and samples.
    public
        The same without what only insiders may see, one line each.
    since
        Start of the night that met it first, UTC (`2026-11-29T02:00:00Z`).
    nights
        Accounts that have it, this one included.
    new
        Whether this is the first of them.
    """

    subject: str
    kind: str
    delivery: str | None
    cohort: str | None
    reasons: list[str]
    public: list[str]
    since: str
    nights: int = 1
    new: bool = True


@dataclass(frozen=True)
class Delivered:
    """What became of a delivery that this night met.

    Attributes
    ----------
    name
        Its folder in the inbox; letters that cannot be shown are marked.
    outcome
        One of `OUTCOMES`.
    id
        Names it among all deliveries; None before its manifest could be read.
    cohort, mode, date
        As its manifest has them (`replace` or `add`); None where it could not be read.
    n_files, n_bytes
        Files of calls, and bytes of all its files; None where nothing was counted.
    since
        Start of the night that met it first in this outcome, UTC.
    new
        Whether this night brought the outcome.
    release
        The release that it came in with; None: in none.
    of
        The delivery that it is a duplicate of, or that replaced it.
    """

    name: str
    outcome: str
    id: str | None = None
    cohort: str | None = None
    mode: str | None = None
    date: str | None = None
    n_files: int | None = None
    n_bytes: int | None = None
    since: str = ""
    new: bool = True
    release: int | None = None
    of: str | None = None


@dataclass(frozen=True)
class CohortIn:
    """What came into the store of a cohort: counts of this night's ingest.

    Attributes
    ----------
    replaces
        Whether the cohort was in before.
    n_people, n_records, n_alleles, n_rejects
        Of files that came into a cohort that grows; else of the whole cohort.
    """

    cohort: str
    replaces: bool
    n_people: int
    n_records: int
    n_alleles: int
    n_rejects: int


@dataclass(frozen=True)
class Disk:
    """Bytes on the disk, when the night ended; None where nobody could say.

    Attributes
    ----------
    store_bytes
        Of the files that the newest release holds.
    store_free, folder_free
        Left for this user on the file systems of the store and of the nights' folder.
    accepted_bytes, held_bytes
        Of deliveries that the next ingest would read, and of those held back.
    bytes_a_night, nights_left
        How the store grows, and for how many nights there is room (`store.sizes.outlook`);
        None without enough history.
    """

    store_bytes: int | None = None
    store_free: int | None = None
    folder_free: int | None = None
    accepted_bytes: int | None = None
    held_bytes: int | None = None
    bytes_a_night: int | None = None
    nights_left: int | None = None


@dataclass
class Night:
    """The account of one run of `varhouse nightly`.

    Attributes
    ----------
    night
        Names it: start in UTC and a number, `20261129T020000Z-4711`.
    started, finished
        UTC, `2026-11-29T02:00:00Z`.
    seconds, cpu_seconds, peak_mb
        From start to end; CPU and most memory of one process where there was an ingest.
    exit_code
        One of `EXIT_CODES`.
    inbox_seen
        Whether the inbox was looked at; where a night failed before, what an earlier one met
        there stands in `deliveries`, and nothing is counted.
    base_release, release
        Newest release before (None: no store yet), and the one that this night made (None:
        none).
    recorded_in
        The release that tells of what was held back; where `release` is None, it does that
        alone.
    n_alleles, n_people, n_cohorts
        In the store when the night ended; None where it could not be read.
    new_alleles
        Alleles that this night brought.
    cohorts
        What came in.
    deliveries, faults
        All that were met; known faults too.
    notes
        Lines that need nobody to act; `public` those without names of samples.
    error
        Why the night failed, in a line; None: it did not.
    """

    night: str
    started: str
    finished: str = ""
    version: int = VERSION
    software: str = ""
    host: str = ""
    store: str = ""
    seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    exit_code: int = 0
    dry_run: bool = False
    inbox_seen: bool = True
    base_release: int | None = None
    release: int | None = None
    recorded_in: int | None = None
    digest: str | None = None
    n_alleles: int | None = None
    n_people: int | None = None
    n_cohorts: int | None = None
    new_alleles: int = 0
    cohorts: list[CohortIn] = field(default_factory=list)
    deliveries: list[Delivered] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    public_notes: list[str] = field(default_factory=list)
    disk: Disk = field(default_factory=Disk)
    error: str | None = None

    def new_faults(self) -> list[Fault]:
        """Choose the faults that no earlier account has."""
        return [f for f in self.faults if f.new]

    def known_faults(self) -> list[Fault]:
        """Choose the faults that an earlier night met, and that are still there."""
        return [f for f in self.faults if not f.new]

    def count_outcomes(self) -> dict[str, int | None]:
        """Count the deliveries by what became of them; None: the inbox was not looked at."""
        every = [d.outcome for d in self.deliveries]
        return {o: every.count(o) if self.inbox_seen else None for o in OUTCOMES}

    def as_json(self) -> dict[str, Any]:
        """Give the account as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read an account from plain data.

        Raises
        ------
        StoreError
            If it is of a later version of varhouse, or is none.
        """
        try:
            if data["version"] > VERSION:
                raise StoreError(
                    f"the account {data['night']} is of version {data['version']}, this "
                    f"varhouse knows {VERSION}",
                    "use the varhouse that the nights run with",
                )
            made = cls(**known_fields(cls, data))
            made.cohorts = [CohortIn(**known_fields(CohortIn, c)) for c in data["cohorts"]]
            made.deliveries = [
                Delivered(**known_fields(Delivered, d)) for d in data["deliveries"]
            ]
            made.faults = [Fault(**known_fields(Fault, f)) for f in data["faults"]]
            made.disk = Disk(**known_fields(Disk, data["disk"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"no account of a night: {error!r}") from None
        return made


def known_fields(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what a dataclass knows: a later varhouse of the same version may say more."""
    names = {f.name for f in fields(cls)}
    return {k: v for k, v in data.items() if k in names}


def save_account(folder: Path, night: Night) -> Path:
    """Write the account of a night into the nights' folder; gives its file.

    The newest account is what the next night compares its faults with: it is written last.
    """
    (folder / ACCOUNTS).mkdir(exist_ok=True)
    file = folder / ACCOUNTS / f"{night.night}.json"
    write_json(file, night.as_json())
    write_json(folder / ACCOUNT, night.as_json())
    return file


def load_account(folder: Path) -> Night | None:
    """Read the newest account of a nights' folder; None before the first night.

    Raises
    ------
    StoreError
        If it is damaged or of a later version.
    """
    file = folder / ACCOUNT
    try:
        data = read_json(file, "delete it: all faults then count as new")
    except FileNotFoundError:
        return None
    return Night.from_json(data)
