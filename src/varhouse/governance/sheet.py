"""Sheets for the ledger: rows of cells become what the ledger shall say, or mistakes.

A sheet is text in any usual form or a workbook (`sheetfile.py`), of which each sheet that has
the columns of one of ours is read. All mistakes of a file are told at once, each with line,
column, value and what to write.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from varhouse.errors import InputError
from varhouse.governance.entrycheck import subject_of
from varhouse.governance.fieldkinds import KINDS
from varhouse.governance.fields import FormError, near, read_text
from varhouse.governance.model import PaperKind
from varhouse.governance.sheetcols import COHORTS, INGEST_ALONE, SHEETS, Column, LedgerSheet
from varhouse.language import Text
from varhouse.sheetcolumns import folded
from varhouse.sheettable import Sheet, read_sheet
from varhouse.textfile import read_small
from varhouse.workbook import MOST_ARCHIVE, check_archive, is_archive, sheet_titles

_WHICH = Text(
    "{file}: no sheet of the ledger: it has {has}; fix: name the columns as varhouse ledger "
    "template does, or say --kind",
    "{file}: 不是台账表格,现有列为 {has};"
    "请按 varhouse ledger template 的列名填写,或用 --kind 指明",
)
_CELL = Text(
    "{file}:{line}: column {column}: {why}",
    "{file}:{line}: “{column}”列: {why}",
)
_NO_COLUMN = Text(
    "{file}: no column of the sheet {sheet} is called {column!r}{near}; fix: rename "
    "or remove it",
    "{file}: 表格 {sheet} 没有名为 {column!r} 的列{near};请改名或删除",
)
_NO_SUBJECT = Text(
    "{file}:{line}: the row does not say which {what} it is about; fix: fill in {column}",
    "{file}:{line}: 该行未写明{what};请填写 {column}",
)
_TWICE = Text(
    "{file}:{line}: {what} {subject!r} stands on line {first}, too, with another {column}; "
    "fix: leave one, or give two papers of one number names of their own, in a column 'paper'",
    "{file}:{line}: {what} {subject!r} 在第 {first} 行已出现,且 {column} 不同;"
    "请只保留一行;若两份批件编号相同,请用“批件标识”列加以区分",
)
_HALF = Text(
    "{file}:{line}: cohort {subject!r}: a permit needs permit_kind and permit_number; fix: "
    "fill in both or none",
    "{file}:{line}: 队列 {subject!r}: 许可须同时写明许可类型和许可编号;请补全或都留空",
)
_LEFT_OUT = Text(
    "{file}: not taken into the ledger: {what}",
    "{file}: 未写入台账: {what}",
)
_OTHER_SHEET = Text(
    "{file}: the sheet {title!r} is not one of the ledger's, and is not read",
    "{file}: 工作表 {title!r} 不属于台账表格,未读取",
)


Said = dict[str, Any]
"""Values of a text."""


@dataclass
class Row:
    """What a row of a sheet says of a subject.

    Attributes
    ----------
    kind, subject, fields
        As an entry has them.
    joined
        Fields of which the ledger may have more: the values are added there.
    where
        File and line, for people.
    """

    kind: str
    subject: str
    fields: dict[str, Any]
    joined: frozenset[str]
    where: str


@dataclass
class Taken:
    """What sheets say.

    Attributes
    ----------
    rows
        In the order of the sheets.
    notes, problems
        For people: what was taken for what; mistakes.
    """

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_ledger_sheets(paths: Sequence[Path], kind: str | None = None) -> Taken:
    """Read sheets for the ledger.

    Parameters
    ----------
    kind
        Which sheet they are; None: by name and columns.

    Raises
    ------
    InputError
        If a file cannot be read as a sheet at all.
    """
    taken = Taken()
    for path in paths:
        for own, sheet in _sheets(path, kind, taken):
            taken.notes += [n for n in sheet.notes if n not in own_titles(own, path)]
            taken.problems += sheet.problems
            if not sheet.problems:
                _take(own, sheet, taken)
    return taken


def _sheets(path: Path, kind: str | None, taken: Taken) -> Iterator[tuple[LedgerSheet, Sheet]]:
    """Find the sheets of a file that are ours."""
    raw = read_small(path, MOST_ARCHIVE)
    titles: list[str] = []
    if is_archive(raw):
        check_archive(path, raw)
        titles = sheet_titles(path, raw)
    found = 0
    for title in titles or [""]:
        own = SHEETS.get(kind or "") or _by_title(title or path.stem)
        sheet = _read(path, title, own)
        if own is None:
            own = _by_header(sheet)
            sheet = sheet if own is None else _read(path, title, own)
        if own is None and len(titles) > 1:
            taken.notes.append(_OTHER_SHEET.say(file=path.name, title=title))
            continue
        if own is None:
            has = ", ".join(c for c in sheet.frame.columns if c != "line")
            raise InputError(_WHICH.say(file=path.name, has=has))
        found += 1
        yield own, sheet
    if not found:
        raise InputError(_WHICH.say(file=path.name, has=", ".join(titles)))


def own_titles(own: LedgerSheet, path: Path) -> set[str]:
    """List the notes that say no more than that a column has its title."""
    return {
        f"{path.name}: column {title!r} is read as {c.name}"
        for c in own.columns
        for title in (c.title.zh, c.title.en)
    }


def _by_title(title: str) -> LedgerSheet | None:
    names = {n: s for s in SHEETS.values() for n in (s.name, s.title.zh)}
    return names.get(folded(title))


def _read(path: Path, title: str, own: LedgerSheet | None) -> Sheet:
    kind = (own or COHORTS).kind
    return read_sheet(path, replace(kind, name=title.strip().casefold() or kind.name))


def _by_header(sheet: Sheet) -> LedgerSheet | None:
    header = [c for c in sheet.frame.columns if c != "line"]
    return next((s for s in SHEETS.values() if s.kind.is_header(header)), None)


def _take(own: LedgerSheet, sheet: Sheet, taken: Taken) -> None:
    """Take the rows of a sheet whose columns have their names."""
    file = sheet.path.name
    header = [c for c in sheet.frame.columns if c != "line"]
    is_ingest = own is COHORTS and "files" in header
    columns = [own.by_name[c] for c in header if c in own.by_name]
    others = [c for c in header if c not in own.by_name]
    if is_ingest:
        if others:
            taken.notes.append(_LEFT_OUT.say(file=file, what=", ".join(others)))
    else:
        for name in [c for c in others if c not in INGEST_ALONE or own is not COHORTS]:
            close = near(name, own.by_name)
            said = {"file": file, "sheet": own.title.say(), "column": name, "near": close}
            taken.problems.append(_NO_COLUMN.say(**said))
    reader = _Reader(own, file, is_ingest, taken)
    for row in sheet.frame.iter_rows(named=True):
        reader.take(
            row["line"], [(c, row[c.name]) for c in columns if row[c.name] is not None]
        )
    taken.rows += reader.rows


class _Reader:
    """Takes the rows of a sheet, one after the other."""

    def __init__(self, own: LedgerSheet, file: str, is_ingest: bool, taken: Taken) -> None:
        self.own, self.file, self.is_ingest, self.taken = own, file, is_ingest, taken
        self.rows: list[Row] = []
        self._known: dict[tuple[str, str], tuple[int, Row]] = {}

    def take(self, line: int, cells: list[tuple[Column, str]]) -> None:
        """Take the cells of a row that are not empty."""
        subject = next((v for c, v in cells if c.name == self.own.subject), "")
        of_entry: dict[str, dict[str, Any]] = {}
        joined: dict[str, set[str]] = {}
        for column, value in cells:
            if not column.entry:
                continue
            try:
                taken = column.field.form.take(value)
            except FormError as wrong:
                self._wrong(line, column, wrong)
                continue
            of_entry.setdefault(column.entry, {})[column.field.name] = taken
            if self.is_ingest and column.field.form.is_list:
                joined.setdefault(column.entry, set()).add(column.field.name)
        try:
            subject = read_text(subject)
        except FormError as wrong:
            self._wrong(line, self.own.columns[0], wrong)
            return
        for entry, fields in self._completed(line, subject, of_entry).items():
            kind = entry.split(" ")[0]
            about = subject_of(kind, "" if entry.startswith("paper ") else subject, fields)
            if not about:
                needed = self.own.subject if kind != "paper" else "kind, number"
                what = self.own.title.say()
                said: Said = {"file": self.file, "line": line, "what": what, "column": needed}
                self.taken.problems.append(_NO_SUBJECT.say(**said))
                return
            more = joined.get(entry, set()) | ({"cohorts"} if " " in entry else set())
            where = f"{self.file}:{line}"
            self._keep(line, Row(kind, about, fields, frozenset(more), where))

    def _wrong(self, line: int, column: Column, wrong: FormError) -> None:
        said: Said = {
            "file": self.file,
            "line": line,
            "column": column.label,
            "why": wrong.say(),
        }
        # In an ingest's sheet the tier may be any word.
        is_mistake = not (self.is_ingest and column.name == "tier")
        (self.taken.problems if is_mistake else self.taken.notes).append(_CELL.say(**said))

    def _completed(
        self, line: int, subject: str, of_entry: dict[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Give papers of the sheet of cohorts what follows from where they stand."""
        out = dict(of_entry)
        if self.own is not COHORTS:
            return out
        out.setdefault("cohort", {})
        for entry in ("paper ethics", "paper permit"):
            fields = out.get(entry)
            if fields is None:
                continue
            if entry == "paper ethics":
                fields["kind"] = PaperKind.ETHICS.value
            if not {"kind", "number"} <= fields.keys():
                said: Said = {"file": self.file, "line": line, "subject": subject}
                self.taken.problems.append(_HALF.say(**said))
                del out[entry]
                continue
            fields["cohorts"] = [subject]
        return out

    def _keep(self, line: int, row: Row) -> None:
        """Keep a row; what several rows say of a paper is one, its cohorts together."""
        first = self._known.get((row.kind, row.subject))
        if first is None:
            self._known[row.kind, row.subject] = (line, row)
            self.rows.append(row)
            return
        number, known = first
        for name, value in row.fields.items():
            if name == "cohorts" and row.kind == "paper":
                both = [*known.fields.get(name, []), *value]
                known.fields[name] = list(dict.fromkeys(both))
            elif known.fields.setdefault(name, value) != value:
                said: Said = {"file": self.file, "line": line, "first": number, "column": name}
                what: Said = {"what": KINDS[row.kind].word, "subject": row.subject}
                self.taken.problems.append(_TWICE.say(**said, **what))
                return
