"""`varhouse genotypes`: what it writes, in each format."""

import json
from pathlib import Path

import polars as pl
import pytest
from calls_store import base, make_calls_store, other

import varhouse
from varhouse.cli import main


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_calls_store(tmp_path_factory.mktemp("command")))


def ask(store: str, *options: str) -> int:
    return main(["-q", "genotypes", store, *options])


def test_calls_as_tsv(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(store, "--cohort", "a", "--region", "chr1:20-40", "--sample", "s0") == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["cohort", "contig", "pos", "ref", "alt", "sample", "gt",
                        "DP", "AD", "DS", "XX"]  # fmt: skip
    assert [(r[2], r[5], *r[6:]) for r in lines[1:]] == [
        ("20", "s0", "1/2", "3", "", "", ""), ("30", "s0", "0/1", "", "", "", ""),
        ("40", "s0", "0/0", "4", "3,1", "0.25", "a"),
    ]  # fmt: skip


def test_carriers_with_their_sheets(store: str, tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    name = f"chr1-10-{base(10)}-{other(10)}"
    people = 'sex == "male"'
    assert ask(store, "--id", name, "--carriers", "--people", people, "-o", str(out)) == 0
    rows = json.loads(out.read_text())
    shown = [(r["cohort"], r["sample"], r["copies"], r["gt"], r["province"]) for r in rows]
    assert shown == [
        ("a", "s2", 2, "1|1", "13"), ("b", "t0", 1, "0/1", "21"), ("b", "t2", 1, "1|0", "23"),
    ]  # fmt: skip


def test_parquet_has_numbers(store: str, tmp_path: Path) -> None:
    out = tmp_path / "c.parquet"
    assert ask(store, "--region", "chr1", "--fields", "DP,AD", "-o", str(out)) == 0
    frame = pl.read_parquet(out)
    assert (frame.schema["DP"], frame.schema["AD"]) == (pl.Int32, pl.List(pl.Int32))
    own = varhouse.open(store).calls("chr1", fields=["DP", "AD"]).drop("file", "record")
    assert frame.equals(own.collect())


def test_columns_and_limit(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--fields", "GT", "--columns", "sample,GT", "--limit", "3", "--format", "csv")
    assert ask(store, "--cohort", "b", *options) == 0
    assert capsys.readouterr().out == "sample,gt\nt0,0/1\nt1,1/1\nt2,1|0\n"


def test_a_table_for_people(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(store, "--cohort", "b", "--region", "chr1:60", "--format", "table") == 0
    assert "0/1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--cohort", "zz"), "no cohort 'zz'"),
        (("--sample", "s99"), "no sample 's99'"),
        (("--columns", "nope"), "nope"),
        (("--fields", "DQ"), "no FORMAT field 'DQ'"),
        (("--limit", "-1"), "negative"),
        (("--region", "chr1:x"), "chr1:x"),
    ],
)
def test_mistakes_are_one_line(
    store: str, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], text: str
) -> None:
    assert ask(store, *options) != 0
    said = capsys.readouterr().err
    assert text in said
    assert "Traceback" not in said
