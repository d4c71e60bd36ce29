"""What killed processes leave in a store goes, and nothing that a release holds."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from builders import make_small_inputs
from deltalake import DeltaTable
from inprocess import ingest_here
from store_builders import COHORT_A, COHORT_B, add_cohort, cohort_manifest, new_store
from verifying import verify

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.files import unfinished_name
from varhouse.ingest import byhand, driver
from varhouse.ingest.driver import open_or_init
from varhouse.ingest.setup.begin import begin
from varhouse.ingest.setup.config import Config, read_config
from varhouse.ingest.setup.run import Run
from varhouse.store import commit as commit_module
from varhouse.store.commit import commit
from varhouse.store.layout import close_folders, make_folder
from varhouse.store.leftovers import clear, find_leftovers, hold_work
from varhouse.store.lock import store_lock


class Killed(BaseException):
    pass


def names(path: Path, **options: bool) -> list[str]:
    return [str(f.path.relative_to(path)) for f in find_leftovers(path, **options)]


def ended() -> int:
    """Give the id of a process that has ended."""
    return subprocess.Popen(["true"]).wait() or 4_194_000


@pytest.fixture
def fx_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with cohort a in which the commit of cohort b was killed late."""
    store = new_store(tmp_path / "store")
    add_cohort(store, "a", COHORT_A, "ingest-a")
    shutil.rmtree(store / "_staging")
    work = store / "_staging" / "ingest-b"
    manifest = cohort_manifest(store, "b", COHORT_B, "ingest-b", work)

    def reached(point: str) -> None:
        if point == "committed variants":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(commit_module, "_reached", reached)
        with pytest.raises(Killed):
            commit(store, [manifest], ingest_id="ingest-b", operation="ingest", base_release=2)
    return store


def test_everything_of_a_killed_commit_goes(fx_killed: Path) -> None:
    held = {
        f: f.read_bytes() for f in fx_killed.rglob("*.parquet") if "ingest-b" not in str(f)
    }
    before = varhouse.open(fx_killed).digest()
    found = find_leftovers(fx_killed)
    assert {f.path.parts[len(fx_killed.parts)] for f in found} == {
        "_staging",
        "_store",
        "open",
        "controlled",
    }
    latest = DeltaTable(str(fx_killed / "open" / "variants"))
    assert any("ingest-b" in u for u in latest.file_uris())
    with store_lock(fx_killed):
        clear(fx_killed)
    assert not [f for f in fx_killed.rglob("*") if "ingest-b" in str(f.relative_to(fx_killed))]
    assert not (fx_killed / "_staging").exists()
    assert {f: f.read_bytes() for f in held} == held
    assert not verify(varhouse.open(fx_killed))
    assert varhouse.open(fx_killed).digest() == before
    # Readers of the latest Delta version do not look for what is gone.
    for folder in (*(fx_killed / "open").iterdir(), *(fx_killed / "controlled").iterdir()):
        latest = DeltaTable(str(folder))
        name = folder.name
        assert (
            latest.to_pyarrow_table().num_rows
            == varhouse.open(fx_killed).scan(name).select(pl.len()).collect().item()
        )
    assert names(fx_killed, kept=True, thorough=True) == []
    assert add_cohort(fx_killed, "b", COHORT_B, "ingest-b") == 3
    assert not verify(varhouse.open(fx_killed))


def test_own_work_stays_when_an_ingest_is_taken_up(fx_killed: Path) -> None:
    with store_lock(fx_killed):
        clear(fx_killed, keep="ingest-b")
    assert (fx_killed / "_staging" / "ingest-b").is_dir()
    assert [f for f in fx_killed.rglob("ingest-b-*.parquet")]


def test_gc_by_hand(fx_killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(fx_killed.rglob("*"))
    assert main(["store", "gc", str(fx_killed), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "_staging/ingest-b  work folder of a process that has ended" in said
    assert "_store/files/ingest-b.json" in said
    assert sorted(fx_killed.rglob("*")) == before
    assert main(["store", "gc", str(fx_killed)]) == 0
    assert capsys.readouterr().out == said
    assert main(["store", "gc", str(fx_killed)]) == 0
    assert capsys.readouterr().out == ""
    assert not verify(varhouse.open(fx_killed))


def test_gc_takes_the_lock(fx_killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from varhouse.store.lock import store_lock\n"
        "with store_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(fx_killed)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert main(["store", "gc", str(fx_killed), "--wait", "0"]) == 1
        holder.kill()
    assert "is being written to by process" in capsys.readouterr().err
    assert (fx_killed / "_staging" / "ingest-b").is_dir()


def test_shards_of_a_commit_that_was_run_again(fx_killed: Path) -> None:
    """A shard of an earlier attempt, of an ingest that has its release all the same."""
    add_cohort(fx_killed, "b", COHORT_B, "ingest-b")
    shutil.rmtree(fx_killed / "_staging")
    held = next((fx_killed / "controlled" / "ingests").glob("ingest-b-*.parquet"))
    orphan = held.with_name("ingest-b-00007-0123456789ab.parquet")
    shutil.copyfile(held, orphan)
    assert str(orphan.relative_to(fx_killed)) not in names(fx_killed)
    assert names(fx_killed, thorough=True) == [str(orphan.relative_to(fx_killed))]


def test_what_a_release_pins_stays_without_the_record_of_its_ingest(fx_killed: Path) -> None:
    add_cohort(fx_killed, "b", COHORT_B, "ingest-b")
    record = fx_killed / "_store" / "releases" / "00000002.json"
    text = record.read_text()
    record.unlink()
    with pytest.raises(StoreError, match=r"00000002\.json is missing"):
        find_leftovers(fx_killed, thorough=True)
    record.write_text(json.dumps({**json.loads(text), "ingest_id": "another"}))
    assert not [n for n in names(fx_killed, thorough=True) if n.endswith(".parquet")]
    record.write_text("{")
    with pytest.raises(StoreError, match=r"00000002\.json is damaged"):
        find_leftovers(fx_killed)


def test_unfinished_files_of_the_dead_go_and_of_the_living_stay(
    fx_killed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = unfinished_name(fx_killed / "_store" / "releases" / "00000003.json")
    mine.write_text("{")
    (fx_killed / "_cache").mkdir(exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", ended)
        dead = [
            unfinished_name(fx_killed / "_store" / "releases" / "00000003.json"),
            unfinished_name(fx_killed / "_cache" / "genes-0123"),
            unfinished_name(fx_killed / "open" / "variants" / "part=1" / "x.parquet"),
        ]
    dead[0].write_text("")
    dead[1].mkdir()
    dead[2].write_text("")
    old = fx_killed / "_store" / ".store.json.77.tmp"
    old.write_text("{")
    found = names(fx_killed)
    assert {str(d.relative_to(fx_killed)) for d in dead} <= set(found)
    assert str(mine.relative_to(fx_killed)) not in found
    assert str(old.relative_to(fx_killed)) not in found
    os.utime(old, (0, 0))
    assert str(old.relative_to(fx_killed)) in names(fx_killed)


def test_work_folder_of_a_living_process_stays(fx_killed: Path) -> None:
    """Snakemake that was started by hand works without the lock."""
    hold_work(fx_killed / "_staging" / "ingest-b")
    assert not [n for n in names(fx_killed, kept=True) if n.startswith("_staging")]
    owner = fx_killed / "_staging" / "ingest-b" / "owner.json"
    owner.write_text(json.dumps({**json.loads(owner.read_text()), "pid": ended()}))
    assert "_staging/ingest-b" in names(fx_killed)


def test_age_tells_only_of_a_process_that_cannot_be_seen(fx_killed: Path) -> None:
    """A job may write nothing for days while the process that waits for it lives."""
    work = fx_killed / "_staging" / "ingest-b"
    hold_work(work)

    def grow_old() -> None:
        for file in (*work.iterdir(), work):
            os.utime(file, (0, 0))

    grow_old()
    assert not [n for n in names(fx_killed, kept=True) if n.startswith("_staging")]
    owner = work / "owner.json"
    owner.write_text(json.dumps({**json.loads(owner.read_text()), "host": "elsewhere"}))
    assert "_staging/ingest-b" not in names(fx_killed)
    grow_old()
    assert "_staging/ingest-b" in names(fx_killed)


def test_run_by_hand_holds_its_folder_before_it_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small_inputs(tmp_path)
    given = {**json.loads((tmp_path / "config.json").read_text()), "store": "store"}
    found: list[str] = []

    def cleared(run: Run, config: Config, cores: int) -> None:
        clear(tmp_path / "store")
        begin(run, config, cores)
        clear(tmp_path / "store")
        found.extend(p.name for p in Path(run.work).iterdir())

    monkeypatch.setattr(byhand, "begin", cleared)
    made = byhand.prepare_by_hand(given, [str(tmp_path / "config.json")])
    assert made.exists()
    assert {"owner.json", "run.json", "samples.parquet"} <= set(found)


def test_folder_that_may_not_be_listed_is_passed_over(
    fx_killed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may lie in a folder of mode 711, whose other names are nobody's business."""
    wanted, iterdir = names(fx_killed), Path.iterdir

    def closed(folder: Path) -> Iterator[Path]:
        if folder == fx_killed.parent:
            raise PermissionError(13, "Permission denied", str(folder))
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", closed)
    assert names(fx_killed) == wanted
    with store_lock(fx_killed):
        clear(fx_killed)
    assert names(fx_killed) == []


def test_reference_beside_the_store_goes(fx_killed: Path) -> None:
    beside = [fx_killed.with_name(f".store.reference-{pid}") for pid in (ended(), os.getpid())]
    for folder in (*beside, fx_killed.with_name(f".other.reference-{ended()}")):
        folder.mkdir()
    with store_lock(fx_killed):
        clear(fx_killed)
    assert [b.exists() for b in beside] == [False, True]
    assert fx_killed.with_name(f".other.reference-{ended()}").exists()


# --- the making of a store ---

_POINTS = ["folder", "reference", "roots", "store.json", "shard", "linked contigs",
           "catalogued", "committed contigs", "released"]  # fmt: skip


def _kill_at(point: str, patch: pytest.MonkeyPatch) -> None:
    def die(*_given: object, **_more: object) -> None:
        raise Killed

    def reached(name: str) -> None:
        if name == point:
            raise Killed

    if point == "folder":
        patch.setattr(driver, "settle_assembly", die)
    elif point == "reference":
        patch.setattr(driver, "init_store", die)
    elif point == "roots":
        patch.setattr(commit_module, "write_json", die)
    elif point == "store.json":
        patch.setattr(commit_module, "contigs_frame", die)
    elif point == "shard":
        patch.setattr(commit_module, "commit", die)
    else:
        patch.setattr(commit_module, "_reached", reached)
    # A killed process tidies nothing up.
    patch.setattr(driver, "_forget", lambda _store: None)
    patch.setattr(driver, "_remove_empty", lambda _store, whole: None)


@pytest.mark.parametrize("point", _POINTS)
def test_first_ingest_killed_while_the_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    make_small_inputs(tmp_path)
    config = read_config(tmp_path / "config.json")
    store = tmp_path / "store"
    with monkeypatch.context() as patch:
        _kill_at(point, patch)
        with pytest.raises(Killed):
            open_or_init(store, config)
    open_or_init(store, config)
    assert varhouse.open(store).release == 1
    assert not verify(varhouse.open(store))
    with store_lock(store):
        clear(store)
    assert not (store / "_staging").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_mistake_leaves_no_store_and_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    config = make_small_inputs(tmp_path)
    (tmp_path / "aliases.tsv").write_text("contig\tlength\nc1\t5\nc2\t900\n")
    config["assembly"]["aliases"] = "aliases.tsv"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(varhouse.errors.ConfigError, match="another assembly"):
        open_or_init(tmp_path / "store", read_config(tmp_path / "config.json"))
    assert not (tmp_path / "store").exists()
    make_small_inputs(tmp_path)
    other = tmp_path / "other"
    (other / "open").mkdir(parents=True)
    (other / "open" / "mine.txt").write_text("x")
    with pytest.raises(StoreError, match="is not empty and no store"):
        open_or_init(other, read_config(tmp_path / "config.json"))
    assert sorted(p.name for p in other.rglob("*")) == ["mine.txt", "open"]


# --- permissions ---


def modes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder.parent)): oct(p.stat().st_mode & 0o7777)
        for p in (folder, *folder.rglob("*"))
        if p.is_dir()
    }


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_folders_about_people_are_closed_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    make_small_inputs(tmp_path)
    before = os.umask(umask)
    try:
        ingest_here(tmp_path / "store", tmp_path / "config.json")
    finally:
        os.umask(before)
    found = modes(tmp_path / "store" / "controlled")
    assert any("_delta_log" in name for name in found)
    assert any("cohort=a" in name for name in found)
    assert set(found.values()) == {"0o700"}
    staging = tmp_path / "store" / "_staging"
    assert {oct(p.stat().st_mode & 0o777) for p in (staging, *staging.iterdir())} == {"0o700"}
    is_open = oct((tmp_path / "store" / "open").stat().st_mode & 0o777)
    assert is_open == oct(0o777 & ~umask)


def test_group_that_was_let_in_on_purpose_stays(tmp_path: Path) -> None:
    make_small_inputs(tmp_path)
    controlled = tmp_path / "store" / "controlled"
    controlled.mkdir(parents=True)
    controlled.chmod(0o2750)
    ingest_here(tmp_path / "store", tmp_path / "config.json")
    assert close_folders(tmp_path / "store") == []
    assert set(modes(controlled).values()) == {"0o2750"}


def test_open_folders_are_closed_and_told(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    (store / "controlled").chmod(0o755)
    (line,) = close_folders(store)
    assert "controlled was open to others (drwxr-xr-x) and is closed now (drwx------)" in line
    assert close_folders(store) == []
    (store / "controlled").chmod(0o2775)
    (line,) = close_folders(store)
    assert "(drwxrws---)" in line
    make_folder(store / "controlled" / "new" / "part=1", store)
    assert modes(store / "controlled" / "new") == {"new": "0o2770", "new/part=1": "0o2770"}


def _files(folder: Path) -> list[os.stat_result]:
    found = [p.stat() for p in folder.rglob("*") if p.is_file()]
    assert len(found) > 5
    return found


@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to any group")
@pytest.mark.parametrize("mode", [0o2750, 0o750])
def test_files_can_be_read_by_the_group_that_was_let_in(
    tmp_path: Path, mode: int, umask: int
) -> None:
    """Shards are made in `_staging`, with the writer's own group, and linked in."""
    make_small_inputs(tmp_path)
    controlled = tmp_path / "store" / "controlled"
    controlled.mkdir(parents=True)
    os.chown(controlled, -1, 4321)
    controlled.chmod(mode)
    before = os.umask(umask)
    try:
        ingest_here(tmp_path / "store", tmp_path / "config.json")
    finally:
        os.umask(before)
    assert set(modes(controlled).values()) == {oct(mode)}
    assert {p.stat().st_gid for p in controlled.rglob("*")} == {4321}
    assert all(s.st_mode & 0o060 == 0o040 for s in _files(controlled))


def test_group_that_may_not_be_given_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = new_store(tmp_path / "store")

    (store / "controlled").chmod(0o2750)
    monkeypatch.setattr("varhouse.store.layout._give_group", lambda path, _: path.is_dir())
    add_cohort(store, "a", COHORT_A, "ingest-a")
    (line,) = [m for m in caplog.messages if "controlled/samples" in m]
    assert "people who may list it cannot read its new files" in line
    caplog.clear()
    for folder in (store / "controlled").iterdir():
        shutil.rmtree(folder)
    monkeypatch.setattr("varhouse.store.layout._give_group", lambda _path, _group: False)
    for name in ("new", "newer/part=1"):
        make_folder(store / "controlled" / name, store)
    (line,) = caplog.messages
    assert "controlled: this user may not give its group to new folders" in line
    assert not any(s.st_mode & 0o070 for s in map(Path.stat, (store / "controlled").iterdir()))


def test_files_are_as_open_as_their_folder_whatever_the_umask(tmp_path: Path) -> None:
    make_small_inputs(tmp_path)
    made = [tmp_path / "store" / name for name in ("open", "_store")]
    for folder in made:
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    before = os.umask(0o077)
    try:
        ingest_here(tmp_path / "store", tmp_path / "config.json")
    finally:
        os.umask(before)
    assert set(modes(made[0]).values()) == {"0o755"}
    assert {oct(s.st_mode & 0o777) for s in _files(made[0])} == {"0o644"}
    folders = modes(made[1])
    assert {folders["_store"], folders["_store/releases"], folders["_store/files"]} == {
        "0o755"
    }
    for pattern in ("store.json", "releases/*.json", "files/*.json"):
        assert {p.stat().st_mode & 0o777 for p in made[1].glob(pattern)} == {0o644}
    assert set(modes(tmp_path / "store" / "controlled").values()) == {"0o700"}


def test_access_list_of_a_folder_holds_for_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is made in the folder gets the list; a link would keep the old one."""
    store = new_store(tmp_path / "store")
    monkeypatch.setattr("varhouse.store.link.hands_down_acl", lambda _folder: True)
    add_cohort(store, "a", COHORT_A, "ingest-a")
    shards = list((store / "controlled").rglob("*.parquet"))
    assert shards
    assert {p.stat().st_nlink for p in shards} == {1}
    assert not verify(varhouse.open(store))
