"""Files that a cell of the reads sheet names: where they are, and why one cannot be taken."""

import os
import re
from pathlib import Path

from varhouse.reads.filekind import kind_of, misplaced


def short_path(path: Path) -> Path:
    """Give an absolute path without `..`, unless that leads elsewhere by a link."""
    path = path.absolute()
    short = Path(os.path.normpath(path))
    try:
        return short if short.samefile(path) else path
    except OSError:
        return path


def told_twice(cell: str, name: str, line: int, other: int) -> str:
    """Say where a file already stands, and under which name."""
    also = f" (as {name})" if name != cell else ""
    if other == line:
        return f"{cell} stands in fastq_1 and in fastq_2{also}; fix: name R2 in fastq_2"
    return f"{cell} already stands on line {other}{also}; fix: a row a file"


def file_problem(path: Path, cell: str, column: str) -> tuple[str, str] | None:
    """Say why a file cannot be taken, with the kind of mistake; None: it can."""
    if re.match(r"[a-z][a-z0-9+.-]+://", cell):
        return "address", f"{cell} is an address; fix: download it, and name the file"
    try:
        if not path.exists():
            if "," in cell or ";" in cell:
                return (
                    "list",
                    f"{cell}: several files in a cell; fix: a row a lane, a file a cell",
                )
            return (
                "no file",
                f"no such file: {path}; fix: paths are taken from the sheet's folder",
            )
        if not path.is_file():
            return "folder", f"{path} is no file; fix: name the file"
        wanted = {"fastq_1": "fastq", "fastq_2": "fastq", "gvcf": "vcf"}.get(column, column)
        told = misplaced(path, kind_of(path), wanted)
    except OSError as error:
        return "denied", f"{path}: {error.strerror or error}; fix: make it readable"
    return ("kind", told) if told else None
