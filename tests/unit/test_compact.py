"""`varhouse store compact`: the same rows in fewer files; who reads keeps on reading."""

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pysam
import pytest
from inprocess import ingest_here
from manynights import Centre, count_files
from polars.testing import assert_frame_equal
from store_builders import CONTIGS, new_store
from store_words import run
from verifying import verify

import varhouse
from varhouse.errors import StoreError
from varhouse.export import export_cohort
from varhouse.store import compact, compactfiles
from varhouse.store.commit import commit
from varhouse.store.compact import compact_store, runs_of
from varhouse.store.compactfiles import StoredFile
from varhouse.store.lifecycle import withdraw_release
from varhouse.store.reader import Store
from varhouse.tables.schema import VARIANTS, Encoding, annotation_table
from varhouse.tables.shards import Manifest, write_shard

NIGHTS = 3


@pytest.fixture(scope="module")
def fx_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some nights of a cohort that grows, one that is replaced and one that comes."""
    centre = Centre(tmp_path_factory.mktemp("nights"))
    for night in range(NIGHTS):
        centre.pass_night(night)
    return centre.store


@pytest.fixture(scope="module")
def fx_pair(
    fx_nights: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Store, Store, dict[str, Any]]:
    """The release before a compaction, opened before it, the one after, what was answered."""
    path = shutil.copytree(fx_nights, tmp_path_factory.mktemp("compacted") / "s")
    before = varhouse.open(path)
    # Opened, and not read: its files are asked for after the compaction.
    for name in before.tables:
        before.file_frame(name)
    told = answers(before)
    compact_store(path)
    return before, varhouse.open(path), told


def rows_of(store: Store, table: str) -> pl.DataFrame:
    rows = store.scan(table).collect()
    order = [*store.declaration(table).sort, *store.declaration(table).partition]
    return rows.sort(list(dict.fromkeys(order)))


def answers(store: Store) -> dict[str, Any]:
    out = store.path.parent / f"{store.release}.vcf"
    export_cohort(store, "grows", out)
    lines = [x for x in out.read_text().splitlines() if not x.startswith("##")]
    return {
        "query": store.query("c1:1-400"),
        "id": store.query(ids=store.scan("ids").sort("id").collect()["id"][0]),
        "groups": store.group_frequencies('sex == "female"', region="X"),
        "export": lines,
    }


def test_rows_and_answers_are_the_same(fx_pair: tuple[Store, Store, dict[str, Any]]) -> None:
    before, after, told = fx_pair
    assert after.release == before.release + 1
    assert after.digest() == before.digest()
    assert after.table_digests() == before.table_digests()
    for name in before.tables:
        # The older release is read by who has had it open all the time.
        assert_frame_equal(rows_of(after, name), rows_of(before, name))
    again = answers(after)
    assert again.pop("export") == told["export"]
    for name, frame in again.items():
        assert_frame_equal(frame, told[name])
    assert [str(p) for p in verify(after)] == []
    assert [str(p) for p in verify(varhouse.open(before.path, before.release))] == []


def test_each_place_has_one_file(fx_pair: tuple[Store, Store, dict[str, Any]]) -> None:
    before, after, _ = fx_pair
    counts = count_files(after).filter(~pl.col("table").is_in(list(compact.PASSED_OVER)))
    assert set(counts["most"]) == {1}
    assert count_files(before)["most"].max() >= NIGHTS
    event = after.record.meta["event"]
    assert after.record.operation == "compact"
    assert event["files"][0] > event["files"][1]
    assert event["changed"] == {}


def test_what_is_compact_is_left(
    fx_pair: tuple[Store, Store, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, release = fx_pair[1].path, fx_pair[1].release
    assert compact_store(path).release is None
    assert run("compact", path) == 0
    assert capsys.readouterr().out == ""
    assert varhouse.open(path).release == release
    assert not (path / "_staging").exists()


def test_asked_only(
    fx_nights: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    held = sorted(str(p) for p in fx_nights.rglob("*"))
    with caplog.at_level("INFO"):
        assert run("compact", fx_nights, "--dry-run") == 0
    assert sorted(str(p) for p in fx_nights.rglob("*")) == held
    assert capsys.readouterr().out == ""
    assert any("would be joined" in m for m in caplog.messages)


def test_nights_go_on_after_it(fx_nights: Path, tmp_path: Path) -> None:
    """The next night, in which one comes and one leaves, is as without a compaction."""
    folder = shutil.copytree(fx_nights.parent, tmp_path / "n")
    centre = Centre(folder)
    centre.members = list(range(NIGHTS))
    for name in ("n0", "fixed"):
        night = name.removeprefix("n").replace("fixed", "0")
        people = [f"{name}x{night}a", f"{name}x{night}b"]
        centre.cohorts[name], centre.samples[name] = [f"{name}.vcf"], people
    plain = shutil.copytree(folder, tmp_path / "plain")
    compact_store(centre.store)
    centre.members.pop(0)
    centre.send(NIGHTS)
    ingest_here(centre.store, folder / "config.json")
    for file in ("config.json", "list.txt", "samples.tsv", "cohorts.tsv", f"p{NIGHTS}.g.vcf"):
        shutil.copy(folder / file, plain / file)
    ingest_here(plain / "store", plain / "config.json")
    assert varhouse.open(centre.store).digest() == varhouse.open(plain / "store").digest()
    assert [str(p) for p in verify(varhouse.open(centre.store))] == []


def test_a_damaged_file_stays_and_is_told(fx_nights: Path, tmp_path: Path) -> None:
    path = shutil.copytree(fx_nights, tmp_path / "s")
    store = varhouse.open(path)
    hurt, other = store.paths("ingests")[0], store.paths("variants", part="X")[0]
    frame = pl.read_parquet(other)
    frame.with_columns(pl.col("spdi") + "x").write_parquet(other)
    hurt.write_bytes(hurt.read_bytes()[:-9])
    out = compact_store(path)
    assert sorted(text.split()[0] for text in out.skipped) == ["ingests", "variants"]
    after = varhouse.open(path)
    assert after.paths("ingests") == store.paths("ingests")
    assert set(after.paths("variants", part="X")) == set(store.paths("variants", part="X"))
    assert len(after.paths("variants", part="c1")) == 1
    assert after.digest() == store.digest()


def test_what_is_written_wrong_is_no_release(
    fx_nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(fx_nights, tmp_path / "s")
    real = compactfiles._file_rows
    monkeypatch.setattr(compactfiles, "_file_rows", lambda *a: (f[1:] for f in real(*a)))
    with pytest.raises(StoreError, match="not as they are"):
        compact_store(path)
    assert varhouse.open(path).release == NIGHTS + 1


# --- which files ---


def made_files(rng: random.Random) -> list[StoredFile]:
    """Files of random extent and size, some of which overlap."""
    out = []
    for k in range(rng.randrange(12)):
        first = rng.randrange(60)
        last = first + rng.randrange(12)
        size = rng.choice([10, 1000, compactfiles.SMALL_BYTES, 80 << 20])
        keys = [((True, "c"), (True, p)) for p in (first, last)]
        out.append(StoredFile(f"f{k}", last - first + 1, size, *keys))
    return out


def merged(run: tuple[tuple[StoredFile, ...], ...], number: int) -> list[StoredFile]:
    """What `rewrite` makes of a run, by sizes alone: full files, and one of what is left."""
    files = [f for group in run for f in group]
    first, last = min(f.first for f in files), max(f.last for f in files)
    size = sum(f.bytes for f in files)
    full = size // compactfiles.FILE_BYTES
    sizes = [compactfiles.FILE_BYTES] * full
    sizes += [size % compactfiles.FILE_BYTES] if size % compactfiles.FILE_BYTES else []
    low, high = first[1][1], last[1][1]
    cuts = [low + (high - low) * k // len(sizes) for k in range(len(sizes) + 1)]
    return [
        StoredFile(f"m{number}-{k}", 1, n, (first[0], (True, cuts[k])),
                   (first[0], (True, cuts[k + 1])))
        for k, n in enumerate(sizes)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_a_second_time_finds_nothing_and_order_is_nothing(seed: int) -> None:
    rng = random.Random(seed)
    files = made_files(rng)
    runs = runs_of(files)
    shuffled = files.copy()
    rng.shuffle(shuffled)
    assert runs_of(shuffled) == runs
    taken = {f.path for run in runs for group in run for f in group}
    left = [f for f in files if f.path not in taken]
    after = [*left, *(f for k, r in enumerate(runs) for f in merged(r, k))]
    assert runs_of(after) == []
    # What is large and by itself is never read.
    ordered = sorted(after, key=lambda f: (f.first, f.last))
    small = [f for f in ordered if f.is_small]
    assert len(small) <= 1 + sum(not f.is_small for f in ordered)


def test_too_many_at_once_go_on_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "OPEN_FILES", 3)
    keys = [((True, p), (True, p + 50)) for p in range(7)]
    files = [StoredFile(f"{p}", 50, 10, (a,), (b,)) for p, (a, b) in enumerate(keys)]
    assert [[len(g) for g in run] for run in runs_of(files)] == [[3], [3]]


# --- rows ---


def shards_store(path: Path, table: Any, frames: list[pl.DataFrame]) -> Path:
    new_store(path)
    for k, frame in enumerate(frames):
        shard = write_shard(frame, table, path.parent / f"w{k}", "x", {"part": "1"})
        commit(
            path, [Manifest([shard] if shard else [])], ingest_id=f"i{k}", operation="ingest",
            base_release=k + 1,
        )  # fmt: skip
    return path


def annotations(scores: list[float | None], start: int, table: Any) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "contig": "1", "pos": [start + 2 * k for k in range(len(scores))], "ref": "A",
            "alt": "C", "extent": "", "source_version": "1", "score": scores, "part": "1",
        },
        schema_overrides={"pos": pl.Int32, "score": pl.Float64},
    )  # fmt: skip
    return frame.with_columns(
        pl.lit(None, t).alias(n)
        for n, t in table.polars_schema.items()
        if n not in frame.columns
    )


def test_no_number_has_no_bounds_and_a_column_that_is_missing_is_null(tmp_path: Path) -> None:
    table = annotation_table("demo", {"score": pl.Float64})
    wider = annotation_table("demo", {"score": pl.Float64, "more": pl.String})
    nan = float("nan")
    path = shards_store(tmp_path / "s", table, [annotations([1.0, nan, None], 1, table)])
    shard = write_shard(
        annotations([5.0, 0.5, 7.0], 2, wider).with_columns(more=pl.lit("m")),
        wider, tmp_path / "more", "x", {"part": "1"},
    )  # fmt: skip
    assert shard is not None
    commit(path, [Manifest([shard])], ingest_id="j", operation="ingest", base_release=2)
    before = varhouse.open(path)
    out = compact_store(path)
    after = varhouse.open(path)
    assert out.files == (2, 1)
    assert after.digest() == before.digest()
    assert_frame_equal(rows_of(after, "annotations_demo"), rows_of(before, "annotations_demo"))
    (file,) = after.paths("annotations_demo")
    group = pq.read_metadata(file).row_group(0)
    stats = {
        group.column(k).path_in_schema: group.column(k).is_stats_set
        for k in range(group.num_columns)
    }
    assert stats["pos"]
    assert not stats["score"]
    found = after.scan("annotations_demo").filter(pl.col("score") > 2.0).collect()
    assert sorted(found["pos"]) == [2, 3, 6]


def test_row_groups_are_full_and_files_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CONTIGS.names[0] == "1"
    frames = [
        pl.DataFrame(
            {"contig": "1", "pos": list(range(k + 1, 900, 3)), "ref": "A", "alt": "C"},
            schema_overrides={"pos": pl.Int32},
        ).with_columns(
            pl.lit("").alias("extent"), pl.col("pos").alias("end"),
            pl.lit("snv").alias("type"),
            pl.lit(value=True).alias("ref_checked"), pl.lit("1").alias("part"),
            *(pl.lit(None, pl.String).alias(n) for n in ("spdi", "vrs_id", "hgvs_g")),
        )
        for k in range(3)
    ]  # fmt: skip
    path = shards_store(tmp_path / "s", VARIANTS, frames)
    small = replace(VARIANTS, encoding=Encoding(row_group=100))
    monkeypatch.setattr(compactfiles, "SHARD_ROWS", 300)
    monkeypatch.setattr(compactfiles, "HELD_BYTES", 1)
    monkeypatch.setattr(Store, "declaration", lambda *_: small)
    out = compact_store(path)
    monkeypatch.undo()
    assert out.files == (3, 3)
    store = varhouse.open(path)
    sizes = []
    for file in sorted(store.paths("variants"), key=lambda p: pl.read_parquet(p)["pos"][0]):
        meta = pq.read_metadata(file)
        sizes.append([meta.row_group(k).num_rows for k in range(meta.num_row_groups)])
    assert sizes == [[100] * 3, [100] * 3, [100, 100, 99]]
    listed = store.file_frame("variants").sort("min.pos")
    assert (listed["max.pos"].shift(1) < listed["min.pos"]).drop_nulls().all()
    assert store.scan("variants").collect()["pos"].sort().to_list() == list(range(1, 900))


def test_an_export_of_a_marked_release_says_so(fx_nights: Path, tmp_path: Path) -> None:
    path = shutil.copytree(fx_nights, tmp_path / "s")
    withdraw_release(path, NIGHTS, "counts of X")
    export_cohort(varhouse.open(path, NIGHTS), "grows", tmp_path / "x.vcf")
    text = (tmp_path / "x.vcf").read_text()
    assert text.count("##varhouse_erratum=release") == 1
    with pysam.VariantFile(str(tmp_path / "x.vcf")) as file:
        assert "counts of X" in str(file.header)
