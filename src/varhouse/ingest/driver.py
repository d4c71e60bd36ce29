"""`varhouse ingest`: check, lock, run the workflow, account for what happened."""

import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varhouse.errors import ConfigError, UsageError, VarhouseError
from varhouse.files import read_json
from varhouse.ingest.jobs.about import RULES
from varhouse.ingest.jobs.costs import child_seconds, final_costs
from varhouse.ingest.profiles import Profile, read_profile, resource_arguments
from varhouse.ingest.setup.assembly import (
    check_reference,
    holds_data,
    is_made_for,
    settle_assembly,
)
from varhouse.ingest.setup.begin import begin, empty_unfit
from varhouse.ingest.setup.config import Config, read_config
from varhouse.ingest.setup.permits import enter_rules
from varhouse.ingest.setup.prepare import prepare
from varhouse.ingest.setup.run import Run, source_folder
from varhouse.ingest.setup.settings import LEAVE_OUT
from varhouse.ingest.setup.storednames import stored_names
from varhouse.ingest.slurm import cancel_left, check_slurm
from varhouse.ingest.workflow import run_snakemake
from varhouse.store.commit import change_assembly, init_store, utc_now
from varhouse.store.layout import (
    check_free_space,
    check_is_free,
    close_folders,
    read_store_file,
)
from varhouse.store.leftovers import KEPT, clear
from varhouse.store.lock import store_lock
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases

LOG = logging.getLogger("varhouse.ingest")
GIB = 1 << 30


@dataclass
class Options:
    """How an ingest runs; none of it changes the result."""

    cores: int | None = None
    profile: Path | None = None
    wait: float = 0.0
    keep_work: bool = False
    dry_run: bool = False
    rehash: bool = False
    resources: Sequence[str] = ()
    slurm_partition: str | None = None
    slurm_account: str | None = None


def open_or_init(store: Path, config: Config, wait: float = 0.0) -> None:
    """Make the store if there is none; a making that was killed goes on.

    A store into which no cohort ever went is made for the configuration that asks: what
    failed before has settled nothing.

    Raises
    ------
    ConfigError, StoreError, UsageError
        If the reference contradicts the aliases table, the folder is no store, or
        somebody else is making it.
    """
    if is_made(store):
        # Before anything is written into a store of another format.
        read_store_file(store)
        if not fits(store, config):
            with store_lock(store, wait) as holder:
                _change_assembly(store, config, holder.token)
        return
    was_there = store.exists()
    (store / "_store").mkdir(parents=True, exist_ok=True)
    try:
        with store_lock(store, wait) as holder:
            if list_releases(store):
                return
            try:
                settled = settle_assembly(store, config, None)
                check_reference(settled.config, settled.reference)
                init_store(
                    store,
                    settled.config.assembly,
                    settled.reference.contigs,
                    reference=settled.reference,
                    token=holder.token,
                )
                for line in settled.news:
                    LOG.info("note  %s", line)
            finally:
                if not list_releases(store):
                    _forget(store)
    finally:
        if not list_releases(store):
            _remove_empty(store, whole=not was_there)


def fits(store: Path, config: Config) -> bool:
    """Tell whether a store holds data, or is made for what the configuration says."""
    base = open_store(store)
    return holds_data(base) or is_made_for(base, settle_assembly(store, config, None))


def _change_assembly(store: Path, config: Config, token: str) -> None:
    """Make a store without data for another assembly, reference or other contig names."""
    if fits(store, config):
        # Somebody else was quicker.
        return
    was = open_store(store).assembly
    settled = settle_assembly(store, config, None)
    check_reference(settled.config, settled.reference)
    now = settled.config.assembly
    change_assembly(store, now, settled.reference.contigs, settled.reference, token=token)
    LOG.warning(
        "note  no cohort is in the store yet: it is of assembly %s%s now, with the contigs of "
        "this reference",
        now,
        f" (was {was})" if was != now else "",
    )
    for line in settled.news:
        LOG.info("note  %s", line)


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


def is_made(store: Path) -> bool:
    """Tell whether there is a store; False: there is room for one."""
    if list_releases(store):
        return True
    check_is_free(store)
    return False


def ingest(store: Path, config: Path | Config, options: Options) -> tuple[int, dict[str, Any]]:
    """Run an ingest to its end.

    Parameters
    ----------
    config
        The file of a configuration, or one that is checked already.

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
    # Jobs run elsewhere, and say where they are without `..`.
    store = store.resolve()
    profile, resources = where_jobs_run(options)
    if isinstance(config, Path):
        config = read_config(config, stored_names(store))
    if options.dry_run:
        return _dry_run(store, config, rehash=options.rehash)
    open_or_init(store, config, options.wait)
    with store_lock(store, options.wait) as holder:
        cancel_left(store)
        for line in close_folders(store):
            LOG.warning("note  %s", line)
        # Somebody else may have been here between the two locks.
        _change_assembly(store, config, holder.token)
        enter_rules(store, config.policy)
        run = prepare(store, config, utc_now(), rehash=options.rehash)
        _warn(run)
        if not run.has_work:
            clear(store)
            # Of one that was killed after its release.
            _clear_cache(run)
            return _up_to_date(run)
        check_free_space(store, _needed_bytes(run))
        was_killed = (Path(run.work) / "run.json").exists()
        empty_unfit(Path(run.work))
        if run.policy.withdrawn == LEAVE_OUT:
            # Few ask for that, and it takes all that reads a VCF.
            from varhouse.withdrawal.leaveout import leave_people_out  # noqa: PLC0415

            leave_people_out(run)
        begin(run, config, options.cores or profile.jobs, profile.least_seconds)
        clear(store, keep=run.ingest_id)
        (Path(run.work) / KEPT).unlink(missing_ok=True)
        before = child_seconds()
        work = Path(run.work)
        run_snakemake(work, holder.token, cores=options.cores, profile=profile, more=resources)
        account = read_json(work / "commit" / "commit.json")
        account["stages"] = final_costs(work, child_seconds() - before, here=profile.here)
        if options.keep_work:
            (Path(run.work) / KEPT).touch()
        else:
            # Work folders hold copies of the inputs. Those of dead runs go too.
            shutil.rmtree(run.work, ignore_errors=True)
            clear(store, kept=True, was_killed=was_killed)
        if account["release"] is not None:
            _clear_cache(run)
    account["seconds"] = round(time.monotonic() - started, 1)
    return _exit_code(account), account


def where_jobs_run(
    options: Options, rules: Sequence[str] = RULES
) -> tuple[Profile, list[str]]:
    """Give the profile, and what is asked for besides it as Snakemake takes it."""
    profile = read_profile(options.profile)
    site = {"slurm_partition": options.slurm_partition, "slurm_account": options.slurm_account}
    said = {name: value for name, value in site.items() if value is not None}
    if profile.executor == "slurm":
        check_slurm(options.slurm_partition)
    elif said:
        option = next(iter(said)).replace("_", "-")
        raise UsageError(f"--{option}: the jobs do not go to Slurm", "add --profile slurm")
    values = [*(f"{name}={value}" for name, value in said.items()), *options.resources]
    return profile, resource_arguments(values, profile, rules)


def _warn(run: Run) -> None:
    for warning in run.warnings:
        LOG.warning("note  %s", warning)


def _up_to_date(run: Run) -> tuple[int, dict[str, Any]]:
    account = {
        "release": run.base_release,
        "cohorts": [],
        "unchanged": run.unchanged,
        "held_back": run.held_before,
        "waiting": run.waiting,
        "lapsed": run.lapsed,
        "up_to_date": True,
    }
    return _exit_code(account), account


def _dry_run(store: Path, config: Config, *, rehash: bool) -> tuple[int, dict[str, Any]]:
    """Say what an ingest into a store would do and hold back; nothing is written there."""
    from varhouse.ingest.jobs.foresee import foresee  # noqa: PLC0415 - all rules

    with (
        tempfile.TemporaryDirectory(prefix="varhouse-dry-run-") as folder,
        _named(folder, store),
    ):
        run = prepare(elsewhere(store, config, Path(folder)), config, utc_now(), rehash=rehash)
        _warn(run)
        if not run.has_work:
            return _up_to_date(run)
        check_free_space(store, _needed_bytes(run))
        account = foresee(run, config.samples)
    return _exit_code(account), account


@contextmanager
def _named(folder: str, store: Path) -> Iterator[None]:
    """Let mistakes name the store, not what stands in for it in a folder."""

    def named(text: str) -> str:
        return text.replace(f"{folder}/{_SEEN}", str(store)).replace(
            f"{folder}/{_NEW}", str(store)
        )

    try:
        yield
    except VarhouseError as error:
        error.message = named(error.message)
        if isinstance(error, ConfigError):
            error.problems = [named(p) for p in error.problems]
        raise


_SEEN, _NEW = "seen", "new"
"""Folders that stand in for a store in a dry run: one that is there, and one that is not."""


def elsewhere(store: Path, config: Config, folder: Path) -> Path:
    """Make a folder that reads as a store, and is written to in its place.

    All of it are links but the cache, which has links to what is there already. Where there
    is no store, or it is one without data for another assembly, it is a new one.
    """
    if is_made(store):
        read_store_file(store)
        seen = folder / _SEEN
        (seen / "_cache").mkdir(parents=True)
        for found in store.iterdir():
            if found.name not in ("_cache", "_staging"):
                (seen / found.name).symlink_to(found)
        for found in (store / "_cache").glob("*"):
            (seen / "_cache" / found.name).symlink_to(found)
        if fits(seen, config):
            return seen
    made = folder / _NEW
    open_or_init(made, config)
    return made


def _clear_cache(run: Run) -> None:
    """Remove gene models, sources and contig names that the configuration no longer names."""
    named = {Path(run.genes_folder), *(source_folder(run, s) for s in run.sources)}
    cache = Path(run.store) / "_cache"
    for folder in (*cache.glob("genes-*"), *cache.glob("source-*")):
        if folder not in named:
            shutil.rmtree(folder, ignore_errors=True)
    for table in cache.glob("names-*.tsv"):
        if str(table) != run.aliases:
            table.unlink(missing_ok=True)


def _exit_code(account: dict[str, Any]) -> int:
    """Give 0 when all is in, 3 when something was held back, 1 when nothing went in."""
    if not account["held_back"]:
        return 0
    came = account["release"] is not None and not account.get("up_to_date")
    if account.get("dry_run"):
        came = bool(account["cohorts"] or account["renews"] or account["gone"])
    came |= any(h.get("stays") for h in account["held_back"])
    return 3 if came or account["unchanged"] else 1


def _needed_bytes(run: Run) -> int:
    return needed_bytes(sum(Path(f).stat().st_size for c in run.cohorts for f in c.files))


def needed_bytes(files: int) -> int:
    """Bound what an ingest of so many bytes writes: copies of what is no BGZF, and shards."""
    return 3 * files + GIB // 4
