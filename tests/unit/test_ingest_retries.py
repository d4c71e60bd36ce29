"""A commit job that is killed and run again, as the shipped profiles do, anywhere in it."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import make_small_inputs
from inprocess import ingest_here, steps_here
from verifying import verify

import varhouse
from varhouse.ingest.jobs import finish
from varhouse.ingest.jobs.finish import commit_run
from varhouse.store import commit


class Killed(BaseException):
    """Stands for SIGKILL: nothing that catches an Exception may notice it."""


Snapshot = dict[str, tuple[int, str]]


def snapshot(store: Path) -> Snapshot:
    """Inode and digest of every file of a store but the lock, work folders and the cache."""
    found = {}
    for path in sorted(store.rglob("*")):
        place = path.relative_to(store)
        if path.is_file() and place.parts[0] not in ("_staging", "_cache"):
            if path.name in ("lock.json", "lock.guard"):
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(place)] = (path.stat().st_ino, digest)
    return found


@pytest.fixture
def fx_small(tmp_path: Path) -> Path:
    """A store with cohort a, and a configuration that brings cohort b, genes and a source."""
    config = make_small_inputs(tmp_path)
    sides = {k: config.pop(k) for k in ("genes", "sources")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    ingest_here(tmp_path / "store", tmp_path / "config.json")
    (tmp_path / "config.json").write_text(json.dumps({**config, **sides}))
    (tmp_path / "broken.vcf").write_text("no VCF\n")
    held = "cohort\tfiles\na\ta.vcf\nb\tb.vcf\nc\tbroken.vcf\n"
    (tmp_path / "cohorts.tsv").write_text(held)
    return tmp_path


def die_at(monkeypatch: pytest.MonkeyPatch, number: int, told: list[str]) -> None:
    """Die at the n-th point that the commit job reaches from now on."""
    left = [number]

    def reached(point: str) -> None:
        told.append(point)
        left[0] -= 1
        if left[0] < 0:
            raise Killed(point)

    monkeypatch.setattr(finish, "_reached", reached)
    monkeypatch.setattr(commit, "_reached", reached)


def test_commit_job_killed_at_every_step_and_run_again(
    fx_small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fx_small / "store"
    made = steps_here(store, fx_small / "config.json")
    told: list[str] = []
    account: dict[str, Any] | None = None
    for number in range(200):
        before = snapshot(store)
        die_at(monkeypatch, number, told := [])
        with contextlib.suppress(Killed):
            account = commit_run(*made)
        after = snapshot(store)
        for name, was in before.items():
            # Of an ingest that has made no release yet, its catalogue alone is renewed.
            if not name.startswith("_store/files/") and "_last_checkpoint" not in name:
                assert after[name] == was, (told[-1], name)
        if number % 10 == 0 or told[-1] == "released":
            assert not verify(varhouse.open(store)), told[-1]
        if account is not None:
            break
        if told[-1] in ("released", "committed"):
            # What the retry of the job finds: it is done, and nothing at all is written.
            with monkeypatch.context() as patch:
                patch.setattr(finish, "write_shard", pytest.fail)
                again = commit_run(*made)
            assert snapshot(store) == after
            assert (again["release"], again["digest"]) == (3, varhouse.open(store).digest())
            break
    monkeypatch.undo()
    assert {"held back", "genes", "ingests", "catalogued", "released"} <= set(told)
    assert {"linked genes", "linked ingests", "committed genes"} <= set(told)
    whole = ingest_here(fx_small / "whole", fx_small / "config.json")
    assert varhouse.open(store).digest() == whole["digest"]
    assert varhouse.open(store).release == 3
    rows = varhouse.open(store).scan("ingests").collect()
    assert rows["ingest_id"].n_unique() == rows.height == 2


def test_run_again_after_it_was_committed_does_nothing(fx_small: Path) -> None:
    store = fx_small / "store"
    made = steps_here(store, fx_small / "config.json")
    first = commit_run(*made)
    before = snapshot(store)
    assert commit_run(*made) == first
    assert snapshot(store) == before
    assert not verify(varhouse.open(store))


def _half(path: Path) -> None:
    Path(path).write_bytes(b"PAR1 half a file")
    raise Killed


@pytest.mark.parametrize("number", range(5))
def test_killed_while_a_shard_is_written_again(
    fx_small: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The files of before are links of those in the store: a retry must not open them."""
    store = fx_small / "store"
    made = steps_here(store, fx_small / "config.json")
    die_at(monkeypatch, 10_000, told := [])
    monkeypatch.setattr(commit, "write_release", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        commit_run(*made)
    monkeypatch.undo()
    assert told[-1].startswith("committed ")
    before = snapshot(store)
    left = [number]
    write = pl.DataFrame.write_parquet

    def some(self: pl.DataFrame, file: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            _half(file)
        write(self, file, **options)

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", some)
        try:
            commit_run(*made)
        except Killed:
            after = snapshot(store)
            assert {n: after[n] for n in before} == before
    assert commit_run(*made)["release"] == 3
    assert not verify(varhouse.open(store))
