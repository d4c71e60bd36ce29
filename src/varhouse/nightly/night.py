"""A night: look, check, take, one ingest, and the account.

Whatever happens, a night that is started again after it ends where it would have ended: what
was decided stands in the records of the deliveries (`ledger.py`), and what was not is decided
again. One night at a time works in a folder.
"""

import logging
import os
import resource
import socket
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from varhouse import __version__
from varhouse.errors import InUseError, UsageError, VarhouseError
from varhouse.ingest.driver import Options, ingest, needed_bytes
from varhouse.ingest.setup.config import Config
from varhouse.ingest.setup.storednames import Names, stored_names
from varhouse.nightly.account import LOCK, Night, load_account, save_account
from varhouse.nightly.delivery import Found, Reason, changed_files
from varhouse.nightly.gates import Gates, Sorted, place_of
from varhouse.nightly.inbox import list_inbox, look
from varhouse.nightly.ledger import Ledger, Record
from varhouse.nightly.nightlog import append_log
from varhouse.nightly.pages import write_pages
from varhouse.nightly.retention import keep_to_rules
from varhouse.nightly.secondreading import read_again
from varhouse.nightly.settings import Settings, read_settings
from varhouse.nightly.settling import (
    as_reasons,
    hold,
    lapsed_of,
    made_release,
    settle,
    take_account,
)
from varhouse.nightly.sheets import Standing, make_config, missing_strata, read_standing
from varhouse.nightly.state import State, corrects, make_state
from varhouse.nightly.sums import KnownSums
from varhouse.nightly.take import (
    leave_again,
    left_behind,
    must_copy,
    recover,
    remove_old_data,
    summed_again,
    take,
)
from varhouse.nightly.telling import Teller, begin_line, log_lines
from varhouse.store.layout import check_free_space
from varhouse.store.lock import file_lock
from varhouse.store.releases import list_releases

LOG = logging.getLogger("varhouse.nightly")

SUMS = "known-sums.json"
SHEETS = "sheets"

_OPEN = ("held", "accepted")
"""Statuses of deliveries that can be closed."""


class OtherNightError(VarhouseError):
    """Another nightly works in the same folder (exit 75: try again later)."""

    exit_code = 75


@dataclass
class NightOptions:
    """How a night runs; `ingest` is handed on."""

    ingest: Options = field(default_factory=Options)
    dry_run: bool = False
    strict: bool = False
    close: list[str] = field(default_factory=list)


def run_night(config_file: Path, options: NightOptions, now: datetime | None = None) -> Night:
    """Run a night to its end, and give its account.

    Parameters
    ----------
    now
        The time that the night starts at; None: now.

    Raises
    ------
    ConfigError, VarhouseError, OSError
        If it failed; where the folder can be written to, its account says so.
    OtherNightError
        If another one works in the folder.
    """
    settings = read_settings(config_file)
    start = now or datetime.now(UTC)
    if options.dry_run:
        return _Work(settings, options, start).rehearse()
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        try:
            file = settings.folder / LOCK
            stack.enter_context(file_lock(file, f"{settings.folder} is being worked in"))
        except InUseError as error:
            raise OtherNightError(error.message, error.fix) from None
        return _Work(settings, options, start).run()


class _Work:
    """The work of one night.

    Parameters
    ----------
    start
        When it started.
    """

    def __init__(self, settings: Settings, options: NightOptions, start: datetime) -> None:
        self.settings, self.options, self.start = settings, options, start
        self.now = start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.night = Night(
            start.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") + f"-{os.getpid()}",
            self.now,
            software=__version__,
            host=socket.gethostname(),
            store=str(settings.store),
            dry_run=options.dry_run,
        )
        self.ledger = Ledger(settings.folder)
        self.names: Names = stored_names(settings.store)
        self.found: list[Found] = []
        self.sorted = Sorted()
        self.held_cohorts: dict[str, list[Reason]] = {}
        self.changed: list[str] = []
        self.doubts: list[Reason] | None = None
        self.lapsed: dict[str, list[Reason]] | None = None

    # --- the whole ---

    def run(self) -> Night:
        """Do it all; a failure is told by the account before it is raised."""
        began = time.monotonic()
        # What can be found to be wrong at once is: then nothing was begun, nor is it logged.
        standing = read_standing(self.settings)
        # A damaged record fails the night, with an account.
        closing = [] if self.ledger.damaged else self._to_close()
        self.night.inbox_seen = False
        append_log(self.settings.folder, [begin_line(self.night)])
        teller = Teller(self.settings, self.ledger, self.night, _previous(self.settings))
        try:
            self._work(standing, closing)
        except Exception as error:
            self.night.error = " ".join(str(error).split()) or repr(error)
            self.night.exit_code = getattr(error, "exit_code", 1)
            try:
                self._finish(teller, began)
            except OSError as other:
                # A full disk, likely; that the night failed is what counts.
                LOG.warning("the account of the night is not written: %s", other)
            raise
        alarm = self._finish(teller, began)
        self.night.exit_code = 3 if alarm else 0
        return self.night

    def _finish(self, teller: Teller, began: float) -> bool:
        """Tell what became of everything; gives whether a person has to look."""
        night = self.night
        teller.tell(
            self.found,
            self.sorted,
            self.held_cohorts,
            self.changed,
            self.doubts,
            self.lapsed,
        )
        alarm = bool(night.faults if self.options.strict else night.new_faults())
        if night.error is None:
            night.exit_code = 3 if alarm else 0
        night.seconds = round(time.monotonic() - began, 1)
        night.finished = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        usage = [
            resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        night.cpu_seconds = round(sum(u.ru_utime + u.ru_stime for u in usage), 1)
        night.peak_mb = round(max(u.ru_maxrss for u in usage) / 1024, 1)
        append_log(self.settings.folder, log_lines(night, teller.previous))
        # With this, faults are known: a kill before it alarms twice, never not at all.
        save_account(self.settings.folder, night)
        teller.remember()
        try:
            write_pages(self.settings.folder, night)
        except OSError as error:
            # The night is over, and its account is written: what it ends with stays.
            LOG.warning("the pages of the night are not written: %s", error)
        return alarm

    def _work(self, standing: Standing, closing: list[str]) -> None:
        self.ledger.check()
        releases = list_releases(self.settings.store)
        self.night.base_release = max(releases, default=None)
        self._note(recover(self.ledger, self.settings.inbox, self.now))
        for record in map(self.ledger.records.get, closing):
            # One that a killed night was taking may be in the inbox still.
            if record is not None and record.status in _OPEN:
                self.ledger.set_status(record, "closed", self.now)
        self._look(KnownSums(self.settings.folder / SUMS))
        self._sort(standing)
        self._check_space()
        for found in self.sorted.taken:
            if found.delivery is not None:
                leave_again(self.ledger, found.delivery)
        for record in self.sorted.take:
            take(self.ledger, record)
            self._set_others_aside(record)
        for record in self.sorted.duplicates:
            self._take_duplicate(record)
        self._note(left_behind(self.ledger))
        self._ingest(standing)
        self._verify()
        self._note(keep_to_rules(self.settings.store, self.options.ingest.wait))
        for record in remove_old_data(self.ledger, self.settings.keep_days, self.start):
            LOG.info("removed the data of %s, which is %s", record.id, record.status)

    def rehearse(self) -> Night:
        """Say what a night would do; nothing is written."""
        self.ledger.check()
        standing = read_standing(self.settings)
        for key in self._to_close():
            # In memory alone.
            self.ledger.records[key].status = "closed"
        self._look(KnownSums(self.settings.folder / SUMS))
        self._sort(standing)
        self._check_space()
        new = {r.cohort for r in self.sorted.take}
        states = {}
        for cohort in {*self.ledger.cohorts(), *new}:
            mine = self.ledger.of_cohort(cohort)
            # What is held is set aside once something newer is there.
            mine = [r for r in mine if cohort not in new or r.status != "held"]
            state = make_state([*mine, *(r for r in self.sorted.take if r.cohort == cohort)])
            if state.records:
                states[cohort] = state
        if states or standing.names:
            with tempfile.TemporaryDirectory(prefix="varhouse-nightly-") as folder:
                config = self._config(standing, states, Path(folder))
                options = replace(self.options.ingest, dry_run=True)
                _, account = ingest(self.settings.store, config, options)
            self.lapsed = lapsed_of(account)
            for held in account["held_back"]:
                self.held_cohorts[held["cohort"]] = as_reasons(held["reasons"])
        teller = Teller(self.settings, self.ledger, self.night, _previous(self.settings))
        teller.tell(self.found, self.sorted, self.held_cohorts, [], None, self.lapsed)
        alarm = self.night.faults if self.options.strict else self.night.new_faults()
        self.night.exit_code = 3 if alarm else 0
        return self.night

    # --- parts ---

    def _note(self, lines: list[str]) -> None:
        """Note what needs nobody to act; no line names a sample."""
        self.night.notes += lines
        self.night.public_notes += lines

    def _to_close(self) -> list[str]:
        """Find the deliveries that the user closes: nobody waits for them any more.

        Raises
        ------
        UsageError
            With all names that no open delivery has.
        """
        wanted = self.options.close
        held = [r for r in self.ledger.records.values() if r.status in (*_OPEN, "taking")]
        names = {name for r in held for name in (r.name, r.id)}
        if unknown := [name for name in wanted if name not in names]:
            known = ", ".join(sorted(r.name for r in held)) or "none"
            raise UsageError(
                f"--close {', '.join(unknown)}: no such delivery is open in "
                f"{self.ledger.folder}",
                f"open are: {known}; one in the inbox is taken out there",
            )
        return [r.id for r in held if r.name in wanted or r.id in wanted]

    def _look(self, known: KnownSums) -> None:
        for entry in list_inbox(self.settings.inbox):
            self.found.append(look(entry, self.settings.ready, known, self.start))
        self.night.inbox_seen = True
        if not self.options.dry_run:
            known.save()

    def _sort(self, standing: Standing) -> None:
        gates = Gates(self.settings, standing, self.ledger, self.names, self.now)
        self.sorted = gates.sort(f for f in self.found if f.is_ready)
        self._note(self.sorted.notes)

    def _check_space(self) -> None:
        """Check that there is room for what is to come, before anything is begun."""
        new = self.sorted.take
        if not new:
            return
        calls = sum(f.bytes for r in new for f in r.files if f.path in r.calls)
        check_free_space(self.settings.store, needed_bytes(calls))
        copies = [
            r for r in new if must_copy(Path(r.source or ""), self.settings.folder, r.files)
        ]
        if copies:
            check_free_space(self.settings.folder, sum(r.n_bytes for r in copies))

    def _take_duplicate(self, record: Record) -> None:
        """Move a delivery that brings nothing out of the way, if that needs no copy."""
        of = self.ledger.records.get(record.of or "")
        if of is not None and record.date > of.true_at:
            # What is in was true at this later date, too.
            of.as_of = record.date
            self.ledger.save(of)
        take(self.ledger, record, may_copy=False)

    def _set_others_aside(self, record: Record) -> None:
        """Let what is held of the cohort wait no more for tries: something newer is there."""
        for other in self.ledger.of_cohort(record.cohort):
            if other.id == record.id:
                continue
            if other.status == "held" and corrects(record, other):
                self.ledger.set_status(other, "replaced", self.now, of=record.id)
            elif other.status == "held" and not other.is_aside:
                self.ledger.set_status(other, "held", other.since, is_aside=True)
            elif other.status == "accepted" and record.mode == "replace":
                self.ledger.set_status(other, "replaced", self.now, of=record.id)

    def _states(self) -> dict[str, State]:
        """Make out what each cohort is; one whose files changed is left as it is."""
        states = {}
        for cohort in self.ledger.cohorts():
            state = make_state(self.ledger.of_cohort(cohort))
            changed = [
                Reason(
                    f"{self.ledger.data(r) / p}: not the file that was checked; fix: put it "
                    "back, or let the delivery come again with a later date",
                    "a file of an accepted delivery changed",
                )
                for r in state.records
                for p in self._changed(r)
            ]
            if changed:
                self.held_cohorts[cohort] = changed
                self.changed.append(cohort)
            elif state.records:
                states[cohort] = state
        return states

    def _changed(self, record: Record) -> list[str]:
        """Name the files of a record that an ingest reads and that are others by now."""
        data = self.ledger.data(record)
        changed = set(changed_files(data, record.read_files()))
        if not changed:
            return []
        # Restored from a backup, they may hold the bytes that were checked.
        again = {f.path: summed_again(data, f) for f in record.files if f.path in changed}
        record.files = [again.get(f.path, f) for f in record.files]
        self.ledger.save(record)
        return [path for path, file in again.items() if not file.state]

    def _ingest(self, standing: Standing) -> None:
        """Run the one ingest of the night, and settle what it says of the deliveries."""
        states = self._states()
        if not states and not standing.names:
            return
        config = self._config(standing, states, self.settings.folder / SHEETS)
        _, account = ingest(self.settings.store, config, self.options.ingest)
        self._note(take_account(self.night, account))
        self.lapsed = lapsed_of(account)
        held = {h["cohort"]: h for h in account["held_back"]}
        for cohort, state in states.items():
            if cohort in held:
                texts = held[cohort]["reasons"]
                if not hold(self.ledger, state, texts, self.now):
                    # Another configuration than that it came in with.
                    self.held_cohorts[cohort] = as_reasons(texts)
            else:
                settle(self.ledger, cohort, state, made_release(account), self.now)
        for cohort in standing.names & held.keys():
            self.held_cohorts[cohort] = as_reasons(held[cohort]["reasons"])

    def _verify(self) -> None:
        """Read some of the release of the night a second time, if that is asked for."""
        if self.settings.verify is None or self.night.release is None:
            return
        found = read_again(self.settings.store, self.night.release, self.settings.verify)
        self.doubts = found.reasons
        self._note(found.notes)

    def _config(self, standing: Standing, states: dict[str, State], folder: Path) -> Config:
        """Write the sheets of the night into a folder, and read the configuration."""
        place = place_of(self.ledger)
        config = make_config(self.settings, standing, states, place, folder, self.names)
        self._note(
            [
                f"strata: no row of a sample sheet has a {name!r}: all count as unknown"
                for name in missing_strata(config, self.settings.raw)
            ]
        )
        return config


def _previous(settings: Settings) -> Night | None:
    try:
        return load_account(settings.folder)
    except VarhouseError as error:
        LOG.warning("note  %s; all faults count as new", error.message)
        return None
