"""verify finds every kind of damage, each planted alone in a sound store."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from store_builders import COHORT_A, COHORT_B, add_cohort, fill, labels_of, new_store
from verifying import recompute_digests, verify

from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.store.commit import commit
from varhouse.store.layout import check_free_space
from varhouse.store.reader import open_store
from varhouse.store.releases import read_release
from varhouse.tables.digest import combine
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import (
    COHORTS,
    FREQUENCIES,
    SAMPLES,
    TABLES,
    TOTALS,
    VARIANTS,
    Column,
    Table,
    annotation_table,
)
from varhouse.tables.shards import Manifest, Shard, write_shard
from varhouse.verify import filescan, words


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_store(tmp_path_factory.mktemp("made") / "s")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of the store of two cohorts, to be changed."""
    return shutil.copytree(made, tmp_path / "s")


def found(path: Path) -> str:
    return "\n".join(str(p) for p in verify(open_store(path)))


def test_a_sound_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(path) == ""
    monkeypatch.setattr(filescan, "BATCH_ROWS", 1)
    assert found(path) == ""
    assert recompute_digests(open_store(path)) == open_store(path).table_digests()
    assert not verify(open_store(path, 1))


def rewrite(file: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Damage a file; it is linked to the staging folder, so it is replaced."""
    frame = change(pl.read_parquet(file, hive_partitioning=False))
    file.unlink()
    frame.write_parquet(file)


NULL = pl.lit(None, pl.Int32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d[:1], "1 rows, 2 recorded"),
        (lambda d: d[:1], "bytes, "),
        (lambda d: d.reverse(), "rows are not sorted"),
        (lambda d: d.with_columns(end=9), "content is not what was committed"),
        (lambda d: d.with_columns(type=pl.lit("x")), "content is not what was committed"),
        (lambda d: d.cast({"pos": pl.Int64}), "column pos is Int64"),
        (lambda d: d.with_columns(end=NULL), "null in column end"),
        (lambda d: d.with_columns(more=1), "column more is Int32"),
    ],
)
def test_a_damaged_file(path: Path, change: Callable, words: str) -> None:
    file = _file_of_a(path)
    rewrite(file, change)
    assert words in found(path)
    assert file.name in found(path)


def _file_of_a(path: Path) -> Path:
    files = open_store(path).paths("variants", part="1")
    return next(f for f in files if "ingest-a" in f.name)


def test_a_missing_and_a_cut_file(path: Path) -> None:
    file = _file_of_a(path)
    os.truncate(file, 100)
    assert "not a parquet file" in found(path)
    file.unlink()
    assert "No such file" in found(path)


def plant(path: Path, table: Table, rows: list[dict], **kept: object) -> None:
    """Commit rows that a sound ingest would not bring."""
    work = path / "_staging" / "bad"
    partition = {c: rows[0][c] for c in table.partition}
    labels = labels_of(partition.get("cohort", ""))
    shard = write_shard(fill(table, rows), table, work, "bad", partition, labels)
    assert shard is not None
    made = Shard(**{**shard.__dict__, **kept})
    base = open_store(path).release
    commit(path, [Manifest([made])], ingest_id="bad", operation="i", base_release=base)


ALLELE = {"contig": "1", "pos": 10, "ref": "A", "alt": "C", "part": "1"}
OTHER = ALLELE | {"pos": 77}
COUNTED = OTHER | {"cohort": "a", "stratum_by": "all", "stratum": "all"}


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        (VARIANTS, ALLELE, "variants: 1 keys stand twice, the first: 1, 10, A, C"),
        (VARIANTS, OTHER, "variants: 1 alleles have no frequencies, the first: 1-77-A-C"),
        (FREQUENCIES, COUNTED, "frequencies: 1 alleles are not in variants"),
        (FREQUENCIES, COUNTED, "totals: 1 sums over cohorts are wrong, the first: 1-77-A-C"),
        (TOTALS, COUNTED, "totals: 1 sums over cohorts are wrong"),
        (FREQUENCIES, COUNTED | {"ac": 2, "an": 1, "af": 2.0}, "that cannot be"),
        (FREQUENCIES, COUNTED | {"ac": 1, "an": 4, "af": 0.5}, "that cannot be"),
        (
            FREQUENCIES,
            COUNTED | {"ac": 1, "an": 4, "af": None},
            "that cannot be",
        ),
        (COHORTS, {"cohort": "a"}, "cohorts: 1 keys stand twice, the first: a"),
        (SAMPLES, {"cohort": "a", "ordinal": 2}, "samples: 1 keys stand twice"),
    ],
)
def test_tables_that_disagree(path: Path, table: Table, row: dict, words: str) -> None:
    known = {k: v for k, v in row.items() if k in table.names}
    plant(path, table, [known])
    assert words in found(path)


def test_a_wrong_digest_in_a_manifest(path: Path) -> None:
    plant(path, VARIANTS, [OTHER], digest=(1, 2))
    assert "content is not what was committed" in found(path)
    assert recompute_digests(open_store(path)) != open_store(path).table_digests()


def test_a_file_that_no_release_names(path: Path) -> None:
    """As if a Delta version were pinned that holds files of a dead ingest."""
    record = path / "_store" / "releases" / "00000003.json"
    data = json.loads(record.read_text())
    data["ingest_id"] = "another"
    record.write_text(json.dumps(data))
    assert "of an ingest that made no release" in found(path)


def test_a_release_that_counts_wrong(path: Path) -> None:
    record = path / "_store" / "releases" / "00000003.json"
    data = json.loads(record.read_text())
    data["tables"]["variants"]["rows"] += 1
    data["tables"]["ids"]["sums"][0] = "0" * 16
    data["tables"]["totals"]["files"] = 9
    data["tables"]["sites"]["version"] = 50
    record.write_text(json.dumps(data))
    words = found(path)
    assert "variants: 5 rows, the release says 6" in words
    assert "ids: content digest is not the one of the release" in words
    assert "files, 9 recorded" in words
    assert "sites: " in words
    assert "cannot be read at version 50" in words


def test_an_open_table_about_people(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = (*COHORTS.columns, Column("sample", pl.String, "", nullable=True))
    leaky = Table("cohorts", "open", "a cohort", columns, ("cohort",), ("cohort",))
    monkeypatch.setitem(TABLES, "cohorts", leaky)
    second = words.TABLES["cohorts"]
    more = words.Column("sample", "String", nullable=True, content=True, bounded=False)
    monkeypatch.setitem(
        words.TABLES, "cohorts", replace(second, columns=(*second.columns, more))
    )
    plant(path, leaky, [{"cohort": "z"}])
    assert "cohorts: open table with column(s) ['sample']" in found(path)


def test_free_space(tmp_path: Path) -> None:
    check_free_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(StoreError, match=r"1,048,576\.0 GiB needed, [\d,.]+ GiB free"):
        check_free_space(tmp_path, 2**50)


def digest_as_before(path: Path, source: str) -> None:
    """Record of a source's table the digests of when source_version was content."""
    name = f"annotations_{source}"
    catalogues = sorted((path / "_store").rglob("*.json"))
    total, held = 0, (0, 0)
    for file in catalogues:
        data = json.loads(file.read_text())
        for relative, entry in data.get(name, {}).items() if isinstance(data, dict) else ():
            rows = pl.read_parquet(path / "open" / name / relative, hive_partitioning=False)
            rows = rows.with_columns(pl.lit(v).alias(k) for k, v in entry["partition"].items())
            table = annotation_table(source, {"score": pl.Float64})
            columns = tuple(
                replace(c, content=c.content or c.name == "source_version")
                for c in table.columns
            )
            sums = digest_frame(rows, replace(table, columns=columns))
            assert [f"{s:016x}" for s in sums] != entry["sums"]
            entry["sums"] = [f"{s:016x}" for s in sums]
            total, held = total + rows.height, combine([held, sums])
            file.write_text(json.dumps(data))
    record = path / "_store" / "releases" / "00000003.json"
    data = json.loads(record.read_text())
    assert data["tables"][name]["rows"] == total > 0
    data["tables"][name]["sums"] = [f"{s:016x}" for s in held]
    record.write_text(json.dumps(data))
    data["digest"] = read_release(path, 3).digest
    record.write_text(json.dumps(data))


def test_digests_of_an_earlier_version_are_no_mistake(path: Path) -> None:
    digest_as_before(path, "demo")
    problems = verify(open_store(path))
    assert [p.is_note for p in problems] == [True]
    assert "that an earlier version gave them" in str(problems[0])
    assert main(["store", "verify", str(path)]) == 0
    # Other content is one still, whichever way it is digested.
    file = next((path / "open" / "annotations_demo").rglob("*.parquet"))
    rewrite(file, lambda f: f.with_columns(pl.col("source_version") + "x"))
    assert "annotations_demo part" in found(path)
    assert "content is not what was committed" in found(path)
    assert main(["store", "verify", str(path)]) == 1


@pytest.mark.parametrize("nullable", [True, False])
def test_a_table_without_a_newer_column(
    path: Path, monkeypatch: pytest.MonkeyPatch, nullable: bool
) -> None:
    table = words.TABLES["consequences"]
    newer = words.Column("newer", "Boolean", nullable=nullable, content=True, bounded=False)
    monkeypatch.setitem(
        words.TABLES, "consequences", replace(table, columns=(*table.columns, newer))
    )
    problems = verify(open_store(path))
    assert [(p.table, p.is_note) for p in problems] == [("consequences", True)]
    assert "an earlier version wrote it, without newer" in problems[0].what
    # What else is wrong is found all the same.
    file = next((path / "open" / "consequences").rglob("*.parquet"))
    rewrite(file, lambda f: f.with_columns(impact=pl.lit("LOW")))
    assert "content is not what was committed" in found(path)
