"""The header of an exported cohort: that of its first file, completed by the others."""

import re
from collections.abc import Iterable, Sequence

_ID = re.compile(r"^##(?P<key>[A-Za-z]+)=<ID=(?P<id>[^,>]+)")
_MERGED = ("contig", "INFO", "FORMAT", "FILTER", "ALT")
_FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
_GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'


def merge_headers(
    headers: Sequence[str],
    samples: Sequence[str],
    needed: Iterable[str] = (),
) -> str:
    """Merge the headers of a cohort's files.

    Parameters
    ----------
    headers
        Header text of each file, lines without the last newline.
    samples
        Sample columns of the result.
    needed
        Lines to add where nothing is declared under their ID.

    Returns
    -------
    str
        The first file's lines, after them the contig, INFO, FORMAT, FILTER and ALT lines
        that only others have, the GT line if it is missing, and the column names.
    """
    lines = [ln for ln in headers[0].split("\n") if ln.startswith("##")]
    if not lines or not lines[0].startswith("##fileformat="):
        lines.insert(0, "##fileformat=VCFv4.3")
    known = {name for ln in lines if (name := _name(ln))}
    for text in headers[1:]:
        for line in text.split("\n"):
            name = _name(line)
            if name and name not in known:
                known.add(name)
                lines.append(line)
    for line in [*needed, *([_GT] if samples else [])]:
        if _name(line) not in known:
            lines.append(line)
    columns = [*_FIXED, "FORMAT", *samples] if samples else _FIXED
    return "\n".join([*lines, "\t".join(columns)]) + "\n"


def declare_contig(name: str, length: int | None) -> str:
    """Make the header line of a contig."""
    return f"##contig=<ID={name}{f',length={length}' if length else ''}>"


def declare_info(name: str, *, flag: bool) -> str:
    """Make the line of an INFO key that the file never declared, as htslib takes it."""
    kind = "Number=0,Type=Flag" if flag else "Number=1,Type=String"
    return f'##INFO=<ID={name},{kind},Description="Not declared in the file">'


def declare_format(name: str) -> str:
    """Make the line of a FORMAT key that the file never declared, as text of any kind."""
    return f'##FORMAT=<ID={name},Number=.,Type=String,Description="Not declared in the file">'


def declare_filter(name: str) -> str:
    """Make the line of a FILTER that the file never declared."""
    return f'##FILTER=<ID={name},Description="Not declared in the file">'


def _name(line: str) -> tuple[str, str] | None:
    match = _ID.match(line)
    return (match["key"], match["id"]) if match and match["key"] in _MERGED else None
