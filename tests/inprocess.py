"""An ingest without Snakemake: the same steps in one process, with cuts of choice."""

import json
from pathlib import Path
from unittest import mock

from varhouse.ingest.driver import open_or_init
from varhouse.ingest.jobs import intake, tasks, validate
from varhouse.ingest.jobs.alleles import find_alleles
from varhouse.ingest.jobs.annotate import annotate_alleles, compile_model
from varhouse.ingest.jobs.cohort import gather_cohort
from varhouse.ingest.jobs.finish import commit_run
from varhouse.ingest.jobs.once import count_once
from varhouse.ingest.jobs.plan import load_plan, make_plan
from varhouse.ingest.jobs.side_digests import read_sides
from varhouse.ingest.jobs.totals import add_totals
from varhouse.ingest.setup.begin import begin
from varhouse.ingest.setup.config import Config, read_config
from varhouse.ingest.setup.prepare import prepare
from varhouse.ingest.setup.verdict import VERDICT


def ingest_here(
    store: Path, config_file: Path | Config, *, chunk_records: int | None = None
) -> dict:
    """Run all steps of an ingest; `chunk_records` cuts files into pieces of that size."""
    made = steps_here(store, config_file, chunk_records=chunk_records)
    if isinstance(made, dict):
        return made
    account = commit_run(*made)
    json.dumps(account)
    return account


def steps_here(store: Path, config_file: Path | Config, *, chunk_records: int | None = None):
    """Run all steps but the commit: what it takes, or the account if there is none to do."""
    config = read_config(config_file) if isinstance(config_file, Path) else config_file
    open_or_init(store, config)
    run = prepare(store, config, "2026-01-01T00:00:00Z")
    if not run.has_work:
        return {"release": run.base_release, "up_to_date": True, "held_back": run.held_before}
    begin(run, config)
    work = Path(run.work)
    if run.genes:
        compile_model(run)
    limit = mock.patch.object(
        validate, "_chunk_records", return_value=chunk_records or 200_000
    )
    verdicts: dict[str, list[Path]] = {}
    with limit:
        for cohort in run.cohorts:
            verdicts[cohort.name] = []
            for i in range(len(cohort.files)):
                folder = work / "intake" / cohort.name / str(i)
                folder.mkdir(parents=True, exist_ok=True)
                intake.take_in(run, cohort.name, i, folder)
                verdicts[cohort.name].append(folder / VERDICT)
    sides = read_sides(run) if run.new_sides else None
    make_plan(run, verdicts, sides).save(work / "plan.json")
    plan = load_plan(work / "plan.json")
    folders = []
    for name in plan.files:
        folders.append(work / "cohort" / name)
        chunks = [path.with_name(tasks.CHUNKS) for path in verdicts[name]]
        gather_cohort(run, plan, name, chunks, folders[-1])
    manifests = [f / "manifest.json" for f in folders]
    for bundle, parts in plan.bundles.items():
        alleles, notes, totals = (work / s / bundle for s in ("alleles", "annotate", "totals"))
        find_alleles(run, parts, folders, alleles, plan.again)
        annotate_alleles(run, parts, alleles, notes, plan.again)
        made = [alleles, notes]
        if not run.looks_who_is_one:
            add_totals(run, [p for p in parts if p in plan.called], folders, totals)
            made.append(totals)
        manifests += [d / "manifest.json" for d in made]
    if run.looks_who_is_one:
        count_once(run, plan.called, folders, work / "once")
        manifests.append(work / "once" / "manifest.json")
    return run, plan, manifests, sides
