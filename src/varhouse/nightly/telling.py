"""What became of everything, as the account of a night says it, and to those who deliver."""

import logging
import shutil
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from varhouse.errors import VarhouseError
from varhouse.nightly.account import FAULT_KINDS, Delivered, Disk, Fault, Night
from varhouse.nightly.delivery import Found, Reason
from varhouse.nightly.gates import Sorted
from varhouse.nightly.inbox import shown_name
from varhouse.nightly.ledger import Ledger, Record
from varhouse.nightly.nightlog import LogLine, summary_numbers
from varhouse.nightly.notices import write_notices
from varhouse.nightly.settings import Settings
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases
from varhouse.store.sizes import outlook

LOG = logging.getLogger("varhouse.nightly")


class Teller:
    """Fills the account of a night.

    Parameters
    ----------
    previous
        The account before, with whose faults those of this night are compared.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, night: Night, previous: Night | None
    ) -> None:
        self.settings, self.ledger, self.night = settings, ledger, night
        self.previous = previous
        self._faults: list[Fault] = []
        self._delivered: list[Delivered] = []

    def tell(
        self,
        found: Iterable[Found],
        decided: Sorted,
        cohorts: Mapping[str, list[Reason]],
        changed: Iterable[str],
        doubts: list[Reason] | None = None,
        lapsed: Mapping[str, list[Reason]] | None = None,
    ) -> None:
        """Fill the account, and write what deliverers read.

        Parameters
        ----------
        cohorts
            Cohorts that are held back by no delivery of the night, with the reasons.
        changed
            Those of them of which accepted files changed.
        doubts
            What a second reading of the night's release found; None: there was none.
        lapsed
            Cohorts that are in and have no basis any more; None: nobody asked.
        """
        found = list(found)
        there = {shown_name(f.name) for f in found}
        self._tell_inbox(found, decided)
        if self.night.dry_run:
            self._delivered += [_delivered(r, self.ledger) for r in decided.take]
        for record in sorted(self.ledger.records.values(), key=lambda r: r.number):
            self._tell_record(record)
        of_files = set(changed)
        for cohort, reasons in sorted(cohorts.items()):
            kind = "changed" if cohort in of_files else "ingest"
            self._add_fault(f"cohort:{cohort}", kind, None, cohort, reasons)
        for cohort, reasons in sorted((lapsed or {}).items()):
            self._add_fault(f"cohort:{cohort}", "basis", None, cohort, reasons)
        if lapsed is None:
            self._keep_known_faults({"basis"})
        night = self.night
        if doubts:
            self._add_fault("release", "verify", None, None, doubts)
        elif doubts is None:
            self._keep_known_faults({"verify"})
        if night.error is not None:
            words = "the night failed; the reason is in the full account"
            self._add_fault("night", "failed", None, None, [Reason(night.error, words)])
            self._keep_known_faults()
            self._keep_known_deliveries(there)
        night.faults = sorted(self._faults, key=lambda f: (not f.new, f.subject))
        night.deliveries = self._delivered
        self._fill_numbers()
        if not self.night.dry_run:
            self._write_notices()

    def remember(self) -> None:
        """Note what the account has told, so that the next one does not say it is new."""
        for record in self.ledger.records.values():
            if record.told != record.status and record.status != "taking":
                record.told = record.status
                self.ledger.save(record)

    # --- deliveries ---

    def _tell_inbox(self, found: Iterable[Found], decided: Sorted) -> None:
        held = {id(f): kind for f, kind in decided.held}
        left = {r.source: r for r in decided.duplicates if r.id not in self.ledger.records}
        for f in found:
            name = shown_name(f.name)
            cohort, mode, date = (_text(f.said.get(k)) for k in ("cohort", "mode", "date"))
            if not f.is_ready:
                self._tell_waiting(f, name)
            elif id(f) in held:
                self._deliver(Delivered(name, "held", None, cohort, mode, date))
                self._add_fault(f"delivery:{name}", held[id(f)], name, cohort, f.reasons)
            elif (record := left.get(str(f.folder))) is not None:
                self._deliver(_delivered(record, self.ledger))

    def _tell_waiting(self, f: Found, name: str) -> None:
        self._deliver(Delivered(name, "waiting"))
        since = self._delivered[-1].since
        days = timedelta(days=self.settings.unfinished_days)
        if _time(self.night.started) - _time(since) >= days:
            text = (
                f"no {self.settings.ready} since {since}; fix: finish the copy and write the "
                "mark, or take the folder out of the inbox"
            )
            reason = Reason(text, f"there is no ready mark since {since}")
            self._add_fault(f"delivery:{name}", "unfinished", name, None, [reason])

    def _deliver(self, delivered: Delivered) -> None:
        """Take in a delivery of the inbox; the account before may know it."""
        key = (delivered.name, delivered.outcome)
        before = self.previous.deliveries if self.previous else []
        known = next((d for d in before if (d.name, d.outcome) == key), None)
        since = known.since if known else self.night.started
        self._delivered.append(replace(delivered, since=since, new=known is None))

    def _keep_known_deliveries(self, there: Set[str]) -> None:
        """Keep what the account before knows of the inbox: a night that failed may not.

        Since when something waits or is held would be forgotten. `there` are those that this
        night met; those gone meanwhile are left out, if it looked at all.
        """
        for known in self.previous.deliveries if self.previous else []:
            is_taken = known.id is not None and known.id in self.ledger.records
            is_told = any(d.name == known.name for d in self._delivered)
            is_gone = self.night.inbox_seen and known.name not in there
            if not (is_taken or is_told or is_gone):
                self._delivered.append(replace(known, new=False))

    def _tell_record(self, record: Record) -> None:
        is_new = record.told != record.status
        if record.status == "taking" or not (is_new or record.status in ("held", "accepted")):
            return
        self._delivered.append(replace(_delivered(record, self.ledger), new=is_new))
        if record.status == "held":
            reasons = record.reasons
            self._add_fault(
                f"delivery:{record.name}", "ingest", record.name, record.cohort, reasons
            )

    # --- faults ---

    def _add_fault(
        self,
        subject: str,
        kind: str,
        delivery: str | None,
        cohort: str | None,
        reasons: list[Reason],
    ) -> None:
        texts, public = (
            [r.text for r in reasons],
            list(dict.fromkeys(r.public for r in reasons)),
        )
        fault = Fault(subject, kind, delivery, cohort, texts, public, self.night.started)
        before = self.previous.faults if self.previous else []
        for known in before:
            if _same(known, fault):
                fault = replace(fault, since=known.since, nights=known.nights + 1, new=False)
        self._faults.append(fault)

    def _keep_known_faults(self, kinds: Set[str] = FAULT_KINDS.keys()) -> None:
        """Keep what the account before knows: this night may not have come so far."""
        for known in self.previous.faults if self.previous else []:
            is_asked = known.kind in kinds and known.kind != "failed"
            if is_asked and not any(_same(known, f) for f in self._faults):
                self._faults.append(replace(known, nights=known.nights + 1, new=False))

    # --- numbers ---

    def _fill_numbers(self) -> None:
        night, records = self.night, self.ledger.records.values()
        kept = [r for r in records if r.has_data]
        numbers: dict[str, int | None] = {
            "store_free": _free(self.settings.store),
            "folder_free": _free(self.settings.folder),
            "accepted_bytes": sum(r.n_bytes for r in kept if r.status in ("accepted", "in")),
            "held_bytes": sum(r.n_bytes for r in kept if r.status == "held"),
        }
        with suppress(VarhouseError, OSError):
            if list_releases(self.settings.store):
                tables = open_store(self.settings.store).record.tables
                numbers["store_bytes"] = sum(t.bytes for t in tables.values())
                rows = {
                    n: tables[n].rows
                    for n in ("variants", "samples", "cohorts")
                    if n in tables
                }
                night.n_alleles = rows.get("variants", 0)
                night.n_people = rows.get("samples", 0)
                night.n_cohorts = rows.get("cohorts", 0)
                found = outlook(self.settings.store)
                numbers["bytes_a_night"] = found.bytes_a_night
                numbers["nights_left"] = found.nights
        night.disk = Disk(**numbers)

    # --- notices for deliverers ---

    def _write_notices(self) -> None:
        """Write what deliverers read beside what is held back."""
        records = sorted(self.ledger.records.values(), key=lambda r: r.number)
        taken = {
            r.name: self.ledger.data(r)
            for r in records
            if r.status == "held" and not r.is_copied
        }
        # Faults were found in this order: the inbox first.
        if unwritten := write_notices(self.settings.inbox, self._faults, taken):
            note = f"the inbox cannot be written to: {unwritten} notice(s) left out"
            self.night.notes.append(note)
            self.night.public_notes.append(note)


def _same(a: Fault, b: Fault) -> bool:
    if (a.subject, a.kind) != (b.subject, b.kind):
        return False
    # What a late one is older than changes whenever its cohort gets something newer.
    return a.kind == "late" or a.reasons == b.reasons


def _delivered(record: Record, ledger: Ledger) -> Delivered:
    of = ledger.records.get(record.of or "")
    return Delivered(
        record.name,
        record.status,
        record.id,
        record.cohort,
        record.mode,
        record.date,
        len(record.calls),
        record.n_bytes,
        record.since,
        True,
        record.release,
        of.name if of else None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _free(folder: Path) -> int | None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


# --- lines of the log ---


def begin_line(night: Night) -> LogLine:
    """Give the line that a night begins with."""
    return LogLine(night.started, night.night, "begin", say=f"varhouse {night.software}")


def log_lines(night: Night, previous: Night | None) -> list[LogLine]:
    """Give the lines that a night ends with: what is new, what is no more, the numbers."""
    at = (night.finished, night.night)
    lines = [
        LogLine(*at, d.outcome, d.name, d.cohort, f"since {d.since}")
        for d in night.deliveries
        if d.new
    ]
    lines += [
        LogLine(*at, "fault", f.delivery, f.cohort, f"{f.kind}: {'; '.join(f.public)}")
        for f in night.new_faults()
    ]
    lines += [
        LogLine(*at, "closed", f.delivery, f.cohort, f"{f.kind}, since {f.since}")
        for f in (previous.faults if previous else [])
        if not any(_same(f, g) for g in night.faults)
    ]
    end = "night" if night.error is None else "failed"
    return [*lines, LogLine(*at, end, numbers=summary_numbers(night))]
