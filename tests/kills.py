"""Kills of ingests and drops: at each change of the file system in one process, and real ones.

In one process a kill is an exception at the n-th change that Python makes in the file system
(a name, a folder, a flush, a file of Parquet, a Delta commit). From then on every further
change fails, too: a dead process tidies nothing up. The next attempt has another start time
and so is another process to locks and unfinished files. The workflow's steps run as
Snakemake would run them: those whose outputs are there are not run again.
"""

import argparse
import builtins
import contextlib
import hashlib
import io
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pyarrow.parquet as pq
from builders import make_small_inputs
from deltalake import DeltaTable, transaction
from gvcf_people import People
from verifying import verify

import varhouse
from varhouse import files, processes
from varhouse.cli import build_parser
from varhouse.ingest import driver
from varhouse.ingest.jobs import steps
from varhouse.ingest.jobs.plan import load_plan
from varhouse.ingest.setup import sizing
from varhouse.ingest.setup.run import load_run
from varhouse.ingest.supervise import descendants
from varhouse.store import commit, lock
from varhouse.store.compact import compact_store
from varhouse.store.drop import drop_cohort
from varhouse.store.leftovers import clear, find_leftovers
from varhouse.store.releases import read_tags

Snapshot = dict[str, tuple[int, str]]


class Killed(BaseException):
    """Stands for SIGKILL."""


# --- the workflow in one process ---


def run_steps(work: Path, token: str, **_cores: object) -> None:
    """Run what Snakemake would run, in its order; jobs that have ended do not run again."""

    def job(step: str, key: str = "", **given: Any) -> None:
        output = work / "jobs" / (f"{step}/{key}.json" if key else f"{step}.json")
        if not output.exists():
            args = argparse.Namespace(
                run_step=step, run_json=work / "run.json", output=output, alone=False, **given
            )
            steps.run_step(args)

    with mock.patch.dict(os.environ, {lock.TOKEN: token}):
        jobs = load_run(work / "run.json").jobs
        if jobs.whole:
            job("whole")
            return
        if jobs.genes:
            job("genes")
        for name in jobs.sources:
            job("source", name, source=name)
        for k in range(len(jobs.intake)):
            job("intake", str(k), job=k)
        for f, (_, _, shares) in enumerate(jobs.split):
            job("validate", str(f), file=f)
            for k in range(shares):
                job("read", f"{f}/{k}", file=f, job=k)
        if jobs.bundled:
            job("plan")
            for k in range(len(jobs.cohorts)):
                job("cohort", str(k), job=k)
            for bundle in load_plan(work / "plan" / "plan.json").bundles:
                job("settle", bundle, bundle=bundle)
        job("commit")


def ingest_whole(folder: Path) -> None:
    """Run `varhouse ingest` on the inputs of a folder, with its steps in this process."""
    with mock.patch.object(driver, "run_snakemake", run_steps):
        options = driver.Options(cores=2, wait=5.0)
        driver.ingest(folder / "store", folder / "config.json", options)


@contextlib.contextmanager
def many_jobs() -> Iterator[None]:
    """Share the work of an ingest out as that of a large one: every step a job of its own."""
    least = {"WHOLE_BYTES": 0, "SPLIT_BYTES": 0, "BUNDLED_RECORDS": 0, "JOB_SECONDS": 0.001}
    with contextlib.ExitStack() as stack:
        for name, value in least.items():
            stack.enter_context(mock.patch.object(sizing, name, value))
        yield


# --- kills ---


def _is_compiled(given: tuple[Any, ...]) -> bool:
    """Tell whether it is numba that keeps code: it does so at the first use only."""
    return any(isinstance(g, (str, Path)) and ".nb" in Path(g).name for g in given)


class Faults:
    """Counts changes of the file system, and dies at one of them.

    Parameters
    ----------
    last
        Number of the change (from 0) at which the process dies; None: never.
    life
        Tells the attempts apart: the start time of the process.
    """

    def __init__(self, last: int | None, life: int) -> None:
        self._last, self._life = last, life
        self.count = 0
        self.dead = False
        self.place = ""

    def _reached(self, place: str) -> None:
        if self.dead or self.count == self._last:
            self.place = self.place or place
            self.dead = True
            raise Killed(place)
        self.count += 1

    def die_after(self, point: str) -> Callable[[str], None]:
        """Give what dies at the first change after a named point of a commit."""

        def reached(now: str) -> None:
            if now == point:
                self._last = self.count

        return reached

    def _before(self, owner: Any, name: str) -> Any:
        real = getattr(owner, name)

        def act(*given: Any, **more: Any) -> Any:
            if not _is_compiled(given):
                self._reached(f"{name} {given[1] if len(given) > 1 else given[0]}")
            return real(*given, **more)

        return mock.patch.object(owner, name, act)

    def _open(self, owner: Any) -> Any:
        real = owner.open

        def act(file: Any, mode: str = "r", *given: Any, **more: Any) -> Any:
            if set("wxa+") & set(mode) and not _is_compiled((file,)):
                self._reached(f"open {file}")
            return real(file, mode, *given, **more)

        return mock.patch.object(owner, "open", act)

    @contextlib.contextmanager
    def armed(self) -> Iterator["Faults"]:
        """Count, and die, inside the block."""
        real = processes.start_time

        def started(pid: int) -> str:
            return f"{self._life}" if pid == os.getpid() else real(pid)

        with contextlib.ExitStack() as stack:
            for module in (processes, files, lock):
                stack.enter_context(mock.patch.object(module, "start_time", started))
            for name in ("rename", "replace", "link", "unlink", "mkdir", "rmdir", "fsync"):
                stack.enter_context(self._before(os, name))
            stack.enter_context(self._open(io))
            stack.enter_context(self._open(builtins))
            stack.enter_context(self._before(pl.DataFrame, "write_parquet"))
            stack.enter_context(self._before(pq.ParquetWriter, "write_table"))
            stack.enter_context(self._before(transaction, "create_table_with_add_actions"))
            stack.enter_context(self._before(DeltaTable, "create_write_transaction"))
            yield self


# --- what must hold ---


def committed(store: Path) -> Snapshot:
    """Inode and digest of each file that a release holds, and of what describes it."""
    if not (store / "_store" / "releases").is_dir():
        return {}
    found: set[Path] = set()
    for record in (store / "_store" / "releases").glob("[!.]*.json"):
        opened = varhouse.open(store, int(record.stem))
        found |= {record, store / "_store" / "files" / f"{opened.record.ingest_id}.json"}
        found |= {file for table in opened.tables for file in opened.paths(table)}
    return {
        str(f.relative_to(store)): (
            f.stat().st_ino,
            hashlib.sha256(f.read_bytes()).hexdigest(),
        )
        for f in found
    }


def digest(store: Path, release: int | None = None) -> str | None:
    """Digest of a release, the newest by default; None without one."""
    if not list((store / "_store" / "releases").glob("[!.]*.json")):
        return None
    found: str = varhouse.open(store, release).digest()
    return found


@dataclass
class Scenario:
    """Something that is killed: what is there before, and the digests before and after."""

    name: str
    make: Callable[[Path], None]
    act: Callable[[Path], None]
    changes: int = 0
    before: str | None = None
    after: str | None = None
    states: set[str | None] = field(default_factory=set)
    base: Path = field(default_factory=Path)

    def prepare(self, folder: Path) -> None:
        """Make the inputs, and measure a run that nobody kills."""
        self.base = folder / "base"
        self.base.mkdir(parents=True)
        self.make(self.base)
        self.before = digest(self.base / "store")
        whole = self.copy(folder / "whole")
        with Faults(None, 1).armed() as faults:
            self.act(whole)
        self.changes, self.after = faults.count, digest(whole / "store")
        releases = range(1, varhouse.open(whole / "store").release + 1)
        # A first ingest makes two: the empty store is the first.
        self.states = {self.before, *(digest(whole / "store", n) for n in releases)}
        check_clean(whole / "store")

    def copy(self, folder: Path) -> Path:
        """Copy the inputs, and the store if there is one."""
        shutil.rmtree(folder, ignore_errors=True)
        # Sizes, times and names as they were; inodes are others.
        shutil.copytree(self.base, folder)
        return folder


def check_clean(store: Path) -> None:
    """Check that a store is sound and that nothing of the killed is left."""
    assert not verify(varhouse.open(store)), verify(varhouse.open(store))
    left = find_leftovers(store, kept=True, thorough=True)
    assert not left, left
    assert not (store / "_staging").exists()
    beside = [p.name for p in store.parent.iterdir() if p.name.startswith(".")]
    assert not beside, beside


def kill_and_retry(scenario: Scenario, folder: Path, kills: list[int]) -> list[str]:
    """Kill at some changes, one attempt after the other, then let it end; give the places."""
    here = scenario.copy(folder)
    store, places = here / "store", []
    for life, last in enumerate([*kills, None], 2):
        held = committed(store)
        with Faults(last, life).armed() as faults:
            try:
                scenario.act(here)
            except Killed:
                places.append(faults.place.replace(str(here), ""))
        now = committed(store)
        changed = [name for name, was in held.items() if now.get(name) != was]
        assert not changed, (places, changed)
        assert digest(store) in scenario.states, places
        if not faults.dead:
            break
    assert digest(store) == scenario.after, places
    check_clean(store)
    return places


# --- scenarios ---


def first_inputs(folder: Path) -> None:
    """Inputs for a store that is not there."""
    make_small_inputs(folder)


def further_inputs(folder: Path) -> None:
    """A store of cohort a; then cohort b, other calls in a, another source, a gene more."""
    config = make_small_inputs(folder)
    sheet = (folder / "cohorts.tsv").read_text()
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    ingest_whole(folder)
    (folder / "cohorts.tsv").write_text(sheet)
    text = (folder / "a.vcf").read_text().splitlines(keepends=True)
    (folder / "a.vcf").write_text("".join(text[:-3]))
    for name, old, new in (
        ("known.vcf", "SCORE=3", "SCORE=4"),
        ("genes.gff3", "Name=N1", "Name=N2"),
    ):
        (folder / name).write_text((folder / name).read_text().replace(old, new))
    (folder / "config.json").write_text(json.dumps(config))


def grown_inputs(folder: Path) -> None:
    """A store of four people with gVCFs; then one is replaced, one leaves, one comes."""
    people = People(folder)
    names = [people.write(k) for k in range(5)]
    people.configure(names[:4])
    ingest_whole(folder)
    people.write(2, seed=1)
    people.configure(names[1:])


def dropped_inputs(folder: Path) -> None:
    """A store of both cohorts."""
    make_small_inputs(folder)
    ingest_whole(folder)


def drop_again(folder: Path) -> None:
    """Drop cohort b unless that is done."""
    store = varhouse.open(folder / "store")
    if "b" in store.scan("cohorts").collect()["cohort"].to_list():
        drop_cohort(folder / "store", "b", wait=5.0)
    else:
        # The release was made; what the killed process left goes with the next command.
        with lock.store_lock(folder / "store", 5.0):
            clear(folder / "store")


def grown_store(folder: Path) -> None:
    """A store of four people with gVCFs, with a file each in every place."""
    people = People(folder)
    people.configure([people.write(k) for k in range(4)])
    ingest_whole(folder)


def compact(folder: Path) -> None:
    """Join the files of a store; a second time there is nothing to do."""
    compact_store(folder / "store", wait=5.0)


def littered_inputs(folder: Path) -> None:
    """A store with what an ingest left that was killed in the middle of its commit."""
    further_inputs(folder)
    faults = Faults(None, 0)
    # Shards are linked then, and Delta commits made, for a release that never came.
    dying = mock.patch.object(commit, "_reached", faults.die_after("committed genotypes"))
    with dying, faults.armed(), contextlib.suppress(Killed):
        ingest_whole(folder)
    assert find_leftovers(folder / "store", kept=True, thorough=True)


def tag_and_collect(folder: Path) -> None:
    """Name a release, then remove what was left, as the commands do."""
    name = str(folder / "store")
    parser = build_parser("store")
    with contextlib.redirect_stdout(io.StringIO()):
        for words in (
            ["tag", name, "first", "--release", "1", "--move"],
            ["gc", name, "--wait", "5"],
        ):
            arguments = parser.parse_args(["store", *words])
            arguments.run(arguments)
    assert read_tags(folder / "store") == {"first": 1}


def scenarios() -> list[Scenario]:
    """Give what is killed."""
    return [
        Scenario("first ingest", first_inputs, ingest_whole),
        Scenario("further ingest", further_inputs, ingest_whole),
        Scenario("growth", grown_inputs, ingest_whole),
        Scenario("drop", dropped_inputs, drop_again),
        Scenario("compact", grown_store, compact),
        Scenario("tag and gc", littered_inputs, tag_and_collect),
    ]


def points(changes: int, number: int, rng: random.Random) -> list[int]:
    """Spread some points over all changes, at random in equal pieces."""
    edges = [changes * i // number for i in range(number + 1)]
    return [rng.randrange(a, max(b, a + 1)) for a, b in itertools.pairwise(edges)]


# --- real kills ---


def ingest_command(folder: Path) -> list[str]:
    """Give the command that a person would run."""
    return [
        sys.executable,
        "-m",
        "varhouse",
        "-q",
        "ingest",
        str(folder / "store"),
        "--config",
        str(folder / "config.json"),
        "--cores",
        "2",
    ]


def kill_for_real(scenario: Scenario, folder: Path, delays: list[float], alone: bool) -> str:
    """Kill the command after so many seconds, one attempt after the other, then retry.

    With `alone` only the main process is killed: all that it started must end by itself.
    Gives what was going on when the last kill came.
    """
    here = scenario.copy(folder)
    store, told = here / "store", "nothing"
    for delay in [*delays, None]:
        held = committed(store)
        process = subprocess.Popen(
            ingest_command(here),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = process.communicate(timeout=delay)
            assert process.returncode == 0, said.decode()
        except subprocess.TimeoutExpired:
            told = _stage(store)
            started = descendants(process.pid)
            if alone:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            _wait_for_end(started)
        now = committed(store)
        changed = [name for name, was in held.items() if now.get(name) != was]
        assert not changed, changed
        assert digest(store) in scenario.states
    assert digest(store) == scenario.after
    check_clean(store)
    return told


def _stage(store: Path) -> str:
    """Name the newest log of a step of an ingest that runs."""
    logs = sorted(store.glob("_staging/*/logs/**/*.log"), key=lambda p: p.stat().st_mtime)
    return logs[-1].parent.name + "/" + logs[-1].stem if logs else "before the workflow"


def _wait_for_end(pids: list[int], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while left := [p for p in pids if Path(f"/proc/{p}").exists() and not _is_zombie(p)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    return processes.start_time(pid) in ("", "ended")
