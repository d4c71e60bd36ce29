"""A first look at the file of a gene model, before any job starts."""

import re
from pathlib import Path

from varhouse.errors import InputError
from varhouse.textfile import LONGEST_ROW, line_blocks

_FEATURE = re.compile(r"(?:[^\t]*\t){3}\d+\t\d+\t[^\t]*\t[-+.?]\t(?:[^\t]*\t)")


def genes_problems(path: Path) -> list[str]:
    """Look at the first rows of a gene model: GFF3 and GTF have nine columns.

    The fourth and the fifth are whole numbers, the seventh is a strand.
    """
    rows: list[str] = []
    try:
        for block in line_blocks(path, 1 << 16, LONGEST_ROW):
            lines = (x.strip(b"\r") for x in block.split(b"\n") if not x.startswith(b"#"))
            rows += [x.decode("utf-8", "replace") for x in lines if x.strip()]
            if rows:
                break
    except InputError as error:
        return [f"genes: {error.message}; fix: {error.fix}"]
    except OSError as error:
        return [f"genes: {path}: cannot be read ({error.strerror})"]
    if any(_FEATURE.match(row) for row in rows[:10]):
        return []
    first = f"its first row is {rows[0][:60]!r}" if rows else "it has no rows"
    return [f"genes: {path}: no GFF3 or GTF: {first}; fix: name a GFF3 or GTF file"]
