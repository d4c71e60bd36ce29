"""What follows from facts, by the rules of a book, on a day.

`judge` asks every rule that counts on the day. A rule that is met says what papers it needs;
where they are there, and cover what is asked (day, people, assays, recipient, purpose,
cohort), it is satisfied, otherwise its effect follows. Ingest gate and egress gate use the
same function; neither knows a threshold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from varhouse.governance.conditions import judge_condition
from varhouse.governance.facts import FACTS
from varhouse.governance.foreign import names_resource
from varhouse.governance.judgetexts import (
    DRAFT,
    EXPIRED,
    ISSUER_TITLE,
    KINDS,
    NAMED,
    NO_PAPER,
    NOT_NAMED,
    NOT_YET,
    OTHER_ASSAY,
    OTHER_COHORT,
    OTHER_ISSUER,
    OTHER_PURPOSE,
    OTHER_RECIPIENT,
    PEOPLE_UNKNOWN,
    REVOKED,
    SATISFIED,
    THAT_NAMES,
    TOO_FEW,
    UNKNOWN,
)
from varhouse.governance.model import SEQUENCED, Assay, Paper, PaperKind, allows
from varhouse.governance.rulesmodel import (
    Choice,
    Effect,
    Issuer,
    Need,
    Rule,
    RuleBook,
    Source,
    as_of,
)
from varhouse.language import Text, language

__all__ = ["DRAFT", "KINDS", "UNKNOWN", "Finding", "Said", "judge", "worst"]

HUMAN = 9606
"""NCBI taxon; rules about people are asked of no other."""


@dataclass(frozen=True)
class Said:
    """A text with its values."""

    text: Text
    values: dict[str, Any] = field(default_factory=dict)

    def say(self, code: str | None = None) -> str:
        """Say it in a language; values that are texts, too."""
        code = language() if code is None else code
        told = {
            k: v.say(code) if isinstance(v, Text | Said) else v for k, v in self.values.items()
        }
        return self.text.say(code, **told)


@dataclass(frozen=True)
class Finding:
    """What a rule that is met comes to.

    Attributes
    ----------
    rule
        Its id.
    effect
        What follows: ALLOW where its papers are there.
    demands
        What follows without papers.
    missing
        Kinds of papers that are missing.
    found
        Papers that satisfy it.
    why
        What keeps papers of the kinds from counting.
    unknown
        Facts that nobody said, on which it turns.
    """

    rule: str
    effect: Effect
    demands: Effect
    title: Text
    text: Text
    source: Source
    jurisdiction: str = ""
    status: str = "in_force"
    certainty: str = "seen"
    missing: tuple[PaperKind, ...] = ()
    found: tuple[Paper, ...] = ()
    why: tuple[Said, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def is_satisfied(self) -> bool:
        """Tell whether it stands in nobody's way."""
        return self.effect in (Effect.ALLOW, Effect.NOTE)

    def say(self, code: str | None = None) -> str:
        """Say in a line what it is and what is missing: id, title, reasons."""
        code = language() if code is None else code
        parts = [said.say(code) for said in self.why]
        if self.status == "draft":
            parts.insert(0, DRAFT.say(code))
        if self.unknown:
            names = ", ".join(f"{n} ({FACTS[n].meaning.say(code)})" for n in self.unknown)
            parts.append(UNKNOWN.say(code, facts=names))
        if self.found and not self.missing:
            papers = ", ".join(f"{KINDS[p.kind].say(code)} {p.number}" for p in self.found)
            parts.append(SATISFIED.say(code, papers=papers))
        tail = f" ({'; '.join(parts)})" if parts else ""
        return f"{self.rule}: {self.title.say(code)}{tail}"


def judge(
    book: RuleBook,
    facts: Mapping[str, Any],
    papers: Sequence[Paper],
    on: date,
    *,
    drafts: bool = False,
) -> list[Finding]:
    """Ask the rules of a day.

    Parameters
    ----------
    facts
        Words of `facts.FACTS` to values; one that lacks or is None was not said. Besides,
        `cohorts`: names of the cohorts that papers must be of.
    papers
        Those of the cohorts that are asked about.
    drafts
        Ask as if drafts were in force.

    Returns
    -------
    list of Finding
        One a rule that is met (or that guards, and is not known not to be), the strictest
        first, then by the order of the book.
    """
    given = dict(facts)
    given.setdefault("cohort.papers", sorted({p.kind.value for p in papers}))
    if given.get("people.sequenced") is None:
        given["people.sequenced"] = _sum(given.get(f"people.{a}") for a in SEQUENCED)
    definitions = book.defined(on, drafts=drafts)
    out = []
    for rule in book.on(on, drafts=drafts):
        if given.get("action") not in rule.actions:
            continue
        if rule.human and given.get("cohort.taxon") not in (None, HUMAN):
            continue
        met = judge_condition(rule.when, given, definitions)
        if met.truth or (met.truth is None and rule.guards):
            unknown = () if met.truth else met.unknown
            out.append(_finding(rule, given, papers, on, unknown))
    out += [f for i in book.issuers for f in _other_issuers(i, papers, drafts=drafts)]
    return sorted(out, key=lambda f: -f.effect.rank)


def worst(findings: Iterable[Finding]) -> Effect:
    """Give the strictest effect; ALLOW where nothing was found."""
    return max((f.effect for f in findings), key=lambda e: e.rank, default=Effect.ALLOW)


def _sum(counts: Iterable[int | None]) -> int | None:
    """Add up what was said; None where nothing was."""
    said = [n for n in counts if n is not None]
    return sum(said) if said else None


def _finding(
    rule: Rule,
    facts: dict[str, Any],
    papers: Sequence[Paper],
    on: date,
    unknown: tuple[str, ...],
) -> Finding:
    missing: list[PaperKind] = []
    found: list[Paper] = []
    why: list[Said] = []
    for need in rule.needs:
        have, reasons = _satisfied(need, facts, papers, on)
        if have is None:
            missing.append(need.kind)
            why += reasons
        else:
            found += [p for p in have if p not in found]
    is_satisfied = bool(rule.needs) and not missing
    demands = as_of(rule.effect, facts["action"])
    return Finding(
        rule=rule.id,
        effect=Effect.ALLOW if is_satisfied else demands,
        demands=demands,
        title=rule.title,
        text=rule.text,
        source=rule.source,
        jurisdiction=rule.jurisdiction,
        status=rule.dated.status,
        certainty=rule.certainty,
        missing=tuple(dict.fromkeys(missing)),
        found=tuple(found),
        why=tuple(why),
        unknown=unknown,
    )


def _satisfied(
    need: Need, facts: dict[str, Any], papers: Sequence[Paper], on: date
) -> tuple[list[Paper] | None, list[Said]]:
    """Find papers that satisfy a need; None, with the reasons, where they do not."""
    found: list[Paper] = []
    reasons: list[Said] = []
    for resource in (facts.get(need.each) or [None]) if need.each else [None]:
        have, why = _one(need, facts, papers, on, resource)
        if have is None:
            reasons += why
        else:
            found += have
    if reasons:
        return None, list(
            {(s.text, tuple(map(str, s.values.items()))): s for s in reasons}.values()
        )
    return found, []


def _one(
    need: Need, facts: dict[str, Any], papers: Sequence[Paper], on: date, resource: str | None
) -> tuple[list[Paper] | None, list[Said]]:
    reasons: list[Said] = []
    for choice in need.choices:
        usable = []
        for paper in (p for p in papers if p.kind is choice.kind):
            why = _not_counting(paper, choice, facts, on, resource)
            if why is None:
                usable.append(paper)
            else:
                reasons.append(why)
        have, short = _covering(usable, facts, need.people)
        if have is not None:
            return have, []
        reasons += short
    if not reasons:
        reasons.append(Said(NO_PAPER, {"kind": KINDS[need.kind]}))
        if resource is not None:
            what = Said(NAMED["resources"], {"resource": resource})
            kind = Said(THAT_NAMES, {"kind": KINDS[need.kind], "what": what})
            reasons[-1] = Said(NO_PAPER, {"kind": kind})
    return None, reasons


def _not_counting(
    paper: Paper, choice: Choice, facts: dict[str, Any], on: date, resource: str | None
) -> Said | None:
    """Say why a paper does not count, apart from people and assays; None: it does."""
    about = {"kind": KINDS[paper.kind], "number": paper.number}
    if paper.valid_from is not None and on < paper.valid_from:
        return Said(NOT_YET, about | {"day": paper.valid_from.isoformat()})
    if paper.valid_until is not None and on > paper.valid_until:
        return Said(EXPIRED, about | {"day": paper.valid_until.isoformat()})
    if paper.revoked is not None and on >= paper.revoked:
        return Said(REVOKED, about | {"day": paper.revoked.isoformat()})
    cohorts = facts.get("cohorts") or ()
    if paper.cohorts and not set(cohorts) <= set(paper.cohorts):
        return Said(OTHER_COHORT, about)
    if facts.get("action") == "share":
        if not allows(paper.recipients, facts.get("recipient.name")):
            return Said(OTHER_RECIPIENT, about)
        if not allows(paper.purposes, facts.get("purpose")):
            return Said(OTHER_PURPOSE, about)
    if resource is not None and not names_resource(paper.resources, resource):
        what = Said(NAMED["resources"], {"resource": resource})
        return Said(NOT_NAMED, about | {"what": what})
    for limit in choice.names:
        if not getattr(paper, limit):
            return Said(NOT_NAMED, about | {"what": Said(NAMED[limit], {"resource": ""})})
    return None


def _covering(
    papers: Sequence[Paper], facts: dict[str, Any], people: str
) -> tuple[list[Paper] | None, list[Said]]:
    """Find papers that cover the people: one for all, or one for each assay.

    Papers are not added up: an approval that was widened names the new number.
    """
    total = facts.get(people)
    assays = SEQUENCED if people == "people.sequenced" else tuple(Assay)
    counts = {a: n for a in assays if (n := facts.get(f"people.{a}"))}
    covered: dict[Assay, Paper] = {}
    reasons: list[Said] = []
    for paper in papers:
        about = {"kind": KINDS[paper.kind], "number": paper.number, "approved": paper.people}
        own = {a: n for a, n in counts.items() if not paper.assays or a in paper.assays}
        asked = total
        if paper.assays and own:
            asked = sum(own.values()) if total is None else min(total, sum(own.values()))
        if paper.people is not None and asked is None:
            reasons.append(Said(PEOPLE_UNKNOWN, about))
        elif paper.people is not None and asked is not None and paper.people < asked:
            reasons.append(Said(TOO_FEW, about | {"people": asked}))
        elif not paper.assays:
            return [paper], []
        else:
            covered |= dict.fromkeys(own, paper)
    rest = None if total is None else total - sum(counts.values())
    if counts and set(counts) <= set(covered) and (rest is None or rest <= 0):
        return list(dict.fromkeys(covered.values())), []
    if not reasons:
        reasons = [_other_assay(p, counts, covered) for p in papers]
    return None, reasons


def _other_assay(paper: Paper, counts: dict[Assay, int], covered: dict[Assay, Paper]) -> Said:
    missing = [a.value for a in counts if a not in covered]
    return Said(
        OTHER_ASSAY,
        {
            "kind": KINDS[paper.kind],
            "number": paper.number,
            "covered": ", ".join(paper.assays),
            "missing": ", ".join(missing) or "?",
        },
    )


def _other_issuers(
    issuer: Issuer, papers: Sequence[Paper], *, drafts: bool
) -> Iterable[Finding]:
    """Say of papers of a time that they name another issuer than gave them then."""
    for paper in papers:
        day = paper.valid_from
        if paper.kind not in issuer.kinds or day is None or not paper.issuer.strip():
            continue
        said = paper.issuer.casefold()
        if not issuer.dated.counts(day, drafts=drafts) or any(
            n.casefold() in said for n in issuer.names
        ):
            continue
        values = {
            "kind": KINDS[paper.kind],
            "number": paper.number,
            "day": day.isoformat(),
            "issuer": paper.issuer,
            "names": issuer.names[0],
        }
        yield Finding(
            issuer.id,
            Effect.ALLOW,
            Effect.ALLOW,
            ISSUER_TITLE,
            ISSUER_TITLE,
            issuer.source,
            issuer.jurisdiction,
            issuer.dated.status,
            issuer.certainty,
            why=(Said(OTHER_ISSUER, values),),
        )
