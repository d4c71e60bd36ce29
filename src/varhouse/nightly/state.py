"""Which deliveries make up a cohort, and what a further one is to them.

A cohort is its newest delivery that replaces, with what was added to that or after it; of two
files of one name the later delivered one counts. The later date goes before the earlier, and
of one date that which was taken later. What is held is tried night after night, until
something newer of its cohort is accepted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.nightly.delivery import Delivery, Reason
from varhouse.nightly.ledger import Record, content_text


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
        """The assembly that the last delivery names."""
        return next((r.assembly for r in reversed(self.records) if r.assembly), None)


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


def duplicate_of(delivery: Delivery, records: Sequence[Record]) -> Record | None:
    """Find the delivery that has brought all this already; None: it brings something.

    The bytes count, not the names of folders and files.
    """
    content = content_text(delivery)
    for record in reversed(records):
        held = record.status == "held" and record.is_wanted and record.mode == delivery.mode
        if held and record.content == content and record.date == delivery.date:
            return record
    state = make_state(r for r in records if r.status != "held")
    if not state.records:
        return None
    sums = {f.path: f.sha256 for f in delivery.files}
    mine = Counter(sums[c] for c in delivery.calls)
    theirs = Counter(record.sha256_of(path) for record, path in state.calls.values())
    same_files = mine == theirs if delivery.mode == "replace" else mine <= theirs
    sheets = {r.sha256_of(r.sheet) for r in state.records if r.sheet}
    same_sheet = delivery.sheet is None or sums[delivery.sheet] in sheets
    said = delivery.metadata.items() <= state.metadata.items()
    if not (same_files and same_sheet and said):
        return None
    if delivery.mode == "replace" and delivery.sheet is None and sheets:
        return None
    if delivery.assembly not in (None, state.assembly):
        return None
    with_it = [r for r, path in state.calls.values() if r.sha256_of(path) in mine]
    return max(with_it or state.records, key=lambda r: r.number)


def late_reason(delivery: Delivery, records: Sequence[Record]) -> Reason | None:
    """Say that something newer is in, which this delivery must not replace; None: nothing."""
    state = make_state(r for r in records if r.status != "held")
    if delivery.mode == "replace":
        newer = [r for r in state.records if r.date > delivery.date]
    else:
        newer = [r for r in state.records if r.mode == "replace"]
        names = {Path(c).name for c in delivery.calls}
        newer += [r for name, (r, _) in state.calls.items() if name in names]
        newer = [r for r in newer if r.date > delivery.date]
    if not newer:
        return None
    other = max(newer, key=lambda r: r.date)
    return Reason(
        f"it is of {delivery.date}, and {other.name!r} of {other.date} is in already: an "
        "older delivery does not take the place of a newer one; fix: if it is meant to, give "
        "it a later date in delivery.yaml",
        "an older delivery than what is in",
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
