"""Declarations that well-known tools write otherwise than the specification has them.

No reader trips over these: they are warnings that name the tool, and the key is read as
the specification defines it. Records that give as many values as such a header says are
not told of a second time. So is Number=. where the count varies or the text does not give one.
Any other declaration is an error (VH-H-006).
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from varhouse.vcf.header.reserved import ANY, reserved


@dataclass(frozen=True)
class Deviation:
    """How a tool declares a key.

    Attributes
    ----------
    number, type
        Values of Number and Type that the tool is known to write; empty for none.
    tool
        Who writes so.
    """

    number: frozenset[str]
    type: frozenset[str]
    tool: str


def _row(number: str, type_: str, tool: str) -> Deviation:
    return Deviation(frozenset(number.split()), frozenset(type_.split()), tool)


_KNOWN = {
    ("INFO", "AC"): _row("1 .", "", "GATK 1 and 2, the 1000 Genomes Project and Ensembl"),
    ("INFO", "AF"): _row("1 .", "", "GATK 1 and 2, the 1000 Genomes Project and Ensembl"),
    ("INFO", "END"): _row(".", "", "Illumina's Isaac and hap.py"),
    ("INFO", "DP"): _row("", "Float", "tools that average depths"),
    ("INFO", "DBVARID"): _row(".", "", "ClinVar"),
    ("INFO", "SB"): _row("1 .", "Float", "GATK 1 to 3"),
    ("FORMAT", "AD"): _row("1 2 . A", "", "GATK up to 3, VarScan and Isaac"),
    ("FORMAT", "ADF"): _row("1 2 . A", "", "VarScan and Strelka"),
    ("FORMAT", "ADR"): _row("1 2 . A", "", "VarScan and Strelka"),
    ("FORMAT", "DP"): _row("", "Float", "tools that average depths"),
    ("FORMAT", "FT"): _row(".", "", "PharmCAT and GATK's CombineGVCFs"),
    ("FORMAT", "GL"): _row("3 .", "Integer", "samtools 0.1, Platypus and vcftools"),
    ("FORMAT", "GP"): _row("3 .", "", "imputation tools"),
    ("FORMAT", "GQ"): _row("", "Float", "freebayes, Strelka and Isaac"),
    ("FORMAT", "PL"): _row("3 .", "", "samtools 0.1 and Hail"),
    ("FORMAT", "CN"): _row("", "Integer", "Delly and others that count whole copies"),
    ("FORMAT", "GT"): _row("", "Integer", "GATK's gCNV"),
    ("INFO", "CIPOS"): _row("", "String", "SURVIVOR"),
    ("INFO", "CIEND"): _row("", "String", "SURVIVOR"),
    ("FORMAT", "PS"): _row("", "String", "the benchmark sets of Genome in a Bottle"),
}  # fmt: skip
"""Widespread declarations of reserved keys."""

_LISTS_IN_TEXT = re.compile(r"AS_\w+")
"""GATK's allele-specific annotations: strings such as `6,8|2,1`, whatever their Number."""


class Count(NamedTuple):
    """A tool's own FORMAT key, of which it writes another count of values than it declares.

    `type` is that by which the values are read, `values` how many there are of them.
    """

    type: str
    values: int
    tool: str


_KNOWN_COUNTS = {
    ("DP4", "1", "String"): Count("String", 4, "VarScan 2"),
    ("HDS", "2", "Float"): Count("Float", 1, "minimac4 (of a haploid sample)"),
    ("RNC", "2", "Character"): Count("String", 1, "GLnexus (two letters without a comma)"),
}
"""By name, Number and Type as they are declared."""


def known_deviation(kind: str, name: str, key: str, found: str) -> Deviation | None:
    """Give the tool that declares a reserved key so; None where it is no known habit.

    Parameters
    ----------
    kind
        `INFO` or `FORMAT`.
    key, found
        `Number` or `Type`, and what the header gives for it.
    """
    deviation = _KNOWN.get((kind, name))
    if deviation is None:
        return None
    values = deviation.number if key == "Number" else deviation.type
    return deviation if found in values else None


def joins_lists(kind: str, name: str, type_: str) -> bool:
    """Tell whether a key is declared as String, and holds lists of its own by GATK's habit."""
    return kind == "INFO" and type_ == "String" and _LISTS_IN_TEXT.fullmatch(name) is not None


def known_count(kind: str, name: str, number: str, type_: str) -> Count | None:
    """Give the count of values that a tool writes of its key; None where none is known."""
    return _KNOWN_COUNTS.get((name, number, type_)) if kind == "FORMAT" else None


def count_habit(name: str) -> str:
    """Name the tool whose FORMAT key has another count than is declared; empty for none."""
    return next((habit.tool for key, habit in _KNOWN_COUNTS.items() if key[0] == name), "")


class Difference(NamedTuple):
    """A Number or Type (`key`) that a header declares otherwise than it is reserved.

    `code` is that of an error or of a warning; `tool` names who declares it so.
    """

    key: str
    found: str
    wanted: str
    section: str
    code: str
    tool: str = ""


def differences(
    kind: str, name: str, number: str, type_: str, version: int | None
) -> list[Difference]:
    """Compare a declaration with what the key is reserved for.

    Parameters
    ----------
    kind
        `INFO` or `FORMAT`.
    number, type_
        As declared; empty where the line has none.
    version
        Minor version of the file; None is read as 4.3.
    """
    known = reserved(kind, name, version)
    if known is None:
        return []
    out = []
    for key, found, wanted in (("Number", number, known.number), ("Type", type_, known.type)):
        if not found or wanted in (ANY, found):
            continue
        habit = known_deviation(kind, name, key, found)
        # 4.1 and 4.2 give no Numbers, and "." for one that "varies, is unknown, or is
        # unbounded"; one value for each allele varies in every version.
        varies = (version or 3) <= 2 or not wanted.isdigit()
        free = key == "Number" and found == "." and type_ != "Flag" and varies
        code = "VH-H-024" if habit or free or not known.strict else "VH-H-006"
        tool = habit.tool if habit else ""
        out.append(Difference(key, found, wanted, known.section, code, tool))
    return out
