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
    contigs: Iterable[tuple[str, int | None]] = (),
) -> str:
    """Merge the headers of a cohort's files.

    Parameters
    ----------
    headers
        Header text of each file, lines without the last newline.
    samples
        Sample columns of the result.
    contigs
        Name and length of contigs that must be declared.

    Returns
    -------
    str
        The first file's lines, after them the contig, INFO, FORMAT, FILTER and ALT lines
        that only others have, the GT line if it is missing, and the column names.
    """
    lines = [ln for ln in headers[0].splitlines() if ln.startswith("##")]
    if not lines or not lines[0].startswith("##fileformat="):
        lines.insert(0, "##fileformat=VCFv4.3")
    known = {name for ln in lines if (name := _name(ln))}
    for text in headers[1:]:
        for line in text.splitlines():
            name = _name(line)
            if name and name not in known:
                known.add(name)
                lines.append(line)
    for contig, length in contigs:
        if ("contig", contig) not in known:
            lines.append(f"##contig=<ID={contig}{f',length={length}' if length else ''}>")
    if samples and ("FORMAT", "GT") not in known:
        lines.append(_GT)
    columns = [*_FIXED, "FORMAT", *samples] if samples else _FIXED
    return "\n".join([*lines, "\t".join(columns)]) + "\n"


def _name(line: str) -> tuple[str, str] | None:
    match = _ID.match(line)
    return (match["key"], match["id"]) if match and match["key"] in _MERGED else None
