"""Files of a release for other programs: what is listed, and the page in each folder."""

import argparse
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from store_builders import COHORT_A, COHORT_B, add_cohort, new_store
from verifying import verify

from varhouse.cli import store as module
from varhouse.errors import StoreError, UsageError
from varhouse.query.sql import run_sql
from varhouse.store import commit as commit_module
from varhouse.store import folders as folders_module
from varhouse.store.commit import commit
from varhouse.store.drop import drop_cohort
from varhouse.store.folders import PAGE
from varhouse.store.leftovers import find_leftovers
from varhouse.store.reader import open_store
from varhouse.tables.shards import Manifest


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())
    args = parser.parse_args(["store", "files", *map(str, words)])
    code: int = args.run(args)
    return code


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases: 1 empty, 2 with a, 3 with a and b, 4 with b; an odd path."""
    store = new_store(tmp_path_factory.mktemp("files") / "part=9 it's [a]" / "s")
    add_cohort(store, "a", COHORT_A, "ingest-a")
    add_cohort(store, "b", COHORT_B, "ingest-b")
    drop_cohort(store, "a", wait=0)
    return store


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, path: Path) -> Path:
    """The same store where no folder above looks like a partition."""
    return shutil.copytree(path, tmp_path_factory.mktemp("plain") / "s")


def rows_of(frame: pl.DataFrame) -> Counter:
    return Counter(map(repr, frame.rows()))


@pytest.mark.parametrize("release", [1, 2, 3, 4])
def test_the_files_are_those_of_the_release(
    path: Path, release: int, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    record = json.loads((path / f"_store/releases/{release:08d}.json").read_text())
    for table, pinned in record["tables"].items():
        root = next(r for r in ("open", "controlled") if (path / r / table).is_dir())
        delta = DeltaTable(str(path / root / table), version=pinned["version"])
        run(path, "--table", table, "--release", release)
        listed = capsysbinary.readouterr().out.decode().splitlines()
        assert len(listed) == len(delta.get_add_actions()) == pinned["files"]
        run(path, "--table", table, "--release", release, "--print0")
        assert capsysbinary.readouterr().out.decode().split("\0") == [*listed, ""]
        assert all(Path(f).is_absolute() for f in listed)
        rows = sum(
            pl.read_parquet(f, glob=False, hive_partitioning=False).height for f in listed
        )
        assert rows == pinned["rows"]


def test_a_shell_takes_the_paths(
    path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    run(path, "--table", "variants", "--print0")
    done = subprocess.run(
        ["xargs", "-0", "stat", "-c", "%s"], input=capsysbinary.readouterr().out, check=True,
        capture_output=True,
    )  # fmt: skip
    sizes = [int(x) for x in done.stdout.split()]
    assert sizes == open_store(path).file_frame("variants")["size_bytes"].to_list()


@pytest.mark.parametrize("where", ["path", "plain"])
@pytest.mark.parametrize("release", [1, 2, 3])
def test_sql_gives_the_rows_of_the_release(
    request: pytest.FixtureRequest, where: str, release: int,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:  # fmt: skip
    folder: Path = request.getfixturevalue(where)
    store = open_store(folder, release)
    for table in store.tables:
        run(folder, "--table", table, "--release", release, "--format", "sql")
        found = duckdb.sql(capsysbinary.readouterr().out.decode()).pl()
        own = store.scan(table).collect()
        assert found.schema == own.schema, table
        assert rows_of(found) == rows_of(own), table


@pytest.mark.parametrize("where", ["path", "plain"])
def test_a_column_that_no_file_has_is_null(
    request: pytest.FixtureRequest, where: str, tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:  # fmt: skip
    above = tmp_path / ("x=y" if where == "path" else "xy")
    copy = shutil.copytree(request.getfixturevalue(where), above / "s")
    for file in open_store(copy).paths("totals"):
        frame = pl.read_parquet(file, glob=False, hive_partitioning=False)
        frame.drop("faf99", "is_grpmax").write_parquet(file)
    own = open_store(copy).totals().collect()
    assert own["faf99"].null_count() == own.height > 0
    run(copy, "--table", "totals", "--format", "sql")
    found = duckdb.sql(capsysbinary.readouterr().out.decode()).pl()
    assert found.schema == own.schema
    assert rows_of(found) == rows_of(own)
    rows = pl.concat(
        run_sql(open_store(copy), "SELECT faf99 FROM totals WHERE ac > 0").batches
    )
    assert rows["faf99"].null_count() == rows.height > 0


def test_json_names_rows_and_partitions(
    plain: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    run(plain, "--table", "frequencies", "--release", 3, "--format", "json")
    told = json.loads(capsysbinary.readouterr().out)
    assert (told["table"], told["release"]) == ("frequencies", 3)
    assert told["partition"] == ["cohort", "part"]
    assert told["columns"]["pos"] == "Int32"
    assert len(told["files"]) == 4
    for file in told["files"]:
        assert Path(file["path"]).stat().st_size == file["bytes"]
        assert file["rows"] == pl.read_parquet(file["path"], hive_partitioning=False).height
    assert {f["partition"]["part"] for f in told["files"]} == {"1", "HLA-A*01:01"}


def test_a_region_and_a_cohort_leave_files_out(
    plain: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def listed(*words: str) -> list[str]:
        run(plain, "--table", "frequencies", "--release", 3, *words)
        return capsysbinary.readouterr().out.decode().splitlines()

    assert len(listed()) == 4
    # By an alias of the contig.
    assert all("/part=1/" in f for f in listed("--region", "chr1"))
    assert len(listed("--region", "chr1")) == 2
    assert len(listed("--region", "chr1:30")) == 1
    assert listed("--region", "chr1:900") == []
    assert all("/cohort=b/" in f for f in listed("--cohort", "b"))
    assert len(listed("--cohort", "b", "--region", "chr1")) == 1


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        (("--table", "frequncies"), StoreError, "no table 'frequncies'; nearest: frequencies"),
        (("--table", "totals", "--region", "9"), UsageError, "'9'"),
        (("--table", "cohorts", "--region", "1"), StoreError, "no positions"),
        (("--table", "totals", "--cohort", "b"), StoreError, "cohort"),
        (("--table", "frequencies", "--cohort", "c"), StoreError, "no cohort 'c'"),
        (("--table", "totals", "--release", "9"), StoreError, "no release 9"),
    ],
)
def test_mistakes_are_told(
    plain: Path, words: tuple[str, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        run(plain, *words)


# --- the page in each folder ---


def pages(path: Path) -> set[str]:
    return {
        str(p.relative_to(path))
        for r in ("open", "controlled")
        for p in (path / r).rglob(PAGE)
    }


def folders(path: Path) -> set[str]:
    found = (p.parent for r in ("open", "controlled") for p in (path / r).glob("*/_delta_log"))
    return {f"{f.relative_to(path)}/{PAGE}" for f in found}


def test_each_table_has_its_page(plain: Path) -> None:
    assert pages(plain) == folders(plain)
    for name in pages(plain):
        text = (plain / name).read_text()
        root, table, _ = name.split("/")
        assert text.startswith(f"# {root}/{table}\n")
        assert f"varhouse store files STORE --table {table}\n" in text
        assert ("`cohort`" in text) == (
            "cohort" in open_store(plain).declaration(table).partition
        )


def test_an_older_store_gets_them_with_the_next_commit(plain: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(plain, tmp_path / "s")
    for name in pages(copy):
        (copy / name).unlink()
    own = copy / "open" / "variants" / PAGE
    own.write_text("my own words")
    commit(copy, [Manifest([])], ingest_id="next", operation="ingest", base_release=4)
    assert pages(copy) == folders(copy)
    assert own.read_text() == "my own words"


def test_a_page_that_cannot_be_written_stops_no_commit(plain: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(plain, tmp_path / "s")
    (copy / "open" / "variants" / PAGE).unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders_module, "follow_folder", _full)
        number = commit(
            copy, [Manifest([])], ingest_id="n", operation="ingest", base_release=4
        )
    assert number == 5
    assert not list((copy / "open" / "variants").glob(".*"))
    # The same commit, run again, makes up for it.
    commit(copy, [Manifest([])], ingest_id="n", operation="ingest", base_release=4)
    assert pages(copy) == folders(copy)


def _full(_: Path) -> bool:
    raise OSError(28, "No space left on device")


def test_nothing_takes_a_page_for_data(plain: Path) -> None:
    assert verify(open_store(plain)) == []
    assert [f for f in find_leftovers(plain, thorough=True) if f.path.name == PAGE] == []
    store = open_store(plain)
    for table in store.tables:
        pinned = store.record.tables[table]
        folder = plain / store.declaration(table).root / table
        frame = pl.scan_delta(str(folder), version=pinned.version).select(pl.len()).collect()
        assert frame.item() == pinned.rows
        pinned_table = DeltaTable(str(folder), version=pinned.version)
        assert pinned_table.to_pyarrow_dataset().count_rows() == pinned.rows


def test_a_commit_that_dies_leaves_no_page_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path / "s")

    def die(point: str) -> None:
        if point == "committed variants":
            raise KeyboardInterrupt

    monkeypatch.setattr(commit_module, "_reached", die)
    with pytest.raises(KeyboardInterrupt):
        add_cohort(store, "a", COHORT_A, "ingest-a")
    assert pages(store) == {f"open/contigs/{PAGE}"}


def test_who_reads_a_whole_folder_is_stopped_by_the_page(plain: Path) -> None:
    with pytest.raises(Exception, match=PAGE):
        ds.dataset(plain / "open" / "totals", format="parquet", partitioning="hive").to_table()
    with pytest.raises(Exception, match=PAGE):
        pl.read_parquet(plain / "open" / "totals")
