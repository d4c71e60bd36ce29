"""The folder of a pack: tables, workbook, JSON, manifest and checksums, whole or not there.

The same content gives the same bytes, workbooks included: no time of writing is in them.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varhouse.errors import UsageError
from varhouse.sheetfile import tab_cell

Cell = str | int | float | None
Row = Sequence[Cell]

_STAMP = (1980, 1, 1, 0, 0, 0)
_TIMES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")

MANIFEST = "manifest.tsv"
SUMS = "md5sum.txt"


@dataclass(frozen=True)
class Sheet:
    """A table of a pack: name of file and sheet, headings, rows."""

    name: str
    head: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Told:
    """What a file holds, where that is known: records, samples, contigs."""

    records: int | None = None
    samples: int | None = None
    contigs: tuple[str, ...] = ()


def write_tsv(path: Path, sheet: Sheet) -> None:
    """Write a table as UTF-8 text with tabs: what is null is empty."""
    lines = [sheet.head, *sheet.rows]
    text = "".join("\t".join(_tsv(c) for c in row) + "\n" for row in lines)
    path.write_text(text, "utf-8")


def _tsv(cell: Cell) -> str:
    return tab_cell(re.sub(r"[\t\r\n]+", " ", shown(cell)))


def shown(cell: Cell) -> str:
    """Give a cell as text."""
    return "" if cell is None else str(cell)


def write_workbook(path: Path, sheets: Sequence[Sheet]) -> bool:
    """Write tables as sheets of a workbook; False if openpyxl is not installed."""
    try:
        import openpyxl  # noqa: PLC0415 - an extra
    except ImportError:
        return False
    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in sheets:
        page = book.create_sheet(sheet.name[:31])
        page.freeze_panes = "A2"
        for r, row in enumerate([sheet.head, *sheet.rows], 1):
            for c, value in enumerate(row, 1):
                if value is None or value == "":
                    continue
                cell = page.cell(r, c)
                if isinstance(value, str):
                    # Whatever it begins with, it is no formula.
                    cell.value = _CONTROL.sub(" ", value)[:32_767]
                    cell.data_type = "s"
                else:
                    cell.value = value
    raw = io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(made.namelist()):
            body = _TIMES.sub(rb"\g<1>1980-01-01T00:00:00Z", made.read(name))
            out.writestr(zipfile.ZipInfo(name, _STAMP), body, zipfile.ZIP_DEFLATED)
    return True


def write_json(path: Path, data: Any) -> None:
    """Write JSON: keys as they are given, UTF-8, a line end at the end."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")


def sums_of(path: Path) -> tuple[str, str]:
    """Give MD5 and SHA-256 of a file."""
    md5, sha = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha.update(block)
    return md5.hexdigest(), sha.hexdigest()


def write_manifest(folder: Path, told: Mapping[str, Told]) -> None:
    """Write the manifest and `md5sum.txt` of all files that lie in a folder.

    `md5sum -c md5sum.txt` checks them, the manifest included.
    """
    rows: list[Row] = []
    sums: list[tuple[str, str]] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        md5, sha = sums_of(path)
        sums.append((md5, name))
        t = told.get(name, Told())
        contigs = ",".join(t.contigs)
        rows.append([name, path.stat().st_size, md5, sha, t.records, t.samples, contigs])
    head = ("file", "bytes", "md5", "sha256", "records", "samples", "contigs")
    write_tsv(folder / MANIFEST, Sheet("manifest", head, rows))
    sums.append((sums_of(folder / MANIFEST)[0], MANIFEST))
    lines = (f"{md5}  {name}\n" for md5, name in sums)
    (folder / SUMS).write_text("".join(lines), "utf-8")


def check_free(folder: Path) -> None:
    """See that a folder is not there yet, or is empty.

    Raises
    ------
    UsageError
        If it holds anything, or is no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already", "give the pack a folder of its own")


def table(
    name: str, columns: Sequence[tuple[str, str]], entries: Iterable[Mapping[str, Any]]
) -> Sheet:
    """Make a sheet of entries: `columns` are keys and headings."""
    rows = [[_flat(entry.get(key)) for key, _ in columns] for entry in entries]
    return Sheet(name, [head for _, head in columns], rows)


def _flat(value: Any) -> Cell:
    """Give a value as a cell: lists joined by semicolons."""
    if isinstance(value, list | tuple):
        return "; ".join(str(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)
