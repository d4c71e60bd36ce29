"""A sheet that people give, as rows of text: text in any usual form, or an Excel workbook.

What sets the columns off is told from the header line alone: it is the one separator (tab,
comma, semicolon, blanks) by which the columns that must be there are there. What was taken is
said in notes. Where a row could be read in two ways it is a mistake, not a guess: rows that
are set off by commas or blanks have exactly the cells of the header.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import InputError
from varhouse.textfile import decode_any, read_small, split_lines
from varhouse.workbook import check_archive, is_archive, read_workbook

Cells = Sequence[str]
Numbered = tuple[int, list[str]]

SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "blanks"}
"""What may set columns off, and its name; a blank stands for any number of them."""

MOST_SHOWN = 10
"""Mistakes of one kind that are named."""

_COMMENT = "##"
_HINT = re.compile(r"sep=(.)\Z")
"""First line by which Excel is told the separator of a CSV."""

_WORD = re.compile(r'"(?:[^"]|"")*"(?=\s|\Z)|\S+')
_FAM = re.compile(r"\S+\s+\S+\s+\S+\s+\S+\s+(?:[012]|-9)\s+(?:-?\d+(?:\.\d+)?|NA)(?:\s|\Z)")


@dataclass
class SheetFile:
    """The rows of a sheet.

    Attributes
    ----------
    header
        Names of the columns, without blanks around them and the `#` before the first.
    rows
        Cells of each row, as many as columns, without blanks around them.
    lines
        1-based line of the file, or row of the workbook, of each row.
    form
        What sets the columns off (`SEPARATORS`), or `workbook`.
    notes
        What was taken for what, for people.
    problems
        Rows that cannot be read; they are not among `rows`.
    """

    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    form: str = "tabs"
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_sheet_file(path: Path, name: str, is_header: Callable[[Cells], bool]) -> SheetFile:
    """Read a sheet.

    Parameters
    ----------
    name
        Of the sheet that is meant in a workbook of several.
    is_header
        Tells whether names of columns are those of the sheet.

    Raises
    ------
    InputError
        If it is neither text nor a workbook, or empty, or its columns may be set off by
        several separators.
    """
    raw = read_small(path)
    if is_archive(raw):
        check_archive(path, raw)
        rows, notes, problems = read_workbook(path, raw, name)
        return _of_workbook(path, rows, notes, problems)
    text, encoding = decode_any(path, raw)
    lines = [(n, x) for n, x in enumerate(split_lines(text), 1) if x.strip()]
    lines = [(n, x) for n, x in lines if not x.startswith(_COMMENT)]
    if not lines:
        raise InputError(f"{path}: the sheet is empty")
    if hint := _HINT.match(lines[0][1].strip()):
        separator, lines = hint[1], lines[1:]
        if separator not in SEPARATORS or not lines:
            raise InputError(f"{path}: sep={separator} and no columns set off by it")
    else:
        separator = _separator(path, lines[0][1], is_header)
    sheet = _of_text(path, lines, separator)
    if encoding is not None:
        sheet.notes.append(f"{path.name}: not UTF-8, read as {encoding}")
    if separator != "\t":
        sheet.notes.append(f"{path.name}: columns set off by {SEPARATORS[separator]}")
    return sheet


def _separator(path: Path, line: str, is_header: Callable[[Cells], bool]) -> str:
    """Choose what sets the columns off; without a choice, what makes most columns of it."""
    if _FAM.match(line):
        raise InputError(
            f"{path}: no header line; its rows look like those of PLINK's .fam or .ped "
            "(family, person, father, mother, sex, phenotype)",
            'make a sheet of it: awk \'BEGIN {OFS="\\t"; print "cohort", "sample", "sex"} '
            f'{{print "COHORT", $2, $5}}\' {path.name} > samples.tsv',
        )
    if "\t" in line:
        return "\t"
    split = {s: _header(line, s) for s in SEPARATORS if s in line or s == " "}
    fit = [s for s, cells in split.items() if is_header(cells)]
    if len(fit) > 1:
        names = " or ".join(SEPARATORS[s] for s in fit)
        raise InputError(
            f"{path}: the columns may be set off by {names}", "set them off by tabs alone"
        )
    if fit:
        return fit[0]
    return max(split, key=lambda s: (len(split[s]), s != " "))


def _header(line: str, separator: str) -> list[str]:
    try:
        cells = next(iter(_cells([(1, line)], separator)))[1]
    except (csv.Error, StopIteration):
        return []
    return [c.strip().lstrip("#").strip() for c in cells]


def _cells(lines: Iterable[tuple[int, str]], separator: str) -> Iterator[Numbered]:
    """Yield the cells of rows, with the line that each begins on.

    Raises
    ------
    csv.Error
        For quotes that do not close.
    """
    if separator in ("\t", " "):
        for n, line in lines:
            cells = line.split("\t") if separator == "\t" else _WORD.findall(line)
            yield n, [_unquoted(c) for c in cells]
        return
    taken: list[int] = []

    def feed() -> Iterator[str]:
        for n, line in lines:
            taken.append(n)
            yield line + "\n"

    at = 0
    for cells in csv.reader(feed(), delimiter=separator, strict=True):
        yield taken[at], cells
        at = len(taken)


def _unquoted(cell: str) -> str:
    """Take the quotes off that Excel and R put round a cell of a tab-separated text."""
    bare = cell.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        return bare[1:-1].replace('""', '"')
    return cell


def tab_cell(text: str) -> str:
    """Give the cell of a tab-separated sheet that is read as a text without tabs."""
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        return '"' + bare.replace('"', '""') + '"'
    return text


def fits_cell(text: str) -> bool:
    """Tell whether a text that `tab_cell` writes is read back as it is."""
    cell = tab_cell(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    whole = not any(c in cell for c in "\t\n\r")
    return whole and _unquoted(cell).strip() == text


def _of_text(path: Path, lines: list[tuple[int, str]], separator: str) -> SheetFile:
    rows = _cells(lines, separator)
    try:
        every = list(rows)
    except csv.Error as error:
        raise InputError(
            f"{path}: quotes that do not fit ({error})",
            'a quoted cell ends with a quote and a separator; a quote inside it is ""',
        ) from error
    sheet = _with_header(path, every, SEPARATORS[separator])
    n_columns = len(sheet.header)
    exact = separator != "\t"
    for line, cells in every[1:]:
        bare = [c.strip() for c in cells]
        if separator != " ":
            while len(bare) > n_columns and not bare[-1]:
                bare.pop()
        if len(bare) > n_columns or (exact and len(bare) < n_columns):
            if any(bare):
                sheet.problems.append(
                    f"{path.name}:{line}: {len(bare):,} cells, the header has "
                    f"{n_columns:,}; fix: {_FIXES[separator]}"
                )
            continue
        _add(sheet, line, bare)
    return _shortened(path, sheet)


_FIXES = {
    "\t": "separate the columns by single tabs",
    ",": "write every cell, also empty ones, and quote one that holds a comma",
    ";": "write every cell, also empty ones, and quote one that holds a semicolon",
    " ": "set the columns off by tabs: a cell is empty, or holds a blank",
}


def _of_workbook(
    path: Path, rows: list[Numbered], notes: list[str], problems: list[str]
) -> SheetFile:
    rows = [(n, c) for n, c in rows if any(c) and not c[0].startswith(_COMMENT)]
    if not rows:
        raise InputError(f"{path}: the sheet is empty")
    sheet = _with_header(path, rows, "workbook")
    for line, cells in rows[1:]:
        bare = [c.strip() for c in cells]
        while len(bare) > len(sheet.header) and not bare[-1]:
            bare.pop()
        if len(bare) > len(sheet.header):
            sheet.problems.append(
                f"{path.name}:{line}: {len(bare):,} cells, the header has "
                f"{len(sheet.header):,}; fix: name the columns, or clear the cells"
            )
            continue
        _add(sheet, line, bare)
    sheet.notes += notes
    sheet.problems += problems
    return _shortened(path, sheet)


def _with_header(path: Path, rows: list[Numbered], form: str) -> SheetFile:
    header = [c.strip().lstrip("#").strip() for c in rows[0][1]]
    while header and not header[-1]:
        header.pop()
    twice = sorted({h for h in header if header.count(h) > 1})
    if twice and twice != [""]:
        names = ", ".join(h or "without a name" for h in twice)
        raise InputError(f"{path}: column(s) {names} stand twice in the header")
    return SheetFile(header, form=form)


def _add(sheet: SheetFile, line: int, bare: list[str]) -> None:
    if any(bare):
        sheet.rows.append(bare + [""] * (len(sheet.header) - len(bare)))
        sheet.lines.append(line)


def _shortened(path: Path, sheet: SheetFile) -> SheetFile:
    """Drop columns without a name and name the first mistakes alone."""
    unnamed = [k for k, h in enumerate(sheet.header) if not h]
    for k in unnamed:
        full = next((n for n, r in zip(sheet.lines, sheet.rows, strict=True) if r[k]), None)
        if full is not None:
            sheet.problems.append(
                f"{path.name}:{full}: a value in column {k + 1}, which has no name; fix: "
                "name it"
            )
    if unnamed:
        keep = [k for k in range(len(sheet.header)) if k not in unnamed]
        sheet.header = [sheet.header[k] for k in keep]
        sheet.rows = [[r[k] for k in keep] for r in sheet.rows]
    more = len(sheet.problems) - MOST_SHOWN
    if more > 0:
        sheet.problems[MOST_SHOWN:] = [f"{path.name}: ... and {more:,} more like it"]
    return sheet
