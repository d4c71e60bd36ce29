"""The work folder of a run: made, or taken up again, before any job starts."""

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse import __version__
from varhouse.files import read_json, remove_abandoned
from varhouse.ingest.setup.growing import is_per_person
from varhouse.ingest.setup.headers import write_sample_lists
from varhouse.ingest.setup.kits import KITS, write_kits
from varhouse.ingest.setup.run import SAMPLE_LISTS, Run, load_run, source_folder
from varhouse.ingest.setup.sizing import JOB_SECONDS, FileSize, Jobs, share_jobs
from varhouse.ingest.setup.textsize import text_bytes
from varhouse.store.layout import make_folder
from varhouse.tables.shards import write_frame

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config

LOG = logging.getLogger("varhouse.ingest")


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
    if (work / "run.json").exists():
        if read_json(work / "run.json").get("version") == __version__:
            LOG.info("resuming ingest %s", run.ingest_id)
            remove_abandoned(work)
            begun = load_run(work / "run.json")
            run.cohorts, run.jobs = begun.cohorts, begun.jobs
            return
        # What another version has made is done anew.
        shutil.rmtree(work)
    make_folder(work, Path(run.store))
    write_run(run, config, cores, least)


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
