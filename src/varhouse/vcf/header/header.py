"""The header of a VCF: version, contigs, declared fields, sample names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.meta_lines import read_meta
from varhouse.vcf.header.rules import HeaderRules

FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
VERSION = re.compile(r"##fileformat=VCFv4\.([1-5])\Z")


@dataclass
class Header:
    """A parsed header. `contigs` maps the declared names to their length (or None)."""

    text: str = ""
    version: int | None = None
    contigs: dict[str, int | None] = field(default_factory=dict)
    filters: set[str] = field(default_factory=set)
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)
    has_format: bool = False
    n_lines: int = 0
    complete: bool = False


def read_header(lines: list[str], account: Account) -> Header:
    """Read and check header lines (the last is #CHROM, unless the file has none)."""
    header = Header(text="\n".join(lines), n_lines=len(lines))
    if not lines or not lines[0].startswith("##fileformat="):
        first = lines[0] if lines else ""
        account.add(
            "VH-H-001", "the file does not begin with ##fileformat", line=1, value=first[:60]
        )
    elif (match := VERSION.match(lines[0])) is None:
        account.add(
            "VH-H-001", "not a version of VCF from 4.1 to 4.5", line=1, value=lines[0][13:60]
        )
    else:
        header.version = int(match[1])
    rules = HeaderRules(header.version, account)
    for number, line in enumerate(lines, 1):
        if line.startswith("##"):
            rules.check(line, number)
            _read_meta(line, header)
        else:
            _read_columns(line, number, header, account)
    if not header.complete:
        account.add("VH-H-002", "no #CHROM line before the records", line=len(lines) + 1)
    return header


def read_sample_names(lines: list[str]) -> list[str]:
    """Read the names of the sample columns alone: meta lines are not looked at."""
    header = Header()
    for line in lines:
        if not line.startswith("##"):
            _read_columns(line, 0, header, Account(""))
    return header.samples


# The files of a cohort declare the same thousands of contigs, each of them.
@lru_cache(maxsize=16_384)
def _meta_of(line: str) -> Mapping[str, str]:
    return read_meta(line)


def _read_meta(line: str, header: Header) -> None:
    key = line[2:].partition("=")[0]
    if key not in ("contig", "FILTER", "INFO", "FORMAT"):
        return
    # Long lines are not kept: bounds the memory.
    meta = _meta_of(line) if len(line) < 1_000 else read_meta(line)
    name = meta.get("ID", "")
    if key == "FILTER":
        header.filters.add(name)
        return
    if key == "contig":
        length = meta.get("length", "")
        header.contigs[name] = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
        return
    # Of a key that is declared twice the first declaration holds, as in htslib.
    header.numbers.setdefault((key, name), meta.get("Number", ""))
    header.types.setdefault((key, name), meta.get("Type", ""))


def _read_columns(line: str, number: int, header: Header, account: Account) -> None:
    cells = line.split("\t")
    header.complete = True
    if tuple(cells[:8]) == FIXED and len(cells) > 8 and not any(cells[8:]):
        # The files of the GATK bundle end so; 4.1 and 4.2 do not forbid it.
        account.add(
            "VH-H-002",
            "a tab at the end of the line",
            line=number,
            value=line[-80:],
            severity="error" if (header.version or 3) >= 3 else "warning",
            ingest="note",
        )
        cells = cells[:8]
    if tuple(cells[:8]) != FIXED or (len(cells) > 8 and cells[8] != "FORMAT"):
        account.add(
            "VH-H-002", "the column names are not those of VCF", line=number, value=line[:80]
        )
        return
    header.has_format = len(cells) > 8
    header.samples = cells[9:]
    if len(cells) == 9:
        account.add("VH-H-025", "FORMAT without a sample", line=number, value=line[-80:])
    if any(not s.strip() for s in header.samples):
        account.add(
            "VH-H-003",
            "a sample column has no name (a tab at the end of the line?)",
            line=number,
        )
    seen: set[str] = set()
    for s in header.samples:
        if s in seen:
            account.add("VH-H-004", "a sample name stands twice", line=number, value=s)
        seen.add(s)
