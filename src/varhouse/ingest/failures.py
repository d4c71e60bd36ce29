"""Which jobs of a run failed, and why: what Snakemake says of them, their logs, Slurm's.

A job that fails by itself writes `error:` into its log. One that is killed for its memory or
time, cancelled, or that loses its node writes nothing: Snakemake then says a state of Slurm,
and Slurm's log of the job the reason.
"""

import itertools
import os
import re
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError
from varhouse.files import read_json
from varhouse.ingest.jobs.about import about_job, about_part

_BEGINS = re.compile(r"Job (\d+): .*\(\d+ threads?, (\d+) MB, (\d+) min\)\Z")
"""What the rules say of a job when it starts (`SAID` in workflow/rules/common.smk)."""
_FAILED = re.compile(r"Error in (?:rule|checkpoint) (\w+):")
_FIELD = re.compile(r"    (\w+): (.*)")
_RESTART = re.compile(r"Trying to restart job (\d+)\.")
_FINISHED = re.compile(r"Finished jobid: (\d+) ")
_STATE = re.compile(r"SLURM status is: '([A-Z_]+)'|due to a node failure")
_LOG_END = " (check log file(s)"

_TAIL = 5
"""Lines of a job's log that are shown where it says no error."""

_MOST_OTHERS = 10
"""Other jobs that failed beside the one of which all is told."""

_READ_BYTES = 1 << 16
"""Of a log, the end that is read."""

_REASONS = (
    # In this order: a job without memory is cancelled, too.
    (
        "memory",
        re.compile(r"oom.kill|out of memory|exceeded (?:job |step )?memory limit", re.I),
    ),
    ("time", re.compile(r"DUE TO TIME LIMIT")),
    ("node", re.compile(r"DUE TO NODE FAILURE")),
    ("cancelled", re.compile(r"\*\*\* (?:JOB|STEP) \S+ ON \S+ CANCELLED AT")),
)
_STATES = {
    "OUT_OF_MEMORY": "memory", "TIMEOUT": "time", "DEADLINE": "time", "NODE_FAIL": "node",
    "BOOT_FAIL": "node", "CANCELLED": "cancelled", "PREEMPTED": "cancelled",
    "REVOKED": "cancelled",
}  # fmt: skip
_WORDS = {
    "memory": "it ran out of memory", "time": "it ran out of time", "node": "it lost its node",
    "cancelled": "it was cancelled",
    "": "it was killed or did not start, and wrote no error",
}  # fmt: skip


@dataclass
class FailedJob:
    """A job at its last attempt, as Snakemake tells of it.

    Attributes
    ----------
    name
        Path of its log below `logs`, without a suffix: `read/0/3`.
    state
        Slurm's word; empty for a job of this host.
    slurm_id, slurm_log
        Of a job of Slurm.
    mem_mb, runtime
        Megabytes and minutes that it asked for.
    attempt
        Counted from 1.
    message
        What else Snakemake says of it.
    """

    rule: str
    name: str = ""
    state: str = ""
    slurm_id: str = ""
    slurm_log: str = ""
    mem_mb: int | None = None
    runtime: int | None = None
    attempt: int = 1
    message: str = ""
    wildcards: dict[str, str] = field(default_factory=dict)


class JobReader:
    """Read the jobs that fail out of what Snakemake writes, line by line."""

    def __init__(self) -> None:
        self._failed: dict[str, FailedJob] = {}
        self._asked: dict[str, tuple[int, int]] = {}
        self._attempts: Counter[str] = Counter()
        self._rule = ""
        self._fields: dict[str, str] = {}

    def take(self, line: str) -> FailedJob | None:
        """Take a line; gives a job that failed and is tried again, when that is said."""
        line = line.rstrip("\n")
        if self._rule:
            if line.startswith(" "):
                if match := _FIELD.match(line):
                    self._fields[match[1]] = match[2]
                return None
            self._close()
        if match := _FAILED.match(line):
            self._rule, self._fields = match[1], {}
        elif match := _BEGINS.match(line):
            self._asked[match[1]] = int(match[2]), int(match[3])
            self._attempts[match[1]] += 1
        elif match := _FINISHED.match(line):
            self._failed.pop(match[1], None)
        elif match := _RESTART.match(line):
            return self._failed.get(match[1])
        return None

    def failed(self) -> list[FailedJob]:
        """List the jobs that failed and were not done later, the last one last."""
        if self._rule:
            self._close()
        return list(self._failed.values())

    def _close(self) -> None:
        """Take what was said of a job that failed; the last one stands last."""
        job = self._fields.get("jobid", "")
        self._failed.pop(job, None)
        self._failed[job] = _failed_job(
            self._rule, self._fields, self._asked.get(job), max(1, self._attempts[job])
        )
        self._rule = ""


def _failed_job(
    rule: str, said: dict[str, str], asked: tuple[int, int] | None, attempt: int
) -> FailedJob:
    message = said.get("message", "")
    state = _STATE.search(message)
    # What the job cost stands first; other files that it makes follow.
    output = said.get("output", "").partition(", ")[0]
    output = output.removeprefix("jobs/").removesuffix(".json")
    log = said.get("log", "")
    # The job's own log stands first; Slurm's has any path.
    slurm_log = log.partition(".log, ")[2].partition(_LOG_END)[0]
    return FailedJob(
        rule=rule,
        name=output or rule,
        state=(state[1] or "NODE_FAIL") if state else "",
        slurm_id=said.get("external_jobid", ""),
        slurm_log=slurm_log,
        mem_mb=asked[0] if asked else None,
        runtime=asked[1] if asked else None,
        attempt=attempt,
        message="" if message == "None" else message,
        wildcards=_wildcards(rule, output),
    )


def _wildcards(rule: str, name: str) -> dict[str, str]:
    """Give the wildcards of a job by its name: `read/0/3` is `file` 0 and `job` 3."""
    names = {
        "intake": ("job",), "cohort": ("job",), "validate": ("file",), "read": ("file", "job"),
        "settle": ("bundle",), "source": ("source",),
        "reads_check": ("check",), "reads_align": ("lane",), "reads_finish": ("alignment",),
        "reads_call": ("calls", "job"), "reads_gvcf": ("calls",), "reads_person": ("calls",),
    }  # fmt: skip
    return dict(zip(names.get(rule, ()), name.split("/")[1:], strict=False))


def reason(job: FailedJob, base: Path) -> str:
    """Say why a job failed: memory, time, node, cancelled; empty where nothing says it.

    Slurm gives the state FAILED to a job of which a step ran out of memory, so its log of the
    job is read, too.

    Parameters
    ----------
    base
        Folder from which a relative path of Slurm's log counts.
    """
    if word := _STATES.get(job.state):
        return word
    text = _end_of(base / job.slurm_log) if job.slurm_log else ""
    return next((word for word, pattern in _REASONS if pattern.search(text)), "")


def describe_retry(
    work: Path, job: FailedJob, began: float = 0.0, run: str = "run.json"
) -> str:
    """Say in a line that a job failed and is tried again."""
    why = reason(job, work)
    said = _last_error(_end_of(work / "logs" / f"{job.name}.log", began).splitlines())
    what = said[0].removeprefix("error: ") if said else f"{_WORDS[why]}{_asked(job, why)}"
    where = f" (Slurm job {job.slurm_id})" if job.slurm_id else ""
    return (
        f"{job.name}, {_about(work / run, job, '')}{where}: {what}; "
        f"that was attempt {job.attempt}, it is tried again"
    )


def describe_failure(
    work: Path,
    jobs: Sequence[FailedJob],
    log_file: Path,
    began: float = 0.0,
    run: str = "run.json",
) -> str:
    """Say of the last job that failed which it was, what it was at, why, and the fix.

    Parameters
    ----------
    work
        The work folder, in which the jobs ran.
    log_file
        What Snakemake wrote.
    began
        When the run began; logs that were last written before are of an earlier one.
    run
        Name of the run's file in the work folder.
    """
    job = jobs[-1]
    log = work / "logs" / f"{job.name}.log"
    lines = _end_of(log, began).strip().splitlines()
    more = f" ({len(jobs)} jobs failed)" if len(jobs) > 1 else ""
    part = _part_now(work, job.name)
    head = f"step {part} (job {job.name})" if part else f"step {job.name}"
    where = [f"at: {_about(work / run, job, part)}"]
    if job.slurm_id:
        where.append(f"Slurm job: {job.slurm_id}" + (f", {job.state}" if job.state else ""))
    if error := _last_error(lines):
        text = "\n".join(error).removeprefix("error: ")
    elif any(line.startswith("Traceback") for line in lines):
        text = "\n".join(lines[-12:])
    else:
        why = reason(job, work)
        text = f"{_WORDS[why]}{_asked(job, why)}"
        ends = [f"its log ends: {line}" for line in lines[-_TAIL:]] or ["its log is empty"]
        where = [_fix(job, why), *where, *ends]
        if job.slurm_log:
            where.append(f"Slurm's log: {work / job.slurm_log}")
        elif job.message:
            where.append(f"Snakemake says: {job.message}")
        where.append(f"Snakemake's log: {log_file}")
    where.append(f"log: {log}")
    others = jobs[:-1]
    where += [
        f"failed, too: {_about(work / run, j, '')} (log: {work / 'logs' / f'{j.name}.log'})"
        for j in others[:_MOST_OTHERS]
    ]
    if len(others) > _MOST_OTHERS:
        where.append(f"... and {len(others) - _MOST_OTHERS:,} more: {log_file}")
    return f"{head} failed{more}: {text}\n" + "\n".join(f"       {line}" for line in where)


def describe_crash(log_file: Path, before: int = 0, code: int = 1) -> str:
    """Say why a workflow failed of which no job did: the end of what Snakemake wrote.

    Of its log the first `before` bytes are of earlier runs; `code` is what Snakemake, or who
    supervises it, ended with.
    """
    number = -code if code < 0 else code - 128
    with suppress(ValueError):
        return (
            f"Snakemake was ended by {signal.Signals(number).name}, and its jobs with it\n"
            f"       fix: run the same command again: it goes on\n       log: {log_file}"
        )
    lines = log_file.read_bytes()[before:].decode(errors="replace").strip().splitlines()
    return "the workflow failed:\n" + "\n".join(lines[-15:]) + f"\n(log: {log_file})"


def _about(run_file: Path, job: FailedJob, part: str) -> str:
    """Say which cohort and file, or which contigs, a job was at."""
    run = _read(run_file)
    if run is None:
        return job.name
    plan = _read(run_file.parent / "plan" / "plan.json")
    about = about_part(run, plan, part) if part else ""
    return about or about_job(run, job.rule, job.wildcards)


def _asked(job: FailedJob, why: str) -> str:
    if why == "memory" and job.mem_mb:
        return f" (asked for {job.mem_mb:,} MB)"
    if why == "time" and job.runtime:
        return f" (asked for {job.runtime:,} minutes)"
    return ""


def _fix(job: FailedJob, why: str) -> str:
    again = "the same command, run again, goes on"
    for word, name, asked in (
        ("memory", "mem_mb", job.mem_mb),
        ("time", "runtime", job.runtime),
    ):
        if why == word and asked:
            return f"fix: {again}; add --set-resources {job.rule}:{name}={2 * asked}"
    return f"fix: {again}" if why else f"fix: see the logs; {again}"


def _end_of(file: Path, began: float = 0.0) -> str:
    """Read the end of a log; nothing where there is none since then."""
    with suppress(OSError), file.open("rb") as stream:
        if os.fstat(stream.fileno()).st_mtime < began:
            return ""
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _READ_BYTES))
        return stream.read().decode(errors="replace")
    return ""


def _last_error(lines: Sequence[str]) -> list[str]:
    """Give the last error of a log, with its further lines (its fix)."""
    starts = [k for k, line in enumerate(lines) if line.startswith("error:")]
    if not starts:
        return []
    further: Iterable[str] = itertools.takewhile(
        lambda line: line.startswith("  "), lines[starts[-1] + 1 :]
    )
    return [lines[starts[-1]], *further]


def _part_now(work: Path, name: str) -> str:
    """Name the part that a job had begun last; nothing where that is not known."""
    with suppress(OSError):
        return (work / "now" / f"{name.replace('/', '-')}.txt").read_text()
    return ""


def _read(file: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError, StoreError):
        found: dict[str, Any] = read_json(file)
        return found
    return None
