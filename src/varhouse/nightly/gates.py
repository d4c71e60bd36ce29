"""What keeps a delivery that is whole from being taken: its cohort, its date, its sheets."""

import errno
import logging
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from varhouse.account import public_reason
from varhouse.errors import ConfigError, InputError, VarhouseError
from varhouse.ingest.setup.config import NO_COHORTS
from varhouse.ingest.setup.storednames import Names
from varhouse.nightly.delivery import Delivery, Found, Reason
from varhouse.nightly.ledger import Ledger, Record, content_text
from varhouse.nightly.settings import Settings
from varhouse.nightly.sheets import Standing, make_config, people_of
from varhouse.nightly.state import (
    State,
    assembly_reason,
    duplicate_of,
    late_reason,
    make_state,
    same_date,
)

LOG = logging.getLogger("varhouse.nightly")

_OF_FILES = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of what is delivered: files that are no longer there, or may not be read."""


@dataclass
class Sorted:
    """What is to be done with the deliveries of a night.

    Attributes
    ----------
    take
        Records, not written yet, of those to be accepted, in the order in which to take them.
    duplicates
        Records of those that bring nothing, to be moved out of the way.
    taken
        Folders of deliveries that were copied and could not be removed from the inbox.
    held
        What was found of those held back, with the kind of the fault.
    notes
        Lines that need nobody to act.
    """

    take: list[Record] = field(default_factory=list)
    duplicates: list[Record] = field(default_factory=list)
    taken: list[Found] = field(default_factory=list)
    held: list[tuple[Found, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Gates:
    """Decides about the deliveries of a night, one after the other.

    Parameters
    ----------
    names
        Gives the sample columns of files.
    now
        Start of the night, UTC.
    """

    def __init__(
        self, settings: Settings, standing: Standing, ledger: Ledger, names: Names, now: str
    ) -> None:
        self.settings, self.standing, self.ledger = settings, standing, ledger
        self._names, self._now = names, now
        self._assembly = settings.assembly
        self.sorted = Sorted()

    def sort(self, found: Iterable[Found]) -> Sorted:
        """Sort the deliveries that have a mark."""
        whole: dict[str, list[tuple[Found, Delivery]]] = {}
        for f in found:
            if f.delivery is None:
                self.sorted.held.append((f, "delivery"))
            else:
                whole.setdefault(f.delivery.cohort, []).append((f, f.delivery))
        for cohort, pairs in sorted(whole.items()):
            try:
                self._sort_cohort(cohort, pairs)
            except InputError as error:
                self._hold_all(pairs, error)
            except (VarhouseError, MemoryError):
                # Of the configuration, or the store.
                raise
            except Exception as error:
                if isinstance(error, OSError) and error.errno not in _OF_FILES:
                    # A full disk, or one that fails, is no fault of a delivery.
                    raise
                self._hold_all(pairs, error)
        return self.sorted

    def _hold_all(self, pairs: list[tuple[Found, Delivery]], error: Exception) -> None:
        """Hold the deliveries of a cohort about which nothing can be decided."""
        LOG.warning("deliveries of a cohort cannot be judged", exc_info=error)
        folders = {str(f.folder) for f, _ in pairs}
        mine = self.sorted
        mine.take = [r for r in mine.take if r.source not in folders]
        mine.duplicates = [r for r in mine.duplicates if r.source not in folders]
        known = {id(f) for f, _ in mine.held} | {id(f) for f in mine.taken}
        for found, _ in pairs:
            if id(found) not in known:
                found.fail(error)
                mine.held.append((found, "delivery"))

    def _sort_cohort(self, cohort: str, pairs: list[tuple[Found, Delivery]]) -> None:
        """Sort the deliveries of a cohort, the oldest first."""
        pairs = sorted(pairs, key=lambda p: (p[1].date, p[1].mode == "add", p[1].name))
        records = self.ledger.of_cohort(cohort)
        left = []
        for found, delivery in pairs:
            if any(_is_copy_of(delivery, r) for r in records):
                self.sorted.taken.append(found)
            elif cohort in self.standing.names:
                text = f"cohort {cohort!r} stands in the cohort sheet of the configuration"
                self._hold(
                    found,
                    "delivery",
                    Reason(f"{text}; fix: another name, or take it out there", text),
                )
            elif (of := self._duplicate_of(delivery, records)) is not None:
                self._set_aside(delivery, of)
            elif not (
                delivery.mode == "replace" and self._has_faults(found, delivery, records)
            ):
                left.append((found, delivery))
        at_odds = {d.name for d in same_date([d for _, d in left])}
        for found, delivery in left:
            if delivery.name in at_odds:
                others = ", ".join(repr(n) for n in sorted(at_odds - {delivery.name}))
                self._hold(
                    found,
                    "late",
                    Reason(
                        f"{others} of the same date would replace {cohort!r}, too; fix: give "
                        "the one that counts a later date (2026-11-28T15:00), or take one out",
                        "two deliveries of one date would replace the cohort",
                    ),
                )
            else:
                self._decide(found, delivery, records)

    def _decide(self, found: Found, delivery: Delivery, records: list[Record]) -> None:
        """Accept a delivery, or hold it back; `records` grows by what is accepted."""
        if late := late_reason(delivery, records):
            self._hold(found, "late", late)
            return
        if (of := self._duplicate_of(delivery, records)) is not None:
            self._set_aside(delivery, of)
            return
        if reason := assembly_reason(delivery, records, self._assembly):
            self._hold(found, "delivery", reason)
            return
        # What is added may build on what came before it in this night.
        if delivery.mode == "add" and self._has_faults(found, delivery, records):
            return
        record = self._new_record(delivery, "accepted")
        known = {*self.standing.names, *self.ledger.cohorts()}
        if not records:
            note = f"cohort {delivery.cohort!r} is new"
            near = get_close_matches(delivery.cohort, known, 1, 0.8)
            self.sorted.notes.append(note + "".join(f"; nearest: {n}" for n in near))
        self.sorted.take.append(record)
        records.append(record)

    def _hold(self, found: Found, kind: str, reason: Reason) -> None:
        found.reasons.append(reason)
        self.sorted.held.append((found, kind))

    def _duplicate_of(self, delivery: Delivery, records: list[Record]) -> Record | None:
        place = place_of(self.ledger)
        return duplicate_of(
            self._new_record(delivery, "accepted"),
            records,
            lambda mine: people_of(delivery.cohort, mine, place),
            self._assembly,
        )

    def _set_aside(self, delivery: Delivery, of: Record) -> None:
        record = self._new_record(delivery, "duplicate")
        record.of = of.id
        self.sorted.duplicates.append(record)

    def _new_record(self, delivery: Delivery, status: str) -> Record:
        planned = [*self.sorted.take, *self.sorted.duplicates]
        return self.ledger.new_record(delivery, status, self._now, planned)

    def _has_faults(self, found: Found, delivery: Delivery, records: list[Record]) -> bool:
        """Tell whether the sheets would be refused with a delivery; it is held back then."""
        problems = self._sheet_problems(self._new_record(delivery, "accepted"), records)
        if problems:
            found.reasons += [Reason(p, public_reason(p)) for p in problems]
            self.sorted.held.append((found, "delivery"))
        return bool(problems)

    def _sheet_problems(self, record: Record, records: list[Record]) -> list[str]:
        """Find what the sheets would be refused for with this delivery, and not without."""
        others = [r for r in records if r.status != "held"]
        after = self._try({record.cohort: make_state([*others, record])})
        if not after:
            return []
        # What is wrong without any cohort is no fault of those who deliver.
        if own := [p for p in self._try({}) if p != NO_COHORTS]:
            raise ConfigError(own)
        before = self._try({record.cohort: make_state(others)}) if others else []
        return [p for p in after if p not in before]

    def _try(self, states: dict[str, State]) -> list[str]:
        """Say what is wrong with the configuration and some cohorts alone."""
        alone = Standing(self.standing.cohorts.clear(), self.standing.samples.clear())
        with tempfile.TemporaryDirectory(prefix="varhouse-nightly-") as folder:
            try:
                make_config(
                    self.settings,
                    alone,
                    states,
                    place_of(self.ledger),
                    Path(folder),
                    self._names,
                )
            except ConfigError as error:
                return error.problems
        return []


def place_of(ledger: Ledger) -> Callable[[Record], Path]:
    """Give what finds the data of a record: where they were taken to, else in the inbox."""

    def place(record: Record) -> Path:
        data = ledger.data(record)
        return data if data.is_dir() or record.source is None else Path(record.source)

    return place


def _is_copy_of(delivery: Delivery, record: Record) -> bool:
    """Tell whether a delivery is what was copied into a record, and is there still."""
    same = record.source == str(delivery.folder) and record.date == delivery.date
    return same and record.is_copied and record.content == content_text(delivery)
