"""Sheets in the forms that people have them in: read as meant, or refused with the fix."""

import csv
import gzip
import io
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from varhouse import sheetfile, workbook
from varhouse.errors import InputError, install_extra
from varhouse.ingest.setup.sheets import read_cohorts, read_samples
from varhouse.sheetcolumns import SAMPLES_SHEET
from varhouse.sheetfile import read_sheet_file
from varhouse.sheettable import Sheet

PEOPLE = [
    ("cohort", "sample", "sex", "population", "note"),
    ("bj", "001", "male", "汉族", "x"),
    ("bj", "002", "female", "", 'say "a, b"'),
    ("zj", "S 3", "", "Han; north", "1,5"),
]
READ = [
    ("bj", "001", "male", "汉族", "x"),
    ("bj", "002", "female", None, 'say "a, b"'),
    ("zj", "S 3", "unknown", "Han; north", "1,5"),
]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def text_of(separator: str, quote: Callable[[str], str]) -> str:
    return "".join(separator.join(map(quote, row)) + "\r\n" for row in PEOPLE)


def as_rows(sheet: Sheet) -> list[tuple]:
    assert sheet.problems == []
    return sheet.frame.select(PEOPLE[0]).rows()


TABS = text_of("\t", str)
FORMS = {
    "tabs": TABS.encode(),
    "quoted tabs": text_of("\t", quoted).encode(),
    "byte order mark": TABS.encode("utf-8-sig"),
    "Excel Unicode text": TABS.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TABS.encode("utf-16-be"),
    "GBK": TABS.encode("gbk"),
    "GB18030": TABS.encode("gb18030"),
    "CSV": text_of(",", quoted).encode(),
    "CSV with sep": b"sep=,\r\n" + text_of(",", quoted).encode(),
    "CSV in GBK": text_of(",", quoted).encode("gbk"),
    "semicolons": text_of(";", quoted).encode(),
    "blanks": text_of("  ", quoted).encode(),
    "old Mac": TABS.replace("\r\n", "\r").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_sheet_is_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    path = tmp_path / "samples.tsv"
    path.write_bytes(FORMS[form])
    sheet = read_samples(path)
    assert as_rows(sheet) == READ
    first = 3 if "sep" in form else 2
    assert sheet.frame["line"].to_list() == [first, first + 1, first + 2]
    plain = form in ("tabs", "quoted tabs", "byte order mark", "old Mac")
    assert bool(sheet.notes) != plain


def test_what_was_taken_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes("队列;Sample ID;性别;年龄\nbj;S1;男;45,5\nbj;S2;女;\n".encode("gbk"))
    sheet = read_samples(path)
    assert sheet.frame.select("cohort", "sample", "sex", "年龄").rows() == [
        ("bj", "S1", "male", "45,5"),
        ("bj", "S2", "female", None),
    ]
    assert sheet.notes == [
        "s.csv: not UTF-8, read as GB18030 (GBK): is '队列' and '性别' what it says?",
        "s.csv: columns set off by semicolons",
        "s.csv: column '队列' is read as cohort",
        "s.csv: column 'Sample ID' is read as sample",
        "s.csv: column '性别' is read as sex",
    ]


def problems_of(tmp_path: Path, text: str | bytes, reader: Callable = read_samples) -> str:
    path = tmp_path / "sheet.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        return "\n".join(reader(path).problems)
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "cohort,sample\na,S1,S2\n",
            "sheet.txt:2: 3 cells, the header has 2; fix: write every",
        ),
        ("cohort,sample,sex\na,S1\n", "sheet.txt:2: 2 cells, the header has 3"),
        (
            "cohort sample sex\na S1\n",
            "sheet.txt:2: 2 cells, the header has 3; fix: set the col",
        ),
        ("cohort\tsample\na\tb\tc\n", "sheet.txt:2: 3 cells, the header has 2"),
        ('cohort,sample\na,"S1\nb,S2\n', "quotes that do not fit"),
        ("cohort,sample\tx\na,S1\tx\n", "no column 'cohort' (it has 'cohort,sample', 'x')"),
        (
            "sample,sex\nS1,male\n",
            "no column 'cohort' (it has 'sample', 'sex'); fix: name it co",
        ),
        ("cohort\tIID\tsample_id\na\tb\tc\n", "'IID' and 'sample_id' may each be sample"),
        (
            "cohort\t\tsample\na\tx\tS1\n",
            "sheet.txt:2: a value in column 2, which has no name",
        ),
        ("cohort\tsample\tx\tx\n", "column(s) x stand twice"),
        (
            "F1 P1 0 0 1 -9\nF1 P2 0 0 2 -9\n",
            "no header line; its rows look like those of PLINK",
        ),
        ("F1\tP1\t0\t0\t1\t2\tA A\tC C\n", "fix: make a sheet of it: awk"),
        ("#IID SEX\nP1 1\n", "no column 'cohort'"),
        (b"cohort\tsample\na\tM\xfcller\n", "neither UTF-8 (byte 17) nor GBK"),
        (b"cohort\tsample\na\tJos\xe9 Pe\xf1a\n", "neither UTF-8"),
        ("cohort\tsample\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "an old document of Excel or Word"),
        ("\n \n", "the sheet is empty"),
        (
            "cohort\tsample\tsex\na\tS1\tboy\n",
            "sheet.txt:2: sample 'S1': sex 'boy' is not male",
        ),
        ("cohort\tsample\tsex\na\tS1\t1\na\tS2\tF\n", "sex is '1' here and 'F' on line 3"),
        ("cohort\tsample\tsex\na\tS1\t1\na\tS2\t0\n", "sex is 0 and 1 and never 2"),
        (
            "cohort\tsample\tsex\na\tS1\t2\na\tS2\t1\nb\tT1\t0\nb\tT2\t1\n",
            ":4: cohort 'b': sex is",
        ),
    ],
)
def test_what_is_unclear_is_a_mistake(tmp_path: Path, text: str | bytes, words: str) -> None:
    assert words in problems_of(tmp_path, text)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("M F m f Male FEMALE unknown U", "m f m f m f u u"),
        ("男 女 未知 . 男性", "m f u u m"),
        ("1 2 0 -9 9", "m f u u u"),
        ("2 2", "f f"),
        ("1 . 1", "m u m"),
    ],
)
def test_sex_is_read(tmp_path: Path, said: str, read: str) -> None:
    words = {"m": "male", "f": "female", "u": "unknown"}
    path = tmp_path / "samples.tsv"
    rows = [f"c\tS{k}\t{x}" for k, x in enumerate(said.split())]
    path.write_text("\n".join(["cohort\tsample\tsex", *rows, ""]))
    sheet = read_samples(path)
    assert sheet.problems == []
    assert sheet.frame["sex"].to_list() == [words[x] for x in read.split()]
    assert bool(sheet.notes) == any(c in "120" for c in said)


def test_a_column_read_under_another_name_stays_for_strata(tmp_path: Path) -> None:
    path = tmp_path / "samples.tsv"
    path.write_text("cohort\tsample\tGender\tpop\tgroup\nc\tS1\tF\tCHB\tg\n")
    frame = read_samples(path).frame
    assert frame.select("sex", "Gender", "population", "pop", "group").rows() == [
        ("female", "F", "CHB", "CHB", "g")
    ]
    # Who has a column of the right name means that one.
    path.write_text("cohort\tsample\tgender\tsex\nc\tS1\tF\tmale\n")
    assert read_samples(path).frame["sex"].to_list() == ["male"]


def test_files_of_a_csv_may_hold_commas_in_quotes_only(tmp_path: Path) -> None:
    path = tmp_path / "cohorts.csv"
    path.write_text('Cohort,VCF,assay\na,"x.vcf.gz,y.vcf",WGS\n')
    assert read_cohorts(path).frame.select("cohort", "files", "assay").rows() == [
        ("a", "x.vcf.gz,y.vcf", "WGS")
    ]
    # As many cells as columns, and the second file in the wrong one.
    said = problems_of(tmp_path, "cohort,files,assay\na,x.vcf.gz,y.vcf.gz\n", read_cohorts)
    assert "assay is 'y.vcf.gz': files that are separated by commas stand in quotes" in said
    assert "'file' and 'vcf' may each be files" in problems_of(
        tmp_path, "cohort\tfile\tvcf\na\tb\tc\n", read_cohorts
    )


def written(path: Path, fill: Callable[[Worksheet], object], title: str = "samples") -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = title
    fill(book.active)
    book.save(path)
    return path


def people(sheet: Worksheet) -> None:
    for row in PEOPLE:
        sheet.append([cell or None for cell in row])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return written(tmp_path / "samples.xlsx", people)


def test_a_workbook_is_read_as_its_text(book: Path) -> None:
    sheet = read_samples(book)
    assert as_rows(sheet) == READ
    assert sheet.frame["line"].to_list() == [2, 3, 4]
    assert sheet.notes == ["samples.xlsx: read from the sheet 'samples' of the workbook"]


def test_cells_of_a_workbook_keep_the_text_they_show(tmp_path: Path) -> None:
    shown = [  # value, format, text; None: it is named as a mistake
        (1, "General", "1"), (1, "000", "001"), (45.5, "General", "45.5"),
        (2.0, "0.00", "2.00"), (0.1 + 0.2, "General", "0.3"), ("007", "@", "007"),
        (True, "General", "TRUE"), (2.675, "0.00", "2.68"), (1.005, "0.00", "1.01"),
        (-0.125, "0.00", "-0.13"), (0.5, "0.0", "0.5"),
        (0.285, "0." + "0" * 20, "0.285" + "0" * 17),
        (12345, "#,##0", None), (0.5, "0%", None), (1e15, "General", None), (1.5, "000", None),
        (1e-9, "General", None), ("=1+1", "General", None), ("#N/A", "General", None),
    ]  # fmt: skip

    def fill(sheet: Worksheet) -> None:
        sheet.append(["cohort", "sample", "note"])
        for k, (value, form, _) in enumerate(shown, 2):
            sheet.append(["c", f"S{k}", value])
            sheet.cell(k, 3).number_format = form

    sheet = read_samples(written(tmp_path / "s.xlsx", fill))
    wrong = [k for k, (_, _, text) in enumerate(shown, 2) if text is None]
    assert [p.split(" is ")[0] for p in sheet.problems] == [
        f"s.xlsx:{k}: cell C{k}" for k in wrong
    ]
    assert "is a formula; fix:" in sheet.problems[-2]

    def good(sheet: Worksheet) -> None:
        fill(sheet)
        for k in reversed(wrong):
            sheet.delete_rows(k)
        for k, (_, form, _) in enumerate([s for s in shown if s[2] is not None], 2):
            sheet.cell(k, 3).number_format = form

    sheet = read_samples(written(tmp_path / "s.xlsx", good))
    assert sheet.problems == []
    assert sheet.frame["note"].to_list() == [t for _, _, t in shown if t is not None]


def test_dates_are_dates_or_mistakes(tmp_path: Path) -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["cohort", "sample", "taken", "group"])
        sheet.append(["c", "S1", date(2026, 1, 2), "1-1"])
        sheet.append(["c", "S2", datetime(2026, 1, 2, 3, 4), datetime(2026, 1, 2)])

    sheet = read_samples(written(tmp_path / "s.xlsx", fill))
    assert [p.split("; fix")[0] for p in sheet.problems] == [
        "s.xlsx: cell D3 has become the date 2026-01-02, other cells of its column are none"
    ]
    written(tmp_path / "s.xlsx", lambda s: (fill(s), s.delete_cols(4)))
    assert read_samples(tmp_path / "s.xlsx").frame["taken"].to_list() == [
        "2026-01-02",
        "2026-01-02 03:04:00",
    ]


def test_the_sheet_of_a_workbook_is_chosen_or_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "study.xlsx", people, "Sheet1")
    assert as_rows(read_samples(path)) == READ
    book = openpyxl.load_workbook(path)
    book.create_sheet("cohorts").append(["cohort", "files"])
    book["cohorts"].append(["bj", "a.vcf"])
    book.create_sheet("empty")
    book.save(path)
    with pytest.raises(
        InputError, match=r"which of its sheets is meant \('Sheet1', 'cohorts'\)"
    ):
        read_samples(path)
    assert read_cohorts(path).frame["files"].to_list() == ["a.vcf"]
    book["Sheet1"].title = "Samples"
    book.save(path)
    assert as_rows(read_samples(path)) == READ
    book["cohorts"].sheet_state = "hidden"
    book["Samples"].title = "x"
    book["x"].row_dimensions[3].hidden = True
    book.save(path)
    sheet = read_samples(path)
    assert as_rows(sheet) == READ
    assert "study.xlsx: 1 hidden row(s) are read, too" in sheet.notes


def test_merged_cells_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "s.xlsx", lambda s: (people(s), s.merge_cells("A2:A3")))
    assert "cells A2:A3 are merged" in read_samples(path).problems[0]
    # XML may be quoted either way.
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as archive:
        text = archive.read(part)
    repacked(path, {part: text.replace(b'"', b"'")})
    assert "cells A2:A3 are merged" in read_samples(path).problems[0]


def repacked(path: Path, changes: dict[str, bytes]) -> Path:
    """Write a workbook with other parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()} | changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def sheet_xml(rows: str) -> dict[str, bytes]:
    start = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    text = f"{start}<sheetData>{rows}</sheetData></worksheet>"
    return {"xl/worksheets/sheet1.xml": text.encode()}


ROW = '<row r="{0}"><c r="{1}{0}" t="inlineStr"><is><t>x</t></is></c></row>'
HOSTILE = {
    "bomb": ({"xl/media/a": b"\0" * (9 << 20)}, "unpacks to 9 MiB"),
    "entities": (
        {"xl/workbook.xml": b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'},
        "declares XML entities",
    ),
    "no XML": ({"xl/workbook.xml": b"<workbook"}, "cannot be read"),
    "far row": (sheet_xml(ROW.format(1, "A") + ROW.format(2**40, "A")), "more than 1,048,576"),
    "rows in a comment": (
        sheet_xml("<!--" + "<row " * 400_000 + "-->" + ROW.format(1, "B")),
        "no column 'cohort'",
    ),
    "merged cells in a comment": (
        sheet_xml("<!--" + "<mergeCell " * 150_000 + "-->" + ROW.format(1, "B")),
        "no column 'cohort'",
    ),
    "elements in the workbook": (
        {"xl/workbook.xml": b"<workbook>" + b"<a/>" * (1 << 20) + b"</workbook>"},
        r"xl/workbook.xml in it has 4 MiB; at most 4 MiB",
    ),
    "elements in the styles": ({"xl/styles.xml": b" " * (5 << 20)}, "has 5 MiB; at most 4"),
    "elements outside of rows": (
        sheet_xml((ROW.format(1, "A") + "<a/>" * 1000) * 300),
        "more than 200,000 elements outside of rows",
    ),
    "bytes outside of rows": (
        sheet_xml(("<row/>" + " " * 50_000) * 90),
        "more than 4,194,304 bytes outside of rows",
    ),
    "a long row": (sheet_xml("<row>" + "<c/>" * (1 << 20) + "</row>"), "bytes in one row"),
    "a long tag": (sheet_xml("<row " + " " * (5 << 20) + "/>"), "bytes in one row or none"),
    "entities in UTF-16": (
        {"xl/workbook.xml": '<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'.encode("utf-16")},
        "declares XML entities",
    ),
    "wide rows": (
        sheet_xml("".join(ROW.format(k, "XFD") for k in range(1, 200))),
        "more than 1,048,576 rows or",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_soon(
    book: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(workbook, "MOST_CELLS", 1_000_000)
    monkeypatch.setattr(workbook, "MOST_ARCHIVE", 8 << 20)
    changes, words = HOSTILE[name]
    repacked(book, changes)
    began = time.process_time()
    assert re.search(words, problems_of(book.parent, book.read_bytes()))
    assert time.process_time() - began < 10


def test_rows_beyond_what_a_workbook_says_of_its_size_are_read(book: Path) -> None:
    with zipfile.ZipFile(book) as archive:
        text = archive.read("xl/worksheets/sheet1.xml")
    assert b'ref="A1:E4"' in text
    repacked(book, {"xl/worksheets/sheet1.xml": text.replace(b'ref="A1:E4"', b'ref="A1"')})
    assert as_rows(read_samples(book)) == READ


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("content.xml", "a LibreOffice document"),
        ("word/document.xml", "a Word document"),
        ("xl/workbook.bin", "a binary Excel workbook"),
        ("x.vcf", "a zip archive, no sheet\n       fix: unpack it"),
    ],
)
def test_other_archives_are_named(tmp_path: Path, part: str, words: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(part, b"x")
    assert words in problems_of(tmp_path, packed.getvalue())
    assert "damaged" in problems_of(tmp_path, packed.getvalue()[:-30])


def test_without_the_extra_a_workbook_is_refused_with_the_fix(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(InputError) as caught:
        read_samples(book)
    assert f"fix: {install_extra('xlsx')}" in str(caught.value)


def read_text_sheet(tmp_path: Path, text: str, reader: Callable = read_samples) -> Sheet:
    path = tmp_path / "sheet.txt"
    path.write_bytes(text.encode())
    sheet: Sheet = reader(path)
    assert sheet.problems == []
    return sheet


def test_a_quoted_cell_over_several_lines_is_kept_whole(tmp_path: Path) -> None:
    text = (
        '## of "2026\n\ncohort,sample,note\n\n## a "comment\n'
        'a,S1,"x\n\n## y\n  \nz"\n\na,S2,"## t"\n'
    )
    frame = read_text_sheet(tmp_path, text).frame
    assert frame.select("sample", "note", "line").rows() == [
        ("S1", "x\n\n## y\n  \nz", 6),
        ("S2", "## t", 12),
    ]


@pytest.mark.parametrize(
    ("hint", "separator"),
    [
        ("sep=\t", "\t"),
        ('"sep=;"', ";"),
        ("sep=;", ";"),
        (' "sep=\t" ', "\t"),
        ("sep=,\r", ","),
    ],
)
def test_a_first_line_may_name_the_separator(
    tmp_path: Path, hint: str, separator: str
) -> None:
    rows = separator.join(["cohort", "sample"]) + "\n" + separator.join(["a", "S1"]) + "\n"
    frame = read_text_sheet(tmp_path, f"{hint}\n{rows}").frame
    assert frame.select("cohort", "sample", "line").rows() == [("a", "S1", 3)]


REMARKS = ["# made, by hand", "#", "# cohort: a, b", "#a\tb", "## x", "#sample cohort, or so"]


@pytest.mark.parametrize("header", ["cohort{0}sample", "#cohort{0}sample"])
@pytest.mark.parametrize("separator", ["\t", ",", ";", " "])
def test_remarks_may_stand_before_the_header(
    tmp_path: Path, header: str, separator: str
) -> None:
    text = "\n".join([*REMARKS, "", header.format(separator), f"a{separator}S1", ""])
    sheet = read_text_sheet(tmp_path, text)
    assert (sheet.problems, sheet.frame.select("sample", "line").rows()) == ([], [("S1", 9)])
    path = tmp_path / "a.xlsx"

    def fill(page: Worksheet) -> None:
        for line in text.split("\n"):
            page.append(line.split(separator))

    if separator == "\t":
        sheet = read_samples(written(path, fill))
        assert (sheet.problems, sheet.frame["sample"].to_list()) == ([], ["S1"])


def test_a_header_that_is_none_is_told_of_the_first_line(tmp_path: Path) -> None:
    told = problems_of(tmp_path, "#IID SEX\n# x\nP1 1\ncohort sample\n")
    assert "no column 'cohort' (it has 'sample', 'SEX'" in told


def test_a_cell_may_name_any_number_of_files(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    files = ",".join(f"batch/S{k:06d}.vcf.gz" for k in range(10_000))
    text = f'cohort,files,assay\na,"{files}",WGS\n'
    frame = read_text_sheet(tmp_path, text, read_cohorts).frame
    assert frame["files"].to_list() == [files]
    assert csv.field_size_limit() == before


def test_a_sheet_on_its_side_is_refused_soon(tmp_path: Path) -> None:
    row = "\t".join(f"S{k}" for k in range(100_000))
    began = time.process_time()
    said = problems_of(tmp_path, f"sample\t{row}\ncohort\t{row}\n")
    assert "100,001 columns; at most 16,384 are read" in said
    assert "is it on its side?" in said
    said = problems_of(tmp_path, "cohort\tsample\t" + "\t".join(["x", "y"] * 8000) + "\n")
    assert "column(s) x, y stand twice" in said
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("name", "words"),
    [("MOST_ROWS", "more than 50 rows"), ("MOST_CELLS", "or 50 cells"), ("MOST_TEXT", "MiB")],
)
def test_a_sheet_of_text_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setattr(sheetfile, name, 50)
    text = "cohort\tsample\n" + "".join(f"a\tS{k}\n" for k in range(60))
    assert words in problems_of(tmp_path, gzip.compress(text.encode()))


def test_a_row_of_a_sheet_takes_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many bytes are reserved, and never touched.
    monkeypatch.setattr(sheetfile, "MOST_ARCHIVE", 1 << 20)
    monkeypatch.setattr(sheetfile, "MOST_TEXT", 1 << 20)
    path = tmp_path / "s.tsv"
    n = 20_000
    path.write_text("cohort\tsample\tsex\n" + "".join(f"bj\tS{k}\tmale\n" for k in range(n)))
    tracemalloc.start()
    try:
        read_sheet_file(path, "samples", SAMPLES_SHEET.is_header)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A text of its own (55 bytes), three pointers, a number (28 and a pointer), its line; the
    # lists of rows and lines took 900.
    assert most / n < 250


def test_a_column_may_have_any_name_or_is_refused(tmp_path: Path) -> None:
    text = "cohort\tsample\tsex\tsaid\tbare\tLine\na\tS1\tM\tx\ty\tz\n"
    frame = read_text_sheet(tmp_path, text).frame
    assert frame.drop("population").rows() == [("a", "S1", "male", "x", "y", "z", 2)]
    said = problems_of(tmp_path, "cohort\tsample\tline\na\tS1\tHeLa\n")
    assert "sheet.txt: a column called 'line'" in said
    assert "fix: call it something else" in said


@pytest.mark.parametrize(
    ("note", "encoding"),
    [
        ("бета", "cp1251"), ("Группа Б\tсевер", "cp1251"), ("TRÊÈS", "latin-1"),
        ("Zoë", "latin-1"), ("ÉÈ", "latin-1"), ("さくら", "euc-jp"), ("サンプル", "euc-jp"),
        ("東京のグループ", "euc-jp"), ("группа", "koi8-r"), ("ãõ", "latin-1"),
    ],
)  # fmt: skip
def test_text_of_another_encoding_is_not_taken_for_chinese(
    tmp_path: Path, note: str, encoding: str
) -> None:
    text = "cohort\tsample\tnote\tx\na\tS1\t" + note + "\n"
    assert "neither UTF-8 (byte" in problems_of(tmp_path, text.encode(encoding))


@pytest.mark.parametrize(
    "note",
    ["男", "汉族（北方）", "样本A", "WGS和WES都有", "李婷", "北京市，朝阳区", "㛃一二三"],
)
def test_chinese_is_read(tmp_path: Path, note: str) -> None:
    path = tmp_path / "s.txt"
    path.write_bytes(f"cohort\tsample\t备注\na\tS1\t{note}\n".encode("gb18030"))
    sheet = read_samples(path)
    assert sheet.frame["备注"].to_list() == [note]
    assert f"'备注' and '{note}'" in sheet.notes[0]
