"""The workflow of an ingest: Snakemake is started, watched, and asked why it failed."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from varhouse.compiled import COMPILING, MARKER, say_compiling
from varhouse.errors import VarhouseError
from varhouse.ingest import slurm, supervise
from varhouse.ingest.failures import (
    JobReader,
    describe_crash,
    describe_failure,
    describe_retry,
)
from varhouse.ingest.jobs.costs import ATTEMPT
from varhouse.ingest.profiles import Profile
from varhouse.ingest.progress import parts_now, steps_of
from varhouse.ingest.setup.config_form import DATA
from varhouse.ingest.setup.interpreter import plain_python
from varhouse.store.lock import TOKEN

LOG = logging.getLogger("varhouse.ingest")

CANCEL_SECONDS = 30
"""How long Snakemake may take to take its jobs back when this process has died."""

FULL_BYTES = 1 << 20
"""With less than this free, a job is taken to have failed of a full disk."""


def run_snakemake(
    work: Path,
    token: str,
    *,
    cores: int | None = None,
    profile: Profile | None = None,
    more: Sequence[str] = (),
    place: Path | None = None,
    run: str = "run.json",
) -> None:
    """Run the jobs of the run in a work folder.

    Parameters
    ----------
    token
        Of who holds the lock of `place`: by it the commit passes.
    cores, profile
        Jobs at once, one where nothing says it; a Snakemake profile.
    more
        Further arguments of Snakemake.
    place
        Folder after which jobs of a cluster are named; None: the store that the work folder
        lies in.
    run
        Name of the run's file in the work folder.

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
    profile = profile or Profile()
    store = place or work.parents[1]
    on_slurm = profile.executor == "slurm"
    if on_slurm:
        (work / slurm.MARK).touch()
        more = [*slurm.slurm_arguments(profile, store), *more]
    jobs = JobReader()
    with (
        log_file.open("a") as log,
        subprocess.Popen(
            [*_command(work / run, cores, profile), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(work, token),
            cwd=work,
            stdin=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        progress = _Progress(work, (lambda: slurm.waiting(store)) if on_slurm else None)
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(work, progress, ended))
        watch.start()
        # Polars handles SIGINT so that reading would go on until Snakemake says something.
        signal.siginterrupt(signal.SIGINT, True)
        try:
            for line in process.stdout:
                # On a full disk the jobs fail, too, and say why.
                with suppress(OSError):
                    log.write(line)
                    log.flush()
                progress.take(line)
                if again := jobs.take(line):
                    LOG.warning("note  %s", describe_retry(work, again, began, run))
        except KeyboardInterrupt:
            # As when this process dies: jobs are taken back, then all is ended. Asked to
            # terminate, Snakemake would wait for its jobs, be it for hours.
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
            if on_slurm:
                slurm.cancel_left(store, [work / slurm.MARK])
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
        failed = jobs.failed()
        raise VarhouseError(
            describe_failure(work, failed, log_file, began, run)
            if failed
            else describe_crash(log_file, before, code)
        )
    (work / slurm.MARK).unlink(missing_ok=True)


def _command(run: Path, cores: int | None, profile: Profile) -> list[str]:
    """Give the command that runs the workflow, and that ends when this process does."""
    # Jobs on a cluster have to be taken back; those of this host are simply ended.
    seconds = 0 if profile.here else CANCEL_SECONDS
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
        f"run={run}",
        "--nolock",
        "--rerun-incomplete",
        "--rerun-triggers",
        "mtime",
        "params",
        "input",
    ]
    if cores is not None or profile.folder is None:
        command += ["--cores", str(cores or 1)]
    if profile.folder is not None:
        command += ["--workflow-profile", str(profile.folder.resolve())]
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

    def __init__(self, work: Path, queue: Callable[[], str] | None = None) -> None:
        self.work, self._queue = work, queue
        self._waiting, self._looked = "", time.monotonic()
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
        if self._queue is not None and now - self._looked >= 55:
            self._waiting, self._looked = self._queue(), now
        parts = parts_now(self.work)
        more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
        text = (
            f"{self.done}/{self.total or '?'} jobs, {now - self.started:.0f} s"
            + (f", now {parts[0]}" if parts else "")
            + more
            + (f", {self._waiting}" if self._waiting else "")
        )
        if self.terminal:
            print(f"\r{text[:79]:<79}", end="", file=sys.stderr, flush=True)
        else:
            self.told = now
            LOG.info(text)

    def end(self) -> None:
        if self.terminal:
            print("\r" + " " * 79 + "\r", end="", file=sys.stderr, flush=True)
