"""Sheets for the ledger: however they are written, what they say is entered once."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from ledgers import make_ledger

from varhouse.errors import ConfigError, InputError
from varhouse.governance.ledger import Ledger
from varhouse.governance.ledgerimport import import_sheets
from varhouse.governance.model import Assay, PaperKind, Tier
from varhouse.governance.sheet import read_ledger_sheets
from varhouse.governance.sheetcols import SHEETS
from varhouse.governance.sheettemplate import EXAMPLES, write_templates

CODE = "91350100M000100Y43"

COHORTS = [
    ["队列", "省份", "民族", "全基因组测序人数", "统一社会信用代码", "数据分级", "DUO代码",
     "伦理批准号", "禁发期至"],
    ["zj", "浙江、上海", "汉族,回族", "1,200", CODE, "T1", "GRU;NCU", "EC-1", "2027年1月31日"],
    ["bj", "北京", "汉", "50", "", "T2", "HMB", "EC-1", ""],
]  # fmt: skip
PAPERS = [
    ["批件类型", "批件编号", "队列", "有效期起", "有效期至", "批准人数", "发文机关"],
    [
        "采集审批",
        "国科遗办审字〔2024〕CJ0001号",
        "zj,bj",
        "2024/1/1",
        "2027/1/1",
        "3000",
        "DEMO",
    ],
    ["安全审查", "R1", "zj", "", "", "", ""],
]


def write(path: Path, rows: Sequence[Sequence[str]], how: str) -> Path:
    """Write a sheet as people do."""
    if how == "xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(list(row))
        book.save(path.with_suffix(".xlsx"))
        return path.with_suffix(".xlsx")
    encoding, separator = how.split()
    quoted = [[f'"{c}"' if separator == "," else c for c in row] for row in rows]
    text = "\n".join(separator.replace("tab", "\t").join(row) for row in quoted)
    path.write_text(text + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize(
    "how", ["utf-8 tab", "utf-8-sig ,", "gbk tab", "gb18030 ,", "utf-16 tab", "xlsx"]
)
def test_a_sheet_says_the_same_however_it_is_written(tmp_path: Path, how: str) -> None:
    make_ledger(tmp_path)
    sheets = [
        write(tmp_path / "队列.txt", COHORTS, how),
        write(tmp_path / "p.txt", PAPERS, how),
    ]
    found = import_sheets(tmp_path, sheets)
    assert len(found.links) == 7
    record = Ledger.open(tmp_path).cohort("zj")
    assert record is not None
    assert (record.provinces, record.ethnic_groups) == (("330000", "310000"), ("01", "03"))
    assert (record.people, record.holder, record.tier) == ({Assay.WGS: 1200}, CODE, Tier.T1)
    assert record.embargo_until == date(2027, 1, 31)
    assert record.consent is not None
    assert record.consent.duo == ("DUO:0000042", "DUO:0000046")
    kinds = {p.kind: p for p in record.papers}
    assert set(kinds) == {PaperKind.COLLECTION, PaperKind.ETHICS, PaperKind.REVIEW}
    permit = kinds[PaperKind.COLLECTION]
    assert (permit.people, permit.cohorts) == (3000, ("zj", "bj"))
    assert (permit.valid_from, permit.valid_until) == (date(2024, 1, 1), date(2027, 1, 1))
    # One approval of two cohorts, told on two rows.
    assert kinds[PaperKind.ETHICS].cohorts == ("zj", "bj")
    again = import_sheets(tmp_path, sheets)
    assert (again.links, again.entries, again.unchanged) == ([], [], 7)


def test_only_what_differs_becomes_an_entry(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    import_sheets(tmp_path, [write(tmp_path / "c.tsv", COHORTS, "utf-8 tab")])
    rows = [list(r) for r in COHORTS]
    rows[1][5], rows[2][1] = "T3", ""
    looked = import_sheets(
        tmp_path, [write(tmp_path / "c.tsv", rows, "gbk tab")], dry_run=True
    )
    assert (looked.links, len(looked.entries)) == ([], 1)
    found = import_sheets(tmp_path, [tmp_path / "c.tsv"], note="corrected")
    [link] = found.links
    assert (link.body["subject"], link.body["fields"]) == ("zj", {"tier": "T3"})
    assert link.body["note"] == "corrected"
    record = Ledger.open(tmp_path).cohort("bj")
    assert record is not None
    # An empty cell takes nothing away.
    assert record.provinces == ("110000",)


def test_all_mistakes_are_told_at_once_and_nothing_is_entered(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    bad = [
        ["cohort", "province", "people_WGS", "permit_number", "tier", "embargo", "colour"],
        ["x", "Nowhere", "-3", "P1", "T1", "3/4/2026", "red"],
        ["", "浙江", "3", "", "", "", ""],
        ["y", "330100", "3", "", "T7", "", ""],
        ["z", "", "3", "", "T1", "", ""],
        ["z", "", "4", "", "T1", "", ""],
    ]
    path = write(tmp_path / "cohorts.tsv", bad, "utf-8 tab")
    with pytest.raises(ConfigError) as error:
        import_sheets(tmp_path, [path])
    told = error.value.problems
    expected = [
        "no column of the sheet cohorts is called 'colour'",
        ":2: column provinces of collection (GB/T 2260) (provinces): 'Nowhere' is no province",
        ":2: column people with genomes (people.WGS): '-3' is no whole number",
        "which is the day and which the month",
        ":2: cohort 'x': a permit needs permit_kind and permit_number",
        ":3: the row does not say which cohorts it is about",
        ":4: column provinces of collection (GB/T 2260) (provinces): '330100' is the code of",
        ":4: column tier: 'T7' is none of T0",
        ":6: cohort 'z' stands on line 5, too, with another people.WGS",
    ]
    lost = [e for e in expected if not any(e in t for t in told)]
    assert lost == [], told
    assert len(told) == len(expected)
    assert Ledger.find(tmp_path) is None


def test_mistakes_of_several_sheets_and_of_what_they_say_together(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    papers = [
        ["kind", "number", "cohorts", "valid_from", "valid_until"],
        ["ethics", "1", "x", "2026-02-01", "2026-01-01"],
        ["ethics", "2", "", "", ""],
    ]
    recipients = [["recipient", "kind", "country"], ["Demo", "境内", "US"]]
    one = write(tmp_path / "papers.tsv", papers, "utf-8 tab")
    other = write(tmp_path / "recipients.tsv", recipients, "utf-8 tab")
    with pytest.raises(ConfigError) as error:
        import_sheets(tmp_path, [one, other])
    told = "\n".join(error.value.problems)
    assert len(error.value.problems) == 3
    for part in ("papers.tsv:2: paper", "papers.tsv:3: paper 'ethics:2': the field cohorts",
                 "recipients.tsv:2: recipient 'Demo' is domestic"):  # fmt: skip
        assert part in told


def test_two_papers_of_one_number_need_names(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    rows = [["paper", "kind", "number", "issuer", "cohorts"],
            ["", "ethics", "2026-1", "Demo Hospital A", "x"],
            ["", "ethics", "2026-1", "Demo Hospital B", "y"]]  # fmt: skip
    path = write(tmp_path / "papers.tsv", rows, "utf-8 tab")
    with pytest.raises(ConfigError, match="another issuer"):
        import_sheets(tmp_path, [path])
    rows[2][0] = "b"
    import_sheets(tmp_path, [write(path, rows, "utf-8 tab")])
    assert set(Ledger.open(tmp_path).papers()) == {"ethics:2026-1", "b"}


def test_the_sheet_of_an_ingest_is_understood(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    rows = [
        ["cohort", "files", "project", "province", "ethics_approval", "consent_scope",
         "permit_kind", "permit_number", "permit_valid_until", "data_tier", "assay", "own"],
        ["zj", "a.vcf", "PRJCA000002", "33", "EC-2", "research", "采集审批", "P-1",
         "2027-12-31", "synthetic", "WGS", "x"],
    ]  # fmt: skip
    path = write(tmp_path / "anything.tsv", rows, "utf-8 tab")
    ledger = Ledger.open(tmp_path)
    ledger.add("cohort", "zj", {"accessions": "HRA000001", "provinces": "310000"})
    found = import_sheets(tmp_path, [path])
    record = Ledger.open(tmp_path).cohort("zj")
    assert record is not None
    # It names one of what there may be more: what is known already stays.
    assert record.accessions == ("HRA000001", "PRJCA000002")
    assert record.provinces == ("310000", "330000")
    assert {(p.kind.value, p.number) for p in record.papers} == {
        ("ethics", "EC-2"), ("collection", "P-1"),
    }  # fmt: skip
    assert record.consent is not None
    assert record.consent.scope == "research"
    told = "\n".join(found.notes)
    assert "files, assay, own" in told
    assert "'synthetic' is none of T0" in told
    assert import_sheets(tmp_path, [path]).entries == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("xlsx", [False, True])
def test_templates_are_read_as_they_are_and_with_their_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, xlsx: bool
) -> None:
    monkeypatch.setenv("VARHOUSE_LANGUAGE", language)
    make_ledger(tmp_path)
    paths = write_templates(tmp_path / "sheets", xlsx=xlsx)
    found = import_sheets(tmp_path, paths)
    assert (found.entries, Ledger.find(tmp_path)) == ([], None)
    for path in paths:
        if xlsx:
            book = openpyxl.load_workbook(path)
            for sheet in book:
                sheet.cell(5, 1).value = sheet.cell(5, 1).value.removeprefix("## ") or None
            book.save(path)
            continue
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        lines[-1] = lines[-1].removeprefix("## ")
        path.write_text("\n".join(lines), encoding="utf-8")
    found = import_sheets(tmp_path, paths)
    assert Counter(e.kind for e in found.entries) == {
        "paper": 2, "recipient": 1, "grant": 1, "cohort": 1, "consent": 1,
    }  # fmt: skip
    ledger = Ledger.open(tmp_path)
    assert ledger.recipient("Demo University") is not None
    assert [g.principal for g in ledger.grants(date(2027, 1, 1))] == ["demo"]
    with pytest.raises(InputError, match="is there"):
        write_templates(tmp_path / "sheets", xlsx=xlsx)


def test_columns_are_told_apart() -> None:
    for sheet in SHEETS.values():
        names = Counter(n for c in sheet.columns for n in c.names)
        assert [n for n, k in names.items() if k > 1] == []
        assert set(EXAMPLES[sheet.name]) <= set(sheet.by_name)
        header = [c.name for c in sheet.columns]
        assert next(s for s in SHEETS.values() if s.kind.is_header(header)) is sheet


def test_what_is_no_sheet_of_the_ledger(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    path = write(tmp_path / "a.tsv", [["x", "y"], ["1", "2"]], "utf-8 tab")
    with pytest.raises(InputError, match="no sheet of the ledger: it has x, y"):
        import_sheets(tmp_path, [path])
    with pytest.raises(ConfigError, match="no column 'cohort'"):
        import_sheets(tmp_path, [path], "cohorts")
    with pytest.raises(FileNotFoundError):
        import_sheets(tmp_path, [tmp_path / "nowhere.tsv"])


def test_many_mistakes_are_counted_and_not_all_printed(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    rows = [["cohort", "tier"], *([f"c{i}", "T9"] for i in range(1000))]
    with pytest.raises(ConfigError) as error:
        import_sheets(tmp_path, [write(tmp_path / "cohorts.tsv", rows, "utf-8 tab")])
    assert len(error.value.problems) == 1000
    told = str(error.value).splitlines()
    assert told[0].startswith("1000 mistake(s)")
    assert (len(told), told[-1]) == (202, "  - ... and 800 more")


def test_mistakes_are_told_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARHOUSE_LANGUAGE", "zh")
    make_ledger(tmp_path)
    rows = [["队列", "省份", "数据分级"], ["zj", "浙冮", "T9"]]
    with pytest.raises(ConfigError) as error:
        import_sheets(tmp_path, [write(tmp_path / "c.csv", rows, "gb18030 ,")])
    told = str(error.value)
    assert told.startswith("台账表格有 2 处错误")
    assert "c.csv:2: “采集省份 (provinces)”列: '浙冮' 不是有效的省级行政区" in told
    assert "c.csv:2: “数据分级 (tier)”列: 'T9' 不在可选值 T0, T1, T2, T3 之中" in told


def workbook(path: Path, title: str, rows: list[list[object]], **formats: str) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for cell, form in formats.items():
        sheet[cell].number_format = form
    book.save(path)
    return path


def test_a_workbook_shows_shares_counts_and_days_as_excel_does(tmp_path: Path) -> None:
    head = ["批件类型", "批件编号", "队列", "有效期起", "有效期至", "批准人数"]
    rows: list[list[object]] = [
        head,
        ["采集审批", "H-1", "a", date(2026, 1, 5), "2029-12-31", 3000],
        ["伦理审查", "E-1", "a", "2026年1月5日", date(2029, 12, 31), 12],
        ["信息备份", "B-1", "a", "2026/1/5", date(2029, 12, 31), 1234567],
    ]
    forms = {"F2": "#,##0", "F3": "0_ ", "F4": "#,##0_);(#,##0)"}
    taken = read_ledger_sheets([workbook(tmp_path / "p.xlsx", "批件", rows, **forms)])
    assert taken.problems == []
    assert [
        [r.fields[k] for k in ("valid_from", "valid_until", "people")] for r in taken.rows
    ] == [["2026-01-05", "2029-12-31", n] for n in (3000, 12, 1234567)]
    people: list[list[object]] = [["接收方", "接收方类型", "外资比例"]]
    people += [
        [name, "外方", share]
        for name, share in zip("abcd", (1, 0.5, 0.255, 0.29), strict=True)
    ]
    forms = {"C2": "0.00%", "C3": "0%", "C4": "0.0%", "C5": "0%"}
    taken = read_ledger_sheets([workbook(tmp_path / "r.xlsx", "接收方", people, **forms)])
    assert taken.problems == []
    assert [r.fields["foreign_share"] for r in taken.rows] == [1.0, 0.5, 0.255, 0.29]
    # Excel shows 26%, and holds 0.255: which is meant?
    path = workbook(tmp_path / "q.xlsx", "接收方", people, C4="0%")
    (problem,) = read_ledger_sheets([path]).problems
    assert "C4" in problem


def test_a_day_among_names_is_still_a_mistake(tmp_path: Path) -> None:
    rows: list[list[object]] = [["队列", "数据分级"], [date(2026, 1, 2), "T1"], ["b-2", "T1"]]
    (problem,) = read_ledger_sheets([workbook(tmp_path / "c.xlsx", "队列", rows)]).problems
    assert "A2 has become the date" in problem


def test_a_title_stands_above_the_header(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["人类遗传资源队列登记表"], [None, "填表日期: 2026"], ["队列", "采集省份", "总人数"],
        ["a", "浙江", 1200], ["b", 110000, 300],
    ]  # fmt: skip
    path = workbook(tmp_path / "c.xlsx", "队列", rows)
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A1:C1")
    book.active.merge_cells("B2:C2")
    book.save(path)
    taken = read_ledger_sheets([path])
    assert taken.problems == []
    assert [(r.subject, r.fields["provinces"]) for r in taken.rows] == [
        ("a", ["330000"]), ("b", ["110000"]),
    ]  # fmt: skip
    assert taken.rows[0].where.endswith(":4")
    # Below the header merged cells are cells without a value.
    book.active.merge_cells("B4:B5")
    book.save(path)
    (problem,) = read_ledger_sheets([path]).problems
    assert "B4:B5 are merged" in problem
