"""Reports of the audit log: who got what of whom, and whether the chains fit each other."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from varhouse.errors import InputError, StoreError
from varhouse.files import read_json
from varhouse.governance import ledgerverify
from varhouse.governance.audit import Audit
from varhouse.governance.chain import Link
from varhouse.governance.ledger import Ledger
from varhouse.governance.ledgerverify import Anchor, Verified
from varhouse.governed import ROLES, private_folder, view_folder
from varhouse.sharing.auditevents import Asked, Passed, choose, read_passed
from varhouse.sharing.audittexts import PROBLEMS, RELEASE, UNREAD
from varhouse.sharing.given import READ, Meter
from varhouse.store.releases import list_releases, read_release

ANCHOR = "governance"
"""In the meta of a release: the head of the ledger when it was made."""


Heads = tuple[tuple[int, str], ...]

# --- who got what ---


@dataclass(frozen=True)
class Line:
    """What one recipient got of one cohort.

    Attributes
    ----------
    people
        Distinct people of the cohort in the largest of its givings: at least as many are
        known to the recipient.
    first, last
        Times, UTC.
    """

    cohort: str
    recipient: str
    givings: int
    refused: int
    people: int
    contents: tuple[str, ...]
    rules: tuple[str, ...]
    first: str
    last: str


@dataclass(frozen=True)
class Report:
    """A report by cohort and recipient.

    Attributes
    ----------
    people
        Distinct people by recipient, over all givings that are asked for.
    """

    lines: tuple[Line, ...]
    people: dict[str, int]
    passed: tuple[Passed, ...]


def make_report(store: Path, asked: Asked) -> Report:
    """Report what left a store.

    Raises
    ------
    AccessError, StoreError
        If the audit log may not be read, or was changed.
    """
    passed = choose(read_passed(Audit(store).events(), Ledger.open(store).zone), asked)
    cells: dict[tuple[str, str], list[Passed]] = {}
    for p in passed:
        if p.outcome == READ:
            continue
        for cohort in p.cohorts or ("",):
            if not asked.cohorts or cohort in asked.cohorts:
                cells.setdefault((cohort, p.recipient), []).append(p)
    meter = Meter(store)
    recipients = sorted({p.recipient for p in passed if p.counts})
    people = {r: _distinct(meter, [p for p in passed if p.recipient == r]) for r in recipients}
    lines = tuple(_line(cell, found) for cell, found in sorted(cells.items()))
    return Report(lines, people, tuple(passed))


def _distinct(meter: Meter, passed: Sequence[Passed]) -> int:
    """Count distinct people over givings."""
    persons = {
        person
        for name in {p.persons for p in passed if p.counts and p.persons}
        for person in meter.persons(name)["person"].to_list()
    }
    return len(persons)


def _line(cell: tuple[str, str], found: Sequence[Passed]) -> Line:
    cohort, recipient = cell
    given = [p for p in found if p.counts]
    return Line(
        cohort=cohort,
        recipient=recipient,
        givings=len(given),
        refused=sum(p.outcome == "share_refused" for p in found),
        people=max((p.people.get(cohort, p.people[""]) for p in given), default=0),
        contents=tuple(sorted({p.content for p in found if p.content})),
        rules=tuple(sorted({r for p in found for r in p.rules})),
        first=found[0].time,
        last=found[-1].time,
    )


# --- whether it is as it was written ---


def verify(
    store: Path,
    ledger_heads: Iterable[tuple[int, str]] = (),
    audit_heads: Iterable[tuple[int, str]] = (),
    receipts: Iterable[Path] = (),
    *,
    needs_log: bool = True,
) -> Verified:
    """Check ledger and audit log by themselves, against each other, and against anchors.

    Anchors are heads that the other chain and the mark know, those in the records of releases
    of the store and of its views, those of receipts, and what was kept elsewhere. The files
    of persons are compared with the digests by which the log names them.

    Parameters
    ----------
    receipts
        Files `receipt.json` of packs.
    needs_log
        Whether who may not read the audit log, or records of releases, is refused; else what
        may be read is compared, and a note says what was not.

    Raises
    ------
    AccessError
        If one of them may not be read.
    InputError
        If a receipt is none.
    """
    known: list[Anchor] = [("--anchor", n, d) for n, d in ledger_heads]
    of_audit: list[Anchor] = [("--audit-anchor", n, d) for n, d in audit_heads]
    for receipt in receipts:
        own = _heads_of_receipt(receipt)
        for anchors, heads in zip((known, of_audit), own, strict=True):
            anchors += [(str(receipt), n, d) for n, d in heads]
    unread: list[str] = []
    known += [(name, *head) for name, head in _heads_of_accounts(store)]
    for root in (store, *(view_folder(store, role) for role in ROLES)):
        try:
            known += [(name, *head) for name, head in _heads_of_releases(store, root)]
        except PermissionError as error:
            if needs_log:
                raise
            unread.append(UNREAD.say(what=error.filename))
    found = ledgerverify.verify(store, known, of_audit, needs_log=needs_log)
    found.notes += unread
    with suppress(StoreError):
        # A log that cannot be read is told by then.
        found.problems += dict.fromkeys(_persons(store, Audit(store).events()))
    return found


def _heads_of_accounts(store: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    """Give the heads of the ledger that accounts of views know."""
    for file in sorted((private_folder(store) / "views").glob("*/*.json")):
        if (head := _head_in(read_json(file).get("ledger"))) is not None:
            yield f"views/{file.parent.name}/{file.name}", head


def _heads_of_releases(store: Path, root: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    """Give the heads of the ledger that records of releases know, of the store or a view."""
    view = "" if root == store else f"_views/{root.name} "
    for number in list_releases(root):
        if (head := _head_in(read_release(root, number).meta.get(ANCHOR))) is not None:
            yield view + RELEASE.say(n=number), head


def _head_in(said: object) -> tuple[int, str] | None:
    if isinstance(said, Mapping) and said.get("n"):
        return int(said["n"]), str(said["digest"])
    return None


def _heads_of_receipt(file: Path) -> tuple[Heads, Heads]:
    """Give the heads that a receipt knows: of the ledger, of the audit log.

    That of the ledger stands in the answers of the gate (`receipt.receipt_json`).
    """
    fix = "give the receipt.json of a pack"
    told = read_json(file, fix)
    try:
        answers = [a for n in ("decision", "planned") if (a := told[n]) is not None]
        of_ledger, of_audit = (
            tuple((int(h["n"]), str(h["digest"])) for h in heads)
            for heads in ([a["ledger"] for a in answers], [told["audit"]])
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{file} is no receipt", fix) from None
    return of_ledger, of_audit


def _persons(store: Path, audit: list[Link]) -> Iterator[str]:
    """Say which files of persons are not as the log names them."""
    for p in read_passed(audit):
        if not p.persons:
            continue
        file = private_folder(store) / "given" / f"{p.persons}.parquet"
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            raw = b""
        if hashlib.sha256(raw).hexdigest() != p.persons:
            yield PROBLEMS["persons"].say(n=p.n, file=file.name)
