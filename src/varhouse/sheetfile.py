"""A sheet that people give, as rows of text: text in any usual form, or an Excel workbook.

What sets the columns off is told from the header line alone: it is the one separator (tab,
comma, semicolon, blanks) by which the columns that must be there are there. Lines that begin
with `##` are remarks, as are those with `#` before the header. What was taken is said in
notes. Where a row could be read in two ways it is a mistake, not a guess: rows that are set
off by commas or blanks have exactly the cells of the header.
"""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import InputError
from varhouse.textfile import decode_any, each_line, read_small
from varhouse.workbook import MOST_ARCHIVE, Fault, check_archive, is_archive, read_workbook

Cells = Sequence[str]
Numbered = tuple[int, list[str]]

SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "blanks"}
"""What may set columns off, and its name; a blank stands for any number of them."""

MOST_SHOWN = 10
"""Mistakes of one kind that are named."""

MOST_TEXT = 256 << 20
"""Bytes of a sheet at most, unpacked."""

MOST_ROWS = 8 << 20
"""Rows of a sheet of text at most; a workbook has bounds of its own."""

MOST_COLUMNS = 16_384
"""Columns at most, as in Excel."""

MOST_CELLS = 50_000_000
"""Cells of a sheet of text at most."""

_MOST_SHARED = 1 << 16
"""Texts of cells that are kept once for all cells that have them."""

_COMMENT = "##"
_MOST_REMARKS = 100
"""Lines that begin with a single # before the header, which may be one of them."""
_HINT = re.compile(r"""\s*("?)sep=(.)\1\s*\Z""")
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
    columns
        Cells of each column, as many as rows, without blanks around them.
    lines
        1-based line of the file, or row of the workbook, of each row.
    form
        What sets the columns off (`SEPARATORS`), or `workbook`.
    notes
        What was taken for what, for people.
    problems
        Rows that cannot be read; they are not among the cells.
    """

    header: list[str]
    columns: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    form: str = "tabs"
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_sheet_file(
    path: Path, name: str, is_header: Callable[[Cells], bool], *, counts: bool = False
) -> SheetFile:
    """Read a sheet.

    Parameters
    ----------
    name
        Of the sheet that is meant in a workbook of several.
    is_header
        Tells whether names of columns are those of the sheet.
    counts
        See `read_workbook`.

    Raises
    ------
    InputError
        If it is neither text nor a workbook, or empty, or its columns may be set off by
        several separators.
    """
    raw = read_small(path, max(MOST_TEXT, MOST_ARCHIVE))
    if is_archive(raw):
        check_archive(path, raw)
        rows, notes, problems = read_workbook(path, raw, name, counts=counts)
        return _of_workbook(path, rows, notes, problems, is_header)
    if len(raw) > MOST_TEXT:
        raise InputError(
            f"{path}: more than {MOST_TEXT >> 20} MiB of text", "is this the right file?"
        )
    text, encoding = decode_any(path, raw)
    del raw
    said = ((n, x) for n, x in _numbered(text) if _says_something(x))
    first = next(said, None)
    if first is None:
        raise InputError(f"{path}: the sheet is empty")
    if hint := _HINT.match(first[1]):
        separator, first = hint[2], next(said, None)
        if separator not in SEPARATORS or first is None:
            raise InputError(f"{path}: sep={separator} and no columns set off by it")
    else:
        separator = _separator(path, first[1], is_header)
    begin = first[0]
    if first[1].startswith("#"):
        begin, separator = _behind_remarks(path, first, said, separator, is_header)
    lines = ((n, x) for n, x in _numbered(text) if n >= begin)
    with _cells_of_any_length(len(text)):
        sheet = _of_text(path, lines, separator)
    if encoding is not None:
        sheet.notes.append(f"{path.name}: not UTF-8, read as {encoding}")
    if separator != "\t":
        sheet.notes.append(f"{path.name}: columns set off by {SEPARATORS[separator]}")
    return sheet


def _behind_remarks(
    path: Path,
    first: tuple[int, str],
    said: Iterator[tuple[int, str]],
    separator: str,
    is_header: Callable[[Cells], bool],
) -> tuple[int, str]:
    """Find the header, whose own first name may begin with #, among lines that do.

    Returns
    -------
    tuple
        Its line and separator; those of the first line if none is a header.
    """
    if is_header(_header(first[1], separator)):
        return first[0], separator
    for n, line in itertools.islice(said, _MOST_REMARKS):
        own = _separator(path, line, is_header)
        if is_header(_header(line, own)):
            return n, own
        if not line.startswith("#"):
            break
    return first[0], separator


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(each_line(text), 1)


def _says_something(line: str) -> bool:
    """Tell whether a line is neither blank nor a comment."""
    return not line.startswith(_COMMENT) and bool(line.strip())


@contextmanager
def _cells_of_any_length(most: int) -> Iterator[None]:
    """Let the cells of a CSV have `most` letters: one may hold the names of many files."""
    before = csv.field_size_limit(max(most, csv.field_size_limit()))
    try:
        yield
    finally:
        csv.field_size_limit(before)


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
            if _says_something(line):
                cells = line.split("\t") if separator == "\t" else _WORD.findall(line)
                yield n, [_unquoted(c) for c in cells]
        return
    begun = 0

    def feed() -> Iterator[str]:
        nonlocal begun
        for n, line in lines:
            # Inside of a quoted cell a blank line and `##` are text.
            if begun or _says_something(line):
                begun = begun or n
                yield line + "\n"

    for cells in csv.reader(feed(), delimiter=separator, strict=True):
        yield begun, cells
        begun = 0


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


def _of_text(path: Path, lines: Iterable[tuple[int, str]], separator: str) -> SheetFile:
    rows = _bounded(path, _cells(lines, separator))
    try:
        return _filled(path, rows, separator)
    except csv.Error as error:
        raise InputError(
            f"{path}: quotes that do not fit ({error})",
            'a quoted cell ends with a quote and a separator; a quote inside it is ""',
        ) from error


def _bounded(path: Path, rows: Iterable[Numbered]) -> Iterator[Numbered]:
    n_cells = 0
    for number, (line, cells) in enumerate(rows, 1):
        n_cells += len(cells)
        if number > MOST_ROWS or n_cells > MOST_CELLS:
            raise InputError(
                f"{path}: more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells",
                "is this the right file?",
            )
        yield line, cells


def _filled(path: Path, rows: Iterator[Numbered], form: str) -> SheetFile:
    """Make a sheet of rows, the header first; `form` is a separator or `workbook`."""
    sheet = _with_header(path, next(rows)[1], SEPARATORS.get(form, form))
    n_columns = len(sheet.header)
    exact = form in (",", ";", " ")
    shared: dict[str, str] = {}
    n_wrong = 0
    for line, cells in rows:
        bare = [c.strip() for c in cells]
        if form != " ":
            while len(bare) > n_columns and not bare[-1]:
                bare.pop()
        if not any(bare):
            continue
        if len(bare) > n_columns or (exact and len(bare) < n_columns):
            n_wrong += 1
            if n_wrong <= MOST_SHOWN:
                sheet.problems.append(
                    f"{path.name}:{line}: {len(bare):,} cells, the header has "
                    f"{n_columns:,}; fix: {_FIXES[form]}"
                )
            continue
        bare += [""] * (n_columns - len(bare))
        for column, cell in zip(sheet.columns, bare, strict=True):
            # Cohorts, sexes and provinces are the same texts again and again.
            kept = shared.get(cell)
            if kept is None:
                kept = cell
                if len(shared) < _MOST_SHARED:
                    shared[cell] = cell
            column.append(kept)
        sheet.lines.append(line)
    return _shortened(path, sheet, max(0, n_wrong - MOST_SHOWN))


_FIXES = {
    "\t": "separate the columns by single tabs",
    ",": "write every cell, also empty ones, and quote one that holds a comma",
    ";": "write every cell, also empty ones, and quote one that holds a semicolon",
    " ": "set the columns off by tabs: a cell is empty, or holds a blank",
    "workbook": "name the columns, or clear the cells",
}


def _of_workbook(
    path: Path,
    rows: list[Numbered],
    notes: list[str],
    faults: list[Fault],
    is_header: Callable[[Cells], bool],
) -> SheetFile:
    rows = [(n, c) for n, c in rows if any(c) and not c[0].startswith(_COMMENT)]
    if not rows:
        raise InputError(f"{path}: the sheet is empty")
    for k, (_, cells) in enumerate(rows[:_MOST_REMARKS]):
        if is_header([c.strip().lstrip("#").strip() for c in cells]):
            rows = rows[k:]
            break
        # A title has the row above the header for itself, often in merged cells.
        if not cells[0].startswith("#") and sum(map(bool, cells)) > 1:
            break
    problems = [f.text for f in faults if f.row >= rows[0][0]]
    sheet = _filled(path, iter(rows), "workbook")
    sheet.notes += notes
    # What is wrong with a cell says more than what its row lacks.
    more = len(problems) - MOST_SHOWN
    sheet.problems += problems[:MOST_SHOWN]
    if more > 0:
        sheet.problems.append(_more(path, more))
    return sheet


def _with_header(path: Path, cells: Cells, form: str) -> SheetFile:
    header = [c.strip().lstrip("#").strip() for c in cells]
    while header and not header[-1]:
        header.pop()
    if len(header) > MOST_COLUMNS:
        raise InputError(
            f"{path}: {len(header):,} columns; at most {MOST_COLUMNS:,} are read",
            "a sheet has a row for each sample or cohort: is it on its side?",
        )
    twice = sorted(h for h, n in Counter(header).items() if n > 1)
    if twice and twice != [""]:
        names = ", ".join(h or "without a name" for h in twice[:MOST_SHOWN])
        more = f" and {len(twice) - MOST_SHOWN:,} more" if twice[MOST_SHOWN:] else ""
        raise InputError(f"{path}: column(s) {names}{more} stand twice in the header")
    return SheetFile(header, [[] for _ in header], form=form)


def _more(path: Path, n: int) -> str:
    return f"{path.name}: ... and {n:,} more like it"


def _shortened(path: Path, sheet: SheetFile, n_unnamed: int) -> SheetFile:
    """Drop columns without a name; of `n_unnamed` further mistakes tell the number alone."""
    if n_unnamed:
        sheet.problems.append(_more(path, n_unnamed))
    for k, (name, cells) in enumerate(zip(sheet.header, sheet.columns, strict=True), 1):
        full = None if name else next((i for i, c in enumerate(cells) if c), None)
        if full is not None:
            sheet.problems.append(
                f"{path.name}:{sheet.lines[full]}: a value in column {k}, which has no name; "
                "fix: name it"
            )
    named = [k for k, name in enumerate(sheet.header) if name]
    sheet.header = [sheet.header[k] for k in named]
    sheet.columns = [sheet.columns[k] for k in named]
    return sheet
