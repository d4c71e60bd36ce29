"""The header of a file without some people: their columns, and the lines that name them.

`##SAMPLE` and `##PEDIGREE` lines of a person go, and so does every other line in which the
id stands as a word (`varhouse.store.words`: a command line, a path). Lines that say how
records are read stay (`_DECLARES`): there the id is taken out of quoted text.
"""

import re
from collections.abc import Sequence

from varhouse.store.words import Words
from varhouse.vcf.text.encoding import BOM

_DECLARES = re.compile(
    r"##(?:fileformat|fileDate|INFO|FORMAT|FILTER|ALT|META|contig|GVCFBlock[^=]*)="
)
_PEOPLE = re.compile(r"##(?P<key>SAMPLE|PEDIGREE)=<(?P<inside>.*)>\s*\Z")
_VALUE = re.compile(r'(?P<key>[^=,<>"]*)=(?P<value>"(?:[^"\\]|\\.)*"|[^,]*)')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def cut_meta_line(line: str, words: Words) -> str | None:
    """Give a meta line without the ids of people; None if it goes."""
    people = _PEOPLE.match(line)
    if people is not None:
        return None if _names_person(people["inside"], words) else line
    if _DECLARES.match(line):
        return _QUOTED.sub(lambda quoted: words.remove(quoted[0]), line)
    return None if line in words else line


def cut_column_line(line: bytes, goes: Sequence[bool]) -> bytes:
    """Give a #CHROM line, with its line end, without the sample columns that go."""
    body = line.rstrip(b"\r\n")
    cells = body.split(b"\t")
    kept = [c for c, out in zip(cells[9:], goes, strict=False) if not out]
    return b"\t".join([*cells[:9], *kept, *cells[9 + len(goes) :]]) + line[len(body) :]


def cut_header_line(line: bytes, words: Words, goes: Sequence[bool]) -> bytes:
    """Give a line of the header, with its line end, without people; empty: it goes."""
    if not line.startswith(b"##") and not line.startswith(BOM + b"##"):
        return cut_column_line(line, goes)
    # Bytes that are not UTF-8 come back as they were.
    cut = cut_meta_line(line.decode("utf-8", "surrogateescape"), words)
    return b"" if cut is None else cut.encode("utf-8", "surrogateescape")


def _names_person(inside: str, words: Words) -> bool:
    """Tell whether a value of a SAMPLE or PEDIGREE line is an id, or its text has one."""
    for match in _VALUE.finditer(inside):
        value = match["value"]
        if value in words if value.startswith('"') else words.is_id(value.strip()):
            return True
    return False
