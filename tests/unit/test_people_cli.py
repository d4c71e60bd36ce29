"""`varhouse people`: tables of people on the command line, for who is controlled alone."""

import json
from pathlib import Path

import polars as pl
import pytest
from calls_store import make_calls_store

import varhouse
from varhouse.cli import main
from varhouse.people.settings import Limits, PeopleSettings
from varhouse.people.update import update_people

COMMANDS = {"qc": "sample_qc", "related": "related", "trios": "trios", "ancestry": "ancestry",
            "same": "same_people"}  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without tables of people."""
    return make_calls_store(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with, by thresholds that somebody passes."""
    path = make_calls_store(tmp_path_factory.mktemp("people"))
    update_people(path, settings=PeopleSettings(Limits(call_rate=1)))
    return path


@pytest.mark.parametrize(("command", "table"), COMMANDS.items())
@pytest.mark.parametrize("ending", ["tsv", "parquet", "json", "xlsx", "csv"])
def test_a_table_in_every_format(
    store: Path, tmp_path: Path, command: str, table: str, ending: str
) -> None:
    out = tmp_path / f"t.{ending}"
    assert main(["people", command, str(store), "-o", str(out)]) == 0
    wanted = varhouse.open(store).table(table).collect()
    order = [n for n in ("cohort", "ordinal", "ordinal_1", "ordinal_2") if n in wanted.columns]
    wanted = wanted.sort(order)
    if ending == "parquet":
        assert pl.read_parquet(out).equals(wanted)
    elif ending == "tsv":
        lines = out.read_text().splitlines()
        assert lines[0].split("\t") == wanted.columns
        assert len(lines) == 1 + wanted.height
    elif ending == "json":
        assert len(json.loads(out.read_text())) == wanted.height
    else:
        assert out.stat().st_size


def test_choices_of_rows_and_columns(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rows(*words: str) -> list[list[str]]:
        assert main(["people", *words, "--format", "tsv"]) == 0
        return [line.split("\t") for line in capsys.readouterr().out.splitlines()]

    qc = varhouse.open(store).sample_qc().collect().sort("cohort", "ordinal")
    found = rows("qc", str(store), "--flagged", "--columns", "sample,flags")
    wanted = qc.filter(pl.col("flags") != "")
    assert 0 < wanted.height < qc.height
    assert found[1:] == [list(r) for r in wanted.select("sample", "flags").rows()]
    found = rows("qc", str(store), "--cohort", "b", "--columns", "cohort", "--limit", "2")
    assert found == [["cohort"], ["b"], ["b"]]
    found = rows("qc", str(store), "--where", 'n_het >= 2 and cohort == "a"', "--columns",
                 "sample")  # fmt: skip
    wanted = qc.filter(pl.col("n_het") >= 2, pl.col("cohort") == "a")
    assert [r[0] for r in found[1:]] == wanted["sample"].to_list()
    contigs = varhouse.open(store).sample_contigs().collect()
    assert len(rows("qc", str(store), "--contigs")) == 1 + contigs.height
    assert rows("ancestry", str(store), "--axes")[0][:2] == ["cohort", "axis"]
    assert rows("related", str(store), "--disagree")[0][0] == "cohort"


def test_a_table_on_a_terminal(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["people", "qc", str(store), "--format", "table"]) == 0
    assert capsys.readouterr().out.split()[0] == "cohort"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("who", [["--public"], ["--audience", "inside"]])
def test_nobody_but_controlled_gets_them(
    store: Path, command: str, who: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["people", command, str(store), *who]) != 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "tells of single people" in err


def test_what_is_not_made_is_said(
    bare: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["people", "qc", str(bare), "--format", "tsv"]) == 0
    said = caplog.text + capsys.readouterr().err
    assert "no tables of people were made of a, b" in said
    assert f"varhouse people update {bare}" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["qc", "--cohort", "c"], "no cohort 'c'"),
        (["qc", "--where", "n_hat > 2"], "n_hat"),
        (["qc", "--columns", "callrate"], "callrate"),
        (["qc", "--limit", "-1"], "negative"),
        (["ancestry", "--onto", "a", "--axes"], "--axes and --onto"),
        (["ancestry", "--onto", "c"], "no cohort 'c'"),
        (["ancestry", "--onto", "a", "--cohort", "a"], "its own samples"),
        (["ancestry", "--onto", "a"], "no axes of ancestry"),
        (["update", "--cohort", "c"], "no cohort 'c'"),
        (["qc", "--sheet"], "--sheet"),
    ],
)
def test_mistakes(
    store: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["people", words[0], str(store), *words[1:]])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code != 0
    assert says in capsys.readouterr().err


def test_update_by_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    path = make_calls_store(tmp_path / "in")
    config = tmp_path / "people.yaml"
    config.write_text("people: {limits: {call_rate: null}, axes: 2}\n")
    assert main(["people", "update", str(path), "--config", str(config)]) == 0
    assert capsys.readouterr().out == "3\n"
    told = varhouse.open(path).people_made(cohort="a").collect()["settings"].item()
    assert json.loads(told)["limits"]["call_rate"] is None
    # By that of the last ingest, which says nothing of people: other settings.
    assert main(["people", "update", str(path)]) == 0
    assert capsys.readouterr().out == "4\n"
    assert main(["people", "update", str(path)]) == 0
    assert capsys.readouterr().out == ""
    config.write_text("people: {limits: {callrate: 1}, ax: 2}\n")
    assert main(["people", "update", str(path), "--config", str(config)]) != 0
    err = capsys.readouterr().err
    assert "people.limits.callrate" in err
    assert "people.ax" in err
