"""Reads a file of rules, and says all its mistakes at once: file, line, rule, fix."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from varhouse.errors import ConfigError, nearest
from varhouse.governance.conditions import check_condition
from varhouse.governance.facts import FACTS
from varhouse.governance.lists import with_lists
from varhouse.governance.model import PaperKind
from varhouse.governance.rulesmodel import (
    CERTAINTIES,
    EFFECTS,
    LIMITS,
    STATUSES,
    Choice,
    Dated,
    Definition,
    Effect,
    Issuer,
    Need,
    Rule,
    RuleBook,
    Source,
)
from varhouse.language import Text
from varhouse.textfile import read_text
from varhouse.yamltext import MOST_BYTES, read_yaml


class Reader:
    """Reads a file of rules, and gathers its mistakes.

    Parameters
    ----------
    ours
        Gives our book, for one that `extends: builtin`; on the days on which they count
        its rules stand for ours of the same id, its definitions for ours of the same name.
    """

    def __init__(self, path: Path, ours: Callable[[], RuleBook]) -> None:
        self.path, self.ours = path, ours
        self.base: RuleBook | None = None
        self.problems: list[str] = []
        self.raw = with_lists(read_yaml(path))
        self.lines = _lines(path)

    def book(self) -> RuleBook:
        """Give the book; raises ConfigError with all mistakes."""
        raw = self.raw
        if not isinstance(raw, dict) or not isinstance(raw.get("rules"), list):
            raise ConfigError([f"{self.path}: no list called rules"], f"in {self.path}")
        for key in (k for k in raw if k not in _KEYS):
            self.say("", 1, f"no key {key!r} is known", f"one of {', '.join(_KEYS)}")
        if raw.get("extends") == "builtin":
            self.base = self.ours()
        elif "extends" in raw:
            self.say("", 1, f"extends is {raw['extends']!r}", "extends: builtin, or no key")
        # YAML reads 2026-11-30 as a date.
        version = str(raw.get("version") or "")
        if not version:
            self.say("", 1, "no version", "say version: a date, for instance")
        defined = self._all("definitions", self._definition)
        self._check_definitions(defined)
        issuers = self._all("issuers", self._issuer)
        rules = self._all("rules", self._rule)
        if not raw["rules"] and self.base is None:
            fix = "write one, or extends: builtin"
            self.say("", 1, "a book without a rule lets everything pass", fix)
        self._check_ids(rules)
        if self.problems:
            raise ConfigError(self.problems, f"in {self.path}")
        text = json.dumps(raw, sort_keys=True, ensure_ascii=False, default=str)
        if self.base is not None:
            text += self.base.digest
            # Ours stay, for the days on which those of the same name do not count.
            rules = [*self.base.rules, *rules]
            defined = [*self.base.definitions, *defined]
            issuers = [*self.base.issuers, *issuers]
        digest = hashlib.sha256(text.encode()).hexdigest()
        return RuleBook(
            version, tuple(rules), tuple(defined), tuple(issuers), digest, str(self.path)
        )

    def say(self, who: str, line: int, what: str, fix: str) -> None:
        """Note a mistake."""
        name = f" {who}:" if who else ""
        self.problems.append(f"{self.path}:{line}:{name} {what}; fix: {fix}")

    def _all(self, key: str, read: Callable[["_Item"], Any]) -> list[Any]:
        items = self.raw.get(key) or []
        if not isinstance(items, list):
            self.say("", 1, f"{key} is no list", f"write {key}: as a list")
            return []
        out = []
        for i, item in enumerate(items):
            line = self.lines.get((key, i), 1)
            if not isinstance(item, dict):
                self.say(f"{key}[{i}]", line, "is no mapping", "see docs/rules.md")
                continue
            name = item.get("id") or item.get("name") or f"{key}[{i}]"
            out.append(read(_Item(self, item, line, str(name))))
        return [o for o in out if o is not None]

    def _definition(self, item: "_Item") -> Definition:
        found = Definition(item.text("name"), item.mapping("when"), item.dated())
        item.done()
        return found

    def _check_definitions(self, defined: Sequence[Definition]) -> None:
        for d in defined:
            line = self.lines.get(("definitions", list(defined).index(d)), 1)
            # A definition that could name another could name itself by way of it.
            for problem in check_condition(d.when, {}):
                self.say(d.name, line, problem, "correct the condition")
            if any(_meet(d, other) for other in defined[: list(defined).index(d)]):
                fix = "leave one, or give them days that do not meet (from, until)"
                self.say(d.name, line, "is defined twice for the same days", fix)

    def _issuer(self, item: "_Item") -> Issuer:
        found = Issuer(
            item.text("id"),
            item.text("jurisdiction"),
            tuple(item.kinds("kinds")),
            tuple(item.texts("names")),
            item.dated(),
            item.source(),
            item.one_of("certainty", CERTAINTIES),
        )
        item.done()
        return found

    def _rule(self, item: "_Item") -> Rule:
        names = {
            str(d.get("name")): 1
            for d in _list(self.raw.get("definitions"))
            if isinstance(d, dict)
        } | {d.name: 1 for d in (self.base.definitions if self.base else ())}
        actions = tuple(item.texts("action"))
        for action in actions:
            if action not in EFFECTS:
                item.say(f"no action is called {action!r}", f"one of {', '.join(EFFECTS)}")
        when = item.mapping("when")
        for problem in check_condition(when, names):
            item.say(problem, "correct the condition")
        effect = item.one_of("effect", [e.value for e in Effect])
        allowed = {e for a in actions for e in EFFECTS.get(a, ())}
        if effect and allowed and Effect(effect) not in allowed:
            item.say(
                f"effect {effect} is none of {' and '.join(actions)}",
                f"one of {', '.join(sorted(allowed))}",
            )
        found = Rule(
            id=item.text("id"),
            jurisdiction=item.text("jurisdiction"),
            actions=actions,
            when=when,
            effect=Effect(effect) if effect else Effect.DENY,
            title=item.both("title"),
            text=item.both("text"),
            source=item.source(),
            certainty=item.one_of("certainty", CERTAINTIES),
            dated=item.dated(may_replace=True),
            needs=tuple(item.needs()),
            guards=item.flag("guards", default=True),
            human=item.flag("human", default=True),
        )
        item.done()
        return found

    def _check_ids(self, rules: Sequence[Rule]) -> None:
        seen: set[str] = set()
        ids = [r.id for r in rules] + [r.id for r in (self.base.rules if self.base else ())]
        for i, rule in enumerate(rules):
            line = self.lines.get(("rules", i), 1)
            if rule.id in seen:
                self.say(rule.id, line, "stands twice", "give each rule an id of its own")
            seen.add(rule.id)
            for other in rule.dated.replaces:
                if other == rule.id:
                    self.say(rule.id, line, "replaces itself", "name the rule that is to go")
                elif other not in ids:
                    self.say(
                        rule.id,
                        line,
                        f"replaces {other!r}, which is no rule",
                        f"name a rule{nearest(other, ids)}",
                    )


class _Item:
    """An entry of a list of the file, of which every key is asked for once."""

    def __init__(self, reader: Reader, raw: dict[str, Any], line: int, name: str) -> None:
        self.reader, self.raw, self.line, self.name = reader, raw, line, name
        self.asked: set[str] = set()

    def say(self, what: str, fix: str) -> None:
        self.reader.say(self.name, self.line, what, fix)

    def get(self, key: str) -> Any:
        self.asked.add(key)
        return self.raw.get(key)

    def done(self) -> None:
        for key in self.raw:
            if key not in self.asked:
                self.say(
                    f"no key {key!r} is known{nearest(str(key), self.asked)}", "take it out"
                )

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            self.say(f"no {key}", f"write {key}: a text")
            return ""
        return value

    def texts(self, key: str) -> list[str]:
        value = self.get(key)
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(v, str) for v in items):
            self.say(f"no {key}", f"write {key}: a text, or a list of texts")
            return []
        return items

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.get(key)
        return value if isinstance(value, dict) else {}

    def one_of(self, key: str, known: Sequence[str]) -> str:
        value = self.get(key)
        if value not in known:
            self.say(f"{key} is {value!r}", f"one of {', '.join(known)}")
            return ""
        return str(value)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            self.say(f"{key} is {value!r}", "true or false")
        return default if value is None else bool(value)

    def both(self, key: str) -> Text:
        value = self.get(key)
        if not isinstance(value, dict) or not all(
            isinstance(value.get(k), str) and value[k].strip() for k in ("en", "zh")
        ):
            self.say(
                f"{key} is not said in both languages", f"write {key}: {{en: ..., zh: ...}}"
            )
            return Text("", "")
        found = Text(" ".join(value["en"].split()), "".join(value["zh"].split("\n")).strip())
        if set("{}") & set(found.en + found.zh):
            self.say(f"{key} has a brace", "write it without { and }")
            return Text("", "")
        return found

    def day(self, key: str) -> date | None:
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, datetime):
            value = value.date()
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                value = None
        if not isinstance(value, date):
            self.say(f"{key} is {self.raw[key]!r}, which is no date", "write it as 2026-12-31")
            return None
        return value

    def dated(self, *, may_replace: bool = False) -> Dated:
        since, until = self.day("from"), self.day("until")
        if since and until and until < since:
            self.say(f"until {until} lies before from {since}", "correct one of both")
        status = self.one_of("status", STATUSES) if "status" in self.raw else "in_force"
        self.asked.add("status")
        # A draft of a definition takes the place of that of its name: it names no other.
        names_others = may_replace and "replaces" in self.raw
        replaces = self.texts("replaces") if names_others else []
        return Dated(since, until, status, tuple(replaces))

    def source(self) -> Source:
        value = self.get("source")
        if not isinstance(value, dict) or not value.get("law"):
            self.say("no source", "write source: {law, article, url, checked}")
            return Source("")
        known = {"law", "article", "url", "checked"}
        for key in sorted(map(str, set(value) - known)):
            self.say(f"source: no key {key!r} is known", "law, article, url, checked")
        said = {k: str(v) for k, v in value.items() if k in known}
        law = value["law"]
        if not isinstance(law, dict):
            return Source(**said)
        if set(law) != {"en", "zh"} or not all(isinstance(t, str) for t in law.values()):
            self.say("source: law is not said in both languages", "law: {en: ..., zh: ...}")
            return Source("")
        return Source(**{**said, "law": law["en"]}, law_zh=law["zh"])

    def kinds(self, key: str) -> list[PaperKind]:
        return [k for k in map(self.kind, self.texts(key)) if k is not None]

    def kind(self, word: Any) -> PaperKind | None:
        if word not in list(PaperKind):
            self.say(
                f"no paper is called {word!r}{nearest(str(word), list(PaperKind))}",
                f"one of {', '.join(PaperKind)}",
            )
            return None
        return PaperKind(word)

    def needs(self) -> list[Need]:
        """Read the needs: a kind, or {paper: KIND, ...}, or {any: [these]}."""
        value = self.get("needs")
        items = value if isinstance(value, list) else [] if value is None else [value]
        return [n for n in map(self._need, items) if n is not None]

    def _need(self, item: Any) -> Need | None:
        if not isinstance(item, str | dict):
            self.say(f"needs: {item!r}", "a kind of paper, {paper: KIND, ...} or {any: [...]}")
            return None
        raw = {"any": [item]} if isinstance(item, str) or "paper" in item else dict(item)
        extra = {k: v for k, v in raw.items() if k != "any"}
        choices = []
        if not _list(raw.get("any")):
            self.say("needs: any is no list of papers", "any: [KIND, {paper: KIND, ...}]")
        for choice in _list(raw.get("any")):
            said = dict(choice) if isinstance(choice, dict) else {"paper": choice}
            kind = self.kind(said.pop("paper", None))
            names = said.pop("names", [])
            if not isinstance(names, list) or any(n not in LIMITS for n in names):
                self.say(f"needs: names is {names!r}", f"a list of {', '.join(LIMITS)}")
                names = []
            extra |= said
            if kind is not None:
                choices.append(Choice(kind, tuple(names)))
        people = str(extra.pop("people", "people.total"))
        each = str(extra.pop("each")) if "each" in extra else None
        for key in extra:
            self.say(f"needs: no key {key!r} is known", "paper, any, names, people, each")
        for key, fact, held in (("people", people, int), ("each", each, list)):
            if fact is None:
                continue
            if fact not in FACTS:
                near = nearest(str(fact), FACTS)
                self.say(f"needs: no fact is called {fact!r}{near}", "correct it")
            elif FACTS[fact].kind is not held:
                known = [f.name for f in FACTS.values() if f.kind is held]
                what = f"needs: {key} is {fact!r}, which is no {_KIND_WORDS[held]}"
                self.say(what, f"one of {', '.join(known)}")
        return Need(tuple(choices), people, each) if choices else None


_KIND_WORDS = {int: "number", list: "list"}
_KEYS = ("version", "extends", "definitions", "issuers", "rules")


def _meet(one: Definition, other: Definition) -> bool:
    """Tell whether two definitions of a name count on a same day, where one is not meant."""
    a, b = one.dated, other.dated
    return (
        (one.name, a.status) == (other.name, b.status)
        and (a.since or date.min) <= (b.until or date.max)
        and (b.since or date.min) <= (a.until or date.max)
    )


def _list(value: Any) -> list[Any]:
    """Give a list; what is none has no entries."""
    return value if isinstance(value, list) else []


def _lines(path: Path) -> dict[tuple[str, int], int]:
    """Find the 1-based lines on which the entries of the lists of a file begin."""
    root = yaml.compose(read_text(path, MOST_BYTES), Loader=yaml.SafeLoader)
    out: dict[tuple[str, int], int] = {}
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if isinstance(value, yaml.SequenceNode):
                for i, item in enumerate(value.value):
                    out[key.value, i] = item.start_mark.line + 1
    return out
