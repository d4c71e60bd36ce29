"""Commits: all or nothing, once, in the face of kills, rivals and odd names."""

import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from store_builders import (
    COHORT_A,
    COHORT_B,
    CONTIGS,
    add_cohort,
    cohort_manifest,
    contents,
    fill,
    new_store,
    shards_of,
)
from verifying import verify

from varhouse.errors import SchemaError, StoreError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.store import delta
from varhouse.store.commit import commit, init_store
from varhouse.store.layout import read_store_file
from varhouse.store.reader import open_store
from varhouse.tables.schema import COHORTS, TABLES, VARIANTS, PolarsType, annotation_table
from varhouse.tables.shards import Manifest, Shard, read_manifest, write_manifest, write_shard

ADD_B = """
import os, sys
from pathlib import Path
import varhouse.store.commit as module
from varhouse.tables.shards import read_manifest
store, manifest = Path(sys.argv[1]), Path(sys.argv[2])
base, point = int(sys.argv[3]), sys.argv[4]
def reached(name):
    print(name, flush=True)
    if name == point:
        os._exit(9)
module._reached = reached
print(module.commit(store, [read_manifest(manifest)], ingest_id="ingest-b",
                    operation="ingest", base_release=base))
"""


def run_commit(
    store: Path, manifest: Path, point: str, base: int = 2
) -> tuple[int, list[str]]:
    """Run the commit of cohort b in a process of its own that dies at a point."""
    done = subprocess.run(
        [sys.executable, "-c", ADD_B, str(store), str(manifest), str(base), point],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.split("\n")[:-1] or [done.stderr]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with cohort a, and the manifest of cohort b in its staging folder."""
    path = new_store(tmp_path / "store")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    work = path / "_staging" / "ingest-b"
    made = cohort_manifest(path, "b", COHORT_B, "ingest-b", work)
    write_manifest(work / "manifest.json", made.shards, made.replace, made.remove)
    return path


@pytest.fixture
def manifest(store: Path) -> Path:
    return store / "_staging" / "ingest-b" / "manifest.json"


def points(store: Path, manifest: Path) -> list[str]:
    tables = sorted({s.table for s in read_manifest(manifest).shards})
    linked = [f"linked {t}" for t in tables]
    return [*linked, "catalogued", *(f"committed {t}" for t in tables), "released"]


def test_killed_anywhere_a_reader_sees_old_or_new(
    store: Path, manifest: Path, tmp_path: Path
) -> None:
    """One store is killed at every point in turn, so that leftovers pile up as well."""
    other = new_store(tmp_path / "other")
    add_cohort(other, "a", COHORT_A, "x")
    old = contents(other)
    add_cohort(other, "b", COHORT_B, "y")
    new = contents(other)
    assert contents(store) == old != new
    every = points(store, manifest)
    # Some of the links and of the Delta commits, which are alike; ends and order count.
    chosen = [
        every[0],
        "catalogued",
        "committed annotations_demo",
        "committed ids",
        "committed variants",
        "released",
    ]
    assert set(chosen) < set(every)
    for point in chosen:
        code, seen = run_commit(store, manifest, point)
        assert (code, seen[-1]) == (9, point)
        assert contents(store) == (new if point == "released" else old), point
        assert not verify(open_store(store))
    code, seen = run_commit(store, manifest, "never")
    assert (code, seen) == (0, ["3"])
    assert open_store(store).release == 3
    assert open_store(store).digest() == open_store(other).digest()


def _without_rejects(store: Path) -> Manifest:
    """Take away what cohort a holds back, and say in its row that there is none."""
    row = (
        open_store(store).scan("cohorts").collect().with_columns(n_rejects=pl.lit(0, pl.Int64))
    )
    shards = shards_of(COHORTS, row, store / "_staging" / "other")
    return Manifest(shards, [("rejects", {"cohort": "a"}), ("cohorts", {})])


def test_leftovers_of_a_dead_ingest_go(store: Path, manifest: Path) -> None:
    """Another ingest commits after one has died: nothing of the dead one shows."""
    before = contents(store)
    last = [p for p in points(store, manifest) if p.startswith("committed")][-1]
    run_commit(store, manifest, last)
    latest = DeltaTable(str(store / "open" / "variants"))
    assert any("ingest-b" in u for u in latest.file_uris())
    release = commit(
        store,
        [_without_rejects(store)],
        ingest_id="other",
        operation="ingest",
        base_release=2,
    )
    after = contents(store)
    assert release == 3
    changed = ("rejects", "cohorts")
    assert "rejects" not in after
    assert {t: r for t, r in after.items() if t not in changed} == {
        t: r for t, r in before.items() if t not in changed
    }
    # Who reads the latest Delta version sees the release again.
    reader = open_store(store)
    for name in reader.tables:
        latest = DeltaTable(str(store / reader.declaration(name).root / name))
        assert sorted(latest.file_uris()) == sorted(str(f) for f in reader.paths(name)), name
    assert not verify(open_store(store))


def test_the_same_ingest_twice_is_once(store: Path, manifest: Path) -> None:
    found = [read_manifest(manifest)]
    args = {"ingest_id": "ingest-b", "operation": "ingest", "base_release": 2}
    assert commit(store, found, **args) == 3
    before = open_store(store).digest()
    assert commit(store, found, **args) == 3
    add_cohort(store, "c", COHORT_A, "ingest-c")
    assert commit(store, found, **args) == 3
    assert open_store(store, 3).digest() == before
    with pytest.raises(StoreError, match="has the id init already"):
        commit(store, found, **{**args, "ingest_id": "init"})


def test_a_store_that_moved_on_is_refused(store: Path, manifest: Path) -> None:
    add_cohort(store, "c", COHORT_A, "ingest-c")
    with pytest.raises(StoreError, match=r"moved on from release 2 to 3.*\n.*run again"):
        commit(
            store,
            [read_manifest(manifest)],
            ingest_id="ingest-b",
            operation="ingest",
            base_release=2,
        )


def test_two_writers_at_once(store: Path, manifest: Path) -> None:
    """Of two processes with different ingests from one base, one wins."""
    script = ADD_B.replace('"ingest-b"', "sys.argv[5]")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store), str(manifest), "2", "-", f"i{i}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    answers = [w.communicate() for w in writers]
    assert sorted(w.returncode for w in writers) == [0, 1]
    assert "moved on" in answers[0][1] + answers[1][1]
    assert open_store(store).release == 3
    assert not verify(open_store(store))


def test_an_open_reader_stays_where_it_is(store: Path, manifest: Path) -> None:
    reader = open_store(store)
    frame = reader.variants()
    add_cohort(store, "a", {("1", 99, "A", "T"): 1}, "ingest-a2")
    assert reader.variants().collect().height == frame.collect().height == 3
    assert open_store(store).variants().collect()["pos"].to_list() == [99]
    assert open_store(store, 2).digest() == reader.digest()


def test_shards_on_another_file_system_are_copied(
    store: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def no_link(source: Path, target: Path) -> None:
        if str(source).endswith(".parquet"):
            raise OSError(18, "Invalid cross-device link")
        link(source, target)

    monkeypatch.setattr(os, "link", no_link)
    commit(store, [read_manifest(manifest)], ingest_id="b", operation="i", base_release=2)
    assert not verify(open_store(store))


def test_a_shard_that_does_not_fit(store: Path, tmp_path: Path) -> None:
    def one(frame: pl.DataFrame, **change: object) -> Manifest:
        path = tmp_path / "one.parquet"
        frame.write_parquet(path)
        fields = {
            "table": "variants", "path": str(path), "partition": {"part": "1"}, "rows": 1,
            "bytes": path.stat().st_size, "digest": (1, 2), "stats": {"numRecords": 1},
        }  # fmt: skip
        return Manifest([Shard(**{**fields, **change})])

    good = fill(VARIANTS, [{"contig": "1", "pos": 1}]).drop("part")
    args = {"ingest_id": "x", "operation": "i", "base_release": 2}
    with pytest.raises(SchemaError, match="column pos is Int64"):
        commit(store, [one(good.cast({"pos": pl.Int64}))], **args)
    with pytest.raises(SchemaError, match="no column type"):
        commit(store, [one(good.drop("type"))], **args)
    with pytest.raises(SchemaError, match="partition"):
        commit(store, [one(good, partition={})], **args)
    with pytest.raises(SchemaError, match="no table"):
        commit(store, [one(good, table="variant")], **args)
    with pytest.raises(StoreError, match="its manifest says 5"):
        commit(store, [one(good, bytes=5)], **args)
    with pytest.raises(StoreError, match="cannot be a file name"):
        commit(store, [one(good)], **{**args, "ingest_id": "../x"})
    with pytest.raises(StoreError, match="no file gone"):
        commit(store, [Manifest([], [], [("variants", "gone")])], **args)
    assert open_store(store).release == 2


def annotate(
    store: Path, name: str, fields: dict[str, PolarsType], row: dict, *, replace: bool = False
) -> None:
    table = annotation_table("x", fields)
    frame = fill(table, [{"contig": "1", "pos": 10, "ref": "A", "alt": "C", **row}])
    shard = write_shard(frame, table, store / "_staging" / name, "x", {"part": "1"})
    assert shard is not None
    replaced: list = [("annotations_x", {})] if replace else []
    base = open_store(store).release
    commit(
        store,
        [Manifest([shard], replaced)],
        ingest_id=name,
        operation="annotate",
        base_release=base,
    )


def test_a_source_gains_a_field_and_changes_a_type(store: Path) -> None:
    annotate(store, "v1", {"score": pl.Int32}, {"score": 1})
    annotate(store, "v2", {"score": pl.Int32, "new": pl.List(pl.String)}, {"new": ["a", None]})
    rows = open_store(store).annotations("x").select("score", "new").collect()
    assert sorted(rows.rows(), key=repr) == [(1, None), (None, ["a", None])]
    assert "new" in open_store(store).schema("annotations_x")["name"]
    with pytest.raises(SchemaError, match="column score is"):
        annotate(store, "v3", {"score": pl.String}, {"score": "high"})
    annotate(store, "v4", {"score": pl.String}, {"score": "high"}, replace=True)
    assert open_store(store).annotations("x").collect()["score"].to_list() == ["high"]
    assert open_store(store, 3).annotations("x").collect()["score"].to_list() == [1]
    assert open_store(store, 4).annotations("x").collect().height == 2
    assert not verify(open_store(store))


def test_a_dead_ingest_with_other_types_is_healed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(store, "v1", {"score": pl.Int32}, {"score": 1})

    def die(point: str) -> None:
        if point == "committed annotations_x":
            raise KeyboardInterrupt

    monkeypatch.setattr("varhouse.store.commit._reached", die)
    with pytest.raises(KeyboardInterrupt):
        annotate(store, "v2", {"score": pl.String}, {"score": "high"}, replace=True)
    monkeypatch.undo()
    annotate(store, "v3", {"score": pl.Int32}, {"score": 5})
    rows = open_store(store).annotations("x").collect()
    assert sorted(rows["score"]) == [1, 5]
    assert not verify(open_store(store))


def test_a_table_of_many_versions_is_opened_from_a_checkpoint(tmp_path: Path) -> None:
    """Else a store with a release a night opens more slowly every night."""
    files = []
    for k in range(45):
        files.append(f"{k}.parquet")
        delta.commit_files(
            tmp_path / "contigs",
            TABLES["contigs"],
            files,
            lambda p: delta.DataFile(p, 1, {}, {"numRecords": 1}),
            {},
        )
    log = tmp_path / "contigs" / "_delta_log"
    made = sorted(int(f.name.split(".")[0]) for f in log.glob("*.checkpoint.parquet"))
    assert made == [19, 39]
    # And every version is still there: releases pin them.
    for version in (0, 18, 19, 25, 44):
        opened = delta.open_table(tmp_path / "contigs", version)
        assert delta.list_files(opened).height == version + 1


def test_other_tools_read_the_tables(store: Path) -> None:
    """Open protocol 1/2; odd contig names arrive as they are."""
    folder = store / "open" / "variants"
    table = DeltaTable(str(folder))
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    assert table.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"
    expected = sorted(open_store(store).variants().select("part", "pos").collect().rows())
    assert {p for p, _ in expected} == {"1", "HLA-A*01:01"}
    found = pl.scan_delta(str(folder)).select("part", "pos").collect()
    assert sorted(found.rows()) == expected
    files = [str(f) for f in open_store(store).paths("variants")]
    options = "hive_partitioning=true, hive_types_autocast=false"
    query = f"select part, pos from read_parquet(?, {options})"
    assert sorted(duckdb.execute(query, [files]).fetchall()) == expected
    arrow = table.to_pyarrow_dataset().to_table(columns=["part", "pos"])
    assert sorted(zip(*arrow.to_pydict().values(), strict=True)) == expected


def test_a_hundred_commits_stay_fast(tmp_path: Path) -> None:
    path = new_store(tmp_path / "s")
    work = path / "_staging"
    times = []
    for i in range(1, 101):
        frame = fill(VARIANTS, [{"contig": "1", "pos": i, "ref": "A", "alt": "C", "end": i}])
        shard = write_shard(frame, VARIANTS, work, f"v{i}", {"part": "1"})
        start = time.perf_counter()
        commit(path, [Manifest([shard])], ingest_id=f"i{i}", operation="i", base_release=i)
        times.append(time.perf_counter() - start)
    assert sorted(times[-10:])[5] < 10 * sorted(times[:10])[5] + 0.2
    start = time.perf_counter()
    reader = open_store(path)
    assert reader.variants("1:50-50").collect()["pos"].to_list() == [50]
    assert len(reader.paths("variants", contig="1", start=50, end=60)) == 11
    assert time.perf_counter() - start < 1
    assert open_store(path, 40).variants().collect().height == 39
    assert delta.open_table(path / "open" / "variants").version() == 99


def test_init_refuses_what_is_there(tmp_path: Path) -> None:
    path = new_store(tmp_path / "s")
    with pytest.raises(StoreError, match="is a store already"):
        init_store(path, "demo1", CONTIGS)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(StoreError, match="not empty"):
        init_store(tmp_path / "full", "demo1", CONTIGS)


def test_init_refuses_a_store_that_was_made_while_it_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"

    def overtaken(_folder: Path) -> None:
        monkeypatch.undo()
        new_store(path)

    monkeypatch.setattr("varhouse.store.commit.check_is_free", overtaken)
    with pytest.raises(StoreError, match="is a store already"):
        init_store(path, "other", Contigs([Contig("9", [], length=50)]))
    assert open_store(path).assembly_contigs.names == CONTIGS.names
    assert read_store_file(path)["assembly"] == "demo1"


def test_an_interrupted_init_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(point: str) -> None:
        if point == "catalogued":
            raise KeyboardInterrupt

    monkeypatch.setattr("varhouse.store.commit._reached", die)
    with pytest.raises(KeyboardInterrupt):
        new_store(tmp_path / "s")
    with pytest.raises(StoreError, match="init again"):
        open_store(tmp_path / "s")
    monkeypatch.undo()
    assert open_store(new_store(tmp_path / "s")).assembly_contigs.names == CONTIGS.names
