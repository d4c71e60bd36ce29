"""The grammar of a meta line: pairs of a structured one, names, URLs.

What a kind of line must hold is said in `header_rules.py`.
"""

import re
from dataclasses import dataclass, field

_KEY = re.compile(r'([^=,<>"\s][^=,"]*)=')
_END = r"(?=,|$)"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"' + _END, re.DOTALL)
_LITERAL = re.compile(r'"([^"]*)"' + _END)
_GROUP = re.compile(r"(?:\[[^\]]*\]|<[^<>]*>)" + _END)
_BARE = re.compile(r'[^,"]*' + _END)
_BARE_ALT = re.compile(r"[^,]*" + _END)
_SEPARATOR = re.compile(r",(?=.)|$", re.DOTALL)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URL = re.compile(
    r"file:/.+|[A-Za-z][^:/?#\s]*://(?:[^/?#\s@]*@)?"
    r"(?:\[[0-9A-Fa-f:.]+\](?::\d+)?|[^/?#\s]*[A-Za-z][^/?#\s]*"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)"
    r"(?:[/?#]\S*)?"
)
_WORD = re.compile(r"\w")
_SPLITS = re.compile(r"[\s,;=<>\"]")


@dataclass
class Meta:
    """A structured meta line `##kind=<...>`.

    Attributes
    ----------
    line
        1-based line of the file.
    text
        What stands between `<` and `>`.
    values
        Keys to values without quotes and escapes; of a key that stands twice the first.
    quoted
        Keys whose value stands in quotes.
    keys
        All keys in order.
    broken
        From where on the line cannot be read; None if it can.
    """

    kind: str
    line: int
    text: str
    values: dict[str, str] = field(default_factory=dict)
    quoted: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    broken: str | None = None

    @property
    def name(self) -> str:
        """Name of the line in messages."""
        return f"{self.kind}/{self.values['ID']}" if self.values.get("ID") else self.kind


def split_meta(kind: str, line: int, inside: str, version: int) -> Meta:
    """Split what stands between `<` and `>` into keys and values.

    `version` is the minor one: up to 4.2 a quote "can" be escaped with a backslash, so that
    a backslash may also stand for itself; from 4.3 on it must be escaped (section 1.4.2).
    """
    meta = Meta(kind, line, inside)
    at = 0
    while at < len(inside):
        key = _KEY.match(inside, at)
        end = _take_value(meta, key[1], key.end(), version) if key else -1
        separator = _SEPARATOR.match(inside, end) if end >= 0 else None
        if separator is None:
            meta.broken = inside[at:]
            break
        at = separator.end()
    if not inside:
        meta.broken = ""
    return meta


def _take_value(meta: Meta, key: str, at: int, version: int) -> int:
    """Take the value at a place of the line; gives its end, -1 if it cannot be read."""
    inside = meta.text
    if inside.startswith('"', at):
        meta.quoted.add(key)
        match = _QUOTED.match(inside, at)
        value = re.sub(r"\\(.)", r"\1", match[1]) if match else ""
        if match is None and version <= 2 and (match := _LITERAL.match(inside, at)):
            value = match[1]
    else:
        # The Values of META, and lists of TCGA's ##SAMPLE, hold commas.
        match = _GROUP.match(inside, at) if key != "ID" else None
        if match is None:
            bare = _BARE_ALT if (meta.kind, key) == ("ALT", "ID") else _BARE
            match = bare.match(inside, at)
            if match is not None and re.search("[<>]", match[0]):
                match = None
        value = match[0] if match else ""
    if match is None:
        return -1
    meta.keys.append(key)
    meta.values.setdefault(key, value)
    return match.end()


def is_name(text: str) -> bool:
    """Tell whether a text can be an identifier: no separator in it, and a letter or digit."""
    return _SPLITS.search(text) is None and _WORD.search(text) is not None


def url_fault(text: str) -> str | None:
    """Say what is wrong with a URL: `error`, or `warning` for a text that names no scheme."""
    if _URL.fullmatch(text):
        return None
    return "warning" if text and not _SCHEME.match(text) else "error"
