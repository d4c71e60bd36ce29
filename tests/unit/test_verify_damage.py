"""Damage between the files of a store, each planted alone: the log, numbers, references."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from store_builders import CALLS, COHORT_A, COHORT_B, add_cohort, new_store
from test_store_verify import OTHER, plant, rewrite

from varhouse.cli import main
from varhouse.tables.schema import CONSEQUENCES, GENOTYPES, IDS, Table
from varhouse.verify.whole import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_store(tmp_path_factory.mktemp("made") / "s")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "s")


def found(path: Path, *, quick: bool = False) -> str:
    return "\n".join(str(p) for p in verify(path, quick=quick))


def change_log(path: Path, change) -> None:
    """Change what the Delta log of the variants says of its files."""
    for log in (path / "open/variants/_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for action in lines:
            if "add" in action:
                change(action["add"])
        log.write_text("".join(json.dumps(x) + "\n" for x in lines))


def other_bound(add: dict) -> None:
    stats = json.loads(add["stats"])
    stats["minValues"]["pos"] -= 1
    add["stats"] = json.dumps(stats)


def test_a_sound_store_looked_at_quickly(path: Path) -> None:
    assert found(path, quick=True) == ""
    assert main(["store", "verify", str(path), "--quick"]) == 0


def test_a_wrong_statistic(path: Path) -> None:
    change_log(path, other_bound)
    assert "the Delta log says of pos 9 to" in found(path)
    assert "have other bounds of it" in found(path, quick=True)


def test_a_wrong_size_in_the_log(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_log(path, lambda add: add.update(size=add["size"] + 1))
    assert "the Delta log says" in found(path)
    assert "the Delta log says" in found(path, quick=True)
    assert main(["store", "verify", str(path), "--quick", "--json"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {r["table"] for r in rows} == {"variants"}


def test_a_number_of_no_file(path: Path) -> None:
    file = next((path / "controlled/sites").rglob("*.parquet"))
    rewrite(file, lambda f: f.with_columns(file=pl.lit(7, pl.Int32)))
    assert "number 7 is that of no file of the cohort" in found(path)


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        (IDS, OTHER | {"id": "rs7", "kind": "rs"}, "ids: 1 alleles are not in variants"),
        (
            CONSEQUENCES,
            OTHER | {"transcript_id": "T"},
            "consequences: 1 alleles are not in variants, the first: 1-77-A-C",
        ),
        (
            GENOTYPES,
            OTHER | CALLS | {"cohort": "a", "record": 99},
            "rows of records that are not in sites, the first of 1: file 0, record 99",
        ),
        (
            GENOTYPES,
            OTHER | CALLS | {"cohort": "a", "record": 0, "first": 8192},
            "genotypes: cohort a: records without the rows of their people",
        ),
        (
            GENOTYPES,
            OTHER | CALLS | {"cohort": "a", "record": 99, "planes": [b"\x4f"], "people": 3},
            "a bit is set behind the last person",
        ),
    ],
)
def test_references_that_lead_nowhere(path: Path, table: Table, row: dict, words: str) -> None:
    plant(path, table, [{k: v for k, v in row.items() if k in table.names}])
    assert words in found(path)


def test_numbers_of_a_release_and_its_digest(path: Path) -> None:
    record = path / "_store" / "releases" / "00000003.json"
    data = json.loads(record.read_text())
    record.write_text(json.dumps(data | {"digest": "0" * 64}))
    assert "its digest is not that of its tables" in found(path)
    errata = path / "_store" / "errata"
    errata.mkdir()
    (errata / "00000001.json").write_text("{}")
    assert "no list of errata" in found(path)


def test_a_total_that_is_off_is_found_where_rows_add_up(path: Path) -> None:
    """The digests are those of the rows; the sum alone is wrong."""
    from varhouse.store.reader import open_store  # noqa: PLC0415
    from varhouse.tables.schema import TOTALS  # noqa: PLC0415

    rows = open_store(path).scan("totals", part="1").collect()
    wrong = rows.with_columns(n_hemi=pl.when(pl.col("pos") == 30).then(1).otherwise("n_hemi"))
    from varhouse.store.commit import commit  # noqa: PLC0415
    from varhouse.tables.shards import Manifest, write_shard  # noqa: PLC0415

    work = path / "_staging" / "bad"
    shard = write_shard(wrong.select(TOTALS.names), TOTALS, work, "bad", {"part": "1"})
    assert shard is not None
    made = Manifest([shard], [("totals", {"part": "1"})])
    commit(path, [made], ingest_id="bad", operation="i", base_release=3)
    assert "sums over cohorts are wrong, the first: 1-30-G-GA" in found(path)


@pytest.mark.parametrize(
    "lost", ["ledger/00000003.json", "receipts/00000003.json", "ledger/key"]
)
def test_a_ledger_that_is_lost(path: Path, lost: str) -> None:
    """Without it nobody is refused who was withdrawn."""
    record = path / "_store" / "releases" / "00000003.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"operation": "withdraw"}))
    assert found(path, quick=True).startswith("note: ledger: of the withdrawals no ledger")
    files = [path / "_store" / f for f in ("ledger/00000003.json", "receipts/00000003.json")]
    for file in (*files, path / "_store/ledger/key"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
    assert found(path, quick=True) == ""
    (path / "_store" / lost).unlink()
    assert found(path, quick=True) == f"ledger {lost}: is missing: restore it from a backup"


def test_a_text_that_is_no_json_is_told(path: Path) -> None:
    """The column is no content: its bytes stand by nothing else."""
    file = next((path / "open/cohorts").rglob("*.parquet"))
    rewrite(file, lambda f: f.with_columns(haploid=pl.lit("[[0, 8000]")))
    assert "release: tables cannot be compared: JSONDecodeError" in found(path)
