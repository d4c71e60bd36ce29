"""The egress gate: whether data of people may leave, and what is kept of it when it does.

`ask` answers and writes nothing. `way_out` is what every way out of a governed store goes
through: it asks, refuses, notes who and what before anything is visible, and afterwards what
came of it. What counts is decided by the store's book of rules (`governance.judge`), asked of
each cohort with its own people, and of all together with the people whom the recipient has
afterwards. Beside it the gate has a few rules of its own (`HOUSE`), which deny where nothing
allows: unknown cohorts and recipients, withdrawn, embargoed, beyond the tier.

Decision support, not legal advice.
"""

import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import AccessError
from varhouse.governance import days
from varhouse.governance.audit import Audit
from varhouse.governance.chain import Link, this_user
from varhouse.governance.judge import KINDS as PAPERS
from varhouse.governance.judge import judge
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import PaperKind, RecipientKind
from varhouse.governance.rulesinuse import rules_in_use
from varhouse.governance.rulesmodel import RuleBook
from varhouse.governed import PUBLIC, REGISTERED
from varhouse.sharing.counted import Count, count
from varhouse.sharing.findings import Judged, from_rules, house_findings
from varhouse.sharing.gatefacts import Gathered, facts_of, gather, papers_for
from varhouse.sharing.gatetexts import (
    ANSWERS,
    CLOCK,
    NO_RULES_FIX,
    PAPERS_MISSING,
    REFUSED,
    REFUSED_FIX,
    VIEW_FIX,
)
from varhouse.sharing.given import FAILED, SHARE, SHARED, Meter, one_at_a_time
from varhouse.sharing.given import REFUSED as REFUSED_EVENT
from varhouse.sharing.request import Answer, Content, Request

log = logging.getLogger("varhouse.share")


@dataclass(frozen=True)
class Decision:
    """What the gate says to a request.

    Attributes
    ----------
    findings
        Rules that are met, the hardest first; those of all cohorts together have none.
    book
        By which rules; None: the store has none.
    drafts
        Whether drafts were asked as if in force.
    is_what_if
        Whether another day or other rules were asked: nothing leaves by such an answer.
    """

    found: Gathered
    findings: tuple[Judged, ...]
    book: RuleBook | None
    drafts: bool = False
    is_what_if: bool = False

    @property
    def request(self) -> Request:
        """What was asked."""
        return self.found.request

    @cached_property
    def answer(self) -> Answer:
        """The hardest effect of which the papers are missing."""
        return max(
            (f.effect for f in self.findings), key=lambda a: a.rank, default=Answer.ALLOW
        )

    @property
    def is_allowed(self) -> bool:
        """Tell whether the data may leave now."""
        return self.answer is Answer.ALLOW

    @cached_property
    def missing(self) -> tuple[PaperKind, ...]:
        """Papers that would have to be there."""
        return tuple(dict.fromkeys(k for f in self.findings for k in f.missing))

    @cached_property
    def now(self) -> Count:
        """Persons whose data leaves."""
        return count(self.found.people)

    @cached_property
    def before(self) -> Count:
        """Persons of whom the recipient has data already."""
        return count(self.found.before)

    @cached_property
    def after(self) -> Count:
        """Persons of whom the recipient has data afterwards."""
        return self.found.after()

    @cached_property
    def year(self) -> tuple[Count, Count]:
        """Persons of whom the recipient got data within 12 months: before and after."""
        own = self.found.people.select("person", "assay")
        return count(self.found.before_year), count(pl.concat([self.found.before_year, own]))

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """Ids of the rules that stand in the way; of an allowed request those that are met."""
        hard = [f.rule for f in self.findings if f.effect is not Answer.ALLOW]
        return tuple(dict.fromkeys(hard or [f.rule for f in self.findings]))

    @property
    def rules(self) -> dict[str, str] | None:
        """Version and digest of the rules."""
        return (
            {"version": self.book.version, "digest": self.book.digest} if self.book else None
        )

    def refusal(self) -> AccessError:
        """Say why it may not leave."""
        papers = ", ".join(PAPERS[k].say() for k in self.missing)
        request = self.request
        store = shlex.quote(str(request.store))
        chosen = "".join(f" --cohort {shlex.quote(c)}" for c in request.cohorts or ())
        fix = REFUSED_FIX.say(
            store=store,
            recipient=shlex.quote(request.recipient),
            cohorts=chosen,
            content=request.content.value,
        )
        if self.book is None:
            fix = NO_RULES_FIX.say(store=store)
        elif request.content is Content.INDIVIDUAL and self._is_for_others:
            fix += VIEW_FIX.say(role=PUBLIC if self._is_open else REGISTERED)
        return AccessError(
            REFUSED.say(
                what=request.what,
                answer=ANSWERS[self.answer].say(),
                rules=", ".join(self.rule_ids),
                papers=PAPERS_MISSING.say(papers=papers) if papers else "",
            ),
            fix,
        )

    @property
    def _is_open(self) -> bool:
        recipient = self.found.recipient
        return recipient is not None and recipient.kind is RecipientKind.OPEN

    @property
    def _is_for_others(self) -> bool:
        recipient = self.found.recipient
        return recipient is not None and recipient.kind is not RecipientKind.INSIDE


def ask(
    request: Request,
    on: date | None = None,
    book: RuleBook | None = None,
    *,
    drafts: bool = False,
) -> Decision:
    """Ask whether data may leave; nothing is written.

    Parameters
    ----------
    on
        The day; None: today (`day_of`).
    book
        Other rules than those of the store: what if.
    drafts
        Ask as if drafts were in force.

    Raises
    ------
    StoreError, AccessError
        If the store, its ledger or its audit log cannot be read.
    UsageError
        If there is no such cohort or sample.
    """
    now = day_of(request.store)
    day = on or now
    found = gather(request, day)
    own = book or rules_in_use(request.store)
    granted = Ledger.open(request.store).granted(this_user(), day)
    findings: list[Judged] = []
    if own is not None:
        findings += _by_cohort(found, own, drafts=drafts)
        findings += _together(found, own, findings, drafts=drafts)
    findings += house_findings(found, granted, findings, has_rules=own is not None)
    ordered = sorted(dict.fromkeys(findings), key=lambda f: -f.effect.rank)
    what_if = day != now or book is not None
    return Decision(found, tuple(ordered), own, drafts, what_if)


def day_of(store: Path) -> date:
    """Give the day of today, or that of the last event where the clock says less.

    Whoever sets a clock back does not bring a permit back that has run out.
    """
    ledger, last = Ledger.open(store), Audit(store).chain.last()
    day = ledger.today()
    noted = days.day_of(last.time, ledger.zone) if last else day
    if noted > day:
        log.warning("%s", CLOCK.say(day=day, noted=noted))
    return max(day, noted)


def _by_cohort(found: Gathered, book: RuleBook, *, drafts: bool) -> list[Judged]:
    """Ask the rules of each cohort, with those of its people whom the recipient has then."""
    out: list[Judged] = []
    for cohort in found.cohorts:
        record = found.records.get(cohort)
        us = record.us_people if record else None
        facts = facts_of(found, cohort, found.after(cohort), us)
        judged = judge(book, facts, papers_for(found, cohort), found.on, drafts=drafts)
        out += [from_rules(f, cohort) for f in judged]
    return out


def _together(
    found: Gathered, book: RuleBook, own: Sequence[Judged], *, drafts: bool
) -> list[Judged]:
    """Ask the rules that turn on how many people the recipient has, of all of them.

    A rule that is met even of nobody was asked of each cohort. One of which each cohort has
    its papers is satisfied: what it lets out was looked at.
    """
    people = found.after()
    if len(found.cohorts) == 1 and people == found.after(found.cohorts[0]):
        return []
    us, nobody = _us_people(found), Count(0, dict.fromkeys(people.by_assay, 0), 0, 0)
    out: dict[str, Judged] = {}
    for cohort in found.cohorts:
        # The paper of one cohort lets no other go: each is asked with its own.
        papers = papers_for(found, cohort)
        facts = facts_of(found, cohort, people, us)
        if found.uncounted:
            facts |= {k: None for k in facts if k.startswith("people.")}
        none = facts_of(found, cohort, nobody, 0) | {k: 0 for k in people.facts()}
        always = {f.rule for f in judge(book, none, papers, found.on, drafts=drafts)}
        for f in judge(book, facts, papers, found.on, drafts=drafts):
            judged = from_rules(f, None)
            if f.rule in always or _is_done(f.rule, found, own):
                continue
            before = out.get(f.rule)
            if before is None or before.effect.rank < judged.effect.rank:
                out[f.rule] = judged
    return list(out.values())


def _is_done(rule: str, found: Gathered, own: Sequence[Judged]) -> bool:
    """Tell whether a rule was met, and satisfied, by each cohort by itself."""
    satisfied = {f.cohort for f in own if f.rule == rule and f.effect is Answer.ALLOW}
    return set(found.cohorts) <= satisfied


def _us_people(found: Gathered) -> int | None:
    """Add up people of the United States of all cohorts that went or go to the recipient."""
    cohorts = sorted(found.earlier_cohorts | set(found.cohorts))
    numbers = [found.known[c].us_people if c in found.known else None for c in cohorts]
    return None if None in numbers else sum(n for n in numbers if n is not None)


@dataclass
class Passage:
    """Something on its way out.

    Attributes
    ----------
    decision
        Why it may.
    link
        The event of the audit log that tells of it.
    output
        What tells the output's SHA-256, if the way out has one; set by who writes it.
    leaked
        Whether anything may be visible even though it fails, as on stdout.
    """

    decision: Decision
    link: Link
    output: dict[str, Any] = field(default_factory=dict)
    leaked: Callable[[], bool] = lambda: False


@contextmanager
def way_out(
    request: Request,
    *,
    decision: Decision | None = None,
    facts: dict[str, Any] | None = None,
) -> Iterator[Passage]:
    """Let data out of a governed store, or refuse.

    Whatever runs in the block makes its output visible as a whole at its end, or says by
    `Passage.leaked` that some of it may be visible already.

    Parameters
    ----------
    decision
        That of `ask`, where it was asked already. It is asked again where anything was noted
        since, or where it is not about today and the rules of the store: a what-if lets
        nothing out.
    facts
        What else the audit log shall tell.

    Raises
    ------
    AccessError
        If the gate does not let it pass; that is noted, and nothing else is done.
    """
    told = decision or ask(request)
    # Two who ask at once would each not see the other's people.
    with one_at_a_time(request.store):
        is_old = Audit(request.store).head() != told.found.audit_head
        if is_old or told.is_what_if or told.found.on < day_of(request.store):
            told = ask(request, drafts=told.drafts)
        if not told.is_allowed:
            Audit(request.store).note(REFUSED_EVENT, **describe(told), **(facts or {}))
            raise told.refusal()
        passage = begin(told, facts)
    try:
        yield passage
    except BaseException as error:
        # Who stopped it, or read and went away, may have what was there by then.
        is_stopped = isinstance(error, BrokenPipeError) or not isinstance(error, Exception)
        counts = passage.leaked() or is_stopped
        Audit(request.store).note(
            SHARED if counts else FAILED,
            of=passage.link.n, error=type(error).__name__, output=passage.output,
        )  # fmt: skip
        raise
    Audit(request.store).note(SHARED, of=passage.link.n, output=passage.output)


def begin(decision: Decision, facts: dict[str, Any] | None = None) -> Passage:
    """Note what is to leave, with its persons; from now on it counts."""
    people = decision.found.people
    name = Meter(decision.request.store).keep(people)
    body = describe(decision)
    body["people"] = {**body["people"], "file": name}
    return Passage(
        decision, Audit(decision.request.store).note(SHARE, **body, **(facts or {}))
    )


def describe(decision: Decision) -> dict[str, Any]:
    """Write a decision as events of the audit log tell it: no person is named."""
    request, found = decision.request, decision.found
    by_cohort = dict(found.people.group_by("cohort").agg(pl.col("person").n_unique()).rows())
    return {
        "what": request.what,
        "recipient": request.recipient,
        "recipient_kind": found.recipient.kind.value if found.recipient else None,
        "content": request.content.value,
        "purpose": request.purpose,
        "release": found.release,
        "cohorts": list(found.cohorts),
        "answer": decision.answer.value,
        "rule_ids": list(decision.rule_ids),
        "papers": sorted(
            {f"{p.kind.value}:{p.number}" for f in decision.findings for p in f.found}
        ),
        "rules": decision.rules,
        "on": found.on.isoformat(),
        "people": {
            "now": decision.now.total, "before": decision.before.total,
            "after": decision.after.total, "by_cohort": by_cohort,
        },
    }  # fmt: skip
