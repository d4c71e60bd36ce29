"""Release records tell of all sources up to them: a public view reads two records, not all."""

import json
from pathlib import Path

import polars as pl
import pytest
from store_builders import new_store

from varhouse.store import releases, sources
from varhouse.store.commit import commit
from varhouse.store.reader import open_store
from varhouse.tables.schema import annotation_table
from varhouse.tables.shards import Manifest, write_shard

ROW = {
    "contig": ["1"], "pos": [10], "ref": ["A"], "alt": ["C"], "extent": [""],
    "score": [1.0], "source_version": ["1"], "licence": [""],
}  # fmt: skip


def say(path: Path, name: str, *, restricted: bool | None) -> int:
    """Make a release in which a source may be passed on or not; None: it is gone."""
    fields: dict = {"score": pl.Float64}
    rows = pl.DataFrame(ROW, schema_overrides={"pos": pl.Int32})
    if restricted:
        fields["redistribute"] = pl.Boolean
        rows = rows.with_columns(redistribute=pl.lit(value=False))
    table = annotation_table(name, fields)
    base = releases.list_releases(path)[-1]
    work = path / "_staging" / "w"
    shard = write_shard(rows.select(*table.file_schema), table, work, "s", {"part": "1"})
    shards = [] if restricted is None or shard is None else [shard]
    manifest = Manifest(shards, [(table.name, {})], [])
    return commit(
        path,
        [manifest],
        ingest_id=f"i{base}",
        operation="ingest",
        base_release=base,
        empty=[] if restricted is None else [table],
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_store(tmp_path_factory.mktemp("sources") / "s")
    say(path, "open", restricted=False)  # 2
    say(path, "late", restricted=False)  # 3
    say(path, "late", restricted=True)  # 4
    say(path, "late", restricted=False)  # 5
    say(path, "gone", restricted=True)  # 6
    say(path, "gone", restricted=None)  # 7
    say(path, "open", restricted=None)  # 8
    return path


def without_history(path: Path, number: int) -> None:
    file = releases.releases_folder(path) / f"{number:08d}.json"
    record = json.loads(file.read_text())
    del record["sources"]
    file.write_text(json.dumps(record))


def test_a_record_tells_what_all_before_it_say(store: Path) -> None:
    for number in releases.list_releases(store):
        told = releases.read_release(store, number)
        asked = sources.known_sources(
            store, releases.Release(**{**vars(told), "sources": None})
        )
        assert sources.known_sources(store, told) == asked
    known = sources.known_sources(store, releases.read_release(store, 8))
    assert known == {
        "open": sources.Known(7, restricted=False, last_restricted=0),
        "late": sources.Known(8, restricted=False, last_restricted=4),
        "gone": sources.Known(6, restricted=True, last_restricted=6),
    }


def test_a_public_view_leaves_out_what_a_later_release_restricts(store: Path) -> None:
    withheld = {n: open_store(store, n, "public").withheld for n in range(2, 9)}
    assert withheld[3] == withheld[2] == ("gone", "late")
    assert withheld[4] == ("gone", "late")
    assert withheld[5] == withheld[6] == ("gone",)
    assert withheld[7] == withheld[8] == ()
    # One that is gone may not be named, and no record tells its name either.
    view = open_store(store, 8, "public")
    assert view._with_gone().withheld == ("gone",)
    assert view.record.sources is None
    assert open_store(store, 6)._with_gone().withheld == ()


def test_two_records_are_read_however_many_there_are(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    whole = releases.read_json
    monkeypatch.setattr(releases, "read_json", lambda f: read.append(f.name) or whole(f))
    open_store(store, 2, "public")._with_gone()
    assert read == ["00000002.json", "00000008.json"]


def test_records_of_before_are_asked_one_by_one(store: Path, tmp_path: Path) -> None:
    path = new_store(tmp_path / "s")
    say(path, "late", restricted=False)
    say(path, "late", restricted=True)
    without_history(path, 3)
    assert open_store(path, 2, "public").withheld == ("late",)
    assert say(path, "other", restricted=False) == 4
    known = sources.known_sources(path, releases.read_release(path, 4))
    assert known["late"] == sources.Known(4, restricted=True, last_restricted=4)
    say(path, "late", restricted=None)
    assert open_store(path, 5, "public")._with_gone().withheld == ("late",)
