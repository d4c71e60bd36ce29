"""Answers as Excel workbooks, read back by openpyxl; endings of names."""

import io
import sys
import tempfile
from pathlib import Path
from unittest import mock

import openpyxl
import polars as pl
import pytest
from builders import make_small_store

from varhouse.cli import main
from varhouse.errors import UsageError, install_extra
from varhouse.query import spreadsheet
from varhouse.query.output import choose_format
from varhouse.query.spreadsheet import WorkbookWriter

FORMATS = ("table", "tsv", "csv", "json", "parquet", "xlsx")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("sheet") / "store")


def written(frame: pl.DataFrame) -> list[list[tuple[object, str]]]:
    """Write a frame and give value and type of each cell."""
    file = io.BytesIO()
    writer = WorkbookWriter(file, frame.schema)
    writer.write(frame)
    writer.close()
    sheet = openpyxl.load_workbook(io.BytesIO(file.getvalue())).active
    assert sheet.freeze_panes == "A2"
    return [[(c.value, c.data_type) for c in row] for row in sheet.iter_rows()]


def test_cells_are_what_they_are() -> None:
    frame = pl.DataFrame(
        {
            "text": ["=1+1", "@x", "北京", "007", "#N/A", None, ""],
            "whole": [1, -5, 10**15, None, 2**62, 0, 3],
            "share": [0.5, float("nan"), float("inf"), None, 1e-300, 0.0, 2.0],
            "flag": [True, False, None, True, True, True, True],
            "list": [["a", "b"], ["=c"], [], None, [None], ["d"], ["e"]],
            "bits": [b"\x01\xff", None, b"", b"a", b"b", b"c", b"d"],
        }
    )
    head, *rows = written(frame)
    assert [v for v, _ in head] == frame.columns
    columns = list(zip(*rows, strict=True))
    # No formula ('f'), no error ('e'): what looks like one is text.
    assert columns[0] == (
        ("=1+1", "s"), ("@x", "s"), ("北京", "s"), ("007", "s"), ("#N/A", "s"),
        (None, "n"), (None, "n"),
    )  # fmt: skip
    # Excel keeps 15 digits of a number.
    assert columns[1] == (
        (1, "n"), (-5, "n"), (str(10**15), "s"), (None, "n"), (str(2**62), "s"), (0, "n"),
        (3, "n"),
    )  # fmt: skip
    assert [v for v, _ in columns[2]] == [0.5, None, "inf", None, 1e-300, 0, 2]
    assert columns[3][:3] == ((True, "b"), (False, "b"), (None, "n"))
    assert list(columns[4])[:3] == [("a;b", "s"), ("=c", "s"), (None, "n")]
    assert [v for v, _ in columns[5]][:4] == ["01ff", None, None, "61"]


def test_names_of_columns_are_text_too() -> None:
    head, _ = written(pl.DataFrame({"=cmd": [1]}))
    assert head == [("=cmd", "s")]


def test_letters_that_xml_cannot_hold() -> None:
    _, row, other = written(pl.DataFrame({"a": ["x\x07y", "_x0041_"]}))
    assert (row[0][0], other[0][0]) == ("x_x0007_y", "_x005F_x0041_")


def test_what_does_not_fit_is_refused() -> None:
    long = pl.DataFrame({"ref": ["A" * 32_768]})
    with pytest.raises(UsageError, match=r"32,768 letters .*does not fit into a cell"):
        written(long)
    assert written(pl.DataFrame({"ref": ["A" * 32_767]}))[1][0][0] == "A" * 32_767
    assert spreadsheet.MOST_ROWS == 1_048_576
    with (
        mock.patch.object(spreadsheet, "MOST_ROWS", 4),
        pytest.raises(UsageError, match="more than 3 rows"),
    ):
        written(pl.DataFrame({"a": range(4)}))
    with mock.patch.object(spreadsheet, "MOST_ROWS", 4):
        assert len(written(pl.DataFrame({"a": range(3)}))) == 4
    with pytest.raises(UsageError, match="16,385 columns do not fit"):
        WorkbookWriter(io.BytesIO(), {f"c{i}": pl.Int8() for i in range(16_385)})


def test_an_answer_as_a_workbook(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.xlsx"
    assert main(["query", str(path), "--columns", "pos,alt,af", "-o", str(out)]) == 0
    sheet = openpyxl.load_workbook(out).active
    rows = list(sheet.values)
    assert rows[0] == ("pos", "alt", "af")
    assert main(["query", str(path), "--columns", "pos,alt,af", "--format", "json"]) == 0
    assert len(rows) == capfd.readouterr().out.count("\n") - 1
    assert main(["sql", str(path), "SELECT '=1' AS a", "-o", str(out)]) == 0
    assert openpyxl.load_workbook(out).active["A2"].data_type == "s"
    # Nothing is left of what did not fit.
    other = tmp_path / "b.xlsx"
    with mock.patch.object(spreadsheet, "MOST_ROWS", 3):
        assert main(["query", str(path), "-o", str(other)]) == 2
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("{'a': 1}", '{"a":1}'),
        ("[[1, 2], [3]]", "[[1,2],[3]]"),
        ("MAP {'k': 2}", '{"k":2}'),
        ("[{'a': '=1'}]", '[{"a":"=1"}]'),
        ("[1, 2]", "1;2"),
        ("{'a': 1}::JSON", '{"a":1}'),
        ("DATE '2026-11-29'", "2026-11-29"),
        ("'\\x01'::BLOB", "01"),
    ],
)
def test_nested_values_are_json_in_a_cell(
    path: Path, tmp_path: Path, value: str, cell: str
) -> None:
    out = tmp_path / "a.xlsx"
    assert main(["sql", str(path), f"SELECT {value} AS v", "-o", str(out)]) == 0
    assert openpyxl.load_workbook(out).active["A2"].value == cell


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer = WorkbookWriter(io.BytesIO(), {"a": pl.Int64()})
    assert list(tmp_path.iterdir())
    with (
        mock.patch.object(WorkbookWriter, "_write", side_effect=error),
        pytest.raises(error),
    ):
        writer.write(pl.DataFrame({"a": [1]}))
    assert not list(tmp_path.iterdir())


def test_without_openpyxl(
    path: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with mock.patch.dict(sys.modules, {"openpyxl": None}):
        assert main(["query", str(path), "-o", str(tmp_path / "a.xlsx")]) == 2
    assert install_extra("xlsx") in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asked", "out", "says"),
    [
        (None, "a.xls", "the ending says no format(.|\n)*.parquet, .xlsx"),
        (None, "a.ods", "the ending says no format"),
        (None, "a", "the ending says no format"),
        ("json", "a.tsv", r"the ending says tsv, --format says json(.|\n)*end it in .json"),
        ("csv", "a.xlsx", "the ending says xlsx, --format says csv"),
        ("tsv", "a.vcf.gz", "the ending says vcf, --format says tsv"),
        ("xlsx", "a.txt", "the ending says tsv, --format says xlsx"),
        ("xlsx", None, "does not go to stdout"),
        (None, "a.xlsx.gz", "is packed inside"),
    ],
)
def test_endings_that_say_no_format_or_another(
    asked: str | None, out: str | None, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        choose_format(asked, Path(out) if out else None, FORMATS)


@pytest.mark.parametrize(
    ("asked", "out", "form"),
    [
        (None, "A.XLSX", "xlsx"),
        ("xlsx", "a.xlsx", "xlsx"),
        ("table", "a.txt", "table"),
        ("csv", "a.txt", "csv"),
        ("json", "a.out", "json"),
        (None, "a.csv.gz", "csv"),
    ],
)
def test_endings_that_say_one(asked: str | None, out: str, form: str) -> None:
    assert choose_format(asked, Path(out), FORMATS) == form
