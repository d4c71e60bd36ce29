"""Conditions of rules: `all`, `any`, `not` over facts, with true, false and unknown.

A condition is a mapping of one of these forms, in YAML or JSON:

    {all: [CONDITION, ...]}      {any: [CONDITION, ...]}      {not: CONDITION}
    {defined: NAME}              a condition that the book names once, such as foreign_party
    {fact: NAME, OPERATOR: VALUE}

A fact that nobody said (None, or an empty text) makes a comparison unknown. `all`, `any` and
`not` follow Kleene: what is false anyway stays false. `known: true` alone asks whether it was
said, and is never unknown. Texts are compared without regard to case, width and further
blanks.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from varhouse.errors import nearest
from varhouse.governance.facts import FACTS, Fact
from varhouse.governance.model import folded

Truth = bool | None
"""None: unknown."""


@dataclass(frozen=True)
class Fulfilled:
    """What a condition came to.

    Attributes
    ----------
    truth
        True, False, or None: not known.
    unknown
        Names of the facts that were asked and that nobody said, in order.
    """

    truth: Truth
    unknown: tuple[str, ...] = ()


def _folded(value: Any) -> Any:
    return folded(value) if isinstance(value, str) else value


def _has(have: Any, wanted: Any) -> bool:
    names = {_folded(v) for v in have}
    asked = wanted if isinstance(wanted, list) else [wanted]
    return any(_folded(v) in names for v in asked)


def _in(have: Any, wanted: Any) -> bool:
    return _folded(have) in [_folded(v) for v in wanted]


def _equals(have: Any, wanted: Any) -> bool:
    return bool(_folded(have) == _folded(wanted))


OPERATORS: dict[str, tuple[Callable[[Any, Any], bool], tuple[type, ...]]] = {
    "more_than": (operator.gt, (int, float)),
    "at_least": (operator.ge, (int, float)),
    "less_than": (operator.lt, (int, float)),
    "at_most": (operator.le, (int, float)),
    "equals": (_equals, (int, float, str)),
    "in": (_in, (int, float, str)),
    "is": (operator.is_, (bool,)),
    "has": (_has, (list,)),
    "is_empty": (lambda have, wanted: (len(have) == 0) is wanted, (list,)),
}
"""Word to what it does and the kinds of facts of which it may be asked."""

_FORMS = "one of all, any, not, defined, or fact with an operator"


def is_said(value: Any) -> bool:
    """Tell whether a fact was said: an empty text says nothing, an empty list does."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def judge_condition(
    condition: Any, facts: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Fulfilled:
    """Say what a condition comes to.

    Parameters
    ----------
    condition
        As `check_condition` lets it pass.
    facts
        Name to value; one that is not there was not said.
    definitions
        Name to the condition that `defined` stands for.
    """
    if "all" in condition or "any" in condition:
        word = "all" if "all" in condition else "any"
        return _joined(
            [judge_condition(c, facts, definitions) for c in condition[word]], word == "all"
        )
    if "not" in condition:
        inner = judge_condition(condition["not"], facts, definitions)
        return Fulfilled(None if inner.truth is None else not inner.truth, inner.unknown)
    if "defined" in condition:
        return judge_condition(definitions[condition["defined"]], facts, definitions)
    name = condition["fact"]
    word, wanted = next((k, v) for k, v in condition.items() if k != "fact")
    have = facts.get(name)
    if word == "known":
        return Fulfilled(is_said(have) is wanted)
    if not is_said(have):
        return Fulfilled(None, (name,))
    return Fulfilled(bool(OPERATORS[word][0](have, wanted)))


def _joined(parts: list[Fulfilled], every: bool) -> Fulfilled:
    """Join by Kleene's `and` (every) or `or`; tells only what kept it from being known."""
    decides = not every
    if any(p.truth is decides for p in parts):
        return Fulfilled(decides)
    asked = [n for p in parts if p.truth is None for n in p.unknown]
    return Fulfilled(None if asked else every, tuple(dict.fromkeys(asked)))


def check_condition(condition: Any, defined: Mapping[str, Any]) -> list[str]:
    """Find what is wrong with a condition as it was read; empty: nothing.

    Parameters
    ----------
    defined
        Names that `defined` may say.
    """
    if not isinstance(condition, dict) or not condition:
        return [f"a condition is {_FORMS}, not {condition!r}"]
    if len(condition) == 1:
        ((word, inner),) = condition.items()
        if word in ("all", "any"):
            if not isinstance(inner, list) or not inner:
                return [f"{word} takes a list of conditions"]
            return [p for part in inner for p in check_condition(part, defined)]
        if word == "not":
            return check_condition(inner, defined)
        if word == "defined":
            if isinstance(inner, str) and inner in defined:
                return []
            return [f"nothing is defined as {inner!r}{nearest(str(inner), defined)}"]
    return _check_comparison(condition)


def _check_comparison(condition: dict[str, Any]) -> list[str]:
    name = condition.get("fact")
    if not isinstance(name, str) or name not in FACTS:
        return [
            f"no fact is called {name!r}{nearest(str(name), FACTS)}; a condition is {_FORMS}"
        ]
    words = [str(k) for k in condition if k != "fact"]
    if len(words) != 1:
        return [f"{name}: one operator, not {len(words)}"]
    (word,) = words
    wanted, kind = condition.get(word), FACTS[name].kind
    if word == "known":
        return [] if isinstance(wanted, bool) else [f"{name}: known is true or false"]
    if word not in OPERATORS:
        return [
            f"{name}: no operator is called {word!r}{nearest(word, [*OPERATORS, 'known'])}"
        ]
    if kind not in OPERATORS[word][1]:
        return [f"{name} is {kind.__name__}, of which {word} is not asked"]
    if not _fits(word, wanted, kind):
        return [f"{name}: {word} takes no {wanted!r}"]
    return _never(FACTS[name], wanted)


def _never(fact: Fact, wanted: Any) -> list[str]:
    """Name what a fact can never be: a rule that asks for it would never count."""
    asked = wanted if isinstance(wanted, list) else [wanted]
    if fact.kind in (int, float):
        wrong = [v for v in asked if not 0 <= v <= fact.most or v == float("inf")]
        top = f"{fact.most:g}" if fact.most < float("inf") else "any number"
        return [f"{fact.name} is never {v!r}: it goes from 0 to {top}" for v in wrong]
    if fact.words is None:
        return []
    words = list(map(str, fact.words()))
    known = {_folded(w) for w in words}
    wrong = [v for v in asked if isinstance(v, str) and _folded(v) not in known]
    return [f"{fact.name} is never {v!r}{nearest(v, words)}" for v in wrong]


def _fits(word: str, wanted: Any, kind: type) -> bool:
    if word == "is_empty":
        return isinstance(wanted, bool)
    if word in ("in", "has") and isinstance(wanted, list):
        inner = str if kind is list else kind
        return bool(wanted) and all(_fits("equals", v, inner) for v in wanted)
    if word == "in":
        return False
    if kind in (int, float):
        return isinstance(wanted, int | float) and not isinstance(wanted, bool)
    return isinstance(wanted, str if kind is list else kind)


def facts_of(condition: Any, definitions: Mapping[str, Any]) -> frozenset[str]:
    """Name the facts that a condition asks."""
    if "defined" in condition:
        return facts_of(definitions[condition["defined"]], definitions)
    if "not" in condition:
        return facts_of(condition["not"], definitions)
    if "fact" in condition:
        return frozenset((condition["fact"],))
    parts = condition.get("all") or condition.get("any") or []
    return frozenset(n for part in parts for n in facts_of(part, definitions))
