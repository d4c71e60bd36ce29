"""A sheet as a table: columns named as its kind has them, text, null where nothing is said."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse.sheetcolumns import SheetKind, missing_columns, take_names
from varhouse.sheetfile import read_sheet_file

_MISSING = {"", "NA", "na", "N/A", "."}


@dataclass
class Sheet:
    """A sheet as it was read.

    Attributes
    ----------
    path
        Where it lies.
    frame
        A column a column of the sheet, text, null where nothing is known; and `line`, the
        1-based line of the file or row of the workbook.
    form
        What sets its columns off (`varhouse.sheetfile.SheetFile.form`).
    notes
        What was taken for what, for people.
    problems
        Mistakes, one line each.
    """

    path: Path
    frame: pl.DataFrame
    form: str = "tabs"
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def is_missing(cell: str) -> bool:
    """Tell whether a cell of a sheet says nothing."""
    return cell.strip() in _MISSING


def read_sheet(path: Path, kind: SheetKind) -> Sheet:
    """Read a sheet as text, in any form that `varhouse.sheetfile` reads.

    Columns have the names of their kind, empty cells are null.

    Raises
    ------
    InputError
        If it cannot be read as a sheet at all.
    """
    found = read_sheet_file(path, kind.name, kind.is_header, counts=kind.counts)
    columns = (
        pl.Series(name, [None if is_missing(c) else c for c in cells], pl.String)
        for name, cells in zip(found.header, found.columns, strict=True)
    )
    frame = pl.DataFrame([*columns]).with_columns(
        pl.Series("line", found.lines, dtype=pl.Int64)
    )
    frame, notes, problems = take_names(path.name, frame, kind)
    sheet = Sheet(path, frame, found.form, found.notes + notes, found.problems + problems)
    if "line" in found.header:
        sheet.problems.append(
            f"{path.name}: a column called 'line', as the lines of the sheet are; fix: "
            "call it something else, for example line_name"
        )
    if not problems:
        sheet.problems += missing_columns(path.name, frame, kind)
    return sheet
