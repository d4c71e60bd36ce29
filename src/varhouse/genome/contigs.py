"""Contig names: canonical names, aliases and partitions.

A store uses one name for a contig, the first column of the aliases table (without the
table: the reference's names). Every other name that an input uses is mapped through
the aliases. Coordinates in regions are 1-based and closed, as samtools writes them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import AssemblyError, nearest
from varhouse.textfile import read_text, split_lines

MAX_PARTS = 100
"""Assemblies with more contigs than twice this keep the short ones in one partition."""

OTHER_PART = "other"

_COLUMNS = ("contig", "alias", "accession", "length", "refget")


@dataclass
class Contig:
    """One contig of an assembly; `length` is that of the whole contig, in bases."""

    name: str
    aliases: list[str] = field(default_factory=list)
    accession: str | None = None
    length: int | None = None
    refget: str | None = None


class Contigs:
    """The contigs of an assembly in their order, found by any of their names."""

    def __init__(self, contigs: Iterable[Contig]) -> None:
        self.contigs = list(contigs)
        self.by_name = {c.name: c for c in self.contigs}
        self.ordinal = {c.name: i for i, c in enumerate(self.contigs)}
        self._alias: dict[str, str] = {}
        for c in self.contigs:
            names = [c.name, *c.aliases, *([c.accession] if c.accession else [])]
            for name in names:
                owner = self._alias.setdefault(name, c.name)
                if owner != c.name:
                    raise AssemblyError(
                        f"contig name {name!r} stands for both {owner} and {c.name}",
                        "correct the aliases table",
                    )

    @property
    def names(self) -> list[str]:
        """Canonical names in the order of the assembly."""
        return [c.name for c in self.contigs]

    def canonical(self, name: str) -> str | None:
        """Map a name to the canonical one; None if no contig has it.

        Names like `gi|224384749|gb|CM000682.1|` are found by any of their parts.
        """
        found = self._alias.get(name)
        if found is None and "|" in name:
            hits = {self._alias[p] for p in name.split("|") if p in self._alias}
            if len(hits) == 1:
                found = hits.pop()
        return found

    def part(self, contig: str) -> str:
        """Name the partition that holds a contig's rows."""
        if len(self.contigs) <= 2 * MAX_PARTS:
            return contig
        if not hasattr(self, "_long"):
            # A contig of unknown length counts as short.
            ranked = sorted(self.contigs, key=lambda c: -(c.length or 0))
            self._long = {c.name for c in ranked[:MAX_PARTS]}
        return contig if contig in self._long else OTHER_PART

    def unknown(self, name: str) -> str:
        """Say that there is no such contig, with the nearest names."""
        return f"no contig {name!r} in this assembly{nearest(name, self._alias)}"


class AnyContigs(Contigs):
    """Takes every contig name as it is, for reading without an assembly."""

    def __init__(self) -> None:
        super().__init__([])

    def canonical(self, name: str) -> str | None:
        """Give the name itself."""
        if name not in self.by_name:
            self.by_name[name] = Contig(name)
        return name


def read_aliases(path: Path) -> Contigs:
    """Read an aliases table: TSV with the columns contig alias accession length refget.

    A contig may stand on several rows, or have several aliases separated by commas.

    Raises
    ------
    AssemblyError
        For a missing column, a length that is no number, or a name with two owners.
    """
    lines = split_lines(read_text(path))
    rows = [ln.split("\t") for ln in lines if ln.strip() and not ln.startswith("##")]
    if not rows:
        raise AssemblyError(f"{path}: the aliases table is empty")
    header = [h.lstrip("#").strip() for h in rows[0]]
    if "contig" not in header:
        raise AssemblyError(
            f"{path}: no column `contig` in the aliases table (found: {', '.join(header)})",
            "name the columns " + " ".join(_COLUMNS),
        )
    unknown = [h for h in header if h not in _COLUMNS]
    if unknown:
        raise AssemblyError(
            f"{path}: unknown column(s) {', '.join(unknown)} in the aliases table",
            "the columns are " + " ".join(_COLUMNS),
        )
    contigs: dict[str, Contig] = {}
    for number, row in enumerate(rows[1:], 2):
        cell = dict(zip(header, (v.strip() for v in row), strict=False))
        name = cell["contig"]
        if not name:
            raise AssemblyError(f"{path}: row {number} has no contig name")
        c = contigs.setdefault(name, Contig(name))
        c.aliases += [a for a in re.split(r"[,;]", cell.get("alias", "")) if a and a != name]
        c.accession = cell.get("accession") or c.accession
        c.refget = cell.get("refget") or c.refget
        if text := cell.get("length", ""):
            if not (text.isascii() and text.isdigit()):
                raise AssemblyError(f"{path}: row {number}: length {text!r} is no number")
            c.length = int(text)
    return Contigs(contigs.values())


def order_by(contigs: Sequence[str]) -> dict[str, int]:
    """Rank contigs by the given order, for sorting rows."""
    return {c: i for i, c in enumerate(contigs)}
