"""The ledger of permits of a store: what may be done with which cohort, and on what basis.

`_store/governance/ledger.jsonl` is a chain (`chain.py`) of entries
`{"kind", "subject", "fields", "note"}`: of a cohort, a consent, a paper, a recipient, a grant,
a withdrawal, of rules in use. What holds is their sum, later ones over earlier ones. Nothing
is changed or taken out but by a new entry: a correction names the field, null takes its value
away, a paper that is revoked gets a date.

Each entry has an event in the audit log (`audit.py`) and names the head that the log had, so
that whoever makes one of the two anew is found out by the other; both by heads that lie
elsewhere: in release records and receipts.

Another thing is the list of withdrawals (`store/ledger.py`): which people left a cohort.
Decision support, not legal advice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from pathlib import Path
from typing import Any

from varhouse.errors import AccessError, StoreError
from varhouse.governance.audit import LEDGER_EVENT, Audit
from varhouse.governance.chain import FIRST, Chain, Link
from varhouse.governance.days import day_of, today, zone_of
from varhouse.governance.entrycheck import MistakesError, check_entry, subject_of
from varhouse.governance.fieldkinds import DAYS
from varhouse.governance.fields import FormError
from varhouse.governance.ledgerstate import (
    State,
    cohorts_of,
    grants_of,
    papers_of,
    recipients_of,
    sum_up,
)
from varhouse.governance.mark import read_mark
from varhouse.governance.model import CohortRecord, Grant, Paper, Recipient
from varhouse.governed import is_governed, ledger_file
from varhouse.language import Text

AUDIT_HEAD = "audit"
"""In an entry: the head that the audit log had when it was written."""

_NOT_UNDERSTOOD = Text(
    "{file}: an entry that is not understood ({error})", "{file}: 有无法识别的记录 ({error})"
)
_NEWER = Text("a newer varhouse wrote it: install that", "由新版 varhouse 写入,请安装新版")
_NO_STORE = Text("{store}: no store is there", "{store}: 该处没有数据库")
_GIVE = Text("give the folder of a store", "请给出数据库所在的文件夹")
_TAKEN_AWAY = Text(
    "{file} is missing: the store had a ledger of permits", "{file} 缺失: 数据库原有许可台账"
)
_RESTORE = Text("restore it from a backup", "请从备份恢复")
_IN_DAYS = Text("in the ledger, days", "台账的日期时区")
_IN_ENTRIES = Text("in what was to be entered in the ledger", "待写入台账的内容")


@dataclass(frozen=True)
class Entry:
    """An entry that is to be made.

    Attributes
    ----------
    kind
        One of `fieldkinds.KINDS`.
    subject
        What it is about: a cohort, a recipient; empty: of a paper and a grant by its fields.
    fields
        Name to value; None takes a value away.
    note
        Why, for people.
    """

    kind: str
    subject: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


class Ledger:
    """The ledger of permits of a store, as it was read.

    Parameters
    ----------
    store
        The store's root folder.
    links
        Its entries.
    """

    def __init__(self, store: Path, links: Sequence[Link]) -> None:
        self.store, self.chain = store, Chain(ledger_file(store))
        self._take(links)

    def _take(self, links: Sequence[Link]) -> None:
        self.links = list(links)
        try:
            self.state: State = sum_up(links)
        except (KeyError, AttributeError, TypeError) as error:
            said = _NOT_UNDERSTOOD.say(file=self.chain.file, error=error)
            raise StoreError(said, _NEWER.say()) from None
        self._cohorts: dict[date, dict[str, CohortRecord]] = {}

    @classmethod
    def open(cls, store: Path, anchors: Iterable[tuple[int, str]] = ()) -> "Ledger":
        """Read the ledger of a store and check its chain; empty where it has none yet.

        Whoever may read the audit log compares it with the head that its last event names:
        a ledger that was cut off or made anew decides nothing.

        Parameters
        ----------
        anchors
            Heads that are known from elsewhere.

        Raises
        ------
        AccessError
            If it may not be read.
        StoreError
            If there is no store, or an entry was changed.
        """
        if not (store / "_store").is_dir():
            raise StoreError(_NO_STORE.say(store=store), _GIVE.say())
        _check_not_taken_away(store)
        # First the log: what it knows is in the ledger by then.
        known = _known_to_audit(store)
        return cls(store, Chain(ledger_file(store)).read([*anchors, *known]))

    @classmethod
    def find(cls, store: Path) -> "Ledger | None":
        """Read the ledger of a store; None: the store is not governed."""
        return cls.open(store) if is_governed(store) else None

    @property
    def head(self) -> tuple[int, str]:
        """Number and digest of the last entry; (0, zeros) without one."""
        return (self.links[-1].n, self.links[-1].digest) if self.links else (0, FIRST)

    @property
    def anchor(self) -> dict[str, Any]:
        """The head as release records, receipts and events keep it: `{n, digest}`."""
        return {"n": self.head[0], "digest": self.head[1]}

    def as_known(self, last: int | date) -> "Ledger":
        """Give the ledger as it was with its first `last` entries, or at the end of a day."""
        if isinstance(last, int):
            return Ledger(self.store, self.links[:last])
        return Ledger(self.store, [x for x in self.links if day_of(x.time, self.zone) <= last])

    @property
    def place(self) -> str | None:
        """The place by whose days is counted, as an entry says it; None: none does."""
        said = self.state.get((DAYS.name, DAYS.name), {}).get("zone")
        return None if said is None else str(said)

    @property
    def zone(self) -> tzinfo:
        """The place by whose days is counted; China where no entry says another.

        Raises
        ------
        ConfigError
            If this machine does not know the place.
        """
        try:
            return zone_of(self.place)
        except FormError as error:
            raise MistakesError([error.say()], _IN_DAYS) from None

    def today(self) -> date:
        """Give the day of today, as this ledger counts days."""
        return today(self.zone)

    def cohorts(self, on: date | None = None) -> dict[str, CohortRecord]:
        """Give all cohorts by name, as they are on a day (default: today)."""
        day = on or self.today()
        if day not in self._cohorts:
            self._cohorts[day] = cohorts_of(self.state, day)
        return self._cohorts[day]

    def cohort(self, name: str, on: date | None = None) -> CohortRecord | None:
        """Give what is known of a cohort on a day; None: nothing."""
        return self.cohorts(on).get(name)

    def papers(self) -> dict[str, Paper]:
        """Give all papers by what entries call them: `KIND:NUMBER`."""
        return papers_of(self.state, self.cohorts())

    def recipients(self) -> dict[str, Recipient]:
        """Give all recipients by name; `inside` and `open` are always there."""
        return recipients_of(self.state)

    def recipient(self, name: str) -> Recipient | None:
        """Give a recipient; None: it is not in the ledger."""
        return self.recipients().get(name)

    def grants(self, on: date | None = None) -> list[Grant]:
        """List the grants that hold on a day (default: today)."""
        return grants_of(self.state, on or self.today())

    def granted(self, principal: str, on: date | None = None) -> frozenset[str]:
        """Name the cohorts that a user of the system has a grant of on a day."""
        return frozenset(g.cohort for g in self.grants(on) if g.principal == principal)

    def rules(self) -> dict[str, Any] | None:
        """Tell which rules are in use: `file`, `digest`, `version`; None: not said."""
        return self.state.get(("rules", "rules"))

    def small_counts(self) -> dict[str, Any] | None:
        """Tell how small counts are protected: `preset`, `digest`; None: not said."""
        return self.state.get(("small_counts", "small_counts"))

    def add(
        self, kind: str, subject: str = "", fields: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> Link:  # fmt: skip
        """Make an entry; it is on the disk, and in the audit log, when this returns.

        Parameters
        ----------
        kind, subject, fields, note
            As in `Entry`. Values may be those of Python or texts as in a sheet.

        Raises
        ------
        AccessError
            If there is no permission, or the disk is read-only.
        ConfigError
            If anything in it does not fit: all mistakes at once.
        """
        return self.add_all([Entry(kind, subject, fields or {}, note)])[0]

    def add_all(self, entries: Sequence[Entry]) -> list[Link]:
        """Make entries that count together or not at all."""
        return self.change(lambda _: entries)

    def change(self, make: Callable[["Ledger"], Sequence[Entry]]) -> list[Link]:
        """Make the entries that follow from the ledger as it is now, held against others.

        Parameters
        ----------
        make
            Gives entries; is handed this ledger, read again if somebody else wrote to it.
        """
        audit = Audit(self.store)
        # What is wrong, or changes nothing, must not govern a store that has no ledger yet.
        if not self._bodies(make(self), (0, FIRST)):
            return []
        audit.check()
        with self.chain.writing() as writer:
            if writer.head != self.head:
                self._take(self.chain.read([self.head]))
            bodies = self._bodies(make(self), audit.head())
            links = writer.append(bodies)
            if links:
                # Inside: what others note of the log must not come between the two.
                last = links[-1]
                audit.note(LEDGER_EVENT, first=links[0].n, n=last.n, digest=last.digest)
        self._take([*self.links, *links])
        return links

    def _bodies(
        self, entries: Sequence[Entry], audit_head: tuple[int, str]
    ) -> list[dict[str, Any]]:
        problems: list[str] = []
        bodies: list[dict[str, Any]] = []
        state = self.state
        for entry in entries:
            fields, wrong = check_entry(entry.kind, entry.subject, entry.fields, state)
            problems += wrong
            if wrong:
                continue
            body: dict[str, Any] = {
                "kind": entry.kind,
                "subject": subject_of(entry.kind, entry.subject, fields),
                "fields": fields,
                AUDIT_HEAD: {"n": audit_head[0], "digest": audit_head[1]},
            }
            bodies.append({**body, "note": entry.note} if entry.note else body)
        if problems:
            raise MistakesError(problems, _IN_ENTRIES)
        return bodies


def _check_not_taken_away(store: Path) -> None:
    """Check that a store whose audit log has events still has its ledger."""
    file = ledger_file(store)
    if file.is_file() or not is_governed(store):
        return
    try:
        if read_mark(store) is None and not Audit(store).head()[0]:
            return
    except AccessError:
        pass
    if file.is_file():
        # Somebody made its first entry meanwhile.
        return
    raise StoreError(_TAKEN_AWAY.say(file=file), _RESTORE.say())


def _known_to_audit(store: Path) -> list[tuple[int, str]]:
    """Give the heads that the mark and the last event of the audit log name.

    Who may not read the log does without.
    """
    mark = read_mark(store)
    marked = [mark.ledger] if mark is not None else []
    try:
        head = Audit(store).ledger_head()
    except AccessError:
        return marked
    return [*marked, head] if head[0] else marked
