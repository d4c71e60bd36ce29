"""What the audit log tells of everything that left a store, or was to.

An event `share` says what is to leave; `shared` and `share_failed` what came of it, and name
it by `of`. `share_refused` and `read` stand by themselves (`sharing.given`). Each becomes one
`Passed`, whatever ways out there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

from varhouse.governance.chain import Link
from varhouse.governance.days import CHINA, day_of
from varhouse.sharing.given import FAILED, READ, REFUSED, SHARE, SHARED

LEFT, MAYBE, NOTHING = "left", "may_have_left", "failed"
OUTCOMES = (LEFT, MAYBE, NOTHING, REFUSED, READ)
"""What came of it: it left; nobody knows, as it was killed, and so it counts; it failed before
anything was visible; the gate refused; it was read on a terminal."""

OWN = ("event", "ledger", "error", "of")
"""Keys of an event that are no fact about what left."""


@dataclass(frozen=True)
class Passed:
    """Something that left, or was to.

    Attributes
    ----------
    n, time, by
        Of the event that says what it is; the time is UTC.
    day
        Its day, as the ledger counts days.
    outcome
        One of OUTCOMES.
    what
        The way out.
    people
        Distinct people by cohort; `""`: all together.
    rules
        Ids of the rules that were met.
    persons
        Digest of the file of the persons; None: none was made.
    output
        What is known of the output, its `sha256` above all.
    more
        Everything else that the event tells.
    """

    n: int
    time: str
    day: date
    by: str
    outcome: str
    what: str
    recipient: str
    content: str
    purpose: str
    cohorts: tuple[str, ...]
    people: dict[str, int]
    rules: tuple[str, ...]
    answer: str
    persons: str | None
    output: dict[str, Any]
    more: dict[str, Any]

    @property
    def counts(self) -> bool:
        """Tell whether somebody has it, or may have."""
        return self.outcome in (LEFT, MAYBE)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "n": self.n, "time": self.time, "by": self.by, "outcome": self.outcome,
            "what": self.what, "recipient": self.recipient, "content": self.content,
            "purpose": self.purpose, "cohorts": list(self.cohorts), "people": self.people,
            "rules": list(self.rules), "answer": self.answer, "output": self.output,
            **{k: v for k, v in self.more.items() if k not in ("people", "rules")},
        }  # fmt: skip


def read_passed(links: Iterable[Link], zone: tzinfo = CHINA) -> list[Passed]:
    """Read what left, or was to, out of the events of the audit log, the oldest first.

    Parameters
    ----------
    zone
        By which days is counted (`Ledger.zone`).
    """
    found = list(links)
    ends = {
        x.body["of"]: x.body
        for x in found
        if x.body.get("event") in (SHARED, FAILED) and "of" in x.body
    }
    return [
        _passed(x, ends.get(x.n), zone)
        for x in found
        if x.body.get("event") in (SHARE, REFUSED, READ)
    ]


def _passed(link: Link, end: dict[str, Any] | None, zone: tzinfo) -> Passed:
    body = link.body
    outcome = str(body["event"])
    if outcome == SHARE:
        outcome = MAYBE if end is None else LEFT if end["event"] == SHARED else NOTHING
    people = body.get("people")
    told: dict[str, Any] = people if isinstance(people, dict) else {"now": people or 0}
    by_cohort = {str(c): int(n) for c, n in told.get("by_cohort", {}).items()}
    taken = {
        "what", "recipient", "content", "purpose", "cohorts", "rule_ids", "answer", "people",
        "output", "rules", *OWN,
    }  # fmt: skip
    output = (end or {}).get("output") or body.get("output") or {}
    return Passed(
        n=link.n,
        time=link.time,
        day=day_of(link.time, zone),
        by=link.by,
        outcome=outcome,
        what=str(body.get("what", "")),
        recipient=str(body.get("recipient", "")),
        content=str(body.get("content", "")),
        purpose=str(body.get("purpose", "")),
        cohorts=tuple(body.get("cohorts") or ()),
        people={"": int(told.get("now") or 0), **by_cohort},
        rules=tuple(body.get("rule_ids") or ()),
        answer=str(body.get("answer", "")),
        persons=told.get("file"),
        output=output if isinstance(output, dict) else {"sha256": str(output)},
        more={k: v for k, v in body.items() if k not in taken},
    )


@dataclass(frozen=True)
class Asked:
    """Which of them are asked for; what is empty or None does not choose."""

    since: date | None = None
    until: date | None = None
    recipients: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def of_days(self, day: date) -> bool:
        """Tell whether a day is asked for; both ends are included."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )

    def fits(self, passed: Passed) -> bool:
        """Tell whether something is asked for."""
        return (
            self.of_days(passed.day)
            and (not self.recipients or passed.recipient in self.recipients)
            and (not self.cohorts or bool({*self.cohorts} & {*passed.cohorts}))
            and (not self.rules or bool({*self.rules} & {*passed.rules}))
        )


def choose(passed: Sequence[Passed], asked: Asked) -> list[Passed]:
    """Give those that are asked for."""
    return [p for p in passed if asked.fits(p)]
