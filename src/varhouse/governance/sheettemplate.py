"""Empty sheets of the ledger, to be filled in: columns in both languages, and an example.

Lines that begin with `##` explain and are not read: titles in the other language, what a value
looks like, and a row as an example, which is read once its `##` is taken away. The header
is in the reader's language; both are read.
"""

from pathlib import Path
from typing import Any

from varhouse.errors import InputError, install_extra
from varhouse.files import new_file
from varhouse.governance.codescredit import check_digit
from varhouse.governance.sheetcols import SHEETS, Column, LedgerSheet
from varhouse.language import CHINESE, Text, language

WORKBOOK = "ledger.xlsx"

_ABOUT = Text(
    "## varhouse ledger, {title}: {about}. Lines that begin with ## are not read. "
    "Empty cells change nothing.",
    "## varhouse 台账,{title}: {about}。以 ## 开头的行不会读取;空单元格不改变已有内容。",
)

_CODE = "1233000000000000" + "0"
"""An organisation that nobody has, before its check digit."""

EXAMPLES: dict[str, dict[str, str]] = {
    "cohorts": {
        "cohort": "zhejiang", "title": "Demo cohort", "accessions": "PRJCA000002",
        "holder": _CODE + check_digit(_CODE), "holder_name": "Demo Hospital",
        "investigator": "Demo Investigator", "provinces": "330000;310000",
        "ethnic_groups": "01;02", "people.WGS": "60", "people_total": "60",
        "is_pedigree": "no", "is_specific_region": "no", "us_people": "0",
        "foreign_share": "0", "tier": "T1", "embargo_until": "2027-12-31",
        "consent_version": "v2", "duo": "GRU;NCU", "ethics_approval": "DEMO-EC-2026-02",
        "ethics_committee": "Demo Hospital", "ethics_valid_until": "2029-12-31",
        "taxon": "9606",
    },
    "papers": {
        "kind": "collection", "number": "DEMO-2026-001", "issuer": "NHC",
        "cohorts": "zhejiang", "valid_from": "2026-01-01", "valid_until": "2028-12-31",
        "people": "3000", "assays": "WGS", "purposes": "Demo study",
    },
    "recipients": {
        "recipient": "Demo University", "kind": "domestic", "country": "CN",
        "foreign_share": "0", "contact": "data@example.org",
    },
    "grants": {
        "principal": "demo", "cohort": "zhejiang", "until": "2027-12-31",
        "reason": "Demo study",
    },
}  # fmt: skip
"""Sheet to a row that is read as it stands."""


def write_templates(folder: Path, *, xlsx: bool = False) -> list[Path]:
    """Write the sheets; nothing is overwritten.

    Returns
    -------
    list
        What was written: a TSV a sheet, or one workbook.

    Raises
    ------
    InputError
        If a file is there, or openpyxl is needed and not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / WORKBOOK] if xlsx else [folder / f"{n}.tsv" for n in SHEETS]
    for path in paths:
        if path.exists():
            raise InputError(f"{path} is there", "give another folder, or move the file")
    if xlsx:
        _write_workbook(paths[0])
        return paths
    for path, sheet in zip(paths, SHEETS.values(), strict=True):
        lines = ["\t".join(row) for row in template_rows(sheet)]
        with new_file(path) as own:
            # With the mark by which Excel knows UTF-8.
            own.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return paths


def template_rows(sheet: LedgerSheet) -> list[list[str]]:
    """Give the rows of an empty sheet."""
    zh = language() == CHINESE
    about = _ABOUT.say(title=sheet.title.say(), about=sheet.about.say())
    other = [c.name if zh else c.title.zh for c in sheet.columns]
    forms = [c.field.form.name.say() for c in sheet.columns]
    example = [EXAMPLES[sheet.name].get(c.name, "") for c in sheet.columns]
    return [
        [about],
        [_heading(c, zh) for c in sheet.columns],
        _remark(other),
        _remark(forms),
        _remark(example),
    ]


def _heading(column: Column, zh: bool) -> str:
    return column.title.zh if zh else column.name


def _remark(cells: list[str]) -> list[str]:
    return ["## " + cells[0], *cells[1:]]


def _write_workbook(path: Path) -> None:
    try:
        import openpyxl  # noqa: PLC0415 - an extra
        from openpyxl.styles import Font  # noqa: PLC0415
        from openpyxl.utils import get_column_letter  # noqa: PLC0415
    except ImportError:
        raise InputError(
            f"{path}: openpyxl, which writes workbooks, is not installed",
            f"{install_extra('xlsx')}, or leave out --xlsx",
        ) from None
    book: Any = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in SHEETS.values():
        page = book.create_sheet(sheet.title.zh if language() == CHINESE else sheet.name)
        rows = template_rows(sheet)
        for row in rows:
            page.append(row)
        for cell in page[2]:
            cell.font = Font(bold=True)
        for k, heading in enumerate(rows[1], 1):
            column = page.column_dimensions[get_column_letter(k)]
            column.width = max(12, 2 * len(heading))
            # Text, so that Excel makes no dates of permit numbers.
            column.number_format = "@"
        page.freeze_panes = "B3"
    with new_file(path) as own:
        book.save(own)
