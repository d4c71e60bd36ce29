"""Texts in Chinese and English: which language a person reads, and a text in both.

What governance says to people (`varhouse ledger`, `share`, `audit`, `submit`, the gates) is
said in one of two languages. Each such text is one `Text`, in a module `texts.py` of its
room, so that neither language can lack what the other says (`tests/unit/test_texts.py`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)

_VALUE = re.compile(r"{([a-z_]+)[^}]*}")


def language(environment: Mapping[str, str] | None = None) -> str:
    """Tell which language to write in: `en` or `zh`.

    `VARHOUSE_LANGUAGE` decides; without it the first of LC_ALL, LC_MESSAGES and LANG that is
    set, as POSIX has it: a locale of Chinese means `zh`, anything else `en`.
    """
    found = os.environ if environment is None else environment
    names = ("VARHOUSE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    said = next((found[n] for n in names if found.get(n)), "")
    return CHINESE if said.lower().startswith(("zh", "chinese")) else ENGLISH


@dataclass(frozen=True)
class Text:
    """A text in both languages, with the same `{values}` in both.

    Attributes
    ----------
    en, zh
        As `str.format` takes them.
    """

    en: str
    zh: str

    def say(self, language_code: str | None = None, **values: Any) -> str:
        """Give the text in a language (default: that of the reader) with its values."""
        code = language() if language_code is None else language_code
        return (self.zh if code == CHINESE else self.en).format(**values)

    @property
    def values(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the values that stand in the English and in the Chinese text."""
        return frozenset(_VALUE.findall(self.en)), frozenset(_VALUE.findall(self.zh))
