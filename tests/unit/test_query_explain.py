"""`varhouse query --explain` tells what the answer reads, from the plans that it reads by."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builders import make_small_store

import varhouse
from varhouse.cli import main
from varhouse.store.plan import Plan
from varhouse.store.reader import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("explain") / "store")


def explain(capsys: pytest.CaptureFixture, store: Path, *words: str) -> dict:
    assert main(["query", str(store), "--explain", "--format", "json", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    return {t["table"]: t for t in told["tables"]} | {"rows": told["rows"]}


def test_an_overview_reads_the_tables_of_its_columns(
    store: Path, capsys: pytest.CaptureFixture
) -> None:
    told = explain(capsys, store, "--region", "chr1", "--columns", "pos,ac")
    assert told["rows"] == varhouse.open(store).query("chr1").height
    assert set(told) - {"rows"} == {"cohorts", "contigs", "variants", "totals"}
    assert {"pos", "ref", "alt"} <= set(told["variants"]["columns"])
    assert not {"vrs_id", "hgvs_g"} & set(told["variants"]["columns"])
    assert "ac" in told["totals"]["columns"]
    assert list(told["cohorts"]["columns"]) == []


def test_the_numbers_are_those_of_the_files(
    store: Path, capsys: pytest.CaptureFixture
) -> None:
    opened = varhouse.open(store)
    told = explain(capsys, store, "--table", "variants", "--region", "chr1:1-100,000")[
        "variants"
    ]
    listed = opened.file_frame("variants")
    assert told["of_files"] == listed.height
    assert told["files"] + sum(told["left_out"].values()) == listed.height
    sizes: dict[str, int] = {}
    for path in opened.plan("variants", "chr1:1-100,000").files["path"]:
        footer = pq.read_metadata(store / "open/variants" / path)
        for g in range(footer.num_row_groups):
            for i in range(footer.num_columns):
                column = footer.row_group(g).column(i)
                size = sizes.get(column.path_in_schema, 0) + column.total_compressed_size
                sizes[column.path_in_schema] = size
    assert told["columns"] == sizes
    assert told["bytes"] == sum(sizes.values())


def test_as_a_table_and_as_tsv(store: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["query", str(store), "--explain", "--region", "chr1", "--columns", "pos"]
    assert main([*words, "--format", "tsv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t")[:4] == ["table", "times", "files", "of_files"]
    assert "variants" in {line.split("\t")[0] for line in lines}
    assert main([*words, "--format", "table"]) == 0
    assert "left_out" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("words", [("--by", "cohort"), ("--format", "vcf")])
def test_what_it_does_not_go_with(store: Path, words: tuple[str, ...]) -> None:
    assert main(["query", str(store), "--explain", "--region", "chr1", *words]) == 2


def test_a_scan_reads_by_its_plan(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that leaves out all files leaves out all rows: there is no other way to them."""
    whole = Store._plan

    def nothing(self: Store, table: str, wanted: object) -> Plan:
        plan = whole(self, table, wanted)  # type: ignore[arg-type]
        return Plan(
            plan.declared, plan.folder, plan.filters, plan.listed.clear(), (), plan.span
        )

    opened = varhouse.open(store)
    assert opened.variants().collect().height
    monkeypatch.setattr(Store, "_plan", nothing)
    assert not opened.variants().collect().height
    assert not opened.paths("variants")
