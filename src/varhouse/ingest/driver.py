"""`varhouse ingest`: check, lock, start Snakemake, account for what happened."""

import atexit
import itertools
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from varhouse.compiled import COMPILING, MARKER, say_compiling
from varhouse.errors import ConfigError, VarhouseError
from varhouse.files import read_json
from varhouse.genome.reference import Reference
from varhouse.ingest import supervise
from varhouse.ingest.jobs.costs import ATTEMPT, child_seconds, final_costs
from varhouse.ingest.setup.begin import begin, write_run
from varhouse.ingest.setup.config import Config, check_config, read_config
from varhouse.ingest.setup.config_form import DATA
from varhouse.ingest.setup.interpreter import plain_python
from varhouse.ingest.setup.prepare import check_reference, compiled_reference, prepare
from varhouse.ingest.setup.run import Run, source_folder
from varhouse.ingest.setup.storednames import stored_names
from varhouse.store.commit import init_store, utc_now
from varhouse.store.layout import (
    check_free_space,
    check_is_free,
    close_folders,
    make_folder,
    read_store_file,
)
from varhouse.store.leftovers import KEPT, clear, hold_work
from varhouse.store.lock import TOKEN, store_lock
from varhouse.store.releases import list_releases
from varhouse.yamltext import read_yaml

LOG = logging.getLogger("varhouse.ingest")
_FAILED_RULE = re.compile(r"Error in rule (\w+)")
_TELLING = re.compile(r" +(message|log|external_jobid): (?!None\Z)")
_STEPS = re.compile(r"(\d+) of (\d+) steps")
GIB = 1 << 30
CANCEL_SECONDS = 30
"""How long Snakemake may take to take its jobs back when this process has died."""

CLUSTER_JOBS = 64
"""Jobs at once where nothing says how many: the work is then shared out finely enough."""


@dataclass
class Options:
    """How an ingest runs; none of it changes the result."""

    cores: int | None = None
    profile: Path | None = None
    wait: float = 0.0
    keep_work: bool = False
    dry_run: bool = False
    rehash: bool = False


def open_or_init(store: Path, config: Config, wait: float = 0.0) -> None:
    """Make the store if there is none; a making that was killed goes on.

    Raises
    ------
    ConfigError, StoreError, UsageError
        If the reference contradicts the aliases table, the folder is no store, or
        somebody else is making it.
    """
    if _is_made(store):
        # Before anything is written into a store of another format.
        read_store_file(store)
        return
    was_there = store.exists()
    (store / "_store").mkdir(parents=True, exist_ok=True)
    try:
        with store_lock(store, wait) as holder:
            if list_releases(store):
                return
            try:
                compiled = compiled_reference(store, config.reference)
                reference = Reference(compiled, config.contigs)
                check_reference(config, reference)
                init_store(
                    store,
                    config.assembly,
                    reference.contigs,
                    reference=reference,
                    token=holder.token,
                )
            finally:
                if not list_releases(store):
                    _forget(store)
    finally:
        if not list_releases(store):
            _remove_empty(store, whole=not was_there)


def _forget(store: Path) -> None:
    """Remove what a making that failed has written; a kill leaves it for the next one."""
    shutil.rmtree(store / "_cache", ignore_errors=True)
    shutil.rmtree(store / "_staging", ignore_errors=True)
    (store / "_store" / "store.json").unlink(missing_ok=True)


def _remove_empty(store: Path, *, whole: bool) -> None:
    if not (store / "_store" / "lock.json").exists():
        (store / "_store" / "lock.guard").unlink(missing_ok=True)
    for folder in (store / "_store", *([store] if whole else [])):
        # Another process may have begun to make it meanwhile.
        with suppress(OSError):
            folder.rmdir()


def _is_made(store: Path) -> bool:
    """Tell whether there is a store; False: there is room for one."""
    if list_releases(store):
        return True
    check_is_free(store)
    return False


def prepare_by_hand(
    config: dict[str, Any],
    files: Sequence[str],
    cores: int | None = None,
    *,
    dry_run: bool = False,
) -> Path:
    """Prepare a run for a Snakemake that was started by hand; give its run.json.

    With `dry_run` nothing is made but a folder elsewhere, which goes with the process.

    Raises
    ------
    ConfigError
        For any mistake, or when nothing says which store is meant.
    """
    raw = {k: v for k, v in config.items() if k not in ("store", "container")}
    if "store" not in config:
        raise ConfigError(["store: say which (snakemake --config store=STORE)"])
    base = Path(files[0]).resolve().parent if files else Path.cwd()
    store = (base / config["store"]).resolve()
    checked = check_config(raw, base)
    if dry_run:
        folder = Path(tempfile.mkdtemp(prefix="varhouse-dry-run-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        if not _is_made(store):
            store = folder / "store"
            open_or_init(store, checked)
        run = replace(prepare(store, checked, utc_now()), work=str(folder / "work"))
        Path(run.work).mkdir()
        write_run(run, checked, cores or CLUSTER_JOBS)
        return Path(run.work) / "run.json"
    open_or_init(store, checked)
    run = prepare(store, checked, utc_now())
    # The lock is taken by the commit alone: what works here says so in the folder, before
    # there is anything in it that somebody could clear away.
    make_folder(Path(run.work), store)
    hold_work(Path(run.work))
    begin(run, checked, cores or CLUSTER_JOBS)
    return Path(run.work) / "run.json"


def ingest(store: Path, config_file: Path, options: Options) -> tuple[int, dict[str, Any]]:
    """Run an ingest to its end.

    Returns
    -------
    tuple
        Exit code (0 all in, 3 committed with something held back, 1 nothing committed)
        and the account.

    Raises
    ------
    ConfigError, StoreError, VarhouseError
        For mistakes of the configuration, a busy or damaged store, a failed step.
    """
    started = time.monotonic()
    store = store.absolute()
    config = read_config(config_file, stored_names(store))
    if options.dry_run and not _is_made(store):
        # Where there is no store, none may be there afterwards.
        with tempfile.TemporaryDirectory(prefix="varhouse-dry-run-") as folder:
            elsewhere = Path(folder) / "store"
            open_or_init(elsewhere, config)
            return _dry_run(store, prepare(elsewhere, config, utc_now()))
    open_or_init(store, config, options.wait)
    with store_lock(store, options.wait) as holder:
        if not options.dry_run:
            for line in close_folders(store):
                LOG.warning("note  %s", line)
        run = prepare(store, config, utc_now(), rehash=options.rehash)
        if options.dry_run:
            return _dry_run(store, run)
        _warn(run)
        if not run.has_work:
            clear(store)
            return _up_to_date(run)
        check_free_space(store, _needed_bytes(run))
        profile = _read_profile(options.profile)
        begin(run, config, options.cores or profile.jobs)
        clear(store, keep=run.ingest_id)
        (Path(run.work) / KEPT).unlink(missing_ok=True)
        before = child_seconds()
        _run_snakemake(run, options, holder.token)
        work = Path(run.work)
        account = read_json(work / "commit" / "commit.json")
        account["stages"] = final_costs(work, child_seconds() - before, here=profile.here)
        if options.keep_work:
            (Path(run.work) / KEPT).touch()
        else:
            # Work folders hold copies of the inputs. Those of dead runs go too.
            shutil.rmtree(run.work, ignore_errors=True)
            clear(store, kept=True)
        if account["release"] is not None:
            _clear_cache(run)
    account["seconds"] = round(time.monotonic() - started, 1)
    return _exit_code(account), account


def _warn(run: Run) -> None:
    for warning in run.warnings:
        LOG.warning("note  %s", warning)


def _up_to_date(run: Run) -> tuple[int, dict[str, Any]]:
    account = {"release": run.base_release, "cohorts": [], "unchanged": run.unchanged,
               "held_back": run.held_before, "up_to_date": True}  # fmt: skip
    return _exit_code(account), account


def _dry_run(store: Path, run: Run) -> tuple[int, dict[str, Any]]:
    """Say what an ingest into a store would do."""
    _warn(run)
    if not run.has_work:
        return _up_to_date(run)
    check_free_space(store, _needed_bytes(run))
    for name in run.unchanged:
        LOG.info("unchanged  %s", name)
    for cohort in run.cohorts:
        stay = f", {len(cohort.kept):,} stay, {len(cohort.gone):,} go" if cohort.grows else ""
        LOG.info("would ingest  %s  (%d file(s)%s)", cohort.name, len(cohort.files), stay)
    for name in (["genes"] if run.annotate_all else []) + run.annotate_sources:
        LOG.info("would bring up to date  %s", name)
    return 0, {"release": None, "cohorts": [], "held_back": [], "dry_run": True}


def _clear_cache(run: Run) -> None:
    """Remove compiled gene models and sources that the configuration no longer names."""
    named = {Path(run.genes_folder), *(source_folder(run, s) for s in run.sources)}
    cache = Path(run.store) / "_cache"
    for folder in (*cache.glob("genes-*"), *cache.glob("source-*")):
        if folder not in named:
            shutil.rmtree(folder, ignore_errors=True)


def _exit_code(account: dict[str, Any]) -> int:
    """Give 0 when all is in, 3 when something was held back, 1 when nothing went in."""
    if not account["held_back"]:
        return 0
    came = account["release"] is not None and not account.get("up_to_date")
    came |= any(h.get("stays") for h in account["held_back"])
    return 3 if came or account["unchanged"] else 1


@dataclass(frozen=True)
class _Profile:
    """What a Snakemake profile says of the jobs: how many at once, and whether here."""

    jobs: int = 1
    here: bool = True


def _read_profile(folder: Path | None) -> _Profile:
    if folder is None:
        return _Profile()
    said: dict[str, Any] = {}
    for name in ("profile.yaml", "config.yaml"):
        with suppress(OSError):
            said = read_yaml(folder / name) or {}
            break
    here = said.get("executor", "local") == "local"
    jobs = said.get("cores" if here else "jobs", CLUSTER_JOBS)
    # `all`, or what else Snakemake understands.
    return _Profile(jobs if isinstance(jobs, int) else os.cpu_count() or 1, here)


def _needed_bytes(run: Run) -> int:
    """Bound what an ingest writes: a copy of files that are not BGZF, and its shards."""
    sizes = sum(Path(f).stat().st_size for c in run.cohorts for f in c.files)
    return 3 * sizes + GIB // 4


def _run_snakemake(run: Run, options: Options, token: str) -> None:
    work = Path(run.work)
    # Jobs on a cluster have to be taken back; those of this host are simply ended.
    seconds = 0 if options.profile is None else CANCEL_SECONDS
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
    if options.cores is not None or options.profile is None:
        command += ["--cores", str(options.cores or 1)]
    if options.profile is not None:
        command += ["--workflow-profile", str(options.profile.resolve())]
    else:
        command += ["--resources", "store_writer=1"]
    environment = {
        **os.environ,
        # The logs of jobs are read here.
        "VARHOUSE_LOG": "",
        TOKEN: token,
        MARKER: str(work / "compiling"),
        ATTEMPT: str(os.getpid()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    # Of a run that was killed.
    shutil.rmtree(work / "now", ignore_errors=True)
    log_file = work / "snakemake.log"
    # What stands there is of an earlier run, and so is what failed in that.
    before = log_file.stat().st_size if log_file.exists() else 0
    with (
        log_file.open("a") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
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
    if code != 0 and shutil.disk_usage(work).free < GIB // 1024:
        raise VarhouseError(
            f"{work}: no space left on the disk",
            "free some space; then run the same command again: it goes on",
        )
    if code != 0:
        raise VarhouseError(_failure(work, log_file, before))


def _watch(work: Path, progress: "_Progress", ended: threading.Event) -> None:
    """Tell what goes on inside the jobs; the log of a job is not read before it fails."""
    compiles = False
    while not ended.wait(0.5):
        if not compiles and (work / "compiling").exists():
            compiles = True
            say_compiling(LOG, (work / "compiling").read_text() or COMPILING)
        progress.tell()


def _parts_now(work: Path) -> list[str]:
    """List the parts that are being made, by the jobs that make them."""
    found = []
    for file in sorted((work / "now").glob("[!.]*.txt")):
        with suppress(OSError):
            found.append(file.read_text())
    return found


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
        if match := _STEPS.search(line):
            self.done, self.total = int(match[1]), int(match[2])
            self.tell()

    def tell(self) -> None:
        """Say how far the ingest is, if somebody looks or it was long ago."""
        now = time.monotonic()
        if not self.terminal and now - self.told < 60:
            return
        parts = _parts_now(self.work)
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


def _failure_by_snakemake(log_file: Path, before: int) -> str:
    """Say what Snakemake knows of a step that could not say itself why it failed."""
    lines = log_file.read_bytes()[before:].decode(errors="replace").strip().splitlines()
    failed = [(k, m[1]) for k, line in enumerate(lines) if (m := _FAILED_RULE.match(line))]
    if not failed:
        return "the workflow failed:\n" + "\n".join(lines[-15:]) + f"\n(log: {log_file})"
    at, rule = failed[-1]
    block = takewhile(lambda line: line.startswith(" "), lines[at + 1 :])
    # Not all files of all cohorts, nor the command, which no user has typed.
    told = [line for line in block if _TELLING.match(line)]
    return (
        f"step {rule} failed and wrote no error: it was killed or cancelled, ran out of"
        " memory or time, or did not start\n"
        + "".join(f"{line}\n" for line in told)
        + f"    fix: see these logs; the same command, run again, goes on\n(log: {log_file})"
    )


def _last_error(lines: list[str]) -> list[str]:
    """Give the last error of a log, with its further lines (the way out of it)."""
    starts = [k for k, line in enumerate(lines) if line.startswith("error:")]
    if not starts:
        return []
    further = itertools.takewhile(lambda line: line.startswith("  "), lines[starts[-1] + 1 :])
    return [lines[starts[-1]], *further]


def _failure(work: Path, log_file: Path, before: int = 0) -> str:
    """Say which step failed and why: the last lines of the logs that hold an error.

    Of Snakemake's log the first `before` bytes are of earlier runs.
    """
    found = []
    for log in sorted((work / "logs").rglob("*.log"), key=lambda p: p.stat().st_mtime):
        text = log.read_text(errors="replace").strip()
        if "error:" in text or "Traceback" in text:
            found.append((log, text.splitlines()))
    if not found:
        return _failure_by_snakemake(log_file, before)
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
