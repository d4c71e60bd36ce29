"""People in the accounts of ingests: in which texts they can stand, and how they go.

An account (column `summary` of the table `ingests`) tells why a cohort was held back and what
was noted of its files. Such texts name files and people, and quote lines, with calls and
alleles of whoever stands in them. All else in it are numbers, and settings that later
ingests read: these stay, be it that a word of them is somebody's id. So does the
configuration, whose paths are not of people.

What goes leaves the code of the rule, as in the accounts for anybody (`varhouse.account`).
"""

import json
import re
from collections.abc import Collection
from typing import Any

from varhouse.account import ELSEWHERE, parse, public_note, public_reason
from varhouse.store.words import REMOVED, Words

_QUOTE = re.compile(r"(?<![^\W_])['\"]")
"""What quoted text of a file stands in."""

_TEXTS = ("hold", "reasons", "notes")
"""Texts about a cohort."""

_SHORT = re.compile(
    r"VH-[A-Z]-\d{3}(?:, \d+ times)?|[\d,]+ × VH-[A-Z]-\d{3}|two files share some .*|"
    + re.escape(ELSEWHERE)
)
"""What `varhouse.account` makes of them."""

_LISTED = ("waiting", "shared_samples")
"""Lists of entries with the `first` of some people."""


class PeopleTexts:
    """Finds people of a cohort in texts about it, and takes them out.

    Parameters
    ----------
    people
        Their sample ids.
    cohort
        Their cohort: whatever a text about that quotes may be theirs.
    """

    def __init__(self, people: Collection[str], cohort: str) -> None:
        self._words, self._cohort = Words(people), cohort

    def clean(self, summary: str) -> str:
        """Give an account, JSON, without them, and without texts about files of the cohort."""
        told = parse(summary)
        cleaned = self._cleaned(told)
        return summary if cleaned == told else json.dumps(cleaned, ensure_ascii=False)

    def stand_in(self, summary: str) -> bool:
        """Tell whether an account names them, or quotes what may be theirs.

        Lines are quoted of a cohort that was held back; of one that went in the tables tell
        who is in it.
        """
        told = parse(summary)
        texts = [t for t in told.get("warnings") or [] if t in self._words]
        for key in ("cohorts", "held_back"):
            for entry in _dicts(told.get(key)):
                is_own = key == "held_back" and entry.get("cohort") == self._cohort
                texts += [t for t in _texts(entry) if self._is_theirs(t, is_own=is_own)]
        for key in _LISTED:
            for entry in _dicts(told.get(key)):
                texts += [n for n in entry.get("first") or [] if self._words.is_id(n)]
        return bool(texts)

    def stand_in_held_back(self, problems: str, reasons: str) -> bool:
        """Tell the same of a row of `held_back` of their cohort."""
        if problems in self._words or bool(parse(problems).get("first")):
            return True
        return any(self._is_theirs(t, is_own=True) for t in json.loads(reasons))

    def _is_theirs(self, text: str, *, is_own: bool) -> bool:
        quotes = is_own and _QUOTE.search(text) is not None
        return quotes or text in self._words

    def _cleaned(self, told: dict[str, Any]) -> dict[str, Any]:
        out = dict(told)
        for key in ("cohorts", "held_back"):
            if key in out:
                out[key] = [self._entry(e) for e in _dicts(out[key])]
        if "warnings" in out:
            out["warnings"] = [REMOVED if w in self._words else w for w in out["warnings"]]
        for key in _LISTED:
            if key in out:
                out[key] = [self._listed(e) for e in _dicts(out[key])]
        return out

    def _entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Clean what an account says of a cohort."""
        out, is_own = dict(entry), entry.get("cohort") == self._cohort
        for key in _TEXTS:
            # `reasons` of a cohort that went in are counts.
            if isinstance(out.get(key), list):
                short = _note if key == "notes" else _reason
                out[key] = [short(t) if is_own or t in self._words else t for t in out[key]]
        return out

    def _listed(self, entry: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(entry.get("first"), list):
            return entry
        return {**entry, "first": [n for n in entry["first"] if not self._words.is_id(n)]}


def _texts(entry: dict[str, Any]) -> list[str]:
    """List the texts about a cohort; `reasons` of one that went in are counts."""
    return [t for key in _TEXTS if isinstance(entry.get(key), list) for t in entry[key]]


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [e for e in found or [] if isinstance(e, dict)]


def _reason(text: str) -> str:
    return text if _SHORT.fullmatch(text) else public_reason(text)


def _note(text: str) -> str:
    return text if _SHORT.fullmatch(text) else public_note(text) or ELSEWHERE
