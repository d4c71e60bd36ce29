"""What an important genetic family is, by date, and which diseases are outside: from data.

The file says it (`data/governance/pedigrees.yaml`); no number or name of a disease is code.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.governance.lists import PEDIGREES, disease_names
from varhouse.submission.affection import plain
from varhouse.submission.mistakes import MistakesError
from varhouse.submission.texts import DISEASE
from varhouse.yamltext import read_yaml

OUTSIDE, UNSURE, INSIDE = "outside", "unsure", "inside"


@dataclass(frozen=True)
class Definition:
    """What counts as an important family from a day to a day (both included)."""

    id: str
    generations: int
    people: int | None
    start: date | None
    end: date | None
    source: str
    certainty: str

    def holds(self, on: date) -> bool:
        """Tell whether it holds on a day."""
        return (self.start is None or self.start <= on) and (
            self.end is None or on <= self.end
        )


@dataclass(frozen=True)
class Common:
    """A common disease that is outside: its names (folded), code prefixes, OMIM numbers."""

    id: str
    en: str
    zh: str
    names: frozenset[str]
    icd10: tuple[str, ...]
    omim: frozenset[str]
    unlike: tuple[str, ...]
    source: str
    certainty: str


@dataclass(frozen=True)
class Book:
    """The definitions and the common diseases of a file."""

    definitions: tuple[Definition, ...]
    common: tuple[Common, ...]
    path: Path

    def on(self, day: date) -> Definition:
        """Give the definition that holds on a day.

        Raises
        ------
        MistakesError
            If none does, or several do.
        """
        found = [d for d in self.definitions if d.holds(day)]
        if len(found) != 1:
            raise MistakesError(
                [DISEASE["no_definition"].say(day=day, n=len(found))], self.path
            )
        return found[0]


def read_book(path: Path | None = None) -> Book:
    """Read definitions and common diseases.

    Raises
    ------
    MistakesError
        If the file does not have that form: all mistakes.
    """
    path = path or PEDIGREES
    said = read_yaml(path)
    problems: list[str] = []
    entries = said if isinstance(said, dict) else {}
    definitions, common = [], []
    for n, entry in enumerate(entries.get("definitions") or [], 1):
        try:
            definitions.append(_definition(entry))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(
                DISEASE["bad"].say(file=path.name, what="definitions", n=n, why=error)
            )
    for n, entry in enumerate(entries.get("excluded") or [], 1):
        try:
            common.append(_common(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(
                DISEASE["bad"].say(file=path.name, what="excluded", n=n, why=error)
            )
    if not definitions and not problems:
        problems.append(DISEASE["bad"].say(file=path.name, what="definitions", n=1, why="-"))
    if problems:
        raise MistakesError(problems, path)
    return Book(tuple(definitions), tuple(common), path)


def _definition(entry: dict[str, Any]) -> Definition:
    generations, people = int(entry["generations"]), entry.get("people")
    days = [entry.get(k) for k in ("from", "until")]
    if any(d is not None and not isinstance(d, date) for d in days):
        raise ValueError("from, until: YYYY-MM-DD")
    return Definition(str(entry["id"]), generations, None if people is None else int(people),
                      days[0], days[1], str(entry.get("source", "")),
                      str(entry.get("certainty", "open")))  # fmt: skip


def _listed(entry: dict[str, Any], key: str) -> list[str]:
    """Give a list of an entry; a text alone would be taken for its letters."""
    found = entry.get(key) or []
    if not isinstance(found, list):
        raise ValueError(f"{key}: must be a list")
    return [str(v) for v in found]


def _common(entry: dict[str, Any]) -> Common:
    names, said = entry["names"], disease_names(entry)
    return Common(
        str(entry["id"]), names["en"], names["zh"], frozenset(map(_bare, said)),
        tuple(_listed(entry, "icd10")), frozenset(_listed(entry, "omim")),
        tuple(_bare(w) for w in _listed(entry, "unlike")), str(entry.get("source", "")),
        str(entry.get("certainty", "open")),
    )  # fmt: skip


def _bare(name: str) -> str:
    """Give a name of a disease without case, width, blanks, hyphens and brackets."""
    return re.sub(r"[\s\-_–—'·,,.()()\[\]]+", "", plain(name))


_ICD = re.compile(r"[A-Z]\d{2}(?:\.[0-9A-Z]{1,4})?[+*]?")


def code_of(icd10: str) -> str:
    """Write an ICD-10 code as the list does: capitals, a point behind three letters."""
    code = re.sub(r"\s", "", icd10.upper().replace("．", "."))
    if len(code) > 3 and "." not in code:
        code = f"{code[:3]}.{code[3:]}"
    return code


def is_code(icd10: str) -> bool:
    """Tell whether a text has the form of an ICD-10 code."""
    return _ICD.fullmatch(code_of(icd10)) is not None


def omim_of(text: str) -> str:
    """Give the digits of an OMIM number, however it is written."""
    found = re.search(r"\d{6}", text)
    return found[0] if found else ""


def judge(common: tuple[Common, ...], name: str, icd10: str, omim: str) -> tuple[str, str]:
    """Tell whether a disease is outside, for a person to decide, or inside; and by what entry.

    A code says more than a name; where they contradict each other a person decides.
    """
    bare, code, number = _bare(name), code_of(icd10), omim_of(omim)
    for entry in common:
        by_code = bool(code) and any(
            code == p or code.startswith(p if "." in p else f"{p}.") for p in entry.icd10
        )
        by_code |= number in entry.omim
        by_name = bare in entry.names
        other = any(w in bare for w in entry.unlike)
        # Digits and letters behind a name (1, 2, A) are a type of it.
        longer = any(len(n) > 2 and n in bare for n in entry.names)
        coded = bool(code or number)
        if by_name and (by_code or not coded):
            return OUTSIDE, entry.id
        if by_code and not other and (not bare or longer):
            return OUTSIDE, entry.id
        if by_code or by_name or (longer and not coded):
            return UNSURE, entry.id
    return INSIDE, ""


def group_diseases(illness: pl.DataFrame, common: tuple[Common, ...]) -> pl.DataFrame:
    """Give each disease of affections a number: its names and codes have the same one.

    Two say the same disease if they share the OMIM number or the name, or are the same common
    disease; without a name, if they share the ICD-10 code. Adds the column `number`.
    """
    labels = illness.select("disease", "icd10", "omim").unique(maintain_order=True)
    by: dict[tuple[str, str], int] = {}
    root: list[int] = []

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for i, (name, icd10, omim) in enumerate(labels.rows()):
        root.append(i)
        verdict, entry = judge(common, name, icd10, omim)
        marks = [("omim", omim_of(omim)), ("name", _bare(name))]
        marks.append(("common", entry if verdict == OUTSIDE else ""))
        marks.append(("icd10", "" if name else code_of(icd10)))
        for mark in marks:
            if mark[1]:
                a, b = find(by.setdefault(mark, i)), find(i)
                root[max(a, b)] = min(a, b)
    labels = labels.with_columns(pl.Series("number", [find(i) for i in range(len(root))],
                                           dtype=pl.Int32))  # fmt: skip
    return illness.join(labels, on=["disease", "icd10", "omim"], maintain_order="left")
