"""The grammar of a meta line: pairs of a structured one, names, URLs.

What a kind of line must hold is said in `header_rules.py`. Whoever wants to know what a line
says calls `read_meta`: a line that is told of is read all the same, as far as it goes.
"""

import re
from dataclasses import dataclass, field

_KEY = re.compile(r'([^=,<>"\s]+)=')
_FREE_KEY = re.compile(r'([^=,<>"\s][^=,"]*)=')
_END = r"(?=,|\Z)"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"' + _END, re.DOTALL)
_LITERAL = re.compile(r'"([^"]*)"' + _END)
# A group ends before the next begins, so that a line of openings is read in linear time.
_GROUP = re.compile(r"(?:\[[^\[\]]*\]|<[^<>]*>)" + _END)
_BARE = re.compile(r"[^,]*" + _END)
_BARE_ID = re.compile(r"[^,<>]*" + _END)
_NEXT_KEY = re.compile(r"(?:,\s*|\A\s+)(?=[A-Za-z_][\w.]*=)")
"""Where a line that could not be read may be read again."""
_SEPARATOR = re.compile(r",(?=.)|\Z", re.DOTALL)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URL = re.compile(
    r"file:/.+|[A-Za-z][^:/?#\s]*://(?:[^/?#\s@]*@)?"
    r"(?:\[[0-9A-Fa-f:.]+\](?::\d+)?|[^/?#\s]*[A-Za-z][^/?#\s]*"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)"
    r"(?:[/?#].*)?"
)
_WORD = re.compile(r"\w")
_SPLITS = re.compile(r"[\s,;=<>\"]")

_CONTIG = re.compile(
    r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*"
)  # VCF 4.5, section 1.4.7
LEVELS = ("DEL", "INS", "DUP", "INV", "CNV")
"""First levels of the type of a structural variant (section 1.4.5)."""

SYMBOLIC = {*LEVELS, "DUP:TANDEM", "DEL:ME", "INS:ME", "CNV:TR"}
"""Names of symbolic alleles that no contig may have (section 1.4.7)."""


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
    spans
        Keys to where in `text` the value stands that `values` has, with its quotes.
    broken
        From where on the line cannot be read; None if it can.
    """

    kind: str
    line: int
    text: str
    values: dict[str, str] = field(default_factory=dict)
    quoted: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    broken: str | None = None

    @property
    def name(self) -> str:
        """Name of the line in messages."""
        return f"{self.kind}/{self.values['ID']}" if self.values.get("ID") else self.kind


def split_meta(
    kind: str, line: int, inside: str, version: int, *, defined: bool = True
) -> Meta:
    """Split what stands between `<` and `>` into keys and values.

    Keys of kinds that the specification does not define (`defined`) may hold blanks, and
    their IDs brackets. `version` is the minor one: up to 4.2 a quote "can" be escaped with a
    backslash, so that a backslash may also stand for itself; from 4.3 on it must be escaped
    (section 1.4.2).
    """
    meta = Meta(kind, line, inside)
    at = _take_pairs(meta, 0, version, defined=defined)
    if at < len(inside) or not inside:
        meta.broken = inside[at:]
    return meta


def read_meta(line: str) -> dict[str, str]:
    """Read the keys and values of a meta line `##kind=<...>`; of others none.

    By the laxest grammar, that of VCF 4.1. What cannot be read is passed over up to the next
    key; of a key that stands twice the first holds.
    """
    return _read(line)[0].values


def set_value(line: str, key: str, value: str) -> str:
    """Write another value of a key that `read_meta` finds in a line."""
    meta, begin = _read(line)
    if key not in meta.spans:
        return line
    start, end = meta.spans[key]
    return line[: begin + start] + value + line[begin + end :]


def _read(line: str) -> tuple[Meta, int]:
    """Read a line by the laxest grammar; gives also where in it `Meta.text` begins."""
    kind, _, value = line.partition("=")
    begin, end = value.find("<") + 1, value.rfind(">")
    meta = Meta(kind.removeprefix("##"), 0, "")
    if begin:
        meta.text = value[begin : end if end >= begin else len(value)]
    at = _take_pairs(meta, 0, 1, defined=True)
    # A blank behind a comma is where most such lines break.
    while again := _NEXT_KEY.search(meta.text, max(0, at - meta.text[at : at + 1].isspace())):
        at = _take_pairs(meta, again.end(), 1, defined=True)
    return meta, len(kind) + 1 + begin


def _take_pairs(meta: Meta, at: int, version: int, *, defined: bool) -> int:
    """Take the pairs of a line from a place on; gives that where it cannot be read."""
    inside = meta.text
    keys = _KEY if defined else _FREE_KEY
    while at < len(inside):
        key = keys.match(inside, at)
        end = _take_value(meta, key[1], key.end(), version, defined) if key else -1
        separator = _SEPARATOR.match(inside, end) if end >= 0 else None
        if separator is None:
            break
        at = separator.end()
    return at


def _take_value(meta: Meta, key: str, at: int, version: int, defined: bool) -> int:
    """Take the value at a place of the line; gives its end, -1 if it cannot be read."""
    inside = meta.text
    named = key == "ID" and defined
    # A quote may stand in the name of an allele, and up to 4.2 in that of a contig.
    quotes = named and (meta.kind == "ALT" or (meta.kind == "contig" and version <= 2))
    match, value = None, ""
    if inside.startswith('"', at):
        if match := _QUOTED.match(inside, at):
            value = re.sub(r"\\(.)", r"\1", match[1])
        elif version <= 2 and (match := _LITERAL.match(inside, at)):
            value = match[1]
        if match or not quotes:
            meta.quoted.add(key)
    if match is None and (quotes or not inside.startswith('"', at)):
        # The Values of META, and lists of TCGA's ##SAMPLE, hold commas.
        match = _GROUP.match(inside, at) if key != "ID" else None
        # A filter may be named `QD<2`: "no whitespace or semicolons permitted" (1.6.1).
        bare = _BARE_ID if named and meta.kind != "FILTER" else _BARE
        match = match or bare.match(inside, at)
        value = match[0] if match else ""
        if '"' in value and not quotes:
            match = None
    if match is None:
        return -1
    meta.keys.append(key)
    meta.values.setdefault(key, value)
    meta.spans.setdefault(key, match.span())
    return match.end()


def is_name(text: str) -> bool:
    """Tell whether a text can be an identifier: no separator in it, and a letter or digit."""
    return _SPLITS.search(text) is None and _WORD.search(text) is not None


def is_filter(text: str) -> bool:
    """Tell whether a text can name a filter: "no whitespace or semicolons" (section 1.6.1).

    A comma or a quote would end the name in its header line; 0 is reserved.
    """
    return text != "0" and not re.search(r"[\s;,\"]", text) and _WORD.search(text) is not None


def url_fault(text: str) -> str | None:
    """Say how grave the fault of a URL is; None if it has none.

    A text without a scheme is a name and no location, and blanks and brackets have to be
    encoded: a `warning`. An `error` is what names no host.
    """
    if _URL.fullmatch(text):
        return "warning" if re.search(r"[\s<>]", text) else None
    plain = bool(text) and not re.search("[<>]", text)
    return "warning" if plain and not _SCHEME.match(text) else "error"


def legal_contig(name: str, version: int) -> bool:
    """Tell whether a contig may have a name.

    From 4.3 on the regular expression of section 1.4.7 holds. Before, a name has no white
    space (section 1.4.1), nothing that would end it, and begins as SAM allows, whose SQ
    lines the contig lines follow (1.2.7 there). A colon is legal in all versions: the
    sentence against it was taken out of each text in 2020 (hts-specs pull request 379).
    """
    if version >= 3:
        return _CONTIG.fullmatch(name) is not None
    return re.search(r"[\s,<>]", name) is None and name[0] not in "*="
