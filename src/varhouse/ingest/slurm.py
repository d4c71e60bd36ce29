"""What of an ingest is Slurm's: is it there, which jobs wait and why, jobs of dead runs.

Jobs of an ingest are found by their name, which begins with what stands for the store. Only
who holds the store's lock cancels them: then they are those of a run that has ended.
"""

import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from varhouse.errors import UsageError, install_extra, nearest
from varhouse.ingest.profiles import Profile

LOG = logging.getLogger("varhouse.ingest")

MARK = "slurm"
"""File in a work folder: its jobs went to Slurm. In the cache: some of them may still run."""

LONGEST_LOOK = 180
"""Seconds between two looks at the queue at most (snakemake-executor-plugin-slurm)."""

_ANSWER_SECONDS = 30
_END_SECONDS = 90
"""How long a cancelled job may take: it is asked to end, and killed after KillWait (30 s)."""


def job_prefix(store: Path) -> str:
    """Give what the names of a store's jobs begin with."""
    digest = hashlib.sha256(os.fsencode(store.resolve())).hexdigest()
    return f"varhouse-{digest[:12]}"


def slurm_arguments(profile: Profile, store: Path) -> list[str]:
    """Give Snakemake's arguments that name the jobs and say how states are asked for."""
    out = [f"--slurm-jobname-prefix={job_prefix(store)}"]
    if profile.status_command == "squeue" and (age := _min_job_age()) is not None:
        if age > LONGEST_LOOK:
            return out
        if _ask("sacct", "-n", "-X", "-S", "now") is not None:
            return [*out, "--slurm-status-command=sacct"]
        LOG.warning(
            "note  Slurm forgets a job %d s after its end (MinJobAge), and is looked at every "
            "%d s at most: an end may be missed, and the ingest then waits for ever. fix: "
            "MinJobAge of 300 s in slurm.conf, or accounting (sacct)",
            age,
            LONGEST_LOOK,
        )
    return out


def check_slurm(partition: str | None = None) -> None:
    """Check before any work that jobs can be submitted.

    Raises
    ------
    UsageError
        If a package or Slurm's commands are missing, nobody answers, or there is no such
        partition.
    """
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        raise UsageError(
            "the profile needs the package snakemake-executor-plugin-slurm",
            install_extra("slurm"),
        )
    for command in ("sbatch", "squeue", "scancel", "sinfo"):
        if shutil.which(command) is None:
            raise UsageError(
                f"the profile needs Slurm, and there is no {command} here",
                "run this where jobs are submitted from (a login node)",
            )
    listed = _ask("sinfo", "-h", "-o", "%R")
    if listed is None:
        raise UsageError(
            "sinfo: Slurm does not answer", "see what sinfo says; try again later"
        )
    names = sorted(set(listed.split()))
    # As sbatch takes it: the job goes to the one of several that lets it start first.
    asked = [] if partition is None else partition.split(",")
    wrong = [f"no partition {p!r}{nearest(p, names)}" for p in asked if p not in names]
    if wrong:
        raise UsageError(f"Slurm has {'; '.join(wrong)}", f"there are: {', '.join(names)}")


def waiting(store: Path) -> str:
    """Say how many jobs of the store wait in the queue, and why; empty if none does."""
    rows = _jobs(job_prefix(store)) or []
    reasons = Counter(why for _, state, why in rows if state == "PENDING")
    if not reasons:
        return ""
    said = ", ".join(f"{n} for {_plain(why)}" for why, n in reasons.most_common(2))
    return f"waiting in Slurm's queue: {said}"


def cancel_left(store: Path, marks: Sequence[Path] = ()) -> int:
    """Cancel what runs that have ended left in the queue, and wait until it is gone.

    The caller holds the store's lock. Gives how many jobs there were. As long as it is not
    known that all are gone a mark stays: the next ingest looks for them again.

    Parameters
    ----------
    store
        A store, or the folder of a call.
    marks
        Where the marks lie, the lasting one last; none: in the work folders of a store.
    """
    # Work folders are cleared away; the mark outlives them where Slurm does not answer.
    marks = marks or [*(store / "_staging").glob(f"*/{MARK}"), store / "_cache" / MARK]
    lasting = marks[-1]
    if not any(mark.exists() for mark in marks):
        return 0
    found, is_gone = cancel_jobs(job_prefix(store))
    if found is None:
        LOG.warning(
            "note  an earlier run had jobs on Slurm, which does not answer here: they may "
            "still run, but can commit nothing. fix: the next ingest where Slurm answers "
            "cancels them; if there are none, remove %s",
            lasting,
        )
    elif not is_gone:
        LOG.warning(
            "note  jobs of an earlier run on Slurm were cancelled, and have not been seen to "
            "end in %d s: they may still run, but can commit nothing; the next ingest looks "
            "for them again",
            _END_SECONDS,
        )
    if not is_gone:
        lasting.parent.mkdir(exist_ok=True)
        lasting.touch()
    for mark in marks if is_gone else ():
        mark.unlink(missing_ok=True)
    return found or 0


def cancel_jobs(prefix: str) -> tuple[int | None, bool]:
    """Cancel the jobs whose names begin so, and wait for their end.

    Returns
    -------
    tuple
        How many there were, None where Slurm does not answer; whether all are known to be
        gone.
    """
    jobs = _jobs(prefix)
    if not jobs:
        return (None, False) if jobs is None else (0, True)
    LOG.warning("note  cancelling %d job(s) of a run that has ended", len(jobs))
    _ask("scancel", *sorted({job for job, _, _ in jobs}))
    deadline = time.monotonic() + _END_SECONDS
    # An answer without them is their end; no answer is none.
    while (left := _jobs(prefix)) != [] and time.monotonic() < deadline:
        time.sleep(1)
    return len(jobs), left == []


def _jobs(prefix: str) -> list[tuple[str, str, str]] | None:
    """List id, state and reason of the jobs that wait or run; None: Slurm does not answer."""
    text = _ask("squeue", "-h", "-u", str(os.getuid()), "-o", "%i|%T|%j|%r")
    if text is None:
        return None
    rows = [line.split("|", 3) for line in text.splitlines() if line.count("|") >= 3]
    return [(job, state, why) for job, state, name, why in rows if name.startswith(prefix)]


def _plain(why: str) -> str:
    """Say a reason of Slurm's in words, where it is none that everybody knows."""
    if why in ("Resources", "Priority", "None"):
        return "free cores or memory"
    if why == "BeginTime":
        return "its turn, after a node was lost (BeginTime)"
    if "DOWN" in why or "DRAIN" in why or "UnavailableNodes" in why or "NotAvail" in why:
        return f"a node that is down or drained ({why})"
    return why


def _min_job_age() -> int | None:
    """Read for how many seconds Slurm knows a job after its end; None: it does not say."""
    match = re.search(
        r"^MinJobAge\s*=\s*(\d+)", _ask("scontrol", "show", "config") or "", re.M
    )
    return int(match[1]) if match else None


def _ask(*command: str) -> str | None:
    """Give what a command of Slurm writes; None if it fails, or is not there."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
