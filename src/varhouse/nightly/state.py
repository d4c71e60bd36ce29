"""Which deliveries make up a cohort, and what a further one is to them.

A cohort is its newest delivery that replaces, with what was added to that or after it; of two
files of one name the later delivered one counts. The later date goes before the earlier, and
of one date that which was taken later. What is held is tried night after night, until
something newer of its cohort is accepted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from varhouse.errors import VarhouseError
from varhouse.nightly.delivery import Delivery, Reason
from varhouse.nightly.ledger import Record, content_text

People = Callable[[Sequence[Record]], pl.DataFrame]
"""Gives the rows of the people of records of a cohort, put together."""


@dataclass
class State:
    """What a cohort is made of.

    Attributes
    ----------
    records
        Its deliveries, oldest first.
    calls
        Name of a file of calls to its record and its path in the delivery.
    """

    records: list[Record] = field(default_factory=list)
    calls: dict[str, tuple[Record, str]] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, str]:
        """Columns of the cohort sheet; those of later deliveries go before."""
        return {k: v for record in self.records for k, v in record.metadata.items()}

    @property
    def assembly(self) -> str | None:
        """The assembly of all its files; None: that of the store."""
        return self.records[0].assembly if self.records else None


def make_state(records: Iterable[Record]) -> State:
    """Make out what a cohort is, of those of its records that count.

    Parameters
    ----------
    records
        All of one cohort. Of several that replace, the newest one counts, in the store or
        not yet.
    """
    wanted = sorted((r for r in records if r.is_wanted), key=lambda r: (r.date, r.number))
    first = max((k for k, r in enumerate(wanted) if r.mode == "replace"), default=0)
    state = State(wanted[first:])
    for record in state.records:
        for path in record.calls:
            state.calls[Path(path).name] = (record, path)
    return state


def duplicate_of(
    record: Record, records: Sequence[Record], people: People, own: str
) -> Record | None:
    """Find the delivery that has brought all this already; None: it brings something.

    A delivery brings something if its cohort is another one with it: by the bytes behind a
    name of a file, by the rows of its people, by its metadata, or by its assembly.

    Parameters
    ----------
    record
        Of the delivery, not taken yet.
    people
        Gives the rows of the people of some records together.
    own
        Assembly of the store; empty: not known.
    """
    for other in reversed(records):
        held = other.status == "held" and other.is_wanted and other.mode == record.mode
        if held and other.content == record.content and other.date == record.date:
            return other
    others = [r for r in records if r.status != "held"]
    state = make_state(others)
    if not state.records:
        return None
    sums = _sums(state)
    if record.mode == "add":
        # What is in under another name would be in twice.
        names = [c for c in record.calls if Path(c).name in sums]
        there = set(sums.values())
        names += [c for c in record.calls if record.sha256_of(c) not in there]
        counted = replace(record, calls=[c for c in record.calls if c in names])
    else:
        counted = record
    # One that is older than what is in changes nothing and is late, unless what it says is
    # in: so it is tried as the newest, too. What came before unchanged need not be.
    tries = [counted]
    if not any(_says_same(r, record) for r in state.records):
        latest = max(record.date, *(r.date for r in state.records))
        tries.append(replace(counted, date=latest))
    if any(_differ(state, make_state([*others, r]), people, own) for r in tries):
        return None
    mine = {record.sha256_of(c) for c in record.calls}
    with_it = [r for r, path in state.calls.values() if r.sha256_of(path) in mine]
    return max(with_it or state.records, key=lambda r: r.number)


def _says_same(a: Record, b: Record) -> bool:
    return (a.mode, a.date, a.content) == (b.mode, b.date, b.content)


def _sums(state: State) -> dict[str, str]:
    """Give the SHA-256 behind each name of a file of calls."""
    return {name: record.sha256_of(path) for name, (record, path) in state.calls.items()}


def _differ(a: State, b: State, people: People, own: str) -> bool:
    """Tell whether two states of a cohort are read as different ones."""
    one, two = _sums(a), _sums(b)
    # New names of the same files say nothing, unless names change hands.
    if Counter(one.values()) != Counter(two.values()) or a.metadata != b.metadata:
        return True
    if any(one[name] != two[name] for name in one.keys() & two.keys()):
        return True
    if (a.assembly or own) != (b.assembly or own):
        return True
    if _sheets(a) == _sheets(b):
        return False
    try:
        return not _rows(people(a.records)).equals(_rows(people(b.records)))
    except (VarhouseError, OSError):
        # A sheet that cannot be read is a fault that is found elsewhere.
        return True


def _sheets(state: State) -> list[str]:
    """Give the SHA-256 of the sample sheets in order; of several alike the last counts."""
    every = [r.sha256_of(r.sheet) for r in state.records if r.sheet]
    return list(reversed(dict.fromkeys(reversed(every))))


def _rows(people: pl.DataFrame) -> pl.DataFrame:
    """Bring the rows of people into an order in which they can be compared."""
    filled = [
        name for name in sorted(people.columns) if people[name].null_count() < people.height
    ]
    return people.select(filled).sort(filled) if filled else people.select([])


def late_reason(delivery: Delivery, records: Sequence[Record]) -> Reason | None:
    """Say that something newer is in, which this delivery must not replace; None: nothing."""
    state = make_state(r for r in records if r.status != "held")
    if delivery.mode == "replace":
        newer = state.records
    else:
        newer = [r for r in state.records if r.mode == "replace"]
        names = {Path(c).name for c in delivery.calls}
        newer += [r for name, (r, _) in state.calls.items() if name in names]
    newer = [r for r in newer if r.true_at > delivery.date]
    if not newer:
        return None
    other = max(newer, key=lambda r: r.true_at)
    return Reason(
        f"it is of {delivery.date}, and {other.name!r} of {other.true_at} is in already: an "
        "older delivery does not take the place of a newer one; fix: if it is meant to, give "
        "it a later date in delivery.yaml",
        "an older delivery than what is in",
    )


def assembly_reason(delivery: Delivery, records: Sequence[Record], own: str) -> Reason | None:
    """Say that files to be added are of another assembly than their cohort; None: they fit.

    All files of a cohort are lifted over alike, or none is. `own` is the assembly of the
    store; empty where the configuration names none: nothing is lifted over then.
    """
    state = make_state(r for r in records if r.status != "held")
    mine, theirs = delivery.assembly or own, state.assembly or own
    if delivery.mode == "replace" or not (own and state.records) or mine == theirs:
        return None
    return Reason(
        f"it is of assembly {mine}, and cohort {delivery.cohort!r} is of {theirs}; fix: "
        "name the assembly of its files in delivery.yaml, deliver them as a cohort "
        "of their own, or the whole cohort anew (mode: replace)",
        "it is of another assembly than its cohort",
    )


def same_date(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Choose deliveries of one night that replace a cohort with others of the same date.

    Nobody can tell which of them is the later one. Those with the same content are left out.
    """
    replace = [d for d in deliveries if d.mode == "replace"]
    out = []
    for d in replace:
        others = {content_text(o) for o in replace if o.date == d.date}
        if len(others) > 1:
            out.append(d)
    return out


def corrects(record: Record, held: Record) -> bool:
    """Tell whether a delivery stands for one that is held: by mode, name, or its files."""
    names = {Path(c).name for c in record.calls}
    return (
        record.mode == "replace"
        or record.name == held.name
        or bool(held.calls and {Path(c).name for c in held.calls} <= names)
    )
