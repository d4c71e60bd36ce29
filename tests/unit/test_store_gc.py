"""What `varhouse store gc` removes: exactly what no release that is kept needs."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from deltalake import DeltaTable
from quick_releases import add_releases, made_on
from store_builders import (
    COHORT_A,
    COHORT_B,
    DEMO,
    add_cohort,
    cohort_manifest,
    contents,
    fill,
    new_store,
    shards_of,
)

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.store import commit as commit_module
from varhouse.store import deltalog, gc
from varhouse.store.catalogue import Catalogue, read_catalogue
from varhouse.store.commit import commit
from varhouse.store.errata import sealed, sealed_releases, told_if_sealed
from varhouse.store.gc import collect
from varhouse.store.leftovers import clear, hold_work
from varhouse.store.lock import store_lock
from varhouse.store.reader import open_store
from varhouse.store.releases import (
    list_releases,
    read_open_releases,
    read_release,
    read_tags,
    write_tag,
)
from varhouse.store.retention import choose, parse_policy
from varhouse.store.sizes import outlook, what_came
from varhouse.store.sources import restricted_in
from varhouse.tables.schema import TABLES
from varhouse.tables.shards import Manifest
from varhouse.verify.whole import recompute_digests, verify

NEW = {("1", 77, "A", "G"): 1}


def pinned_files(store: Path) -> set[str]:
    """List what open releases pin, by an independent reader of the Delta log."""
    return {
        f"{folder.parent.name}/{name}/{uri.partition(f'/{folder.parent.name}/{name}/')[2]}"
        for release in read_open_releases(store)
        for name, pinned in release.tables.items()
        for folder in [next(r / name for r in roots(store) if (r / name).is_dir())]
        for uri in DeltaTable(str(folder), version=pinned.version).file_uris()
    }


def roots(store: Path) -> list[Path]:
    return [store / "open", store / "controlled"]


def lying_files(store: Path) -> set[str]:
    return {str(f.relative_to(store)) for r in roots(store) for f in data_files(r)}


def data_files(root: Path) -> list[Path]:
    return [f for f in root.rglob("*.parquet") if "_delta_log" not in f.parts]


def check_whole(store: Path, kept: set[int], before: dict[int, tuple]) -> None:
    """Check that what is kept is as it was, and that nothing else lies there."""
    assert {r.number for r in read_open_releases(store)} == kept
    for number in kept:
        found = open_store(store, number)
        assert (found.digest(), contents(store, number)) == before[number]
        assert recompute_digests(store, found.release) == found.table_digests()
        for name, pinned in found.record.tables.items():
            folder = next(r / name for r in roots(store) if (r / name).is_dir())
            rows = pl.scan_delta(str(folder), version=pinned.version).select(pl.len())
            assert rows.collect().item() == pinned.rows
    assert lying_files(store) == pinned_files(store)
    for folder in (f for r in roots(store) for f in r.iterdir()):
        last = folder / "_delta_log" / "_last_checkpoint"
        if last.exists():
            version = json.loads(last.read_text())["version"]
            assert (last.parent / f"{version:020d}.checkpoint.parquet").exists()
    known = {
        f"{TABLES[table].root if table in TABLES else 'open'}/{table}/{file}"
        for source in (store / "_store" / "files").glob("*.json")
        for table, entries in read_catalogue(source).items()
        for file in entries
    }
    assert known == lying_files(store)


def snapshot(store: Path) -> dict[int, tuple]:
    return {
        n: (open_store(store, n).digest(), contents(store, n)) for n in list_releases(store)
    }


@pytest.mark.parametrize("seed", range(3))
def test_random_histories_under_random_policies(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    store = tmp_path / "store"
    with made_on(date(2025, 1, 1)):
        new_store(store)
    rules = [
        "tagged",
        "last 2",
        "weekly 2",
        "monthly",
        "last 5",
        "daily 3",
        "since 2025-02-01",
    ]
    before: dict[int, tuple] = {}
    opened = {1}
    for _ in range(3):
        add_releases(store, rng.randrange(4, 10), rng)
        fresh = {n for n in list_releases(store) if n not in before}
        opened |= fresh
        before |= {n: (open_store(store, n).digest(), contents(store, n)) for n in fresh}
        write_tag(store, "t", rng.choice(sorted(opened)), move=True)
        policy = parse_policy(",".join(rng.sample(rules, 2)))
        goal = choose(read_open_releases(store), read_tags(store), policy)
        said = collect(store, policy=policy, grace=0, dry_run=True)
        done = collect(store, policy=policy, grace=0)
        assert said.sealed == done.sealed
        assert said.gone == done.gone
        assert {s.number for s in done.sealed} == opened - goal
        opened = goal
        check_whole(store, opened, before)
        assert not collect(store, policy=policy, grace=0).gone
        # The next one waits again for what it seals: what is gone by now is nothing to it.
        if rng.random() < 0.7:
            policy = parse_policy("tagged, last 1")
            kept = choose(read_open_releases(store), read_tags(store), policy)
            lying = lying_files(store)
            done = collect(store, policy=policy, grace=3600)
            assert set(done.waiting) >= opened - kept
            assert {s.number for s in done.sealed} == opened - kept
            assert lying_files(store) == lying
            opened = kept


def test_many_releases_to_tagged_last_and_monthly(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with made_on(date(2025, 1, 1)):
        new_store(store)
    add_releases(store, 70, random.Random(1))
    write_tag(store, "paper", 7)
    # Release n is of the n-th day of 2025: 31 January, 28 February.
    kept = {7, 31, 59, *range(62, 72)}
    before = {n: (open_store(store, n).digest(), contents(store, n)) for n in kept}
    collect(store, policy=parse_policy("tagged, last 10, monthly"), grace=0)
    check_whole(store, kept, before)
    # Logs hold what kept releases pin, each with what it is read from.
    for folder in (store / "open" / "variants", store / "controlled" / "samples"):
        versions = {v for v, _ in deltalog.list_log(folder)}
        pins = {r.tables[folder.name].version for r in read_open_releases(store)}
        assert versions == pins
    # The store goes on, also past the next checkpoint that Delta writes by itself.
    add_releases(store, 15, random.Random(2))
    more = kept | set(range(72, 87))
    check_whole(store, more, before | {n: snapshot_of(store, n) for n in more - kept})


def snapshot_of(store: Path, number: int) -> tuple:
    return open_store(store, number).digest(), contents(store, number)


@pytest.fixture(scope="module")
def fx_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six releases of two cohorts with all tables; no work folders are left."""
    store = new_store(tmp_path_factory.mktemp("made") / "store")
    for i in range(5):
        add_cohort(store, "ab"[i % 2], (COHORT_A, COHORT_B)[i // 2 % 2], f"ingest-{i}")
    shutil.rmtree(store / "_staging")
    return store


@pytest.fixture
def fx_store(fx_made: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    return shutil.copytree(fx_made, tmp_path / "store")


def test_sealed_first_and_gone_after_the_grace_time(fx_store: Path) -> None:
    before = snapshot(fx_store)
    files = lying_files(fx_store)
    old = open_store(fx_store, 2)
    rows = old.scan("variants").collect()
    done = collect(fx_store, policy=parse_policy("last 2"), grace=3600)
    assert [s.number for s in done.sealed] == [1, 2, 3, 4]
    assert done.sealed[1].reason == "kept by no rule of: last 2"
    # Release 1 has nothing of its own.
    assert sorted(done.waiting) == [2, 3, 4]
    assert not done.gone
    assert lying_files(fx_store) == files
    with pytest.raises(
        StoreError, match=r"release 2 .* was sealed on .*: kept by no rule of: last 2"
    ):
        open_store(fx_store, 2)
    # Who has it open reads on, tables that were not opened yet too.
    assert old.scan("variants").collect().equals(rows)
    assert old.scan("frequencies").collect().height
    assert not collect(fx_store, policy=parse_policy("last 2"), grace=3600).gone
    # What is sealed is no left-over of a killed commit.
    with store_lock(fx_store):
        clear(fx_store, kept=True, was_killed=True)
    assert lying_files(fx_store) == files
    later = time.time() + 3700
    with mock.patch.object(time, "time", return_value=later):
        gone = collect(fx_store, policy=parse_policy("last 2"), grace=3600)
    assert gone.gone
    assert not gone.waiting
    assert {f.what for f in gone.gone} == {gc.LOG, gc.DATA, gc.ENTRIES}
    for number in (5, 6):
        assert snapshot_of(fx_store, number) == before[number]
        assert not verify(fx_store, number)
    assert lying_files(fx_store) == pinned_files(fx_store)
    with pytest.raises(StoreError, match="was sealed"), told_if_sealed(fx_store, 2):
        old.scan("totals").collect()
    with pytest.raises(ValueError, match="other"), told_if_sealed(fx_store, 5):
        raise ValueError("other")


def test_shorter_grace_time_in_between(fx_store: Path) -> None:
    collect(fx_store, policy=parse_policy("last 3"), grace=0)
    before = snapshot_of(fx_store, 6)
    for policy, waiting in (("last 3", []), ("last 2", [4]), ("last 2", [4])):
        done = collect(fx_store, policy=parse_policy(policy), grace=3600)
        assert sorted(done.waiting) == waiting, policy
        assert not [f for f in done.gone if f.what == gc.DATA]
    assert main(["store", "gc", str(fx_store)]) == 0
    assert snapshot_of(fx_store, 6) == before
    assert not verify(fx_store, 6)


def test_what_walks_releases_lives_with_sealed_ones(
    fx_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tag(fx_store, "old", 2)
    collect(fx_store, policy=parse_policy("last 1"), grace=0)
    name = str(fx_store)
    for command in (
        ["store", "log", name], ["store", "show", name], ["store", "verify", name],
        ["store", "show", name, "--release", "1"],
        ["store", "digest", name, "--recompute"], ["store", "tag", name], ["status", name],
        ["store", "files", name, "--table", "variants"], ["describe", name],
    ):  # fmt: skip
        assert main(command) == 0, command
    capsys.readouterr()
    for command in (
        ["store", "verify", name, "--release", "1"],
        ["query", name, "--region", "1:10-20", "--release", "old"],
        ["store", "diff", name, "2", "6"],
    ):  # fmt: skip
        assert main(command) == 1, command
        assert "was sealed on" in capsys.readouterr().err, command
    assert read_tags(fx_store) == {"old": 2}
    assert [b.bytes for b in what_came(fx_store, [read_release(fx_store, 3)])] != [None]
    outlook(fx_store)
    assert varhouse.open(fx_store, audience="public").digest()
    assert add_cohort(fx_store, "c", COHORT_A, "ingest-c") == 7
    assert not verify(fx_store)


def test_restricted_sources_of_sealed_releases_are_noted(fx_store: Path) -> None:
    released = read_release(fx_store, 2)
    with mock.patch.object(gc, "_restricted", return_value=("secret",)):
        collect(fx_store, policy=parse_policy("last 1"), grace=0)
    erratum = sealed(fx_store, released.number)
    assert erratum is not None
    assert erratum.restricted == ("secret",)
    assert restricted_in(fx_store, released) == ("secret",)


def test_restriction_is_read_from_the_table(fx_store: Path) -> None:
    assert gc._restricted(fx_store, read_release(fx_store, 2)) == ()
    shutil.rmtree(fx_store / "open" / "annotations_demo" / "_delta_log")
    # Nobody knows: then it may not be passed on.
    assert gc._restricted(fx_store, read_release(fx_store, 3)) == ("demo",)


def test_sealed_release_gets_no_name(fx_store: Path) -> None:
    write_tag(fx_store, "old", 2)
    collect(fx_store, policy=parse_policy("last 1"), grace=0)
    for name, move in (("new", False), ("old", True)):
        with pytest.raises(StoreError, match=r"release 3 .* was sealed on"):
            write_tag(fx_store, name, 3, move=move)
    assert read_tags(fx_store) == {"old": 2}
    # What it is called already stays, and may go.
    assert not write_tag(fx_store, "old", 2)
    assert write_tag(fx_store, "old", 6, move=True)


def test_newest_is_never_sealed(fx_store: Path) -> None:
    with pytest.raises(StoreError, match=r"release 6 .* is the newest"):
        collect(fx_store, seal={6: "x", 2: "x"})
    assert not sealed_releases(fx_store)


class Killed(BaseException):
    pass


POLICY = parse_policy("tagged, last 2")


def collect_until(store: Path, step: int | None) -> int:
    """Collect until so many changes of names in the store were made; gives how many were."""
    calls = 0

    def counted(function):
        def call(*args, **kwargs):
            nonlocal calls
            if any(str(store) in str(a) for a in args):
                if calls == step:
                    raise Killed
                calls += 1
            return function(*args, **kwargs)

        return call

    with ExitStack() as stack:
        for name in ("unlink", "rename", "rmdir", "mkdir", "link", "symlink"):
            stack.enter_context(mock.patch.object(os, name, counted(getattr(os, name))))
        try:
            collect(store, policy=POLICY, grace=0)
        except Killed:
            assert step is not None
        else:
            assert step is None
    return calls


@pytest.mark.parametrize("tenth", range(10))
def test_killed_anywhere_it_is_whole_and_the_next_completes(
    tmp_path: Path, fx_history: tuple[Path, int], tenth: int
) -> None:
    source, total = fx_history
    store = shutil.copytree(source, tmp_path / "store")
    before = {n: snapshot_of(store, n) for n in (3, 9, 10)}
    collect_until(store, total * tenth // 10 + tenth)
    for number in {r.number for r in read_open_releases(store)} & set(before):
        assert snapshot_of(store, number) == before[number]
    assert list_releases(store) == list(range(1, 11))
    # The lock of a process that is alive: one that was killed would have died.
    (store / "_store" / "lock.json").unlink(missing_ok=True)
    collect(store, policy=POLICY, grace=0)
    check_whole(store, {3, 9, 10}, before)
    assert not (store / "_staging").exists()


@pytest.fixture(scope="module")
def fx_history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Ten releases, and how many changes of names their collection makes."""
    store = tmp_path_factory.mktemp("history") / "store"
    with made_on(date(2025, 1, 1)):
        new_store(store)
    add_releases(store, 9, random.Random(5))
    write_tag(store, "t", 3)
    copy = shutil.copytree(store, store.with_name("copy"))
    return store, collect_until(copy, None)


def test_what_a_dead_ingest_left_goes_with_sealed_releases(
    fx_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = fx_store / "_staging" / "ingest-x"
    manifest = cohort_manifest(fx_store, "c", NEW, "ingest-x", work)

    def reached(point: str) -> None:
        if point == "committed variants":
            raise Killed

    monkeypatch.setattr(commit_module, "_reached", reached)
    with pytest.raises(Killed):
        commit(fx_store, [manifest], ingest_id="ingest-x", operation="ingest", base_release=6)
    monkeypatch.undo()
    before = snapshot_of(fx_store, 6)
    collect(fx_store, policy=parse_policy("last 1"), grace=0)
    assert snapshot_of(fx_store, 6) == before
    assert lying_files(fx_store) == pinned_files(fx_store)
    assert not [f for f in fx_store.rglob("*") if "ingest-x" in f.name]
    for root in roots(fx_store):
        for folder in root.iterdir():
            latest = DeltaTable(str(folder))
            rows = open_store(fx_store).scan(folder.name).select(pl.len()).collect().item()
            assert latest.to_pyarrow_table().num_rows == rows
            log = "".join(f.read_text() for f in (folder / "_delta_log").glob("*.json"))
            assert '"add":{"path":"part=1/ingest-x' not in log
    assert add_cohort(fx_store, "c", NEW, "ingest-x") == 7
    assert not verify(fx_store)


@pytest.mark.parametrize("by_gc", [False, True])
def test_dead_ingest_of_a_source_that_went(
    fx_store: Path, monkeypatch: pytest.MonkeyPatch, *, by_gc: bool
) -> None:
    """Older releases alone hold the table: who takes its latest version finds no rows."""
    gone = Manifest([], [("annotations_demo", {})])
    commit(fx_store, [gone], ingest_id="gone", operation="annotate", base_release=6)
    before = {n: snapshot_of(fx_store, n) for n in (6, 7)}
    work = fx_store / "_staging" / "back"
    score = {"contig": "1", "pos": 10, "ref": "A", "alt": "C", "part": "1", "score": 1.0}
    shards = shards_of(DEMO, fill(DEMO, [score | {"source_version": "2"}]), work)

    def reached(point: str) -> None:
        if point == "committed annotations_demo":
            raise Killed

    back = Manifest(shards, [])
    with monkeypatch.context() as patch:
        patch.setattr(commit_module, "_reached", reached)
        with pytest.raises(Killed):
            commit(fx_store, [back], ingest_id="back", operation="annotate", base_release=7)
    folder = fx_store / "open" / "annotations_demo"
    assert DeltaTable(str(folder)).file_uris()
    policy = parse_policy("last 2")
    if by_gc:
        said = collect(fx_store, policy=policy, grace=0, dry_run=True)
        done = collect(fx_store, policy=policy, grace=0)
        assert (said.sealed, said.gone) == (done.sealed, done.gone)
        assert not collect(fx_store, policy=policy, grace=0).gone
        check_whole(fx_store, {6, 7}, before)
    else:
        with store_lock(fx_store):
            clear(fx_store)
            version = DeltaTable(str(folder)).version()
            clear(fx_store)
    latest = DeltaTable(str(folder))
    assert latest.to_pyarrow_table().num_rows == 0
    assert by_gc or latest.version() == version
    assert {n: snapshot_of(fx_store, n) for n in (6, 7)} == before
    # The source may come again.
    back = Manifest(shards_of(DEMO, fill(DEMO, [score | {"source_version": "2"}]), work), [])
    commit(fx_store, [back], ingest_id="again", operation="annotate", base_release=7)
    assert open_store(fx_store).scan("annotations_demo").collect().height == 1


def test_work_of_the_living_stays(fx_store: Path) -> None:
    work = fx_store / "_staging" / "by-hand"
    work.mkdir(parents=True)
    hold_work(work)
    (work / "shard.parquet").write_text("x")
    collect(fx_store, policy=parse_policy("last 1"), grace=0)
    assert (work / "shard.parquet").exists()


def test_gc_waits_for_a_writer(fx_store: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from varhouse.store.lock import store_lock\n"
        "with store_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(fx_store)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="is being written to"):
            collect(fx_store, policy=parse_policy("last 1"), grace=0, wait=0)
        holder.kill()
    assert not sealed_releases(fx_store)


def test_caches_that_no_kept_release_is_of(fx_store: Path) -> None:
    cache = fx_store / "_cache"
    genes, other, young = (cache / f"genes-{c * 16}" for c in "abc")
    reference = cache / "reference-0123"
    for folder in (genes, other, young, reference):
        folder.mkdir(parents=True)
    (reference / "reference.json").write_text(json.dumps({"digest": "seq"}))
    (cache / "file-digests.json").write_text("{}")
    for folder in (genes, other, reference):
        os.utime(folder, (0, 0))
    meta = {"annotation": {"genes": "a" * 64}, "reference": "seq"}
    record = fx_store / "_store" / "releases" / "00000006.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "meta": meta}))
    found = collect(fx_store, dry_run=True)
    assert [f.path.name for f in found.gone] == [other.name]
    collect(fx_store)
    assert sorted(f.name for f in cache.iterdir()) == sorted(
        [genes.name, young.name, reference.name, "file-digests.json"]
    )


def test_command_says_the_same_before_and_remembers(
    fx_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["store", "gc", str(fx_store), "--keep", "last 1", "--grace", "0"]
    there = sorted(fx_store.rglob("*"))
    assert main([*command, "--dry-run", "--remember"]) == 0
    said = capsys.readouterr()
    assert sorted(fx_store.rglob("*")) == there
    assert "    sealed  release 2  of " in said.out
    assert ": kept by no rule of: last 1\n" in said.out
    assert gc.DATA in said.out
    assert "would go" in said.err
    assert main([*command, "--remember"]) == 0
    assert capsys.readouterr().out == said.out
    add_cohort(fx_store, "a", COHORT_A, "ingest-6")
    assert main(["store", "gc", str(fx_store), "--grace", "0"]) == 0
    assert "release 6  of" in capsys.readouterr().out
    for wrong in (["--keep", "lats 1"], ["--remember"], ["--grace", "3"]):
        assert main(["store", "gc", str(fx_store), *wrong]) == 2
    assert "'3' of what?" in capsys.readouterr().err
    assert main(["store", "diff", str(fx_store), "1", "6"]) == 1
    assert f"varhouse store log {fx_store} lists them" in capsys.readouterr().err
    # Wrong words are told before anything is opened.
    assert main(["store", "diff", str(fx_store), "1", "6", "--json"]) == 2
    assert Catalogue(fx_store)
