"""Excel workbooks (.xlsx) as rows of text, with the text that Excel shows, or none.

A cell of a workbook is a number, a date or a text with a format, and what it shows is not
what it holds: 001 is the number 1 shown by `000`, and a sample 1-2 is a day in January now.
Where the text that is shown follows from number and format it is taken; else the cell is named
as a mistake. Formulas are mistakes, too: their values are what some program computed once.

The bytes come from anybody: what they unpack to is bounded before anything is parsed, links to
other files are not followed, macros are not read.
"""

import datetime
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from varhouse.errors import InputError, install_extra
from varhouse.workbookparts import MOST_ROWS, PartNotes, WorkbookArchive

MOST_ARCHIVE = 512 << 20
"""Bytes of an archive at most, unpacked."""

MOST_CELLS = 50_000_000
"""Cells of a sheet at most, empty ones before others counted."""

MOST_PARTS = 10_000
"""Files in the archive at most."""

_DIGITS = 15
"""Digits that Excel keeps of a number."""

_ARCHIVE = b"PK\x03\x04"
_AS_TEXT = "save it as .xlsx, or as CSV UTF-8"
_ARCHIVES = (
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)", _AS_TEXT),
    ("content.xml", "a LibreOffice document (.ods, .odt)", _AS_TEXT),
    ("word/document.xml", "a Word document (.docx)", "copy its table into a sheet: CSV UTF-8"),
    ("ppt/presentation.xml", "a PowerPoint document (.pptx)", _AS_TEXT),
    (
        "Index/Document.iwa",
        "a document of Apple's Numbers or Pages",
        "export it as .xlsx or CSV",
    ),
)
"""A name in a zip archive, what the archive is, and what to do about it."""

_EXACT = Context(prec=60)
_PLAIN = ("General", "@", "0")
_FULL_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{4}年\d{1,2}月\d{1,2}日?")
"""A day with its year, written as text: beside dates it is one, too."""


class Fault(NamedTuple):
    """A mistake in a cell: the row, the last one of merged cells, and what it is."""

    row: int
    text: str


def is_archive(raw: bytes) -> bool:
    """Tell whether bytes are a zip archive, as workbooks are."""
    return raw.startswith(_ARCHIVE)


def check_archive(path: Path, raw: bytes) -> None:
    """Check that a zip archive is a workbook that can be unpacked.

    Raises
    ------
    InputError
        Naming what it is, or what is too large or damaged in it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
            names = {p.filename for p in parts}
            for name, what, fix in _ARCHIVES:
                if name in names:
                    raise InputError(f"{path}: {what}, no sheet that can be read", fix)
            if "xl/workbook.xml" not in names:
                raise InputError(f"{path}: a zip archive, no sheet", "unpack it")
            size = sum(p.file_size for p in parts)
            if size > MOST_ARCHIVE or len(parts) > MOST_PARTS:
                raise InputError(
                    f"{path}: the workbook unpacks to {size / 2**20:,.0f} MiB in "
                    f"{len(parts):,} parts; at most {MOST_ARCHIVE >> 20} MiB in "
                    f"{MOST_PARTS:,} are read",
                    "save its sheet as CSV UTF-8",
                )
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
        raise InputError(
            f"{path}: a workbook that is cut off or damaged ({error})", "copy it again"
        ) from error


def read_workbook(
    path: Path, raw: bytes, name: str, *, counts: bool = False
) -> tuple[list[tuple[int, list[str]]], list[str], list[Fault]]:
    """Read a sheet of a workbook as text.

    Parameters
    ----------
    name
        Of the sheet that is meant. Without one of that name it is the only sheet that is
        not empty; hidden sheets do not count.
    counts
        Whether numbers are counts and shares, which are read as 12,345 and 50%; else their
        cells are mistakes.

    Returns
    -------
    tuple
        Rows with their 1-based numbers; notes; mistakes, one a cell.

    Raises
    ------
    InputError
        If openpyxl is not installed, the workbook cannot be read, or several sheets may be
        meant.
    """
    with _opened(path, raw) as (parts, book):
        sheet = _choose(path, book, name)
        return _rows_of(path, sheet, parts.notes[sheet._worksheet_path], counts=counts)


@contextmanager
def _opened(path: Path, raw: bytes) -> Iterator[tuple[WorkbookArchive, Any]]:
    """Give the parts of a workbook, and the workbook that reads them."""
    try:
        import openpyxl  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            f"{path}: an Excel workbook; openpyxl, which reads it, is not installed",
            f"{install_extra('xlsx')}, or save the sheet as CSV UTF-8",
        ) from None
    with warnings.catch_warnings():
        # Of styles and extensions that openpyxl leaves out.
        warnings.simplefilter("ignore")
        try:
            reader = openpyxl.reader.excel.ExcelReader(
                io.BytesIO(raw), read_only=True, keep_links=False
            )
            # Whatever the workbook names as its parts, it is read through this one.
            parts = reader.archive = WorkbookArchive(path, io.BytesIO(raw))
            reader.read()
            yield parts, reader.wb
        except InputError:
            raise
        except Exception as error:
            # A damaged or hostile workbook raises anything in there.
            raise InputError(
                f"{path}: a workbook that cannot be read ({type(error).__name__}: {error})",
                "open and save it again in Excel, or save its sheet as CSV UTF-8",
            ) from error


def sheet_titles(path: Path, raw: bytes) -> list[str]:
    """List the sheets of a workbook that are shown and have a value.

    Raises
    ------
    InputError
        As `read_workbook` does.
    """
    with _opened(path, raw) as (_, book):
        seen = [s for s in book.worksheets if s.sheet_state == "visible"]
        return [s.title for s in seen if _has_value(s)]


def _choose(path: Path, book: Any, name: str) -> Any:
    seen = [s for s in book.worksheets if s.sheet_state == "visible"]
    for sheet in seen:
        if sheet.title.strip().casefold() == name:
            return sheet
    full = [s for s in seen if _has_value(s)]
    if len(full) == 1:
        return full[0]
    if not full:
        raise InputError(f"{path}: no sheet of the workbook has a value that is not hidden")
    titles = ", ".join(repr(s.title) for s in full[:8])
    raise InputError(
        f"{path}: which of its sheets is meant ({titles})?",
        f"call the one that is meant {name!r}",
    )


def _has_value(sheet: Any) -> bool:
    sheet.reset_dimensions()
    for row, _ in zip(sheet.iter_rows(), range(1000), strict=False):
        if any(c.value is not None for c in row):
            return True
    return False


def _rows_of(
    path: Path, sheet: Any, part: PartNotes, *, counts: bool
) -> tuple[list[tuple[int, list[str]]], list[str], list[Fault]]:
    """Read the rows of a sheet; `part` says what is in its XML."""
    problems = [
        Fault(
            _last_row(ref),
            f"{path.name}: cells {ref} are merged: only the first has a value; fix: "
            "split them and fill each",
        )
        for ref in part.merged
    ]
    notes = [f"{path.name}: read from the sheet {sheet.title!r} of the workbook"]
    if part.hidden:
        notes.append(f"{path.name}: {part.hidden:,} hidden row(s) are read, too")
    rows: list[tuple[int, list[str]]] = []
    dates: dict[int, list[tuple[str, str]]] = {}
    texts: set[int] = set()
    # A header is no value of its column.
    for number, row in _bounded(path, sheet):
        cells = []
        for column, cell in enumerate(row):
            text, fault = _text_of(cell, counts=counts)
            cells.append(text)
            if fault:
                what = f"{path.name}:{number}: cell {cell.coordinate} {fault}"
                problems.append(Fault(number, what))
            elif cell.data_type == "d":
                dates.setdefault(column, []).append((cell.coordinate, text))
            elif text and rows and not _FULL_DATE.fullmatch(text):
                texts.add(column)
        if any(cells):
            rows.append((number, cells))
    for column, found in dates.items():
        if column in texts:
            problems += [
                Fault(
                    _last_row(at),
                    f"{path.name}: cell {at} has become the date {text}, other cells of its "
                    "column are none; fix: format the column as text and write it again",
                )
                for at, text in found
            ]
        else:
            notes.append(
                f"{path.name}: dates as year-month-day ({found[0][0]}: {found[0][1]})"
            )
    return rows, notes, problems


def _last_row(ref: str) -> int:
    """Give the last row of a cell or range, `B3` or `A1:D2`."""
    found = re.search(r"(\d+)\Z", ref)
    return int(found[1]) if found else MOST_ROWS


def _bounded(path: Path, sheet: Any) -> Iterator[tuple[int, Any]]:
    # What the file says of its size may be wrong: rows behind it would be lost.
    sheet.reset_dimensions()
    n_cells = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        n_cells += len(row)
        if number > MOST_ROWS or n_cells > MOST_CELLS:
            raise InputError(
                f"{path}: the sheet {sheet.title!r} has more than {MOST_ROWS:,} rows or "
                f"{MOST_CELLS:,} cells",
                "save it as CSV UTF-8",
            )
        yield number, row


def _text_of(cell: Any, *, counts: bool) -> tuple[str, str]:
    """Give the text that a cell shows, and what is wrong with it."""
    value = cell.value
    if value is None:
        return "", ""
    kind = cell.data_type
    if kind == "f":
        return "", "is a formula; fix: copy the column, and paste its values"
    if kind == "e":
        return "", f"is the error {value}; fix: correct or clear it"
    if kind == "b":
        return str(value).upper(), ""
    if kind == "d":
        return _date_text(value), ""
    if isinstance(value, int | float):
        read = _count_text if counts else _number_text
        text = read(value, cell.number_format)
        if text is None:
            return "", (
                f"is the number {value!r} with the format {cell.number_format!r}: its text is "
                "not known; fix: format the column as text and write what it says"
            )
        return text, ""
    return str(value), ""


def _date_text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return str(value)


def _count_text(value: float, form: str) -> str | None:
    """Give the text of a number as `_number_text` does, of thousands and per cent, too."""
    # What stands behind `;` is of other numbers, `_x` a blank as wide as x.
    form = re.sub(r"_.", "", form.split(";")[0]) if value >= 0 else form
    if match := re.fullmatch(r"(0(?:\.0{1,30})?)%", form):
        shown = _number_text(float(Decimal(f"{value:.{_DIGITS}g}") * 100), match[1])
        return None if shown is None else shown + "%"
    if match := re.fullmatch(r"#,##(0(?:\.0{1,30})?)", form):
        shown = _number_text(value, match[1])
        return None if shown is None else f"{Decimal(shown):,}"
    return _number_text(value, form)


def _number_text(value: float, form: str) -> str | None:
    """Give the text that Excel shows of a number; None where it does not follow."""
    if abs(value) >= 10**_DIGITS:
        return None
    if match := re.fullmatch(r"0\.(0{1,30})", form):
        # Excel rounds the 15 digits that it keeps, halves away from zero.
        kept = Decimal(f"{value:.{_DIGITS}g}")
        places = Decimal(1).scaleb(-len(match[1]))
        return f"{kept.quantize(places, ROUND_HALF_UP, _EXACT):f}"
    if float(value).is_integer():
        if form in _PLAIN:
            return str(int(value))
        return (
            f"{int(value):0{len(form)}d}" if re.fullmatch("0+", form) and value >= 0 else None
        )
    text = f"{value:.{_DIGITS}g}"
    return text if form in _PLAIN[:2] and "e" not in text else None
