"""The header of a VCF: version, contigs, declared fields, sample names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

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
    at = 0
    while at < len(lines):
        end = _end_of_contigs(lines, at)
        if end > at:
            _read_contigs(lines[at:end], at + 1, header, rules)
        elif lines[at].startswith("##"):
            rules.check(lines[at], at + 1)
            _read_meta(lines[at], header)
        else:
            _read_columns(lines[at], at + 1, header, account)
        at = max(end, at + 1)
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


class _Contigs(NamedTuple):
    """What a stretch of contig lines says in which nothing is wrong."""

    seen: frozenset[tuple[str, str]]
    """As `HeaderRules.seen`."""
    lengths: dict[str, int | None]
    """As `Header.contigs`."""


_STRETCHES = 16
_LONGEST = 1 << 22
"""Letters of a stretch that is kept: with their number this bounds the memory."""

_KNOWN: dict[tuple[int, str], _Contigs] = {}
"""Stretches by version and text. The files of a cohort declare the same thousands of contigs,
each of them: these lines cost more than the records of a small file."""


def _end_of_contigs(lines: list[str], at: int) -> int:
    """Give the end of the stretch of contig lines that begins at a line; `at` if none does."""
    while at < len(lines) and lines[at].startswith("##contig="):
        at += 1
    return at


def _read_contigs(lines: list[str], number: int, header: Header, rules: HeaderRules) -> None:
    """Read and check a stretch of contig lines; `number` is that of the first."""
    key = rules.version, "\n".join(lines)
    known = _KNOWN.get(key)
    # A name that stood before is told of with its line.
    if known is not None and rules.seen.isdisjoint(known.seen):
        rules.seen |= known.seen
        header.contigs |= known.lengths
        return
    told, before = sum(rules.account.counts.values()), set(rules.seen)
    for k, line in enumerate(lines, number):
        rules.check(line, k)
        _read_meta(line, header)
    is_sound = sum(rules.account.counts.values()) == told
    if known is None and is_sound and len(key[1]) <= _LONGEST:
        if len(_KNOWN) == _STRETCHES:
            _KNOWN.pop(next(iter(_KNOWN)))
        seen = frozenset(rules.seen - before)
        found = {n: size for n, size in header.contigs.items() if ("contig", n) in seen}
        _KNOWN[key] = _Contigs(seen, found)


@lru_cache(maxsize=16_384)
def _meta_of(line: str) -> Mapping[str, str]:
    return read_meta(line)


def known_meta(line: str) -> Mapping[str, str]:
    """Read a meta line as `read_meta` does, a short one once for all files."""
    # Long lines are not kept: bounds the memory.
    return _meta_of(line) if len(line) < 1_000 else read_meta(line)


def _read_meta(line: str, header: Header) -> None:
    key = line[2:].partition("=")[0]
    if key not in ("contig", "FILTER", "INFO", "FORMAT"):
        return
    meta = known_meta(line)
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
