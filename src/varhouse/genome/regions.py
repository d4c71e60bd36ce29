"""Regions as people write them: `chr1:48,000-49,000`, `chr1:48k-49k`, lists, BED files.

Written regions are 1-based and closed, as samtools has them; intervals of a BED are 0-based
and half-open. Every command and every function takes them through here. What may mean two
things is refused.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from varhouse.errors import InputError, UsageError, one_of
from varhouse.genome.bed import name_lines, read_bed
from varhouse.genome.contigs import Contigs
from varhouse.textfile import read_text, split_lines

LOG = logging.getLogger("varhouse.genome")

LAST_BASE = 2**31 - 1
"""No contig of VCF is longer; a region that ends behind it ends there."""

LIST = "@"
"""Stands before the path of a list, or of a BED."""

_UNITS = {"": 1, "bp": 1, "b": 1, "k": 1_000, "kb": 1_000, "m": 1_000_000, "mb": 1_000_000}
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?:[kKmM]?[bB]?[pP]?)"
_SPAN = re.compile(
    rf"^(?P<start>{_NUMBER})?(?P<to>-|\u2013|\.\.)?(?P<end>{_NUMBER})?\Z", re.ASCII
)
_PARTS = re.compile(r"^([\d,.]+)([a-zA-Z]*)\Z", re.ASCII)
_OPEN = re.compile(r"[:\-\u2013.]\d{1,3}(?:,\d{3})*\Z", re.ASCII)
"""A text that ends in a number of which a comma and three digits may be the rest."""

_REST = re.compile(r"^\d{3}(?!\d)", re.ASCII)
_MOST_NAMED = 10


@dataclass(frozen=True)
class Region:
    """A piece of a contig: 1-based, both ends included; `end` None: to its end."""

    contig: str
    start: int = 1
    end: int | None = None


def parse_region(text: str, contigs: Contigs) -> Region:
    """Read `contig`, `contig:pos`, `contig:start-end`, `contig:start-` (1-based, closed).

    Thousands may be grouped by commas; `48k` and `1.5M` are 48,000 and 1,500,000. A contig
    whose own name holds a colon is found. A region of a telomere alone, which holds no base,
    is taken with a warning.

    Raises
    ------
    UsageError
        If the contig is unknown, a number cannot be read or may be meant otherwise, or the
        interval is empty or lies behind the contig's end.
    """
    text = text.strip()
    if (whole := contigs.canonical(text)) is not None:
        return Region(whole)
    name, colon, span = text.rpartition(":")
    contig = contigs.canonical(name) if colon else None
    if contig is None:
        if text.startswith(LIST) or len(split_regions(text, contigs)) > 1:
            raise UsageError(f"{text!r}: one region goes here", "write contig:start-end")
        raise UsageError(
            contigs.unknown(name if colon and _SPAN.match(span) else text),
            one_of(contigs.names),
        )
    start, end = parse_span(text, span)
    _check_place(text, Region(contig, start, end), contigs.by_name[contig].length)
    return Region(contig, start, end)


def _check_place(text: str, region: Region, length: int | None) -> None:
    """Check that a contig of `length` bases, if that is known, has bases in a region.

    Records at 0 and N + 1 are of the telomeres (VCF 1.6.1): who wants them may ask there.
    """
    bases = "counted from 1" if length is None else f"1 to {length:,}"
    if length is not None and region.start > length + 1:
        raise UsageError(
            f"region {text!r} is behind the end of {region.contig}: it has {length:,} bases",
            f"write positions of {bases}; do they come from another assembly?",
        )
    if region.end == 0 or (length is not None and region.start == length + 1):
        LOG.warning(
            "region %r holds no base, only what is written at a telomere: bases of %s are %s",
            text, region.contig, bases,
        )  # fmt: skip


def parse_span(text: str, span: str) -> tuple[int, int | None]:
    """Read what stands behind the colon of a region: first and last base, 1-based.

    Parameters
    ----------
    text
        The whole region, for messages.

    Raises
    ------
    UsageError
        As `parse_region`.
    """
    found = _SPAN.match(span)
    if found is None or (found["end"] and not found["to"]):
        raise UsageError(
            f"region {text!r}: {span!r} is no position",
            "write contig:start-end, 1-based: chr1:48,000-49,000 or chr1:48k-49k",
        )
    first, last = found["start"], found["end"]
    if first and last:
        _check_unit(text, first, last)
    start = _bases(text, first) if first else 1
    end = _bases(text, last) if last else None
    if end is None and first and not found["to"]:
        end = start
    if end is not None and end < start:
        raise UsageError(
            f"region {text!r} is empty: {start:,} is after {end:,}",
            "write contig:start-end, 1-based",
        )
    return start, end


def _check_unit(text: str, first: str, last: str) -> None:
    """Refuse `48-49k`, which may mean 48 or 48k."""
    unit, of_last = _unit(first), _unit(last)
    if unit or not of_last or of_last in ("b", "bp"):
        return
    meant = f"{first}{last[-len(of_last) :]}"
    if _bases(text, meant) <= _bases(text, last):
        raise UsageError(
            f"region {text!r}: the start may be {first} or {meant}",
            f"write {meant}-{last}, or the start in bases and the end without "
            f"{last[-len(of_last) :]}: {first}-{_bases(text, last):,}",
        )


def _unit(number: str) -> str:
    found = _PARTS.match(number)
    return found[2].lower() if found else ""


def _bases(text: str, number: str) -> int:
    found = _PARTS.match(number)
    if found is None or found[2].lower() not in _UNITS:
        raise UsageError(
            f"region {text!r}: {number!r} is no number of bases", "48000, 48k, 1.5M"
        )
    value = Decimal(found[1].replace(",", "")) * _UNITS[found[2].lower()]
    if value != value.to_integral_value():
        raise UsageError(
            f"region {text!r}: {number} is {value.normalize():f} bases, no whole number",
            "write the bases out",
        )
    return min(int(value), LAST_BASE)


def parse_regions(texts: Iterable[str], contigs: Contigs) -> list[Region]:
    """Read regions: several in a text, by commas or blanks; `@FILE` for a list or a BED.

    A list has a region, or several, a line; empty lines and comment lines (`#`) are passed
    over. A file that ends in .bed or .bed.gz is a BED: 0-based.

    Raises
    ------
    InputError
        If a file cannot be read.
    UsageError
        As `parse_region`; all regions that cannot be read are named.
    """
    found: list[Region] = []
    wrong: list[UsageError] = []

    def read(text: str, where: str = "") -> None:
        for one in split_regions(text, contigs):
            try:
                found.append(parse_region(one, contigs))
            except UsageError as error:
                wrong.append(UsageError(f"{where}{error.message}", error.fix))

    for text in texts:
        text = text.strip()
        if not text.startswith(LIST):
            read(text)
        elif (path := Path(text[1:].strip())).name.endswith((".bed", ".bed.gz")):
            found += bed_regions(path, contigs)
        else:
            for number, line in list_lines(path):
                _check_no_bed(path, number, line)
                read(line, f"{path}:{number}: ")
    _raise(wrong, "regions")
    return found


def split_regions(text: str, contigs: Contigs) -> list[str]:
    """Split a text into regions at blanks and commas, but not at commas within a number.

    Raises
    ------
    UsageError
        If a comma may be either.
    """
    found: list[str] = []
    for word in text.split() or [text]:
        if _is_one(word, contigs):
            found.append(word)
            continue
        own: list[str] = []
        for piece in word.split(","):
            if own and ":" in own[-1] and _REST.match(piece) and _OPEN.search(own[-1]):
                if contigs.canonical(piece) is not None:
                    raise UsageError(
                        f"region {own[-1]},{piece}: {piece} is a contig, or ends the number",
                        "set regions off by blanks, or give --region twice",
                    )
                own[-1] += f",{piece}"
            elif piece:
                own.append(piece)
        found += own
    return found


def _is_one(word: str, contigs: Contigs) -> bool:
    """Whether a word is one contig, or a region of one, however its name is written."""
    return "," not in word or any(
        contigs.canonical(name) is not None for name in (word, word.rpartition(":")[0])
        if "," in name
    )  # fmt: skip


def bed_regions(path: Path, contigs: Contigs) -> list[Region]:
    """Read the intervals of a BED as regions.

    Raises
    ------
    InputError
        If it cannot be read, holds none, or names a contig that the assembly does not have
        or a place behind the end of one.
    """
    _check_file(path)
    rows, problems = read_bed(path)
    names = {n: contigs.canonical(n) for n in rows["contig"].unique()}
    lost = rows.filter(rows["contig"].is_in([n for n, own in names.items() if own is None]))
    problems += name_lines(path, lost, lambda r: contigs.unknown(r["contig"]))
    ends = {n: contigs.by_name[own].length for n, own in names.items() if own is not None}
    end = pl.col("contig").replace_strict(ends, default=None, return_dtype=pl.Int64)
    problems += name_lines(
        path,
        rows.filter(pl.col("start") >= end),
        lambda r: (
            f"{r['start']}-{r['end']} is behind the end of {r['contig']}: it has "
            f"{ends[r['contig']]:,} bases"
        ),
    )
    if not rows.height and not problems:
        problems = [f"{path}: no interval"]
    if problems:
        raise InputError("\n".join(problems), "correct the BED, or leave these lines out")
    return [
        Region(names[contig] or contig, start + 1, end)
        for contig, start, end in rows.select("contig", "start", "end").iter_rows()
    ]


def read_lists(texts: Iterable[str], *, split: Callable[[str], Sequence[str]]) -> list[str]:
    """Read names of genes or alleles: `split` takes a text apart, `@FILE` is a list of them.

    Raises
    ------
    InputError
        If a list cannot be read.
    """
    found: list[str] = []
    for text in texts:
        text = text.strip()
        if text.startswith(LIST):
            found += [n for _, line in list_lines(Path(text[1:].strip())) for n in split(line)]
        else:
            found += split(text)
    return found


def list_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines of a list and their numbers, without empty and comment lines.

    Raises
    ------
    InputError
        If it cannot be read, or has none.
    """
    _check_file(path)
    lines = [(n, line.strip()) for n, line in enumerate(split_lines(read_text(path)), 1)]
    kept = [(n, line) for n, line in lines if line and not line.startswith("#")]
    if not kept:
        raise InputError(f"{path}: the list is empty", "a line each")
    return kept


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"no such list: {path}", "@ stands before the path of a file")


def _check_no_bed(path: Path, number: int, line: str) -> None:
    cells = line.split("\t")
    if len(cells) > 2 and all(c.isascii() and c.isdigit() for c in cells[1:3]):
        raise UsageError(
            f"{path}:{number}: contig, start and end, but 0- or 1-based?",
            "give a BED (0-based) the ending .bed, else write"
            f" {cells[0]}:{cells[1]}-{cells[2]}",
        )


def _raise(wrong: list[UsageError], what: str) -> None:
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        lines = [f"  - {e.message}" for e in wrong[:_MOST_NAMED]]
        if more := len(wrong) - _MOST_NAMED:
            lines += [f"  ... and {more:,} more like it"] if more > 0 else []
        raise UsageError(
            f"{len(wrong)} {what} cannot be read\n" + "\n".join(lines), wrong[0].fix
        )
