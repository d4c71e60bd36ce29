"""The workflow of an ingest: Snakemake is started, watched, and asked why it failed."""

import itertools
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from varhouse.compiled import COMPILING, MARKER, say_compiling
from varhouse.errors import VarhouseError
from varhouse.ingest import supervise
from varhouse.ingest.jobs.costs import ATTEMPT
from varhouse.ingest.progress import parts_now, steps_of
from varhouse.ingest.setup.config_form import DATA
from varhouse.ingest.setup.interpreter import plain_python
from varhouse.store.lock import TOKEN

LOG = logging.getLogger("varhouse.ingest")

_FAILED_RULE = re.compile(r"Error in rule (\w+)")
_TELLING = re.compile(r" +(message|log|external_jobid): (?!None\Z)")

CANCEL_SECONDS = 30
"""How long Snakemake may take to take its jobs back when this process has died."""

FULL_BYTES = 1 << 20
"""With less than this free, a job is taken to have failed of a full disk."""


def run_snakemake(
    work: Path, token: str, *, cores: int | None = None, profile: Path | None = None
) -> None:
    """Run the jobs of the run in a work folder.

    Parameters
    ----------
    token
        Of who holds the store's lock: by it the commit passes.
    cores, profile
        Jobs at once, one where nothing says it; a Snakemake profile.

    Raises
    ------
    VarhouseError
        If a job failed: which, and why.
    """
    # Of a run that was killed.
    for left in ("now", "tmp"):
        shutil.rmtree(work / left, ignore_errors=True)
    (work / "tmp").mkdir()
    # By the clock of the file system, as the logs of the jobs have it.
    began = (work / "tmp").stat().st_mtime
    log_file = work / "snakemake.log"
    # What stands there is of an earlier run, and so is what failed in that.
    before = log_file.stat().st_size if log_file.exists() else 0
    with (
        log_file.open("a") as log,
        subprocess.Popen(
            _command(work, cores, profile),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(work, token),
            cwd=work,
            stdin=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        progress = _Progress(work)
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(work, progress, ended))
        watch.start()
        try:
            for line in process.stdout:
                # On a full disk the jobs fail, too, and say why.
                with suppress(OSError):
                    log.write(line)
                    log.flush()
                progress.take(line)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        finally:
            ended.set()
            watch.join()
        progress.end()
        code = process.wait()
    if code != 0 and shutil.disk_usage(work).free < FULL_BYTES:
        raise VarhouseError(
            f"{work}: no space left on the disk",
            "free some space; then run the same command again: it goes on",
        )
    if code != 0:
        raise VarhouseError(_failure(work, log_file, before, code, began))


def _command(work: Path, cores: int | None, profile: Path | None) -> list[str]:
    """Give the command that runs the workflow, and that ends when this process does."""
    # Jobs on a cluster have to be taken back; those of this host are simply ended.
    seconds = 0 if profile is None else CANCEL_SECONDS
    command = [
        plain_python(),
        supervise.__file__,
        str(seconds),
        plain_python(),
        "-m",
        "snakemake",
        "--snakefile",
        str((DATA / "Snakefile").resolve()),
        "--config",
        f"run={work / 'run.json'}",
        "--nolock",
        "--rerun-incomplete",
        "--rerun-triggers",
        "mtime",
        "params",
        "input",
    ]
    if cores is not None or profile is None:
        command += ["--cores", str(cores or 1)]
    if profile is not None:
        command += ["--workflow-profile", str(profile.resolve())]
    else:
        command += ["--resources", "store_writer=1"]
    return command


def _environment(work: Path, token: str) -> dict[str, str]:
    return {
        **os.environ,
        # The logs of jobs are read here.
        "VARHOUSE_LOG": "",
        TOKEN: token,
        # Where it is cleared away, whoever is killed.
        "TMPDIR": str(work / "tmp"),
        MARKER: str(work / "compiling"),
        ATTEMPT: str(os.getpid()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _watch(work: Path, progress: "_Progress", ended: threading.Event) -> None:
    """Tell what goes on inside the jobs; the log of a job is not read before it fails."""
    compiles = False
    while not ended.wait(0.5):
        if not compiles and (work / "compiling").exists():
            compiles = True
            say_compiling(LOG, (work / "compiling").read_text() or COMPILING)
        progress.tell()


class _Progress:
    """One line on a terminal, now and then a line elsewhere."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.terminal = sys.stderr.isatty() and not os.environ.get("VARHOUSE_LOG")
        self.done = self.total = 0
        self.told = time.monotonic()
        self.started = self.told

    def take(self, line: str) -> None:
        """Take a line of Snakemake's output."""
        if steps := steps_of(line):
            self.done, self.total = steps
            self.tell()

    def tell(self) -> None:
        """Say how far the ingest is, if somebody looks or it was long ago."""
        now = time.monotonic()
        if not self.terminal and now - self.told < 60:
            return
        parts = parts_now(self.work)
        more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
        text = (
            f"{self.done}/{self.total or '?'} jobs, {now - self.started:.0f} s"
            + (f", now {parts[0]}" if parts else "")
            + more
        )
        if self.terminal:
            print(f"\r{text[:79]:<79}", end="", file=sys.stderr, flush=True)
        else:
            self.told = now
            LOG.info(text)

    def end(self) -> None:
        if self.terminal:
            print("\r" + " " * 79 + "\r", end="", file=sys.stderr, flush=True)


def _failure_by_snakemake(log_file: Path, before: int, code: int) -> str:
    """Say what Snakemake knows of a step that could not say itself why it failed."""
    if (number := _signal_of(code)) is not None:
        return (
            f"Snakemake was ended by {number}, and its jobs with it\n"
            f"    fix: run the same command again: it goes on\n(log: {log_file})"
        )
    lines = log_file.read_bytes()[before:].decode(errors="replace").strip().splitlines()
    failed = [(k, m[1]) for k, line in enumerate(lines) if (m := _FAILED_RULE.match(line))]
    if not failed:
        return "the workflow failed:\n" + "\n".join(lines[-15:]) + f"\n(log: {log_file})"
    at, rule = failed[-1]
    block = itertools.takewhile(lambda line: line.startswith(" "), lines[at + 1 :])
    # Not all files of all cohorts, nor the command, which no user has typed.
    told = [line for line in block if _TELLING.match(line)]
    return (
        f"step {rule} failed and wrote no error: it was killed or cancelled, ran out of"
        " memory or time, or did not start\n"
        + "".join(f"{line}\n" for line in told)
        + f"    fix: see these logs; the same command, run again, goes on\n(log: {log_file})"
    )


def _last_error(lines: list[str]) -> list[str]:
    """Give the last error of a log, with its further lines (its fix)."""
    starts = [k for k, line in enumerate(lines) if line.startswith("error:")]
    if not starts:
        return []
    further = itertools.takewhile(lambda line: line.startswith("  "), lines[starts[-1] + 1 :])
    return [lines[starts[-1]], *further]


def _signal_of(code: int) -> str | None:
    """Name the signal that ended a process, by its exit code; None: it ended by itself."""
    number = -code if code < 0 else code - 128
    with suppress(ValueError):
        return signal.Signals(number).name
    return None


def _failure(
    work: Path, log_file: Path, before: int = 0, code: int = 1, began: float = 0.0
) -> str:
    """Say which step failed and why: the last lines of the logs that hold an error.

    Of Snakemake's log the first `before` bytes are of earlier runs, and so are logs of jobs
    that were last written before `began`; `code` is what Snakemake, or who supervises it,
    ended with.
    """
    found = []
    for log in sorted((work / "logs").rglob("*.log"), key=lambda p: p.stat().st_mtime):
        if log.stat().st_mtime < began:
            continue
        text = log.read_text(errors="replace").strip()
        if "error:" in text or "Traceback" in text:
            found.append((log, text.splitlines()))
    if not found:
        return _failure_by_snakemake(log_file, before, code)
    log, lines = found[-1]
    shown = _last_error(lines) or lines[-12:]
    more = f" ({len(found)} jobs failed)" if len(found) > 1 else ""
    job = log.relative_to(work / "logs").with_suffix("")
    # What the job was at: the part it had begun last.
    begun = work / "now" / f"{str(job).replace('/', '-')}.txt"
    part = f"{begun.read_text()} (job {job})" if begun.exists() else str(job)
    return (
        f"step {part} failed{more}: "
        + "\n".join(shown).removeprefix("error: ")
        + f"\n       log: {log}"
    )
