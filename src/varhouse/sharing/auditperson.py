"""What became of one person's data: releases, givings, withdrawals; and an answer to him."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.governance.audit import Audit
from varhouse.governance.days import CHINA, day_of
from varhouse.governance.fields import clean
from varhouse.governance.ledger import Ledger
from varhouse.governed import ROLES, private_folder, view_folder
from varhouse.language import CHINESE, ENGLISH
from varhouse.sharing.auditevents import Passed, read_passed
from varhouse.sharing.audittexts import LETTER, OUTCOME, PERSON
from varhouse.sharing.gatefacts import person_hasher
from varhouse.sharing.given import Meter
from varhouse.sharing.people import PERSON_BYTES, find_people, has_accession
from varhouse.store.errata import sealed_releases
from varhouse.store.ledger import Entry
from varhouse.store.ledger import Ledger as Withdrawals
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases, read_release

ASKED = "person_asked"
"""Event of the audit log: that somebody asked what became of a person."""

Names = set[tuple[str, str | None]]
"""Sample ids of a person, or their keyed hashes, and the cohort that each is of; None: any."""


@dataclass(frozen=True)
class Person:
    """What is known of a person.

    Attributes
    ----------
    hash
        Keyed hash of the sample id.
    releases
        Release of the store to the cohorts in which it holds the sample.
    sealed
        Releases that nobody can open any more.
    views
        Role to the releases of its view that count him.
    given
        What left with him in it, or may have.
    withdrawn
        Entries of the list of withdrawals.
    zone
        By which days is counted (`Ledger.zone`).
    """

    hash: str
    releases: dict[int, tuple[str, ...]]
    sealed: tuple[int, ...]
    views: dict[str, tuple[int, ...]]
    given: tuple[Passed, ...]
    withdrawn: tuple[Entry, ...]
    zone: tzinfo = CHINA

    @property
    def cohorts(self) -> tuple[str, ...]:
        """Cohorts that hold him in any open release."""
        return tuple(sorted({c for cs in self.releases.values() for c in cs}))

    @property
    def is_known(self) -> bool:
        """Tell whether anything is known of him."""
        return bool(self.releases or self.given or self.withdrawn or self.views)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it; no sample id."""
        return {
            "person": self.hash,
            "releases": {str(n): list(c) for n, c in self.releases.items()},
            "sealed": list(self.sealed),
            "views": {r: list(n) for r, n in self.views.items()},
            "given": [p.as_json() for p in self.given],
            "withdrawn": [
                {"cohort": e.cohort, "release": e.release, "time": e.time}
                for e in self.withdrawn
            ],
        }


def find_person(store: Path, sample: str, cohort: str | None = None) -> Person:
    """Find what became of a person, by the sample id or the accession.

    Parameters
    ----------
    cohort
        Only the sample of this cohort; None: whoever is called so, in any.

    Raises
    ------
    AccessError, StoreError
        If something that has to be asked may not be read, or is damaged.
    """
    audit = Audit(store)
    hasher = person_hasher(store)
    sealed = sorted(sealed_releases(store))
    releases: dict[int, tuple[str, ...]] = {}
    names: Names = {(sample, cohort)}
    persons = {h[:PERSON_BYTES] for h in map(hasher, _without_store(store, sample, cohort))}
    for number in list_releases(store):
        if number in sealed:
            continue
        own, found = _in_release(store, number, sample, cohort)
        if own:
            releases[number] = tuple(sorted({c for _, c in own if c}))
        names |= own
        persons |= found
    meter, zone = Meter(store), Ledger.open(store).zone
    passed = read_passed(audit.events(), zone)
    files = {
        name
        for name in {p.persons for p in passed if p.persons}
        if persons & set(meter.persons(name)["person"].to_list())
    }
    given = [p for p in passed if p.counts and p.persons in files]
    person = audit.hash_person(sample)
    audit.note(ASKED, person=person, cohort=cohort)
    return Person(
        person,
        releases,
        tuple(sealed),
        dict(_in_views(store, {(audit.hash_person(s), c) for s, c in names})),
        tuple(given),
        tuple(_withdrawals(store, names)),
        zone,
    )


def _without_store(store: Path, sample: str, cohort: str | None) -> Iterator[str]:
    """Give what tells the person where no release is asked (`people._identity`)."""
    yield f"accession\0{clean(sample).upper()}"
    known = Ledger.open(store).cohorts()
    for name in {cohort} if cohort else {*known}:
        yield f"cohort\0{name}\0{sample}"
        yield f"linked\0{name}\0{sample}"


def _in_release(
    store: Path, number: int, sample: str, cohort: str | None
) -> tuple[Names, set[bytes]]:
    """Say as what sample of which cohorts a release has the person, and who that is."""
    opened = open_store(store, number)
    if "samples" not in opened.tables:
        return set(), set()
    rows = opened.scan("samples").select("cohort", "sample", "attributes")
    named, text = pl.col("sample") == sample, pl.col("attributes").str.to_lowercase()
    may_be = named | text.str.contains(clean(sample).lower(), literal=True)
    found = rows.filter(may_be).collect()
    # The word may stand in any cell: that of a batch or a place is nobody's name.
    own = [s == sample or has_accession(a or "", sample) for _, s, a in found.iter_rows()]
    found = found.filter(pl.Series(own, dtype=pl.Boolean))
    if cohort is not None:
        found = found.filter(pl.col("cohort") == cohort)
    cohorts = sorted(set(found["cohort"].to_list()))
    if not cohorts:
        return set(), set()
    ledger = Ledger.open(store)
    known = ledger.cohorts()
    links = {n: r.same_people_as for n, r in known.items() if r.same_people_as}
    people = find_people(opened, person_hasher(store), cohorts, links, {})
    mine = people.join(found.select("cohort", "sample"), on=["cohort", "sample"], how="semi")
    return {(s, c) for c, s, _ in found.iter_rows()}, set(mine["person"].to_list())


def _in_views(store: Path, hashes: Names) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the releases of views that count a person, by keyed hashes of the sample ids."""
    of_cohort = (
        (h, pl.lit(value=True) if c is None else pl.col("cohort") == c) for h, c in hashes
    )
    is_own = pl.any_horizontal((pl.col("person") == h) & own for h, own in of_cohort)
    for role in ROLES:
        root = view_folder(store, role)
        if not (root / "_store").is_dir():
            continue
        gone = sealed_releases(root)
        found = []
        for number in list_releases(root):
            made = read_release(root, number).ingest_id
            file = private_folder(store) / "views" / role / f"{made}.people.parquet"
            if number in gone or not file.is_file():
                continue
            rows = pl.read_parquet(file, columns=["cohort", "person"])
            if rows.filter(is_own).height:
                found.append(number)
        if found:
            yield role, tuple(found)


def _withdrawals(store: Path, names: Names) -> Iterator[Entry]:
    withdrawals = Withdrawals.open(store)
    own = [(withdrawals.hash(sample), cohort) for sample, cohort in names]
    for entry in withdrawals.entries:
        if any(h in entry.people and (c is None or entry.concerns(c)) for h, c in own):
            yield entry


# --- in words ---


def describe(person: Person, language: str | None = None) -> list[str]:
    """Say what became of a person, a line each."""
    lines = _held(person, language)
    lines += [_withdrawal(e, person.zone, language) for e in person.withdrawn]
    if not person.is_known:
        return lines
    return lines + (list(_givings(person.given, language)) or [PERSON["none"].say(language)])


def _held(person: Person, language: str | None) -> list[str]:
    """Say where the store has a person."""
    if not person.is_known:
        return [PERSON["unknown"].say(language)]
    lines = []
    if person.cohorts:
        lines.append(PERSON["sample"].say(language, cohorts=", ".join(person.cohorts)))
        lines.append(PERSON["releases"].say(language, releases=_numbers(person.releases)))
    if person.sealed:
        lines.append(PERSON["sealed"].say(language, releases=_numbers(person.sealed)))
    for role, numbers in person.views.items():
        said = PERSON["views"].say(language, role=role, releases=_numbers(numbers))
        lines.append(said)
    return lines


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _withdrawal(entry: Entry, zone: tzinfo, language: str | None) -> str:
    day = day_of(entry.time, zone).isoformat()
    return PERSON["withdrawn"].say(
        language, cohort=entry.cohort, day=day, release=entry.release
    )


def _givings(given: Sequence[Passed], language: str | None) -> Iterator[str]:
    for p in given:
        yield PERSON["given"].say(
            language,
            time=p.time,
            what=p.what,
            recipient=p.recipient,
            content=p.content,
            outcome=OUTCOME[p.outcome].say(language),
            by=p.by,
            rules=", ".join(p.rules) or "-",
            digest=digest_of(p.output) or "-",
        )


def digest_of(output: dict[str, Any]) -> str:
    """Give the digest of an output, under whatever name it is told."""
    return next((str(output[n]) for n in ("sha256", "digest") if output.get(n)), "")


def letter(person: Person, day: date, language: str) -> str:
    """Write an answer to a request for erasure, in one language."""

    def say(name: str, **values: Any) -> str:
        return LETTER[name].say(language, **values)

    given = list(_givings(person.given, language)) or [PERSON["none"].say(language)]
    gone = [_withdrawal(e, person.zone, language) for e in person.withdrawn] or [
        say("not_withdrawn")
    ]
    parts = [
        f"# {say('title', day=day.isoformat())}",
        say("who", person=person.hash),
        f"## {say('held')}",
        "\n".join(f"- {x}" for x in _held(person, language) or ["-"]),
        f"## {say('given')}",
        "\n".join(f"- {x}" for x in given),
        f"## {say('withdrawn')}",
        "\n".join(f"- {x}" for x in gone),
        f"## {say('remains')}",
        "\n".join(f"- {x}" for x in remaining(person, language)),
        say("limits"),
    ]
    return "\n\n".join(parts) + "\n"


def letters(person: Person, day: date) -> str:
    """Write the answer in Chinese and in English."""
    return f"{letter(person, day, CHINESE)}\n---\n\n{letter(person, day, ENGLISH)}"


def remaining(person: Person, language: str | None = None) -> list[str]:
    """List what remains to be done, with recipients and in the store."""

    def say(name: str, **values: Any) -> str:
        return LETTER[name].say(language, **values)

    out = []
    newest = max(person.releases, default=0)
    gone = {e.cohort for e in person.withdrawn}
    last = person.releases.get(newest, ())
    out += [say("withdraw", cohort=c) for c in last if c not in gone]
    if person.releases:
        out.append(say("purge", releases=_numbers(person.releases)))
    for role, numbers in person.views.items():
        out.append(say("view", role=role, releases=_numbers(numbers)))
    by_recipient: dict[str, list[Passed]] = {}
    for p in person.given:
        by_recipient.setdefault(p.recipient, []).append(p)
    for recipient, found in sorted(by_recipient.items()):
        givings = ", ".join(f"{p.day} {p.what} (n={p.n})" for p in found)
        name = recipient if recipient in ("open", "inside") else "recipient"
        values = {"recipient": recipient} if name == "recipient" else {}
        out.append(say(name, givings=givings, **values))
    return out or [say("done")]
