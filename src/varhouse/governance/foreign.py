"""Recognises controlled data of foreign databases by the ids that it carries.

What ids there are, and the terms of each database: `data/governance/foreign.yaml`. An id is
looked for in meta lines, names of files and folders, names of samples, and accessions of the
sheets; letters or digits right beside it make it another word. That nothing is found shows
nothing: names may have been changed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.language import Text
from varhouse.yamltext import read_yaml

TABLE = Path(__file__).resolve().parents[1] / "data" / "governance" / "foreign.yaml"

PLACES = ("header", "origin", "path", "sample", "id")
_COLUMNS = "\n#CHROM"
_DECLARES = re.compile(r"##(?:INFO|FORMAT|FILTER|ALT|contig)=")

WHERE: dict[str, Text] = {
    "header": Text("a meta line", "文件头"),
    "origin": Text("a meta line", "文件头"),
    "path": Text("the name of a file or folder", "文件名或目录名"),
    "sample": Text("{n:,} sample name(s)", "{n:,} 个样本名"),
    "id": Text("an accession", "登记号"),
}
"""Where an id was found, for people; `n`: how many names have one."""

FOUND = Text(
    "{title}: {where} has an id of it; terms: {terms}",
    "{title}: {where}中有其编号;条款: {terms}",
)


@dataclass(frozen=True)
class Pattern:
    """What an id looks like, and where it is looked for."""

    regex: str
    where: tuple[str, ...]
    case: bool

    @property
    def bounded(self) -> str:
        """A regular expression that takes no id out of a longer word."""
        return rf"(?<![A-Za-z0-9])(?:{self.regex})(?![A-Za-z0-9])"


@dataclass(frozen=True)
class Resource:
    """A foreign database.

    Attributes
    ----------
    name
        As a basis in the ledger names it.
    terms
        Under what terms its data is given out.
    """

    name: str
    title: Text
    terms: Text
    sources: tuple[str, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Hit:
    """An id that was found.

    Attributes
    ----------
    where
        One of `PLACES`.
    text
        The id; of samples an example. It may name a person: not for everybody's eyes.
    n
        How many texts of that place have one.
    """

    resource: Resource
    where: str
    text: str
    n: int = 1

    def say(self, code: str | None = None) -> str:
        """Say what was found and what its terms are, without the id itself."""
        return FOUND.say(
            code,
            title=self.resource.title.say(code),
            where=WHERE[self.where].say(code, n=self.n),
            terms=self.resource.terms.say(code),
        )


@cache
def load_foreign(table: Path = TABLE) -> tuple[Resource, ...]:
    """Read the table of databases."""
    raw: dict[str, Any] = read_yaml(table)
    return tuple(
        Resource(
            r["name"],
            Text(**r["title"]),
            Text(**r["terms"]),
            tuple(r["sources"]),
            tuple(
                Pattern(p["regex"], tuple(p["where"]), bool(p.get("case", False)))
                for p in r["patterns"]
            ),
        )
        for r in raw["resources"]
    )


def names_resource(named: Iterable[str], resource: str) -> bool:
    """Tell whether a database is among names as people write them: UKB, UK-Biobank, dbGaP.

    An id of a data set is no name of its database: it stands for that data set alone.
    """
    own = [r.title for r in load_foreign() if r.name == resource]
    titles = [said for title in own for said in (title.en, title.zh)]
    # Also without whose it is: `All of Us` of `All of Us (NIH)`.
    known = {_letters(n) for t in titles for n in (t, t.partition("(")[0])}
    known.add(_letters(resource))
    return any(_letters(n) in known for n in named)


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def find_foreign(
    *,
    headers: Iterable[str] = (),
    paths: Iterable[str] = (),
    samples: Sequence[str] | pl.Series = (),
    ids: Iterable[str | None] = (),
) -> list[Hit]:
    """Find ids of controlled databases.

    Parameters
    ----------
    headers
        Headers of VCF files; what follows the line of columns is not looked at.
    paths
        Of files, as they were given.
    samples
        Names of sample columns, of any number.
    ids
        Accessions and projects of the sheets; None: not said.

    Returns
    -------
    list of Hit
        One for each database and place, in the order of the table.
    """
    # One person a file: thousands of headers that differ in a line or two.
    lines = dict.fromkeys(t for h in headers for t in h.split(_COLUMNS)[0].splitlines())
    texts = {
        "header": _likely(list(lines), "header", "origin"),
        "path": _likely(list(dict.fromkeys(paths)), "path"),
        "id": _likely([t for t in dict.fromkeys(ids) if t], "id"),
        "sample": _likely(samples, "sample"),
    }
    return [
        hit
        for resource in load_foreign()
        for place, some in texts.items()
        for hit in _hits(resource, place, some)
    ]


def _likely(texts: Sequence[str] | pl.Series, *places: str) -> list[str]:
    """Choose the few texts that may hold an id, by one pass over all."""
    own = [p for r in load_foreign() for p in r.patterns if {*p.where} & {*places}]
    series = pl.Series("text", texts, dtype=pl.String)
    return series.filter(series.str.contains("|".join(map(_loose, own)))).to_list()


def _hits(resource: Resource, place: str, texts: list[str]) -> list[Hit]:
    """Look for ids of a database; `n` counts the texts that have one."""
    found = [hit for text in texts if (hit := _find(resource, place, text)) is not None]
    return [Hit(resource, place, found[0], len(found))] if found else []


def _find(resource: Resource, place: str, text: str) -> str | None:
    for pattern in resource.patterns:
        by_origin = place == "header" and "origin" in pattern.where
        if by_origin and _DECLARES.match(text):
            continue
        if (by_origin or place in pattern.where) and (hit := _compiled(pattern).search(text)):
            return hit[0]
    return None


@cache
def _compiled(pattern: Pattern) -> re.Pattern[str]:
    return re.compile(pattern.bounded, 0 if pattern.case else re.IGNORECASE)


def _loose(pattern: Pattern) -> str:
    r"""Give what the engine of polars can do: it has no `\1` and looks at no neighbours."""
    text = pattern.regex.replace(r"\1", "[-._]")
    return f"({'' if pattern.case else '(?i)'}{text})"
