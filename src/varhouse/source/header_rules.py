"""What a meta line must look like: grammar, required keys, reserved keys, URLs.

Sections are those of VCF 4.5; where versions differ the version of the file decides.
Lines of kinds that the specification does not define are only warned about.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from varhouse.source.deviations import known_deviation
from varhouse.source.problems import Account
from varhouse.source.reserved import ANY, reserved

_PAIR = re.compile(
    r'([^=,<>"\s][^=,"]*)=("(?:[^"\\]|\\.)*"|\[[^\]]*\](?=,|$)|[^,"]*)(?:(,)(?=.)|$)',
    re.DOTALL,
)
_URL = re.compile(
    r"file:///.+|[A-Za-z][^:/?#\s]*://"
    r"(?:[^/?#\s@]*@)?(?:[^/?#\s]*[A-Za-z][^/?#\s]*|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)"
    r"(?:[/?#]\S*)?"
)
_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_CONTIG = re.compile(
    r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*"
)  # VCF 4.5, section 1.4.7
_SPLITS = re.compile(r"[\s,;=<>\"]")
_NUMBERS = {"INFO": {"A", "R", "G", "."}, "FORMAT": {"A", "R", "G", "."}}
_TYPES = {
    "INFO": {"Integer", "Float", "Flag", "Character", "String"},
    "FORMAT": {"Integer", "Float", "Character", "String"},
}
_ORDER = ("ID", "Number", "Type", "Description")
_LEVELS = {"DEL", "INS", "DUP", "INV", "CNV"}
DEFINED = {
    "INFO", "FORMAT", "FILTER", "ALT", "contig", "SAMPLE", "PEDIGREE", "META", "assembly",
    "pedigreeDB", "fileformat",
}  # fmt: skip
"""Kinds of meta lines that the specification defines."""

_TRUSTED = {"INFO", "FORMAT", "contig"}
"""Kinds that the records are read by: one that is broken off is not trusted."""


@dataclass
class Meta:
    """A structured meta line `##kind=<...>`: keys to values, and which were quoted."""

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


def split_meta(kind: str, line: int, inside: str) -> Meta:
    """Split what stands between `<` and `>`; `broken` is where it cannot be read."""
    meta = Meta(kind, line, inside)
    at = 0
    while at < len(inside):
        match = _PAIR.match(inside, at)
        if match is None:
            meta.broken = inside[at:]
            break
        key, value = match[1], match[2]
        if value.startswith('"'):
            meta.quoted.add(key)
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        elif re.search("[<>]", value):
            meta.broken = inside[at:]
        meta.keys.append(key)
        meta.values.setdefault(key, value)
        at = match.end()
    if not inside:
        meta.broken = ""
    return meta


class HeaderRules:
    """Checks the meta lines of one header, one after another."""

    def __init__(self, version: int | None, account: Account) -> None:
        self.version = 3 if version is None else version
        self.account = account
        self.seen: set[tuple[str, str]] = set()

    def check(self, line: str, number: int) -> None:
        """Check a line that begins with `##`."""
        kind, equals, value = line[2:].partition("=")
        if not equals or not kind:
            self._add("VH-H-007", "a meta line without key=value", number, "", line)
            return
        if not value:
            self._add("VH-H-007", f"##{kind} has no value", number, kind, line)
            return
        if kind == "fileformat":
            if number > 1:
                self._add("VH-H-021", "a second ##fileformat line", number, kind, value)
        elif kind in ("assembly", "pedigreeDB"):
            self._check_url(kind, value, number)
        elif value.startswith("<"):
            self._check_structured(kind, value, number)
        elif kind in DEFINED:
            self._add("VH-H-009", f"##{kind} is no list <key=value,...>", number, kind, value)

    def _add(
        self, code: str, message: str, line: int, name: str, value: str,
        severity: str | None = None, ingest: str | None = None,
    ) -> None:  # fmt: skip
        self.account.add(
            code, message, line=line, name=name or None, value=value[:200], severity=severity,
            ingest=ingest,
        )  # fmt: skip

    def _check_url(self, kind: str, value: str, number: int) -> None:
        url = value[1:-1] if value.startswith("<") and value.endswith(">") else value
        if not _URL.fullmatch(url):
            self._add("VH-H-017", f"##{kind} is no URL", number, kind, value)

    def _check_structured(self, kind: str, value: str, number: int) -> None:
        defined = kind in DEFINED
        if not value.endswith(">"):
            trusted = kind in _TRUSTED
            self._add(
                "VH-H-008", f"##{kind}=< is not closed with >", number, kind, value,
                severity="error" if defined else "warning",
                ingest="refuse" if trusted else "note",
            )  # fmt: skip
            return
        if not defined and value.startswith('<"') and value.endswith('">'):
            return
        meta = split_meta(kind, number, value[1:-1])
        if meta.broken is not None:
            self._add(
                "VH-H-009",
                f"##{kind} cannot be read from here on: is a quote not escaped or missing?",
                number, meta.name, meta.broken, severity=None if defined else "warning",
            )  # fmt: skip
        checks: dict[str, Callable[[Meta], None]] = {
            "INFO": self._check_field, "FORMAT": self._check_field,
            "ALT": self._check_alt, "FILTER": self._check_filter,
            "contig": self._check_contig, "SAMPLE": self._check_sample,
            "PEDIGREE": self._check_pedigree, "META": self._check_meta,
        }  # fmt: skip
        if kind in checks:
            checks[kind](meta)
            self._check_order(meta)
            self._check_twice(meta)

    def _check_twice(self, meta: Meta) -> None:
        name = meta.values.get("ID", "")
        if name and (meta.kind, name) in self.seen:
            self._add(
                "VH-H-021", f"{meta.kind} {name} is declared twice; the first line holds",
                meta.line, meta.name, name,
                severity="error" if self.version >= 3 else "warning",
            )  # fmt: skip
        self.seen.add((meta.kind, name))

    def _check_order(self, meta: Meta) -> None:
        found = [k for k in meta.keys if k in _ORDER]
        wanted = [k for k in _ORDER if k in found]
        if found != wanted or (wanted and meta.keys[: len(wanted)] != wanted):
            order = ", ".join(meta.keys)
            self._add("VH-H-016", f"the keys stand as {order}", meta.line, meta.name, order,
                      severity="warning")  # fmt: skip

    def _require(self, meta: Meta, keys: tuple[str, ...]) -> bool:
        missing = [k for k in keys if not meta.values.get(k) and k not in meta.quoted]
        if meta.broken is None or "ID" in missing:
            for key in missing:
                code = "VH-H-010" if key == "ID" else "VH-H-014"
                self._add(
                    code, f"##{meta.kind} without {key}", meta.line, meta.name, meta.text
                )
        return not missing

    def _check_field(self, meta: Meta) -> None:
        """INFO and FORMAT (sections 1.4.2 and 1.4.4)."""
        kind, values = meta.kind, meta.values
        self._require(meta, _ORDER)
        self._check_description(meta)
        name = values.get("ID", "")
        legal = _KEY.fullmatch(name) if self.version >= 3 else not _SPLITS.search(name)
        if name and not legal:
            self._add(
                "VH-H-010", f"{kind} key of illegal characters", meta.line, meta.name, name
            )
        number, type_ = values.get("Number", ""), values.get("Type", "")
        if (
            number
            and not re.fullmatch(r"[0-9]+", number)
            and number not in self._numbers(kind)
        ):
            self._add(
                "VH-H-012", f"{meta.name} has Number={number}", meta.line, meta.name, number
            )
        elif number == "M" and not re.search("[ACGTUN]$", name):
            self._add(
                "VH-H-012", f"{meta.name} has Number=M, and its ID does not end with the base "
                "that is modified (A, C, G, T, U or N)", meta.line, meta.name, number,
            )  # fmt: skip
        if type_ and type_ not in _TYPES[kind]:
            self._add("VH-H-013", f"{meta.name} has Type={type_}", meta.line, meta.name, type_)
        if name:
            self._check_reserved(meta, name, number, type_)

    def _numbers(self, kind: str) -> set[str]:
        out = _NUMBERS[kind]
        if kind == "FORMAT" and self.version >= 4:
            out = out | {"P"}
        if kind == "FORMAT" and self.version >= 5:
            out = out | {"LA", "LR", "LG", "M"}
        return out

    def _check_reserved(self, meta: Meta, name: str, number: str, type_: str) -> None:
        known = reserved(meta.kind, name, self.version)
        if known is None:
            if type_ == "Flag" and number not in ("0", ""):
                self._add("VH-H-022", f"{meta.name} is a Flag with Number={number}", meta.line,
                          meta.name, number)  # fmt: skip
            return
        code = "VH-H-006" if known.strict else "VH-H-024"
        for key, found, wanted in (
            ("Number", number, known.number),
            ("Type", type_, known.type),
        ):
            if found and wanted not in (ANY, found):
                habit = known_deviation(meta.kind, name, key, found)
                self._add(
                    "VH-H-024" if habit else code,
                    f"{meta.name} is declared {key}={found}; it is {key}={wanted} (VCF "
                    f"4.{self.version} section {known.section})"
                    + (f"; {habit.tool} declare it so" if habit else ""),
                    meta.line, meta.name, f"{key}={found}",
                )  # fmt: skip

    def _check_description(self, meta: Meta) -> None:
        if "Description" in meta.values and "Description" not in meta.quoted:
            self._add(
                "VH-H-015", f"the Description of {meta.name} has no quotes", meta.line,
                meta.name, meta.values["Description"],
            )  # fmt: skip

    def _check_alt(self, meta: Meta) -> None:
        """ALT (section 1.4.5)."""
        self._require(meta, ("ID",))
        self._check_description(meta)
        name = meta.values.get("ID", "")
        if re.search(r"[\s,<>]", name):
            self._add(
                "VH-H-010", "an ALT ID of illegal characters", meta.line, meta.name, name
            )
        levels = _LEVELS | ({"BND"} if self.version < 4 else set())
        if ":" in name and name.partition(":")[0] not in levels:
            self._add("VH-H-023", f"ALT type {name.partition(':')[0]} is not known", meta.line,
                      meta.name, name)  # fmt: skip
        type_ = meta.values.get("Type", "")
        if type_ and type_ not in _TYPES["INFO"]:
            self._add("VH-H-013", f"{meta.name} has Type={type_}", meta.line, meta.name, type_)
        self._advise_description(meta)

    def _advise_description(self, meta: Meta) -> None:
        if meta.broken is None and "Description" not in meta.values:
            self._add("VH-H-014", f"##{meta.kind} without Description", meta.line, meta.name,
                      meta.text, severity="warning")  # fmt: skip

    def _check_filter(self, meta: Meta) -> None:
        """FILTER (section 1.4.3)."""
        self._require(meta, ("ID",))
        self._check_description(meta)
        name = meta.values.get("ID", "")
        if name == "0" or re.search(r"[\s;,]", name):
            why = "0 is reserved" if name == "0" else "illegal characters"
            self._add("VH-H-010", f"a FILTER ID that cannot be used: {why}", meta.line,
                      meta.name, name)  # fmt: skip
        self._advise_description(meta)

    def _check_contig(self, meta: Meta) -> None:
        """Check a contig (section 1.4.7); before 4.3 only what would split it is illegal."""
        name = meta.values.get("ID", "")
        if not name:
            self._add("VH-H-011", "##contig without ID", meta.line, "contig", meta.text)
        elif not legal_contig(name, self.version):
            self._add(
                "VH-H-011", "a contig name of illegal characters", meta.line, "contig", name
            )
        length = meta.values.get("length")
        if length is not None and not re.fullmatch("[0-9]+", length):
            self._add("VH-H-009", f"contig {name} has length={length}", meta.line, meta.name,
                      length)  # fmt: skip

    def _check_sample(self, meta: Meta) -> None:
        """SAMPLE (section 1.4.8; 4.1 and 4.2 map samples to genomes, section 1.2.8)."""
        name = meta.values.get("ID", "")
        if not name:
            self._add("VH-H-018", "##SAMPLE without ID", meta.line, "SAMPLE", meta.text)
        elif re.search(r"[\s,]", name):
            self._add("VH-H-018", "a SAMPLE ID with white space", meta.line, meta.name, name)
        if self.version >= 3:
            return
        if "Mixture" in meta.values and "Genomes" not in meta.values:
            self._add("VH-H-018", "Mixture without Genomes", meta.line, meta.name, meta.text)
        for key in sorted(meta.quoted & {"Genomes", "Mixture"}):
            self._add("VH-H-018", f"{key} is a list without quotes", meta.line, meta.name,
                      meta.values[key])  # fmt: skip

    def _check_pedigree(self, meta: Meta) -> None:
        """PEDIGREE (section 1.4.9): an ID from 4.3 on, names without white space."""
        if self.version >= 3 and not meta.values.get("ID"):
            self._add("VH-H-019", "##PEDIGREE without ID", meta.line, "PEDIGREE", meta.text)
        for key, value in meta.values.items():
            if not value or re.search(r"\s", value):
                self._add(
                    "VH-H-019", f"PEDIGREE {key} is no name", meta.line, meta.name, value
                )

    def _check_meta(self, meta: Meta) -> None:
        """META (section 1.4.8)."""
        wanted = {"Number": ".", "Type": "String"}
        if not meta.values.get("ID"):
            self._add("VH-H-020", "##META without ID", meta.line, "META", meta.text)
        for key, value in wanted.items():
            if meta.values.get(key, value) != value:
                self._add("VH-H-020", f"META has {key}={meta.values[key]}, not {value}",
                          meta.line, meta.name, meta.values[key])  # fmt: skip
        values = meta.values.get("Values")
        if values is not None and not re.fullmatch(r"\[.*\]", values):
            self._add(
                "VH-H-020", "Values is no list [a, b, ...]", meta.line, meta.name, values
            )


def legal_contig(name: str, version: int) -> bool:
    """Tell whether a contig may have a name.

    From 4.3 on the regular expression of section 1.4.7 holds; before, a name must have
    no white space (section 1.4.1) and nothing that would end it.
    """
    if version >= 3:
        return _CONTIG.fullmatch(name) is not None
    return re.search(r"[\s,<>\"]", name) is None


def filters_of(lines: list[str]) -> Iterator[str]:
    """Yield the names of the FILTERs that a header declares."""
    for line in lines:
        if line.startswith("##FILTER=<"):
            match = re.search(r"[<,]ID=([^,>]*)", line)
            if match:
                yield match[1]
