"""Nights of small deliveries with random faults, and a model of what should be in.

The model knows what was sent, and nothing of what `varhouse nightly` keeps: of each cohort the
files and people of the good deliveries, in the order of their dates. After the last night the
store must have the digest of one ingest of that. `scripts/soak.py` runs sixty nights.
"""

import contextlib
import errno
import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from builders import make_fasta, make_vcf
from kills import Faults, Killed, run_steps
from nights import BASES, FIRST, Nights, vcf_text
from underfire import BLOWS, start, strike, wait_for_none
from verifying import verify

import varhouse
from varhouse.errors import VarhouseError
from varhouse.ingest import driver
from varhouse.nightly.account import Night
from varhouse.store.leftovers import find_leftovers

REAL_CPU = 9.0
"""CPU seconds of a real night that takes something in."""

COHORTS = ("a", "b", "c", "d", "e")
KINDS = {
    "replace": 5, "add": 4, "wrong sum": 2, "cut": 1, "cut, summed": 1, "wrong assembly": 1,
    "again": 2, "renamed": 1, "late": 1, "half copied": 2,
}  # fmt: skip
"""What is sent, to how often; one that is not good, or not whole, is mended some nights later
or taken out of the inbox."""


@dataclass
class Sent:
    """A delivery as its sender knows it."""

    name: str
    cohort: str
    date: str
    mode: str
    files: dict[str, str | bytes]
    people: list[str]


@dataclass
class Model:
    """What should be in the store, and what should be a fault.

    `faults` holds the names of deliveries with what is wrong with them: `inbox` and `late`
    lie in the inbox, `ingest` is held by the ingest until its cohort is replaced.
    """

    files: dict[str, dict[str, str | bytes]] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    faults: dict[str, tuple[str, Sent]] = field(default_factory=dict)
    waiting: dict[str, Sent] = field(default_factory=dict)
    last: dict[str, Sent] = field(default_factory=dict)

    def comes(self, sent: Sent) -> None:
        """Take in a good delivery that is marked; an old state replaces no newer one."""
        self.faults.pop(sent.name, None)
        if sent.date < self.dates.get(sent.cohort, ""):
            self.faults[sent.name] = ("late", sent)
            return
        if sent.mode == "replace":
            self.files[sent.cohort], self.people[sent.cohort] = {}, set()
            self.faults = {
                n: (kind, s) for n, (kind, s) in self.faults.items()
                if kind != "ingest" or s.cohort != sent.cohort
            }  # fmt: skip
        self.files.setdefault(sent.cohort, {}).update(sent.files)
        self.people.setdefault(sent.cohort, set()).update(sent.people)
        self.dates[sent.cohort] = sent.date
        self.last[sent.cohort] = sent

    def held_cohorts(self) -> set[str]:
        """Name the cohorts of which the ingest holds a delivery back."""
        return {s.cohort for kind, s in self.faults.values() if kind == "ingest"}


class FullDisk(Faults):
    """From a change on, nothing more can be written; removing is possible."""

    def _reached(self, place: str) -> None:
        if self._last is not None and self.count >= self._last:
            if not place.startswith(("unlink", "rmdir", "rename", "replace", "fsync")):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            self.count += 1


@dataclass
class Measured:
    """What a night was like: counts of files, bytes, CPU seconds.

    `opened_files` are those of the newest release, `beside` files of the nights' folder but
    those that are kept a night or a delivery each, `quiet_cpu_s` a night with nothing to do.
    """

    night: int
    happened: str
    exit_code: int
    opened_files: int
    opened_bytes: int
    store_files: int
    unpinned_files: int
    beside: int
    open_cpu_s: float
    quiet_cpu_s: float
    alleles: int


class Soak:
    """A data centre, the model of it, and chance."""

    def __init__(self, folder: Path, seed: int, *, really: bool = False) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.nights, self.model = Nights(folder / "centre", {"unfinished_days": 99}), Model()
        self.lives, self.number, self.changes, self.really = 1, 0, 400, really
        self.counts: dict[str, int] = {}
        self.done: list[Measured] = []
        self.busy: set[str] = set()
        """Cohorts that have had a delivery this night: one each keeps the model plain."""

    # --- a night ---

    def pass_night(self, day: int) -> Measured:
        """Send something, let the night pass with what befalls it, and check its end."""
        self.nights.day = day
        before = {n: kind for n, (kind, _) in self.model.faults.items()}
        happened = self._mend(day) + self._send(day)
        befalls = self.rng.choices(["", "killed", "killed twice", "full"], [6, 2, 1, 1])[0]
        ruined = told = False
        for k in range({"": 0, "killed": 1, "killed twice": 2, "full": 1}[befalls]):
            if self.really and befalls != "full":
                code = self._kill_really()
            else:
                code = self._ruin(FullDisk if befalls == "full" else Faults)
            ruined |= code is None
            told |= code == 3
            self.nights.day = day + (k + 1) / 10  # type: ignore[assignment]
        night = self._whole_night()
        self._count([befalls] if ruined else [])
        faults = {n: kind for n, (kind, _) in self.model.faults.items()}
        found = {f.subject.removeprefix("delivery:") for f in night.faults}
        assert found == set(faults), (day, happened, befalls, night.faults, self.model.faults)
        new = any(before.get(n) != kind for n, kind in faults.items())
        # A night that came to its end has told; one that did not may have, in its account.
        wanted = {0, 3} if new and ruined else {3} if new and not told else {0}
        assert night.exit_code in wanted, (
            day,
            happened,
            befalls,
            wanted,
            night.faults,
            before,
        )
        in_store = self.nights.people() if self.nights.store.exists() else {}
        assert in_store == {c: sorted(p) for c, p in self.model.people.items()}, (
            day,
            happened,
        )
        done = self._measure(day, ", ".join([*happened, befalls]).strip(", "), night)
        self.done.append(done)
        return done

    def _whole_night(self) -> Night:
        self.lives += 1
        with Faults(None, self.lives).armed() as faults:
            night = self.nights.run()
        if night.release is not None:
            self.changes = faults.count
        return night

    def _ruin(self, how: type[Faults]) -> int | None:
        """Let a night end at a random change; give its exit code if it came to its end."""
        self.lives += 1
        at = self.rng.randrange(max(2, self.changes))
        store = self.nights.store
        old = varhouse.open(store).digest() if (store / "_store/releases").is_dir() else None
        with how(at, self.lives).armed():
            try:
                night = self.nights.run()
            except (Killed, OSError, VarhouseError):
                pass
            else:
                # The kill would have come later; or the disk was full for what is not needed.
                return night.exit_code if night.exit_code != 1 else None
        if old is not None:
            assert not [p for p in verify(varhouse.open(store)) if not p.is_note]
        return None

    def _kill_really(self) -> int | None:
        """Kill a real `varhouse nightly`, or all that it started; its exit code if it ended.

        Its clock is that of the host: the dates of deliveries must not be later.
        """
        words = ["nightly", "--config", str(self.nights.config), "--cores", "1"]
        run = start(self.nights.root, f"soak-{uuid.uuid4().hex}", words)
        blow = self.rng.choice([b for b in BLOWS if b.name in ("main", "group")])
        if not run.reach(self.rng.random() * REAL_CPU, "main", self.rng):
            assert run.process.returncode in (0, 3), run.text()
            return run.process.returncode
        strike(run, blow, self.rng)
        run.process.wait(60)
        wait_for_none(run.mark, 30.0)
        if self.nights.store.exists():
            assert not [p for p in verify(varhouse.open(self.nights.store)) if not p.is_note]
        return None

    # --- what comes ---

    def _new(self, day: int, mode: str, cohort: str) -> Sent:
        self.number += 1
        n = self.number
        people = [f"{cohort}{n}x{i}" for i in range(1 if mode == "add" else 2)]
        text = vcf_text(self.nights.root, people, seed=n)
        return Sent(f"d{n}", cohort, self._date(day), mode, {f"calls{n}.vcf": text}, people)

    @staticmethod
    def _date(day: int) -> str:
        return str((FIRST + timedelta(days=day)).date())

    def _put(self, sent: Sent, *, ready: bool = True) -> Path:
        return self.nights.deliver(
            sent.name, sent.cohort, sent.date, sent.files,
            people=sent.people, ready=ready, mode=sent.mode,
        )  # fmt: skip

    def _send(self, day: int) -> list[str]:
        kinds = self.rng.choices(list(KINDS), list(KINDS.values()), k=self.rng.randrange(3))
        free = [c for c in COHORTS if c not in self.busy]
        cohorts = self.rng.sample(free, min(len(kinds), len(free)))
        sent = [
            kind
            for kind, cohort in zip(kinds, cohorts, strict=False)
            if self._send_one(day, kind, cohort)
        ]
        self._count(sent)
        return sent

    def _send_one(self, day: int, kind: str, cohort: str) -> bool:
        known = self.model.last.get(cohort)
        if kind in ("again", "renamed", "late"):
            if known is None:
                return False
            sent = Sent(**{**vars(known), "name": f"{known.name}-{kind}-{day}"})
            if kind == "renamed":
                sent.files = {f"other-{n}": text for n, text in known.files.items()}
            if kind == "late":
                sent = self._new(-1, "replace", cohort)
                self.model.comes(sent)
            self._put(sent)
            return True
        held = kind in ("cut, summed", "wrong assembly")
        if held and cohort in self.model.held_cohorts():
            return False
        sent = self._new(day, "add" if kind == "add" else "replace", cohort)
        (file, text), path = next(iter(sent.files.items())), self.nights.root / "made.vcf.gz"
        if kind == "wrong assembly":
            wrong = {c: b[::-1] for c, b in BASES.items()}
            sent.files = {file: vcf_text(self.nights.root, sent.people, 1, wrong)}
        if kind == "cut, summed":
            lines = [line for line in str(text).splitlines() if line[0] != "#"]
            make_vcf(path, lines, sent.people)
            sent.files = {file + ".gz": path.read_bytes()[:-40]}
        folder = self._put(sent, ready=kind != "half copied")
        if held:
            self.model.faults[sent.name] = ("ingest", sent)
        elif kind in ("wrong sum", "cut"):
            cut = (folder / file).read_bytes()
            (folder / file).write_bytes(cut[:-9] if kind == "cut" else cut + b"\n")
            self.model.faults[sent.name] = ("inbox", sent)
        elif kind == "half copied":
            (folder / file).write_text(str(text)[:100])
            self.model.waiting[sent.name] = sent
        else:
            self.model.comes(sent)
        return True

    def _mend(self, day: int) -> list[str]:
        """Finish and correct some of what lies in the inbox, or take it out."""
        happened: list[str] = []
        self.busy.clear()
        for name, sent in list(self.model.waiting.items()):
            if self.rng.random() < 0.5 and sent.cohort not in self.busy:
                del self.model.waiting[name]
                happened.append(self._redeliver(sent, "finished"))
                self.busy.add(sent.cohort)
        for name, (kind, sent) in list(self.model.faults.items()):
            if kind == "ingest" or self.rng.random() < 0.7 or sent.cohort in self.busy:
                continue
            if kind == "inbox" and self.rng.random() < 0.7:
                happened.append(self._redeliver(sent, "corrected"))
                self.busy.add(sent.cohort)
            else:
                shutil.rmtree(self.nights.inbox / name)
                del self.model.faults[name]
                happened.append("taken out")
        self._count(happened)
        return happened

    def _redeliver(self, sent: Sent, what: str) -> str:
        shutil.rmtree(self.nights.inbox / sent.name)
        self._put(sent)
        self.model.comes(sent)
        return what

    def _count(self, happened: list[str]) -> None:
        for what in happened:
            self.counts[what] = self.counts.get(what, 0) + 1

    # --- what is left ---

    def _measure(self, day: int, happened: str, night: Night) -> Measured:
        store, folder = self.nights.store, self.nights.folder
        self.nights.day = day + 0.9  # type: ignore[assignment]
        began = time.process_time()
        again = self.nights.run()
        quiet = time.process_time() - began
        assert (again.exit_code, again.release) == (0, None), (day, happened, again)
        if not store.exists():
            return Measured(day, happened, night.exit_code, 0, 0, 0, 0, 0, 0.0, quiet, 0)
        left = find_leftovers(store, kept=True, thorough=True)
        assert not left, left
        began = time.process_time()
        opened = varhouse.open(store)
        opened.scan("totals").collect()
        start = time.process_time() - began
        paths = [p for table in opened.tables for p in opened.paths(table)]
        kept = ("accounts", "deliveries", "data")
        beside = [p for p in folder.rglob("*") if p.relative_to(folder).parts[0] not in kept]
        return Measured(
            day, happened, night.exit_code, len(paths), sum(p.stat().st_size for p in paths),
            sum(1 for p in store.rglob("*") if p.is_file()),
            len(find_leftovers(store, kept=True, thorough=True)), len(beside), start, quiet,
            opened.scan("variants").collect().height,
        )  # fmt: skip

    def clean_digest(self) -> str:
        """Give the digest of one ingest of what the model holds."""
        folder = self.folder / "clean"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        make_fasta(folder / "ref.fa", BASES)
        cohorts, samples = ["cohort\tfiles"], ["cohort\tsample\tsex"]
        for cohort, files in sorted(self.model.files.items()):
            (folder / cohort).mkdir()
            for name, text in files.items():
                (folder / cohort / name).write_text(str(text))
            cohorts.append(f"{cohort}\t{','.join(f'{cohort}/{n}' for n in sorted(files))}")
            samples += [f"{cohort}\t{p}\tfemale" for p in sorted(self.model.people[cohort])]
        (folder / "cohorts.tsv").write_text("\n".join(cohorts) + "\n")
        (folder / "samples.tsv").write_text("\n".join(samples) + "\n")
        config: dict[str, Any] = {
            "assembly": {"name": "toy", "reference": "ref.fa"},
            "cohorts": "cohorts.tsv", "samples": "samples.tsv",
        }  # fmt: skip
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        with mock.patch.object(driver, "run_snakemake", run_steps):
            code, _ = driver.ingest(folder / "store", folder / "config.yaml", driver.Options())
        assert code == 0
        return str(varhouse.open(folder / "store").digest())


def slope(values: list[float]) -> float:
    """Give the least-squares change a night."""
    n = len(values)
    mean_x, mean_y = (n - 1) / 2, sum(values) / n
    spread = sum((x - mean_x) ** 2 for x in range(n))
    return sum((x - mean_x) * (y - mean_y) for x, y in enumerate(values)) / spread


@contextlib.contextmanager
def unsynced() -> Iterator[None]:
    """Leave the disk out, as the tests do: a night syncs a hundred small files."""
    nothing: Callable[[int], None] = lambda _: None  # noqa: E731
    with mock.patch.object(os, "fsync", nothing):
        yield
