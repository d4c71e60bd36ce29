"""A withdrawal is carried out: an ingest of one cohort, in this process."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.account import parse, public_row
from varhouse.errors import StoreError
from varhouse.files import read_json
from varhouse.ingest.jobs.costs import JobCosts, cpu_seconds
from varhouse.ingest.jobs.finish import make_account
from varhouse.ingest.jobs.joinshared import join_shared
from varhouse.ingest.jobs.plan import Plan
from varhouse.ingest.jobs.steps import MANIFEST, Job
from varhouse.ingest.setup.fromfiles import setting_paths
from varhouse.ingest.setup.growing import is_per_person
from varhouse.ingest.setup.headers import write_sample_lists
from varhouse.ingest.setup.kits import KITS
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.run import FOLDER, SAMPLE_LISTS, Run, RunCohort
from varhouse.ingest.setup.settings import NOTE, Policy
from varhouse.store.commit import commit, utc_now
from varhouse.store.layout import check_free_space
from varhouse.store.ledger import Entry
from varhouse.store.named import without_naming
from varhouse.store.peopletexts import PeopleTexts
from varhouse.store.retract import ONCE, counts_once
from varhouse.store.scrub import accounts_without
from varhouse.tables.peopletables import SAME_PEOPLE
from varhouse.tables.schema import ACCOUNTS, INGESTS
from varhouse.tables.shards import Manifest, read_manifest, write_frame
from varhouse.withdrawal.annotation import add_annotation
from varhouse.withdrawal.files import make_files
from varhouse.withdrawal.found import OPERATION, Withdrawal
from varhouse.withdrawal.remembered import kit_intervals, kits_of


def _reached(_point: str) -> None:
    """Do nothing: tests replace this to die at a point."""


def carry_out(own: Withdrawal, work: Path, token: str) -> None:
    """Make all parts of the release, and commit it."""
    run = _make_run(own, work)
    job = Job(run, OPERATION, JobCosts(cpu_seconds()), says=logging.DEBUG)
    job.take_in(own.cohort)
    plan = job.plan()
    _check_goes_in(own, run, plan.held_back.get(own.cohort, []))
    made = job.cohorts()
    _check_goes_in(own, run, read_json(made[0] / "summary.json")["hold"])
    new = 0
    for bundle in plan.bundles:
        windows = read_json(job.alleles(bundle) / "windows.json")
        new += sum(w["rows"] for w in windows)
    if new:
        # Of records that were rejected, as their calls could not be.
        add_annotation(run, own.base, own.remembered, new)
    for bundle in plan.bundles:
        made += job.settle(bundle)
    made += job.once()
    found = [read_manifest(folder / MANIFEST) for folder in made]
    event = {
        "cohort": own.cohort,
        "people": len(own.chosen.people),
        "alleles_removed": _count_orphans(work),
        "files_read": len(run.cohorts[0].files),
        "files_cut": sum(f.leave for f in own.files.left),
        "files_gone": len(own.files.gone),
        "exact": own.remembered.is_exact,
    }
    found += _accounts(own, run, plan, event, work)
    found.append(Manifest([], [("held_back", {"cohort": own.cohort})]))
    anew = [SAME_PEOPLE] if run.looks_who_is_one else []
    gone = [own.cohort]
    found.append(without_naming(own.base, gone, work / "named", passed_over=anew))
    # A key alone refuses nobody.
    own.ledger.keep_key()
    own.ledger.add(
        Entry(
            own.base.release + 1,
            run.ingest_id,
            own.cohort,
            own.asked.everywhere,
            tuple(own.hashes),
            own.started,
            own.asked.reason,
        )
    )
    _reached("in the ledger")
    commit(
        own.path,
        join_shared(own.base, found, work / "joined"),
        ingest_id=run.ingest_id,
        operation=OPERATION,
        base_release=own.base.release,
        meta={"event": event},
        token=token,
    )


def _make_run(own: Withdrawal, work: Path) -> Run:
    """Make the run of the cohort without the people, and write what its jobs need to know."""
    base, config = own.base, own.settled.config
    how = ONCE if counts_once(base) else Policy.same_person
    check_free_space(own.path, _needed_bytes(own))
    folder = work / "without"
    limits = config.limits
    cohort = make_files(base, own.remembered.cohort, own.files, own.ledger, folder, limits)
    stay = [n for f in own.files.left for n in f.stay]
    cohort.kits = kits_of(cohort, own.remembered.config.samples, stay)
    _reached("cut")
    own_flags = None if config.policy.sample_flags is None else NOTE
    known = KnownFiles(own.path / "_cache")
    inputs = {str(p): known.sha256(p) for p in (config.par, config.aliases) if p is not None}
    run = Run(
        store=str(own.path),
        work=str(work),
        ingest_id=own.ingest_id,
        base_release=base.release,
        started=own.started,
        assembly=config.assembly,
        reference=str(own.settled.compiled),
        reference_digest=own.settled.reference.digest,
        aliases=str(config.aliases) if config.aliases else None,
        par=str(config.par) if config.par else None,
        genes=None,
        genes_digest=None,
        strata=config.strata,
        sources=[],
        source_digests={},
        # People may go whatever has become of the permits, and the flags, of those who stay.
        policy=replace(config.policy, rules="", sample_flags=own_flags, same_person=how),
        config=json.loads(own.remembered.recorded),
        cohorts=[cohort],
        limits=limits,
        callable=config.callable,
        people=config.people,
        genotype_fields=config.genotype_fields,
        inputs={**inputs, **config.inputs, **_chain_inputs(cohort, known)},
    )
    write_frame(config.samples, work / "samples.parquet")
    lists = write_sample_lists([(cohort.name, cohort.files)], limits, work / SAMPLE_LISTS)
    cohort.lists = lists[cohort.name]
    if cohort.kits:
        write_frame(kit_intervals(base, cohort), work / KITS)
    if not cohort.grows:
        by_record = not cohort.kits and cohort.chain is None
        cohort.per_person = by_record and is_per_person(run.sample_lists(cohort.name))
    return run


def _chain_inputs(cohort: RunCohort, known: KnownFiles) -> dict[str, str]:
    return {cohort.chain: known.sha256(Path(cohort.chain))} if cohort.chain else {}


def _needed_bytes(own: Withdrawal) -> int:
    """Bound what is written: the files once more, twice as shards, and the shared tables."""
    if own.files.growth is not None:
        return 0
    return 3 * sum(int(f.own["bytes"] or 0) for f in own.files.left)


def _check_goes_in(own: Withdrawal, run: Run, reasons: list[str]) -> None:
    """Check that the cohort without the people goes in by the rules of an ingest."""
    if not reasons:
        return
    told = "\n".join(f"  - {r}" for r in reasons)
    made = run.cohorts[0]
    for file, origin in zip(made.files, made.origins, strict=False):
        told = told.replace(file, str(origin["path"]))
    raise StoreError(
        f"cohort {own.cohort!r} without them would be held back; nothing was changed:\n{told}",
        "varhouse store drop, and an ingest of what mends this",
    )


def _count_orphans(work: Path) -> int:
    files = sorted((work / "alleles").glob("*/retract/*/*/orphans-*.parquet"))
    if not files:
        return 0
    frames = pl.scan_parquet(files, glob=False).select(pl.len())
    return int(frames.collect().item())


def _accounts(
    own: Withdrawal, run: Run, plan: Plan, event: dict[str, Any], work: Path
) -> list[Manifest]:
    """Write the accounts of all ingests without the ids, and that of the withdrawal."""
    people = own.chosen.people
    texts = PeopleTexts(people, own.cohort)
    account = {**make_account(run, plan), "alleles_removed": event["alleles_removed"]}
    account["withdrawn"] = {"people": len(people), "files": event["files_read"]}
    row = {
        "ingest_id": run.ingest_id,
        "release": own.base.release + 1,
        "operation": OPERATION,
        "started": own.started,
        "finished": utc_now(),
        "version": __version__,
        "config": own.remembered.recorded,
        "summary": texts.clean(json.dumps(account, ensure_ascii=False)),
    }
    told = public_row(row, own.base.restricted)
    columns = ("summary",)
    # What anybody may read names nobody, see `varhouse.account`.
    return [
        accounts_without(own.base, table, texts.clean, said, work, columns=columns)
        for table, said in ((INGESTS, row), (ACCOUNTS, told))
    ]


def setting_texts(own: Withdrawal) -> list[str]:
    """List the paths of settings, which stay in the accounts: later ingests read them."""
    out = []
    for text in own.base.scan("ingests").select("config").collect()["config"]:
        said = parse(text)
        out += [str(place[key]) for place, key in setting_paths(said)]
        out += [
            said[k] for k in (FOLDER, "cohorts", "samples") if isinstance(said.get(k), str)
        ]
    taken = own.remembered.cohort.taken
    paths = [taken["chain"], taken["source_reference"], *taken["kits"].values()]
    return sorted({*out, *(p for p in paths if p)})
