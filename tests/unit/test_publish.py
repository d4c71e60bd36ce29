"""A published release: what others read from it is what the store holds, and nothing more."""

import hashlib
import json
import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from store_builders import COHORT_A, COHORT_B, COHORT_C, DEMO, add_cohort, new_store
from test_view import SECRET, make_secret_store

import varhouse
from varhouse import files
from varhouse.cli import main
from varhouse.errors import StoreError, UsageError
from varhouse.files import unfinished_name
from varhouse.publish import parquet, publish_release, release
from varhouse.publish.parquet import folder_name, published_table
from varhouse.store.commit import commit
from varhouse.store.reader import Store, open_store
from varhouse.tables.merge import Source, merge
from varhouse.tables.schema import TABLES, Encoding
from varhouse.tables.shards import Manifest


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cohorts, contigs called 1 and HLA-A*01:01, a later version of a source."""
    store = new_store(tmp_path_factory.mktemp("publish") / "s")
    add_cohort(store, "a", COHORT_A, "ingest-a")
    add_cohort(store, "b", COHORT_B, "ingest-b")
    add_cohort(store, "c", COHORT_C, "ingest-c")
    versions = {"annotation": {"versions": {"demo": "2"}}}
    commit(
        store, [Manifest([])], ingest_id="v", operation="ingest", base_release=4, meta=versions
    )
    return store


@pytest.fixture(scope="module")
def out(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tables of the store, controlled ones too."""
    store = open_store(path)
    folder = tmp_path_factory.mktemp("out") / "all"
    publish_release(store, folder, store.tables)
    return folder


def rows_of(frame: pl.DataFrame) -> Counter:
    return Counter(map(repr, frame.rows()))


def expected(store: Store, table: str) -> pl.DataFrame:
    frame = store.scan(table).collect()
    # The contigs have a column of this name of their own.
    return frame.drop("part", strict=False) if table != "contigs" else frame


def by_polars(folder: Path) -> pl.DataFrame:
    return pl.scan_parquet(f"{folder}/**/*.parquet").collect()


def by_polars_folder(folder: Path) -> pl.DataFrame:
    frame = pl.read_parquet(folder)
    return frame.drop("part") if any(folder.glob("part=*")) else frame


def by_duckdb(folder: Path) -> pl.DataFrame:
    frame = duckdb.sql(f"SELECT * FROM read_parquet('{folder}/**/*.parquet')").pl()
    if any(folder.glob("part=*")):
        assert frame.schema["part"] == pl.String
        frame = frame.drop("part")
    return frame


def by_dataset(folder: Path) -> pl.DataFrame:
    data = ds.dataset(folder, partitioning="hive")
    if any(folder.glob("part=*")):
        assert str(data.schema.field("part").type) == "string"
    frame = pl.DataFrame(pl.from_arrow(data.to_table()))
    return frame.drop("part") if any(folder.glob("part=*")) else frame


def by_parquet(folder: Path) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(pq.read_table(folder)))
    return frame.drop("part") if any(folder.glob("part=*")) else frame


READERS = (by_polars, by_polars_folder, by_duckdb, by_dataset, by_parquet)


@pytest.mark.parametrize("read", READERS, ids=lambda r: r.__name__)
def test_any_reader_finds_the_release(path: Path, out: Path, read) -> None:
    store = open_store(path)
    assert {p.name for p in out.iterdir() if p.is_dir()} == set(store.tables)
    for table in store.tables:
        found, own = read(out / table), expected(store, table)
        assert found.schema == own.schema, table
        assert rows_of(found) == rows_of(own), table
    demo = read(out / "annotations_demo")
    assert set(demo["source_version"]) == {"2"}
    assert demo.columns == [n for n in DEMO.names if n != "part"]


def test_rows_are_sorted_over_all_cohorts(path: Path, out: Path) -> None:
    listed = open_store(path).file_frame("frequencies")
    assert listed.height == 6
    files = sorted((out / "frequencies").rglob("*.parquet"))
    assert {f.parent.name for f in files} == {"part=contig-1", "part=HLA-A%2A01%3A01"}
    assert len(files) == 2
    for file in files:
        frame = pl.read_parquet(file, hive_partitioning=False, glob=False)
        order = ["contig", "pos", "ref", "alt", "extent", "stratum_by", "stratum", "cohort"]
        assert frame.equals(frame.sort(order))
        assert frame["cohort"].n_unique() == 3


def test_by_default_nothing_is_about_single_people(path: Path, tmp_path: Path) -> None:
    made = publish_release(open_store(path), tmp_path / "out")
    names = {t.table.name for t in made}
    assert names == {
        n for n in open_store(path).tables if n not in TABLES or TABLES[n].root == "open"
    }
    assert {"variants", "frequencies", "totals", "annotations_demo"} <= names
    assert not names & {"samples", "genotypes", "sites", "files", "rejects", "ingests"}
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o777 & ~mask
    publish_release(open_store(path), tmp_path / "closed", ["samples"])
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700


def test_an_older_release(path: Path, tmp_path: Path) -> None:
    publish_release(open_store(path, 2), tmp_path / "two")
    assert rows_of(by_polars(tmp_path / "two" / "variants")) == rows_of(
        expected(open_store(path, 2), "variants")
    )


def test_a_table_without_rows_can_be_read(tmp_path: Path) -> None:
    empty = new_store(tmp_path / "s")
    add_cohort(empty, "a", {("1", 30, "G", "GA"): 1}, "ingest-a")
    store = open_store(empty)
    store.record.tables["kits"] = store.record.tables["contigs"]
    commit(
        empty, [], ingest_id="k", operation="ingest", base_release=2, empty=[TABLES["kits"]]
    )
    publish_release(open_store(empty), tmp_path / "out", ["kits"])
    for read in READERS:
        found = read(tmp_path / "out" / "kits")
        assert found.height == 0
        assert found.schema == expected(open_store(empty), "kits").schema


# --- what stands beside the tables ---


def test_the_manifest_proves_every_file(path: Path, out: Path) -> None:
    store = open_store(path)
    told = json.loads((out / "manifest.json").read_text())
    assert (told["release"], told["digest"]) == (5, store.digest())
    assert told["audience"] == "controlled"
    assert set(told["not_to_be_passed_on"]) == {
        n for n in store.tables if n in TABLES and TABLES[n].root == "controlled"
    }
    assert told["sources"] == {"demo": "2"}
    named = set()
    for name, table in told["tables"].items():
        assert table["rows"] == store.record.tables[name].rows
        assert table["digest"] == store.table_digests().get(name)
        for file in table["files"]:
            data = (out / file["path"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (
                file["bytes"],
                file["sha256"],
            )
            assert pq.read_metadata(out / file["path"]).num_rows == file["rows"]
            named.add(file["path"])
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    beside = {"manifest.json", "dictionary.tsv", "README.md", "SHA256SUMS"}
    assert there == named | beside
    sums = [line.split("  ") for line in (out / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in sums} == there - {"SHA256SUMS"}
    for digest, name in sums:
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert str(path) not in "".join(f.read_text() for f in out.iterdir() if f.is_file())


def test_the_dictionary_has_each_column(out: Path) -> None:
    rows = pl.read_csv(out / "dictionary.tsv", separator="\t", quote_char=None)
    for table in {p.name for p in out.iterdir() if p.is_dir()}:
        own = rows.filter(pl.col("table") == table)
        assert own["column"].to_list() == by_polars(out / table).columns
    assert rows.columns == [
        "table", "column", "type", "unit", "null_means", "meaning", "null_means_zh",
        "meaning_zh",
    ]  # fmt: skip
    assert rows["meaning"].null_count() == 0
    assert "| frequencies | " in (out / "README.md").read_text()


def test_the_same_release_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    sums = []
    for name in ("one", "two"):
        publish_release(open_store(path), tmp_path / name)
        sums.append((tmp_path / name / "SHA256SUMS").read_text())
    assert sums[0] == sums[1]


# --- who may see what ---


def test_a_public_publication_holds_what_the_public_view_shows(tmp_path: Path) -> None:
    path = make_secret_store(tmp_path / SECRET / "store")
    public = varhouse.open(path, audience="public")
    publish_release(public, tmp_path / "out")
    assert "annotations_freq" not in public.tables
    for table in public.tables:
        own = public.scan(table).collect()
        own = own.drop("part", strict=False) if table != "contigs" else own
        for read in READERS:
            found = read(tmp_path / "out" / table)
            assert found.columns == own.columns, table
            assert rows_of(found) == rows_of(own), table
            assert SECRET not in str(found.rows())
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
            assert SECRET not in file.name
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert told["audience"] == "public"
    assert "freq" not in json.dumps({k: v for k, v in told.items() if k != "tables"})


def test_what_may_not_be_passed_on_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_secret_store(tmp_path / "store")
    with caplog.at_level("WARNING", "varhouse"):
        assert main(["publish", str(path), str(tmp_path / "own")]) == 0
    assert "Not to be passed on: annotations_freq." in (tmp_path / "own/README.md").read_text()


def test_tables_that_are_not_there_are_told_at_once(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"'foo'.*'frequncies'; nearest: frequencies"):
        publish_release(open_store(path), tmp_path / "out", ["variants", "frequncies", "foo"])
    public = varhouse.open(path, audience="public")
    with pytest.raises(StoreError, match="table samples is not public"):
        publish_release(public, tmp_path / "out", ["variants", "samples"])
    with pytest.raises(UsageError, match="no table is named"):
        publish_release(open_store(path), tmp_path / "out", [])
    assert list(tmp_path.iterdir()) == []


# --- nothing half done, nothing overwritten ---


def test_nothing_is_overwritten(path: Path, tmp_path: Path) -> None:
    store = open_store(path)
    for kind in ("file", "folder", "link"):
        place = tmp_path / kind
        if kind == "file":
            place.write_text("mine")
        elif kind == "folder":
            place.mkdir()
        else:
            place.symlink_to(tmp_path / "nowhere")
        with pytest.raises(UsageError, match="is there already"):
            publish_release(store, place)
    with pytest.raises(UsageError, match="would lie in the store"):
        publish_release(store, path / "open" / "out")
    with pytest.raises(UsageError, match="there is no folder"):
        publish_release(store, tmp_path / "no" / "out")


def test_names_last_through_a_power_failure(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every folder is flushed before the whole gets its name, what holds that name after."""
    out, flushed = tmp_path / "out", []

    def note(folder: Path) -> None:
        flushed.append((folder, out.exists()))

    monkeypatch.setattr(files, "sync_folder", note)
    publish_release(open_store(path), out, ["variants"])
    before = [f for f, is_named in flushed if not is_named and f != tmp_path]
    own = before[0]
    made = {f.relative_to(out) for f in (out, *out.rglob("*")) if f.is_dir()}
    assert len(made) > 2
    assert {f.relative_to(own) for f in before} == made
    assert flushed[-1] == (tmp_path, True)


def test_a_folder_that_comes_meanwhile_stays(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def meanwhile(_: object) -> None:
        out.mkdir(exist_ok=True)
        (out / "mine").write_text("x")

    with pytest.raises(UsageError, match="is there already"):
        publish_release(open_store(path), out, ["variants", "ids"], meanwhile)
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "mine"]


def test_what_fails_leaves_nothing(path: Path, tmp_path: Path) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_release(open_store(path), tmp_path / "out", None, stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out[1]", "a" * 200, "北京" * 40, "o" + "é" * 60])
def test_what_a_killed_one_left_goes(path: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    left = unfinished_name(out)
    dead = left.with_name(left.name.replace(f".{os.getpid()}-", ".999999999-"))
    other = unfinished_name(tmp_path / "else")
    for folder in (left, dead, other):
        folder.mkdir()
        (folder / "x").write_text("x")
    publish_release(open_store(path), out, ["variants"])
    assert {p.name for p in tmp_path.iterdir()} == {out.name, left.name, other.name}


def test_a_damaged_file_ends_in_a_line(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(path, tmp_path / "s")
    file = open_store(copy).paths("variants")[0]
    file.write_bytes(file.read_bytes()[:100])
    assert main(["publish", str(copy), str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert str(file.name) in err
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


# --- in pieces ---


def test_little_is_held_and_files_are_cut(
    path: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "HELD_BYTES", 1)
    monkeypatch.setattr("varhouse.tables.merge.LEAST_ROWS", 1)
    monkeypatch.setattr(parquet, "FILE_BYTES", 1)
    two = Encoding(row_group=2)
    monkeypatch.setattr(
        release, "published_table", lambda t: replace(published_table(t), encoding=two)
    )
    store = open_store(path)
    made = publish_release(store, tmp_path / "small", store.tables)
    # 3, 3 and 2 alleles of the cohorts, in the strata all and male; two rows a file.
    assert [len(t.files) for t in made if t.table.name == "frequencies"] == [8]
    for table in store.tables:
        assert rows_of(by_dataset(tmp_path / "small" / table)) == rows_of(
            by_dataset(out / table)
        )
        names = [p.name for p in (tmp_path / "small" / table).rglob("*.parquet")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("seed", range(6))
def test_sorted_files_are_merged(seed: int) -> None:
    rng = random.Random(seed)
    order = ["a", "b"]
    frames, n = [], 0
    for _ in range(rng.randint(1, 6)):
        rows = [
            (rng.choice(["x", "y", None]), rng.randint(0, 20), n + i)
            for i in range(rng.choice([0, 1, 5, 300]))
        ]
        n += len(rows)
        schema = {"a": pl.String, "b": pl.Int32, "id": pl.Int64}
        frames.append(
            pl.DataFrame(rows, schema, orient="row").sort(order, maintain_order=True)
        )

    def source(frame: pl.DataFrame) -> Source:
        # A view hides some rows: fewer come than were asked for.
        return Source(
            frame.height,
            lambda first, k: frame[first : first + k].filter(pl.col("id") % 3 != 0),
        )

    pieces = list(merge([source(f) for f in frames], order, rng.choice([1, 7, 100_000])))
    whole = pl.concat(frames).filter(pl.col("id") % 3 != 0).sort(order, maintain_order=True)
    if not pieces:
        assert whole.height == 0
        return
    found = pl.concat(pieces)
    assert found.select(order).equals(whole.select(order))
    assert sorted(found["id"]) == sorted(whole["id"])


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("chr1", "part=chr1"),
        ("1", "part=contig-1"),
        ("X", "part=X"),
        ("HLA-A*01:01", "part=HLA-A%2A01%3A01"),
        ("2026-01-01", "part=contig-2026-01-01"),
        ("_x", "part=contig-_x"),
    ],
)
def test_folders_are_text_to_every_reader(part: str, name: str, tmp_path: Path) -> None:
    assert folder_name(part) == name
    folder = tmp_path / name
    folder.mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(folder / "x.parquet")
    assert (
        duckdb.sql(f"FROM read_parquet('{tmp_path}/**/*.parquet')").pl()["part"].dtype
        == pl.String
    )
    assert str(ds.dataset(tmp_path, partitioning="hive").schema.field("part").type) == "string"
    assert pl.read_parquet(tmp_path)["part"].dtype == pl.String
