"""`varhouse store withdraw`: a cohort is made once more, without some people, as a release.

A withdrawal is an ingest of the cohort's files without the people, in this process, with the
settings that the store remembers. So every count, block, run and reject comes about as in any
ingest, and the digest of the store is that of a build from files without them. Where each file
is of one person and the cohort grows, their files go, and nothing is read.

Gene model and sources stay as they are. Who was withdrawn stands in the ledger
(`varhouse.store.ledger`) before the release is made, and counts from that moment.
"""

import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
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
from varhouse.ingest.setup.assembly import (
    check_reference,
    check_same_assembly,
    settle_assembly,
)
from varhouse.ingest.setup.fromfiles import setting_paths
from varhouse.ingest.setup.growing import is_per_person
from varhouse.ingest.setup.headers import write_sample_lists
from varhouse.ingest.setup.kits import KITS
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.ingest.setup.run import FOLDER, SAMPLE_LISTS, Run, RunCohort
from varhouse.ingest.setup.settings import text_digest
from varhouse.store.commit import commit, utc_now
from varhouse.store.layout import (
    check_free_space,
    make_folder,
    read_store_file,
    staging_folder,
)
from varhouse.store.ledger import Entry, Ledger
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases, read_release
from varhouse.store.scrub import Scrubber, accounts_without
from varhouse.tables.schema import ACCOUNTS, INGESTS
from varhouse.tables.shards import Manifest, read_manifest, write_frame
from varhouse.withdrawal.annotation import add_annotation
from varhouse.withdrawal.files import FilePlan, make_files, plan_files
from varhouse.withdrawal.private import count_private
from varhouse.withdrawal.receipt import Holds, Receipt, read_receipt, write_receipt
from varhouse.withdrawal.remembered import Remembered, kit_intervals, remember
from varhouse.withdrawal.select import Chosen, choose

LOG = logging.getLogger("varhouse.store")

OPERATION = "withdraw"


def _reached(_point: str) -> None:
    """Do nothing: tests replace this to die at a point."""


@dataclass(frozen=True)
class Asked:
    """What a command asks for.

    Attributes
    ----------
    cohort
        Of whom people are taken out.
    people
        Their sample ids, as they were given.
    reason
        Kept in the ledger and the receipt.
    everywhere
        Refuse them in any cohort from now on.
    reference
        FASTA, if the one that the store was made with is gone.
    """

    cohort: str
    people: Sequence[str]
    reason: str = ""
    everywhere: bool = False
    reference: Path | None = None


@dataclass(frozen=True)
class Foreseen:
    """What a withdrawal would do, for a dry run.

    Attributes
    ----------
    base_release
        The release that it would start from.
    cohort, people
        Who would go.
    read
        Path of each file that would be read, and whether it lies there (else the store gives
        it back).
    cut, gone
        Paths of files that hold some of the people, and of those of them alone.
    private
        Alleles that nobody else of the store is called with.
    elsewhere
        Other cohorts to the ids that they have, too.
    exact
        As in the receipt.
    """

    base_release: int
    cohort: str
    people: list[str]
    read: dict[str, bool]
    cut: list[str]
    gone: list[str]
    private: int
    elsewhere: dict[str, list[str]]
    exact: bool

    def as_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


@dataclass
class _Withdrawal:
    """One withdrawal on its way."""

    path: Path
    base: Store
    ledger: Ledger
    asked: Asked
    chosen: Chosen
    remembered: Remembered
    files: FilePlan
    started: str
    hashes: list[str] = field(default_factory=list)

    @property
    def cohort(self) -> str:
        return self.asked.cohort

    @property
    def ingest_id(self) -> str:
        """Made of what is done and what it starts from: the same again is the same."""
        number = self.base.release + 1
        what = text_digest(number, self.cohort, *self.hashes)
        return f"{OPERATION}-{number:08d}-{what[:8]}"


def foresee(path: Path, asked: Asked) -> Foreseen:
    """Say what a withdrawal would do, with all its checks; the store's cache alone may grow.

    Raises
    ------
    VarhouseError
        As `withdraw` does before it writes anything.
    """
    path = path.absolute()
    read_store_file(path)
    ledger = Ledger.open(path)
    found = _look(path, asked, ledger, utc_now())
    files = found.files
    read = [] if files.growth is not None else files.left
    return Foreseen(
        found.base.release,
        asked.cohort,
        found.chosen.people,
        {str(f.path): f.is_there for f in read},
        [str(f.path) for f in files.left if f.leave],
        [str(f.path) for f in files.gone],
        count_private(found.base, found.cohort, found.chosen.people),
        found.chosen.elsewhere,
        found.remembered.is_exact,
    )


def withdraw(path: Path, asked: Asked, *, wait: float = 60.0) -> Receipt:
    """Take people out of a cohort: a release without them, and its receipt.

    Killed at any moment, the store is as before or as after; the same command again completes.

    Parameters
    ----------
    path
        The store's root folder.
    wait
        Seconds to wait for another writer.

    Returns
    -------
    Receipt
        With paths as they are; the one in the store names nobody.

    Raises
    ------
    ConfigError
        If the list of people is wrong in any way, or files that are needed are gone.
    StoreError
        If the cohort cannot be without the people by the rules of an ingest, somebody else
        is writing, or the disk is full. Nothing was changed then.
    """
    path = path.absolute()
    began, started = time.monotonic(), utc_now()
    read_store_file(path)
    with store_lock(path, wait) as holder:
        ledger = Ledger.open(path)
        done = _complete(path, asked, ledger)
        if done is not None:
            clear(path, was_killed=True)
            return done
        own = _look(path, asked, ledger, started)
        work = staging_folder(path, own.ingest_id)
        shutil.rmtree(work, ignore_errors=True)
        make_folder(work, path)
        try:
            _carry_out(own, work, holder.token)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        seconds = round(time.monotonic() - began, 1)
        receipt = _receipt(own, read_release(path, own.base.release + 1).meta, seconds)
        _reached("committed")
        write_receipt(path, receipt.masked(ledger, own.chosen.people))
        _forget_files(own)
        clear(path, was_killed=True)
    return receipt


def _look(path: Path, asked: Asked, ledger: Ledger, started: str) -> _Withdrawal:
    """Find who goes and what becomes of the files; nothing of the store is changed."""
    base = open_store(path)
    chosen = choose(base, ledger, asked.cohort, asked.people)
    if Scrubber(chosen.people, people=True).holds(asked.reason):
        raise StoreError(
            "--reason names somebody who is to be withdrawn", "a reason without the id"
        )
    remembered = remember(base, asked.cohort, asked.reference)
    files = plan_files(
        base, remembered.cohort, chosen.people, ledger, remembered.config.limits
    )
    own = _Withdrawal(path, base, ledger, asked, chosen, remembered, files, started)
    own.hashes = sorted(map(ledger.hash, chosen.people))
    return own


def _complete(path: Path, asked: Asked, ledger: Ledger) -> Receipt | None:
    """Write the receipt of the same withdrawal, if it was killed after its release."""
    newest = list_releases(path)[-1]
    entry = next((e for e in ledger.entries if e.release == newest), None)
    if entry is None or read_receipt(path, newest) is not None:
        return None
    people = sorted(dict.fromkeys(asked.people))
    if (entry.cohort, list(entry.people)) != (asked.cohort, sorted(map(ledger.hash, people))):
        return None
    base = open_store(path, newest - 1)
    remembered = remember(base, asked.cohort, asked.reference)
    files = plan_files(base, remembered.cohort, people, ledger, remembered.config.limits)
    chosen = choose(base, Ledger(path, None, []), asked.cohort, people)
    said = replace(asked, reason=entry.reason, everywhere=entry.everywhere)
    own = _Withdrawal(path, base, ledger, said, chosen, remembered, files, entry.time)
    own.hashes = list(entry.people)
    receipt = _receipt(own, read_release(path, newest).meta, None)
    write_receipt(path, receipt.masked(ledger, people))
    _forget_files(own)
    return receipt


def _carry_out(own: _Withdrawal, work: Path, token: str) -> None:
    """Make all parts of the release, and commit it."""
    run = _make_run(own, work)
    job = Job(run, OPERATION, JobCosts(cpu_seconds()))
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


def _make_run(own: _Withdrawal, work: Path) -> Run:
    """Make the run of the cohort without the people, and write what its jobs need to know."""
    config, base = own.remembered.config, own.base
    settled = settle_assembly(own.path, config, base)
    config, reference = settled.config, settled.reference
    check_reference(config, reference)
    check_same_assembly(base, config.assembly, reference)
    check_free_space(own.path, _needed_bytes(own))
    folder = work / "without"
    limits = config.limits
    cohort = make_files(base, own.remembered.cohort, own.files, own.ledger, folder, limits)
    _reached("cut")
    known = KnownFiles(own.path / "_cache")
    inputs = {str(p): known.sha256(p) for p in (config.par, config.aliases) if p is not None}
    run = Run(
        store=str(own.path),
        work=str(work),
        ingest_id=own.ingest_id,
        base_release=base.release,
        started=own.started,
        assembly=config.assembly,
        reference=str(settled.compiled),
        reference_digest=reference.digest,
        aliases=str(config.aliases) if config.aliases else None,
        par=str(config.par) if config.par else None,
        genes=None,
        genes_digest=None,
        strata=config.strata,
        sources=[],
        source_digests={},
        policy=config.policy,
        config=json.loads(own.remembered.recorded),
        cohorts=[cohort],
        limits=limits,
        callable=config.callable,
        genotype_fields=config.genotype_fields,
        inputs={**inputs, **config.inputs, **_chain_inputs(cohort, known)},
    )
    write_frame(config.samples, work / "samples.parquet")
    lists = write_sample_lists([(cohort.name, cohort.files)], limits, work / SAMPLE_LISTS)
    cohort.lists = lists[cohort.name]
    if cohort.kits:
        write_frame(kit_intervals(base, cohort.name), work / KITS)
    if not cohort.grows:
        by_record = not cohort.kits and cohort.chain is None
        cohort.per_person = by_record and is_per_person(run.sample_lists(cohort.name))
    return run


def _chain_inputs(cohort: RunCohort, known: KnownFiles) -> dict[str, str]:
    return {cohort.chain: known.sha256(Path(cohort.chain))} if cohort.chain else {}


def _needed_bytes(own: _Withdrawal) -> int:
    """Bound what is written: the files once more, twice as shards, and the shared tables."""
    if own.files.growth is not None:
        return 0
    return 3 * sum(int(f.own["bytes"] or 0) for f in own.files.left)


def _check_goes_in(own: _Withdrawal, run: Run, reasons: list[str]) -> None:
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
    own: _Withdrawal, run: Run, plan: Plan, event: dict[str, Any], work: Path
) -> list[Manifest]:
    """Write the accounts of all ingests without the ids, and that of the withdrawal."""
    people = own.chosen.people
    cohorts = own.base.scan("cohorts").select("cohort").collect()["cohort"]
    scrubber = Scrubber(people, _kept_texts(own), people=True)
    account = {**make_account(run, plan), "alleles_removed": event["alleles_removed"]}
    account["withdrawn"] = {"people": len(people), "files": event["files_read"]}
    row = {
        "ingest_id": run.ingest_id,
        "release": own.base.release + 1,
        "operation": OPERATION,
        "started": own.started,
        "finished": utc_now(),
        "version": __version__,
        "config": scrubber.json(own.remembered.recorded),
        "summary": Scrubber(people, cohorts, people=True).json(
            json.dumps(account, ensure_ascii=False)
        ),
    }
    withheld = own.base.restricted
    return [
        accounts_without(own.base, INGESTS, scrubber, row, work),
        accounts_without(own.base, ACCOUNTS, scrubber, public_row(row, withheld), work),
    ]


def _kept_texts(own: _Withdrawal) -> list[str]:
    """List texts that stay though an id is part of them: cohorts, and paths of settings."""
    cohorts = own.base.scan("cohorts").select("cohort").collect()["cohort"].to_list()
    return [*cohorts, *_setting_texts(own)]


def _setting_texts(own: _Withdrawal) -> list[str]:
    out = []
    for text in own.base.scan("ingests").select("config").collect()["config"]:
        said = parse(text)
        out += [str(place[key]) for place, key in setting_paths(said)]
        out += [str(said[FOLDER])] if said.get(FOLDER) else []
    taken = own.remembered.cohort.taken
    paths = [taken["chain"], taken["source_reference"], *taken["kits"].values()]
    return sorted({*out, *(p for p in paths if p)})


def _forget_files(own: _Withdrawal) -> None:
    """Forget the state of the files of the people alone: their paths may name them."""
    known = KnownFiles(own.path / "_cache")
    known.forget(f.path for f in own.files.gone)
    known.save()


def _receipt(own: _Withdrawal, meta: dict[str, Any], seconds: float | None) -> Receipt:
    """Make the receipt of what was committed."""
    before = own.base.record
    after = read_release(own.path, before.number + 1)
    event = meta["event"]
    rows = {
        name: [before.tables[name].rows if name in before.tables else 0, table.rows]
        for name, table in sorted(after.tables.items())
    }
    return Receipt(
        after.number,
        before.number,
        after.digest,
        before.digest,
        own.cohort,
        own.asked.everywhere,
        len(own.hashes),
        own.hashes,
        own.asked.reason,
        own.started,
        event["alleles_removed"],
        rows["ids"][0] - rows["ids"][1] if "ids" in rows else 0,
        event["files_read"],
        event["files_cut"],
        event["files_gone"],
        rows,
        seconds,
        event["exact"],
        _holds(own),
    )


def _holds(own: _Withdrawal) -> Holds:
    """Find where the people still are."""
    scrubber = Scrubber(own.chosen.people, people=True)
    said = parse(own.remembered.recorded)
    folder = Path(said.get(FOLDER) or "/")
    sheets = [str(folder / said[k]) for k in ("samples", "cohorts") if said.get(k)]
    texts = [f.path.name for f in own.files.left]
    texts += [t for t in _setting_texts(own)]
    return Holds(
        _releases_with(own),
        own.files.held,
        sheets,
        sorted({t for t in texts if scrubber.holds(t)}),
        sorted(own.chosen.elsewhere),
    )


def _releases_with(own: _Withdrawal) -> list[int]:
    """List the releases that may be opened and have some of the people in the cohort."""
    out = []
    for number in list_releases(own.path):
        if number > own.base.release:
            break
        try:
            store = open_store(own.path, number)
        except StoreError:
            # Sealed: its data are gone, or about to go.
            continue
        if "samples" not in store.tables:
            continue
        mine = store.scan("samples").filter(pl.col("cohort") == own.cohort).select("sample")
        if mine.filter(pl.col("sample").is_in(own.chosen.people)).collect().height:
            out.append(number)
    return out
