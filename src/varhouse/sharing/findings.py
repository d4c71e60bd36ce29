"""What rules come to at the gate: those of the book, and the gate's own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from varhouse.governance.judge import Finding, Said
from varhouse.governance.model import (
    CohortRecord,
    Paper,
    PaperKind,
    Recipient,
    RecipientKind,
    Tier,
)
from varhouse.governance.rulesmodel import Source
from varhouse.language import Text
from varhouse.sharing.gatefacts import Gathered
from varhouse.sharing.gatetexts import HOUSE
from varhouse.sharing.request import Answer, Content


@dataclass(frozen=True)
class Judged:
    """A rule that is met.

    Attributes
    ----------
    rule
        Its id.
    effect
        What follows; ALLOW where its papers are there.
    demands
        What follows without papers.
    cohort
        Of which it is met; None: of all together.
    missing, found
        Papers that it needs and that are missing; that are there.
    why
        What keeps papers from counting, and which facts are not known.
    """

    rule: str
    effect: Answer
    demands: Answer
    title: Text
    text: Text
    cohort: str | None = None
    source: Source | None = None
    certainty: str = ""
    status: str = "in_force"
    missing: tuple[PaperKind, ...] = ()
    found: tuple[Paper, ...] = ()
    why: tuple["Said | Text", ...] = ()
    unknown: tuple[str, ...] = ()

    def source_said(self, code: str) -> str:
        """Name law, article and address in a language; empty for a rule of the gate."""
        if self.source is None:
            return ""
        return " ".join(x for x in (self.source.say(code), self.source.url) if x)

    def __hash__(self) -> int:
        return hash((self.rule, self.cohort, self.effect))

    def as_json(self, code: str) -> dict[str, Any]:
        """Give it as JSON has it, with texts in a language."""
        return {
            "rule": self.rule,
            "cohort": self.cohort,
            "effect": self.effect.value,
            "demands": self.demands.value,
            "title": self.title.say(code),
            "text": self.text.say(code),
            "source": self.source_said(code),
            "certainty": self.certainty,
            "status": self.status,
            "missing": [k.value for k in self.missing],
            "found": [f"{p.kind.value}:{p.number}" for p in self.found],
            "why": [w.say(code) for w in self.why],
            "unknown": list(self.unknown),
        }


def from_rules(found: Finding, cohort: str | None) -> Judged:
    """Take a finding of the book over."""
    return Judged(
        found.rule, Answer(found.effect.value), Answer(found.demands.value), found.title,
        found.text, cohort, found.source, found.certainty, found.status, found.missing,
        found.found, tuple(found.why), found.unknown,
    )  # fmt: skip


def house_findings(
    found: Gathered, granted: Collection[str], book: Sequence[Judged], *, has_rules: bool
) -> list[Judged]:
    """Ask the gate's own rules: what nothing allows is denied.

    Parameters
    ----------
    granted
        Cohorts of which who takes the data out has a grant.
    book
        What the rules of the book came to, cohort by cohort.
    """
    out: list[Judged] = []
    if not has_rules:
        out.append(_house("gate.no-rules"))
    recipient = found.recipient
    if recipient is None:
        out.append(_house("gate.unknown-recipient"))
    content = found.request.content
    is_open = recipient is not None and recipient.kind is RecipientKind.OPEN
    if is_open and content is Content.INDIVIDUAL:
        out.append(_house("gate.open-individual"))
    for cohort in found.cohorts:
        record = found.records.get(cohort)
        if record is None:
            out.append(_house("gate.unknown-cohort", cohort))
            continue
        if cohort in found.uncounted:
            out.append(_house("gate.nobody", cohort))
        if recipient is not None:
            own = [f for f in book if f.cohort == cohort]
            out += _of_cohort(found, record, recipient, granted, own)
    return out


def _of_cohort(
    found: Gathered,
    record: CohortRecord,
    recipient: Recipient,
    granted: Collection[str],
    book: Sequence[Judged],
) -> list[Judged]:
    out: list[Judged] = []
    name = record.cohort
    is_inside = recipient.kind is RecipientKind.INSIDE
    if record.is_withdrawn:
        out.append(_house("gate.withdrawn", name))
    if name in found.left and not is_inside and found.request.content is Content.INDIVIDUAL:
        # Sums of an older release stay as they were published, until a purge or a new view.
        out.append(_house("gate.left", name))
    if record.is_embargoed(found.on) and not is_inside:
        out.append(_house("gate.embargo", name))
    decided = _naming(found, record)
    is_open = recipient.kind is RecipientKind.OPEN
    if is_open and not _tier_lets_out(record.tier, recipient, found.request.content):
        # Before what opens T3: a decision for everybody is none.
        out.append(_house("gate.tier-open", name))
    elif record.tier is Tier.T3:
        is_decided = is_inside or (decided is not None and decided.kind is PaperKind.DAC)
        if not (name in granted and is_decided):
            out.append(_house("gate.tier-3", name, () if is_inside else (PaperKind.DAC,)))
    elif (
        not is_inside
        and not _tier_lets_out(record.tier, recipient, found.request.content)
        # Where the book asks for a report or a review of this, they decide.
        and not any(f.demands in (Answer.REPORT, Answer.REVIEW) for f in book)
    ):
        out.append(_house("gate.tier", name, (PaperKind.DAC,), decided))
    return out


def _naming(found: Gathered, record: CohortRecord) -> Paper | None:
    """Find a paper that names the recipient, the data access committee's first.

    As for the rules of the book, one that is for other purposes does not count.
    """
    recipient, purpose = found.request.recipient, found.request.purpose
    naming = [
        p
        for p in record.papers
        if p.is_valid(found.on) and p.recipients and p.covers(recipient, purpose)
    ]
    return min(naming, key=lambda p: p.kind is not PaperKind.DAC, default=None)


def _tier_lets_out(tier: Tier | None, recipient: Recipient, content: Content) -> bool:
    """Tell whether a tier alone lets data out."""
    if content is Content.INDIVIDUAL:
        return False
    return tier is Tier.T0 or (tier is Tier.T1 and recipient.kind is not RecipientKind.OPEN)


def _house(
    rule: str,
    cohort: str | None = None,
    missing: tuple[PaperKind, ...] = (),
    decided: Paper | None = None,
) -> Judged:
    title, text = HOUSE[rule]
    effect = Answer.DENY if decided is None else Answer.ALLOW
    return Judged(
        rule, effect, Answer.DENY, title, text, cohort, certainty="house",
        missing=missing if decided is None else (),
        found=() if decided is None else (decided,),
    )  # fmt: skip
