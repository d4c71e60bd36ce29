"""The work folder of a run: made, or taken up again, before any job starts.

What jobs make in it is not flushed: after a power failure a file may have its name and its
length, and zeros. So it is bound to the boots of the hosts that work was started from: one
that another boot of this host has worked in is not taken up. Of another host's boot nothing
can be known from here.
"""

import json
import logging
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse import __version__
from varhouse.errors import StoreError
from varhouse.files import read_json, remove_abandoned, write_text
from varhouse.ingest.setup.growing import is_per_person
from varhouse.ingest.setup.headers import write_sample_lists
from varhouse.ingest.setup.kits import KITS, write_kits
from varhouse.ingest.setup.run import SAMPLE_LISTS, Run, load_run, source_folder
from varhouse.ingest.setup.sizing import JOB_SECONDS, FileSize, Jobs, share_jobs
from varhouse.ingest.setup.textsize import text_bytes
from varhouse.processes import boot_id
from varhouse.store.layout import make_folder
from varhouse.store.leftovers import OWNER, is_used_by_another
from varhouse.tables.shards import write_frame

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config

LOG = logging.getLogger("varhouse.ingest")

BOOTS = "boots.json"
"""In a work folder: the hosts that a run was started on, each with the id of its boot."""


def begin(run: Run, config: "Config", cores: int = 1, least: float = JOB_SECONDS) -> None:
    """Make the work folder of a run with its `run.json`, or take up one that was killed.

    What was begun goes on as it was shared out then, and with the names of samples that
    the files had: the work that is done already fits to nothing else.

    Parameters
    ----------
    cores, least
        Jobs that can run at once; least work of one, seconds.
    """
    work = Path(run.work)
    empty_unfit(work)
    if (work / "run.json").exists():
        LOG.info("resuming ingest %s", run.ingest_id)
        _note_boot(work)
        remove_abandoned(work)
        begun = load_run(work / "run.json")
        run.cohorts, run.jobs = begun.cohorts, begun.jobs
        return
    make_folder(work, Path(run.store))
    _note_boot(work)
    write_run(run, config, cores, least)


def empty_unfit(work: Path) -> None:
    """Empty a work folder that cannot be taken up: of another version, or another boot.

    Who works there by hand (`store/leftovers.py`) still does. Another call changes nothing:
    what is put there between this and `begin` stays.
    """
    if not work.exists() or not (why := _why_unfit(work)):
        return
    LOG.info("%s: %s; it is made anew", work, why)
    # What tells that it is unfit goes last: a kill meanwhile leaves it so.
    last = [work / "run.json", work / BOOTS]
    for path in [p for p in work.iterdir() if p.name != OWNER and p not in last] + last:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _why_unfit(work: Path) -> str | None:
    boots = _read_boots(work)
    now, then = boot_id(), boots.get(socket.gethostname())
    # A job of a run that is going on may come to a host that was started anew meanwhile.
    if now and then and now != then and not is_used_by_another(work):
        return "this host was started anew since, and its files may not have been flushed"
    if not (work / "run.json").exists():
        return None
    try:
        if read_json(work / "run.json")["version"] != __version__:
            return "another version of varhouse made it"
    except (StoreError, KeyError, TypeError):
        return "its run.json is damaged"
    return None if boots else f"its {BOOTS} is missing or damaged"


def _read_boots(work: Path) -> dict[str, Any]:
    """Read which boots of which hosts a run was started on; none where nobody knows."""
    try:
        found = json.loads((work / BOOTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _note_boot(work: Path) -> None:
    """Say that a run is started on this host, before any job makes anything."""
    boots = _read_boots(work)
    here = {socket.gethostname(): boot_id()}
    if boots != boots | here:
        write_text(work / BOOTS, json.dumps(boots | here), flush=True)


def write_run(run: Run, config: "Config", cores: int, least: float = JOB_SECONDS) -> None:
    """Share the work out, and write into the work folder what the jobs need to know."""
    work = Path(run.work)
    write_frame(config.samples, work / "samples.parquet")
    lists = write_sample_lists(
        [(c.name, c.files) for c in run.cohorts], run.limits, work / SAMPLE_LISTS
    )
    if any(c.kits for c in config.cohorts):
        write_kits(
            {c.name: c.kits for c in config.cohorts},
            config.kits,
            run.open_reference(),
            work / KITS,
            is_partial=run.policy.partial_reference,
        )
    for cohort in run.cohorts:
        cohort.lists = lists[cohort.name]
        if not cohort.grows:
            # What a kit covers, or a chain carries over, is told in another way.
            by_record = not cohort.kits and cohort.chain is None
            cohort.per_person = by_record and is_per_person(run.sample_lists(cohort.name))
    run.jobs = _jobs(run, cores, least)
    run.save()


def _jobs(run: Run, cores: int, least: float) -> Jobs:
    """Share out what a run has to do."""
    files = []
    for cohort in run.cohorts:
        people = [len(names) for names in run.sample_lists(cohort.name)]
        for k, file in enumerate(cohort.files):
            files.append(FileSize(cohort.name, k, text_bytes(Path(file)), people[k]))
    sources = {
        s.name: text_bytes(Path(s.path))
        for s in run.sources
        if not (source_folder(run, s) / "source.json").exists()
    }
    compiled = (Path(run.genes_folder) / "meta.json").exists()
    genes = 0 if run.genes is None or compiled else text_bytes(Path(run.genes))
    return share_jobs(files, sources, genes, cores, least)
