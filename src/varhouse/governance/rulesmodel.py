"""What a rule book holds: rules, definitions, who gives papers; with dates and sources.

How a book is written and read: `rules.py`, `rulesread.py`; what follows from it: `judge.py`.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from varhouse.governance.model import PaperKind
from varhouse.language import CHINESE, Text, language


class Effect(StrEnum):
    """What follows where a rule is met and its papers are missing; later is stricter."""

    ALLOW = "allow"
    """Nothing: it is said, and no more."""
    NOTE = "note"
    """Of an ingest: it goes in, and the account says it."""
    REPORT = "report_and_backup"
    REVIEW = "security_review"
    HOLD = "hold"
    """Of an ingest: the cohort is held back."""
    DENY = "deny"

    @property
    def rank(self) -> int:
        """Order them: the stricter the larger."""
        return list(Effect).index(self)


EFFECTS = {
    "share": (Effect.ALLOW, Effect.REPORT, Effect.REVIEW, Effect.DENY),
    "ingest": (Effect.NOTE, Effect.HOLD),
}
"""Action to the effects that its rules may have, the mildest first."""


def as_of(effect: Effect, action: str) -> Effect:
    """Give what an effect is to an action: a rule of both may have but one of either's.

    What stands in the way of one stands in the way of the other.
    """
    own = EFFECTS[action]
    if effect in own:
        return effect
    return own[0] if effect in (Effect.ALLOW, Effect.NOTE) else own[-1]


STATUSES = ("in_force", "draft")
CERTAINTIES = ("seen", "memory", "assumed")
"""Read in stored material; remembered and not checked again; a cautious reading of ours."""

LIMITS = ("cohorts", "assays", "recipients", "purposes", "resources")
"""What a need may ask to be named in the paper itself."""


@dataclass(frozen=True)
class Choice:
    """A kind of paper that satisfies a need.

    Attributes
    ----------
    kind
        What paper.
    names
        What it must name itself (`LIMITS`); otherwise a paper without limits does.
    """

    kind: PaperKind
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Need:
    """A paper that must be there: one of some kinds.

    Attributes
    ----------
    choices
        The kinds, the usual first.
    people
        Fact with the number of people that it must cover.
    each
        Fact with a list of which every entry must be in `resources` of a paper of its own.
    """

    choices: tuple[Choice, ...]
    people: str = "people.total"
    each: str | None = None

    @property
    def kind(self) -> PaperKind:
        """The usual kind."""
        return self.choices[0].kind


@dataclass(frozen=True)
class Source:
    """Where a rule stands: law, article, address, and when that was looked at and how."""

    law: str
    article: str = ""
    url: str = ""
    checked: str = ""
    law_zh: str = ""

    def say(self, code: str | None = None) -> str:
        """Name law and article in a language."""
        if (language() if code is None else code) != CHINESE:
            return ", ".join(t for t in (self.law, self.article) if t)
        article = re.sub(r"\AArts?\. (.*)", r"第\1条", self.article)
        article = article.replace(" to ", "至").replace(", ", "、")
        return (self.law_zh or self.law) + article


@dataclass(frozen=True)
class Dated:
    """What counts on some days: first and last day, both included, and whether it is law."""

    since: date | None = None
    until: date | None = None
    status: str = "in_force"
    replaces: tuple[str, ...] = ()

    def counts(self, on: date, *, drafts: bool) -> bool:
        """Tell whether it is to be asked on a day."""
        return (
            (drafts or self.status == "in_force")
            and (self.since is None or self.since <= on)
            and (self.until is None or on <= self.until)
        )


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes
    ----------
    guards
        It counts what is not known as met.
    human
        It is asked of data of people alone (taxon 9606, or not said).
    """

    id: str
    jurisdiction: str
    actions: tuple[str, ...]
    when: dict[str, Any]
    effect: Effect
    title: Text
    text: Text
    source: Source
    certainty: str
    dated: Dated
    needs: tuple[Need, ...] = ()
    guards: bool = True
    human: bool = True


@dataclass(frozen=True)
class Definition:
    """A condition with a name."""

    name: str
    when: dict[str, Any]
    dated: Dated


@dataclass(frozen=True)
class Issuer:
    """Who gives papers of some kinds, from a day until a day."""

    id: str
    jurisdiction: str
    kinds: tuple[PaperKind, ...]
    names: tuple[str, ...]
    dated: Dated
    source: Source
    certainty: str


@dataclass(frozen=True)
class RuleBook:
    """Rules, with what they are known by.

    Attributes
    ----------
    version
        As the file says.
    digest
        SHA-256 of what it says, not of how it is laid out.
    """

    version: str
    rules: tuple[Rule, ...]
    definitions: tuple[Definition, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    digest: str = ""
    path: str = field(default="", compare=False)

    def rule(self, rule_id: str) -> Rule:
        """Give a rule by its id; of several the last.

        Raises
        ------
        KeyError
            If it has none.
        """
        return {r.id: r for r in self.rules}[rule_id]

    def on(self, day: date, *, drafts: bool = False) -> tuple[Rule, ...]:
        """List the rules that count on a day, without those that others replace.

        Of several with an id the last that counts: that of a book which extends another.
        """
        found = {r.id: r for r in self.rules if r.dated.counts(day, drafts=drafts)}.values()
        gone = {i for r in found for i in r.dated.replaces}
        return tuple(r for r in found if r.id not in gone)

    def defined(self, day: date, *, drafts: bool = False) -> dict[str, dict[str, Any]]:
        """Give the definitions of a day, by name; a draft comes before what is in force.

        A name that is defined on other days alone is false.
        """
        out: dict[str, dict[str, Any]] = {d.name: {"any": []} for d in self.definitions}
        found = [d for d in self.definitions if d.dated.counts(day, drafts=drafts)]
        for d in sorted(found, key=lambda d: d.dated.status == "draft"):
            out[d.name] = d.when
        return out
