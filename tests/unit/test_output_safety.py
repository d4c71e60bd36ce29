"""Answers of any type in any format, and text that does nothing but stand there."""

import csv
import io
import json
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from builders import make_small_store

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError, UsageError
from varhouse.masking import MARK, mask_text
from varhouse.query.output import make_writer
from varhouse.query.terminal import TableWriter, format_value
from varhouse.store.layout import check_name
from varhouse.store.releases import resolve_release, write_tag

ESC, BELL, CSI, RLO = "\x1b", "\x07", "\x9b", "\u202e"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("safety") / "store")


def ask(store: Path, query: str, out: Path, *more: str) -> int:
    return main(["-q", "sql", str(store), query, "-o", str(out), *more])


# A value, and its cell where that is not what DuckDB makes of it as text.
VALUES = {
    "42": None, "NULL": "", "1.25::DECIMAL(5,2)": "1.25", "'nan'::DOUBLE": "NaN",
    "sum(9223372036854775807)": None, "18446744073709551615::UBIGINT": None,
    "5::HUGEINT": None, "5::UHUGEINT": None, "-7::DECIMAL(38,0)": None,
    "12345678901234567890123456789::BIGNUM": None,
    "INTERVAL '1 month 2 days 3.5 seconds'": None, "INTERVAL 3 YEAR": None,
    "union_value(num := 2)": None, r"'\xAA\x00'::BLOB": "aa00", "'10101'::BIT": None,
    "'a'::ENUM('a','b')": None, "'6e0a5aa0-0000-0000-0000-000000000001'::UUID": None,
    "TIMESTAMP '2020-01-01 01:02:03'": None, "TIMESTAMPTZ '2020-01-01 00:00:00+02'":
    "2019-12-31 22:00:00+00", "TIMESTAMP_NS '2020-01-01 00:00:00.123456789'": None,
    "'infinity'::TIMESTAMP": None, "'-infinity'::DATE": None, "'infinity'::TIMESTAMPTZ": None,
    "DATE '5000000-01-01'": None, "DATE '0044-03-15 (BC)'": None, "TIME '24:00:00'": None,
    "TIMETZ '12:34:56+02'": None, "[1,2,NULL]": "1;2;", "['x','y']": "x;y",
    "[INTERVAL 1 DAY]": "1 day", "[5::HUGEINT]": "5", "[1,2]::INTEGER[2]": "1;2",
    "[]": "", "NULL::INTEGER[]": "", "[[1],[NULL,2],NULL]": "[[1],[null,2],null]",
    "{'a':1,'b':'x'}": '{"a":1,"b":"x"}', "MAP{'k':[1]}": '{"k":[1]}',
    "MAP{1:2}": '{"1":2}', "[{'a':NULL}]": '[{"a":null}]',
    "{'d':'infinity'::DATE}": '{"d":"infinity"}', "{'b':'1'::BIT,'i':INTERVAL 1 DAY}":
    '{"b":"1","i":"1 day"}', "{'u':union_value(n := 2)}": '{"u":"2"}',
    "'{\"a\":1}'::JSON": '{"a":1}', "{'q\"':1}": '{"q\\"":1}',
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_any_type_is_an_answer(store: Path, tmp_path: Path, value: str) -> None:
    query = f"SELECT 7 AS n, {value} AS x"
    cell = VALUES[value]
    if cell is None:
        connection = duckdb.connect()
        cell = connection.sql(f"SELECT CAST({value} AS VARCHAR)").fetchall()[0][0]
    out = tmp_path / "x.csv"
    assert ask(store, query, out) == 0
    assert list(csv.DictReader(io.StringIO(out.read_text()))) == [{"n": "7", "x": cell}]
    assert ask(store, query, tmp_path / "x.tsv") == 0
    assert ask(store, query, tmp_path / "x.json") == 0
    row = json.loads((tmp_path / "x.json").read_text())[0]
    assert row["n"] == 7
    if isinstance(row["x"], dict | list) and not isinstance(row["x"], str):
        nested = cell.startswith(("{", "[")) and cell != "[]"
        assert not nested or row["x"] == json.loads(cell)
    assert ask(store, query, tmp_path / "x.parquet") == 0
    assert pq.read_table(tmp_path / "x.parquet")["n"].to_pylist() == [7]
    assert ask(store, query, tmp_path / "x.txt", "--format", "table") == 0
    assert (tmp_path / "x.txt").read_text().split()[:2] == ["n", "x"]


@pytest.mark.parametrize(
    "value",
    [
        "170141183460469231731687303715884105727::HUGEINT",
        "-170141183460469231731687303715884105728::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "99999999999999999999999999999999999999::DECIMAL(38,0)",
        "[170141183460469231731687303715884105727::HUGEINT]",
    ],
)
def test_a_number_that_is_too_wide_is_one_line(
    store: Path, tmp_path: Path, value: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for form in ("csv", "tsv", "json", "parquet", "table"):
        out = tmp_path / f"x.{form}"
        assert ask(store, f"SELECT {value} AS x", out, "--format", form) == 2
        assert not out.exists()
        err = capfd.readouterr().err
        assert err.startswith("error: SQL: Conversion Error")
        assert "CAST(... AS VARCHAR)" in err


def test_dates_stay_dates_in_parquet(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    assert ask(store, "SELECT DATE '2020-02-29' AS d, [5::HUGEINT] AS l", out) == 0
    assert dict(pl.read_parquet_schema(out)) == {"d": pl.Date, "l": pl.List(pl.Int64)}


# --- terminals ---

HOSTILE = [
    f"{ESC}[31mred",
    f"a{BELL}",
    f"{CSI}2J",
    f"safe{RLO}gnp.exe",
    "a\nb",
    "a\rb",
    "a\x00b",
    "a\u2028b",
    "\u200bhidden",
    "\x7f",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_steers_a_terminal(text: str) -> None:
    frame = pl.DataFrame(
        {"s": [text], "l": [["x", text]], "ll": [[[text]]], "st": [{"a": text}],
         "by": [text.encode()], f"name{text}": [1]}
    )  # fmt: skip
    for width in (None, 80):
        stream = io.BytesIO()
        writer = TableWriter(stream, frame.columns, keep=True, width=width)
        writer.write(frame)
        writer.close()
        lines = stream.getvalue().decode().split("\n")
        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)
    assert format_value([text]).isprintable()
    assert MARK in mask_text(text)
    assert mask_text("Ω é 中 ok") == "Ω é 中 ok"


def test_messages_do_not_either(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for text in HOSTILE:
        if "\x00" in text:
            continue
        for args in (
            ["query", str(store), "--gene", text],
            ["query", str(store), "--id", text],
            ["query", str(store), "--region", text],
            ["query", str(store), "--table", text],
            ["query", str(store), "--where", f"id == '{text}"],
            ["query", str(store), "--columns", text],
            ["sql", str(store), f"SELECT error('{text}')"],
            ["sql", str(store), f"SELECT CAST('{text}' AS INTEGER)"],
            ["query", str(store) + text],
            ["report", str(store), "--ingest", text, "-o", "x"],
            ["query", str(store), "--release", text],
            ["store", "tag", str(store), text],
        ):
            main(args)
            err = capfd.readouterr().err
            assert all(line.isprintable() for line in err.split("\n")), (args, err)


def test_sql_masks_cells_and_names_of_columns(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    query = f"SELECT '{ESC}' AS \"{CSI}\", ['{ESC}'] AS l, {{'{RLO}': '{BELL}'}} AS s"
    assert main(["-q", "sql", str(store), query, "--format", "table"]) == 0
    out = capfd.readouterr().out
    assert out.count("\n") == 2
    assert all(line.isprintable() for line in out.split("\n"))


# --- spreadsheets ---

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1",
            "=", "-", "--1", "+-1", "-1-1"]  # fmt: skip
PLAIN = [
    "-1",
    "+1.5",
    "-1e-5",
    "-.5",
    "+3.",
    "a=b",
    "",
    "chr1-1-A-T",
    " =1",
    "'=1",
    "1-2",
    "<DEL>",
]


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_formulas_are_defused_on_request(form: str) -> None:
    texts = FORMULAS + PLAIN
    frame = pl.DataFrame(
        {
            "=name": texts,
            "l": [[t, "=x"] for t in texts],
            "n": [-i for i in range(len(texts))],
            "f": [-0.5] * len(texts),
        },
    )
    found = {}
    for safe in (False, True):
        stream = io.BytesIO()
        writer = make_writer(form, stream, frame.schema, safe=safe)
        writer.write(frame)
        writer.close()
        text = stream.getvalue().decode()
        quoting = csv.QUOTE_NONE if form == "tsv" else csv.QUOTE_MINIMAL
        delimiter = "\t" if form == "tsv" else ","
        found[safe] = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
        )
    assert [len(r) for r in found[True]] == [4] * (len(texts) + 1)
    assert found[False][0][0] == "=name"
    assert found[True][0] == ["'=name", "l", "n", "f"]
    for before, after, text in zip(found[False][1:], found[True][1:], texts, strict=True):
        assert after[2:] == before[2:], "numbers stay numbers"
        wanted = "'" + before[0] if text in FORMULAS else before[0]
        assert after[0] == wanted, text
        assert after[1] == (
            f"'{before[1]}" if text and text[0] in "=+-@\t\r\n＝" else before[1]
        )
    assert float(found[True][1][3]) == -0.5


def test_the_option_is_there_where_csv_is(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.csv"
    assert ask(store, "SELECT '=1' AS x, -1 AS y", out, "--spreadsheet-safe") == 0
    assert out.read_text() == '"x","y"\n"\'=1",-1\n'
    assert ask(store, "SELECT '=1' AS x", out) == 0
    assert out.read_text() == "x\n=1\n"
    query = ["query", str(store), "--id", "rs33", "-o", str(out), "--spreadsheet-safe"]
    assert main(query) == 0
    diff = ["store", "diff", str(store), "1", "2", "-o", str(out), "--spreadsheet-safe"]
    assert main(diff) == 0
    assert ask(store, "SELECT 1", tmp_path / "x.json", "--spreadsheet-safe") == 2
    assert "does not go with json" in capfd.readouterr().err


# --- names ---


@pytest.mark.parametrize(
    "name", ["a\n", "\na", "a\r", "a b", "", "../a", "a/b", ".a", "a\x00"]
)
def test_a_name_is_matched_to_its_end(store: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be a file name"):
        check_name("tag", name)
    with pytest.raises(StoreError):
        write_tag(store, name, 1)
    with pytest.raises(StoreError):
        resolve_release(store, name or "\n")


@pytest.mark.parametrize("release", ["²", "٢", "1\n", "0x1", "1_0", "-1", "1.0"])
def test_a_release_is_a_number_of_digits(store: Path, release: str) -> None:
    with pytest.raises(StoreError):
        varhouse.open(store, release)


def test_ids_are_matched_to_their_end(store: Path) -> None:
    for text in ("rs33\n", "chr1-100-A-T\n", "NC_000001.1:99:A:T\n"):
        code = main(["-q", "query", str(store), "--id", text, "-o", str(store / "../x.tsv")])
        rows = (store / "../x.tsv").read_text().count("\n") - 1 if code == 0 else 0
        # Blanks around a name may be left out, but no line feed is part of one.
        assert rows in (0, 1)


def test_no_audience_of_another_name() -> None:
    with pytest.raises(UsageError, match="no audience"):
        varhouse.open("nowhere", audience="public\n")
