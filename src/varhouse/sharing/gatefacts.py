"""The facts of a request: who the people are, what the ledger knows of cohorts."""

import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import UsageError, nearest, one_of
from varhouse.governance.audit import Audit
from varhouse.governance.judgefacts import facts_of as ledger_facts
from varhouse.governance.judgefacts import papers_for as papers_of_cohort
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import CohortRecord, Paper, Recipient, RecipientKind
from varhouse.governance.personkey import PersonKey
from varhouse.governed import private_folder
from varhouse.sharing.counted import Count, count
from varhouse.sharing.given import Meter
from varhouse.sharing.people import choose, find_people, stand_ins
from varhouse.sharing.request import Content, Request
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases


@dataclass(frozen=True)
class Gathered:
    """All that the gate knows when it decides.

    Attributes
    ----------
    cohorts
        Of whom data leaves.
    records
        What the ledger knows of each; None: nothing.
    people
        Who: `PEOPLE_SCHEMA` and `sample`.
    everybody
        All people of the cohorts, be they asked for or not.
    before, before_year
        Persons and assays that the recipient was given, ever and within 12 months.
    head, audit_head
        Last lines of the ledger and of the audit log, as they were read.
    uncounted
        Cohorts of which nobody knows how many people they have.
    left
        Cohorts of which some of `people` are not in the newest release of the store any more.
    """

    request: Request
    on: date
    release: int
    cohorts: tuple[str, ...]
    records: Mapping[str, CohortRecord | None]
    recipient: Recipient | None
    people: pl.DataFrame
    everybody: pl.DataFrame
    before: pl.DataFrame
    before_year: pl.DataFrame
    earlier_cohorts: frozenset[str]
    earlier_us: int | None
    uncounted: tuple[str, ...] = ()
    head: tuple[int, str] = (0, "")
    audit_head: tuple[int, str] = (0, "")
    known: Mapping[str, CohortRecord] = field(default_factory=dict)
    left: frozenset[str] = frozenset()

    def after(self, cohort: str | None = None) -> Count:
        """Count the persons that the recipient has afterwards, of all or of one cohort."""
        if cohort is None:
            return count(pl.concat([self.before, self.people.select("person", "assay")]))
        own = self.everybody.filter(pl.col("cohort") == cohort)
        mine = self.people.filter(pl.col("cohort") == cohort)
        known = own.join(self.before.select("person").unique(), on="person", how="semi")
        return count(pl.concat([mine, known]))


def gather(request: Request, on: date) -> Gathered:
    """Gather the facts of a request; nothing is written.

    Raises
    ------
    StoreError, AccessError
        If the store, its ledger or its audit log cannot be read.
    UsageError
        If there is no such cohort or sample.
    """
    # Before what it tells is read: what is noted meanwhile is seen by who compares.
    audit = Audit(request.store)
    audit.check()
    audit_head = audit.head()
    ledger = Ledger.open(request.store)
    known = ledger.cohorts(on)
    store = open_store(request.store, request.release)
    stores = [store, *(open_store(request.store, r) for r in dict.fromkeys(request.releases))]
    cohorts = _cohorts(stores, request)
    recipient = ledger.recipient(request.recipient)
    links = {n: r.same_people_as for n, r in known.items() if r.same_people_as}
    hasher = person_hasher(request.store)
    assays = {n: _one_assay(r) for n, r in known.items()}
    listed = pl.concat([_listed(s, hasher, cohorts, links, assays) for s in stores]).unique(
        maintain_order=True
    )
    everybody, uncounted = _with_unlisted(listed, cohorts, known, hasher)
    people = choose(everybody, request.samples, _fitting(store, request))
    if request.cohorts is None:
        cohorts = tuple(c for c in cohorts if c in set(people["cohort"])) or cohorts
    before, year, earlier, us = _given(request, ledger, recipient, on, known)
    return Gathered(
        request, on, store.release, cohorts, {c: known.get(c) for c in cohorts}, recipient,
        people, everybody, before, year, frozenset(earlier), us,
        tuple(c for c in uncounted if c in cohorts), ledger.head, audit_head, known,
        _left(request.store, stores, people),
    )  # fmt: skip


def person_hasher(store: Path) -> Callable[[str], bytes]:
    """Give the keyed hash of what tells a person.

    A store that has no key yet has given nothing to anybody: then any key does, and none is
    kept, so that whoever only asks leaves no trace.
    """
    if not private_folder(store).exists():
        key = secrets.token_bytes(32)
        return lambda text: digest(key, text.encode(), sha256)
    own = PersonKey(store)
    return lambda text: bytes.fromhex(own.hash_person(text))


def _listed(store: Store, hasher: Any, cohorts: Sequence[str], *more: Any) -> pl.DataFrame:
    there = _names(store)
    return find_people(store, hasher, [c for c in cohorts if c in there], *more)


def _left(path: Path, stores: Sequence[Store], people: pl.DataFrame) -> frozenset[str]:
    """Give the cohorts that some people have left since the releases that are asked for.

    As in views, a person of a cohort is known by the name of the sample. Of a cohort without
    samples nobody is known: it is one that was left if the newest release does not have it.
    """
    number = list_releases(path)[-1]
    if all(s.release == number for s in stores):
        return frozenset()
    newest = open_store(path, number)
    here = newest.scan("samples").select("cohort", "sample").collect()
    named = people.filter(pl.col("sample") != "")
    gone = named.join(here, on=["cohort", "sample"], how="anti")["cohort"].to_list()
    return frozenset([*gone, *set(people["cohort"]).difference(_names(newest))])


def _names(store: Store) -> list[str]:
    return sorted(store.scan("cohorts").select("cohort").collect()["cohort"].to_list())


def _cohorts(stores: Sequence[Store], request: Request) -> tuple[str, ...]:
    there = sorted({name for store in stores for name in _names(store)})
    if request.cohorts is None:
        return tuple(there)
    for name in request.cohorts:
        if name not in there:
            raise UsageError(
                f"release {stores[0].release} has no cohort {name!r}{nearest(name, there)}",
                one_of(there),
            )
    return tuple(dict.fromkeys(request.cohorts))


def _one_assay(record: CohortRecord) -> str | None:
    """Give the assay of all people of a cohort, if the ledger says that it is one."""
    found = [a for a, n in record.people.items() if n]
    return found[0].value if len(found) == 1 else None


def _with_unlisted(
    listed: pl.DataFrame,
    cohorts: Sequence[str],
    known: Mapping[str, CohortRecord],
    hasher: Callable[[str], bytes],
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Add persons of cohorts that came without samples, by the number in the ledger."""
    have = set(listed["cohort"].to_list())
    made, uncounted = [listed], []
    for cohort in (c for c in cohorts if c not in have):
        record = known.get(cohort)
        if record is None or not record.people:
            uncounted.append(cohort)
            continue
        for assay, n in record.people.items():
            made.append(stand_ins(hasher, f"{cohort}\0{assay.value}", n, assay.value))
            made[-1] = made[-1].with_columns(pl.lit(cohort).alias("cohort"))
    return pl.concat(made), tuple(uncounted)


def _fitting(store: Store, request: Request) -> pl.DataFrame | None:
    if request.people is None and request.listed is None:
        return None
    from varhouse.query.people import choose_people  # noqa: PLC0415 - only groups need it

    return choose_people(store, request.people, request.listed).frame


def _given(
    request: Request,
    ledger: Ledger,
    recipient: Recipient | None,
    on: date,
    known: Mapping[str, CohortRecord],
) -> tuple[pl.DataFrame, pl.DataFrame, set[str], int | None]:
    """Find who was given before: to the recipient, to what belongs to it, to anybody."""
    meter = Meter(request.store, ledger.zone)
    # Who has calls can count them: what is individual is aggregate as well.
    aggregate = (Content.INDIVIDUAL, Content.AGGREGATE)
    kinds = aggregate if request.content is Content.AGGREGATE else (Content.INDIVIDUAL,)
    year = date(on.year - 1, on.month, min(on.day, 28))
    groups = counted_together(request.recipient, recipient, ledger.recipients())
    best: tuple[pl.DataFrame, pl.DataFrame, set[str]] | None = None
    for names in groups:
        before = meter.given(names, kinds)
        if best is None or before.height > best[0].height:
            best = before, meter.given(names, kinds, since=year), meter.cohorts(names)
    assert best is not None
    us = [known[c].us_people if c in known else None for c in sorted(best[2])]
    total = None if None in us else sum(n for n in us if n is not None)
    return *best, total


def counted_together(
    name: str, recipient: Recipient | None, others: Any
) -> list[frozenset[str]]:
    """Give the recipients whose people count together with those of one.

    What is open is given to everybody, so to each foreign party as well; and what is to be
    opened comes to all that each of them has.
    """
    every = others.values() if isinstance(others, Mapping) else others
    if recipient is None:
        return [frozenset({name})]
    if recipient.kind is RecipientKind.INSIDE:
        return [frozenset({name})]
    if recipient.kind is RecipientKind.OPEN:
        foreign = [r for r in every if r.kind is RecipientKind.FOREIGN]
        return [frozenset({name}), *(affiliates(r, every) | {name} for r in foreign)]
    return [affiliates(recipient, every) | {"open"}]


def affiliates(recipient: Recipient, every: Any) -> frozenset[str]:
    """Name a recipient and those who are the same house.

    Those with its unified social credit code, or with its key of Crypt4GH, or whose name has
    the same letters and digits: a new name in the ledger begins no new count. So are those who
    share a mark with one of these, and so on.
    """
    names, marks = {recipient.name}, _marks(recipient)
    rest = {r.name: _marks(r) for r in every}
    while new := {name for name, own in rest.items() if name not in names and own & marks}:
        names |= new
        marks |= {mark for name in new for mark in rest[name]}
    return frozenset(names)


def _marks(recipient: Recipient) -> set[tuple[str, str]]:
    code = unicodedata.normalize("NFKC", recipient.code)
    marks = {"code": code.upper(), "key": recipient.crypt4gh_key}
    found = {(n, "".join(v.split())) for n, v in marks.items() if v}
    return found | {("name", _letters(recipient.name))}


def _letters(name: str) -> str:
    """Give the letters and digits of a name, whatever their case and width."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in text if c.isalnum()) or text


def facts_of(found: Gathered, cohort: str, people: Count, us: int | None) -> dict[str, Any]:
    """Write the facts that rules ask (`governance.facts`), of one cohort."""
    record = found.records.get(cohort)
    recipient = found.recipient
    counted: dict[str, Any] = dict(people.facts())
    if cohort in found.uncounted:
        counted = dict.fromkeys(counted)
    papers = record.papers if record is not None else ()
    # What the ledger says of a cohort is the same to every gate; people are counted here.
    of_ledger = ledger_facts(record, found.on)
    return {
        "action": "share",
        "content": found.request.content.value,
        **{k: v for k, v in of_ledger.items() if k.startswith("cohort.")},
        **counted,
        "people.us": us,
        "recipient.kind": recipient.kind.value if recipient else None,
        "recipient.name": found.request.recipient,
        "recipient.country": (recipient.country or None) if recipient else None,
        "recipient.foreign_share": recipient.foreign_share if recipient else None,
        "purpose": found.request.purpose or None,
        "foreign.resources": sorted({r for p in papers for r in p.resources}),
        "cohorts": [cohort],
    }


def papers_for(found: Gathered, cohort: str | None = None) -> list[Paper]:
    """List papers of a cohort, or of all that are asked for."""
    records = [found.records.get(cohort)] if cohort else list(found.records.values())
    papers = [p for r in records for p in papers_of_cohort(r)]
    return list(dict.fromkeys(papers))
