"""Our reading of Delta logs gives what delta-rs gives, or leaves the log to it."""

import json
import random
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pytest
from builders import make_small_store
from deltalake import DeltaTable

import varhouse
from varhouse.errors import AccessError, StoreError
from varhouse.store import delta, deltaread
from varhouse.store.delta import DataFile
from varhouse.store.reader import open_store
from varhouse.tables.schema import FREQUENCIES, GENES, TABLES, Table, annotation_table

SOURCE = annotation_table(
    "s", {"score": pl.Float64, "words": pl.List(pl.String), "n": pl.Int8, "yes": pl.Boolean}
)
_VALUES = {
    "contig": ("c%1", "HLA-A*01:01"),
    "id": ("rs1", "rs2"),
    "extent": ("", 'x"\u00e4\\'),
}


def add_file(table: Table, number: int) -> DataFile:
    """Describe a file that is not there: a log does not ask for it."""
    partition = {n: f"{n} %{number % 3}/=" for n in table.partition}
    place = "/".join(f"{n}=a%2A{number % 3}" for n in table.partition)
    low = {n: _VALUES.get(n, (number, 0))[0] for n in table.bounded}
    high = {n: _VALUES.get(n, (0, number + 9))[1] for n in table.bounded}
    stats = {"numRecords": number + 1, "minValues": low, "maxValues": high}
    stats["nullCount"] = dict.fromkeys(table.bounded, 0)
    return DataFile(f"{place}/i-{number}-0.parquet".lstrip("/"), number * 10, partition, stats)


def commit(folder: Path, table: Table, wanted: list[int]) -> int:
    files = {(f := add_file(table, n)).path: f for n in wanted}
    return delta.commit_files(folder, table, list(files), files.__getitem__, {})


def make_log(folder: Path, table: Table, commits: int, seed: int) -> None:
    """Make a table that files come to and go from."""
    chance, held = random.Random(seed), []
    for number in range(commits):
        held = [n for n in held if chance.random() < 0.8] + [2 * number, 2 * number + 1]
        # One that went comes back under its name, as a commit that is made again brings it.
        back = [0] if 0 not in held and chance.random() < 0.3 else []
        held += back
        commit(folder, table, held)


def assert_same(folder: Path, number: int) -> None:
    """Compare a version with what delta-rs says of it."""
    found = deltaread.read_log(folder, number)
    table = DeltaTable(str(folder), version=number)
    want = delta.list_files(table).drop("modification_time")
    want = want.drop([n for n in want.columns if n.startswith("null_count.")])
    assert found.files.select(sorted(want.columns)).equals(want.select(sorted(want.columns)))
    assert found.columns == delta.read_schema(table)


@pytest.mark.parametrize("table", [TABLES["variants"], FREQUENCIES, GENES, SOURCE])
def test_any_version_is_as_delta_rs_reads_it(tmp_path: Path, table: Table) -> None:
    make_log(tmp_path / "t", table, 45, seed=3)
    for number in (0, 1, 18, 19, 20, 38, 39, 44):
        assert_same(tmp_path / "t", number)


def test_columns_that_come_later_are_of_the_later_versions(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    commit(folder, annotation_table("s", {"a": pl.Int32}), [0])
    wider = annotation_table("s", {"a": pl.Int32, "b": pl.String})
    last = commit(folder, wider, [0, 1])
    other = annotation_table("s", {"b": pl.Int64})
    end = commit(folder, other, [5])
    for number in range(end + 1):
        assert_same(folder, number)
    assert "b" not in deltaread.read_log(folder, 0).columns
    assert deltaread.read_log(folder, last).columns["b"] == pl.String
    assert deltaread.read_log(folder, end).columns["b"] == pl.Int64
    assert "a" not in deltaread.read_log(folder, end).columns


def test_a_log_that_was_trimmed_to_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    make_log(folder, FREQUENCIES, 27, seed=1)
    log = folder / "_delta_log"
    DeltaTable(str(folder), version=24).create_checkpoint()
    want = {n: deltaread.read_log(folder, n).files.sort("path") for n in (24, 26)}
    for file in log.glob("*.json"):
        if int(file.stem) <= 24:
            file.unlink()
    (log / f"{19:020d}.checkpoint.parquet").unlink()
    for number, files in want.items():
        assert deltaread.read_log(folder, number).files.sort("path").equals(files)
    with pytest.raises(StoreError, match="cannot be read at version 22"):
        delta.read_version(folder, 22)


def test_what_is_not_understood_is_left_to_delta_rs(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    commit(folder, GENES, [1, 2])
    file = folder / "_delta_log" / f"{0:020d}.json"
    text = file.read_text()
    want = delta.list_files(delta.open_table(folder, 0))["path"].to_list()
    newer = text.replace('"minReaderVersion":1', '"minReaderVersion":2')
    assert newer != text
    file.write_text(newer)
    with pytest.raises(deltaread.UnknownLogError):
        deltaread.read_log(folder, 0)
    assert delta.read_version(folder, 0).files["path"].to_list() == want
    odd = text.replace(r"\"type\":\"integer\"", r"\"type\":\"timestamp\"")
    assert odd != text
    file.write_text(odd)
    assert pl.Datetime in {
        t.base_type() for t in delta.read_version(folder, 0).columns.values()
    }


@pytest.mark.parametrize("damage", ["{", "[1]\n", "\0\0"])
def test_a_damaged_log_is_said_to_be_so(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "t"
    commit(folder, GENES, [1])
    commit(folder, GENES, [1, 2])
    (folder / "_delta_log" / f"{1:020d}.json").write_text(damage)
    with pytest.raises(StoreError, match="cannot be read at version 1"):
        delta.read_version(folder, 1)


def test_a_log_that_lost_its_lines(tmp_path: Path) -> None:
    path = make_small_store(tmp_path / "store")
    store = open_store(path)
    pinned = store.record.tables["variants"]
    # As a machine leaves a file that was not flushed when it lost power.
    (path / f"open/variants/_delta_log/{pinned.version:020d}.json").write_text("")
    assert store.table("cohorts").collect().height
    with pytest.raises(StoreError, match=r"variants: the Delta (log lists|table cannot)"):
        open_store(path).declaration("variants")


def test_a_log_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "t"
    commit(folder, GENES, [1])

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "no", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(AccessError, match=r"no permission to read .*0\.json, of table t"):
        delta.read_version(folder, 0)


def test_no_more_is_read_than_since_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "t"
    make_log(folder, GENES, 62, seed=5)
    told = json.loads((folder / "_delta_log" / "_last_checkpoint").read_text())
    assert told["version"] == 59
    read: list[str] = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: read.append(p.name) or whole(p))
    monkeypatch.setattr(Path, "iterdir", lambda p: pytest.fail(f"{p} was listed"))
    deltaread.read_log(folder, 61)
    assert sorted(int(n[:20]) for n in read) == [59, 60, 61]


def test_the_version_is_that_of_the_installation() -> None:
    assert varhouse.__version__ == version("varhouse")
