"""Kills of the whole workflow: `varhouse ingest`, Snakemake and its jobs as real processes.

A moment is a share of the CPU time that a run takes which nobody disturbs, so that it does
not depend on what else the host does. Who is hit, and by which signal, is a `Blow`. All
processes of a case carry a mark in their environment: by it those are found that are left.
The work is shared out as that of a large ingest (`MANY_JOBS`).
"""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import fire_inputs
from kills import Scenario, Snapshot, check_clean, committed, digest, ingest_whole

from varhouse.store.leftovers import find_leftovers
from varhouse.store.lock import read_holder

MANY_JOBS = """
import signal, sys
# Until the command line minds it, an interrupt ends this process without a word.
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
from varhouse.ingest.setup import begin, sizing
sizing.WHOLE_BYTES = sizing.BUNDLED_RECORDS = 0
sizing._is_split = lambda file, *_: file.cohort == "packed"
share = sizing.share_jobs
begin.share_jobs = lambda files, sources, genes, *_: share(files, sources, genes, 2, 0.001)
from varhouse.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""
"""The command line, with work shared out as that of a large ingest: every rule has jobs."""

MARK = "VARHOUSE_TEST_CASE"
POLL = 0.2
"""Seconds between two looks at all processes: a look costs 10 ms of CPU."""
STARTS = 0.25
"""Share of the CPU of a run that is over when the first job has started."""
_TICKS = os.sysconf("SC_CLK_TCK")
_KINDS = {
    "supervisor": re.compile(r"supervise\.py"),
    "snakemake": re.compile(r"-m snakemake"),
    "shell": re.compile(r"^\S*(ba)?sh -c .*varhouse stage"),
    "job": re.compile(r"^\S*python\S* \S*varhouse stage"),
}


@dataclass(frozen=True)
class Blow:
    """What happens at a moment.

    Attributes
    ----------
    kills
        Who is hit by which signal, one after the other. `group` is the process group.
    waits
        Whether the next run begins when all processes of this one have ended.
    wakes
        Who is woken (SIGCONT) in the middle of the next run.
    """

    name: str
    kills: tuple[tuple[str, int], ...]
    waits: bool = True
    wakes: str = ""

    @property
    def survives(self) -> bool:
        """Tell whether the main process lives on, and has to say what happened."""
        return all(who not in ("main", "group") for who, _ in self.kills)


_K, _T, _I, _S = signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP
BLOWS = [
    Blow("main", (("main", _K),)),
    Blow("main, next run at once", (("main", _K),), waits=False),
    Blow("job", (("job", _K),)),
    Blow("shell of a job", (("shell", _K),)),
    Blow("Snakemake", (("snakemake", _K),)),
    Blow("supervisor", (("supervisor", _K),)),
    Blow("group", (("group", _K),)),
    Blow("SIGTERM to main", (("main", _T),)),
    Blow("SIGINT to main", (("main", _I),)),
    Blow("SIGTERM to the group", (("group", _T),)),
    Blow("SIGINT to the group", (("group", _I),)),
    Blow("main stopped, then killed", (("main", _S), ("main", _K))),
    Blow("job stopped, main killed", (("job", _S), ("main", _K))),
    Blow("supervisor stopped, main killed, next run at once",
         (("supervisor", _S), ("main", _K)), waits=False, wakes="supervisor"),
    Blow("all stopped, main killed, next run at once",
         (("group", _S), ("main", _K)), waits=False, wakes="group"),
]  # fmt: skip


@dataclass
class Process:
    """One process of a case."""

    pid: int
    kind: str
    cpu: float


def marked(mark: str) -> list[Process]:
    """List the living processes that carry a mark, with CPU of those they waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if mark.encode() not in (entry / "environ").read_bytes():
                continue
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            kind = next((k for k, p in _KINDS.items() if p.search(words)), "other")
            if fields[0] not in "ZX":
                cpu = sum(map(int, fields[11:15])) / _TICKS
                found.append(Process(int(entry.name), kind, cpu))
    return found


@dataclass
class Run:
    """One run of the command, and what is known of it."""

    process: "subprocess.Popen[bytes]"
    mark: str
    said: Path
    ended: float = field(default=0.0)

    def text(self) -> str:
        """Give what it wrote on both streams."""
        return self.said.read_text(errors="replace")

    def reach(self, cpu: float, kind: str, rng: random.Random) -> bool:
        """Wait until so much CPU is used and a process of a kind lives; False: it ended."""
        while self.process.poll() is None:
            now = marked(self.mark)
            used = sum(p.cpu for p in now)
            if used >= cpu and (kind in ("main", "group") or _some(now, kind)):
                return True
            time.sleep(POLL * (0.5 + rng.random()))
        return False


def _some(now: list[Process], kind: str) -> list[int]:
    return [p.pid for p in now if p.kind == kind]


def start(here: Path, mark: str, command: list[str] | None = None) -> Run:
    """Start the command in a session of its own, with a temporary folder of its own."""
    (here.parent / "tmp").mkdir(exist_ok=True)
    said = here.parent / f"{mark}.txt"
    words = command or [
        "ingest", str(here / "store"), "--config", str(here / "config.json"), "--cores", "2",
    ]  # fmt: skip
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", MANY_JOBS, *words],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, MARK: mark, "TMPDIR": str(here.parent / "tmp")},
        )
    return Run(process, mark, said)


def strike(run: Run, blow: Blow, rng: random.Random) -> str:
    """Hit who is meant; tell which processes there were."""
    now = marked(run.mark)
    for who, number in blow.kills:
        if who == "group":
            os.killpg(run.process.pid, number)
            continue
        pids = [run.process.pid] if who == "main" else _some(now, who)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(pids), number)
    return " ".join(sorted(p.kind for p in now))


def wait_for_none(mark: str, seconds: float) -> float:
    """Wait until no process with a mark lives; give how long that took."""
    began = time.monotonic()
    while left := marked(mark):
        assert time.monotonic() - began < seconds, f"still there: {left}"
        time.sleep(0.05)
    return time.monotonic() - began


@dataclass
class Fire:
    """A scenario under fire: inputs, and what a run is like that nobody disturbs."""

    scenario: Scenario
    cpu: float = 0.0
    code: int = 0
    jobs: int = 1
    files: Counter[str] = field(default_factory=Counter)

    def prepare(self, folder: Path) -> None:
        """Make the inputs and measure the undisturbed run, with real processes."""
        made = self.scenario
        made.base = folder / "base"
        made.base.mkdir(parents=True)
        made.make(made.base)
        made.before = digest(made.base / "store")
        here = made.copy(folder / "whole" / "case")
        run = start(here, uuid.uuid4().hex)
        while run.process.poll() is None:
            self.cpu = max(self.cpu, sum(p.cpu for p in marked(run.mark)))
            self.jobs = max(self.jobs, len(_jobs_done(here)))
            time.sleep(POLL)
        self.code = run.process.returncode
        assert self.code == 3, run.text()
        made.after = digest(here / "store")
        newest = len(list((here / "store/_store/releases").glob("[!.]*.json")))
        made.states = {made.before, *(digest(here / "store", n + 1) for n in range(newest))}
        self.check(here, run.mark)
        self.files = _names(here)
        shutil.rmtree(folder / "whole")

    def check(self, here: Path, mark: str) -> None:
        """Check that nothing is left behind, running or on disk."""
        assert not marked(mark), marked(mark)
        check_clean(here / "store")
        left = find_leftovers(here / "store", kept=True, thorough=True)
        assert not left, left
        assert read_holder(here / "store") is None
        tmp = sorted(p.name for p in (here.parent / "tmp").iterdir())
        assert not tmp, tmp
        if self.files:
            now = _names(here)
            assert now <= self.files, now - self.files


def _names(here: Path) -> Counter[str]:
    """Count files by name, without digests; those of the tables are left to `verify`."""
    names = [str(p.relative_to(here)) for p in here.rglob("*")]
    outside = [n for n in names if not re.match(r"store/(open|controlled)/.*/", n)]
    return Counter(re.sub(r"[0-9a-f]{8,}", "*", n) for n in outside)


def kill_and_go_on(
    fire: Fire, folder: Path, blows: list[Blow], rng: random.Random
) -> list[str]:
    """Hit one run after the other, each at a random moment of what is left; then let it end.

    Gives for each blow that fell what there was, and what came of it.
    """
    here = fire.scenario.copy(folder / "case")
    mark = uuid.uuid4().hex
    store, story = here / "store", []
    for blow in blows:
        held = committed(store)
        run = start(here, f"{mark}-{len(story)}")
        left = 1 - STARTS - len(_jobs_done(here)) / fire.jobs * (1 - STARTS)
        moment = rng.random() * (STARTS + left) * fire.cpu
        if not run.reach(moment, blow.kills[0][0], rng):
            _ended_well(run, fire)
            break
        there = strike(run, blow, rng)
        at = f"{moment:.1f} s CPU, {len(_jobs_done(here))} jobs done, {there}"
        story.append(f"{blow.name} ({at}): {_after(run, blow, fire)}")
        _unchanged(held, store, fire)
        if blow.wakes:
            story[-1] += _beside(here, run, blow, fire, f"{mark}-{len(story)}")
            _unchanged(held, store, fire)
    run = start(here, f"{mark}-last")
    run.process.wait(600)
    _ended_well(run, fire)
    wait_for_none(mark, 30.0)
    assert digest(store) == fire.scenario.after, story
    fire.check(here, mark)
    return story


def _jobs_done(here: Path) -> list[Path]:
    return list(here.glob("store/_staging/*/jobs/**/*.json"))


def _after(run: Run, blow: Blow, fire: Fire) -> str:
    """Look how a run ends that was hit."""
    if blow.survives:
        code = run.process.wait(300)
        left = wait_for_none(run.mark, 10.0)
        text = run.text()
        if code == fire.code and "release" in text:
            return "went on to its end"
        assert code == 1, (code, text)
        assert "Traceback" not in text, text
        error = text[text.index("error:") :]
        assert re.search(r"step \w+|Snakemake", error), text
        assert read_holder(run.said.parent / "case/store") is None
        return f"exit 1, {left:.1f} s: {error.splitlines()[0][:160]}"
    code = 0
    if blow.waits:
        code = run.process.wait(120)
        left = wait_for_none(run.mark, 60.0)
        assert code != 0 or "release" in run.text(), run.text()
        assert "Traceback" not in run.text(), run.text()
        return f"exit {code}, all ended after {left:.1f} s"
    run.process.wait(60)
    return f"{len(marked(run.mark))} still there"


def _beside(here: Path, old: Run, blow: Blow, fire: Fire, mark: str) -> str:
    """Run again while processes of the last run live; wake those that were stopped."""
    run = start(here, mark)
    run.reach(0.5 * fire.cpu, "main", random.Random(mark))
    if blow.wakes == "group":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(old.process.pid, signal.SIGCONT)
    for pid in _some(marked(old.mark), blow.wakes):
        os.kill(pid, signal.SIGCONT)
    code = run.process.wait(300)
    left = wait_for_none(old.mark, 60.0)
    assert code in (fire.code, 1), (code, run.text())
    assert "Traceback" not in run.text(), run.text()
    said = "" if code != 1 else run.text()[run.text().index("error:") :][:160]
    return f"; beside it exit {code}, the old ended {left:.1f} s later {said}"


def _ended_well(run: Run, fire: Fire) -> None:
    run.process.wait(600)
    assert run.process.returncode == fire.code, run.text()


def _unchanged(held: Snapshot, store: Path, fire: Fire) -> None:
    now = committed(store)
    changed = [name for name, was in held.items() if now.get(name) != was]
    assert not changed, changed
    assert digest(store) in fire.scenario.states


def nothing(_: Path) -> None:
    """Do nothing: real processes act, not this one."""


def fires() -> list[Fire]:
    """Give what is under fire: a first ingest, and one into a store that has a release."""

    def further(folder: Path) -> None:
        fire_inputs.further_inputs(folder, ingest_whole)

    made: list[tuple[str, Callable[[Path], None]]] = [
        ("first ingest", fire_inputs.first_inputs),
        ("further ingest", further),
    ]
    return [Fire(Scenario(name, make, nothing)) for name, make in made]
