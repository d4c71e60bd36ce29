"""What a meta line must look like: required keys, names, reserved keys, URLs.

Sections are those of VCF 4.5; where versions differ the version of the file decides.
Lines of kinds that the specification does not define are only warned about.
"""

import re
from collections import Counter
from collections.abc import Callable

from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.deviations import differences
from varhouse.vcf.header.meta_lines import (
    LEVELS,
    SYMBOLIC,
    Meta,
    is_filter,
    is_name,
    legal_contig,
    split_meta,
    url_fault,
)
from varhouse.vcf.header.reserved import reserved

_OLD_FORMAT = re.compile("[0-9A-Za-z_.-]+")
"""FORMAT keys of 4.1 and 4.2: "alphanumeric" (1.4.2), and what GATK and others write."""

_KEY = {
    "INFO": re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G"),
    "FORMAT": re.compile(r"[A-Za-z_][0-9A-Za-z_.]*"),
}
_TYPES = {
    "INFO": {"Integer", "Float", "Flag", "Character", "String"},
    "FORMAT": {"Integer", "Float", "Character", "String"},
}
_ORDER = ("ID", "Number", "Type", "Description")
_MD5 = re.compile("[0-9a-f]{32}")
_TRUSTED = {"INFO", "FORMAT", "contig"}
"""Kinds that the records are read by: one that is broken off is not trusted."""


_SOUND_LINES = 16_384
_SHORT = 1_000
"""Letters up to which a line is kept: bounds the memory."""

_SOUND: dict[tuple[int, str, str], str] = {}
"""Lines (version, kind, value) in which nothing is wrong, with their ID: the files of a cohort
declare the same thousands of contigs, each of them."""


class HeaderRules:
    """Checks the meta lines of one header, one after another."""

    def __init__(self, version: int | None, account: Account) -> None:
        self.version = 3 if version is None else version
        self.account = account
        self.seen: set[tuple[str, str]] = set()
        self.checks: dict[str, Callable[[Meta], None]] = {
            "INFO": self._check_field, "FORMAT": self._check_field,
            "ALT": self._check_alt, "FILTER": self._check_filter,
            "contig": self._check_contig, "SAMPLE": self._check_sample,
            "PEDIGREE": self._check_pedigree,
        }  # fmt: skip
        if self.version >= 3:
            self.checks["META"] = self._check_meta

    def check(self, line: str, number: int) -> None:
        """Check a line that begins with `##`."""
        kind, equals, value = line[2:].partition("=")
        if not equals or not kind:
            self._add("VH-H-007", "a meta line without key=value", number, "", line)
        elif not value:
            self._add("VH-H-007", f"##{kind} has no value", number, kind, line)
        elif kind == "fileformat":
            if number > 1:
                self._add("VH-H-021", "a second ##fileformat line", number, kind, value)
        elif kind in ("assembly", "pedigreeDB"):
            self._check_url(kind, value, number)
        elif value.startswith("<"):
            self._check_structured(kind, value, number)
        elif kind in self.checks:
            self._add("VH-H-009", f"##{kind} is no list <key=value,...>", number, kind, value)

    def _add(
        self, code: str, message: str, line: int, name: str, value: str,
        severity: str | None = None, ingest: str | None = None,
    ) -> None:  # fmt: skip
        self.account.add(
            code, message, line=line, name=name or None, value=value[:200], severity=severity,
            ingest=ingest,
        )  # fmt: skip

    def _from(self, version: int) -> str:
        """Give the severity of what is demanded from a version on, and advised before."""
        return "error" if self.version >= version else "warning"

    def _check_url(self, kind: str, value: str, number: int) -> None:
        """Check a URL; up to 4.2 that of pedigreeDB stands in angle brackets."""
        url = value[1:-1] if value.startswith("<") and value.endswith(">") else value
        if severity := url_fault(url):
            self._add("VH-H-017", f"##{kind} is no URL", number, kind, value,
                      severity=severity)  # fmt: skip

    def _check_structured(self, kind: str, value: str, number: int) -> None:
        known = _SOUND.get((self.version, kind, value))
        if known is not None:
            self._check_twice(kind, known, number)
            return
        told = sum(self.account.counts.values())
        meta = self._check_pairs(kind, value, number)
        if meta is None:
            return
        name = meta.values.get("ID", "")
        is_sound = sum(self.account.counts.values()) == told
        if is_sound and len(value) < _SHORT and len(_SOUND) < _SOUND_LINES:
            _SOUND[self.version, kind, value] = name
        self._check_twice(kind, name, number)

    def _check_pairs(self, kind: str, value: str, number: int) -> Meta | None:
        """Check a line for itself; None where it is not taken apart."""
        defined = kind in self.checks
        bare = value.rstrip()
        if not bare.endswith(">"):
            trusted = kind in _TRUSTED
            self._add(
                "VH-H-008", f"##{kind}=< is not closed with >", number, kind, value,
                severity="error" if defined else self._from(4),
                ingest="refuse" if trusted else "note",
            )  # fmt: skip
            return None
        if not defined and bare.startswith('<"') and bare.endswith('">'):
            return None
        meta = split_meta(kind, number, bare[1:-1], self.version, defined=defined)
        if meta.broken is not None:
            self._add(
                "VH-H-009",
                f"##{kind} cannot be read from here on: is a quote not escaped or missing?",
                number, meta.name, meta.broken,
                severity="error" if defined else self._from(4),
            )  # fmt: skip
        elif bare != value:
            self._add("VH-H-009", "white space at the end of the line", number, meta.name,
                      value[-20:], severity="warning")  # fmt: skip
        if defined:
            self._check_keys(meta)
            self.checks[kind](meta)
            self._check_order(meta)
        elif self.version >= 3 and meta.broken is None and not meta.values.get("ID"):
            self._add("VH-H-010", f"##{kind} without ID", number, kind, meta.text,
                      severity="warning")  # fmt: skip
        return meta

    def _check_keys(self, meta: Meta) -> None:
        """Tell of a key that stands twice: which of its values holds is a guess."""
        for key, n in Counter(meta.keys).items():
            if n > 1:
                self._add(
                    "VH-H-009", f"the key {key} stands twice", meta.line, meta.name, meta.text,
                    severity="error" if key in _ORDER else "warning",
                )  # fmt: skip

    def _check_twice(self, kind: str, name: str, number: int) -> None:
        """Tell of an ID that stands twice; a tool that ran twice leaves such lines."""
        if name and (kind, name) in self.seen:
            holds = "; the first line holds" if kind in self.checks else ""
            self._add(
                "VH-H-021", f"{kind} {name} is declared twice{holds}", number,
                f"{kind}/{name}", name,
                severity=self._from(3) if kind in self.checks else "warning",
            )  # fmt: skip
        self.seen.add((kind, name))

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
        self._check_quotes(meta)
        name = values.get("ID", "")
        if self.version >= 3:
            legal = _KEY[kind].fullmatch(name) is not None
        else:
            legal = is_name(name) and (kind == "INFO" or bool(_OLD_FORMAT.fullmatch(name)))
        if name and not legal:
            self._add(
                "VH-H-010", f"{kind} key of illegal characters", meta.line, meta.name, name
            )
        number, type_ = values.get("Number", ""), values.get("Type", "")
        self._check_number(meta, name, number)
        if type_ and type_ not in _TYPES[kind]:
            self._add("VH-H-013", f"{meta.name} has Type={type_}", meta.line, meta.name, type_)
        if name:
            self._check_reserved(meta, name, number, type_)

    def _check_number(self, meta: Meta, name: str, number: str) -> None:
        if not number or re.fullmatch(r"[0-9]+", number, re.ASCII):
            return
        kind = meta.kind
        since = {"A": 1, "G": 1, ".": 1, "R": 2}
        if kind == "FORMAT":
            since |= {"P": 4, "LA": 5, "LR": 5, "LG": 5, "M": 5}
        if self.version < since.get(number, 6):
            # R is in no text of 4.1, and in the files that freebayes and GATK wrote then.
            self._add(
                "VH-H-012", f"{meta.name} has Number={number}", meta.line, meta.name, number,
                severity="warning" if number == "R" else None,
            )  # fmt: skip
        elif number == "M" and not re.search(r"[ACGTUN]\Z", name):
            self._add(
                "VH-H-012", f"{meta.name} has Number=M, and its ID does not end with the base "
                "that is modified (A, C, G, T, U or N)", meta.line, meta.name, number,
            )  # fmt: skip

    def _check_reserved(self, meta: Meta, name: str, number: str, type_: str) -> None:
        if type_ == "Flag" and number not in ("0", "") and (
            reserved(meta.kind, name, self.version) is None
        ):  # fmt: skip
            self._add("VH-H-022", f"{meta.name} is a Flag with Number={number}", meta.line,
                      meta.name, number)  # fmt: skip
        for d in differences(meta.kind, name, number, type_, self.version):
            tool = f"; {d.tool} declare it so" if d.tool else ""
            self._add(
                d.code,
                f"{meta.name} is declared {d.key}={d.found}; it is {d.key}={d.wanted} (VCF "
                f"4.{self.version} section {d.section}){tool}",
                meta.line, meta.name, f"{d.key}={d.found}",
            )  # fmt: skip

    def _check_quotes(self, meta: Meta) -> None:
        """Ask for quotes around text: Description, Source, Version and what is optional.

        BCF's IDX is a number (section 6.2.1), and htslib writes it bare.
        """
        for key in dict.fromkeys(meta.keys):
            field = meta.kind in ("INFO", "FORMAT") and key in ("Number", "Type")
            if key in meta.quoted or field or key in ("ID", "IDX"):
                continue
            if key == "Description":
                severity = self._from(3) if meta.kind == "ALT" else "error"
            elif self.version == 1:
                continue
            else:
                severity = self._from(3)
            self._add(
                "VH-H-015", f"the {key} of {meta.name} has no quotes", meta.line,
                meta.name, meta.values[key], severity=severity,
            )  # fmt: skip

    def _check_alt(self, meta: Meta) -> None:
        """ALT (section 1.4.5)."""
        self._require(meta, ("ID",))
        self._check_quotes(meta)
        name = meta.values.get("ID", "")
        if (
            name
            and name != "*"
            and (re.search(r"[\s,<>]", name) or not re.search(r"\w", name))
        ):
            self._add(
                "VH-H-010", "an ALT ID of illegal characters", meta.line, meta.name, name
            )
        levels = (*LEVELS, "BND") if self.version < 4 else LEVELS
        if ":" in name and name.partition(":")[0] not in levels:
            gatk = name == "*:DEL"
            self._add(
                "VH-H-023", f"ALT type {name.partition(':')[0]} is not known"
                + ("; so GATK 3 wrote it" if gatk else ""), meta.line, meta.name, name,
                severity="warning" if gatk else None,
            )  # fmt: skip
        type_ = meta.values.get("Type", "")
        if type_ and type_ not in _TYPES["INFO"]:
            self._add("VH-H-013", f"{meta.name} has Type={type_}", meta.line, meta.name, type_)
        self._check_described(meta, error=self.version == 3)

    def _check_described(self, meta: Meta, *, error: bool) -> None:
        """Ask for a Description of ALT and FILTER.

        A line that the text describes "must be completely well-formed"; in 4.1 and 4.2 this
        is said of INFO, FILTER and FORMAT. From 4.4 on it is "required", but EVA's own valid
        files leave it out.
        """
        if meta.broken is None and "Description" not in meta.values:
            self._add("VH-H-014", f"##{meta.kind} without Description", meta.line, meta.name,
                      meta.text, severity="error" if error else "warning")  # fmt: skip

    def _check_filter(self, meta: Meta) -> None:
        """FILTER (section 1.4.3)."""
        self._require(meta, ("ID",))
        self._check_quotes(meta)
        name = meta.values.get("ID", "")
        if name and not is_filter(name):
            why = "0 is reserved" if name == "0" else "illegal characters"
            self._add("VH-H-010", f"a FILTER ID that cannot be used: {why}", meta.line,
                      meta.name, name)  # fmt: skip
        self._check_described(meta, error=self.version <= 3)

    def _check_contig(self, meta: Meta) -> None:
        """Check a contig (section 1.4.7)."""
        name = meta.values.get("ID", "")
        if not name:
            self._add("VH-H-011", "##contig without ID", meta.line, "contig", meta.text)
        elif not legal_contig(name, self.version):
            self._add(
                "VH-H-011", "a contig name of illegal characters", meta.line, "contig", name
            )
        elif self.version >= 3 and name in SYMBOLIC:
            self._add("VH-H-011", "the contig is named as a symbolic allele", meta.line,
                      "contig", name)  # fmt: skip
        length = meta.values.get("length")
        if length is not None and not re.fullmatch("[0-9]+", length, re.ASCII):
            self._add(
                "VH-H-009", f"contig {name} has length={length}", meta.line, meta.name, length,
                severity="warning" if re.fullmatch(r"\s*[0-9]+\s*", length) else (
                    self._from(4)),
            )  # fmt: skip
        md5 = meta.values.get("md5")
        if md5 is not None and self.version >= 4 and not _MD5.fullmatch(md5):
            self._add(
                "VH-H-009", f"contig {name} has md5={md5}: no 32 digits of 0 to 9, a to f",
                meta.line, meta.name, md5, severity="warning",
            )  # fmt: skip

    def _check_sample(self, meta: Meta) -> None:
        """SAMPLE (section 1.4.8; 4.1 and 4.2 map samples to genomes, section 1.2.8).

        Lines of callers that hold neither Genomes nor Mixture map nothing and are free.
        """
        name = meta.values.get("ID", "")
        if not name:
            self._add("VH-H-018", "##SAMPLE without ID", meta.line, "SAMPLE", meta.text)
        elif not is_name(name):
            self._add("VH-H-018", "a SAMPLE ID with white space, a separator, or of "
                      "punctuation alone", meta.line, meta.name, name)  # fmt: skip
        keys = ("Genomes", "Mixture", "Description")
        if self.version >= 3 or not {"Genomes", "Mixture"} & set(meta.values):
            return
        for key in keys:
            if not meta.values.get(key):
                self._add("VH-H-018", f"a mapping to genomes without {key}", meta.line,
                          meta.name, meta.text)  # fmt: skip
            elif (key in meta.quoted) != (key == "Description"):
                wanted = "text in quotes" if key == "Description" else "a list without quotes"
                self._add("VH-H-018", f"{key} is {wanted}", meta.line, meta.name,
                          meta.values[key])  # fmt: skip

    def _check_pedigree(self, meta: Meta) -> None:
        """PEDIGREE (section 1.4.9): an ID from 4.3 on, and N >= 1 ancestors (5.4.9)."""
        if self.version >= 3:
            if not meta.values.get("ID"):
                self._add("VH-H-019", "##PEDIGREE without ID", meta.line, "PEDIGREE",
                          meta.text)  # fmt: skip
            if meta.broken is None and not set(meta.values) - {"ID"}:
                self._add("VH-H-019", "##PEDIGREE without an ancestor", meta.line, meta.name,
                          meta.text)  # fmt: skip
        for key, value in meta.values.items():
            if key in meta.quoted and key != "ID":
                # What is optional is text, not a name.
                continue
            if not is_name(value):
                self._add(
                    "VH-H-019", f"PEDIGREE {key} is no name", meta.line, meta.name, value
                )

    def _check_meta(self, meta: Meta) -> None:
        """META (section 1.4.8), which 4.3 brought."""
        wanted = {"Number": ".", "Type": "String"}
        name = meta.values.get("ID", "")
        if not is_name(name):
            why = "without ID" if not name else "with an ID of illegal characters"
            self._add("VH-H-020", f"##META {why}", meta.line, "META", meta.text)
        for key, value in wanted.items():
            if meta.values.get(key, value) != value:
                self._add("VH-H-020", f"META has {key}={meta.values[key]}, not {value}",
                          meta.line, meta.name, meta.values[key])  # fmt: skip
        for key in ("Number", "Type", "Values"):
            if key not in meta.values and meta.broken is None:
                self._add("VH-H-020", f"##META without {key}", meta.line, meta.name,
                          meta.text, severity="warning")  # fmt: skip
        values = meta.values.get("Values")
        if values is not None and not re.fullmatch(r"\[.*\]", values):
            self._add(
                "VH-H-020", "Values is no list [a, b, ...]", meta.line, meta.name, values
            )
