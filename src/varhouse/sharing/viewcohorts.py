"""Which cohorts a role's view shows, and why the others are not in it.

A cohort is shown if its tier allows the role, its embargo has ended, nobody withdrew it, and
the rules let its counts go to whom the role stands for. What the ledger does not say is not
shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from varhouse.errors import UsageError, nearest
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import CohortRecord
from varhouse.governance.readers import Closed, closed_by
from varhouse.governed import INSIDE, PUBLIC, REGISTERED
from varhouse.language import Text
from varhouse.sharing.gate import Decision, ask
from varhouse.sharing.request import Content, Request

RECIPIENTS = {PUBLIC: "open", REGISTERED: "registered", INSIDE: "inside"}
"""For whom the gate is asked: `registered` is entered in the ledger."""

NOT_IN_LEDGER = Text("the ledger does not know it", "台账中没有该队列")
NO_TIER = Text("the ledger says no tier", "台账未登记数据分级")
TIER = Text("tier {tier} is not for the role {role}", "{tier} 级数据不向角色 {role} 开放")
EMBARGO = Text("under embargo until {day}", "禁发期至 {day}")
WITHDRAWN = Text("withdrawn", "已撤回")
LEFT_OUT = Text("left out as asked (--leave-out)", "按要求不纳入(--leave-out)")
TOO_FEW = Text("{n} people, fewer than {k}", "仅 {n} 人,少于 {k} 人")
RULES = Text("rules: {rules}", "规则: {rules}")

_CLOSED: dict[Closed, tuple[Text, tuple[str, ...]]] = {
    Closed.WITHDRAWN: (WITHDRAWN, ()),
    Closed.EMBARGO: (EMBARGO, ("day",)),
    Closed.NO_TIER: (NO_TIER, ()),
    Closed.TIER: (TIER, ("tier", "role")),
}
"""How it is said, and by which values."""


@dataclass(frozen=True)
class Choice:
    """Cohorts of a view.

    Attributes
    ----------
    shown
        Names, sorted.
    out
        Name to why not.
    """

    shown: tuple[str, ...]
    out: dict[str, tuple[Text, dict[str, object]]]

    def reasons(self, language: str | None = None) -> dict[str, str]:
        """Say why cohorts are not shown, in a language."""
        return {c: text.say(language, **values) for c, (text, values) in self.out.items()}

    def and_by(self, other: "Choice") -> "Choice":
        """Give what another choice of the same cohorts shows, too."""
        return Choice(
            tuple(c for c in self.shown if c in other.shown), {**other.out, **self.out}
        )


def choose_cohorts(
    sizes: dict[str, int],
    role: str,
    ledger: Ledger,
    on: date,
    least: int,
    leave_out: Iterable[str] = (),
) -> Choice:
    """Choose the cohorts that a role may see, by the ledger alone.

    Parameters
    ----------
    sizes
        Cohorts of the release that is shown, with their people.
    on
        The day for which is asked.
    least
        Least number of people of a cohort that is shown.
    leave_out
        Names that are not to be in it.

    Raises
    ------
    UsageError
        If a cohort that is named is not there.
    """
    chosen = set(leave_out)
    for name in sorted(chosen - sizes.keys()):
        raise UsageError(
            f"--leave-out: no cohort {name!r}{nearest(name, sizes)}",
            "varhouse store show lists the cohorts",
        )
    records = ledger.cohorts(on)
    out: dict[str, tuple[Text, dict[str, object]]] = {}
    for name, n in sizes.items():
        if name in chosen:
            out[name] = LEFT_OUT, {}
        elif (why := _why_not(records.get(name), role, on)) is not None:
            out[name] = why
        elif n < least:
            out[name] = TOO_FEW, {"n": n, "k": least}
    return Choice(tuple(sorted(sizes.keys() - out.keys())), out)


def _why_not(
    record: CohortRecord | None, role: str, on: date
) -> tuple[Text, dict[str, object]] | None:
    if record is None:
        return NOT_IN_LEDGER, {}
    why = closed_by(record, role, on)
    if why is None:
        return None
    values = {"day": record.embargo_until, "tier": record.tier, "role": role}
    text, names = _CLOSED[why]
    return text, {n: str(values[n]) for n in names}


def request_of(
    store: Path, release: int, cohorts: Sequence[str], role: str, recipient: str
) -> Request:
    """Make the question that the gate is asked about a view."""
    return Request(
        store,
        release,
        cohorts=tuple(cohorts),
        content=Content.AGGREGATE,
        recipient=recipient,
        what=f"share release --role {role}",
    )


def without_denied(
    choice: Choice, store: Path, release: int, role: str, recipient: str, on: date
) -> tuple[Choice, Decision | None]:
    """Leave out cohorts that the gate does not let go, and ask about the others together.

    Returns
    -------
    tuple
        What is left, and the gate's decision on that; None: nothing is left.
    """
    out = dict(choice.out)
    shown = []
    for cohort in choice.shown:
        told = ask(request_of(store, release, [cohort], role, recipient), on)
        if told.is_allowed:
            shown.append(cohort)
        else:
            out[cohort] = RULES, {"rules": ", ".join(told.rule_ids)}
    left = Choice(tuple(shown), out)
    if not shown:
        return left, None
    return left, ask(request_of(store, release, shown, role, recipient), on)
