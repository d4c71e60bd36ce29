"""Which releases of a store are kept: rules such as `tagged, last 30, monthly`.

A release is kept if any rule keeps it; the newest always is. Rules by time go by the time a
release was made (UTC), and keep the newest of each day, week, month or year: of a release that
was withdrawn (`store/errata.py`) only where the period has no other. The rules are those of
restic's `forget --keep-*`, as users of backups know them.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from varhouse.errors import ConfigError, StoreError, UsageError, nearest
from varhouse.store.layout import read_json, write_json
from varhouse.store.releases import Release


def _week(day: str) -> str:
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02d}"


_PERIODS: dict[str, Callable[[str], str]] = {
    "daily": lambda day: day,
    "weekly": _week,
    "monthly": lambda day: day[:7],
    "yearly": lambda day: day[:4],
}
"""Rule to what names the period of a day `YYYY-MM-DD`; weeks begin on Monday (ISO 8601)."""

_FORMS = {
    "all": "all",
    "tagged": "tagged",
    "last": "last N",
    "since": "since YYYY-MM-DD",
    **{name: f"{name} or {name} N" for name in _PERIODS},
}

EXAMPLE = "tagged, last 30, monthly"


@dataclass(frozen=True)
class Rule:
    """One rule: `kind` is a word of the grammar, `value` its number or date, if it has one."""

    kind: str
    value: int | str | None = None

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind} {self.value}"


@dataclass(frozen=True)
class Policy:
    """The rules of a store; a release is kept if one of them keeps it."""

    rules: tuple[Rule, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.rules))


def parse_policy(text: str) -> Policy:
    """Read rules, parted by commas.

    Parameters
    ----------
    text
        `all`, `tagged`, `last N`, `since YYYY-MM-DD`, and `daily`, `weekly`, `monthly`,
        `yearly`, of which `monthly 12` keeps those of the newest 12 months that have any.

    Raises
    ------
    UsageError
        If it is none of them; the message says which word.
    """
    rules: dict[Rule, None] = {}
    for part in text.split(","):
        words = part.split()
        if not words:
            raise UsageError(f"{text!r}: an empty rule", f"rules such as {EXAMPLE!r}")
        rules[_parse_rule(" ".join(words), words)] = None
    return Policy(tuple(rules))


def _parse_rule(text: str, words: Sequence[str]) -> Rule:
    kind, values = words[0].lower(), words[1:]
    if kind not in _FORMS:
        raise UsageError(
            f"{text!r}: no rule is called {words[0]!r}{nearest(kind, _FORMS)}",
            f"one of: {'; '.join(_FORMS.values())}",
        )
    fix = f"write: {_FORMS[kind]}"
    wanted = 0 if kind in ("all", "tagged") else 1
    needs = kind in ("last", "since")
    if len(values) > wanted or (needs and not values):
        what = "takes nothing more" if not wanted else f"{len(values)} values, not one"
        raise UsageError(f"{text!r}: {what}", fix)
    if not values:
        return Rule(kind)
    if kind == "since":
        try:
            # Only this form: the others of ISO 8601 do not sort as text.
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", values[0]):
                raise ValueError
            return Rule(kind, date.fromisoformat(values[0]).isoformat())
        except ValueError:
            raise UsageError(f"{text!r}: {values[0]!r} is no date", fix) from None
    if not re.fullmatch(r"[0-9]{1,9}", values[0]) or int(values[0]) < 1:
        raise UsageError(f"{text!r}: {values[0]!r} is no number from 1", fix)
    return Rule(kind, int(values[0]))


def choose(
    releases: Iterable[Release],
    tags: Mapping[str, int],
    policy: Policy,
    withdrawn: Collection[int] = (),
) -> set[int]:
    """Choose the releases that are kept.

    Parameters
    ----------
    releases
        Those whose data are there.
    tags
        Name to number of a release.
    withdrawn
        Numbers of releases that stand for a period only where it has no other.

    Returns
    -------
    set of int
        Their numbers; the newest is one of them.
    """
    ordered = sorted(releases, key=lambda r: r.number, reverse=True)
    kept = {r.number for r in ordered[:1]}
    for rule in policy.rules:
        kept |= _kept_by(rule, ordered, tags, withdrawn)
    return kept


def _kept_by(
    rule: Rule,
    newest_first: Sequence[Release],
    tags: Mapping[str, int],
    withdrawn: Collection[int],
) -> set[int]:
    every = [r.number for r in newest_first]
    if rule.kind == "all":
        return set(every)
    if rule.kind == "tagged":
        return set(every) & set(tags.values())
    if rule.kind == "last":
        return set(every[: int(rule.value or 0)])
    if rule.kind == "since":
        return {r.number for r in newest_first if r.time[:10] >= str(rule.value)}
    chosen: dict[str, int] = {}
    for release in newest_first:
        period = _PERIODS[rule.kind](release.time[:10])
        held = chosen.setdefault(period, release.number)
        if held in withdrawn and release.number not in withdrawn:
            chosen[period] = release.number
    periods = sorted(chosen, reverse=True)
    if rule.value is not None:
        periods = periods[: int(rule.value)]
    return {chosen[p] for p in periods}


def _file(path: Path) -> Path:
    return path / "_store" / "retention.json"


def remember_policy(path: Path, policy: Policy) -> None:
    """Make a policy that of the store; the caller holds the store's lock."""
    write_json(_file(path), {"keep": str(policy)}, replace=True)


def read_policy(path: Path) -> Policy | None:
    """Read the policy of a store; None: it has none, and keeps every release.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    file = _file(path)
    if not file.exists():
        return None
    data = read_json(file)
    try:
        return parse_policy(data["keep"])
    except (KeyError, TypeError, AttributeError, ConfigError, UsageError) as error:
        raise StoreError(
            f"{file} is damaged: {error!r}",
            "varhouse store gc STORE --keep RULES --remember writes it anew",
        ) from None
