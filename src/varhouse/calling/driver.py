"""`varhouse call`: check everything, lock, run the workflow, account for what happened."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from varhouse.calling.check import check_lanes, lane_bytes, share_check, unread_lanes
from varhouse.calling.costs import call_costs
from varhouse.calling.machine import memory_arguments, memory_here, memory_notes
from varhouse.calling.places import BEGAN, WORK
from varhouse.calling.prepare import (
    begin_run,
    check_disk,
    check_people,
    is_done,
    prepare,
    settle,
    write_panel,
)
from varhouse.calling.programs import check_programs, conda_programs
from varhouse.calling.run import CallRun, RunPerson
from varhouse.calling.settings import CallConfig, read_call_config
from varhouse.calling.sizing import CHECK_BYTES
from varhouse.calling.steps import CHECKED, KEEP_WORK, LOCK, bring_kept, ensure_kept
from varhouse.errors import VarhouseError
from varhouse.files import read_json, remove_abandoned, write_json
from varhouse.ingest.driver import Options, where_jobs_run
from varhouse.ingest.jobs.about import READS_RULES
from varhouse.ingest.jobs.costs import child_seconds, measured
from varhouse.ingest.profiles import Profile
from varhouse.ingest.slurm import MARK, cancel_left
from varhouse.ingest.workflow import run_snakemake
from varhouse.reads.model import Lane, path_of
from varhouse.store.lock import Holder, file_lock

LOG = logging.getLogger("varhouse.calling")


def call(config: Path | CallConfig, options: Options) -> tuple[int, dict[str, Any]]:
    """Run a call to its end.

    Returns
    -------
    tuple
        Exit code (0 all are called) and the account.

    Raises
    ------
    ConfigError
        For mistakes of the configuration, the sheet or the files: all at once, before any
        job.
    VarhouseError
        If a job failed, the folder is in use, or the disk too small.
    """
    started = time.monotonic()
    profile, resources = where_jobs_run(options, READS_RULES)
    if isinstance(config, Path):
        config = read_call_config(config)
    if options.dry_run:
        return _dry_run(config, options, profile)
    work = config.folder / WORK
    make_folders(config.folder, work)
    message = f"{config.folder} is being worked in"
    with file_lock(work / LOCK, message, options.wait) as holder:
        cancel_left(config.folder, [work / MARK])
        remove_abandoned(work)
        account = _run(config, options, work, _Snakemake(holder, profile, resources))
    account["seconds"] = round(time.monotonic() - started, 1)
    return 0, account


class CallFailedError(VarhouseError):
    """A job failed; `account` says who was called all the same: others go on.

    Parameters
    ----------
    error
        What failed.
    run
        The run that ended so.
    """

    def __init__(self, error: VarhouseError, run: CallRun) -> None:
        super().__init__(error.message, error.fix)
        self.exit_code = error.exit_code
        self.account: dict[str, Any] = {
            "folder": run.folder,
            "error": str(error),
            "people": [
                {
                    "cohort": p.person.cohort,
                    "sample": p.person.name,
                    "state": "gvcf" if p.start == "gvcf" else _state(run, p),
                }
                for p in run.people
            ],
            "notes": list(dict.fromkeys(run.notes)),
        }


def _state(run: CallRun, person: RunPerson) -> str:
    if person.done:
        return "unchanged"
    return "called" if is_done(run, person) else "not called"


def make_folders(folder: Path, work: Path) -> None:
    """Make the folder of results: it names people, so it is open to nobody else."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    work.mkdir(mode=0o700, exist_ok=True)
    (work / BEGAN).touch()


class _Snakemake:
    """Where jobs run, and under whose lock."""

    def __init__(self, holder: Holder, profile: Profile, resources: list[str]) -> None:
        self.holder, self.profile, self.resources = holder, profile, resources
        self.memory = memory_here()

    def run(self, run: CallRun, options: Options, name: str) -> None:
        """Run the jobs of a run of which the file in the work folder has a name."""
        # Names tell what a file is of: that one was moved, or is told of otherwise, is no
        # reason to make it anew.
        more = ["--keep-going", "--rerun-triggers", "mtime", *self.resources]
        more = [*memory_arguments(self.profile, self.memory), *more]
        if conda_programs(run.settings):
            more = ["--software-deployment-method", "conda", *more]
        if options.keep_work:
            more.insert(0, "--notemp")
            os.environ[KEEP_WORK] = "1"
        try:
            run_snakemake(
                Path(run.work),
                self.holder.token,
                cores=options.cores,
                profile=self.profile,
                more=more,
                place=Path(run.folder),
                run=name,
            )
        finally:
            os.environ.pop(KEEP_WORK, None)


def _run(
    config: CallConfig, options: Options, work: Path, snakemake: _Snakemake
) -> dict[str, Any]:
    cores = options.cores or snakemake.profile.jobs
    before = child_seconds()
    # By the clock of the file system, as the files of jobs have it.
    mark = work / BEGAN
    mark.touch()
    began = mark.stat().st_mtime
    with measured() as checking:
        run = begin_run(config, settle(work, config), work, cores)
        check_programs(run)
        write_panel(run)
        if unread := large_unread(run):
            run.jobs.check = share_check(config.people, unread)
            run.save("check.json")
            snakemake.run(run, options, "check.json")
        run = with_facts(run, cores)
        run.notes += memory_notes(run, snakemake.profile, snakemake.memory)
    rows = [{"step": "check", **vars(checking)}]
    for note in dict.fromkeys(run.notes):
        LOG.warning("note  %s", note)
    if not run.todo and is_told(run):
        return {**_account(run), "up_to_date": True}
    needs = check_disk(run, cores, shutil.disk_usage(run.folder).free)
    if run.todo:
        LOG.info("%d to call: %s", len(run.todo), needs)
    sweep(run, keep_current=True)
    find_made(run)
    run.save()
    try:
        snakemake.run(run, options, "run.json")
    except VarhouseError as error:
        raise CallFailedError(error, run) from error
    check_people(run)
    if not is_told(run):
        raise VarhouseError(
            f"{run.folder}: the jobs have ended, but sheets or the page are missing",
            "run the same command again",
        )
    if not options.keep_work:
        sweep(run, keep_current=False)
    account = _account(run, {p.calls for p in run.todo})
    account["stages"] = call_costs(_jobs_of(run), child_seconds() - before, rows, began)
    account["disk"] = run.disk
    write_json(work / "account.json", account)
    return account


def large_unread(run: CallRun) -> list[Lane]:
    """List the lanes that are still to be read, if jobs do that as they are large."""
    lanes = [lane for p in run.people for lane in p.person.lanes]
    unread = unread_lanes(lanes, run.path(CHECKED), dict(run.lengths), run.digests)
    return unread if sum(map(lane_bytes, unread)) > CHECK_BYTES else []


def with_facts(run: CallRun, cores: int) -> CallRun:
    """Read all lanes, or what was found when they were read, and find what is to be done."""
    places = [
        (p, k) for p, person in enumerate(run.people) for k in range(len(person.person.lanes))
    ]
    lanes = [run.people[p].person.lanes[k] for p, k in places]
    contigs = dict(run.lengths)
    found = check_lanes(lanes, run.path(CHECKED), contigs, run.digests, processes=cores)
    return prepare(run, dict(zip(places, found, strict=True)), cores)


def is_told(run: CallRun) -> bool:
    """Tell whether the sheets and the page are there, and are of just this run's people."""
    told = run.path(f"jobs/reads_batch/{run.batch}.json")
    return told.exists() and all(path.exists() for path in run.results())


def find_made(run: CallRun) -> None:
    """Let the workflow see what is there: the index, and alignments that are kept."""
    index = run.path("jobs/reads_index.json")
    if not Path(run.index).is_dir():
        index.unlink(missing_ok=True)
    if run.todo or not is_told(run):
        # The sheets are of one run, the last that wrote them. And what is there already the
        # workflow would not look behind.
        for told in run.path("jobs/reads_batch").glob("*.json"):
            told.unlink()
    for person in run.todo:
        # Of results that were removed, or of which a file was exchanged, since.
        for rule in ("reads_person", "reads_gvcf"):
            run.path(f"jobs/{rule}/{person.calls}.json").unlink(missing_ok=True)
        told = run.path(f"jobs/reads_finish/{person.alignment}.json")
        made = bring_kept(run, person)
        finished = run.path(f"finished/{person.alignment}.{run.form}")
        if finished.exists() and finished.with_suffix(".json").exists():
            # No job looks at them again; a run without `keep` may have made them.
            ensure_kept(run, person, finished)
        if person.whole or not made:
            continue
        if not told.exists():
            told.parent.mkdir(parents=True, exist_ok=True)
            write_json(told, {"step": "reads_finish", "steps": [], "cpu_s": 0, "ingest": None})


def _jobs_of(run: CallRun) -> list[Path]:
    """Name the files that the jobs of a run write."""
    names = [f"reads_check/{k}" for k in run.jobs.check]
    names += ["reads_index", f"reads_batch/{run.batch}"]
    for p in run.todo:
        names += [f"reads_align/{k}" for k in p.lanes]
        names += [f"reads_finish/{p.alignment}", f"reads_gvcf/{p.calls}"]
        names += [f"reads_call/{p.calls}/{k}" for k in range(len(p.jobs))]
        names += [f"reads_person/{p.calls}"]
    return [run.path(f"jobs/{name}.json") for name in names]


def sweep(run: CallRun, *, keep_current: bool) -> None:
    """Remove files that only jobs need: those of runs that are over, or all.

    Parameters
    ----------
    keep_current
        Those that this run goes on with stay.
    """
    keys = {k for p in run.todo for k in (*p.lanes, p.alignment, p.calls)}
    for kind in ("lanes", "finished", "regions"):
        for path in run.path(kind).glob("*"):
            if keep_current and path.name.partition(".")[0] in keys:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix != ".json":
                path.unlink(missing_ok=True)


def _account(run: CallRun, called: Collection[str] = ()) -> dict[str, Any]:
    """Say of everybody what became of him, with what is odd about him.

    Parameters
    ----------
    called
        Keys of the calls that were made now.
    """
    people: list[dict[str, Any]] = []
    for p in run.people:
        entry: dict[str, Any] = {"cohort": p.person.cohort, "sample": p.person.name}
        if p.start == "gvcf":
            people.append({**entry, "state": "gvcf", "flags": []})
            continue
        told = read_json(path_of(Path(run.folder) / "qc", p.person, ".json"))
        entry["state"] = "called" if p.calls in called else "unchanged"
        entry["flags"] = told.get("flags", [])
        figures = told.get("figures", {})
        entry |= {k: figures.get(k) for k in ("mean_coverage", "snvs", "indels")}
        people.append(entry)
    return {
        "folder": run.folder,
        "config": str(Path(run.folder) / "config.yaml"),
        "people": people,
        "notes": list(dict.fromkeys(run.notes)),
    }


def _dry_run(
    config: CallConfig, options: Options, profile: Profile
) -> tuple[int, dict[str, Any]]:
    """Say what a call would do; nothing is written but what goes at once."""
    cores = options.cores or profile.jobs
    with tempfile.TemporaryDirectory(prefix="varhouse-dry-run-") as folder:
        work = Path(folder)
        if (config.folder / WORK / CHECKED).is_dir():
            shutil.copytree(config.folder / WORK / CHECKED, work / CHECKED)
        run = begin_run(config, settle(work, config), work, cores)
        check_programs(run)
        write_panel(run)
        run = with_facts(run, cores)
        run.notes += memory_notes(run, profile, memory_here())
        place = config.folder
        while not place.exists():
            place = place.parent
        needs = check_disk(run, cores, shutil.disk_usage(place).free)
        people: list[dict[str, Any]] = [
            {
                "cohort": p.person.cohort,
                "sample": p.person.name,
                "state": "gvcf" if p.start == "gvcf" else "unchanged" if p.done else "to call",
                "start": p.start,
                "bases": p.n_bases,
                "flags": [],
            }
            for p in run.people
        ]
    for note in dict.fromkeys(run.notes):
        LOG.warning("note  %s", note)
    return 0, {
        "dry_run": True,
        "folder": run.folder,
        "people": people,
        "needs": needs,
        "spans": len(run.spans),
        "notes": list(dict.fromkeys(run.notes)),
    }
