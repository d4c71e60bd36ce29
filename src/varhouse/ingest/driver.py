"""`varhouse ingest`: check, lock, start Snakemake, account for what happened."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varhouse.compiled import MARKER, say_compiling
from varhouse.errors import ConfigError, VarhouseError
from varhouse.files import read_json
from varhouse.genome.reference import Reference
from varhouse.ingest import supervise
from varhouse.ingest.setup.config import Config, check_config, read_config
from varhouse.ingest.setup.config_form import DATA
from varhouse.ingest.setup.interpreter import plain_python
from varhouse.ingest.setup.run import Run, begin, check_reference, compiled_reference, prepare
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

LOG = logging.getLogger("varhouse.ingest")
_STEPS = re.compile(r"(\d+) of (\d+) steps")
_RULE = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):")
GIB = 1 << 30
CANCEL_SECONDS = 30
"""How long Snakemake may take to take its jobs back when this process has died."""


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
                    store, config.assembly, reference.contigs, reference=reference,
                    token=holder.token,
                )  # fmt: skip
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


def prepare_by_hand(config: dict[str, Any], files: Sequence[str]) -> Path:
    """Prepare a run for a Snakemake that was started by hand; give its run.json.

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
    open_or_init(store, checked)
    run = prepare(store, checked, utc_now())
    # The lock is taken by the commit alone: what works here says so in the folder, before
    # there is anything in it that somebody could clear away.
    make_folder(Path(run.work), store)
    hold_work(Path(run.work))
    begin(run, checked)
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
    config = read_config(config_file)
    store = store.absolute()
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
        begin(run, config)
        clear(store, keep=run.ingest_id)
        (Path(run.work) / KEPT).unlink(missing_ok=True)
        _run_snakemake(run, options, holder.token)
        account = read_json(Path(run.work) / "commit.json")
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
        LOG.info("would ingest  %s  (%d file(s))", cohort.name, len(cohort.files))
    for name in (["genes"] if run.annotate_all else []) + run.annotate_sources:
        LOG.info("would bring up to date  %s", name)
    return 0, {"release": None, "cohorts": [], "held_back": [], "dry_run": True}


def _clear_cache(run: Run) -> None:
    """Remove compiled gene models and sources that the configuration no longer names."""
    from varhouse.ingest.jobs.annotate import source_folder  # noqa: PLC0415 - slow to import

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
    return 3 if came or account["unchanged"] else 1


def _needed_bytes(run: Run) -> int:
    """Bound what an ingest writes: a copy of files that are not BGZF, and its shards."""
    sizes = sum(Path(f).stat().st_size for c in run.cohorts for f in c.files)
    return 3 * sizes + GIB // 4


def _run_snakemake(run: Run, options: Options, token: str) -> None:
    work = Path(run.work)
    # Jobs on a cluster have to be taken back; those of this host are simply ended.
    seconds = 0 if options.profile is None else CANCEL_SECONDS
    command = [
        plain_python(), supervise.__file__, str(seconds), plain_python(), "-m", "snakemake",
        "--snakefile", str((DATA / "Snakefile").resolve()),
        "--config", f"run={work / 'run.json'}", "--nolock", "--rerun-incomplete",
        "--rerun-triggers", "mtime", "params", "input",
    ]  # fmt: skip
    if options.cores is not None or options.profile is None:
        command += ["--cores", str(options.cores or 1)]
    if options.profile is not None:
        command += ["--workflow-profile", str(options.profile.resolve())]
    else:
        command += ["--resources", "store_writer=1"]
    environment = {
        **os.environ, TOKEN: token, MARKER: str(work / "compiling"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "POLARS_MAX_THREADS": os.environ.get("POLARS_MAX_THREADS", "2"),
        # Polars' allocator gives memory back at once: peaks then do not creep up with
        # the number of pieces a job works through.
        "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
    }  # fmt: skip
    log_file = work / "snakemake.log"
    with (
        log_file.open("a") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment, cwd=work, stdin=subprocess.PIPE,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        progress = _Progress()
        ended = threading.Event()
        watch = threading.Thread(target=_tell_compiling, args=(work / "compiling", ended))
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
        raise VarhouseError(_failure(work, log_file))


def _tell_compiling(marker: Path, ended: threading.Event) -> None:
    """Say so when a step compiles; the log of a step is not read before it fails."""
    while not ended.wait(0.5):
        if marker.exists():
            say_compiling(LOG)
            return


class _Progress:
    """One line on a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty() and not os.environ.get("VARHOUSE_LOG")
        self.rule = ""
        self.told = time.monotonic()
        self.started = self.told

    def take(self, line: str) -> None:
        if match := _RULE.match(line):
            self.rule = match[1]
        if (match := _STEPS.search(line)) is None:
            return
        now = time.monotonic()
        done, total = int(match[1]), int(match[2])
        text = f"{done}/{total} jobs, {now - self.started:.0f} s, now {self.rule}"
        if self.terminal:
            print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)
        elif now - self.told > 60:
            self.told = now
            LOG.info(text)

    def end(self) -> None:
        if self.terminal:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)


def _failure(work: Path, log_file: Path) -> str:
    """Say which step failed and why: the last lines of the logs that hold an error."""
    found = []
    for log in sorted((work / "logs").rglob("*.log"), key=lambda p: p.stat().st_mtime):
        text = log.read_text(errors="replace").strip()
        if "error:" in text or "Traceback" in text:
            found.append((log, text.splitlines()))
    if not found:
        tail = log_file.read_text(errors="replace").strip().splitlines()[-15:]
        return "the workflow failed:\n" + "\n".join(tail) + f"\n(log: {log_file})"
    log, lines = found[-1]
    shown = [ln for ln in lines if ln.startswith("error:")][-1:] or lines[-12:]
    more = f" ({len(found)} steps failed)" if len(found) > 1 else ""
    return (
        f"step {log.relative_to(work / 'logs').with_suffix('')} failed{more}: "
        + "\n".join(shown).removeprefix("error: ")
        + f"\n       log: {log}"
    )
