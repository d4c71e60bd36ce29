"""What a job does: parts, each made once, and what is there is not made again.

A part is a folder of the work folder that appears whole (`whole_folder`), with what it
cost. Snakemake sees jobs of many parts, each with one output, so that a run that was
killed goes on part by part: a job that is started again passes over what is done.
"""

import argparse
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from varhouse.files import read_json, whole_folder, write_json, write_text
from varhouse.ingest.jobs.costs import JobCosts, costs_so_far, cpu_seconds
from varhouse.ingest.jobs.intake import drop_shards, share_of_chunks, take_in
from varhouse.ingest.jobs.plan import Plan, load_plan, make_plan
from varhouse.ingest.jobs.tasks import CHUNKS
from varhouse.ingest.setup.run import Run, load_run
from varhouse.ingest.setup.verdict import VERDICT, read_verdict
from varhouse.store.lock import TOKEN, end_with_lock, store_lock

LOG = logging.getLogger("varhouse.ingest")
MANIFEST = "manifest.json"


class Job:
    """The parts of an ingest, for one process.

    Parameters
    ----------
    name
        Of the job: the path of its log below `logs`, without a suffix.
    costs
        What this process costs.
    says
        Level at which it logs each part.
    """

    def __init__(
        self, run: Run, name: str, costs: JobCosts, *, says: int = logging.INFO
    ) -> None:
        self.run, self.costs, self._says = run, costs, says
        self.work = Path(run.work)
        self._now = self.work / "now" / f"{name.replace('/', '-')}.txt"
        self._plan: Plan | None = None

    def _once(self, part: str, last: str, make: Callable[[Path], object]) -> Path:
        """Make a part unless it is there; gives its folder."""
        folder = self.work / part
        if (folder / last).exists():
            return folder
        self._say(part)
        with whole_folder(folder, last) as own, self.costs.part(own):
            make(own)
        return folder

    def _say(self, part: str) -> None:
        # The command that started the ingest tells what is going on.
        LOG.log(self._says, "part %s", part)
        with suppress(OSError):
            self._now.parent.mkdir(exist_ok=True)
            write_text(self._now, part)

    def ended(self) -> None:
        """Say that nothing of this job is going on."""
        with suppress(OSError):
            self._now.unlink(missing_ok=True)

    # --- inputs ---

    def genes(self) -> None:
        """Compile the gene model, once for each annotation and reference."""
        from varhouse.ingest.jobs.annotate import compile_model  # noqa: PLC0415

        if self.run.genes is not None:
            self._once("genes", "cost.json", lambda _: compile_model(self.run))

    def source(self, name: str) -> None:
        """Compile a source, once for each state of its file, its settings, the reference."""
        from varhouse.ingest.jobs.annotate import open_source  # noqa: PLC0415

        spec = next(s for s in self.run.sources if s.name == name)
        self._once(f"source/{name}", "cost.json", lambda _: open_source(self.run, spec))

    # --- files ---

    def intake(self, cohort: str, number: int) -> Path:
        """Take a file in: its verdict, and the shards of its records."""
        return self._once(
            f"intake/{cohort}/{number}",
            CHUNKS,
            lambda folder: take_in(self.run, cohort, number, folder),
        )

    def validate(self, cohort: str, number: int) -> Path:
        """Check a file that several jobs will read."""
        from varhouse.ingest.jobs.validate import validate_file  # noqa: PLC0415

        return self._once(
            f"validate/{cohort}/{number}",
            VERDICT,
            lambda folder: validate_file(self.run, cohort, number, folder / VERDICT),
        )

    def read(self, cohort: str, number: int, job: int, jobs: int) -> Path:
        """Read a share of the chunks of a file that was checked."""
        from varhouse.ingest.jobs.tasks import read_chunks  # noqa: PLC0415

        verdict = self.validate(cohort, number) / VERDICT

        def make(folder: Path) -> None:
            found = read_verdict(verdict)
            chunks = [] if found.hold else share_of_chunks(verdict, job, jobs)
            read_chunks(self.run, cohort, number, found, chunks, folder)

        return self._once(f"read/{cohort}/{number}/{job}", CHUNKS, make)

    def take_in(self, cohort: str) -> list[Path]:
        """Take the files of a cohort in: gives the folders with their chunks."""
        split = {n: jobs for c, n, jobs in self.run.jobs.split if c == cohort}
        out: list[Path] = []
        for number in range(len(self.run.cohort(cohort).files)):
            if number in split:
                jobs = split[number]
                out += [self.read(cohort, number, k, jobs) for k in range(jobs)]
            else:
                out.append(self.intake(cohort, number))
        return out

    def _verdict(self, cohort: str, number: int) -> Path:
        split = any(c == cohort and n == number for c, n, _ in self.run.jobs.split)
        return self.work / ("validate" if split else "intake") / cohort / str(number) / VERDICT

    # --- all files together ---

    def sides(self) -> dict[str, Any] | None:
        """Digest what the gene model and the sources say of each partition, if anew."""
        from varhouse.ingest.jobs.side_digests import read_sides  # noqa: PLC0415

        if not self.run.new_sides:
            return None
        made = self._once(
            "sides",
            "sides.json",
            lambda folder: write_json(folder / "sides.json", read_sides(self.run)),
        )
        found: dict[str, Any] = read_json(made / "sides.json")
        return found

    def plan(self) -> Plan:
        """Decide which cohorts go in; shards of those that do not are removed."""
        if self._plan is None:
            sides = self.sides()
            made = self._once("plan", "plan.json", lambda f: self._make_plan(f, sides))
            self._plan = load_plan(made / "plan.json")
        return self._plan

    def _make_plan(self, folder: Path, sides: dict[str, Any] | None) -> None:
        verdicts = {
            c.name: [self._verdict(c.name, i) for i in range(len(c.files))]
            for c in self.run.cohorts
        }
        plan = make_plan(self.run, verdicts, sides)
        plan.save(folder / "plan.json")
        for cohort in plan.held_back:
            drop_shards(self.work / "intake" / cohort)
            drop_shards(self.work / "read" / cohort)

    def cohort(self, name: str) -> Path:
        """Join the chunks of a cohort; its samples, files and own row."""
        from varhouse.ingest.jobs.cohort import gather_cohort  # noqa: PLC0415

        plan, parts = self.plan(), [p / CHUNKS for p in self.take_in(name)]
        return self._once(
            f"cohort/{name}",
            MANIFEST,
            lambda folder: gather_cohort(self.run, plan, name, parts, folder),
        )

    def cohorts(self) -> list[Path]:
        """Join the chunks of all cohorts that go in; gives their folders."""
        return [self.cohort(name) for name in self.plan().files]

    # --- partitions ---

    def alleles(self, bundle: str) -> Path:
        """Name the new alleles of some partitions, and find those that nobody has any more."""
        from varhouse.ingest.jobs.alleles import find_alleles  # noqa: PLC0415

        run, plan, cohorts = self.run, self.plan(), self.cohorts()
        return self._once(
            f"alleles/{bundle}",
            MANIFEST,
            lambda folder: find_alleles(
                run, plan.bundles[bundle], cohorts, folder, plan.again
            ),
        )

    def settle(self, bundle: str) -> list[Path]:
        """Name the new alleles of some partitions, annotate them, add the cohorts up."""
        from varhouse.ingest.jobs.annotate import annotate_alleles  # noqa: PLC0415
        from varhouse.ingest.jobs.totals import add_totals  # noqa: PLC0415

        run, plan, cohorts = self.run, self.plan(), self.cohorts()
        parts, alleles = plan.bundles[bundle], self.alleles(bundle)
        made = [alleles]
        made.append(
            self._once(
                f"annotate/{bundle}",
                MANIFEST,
                lambda folder: annotate_alleles(run, parts, alleles, folder, plan.again),
            )
        )
        called = [p for p in parts if p in plan.called]
        if called and not run.looks_who_is_one:
            made.append(
                self._once(
                    f"totals/{bundle}",
                    MANIFEST,
                    lambda folder: add_totals(run, called, cohorts, folder),
                )
            )
        return made

    def once(self) -> list[Path]:
        """Add the cohorts up where a person counts once; no folder where he does not."""
        if not self.run.looks_who_is_one:
            return []
        from varhouse.ingest.jobs.once import count_once  # noqa: PLC0415

        run, plan, cohorts = self.run, self.plan(), self.cohorts()
        return [
            self._once("once", MANIFEST, lambda f: count_once(run, plan.called, cohorts, f))
        ]

    def commit(self) -> Path:
        """Make everything visible as one release, after the parts that are missing."""
        from varhouse.ingest.jobs.finish import commit_run  # noqa: PLC0415

        self.genes()
        for name in self.run.jobs.sources:
            self.source(name)
        for cohort in self.run.cohorts:
            self.take_in(cohort.name)
        plan, sides, made = self.plan(), self.sides(), self.cohorts()
        for bundle in plan.bundles:
            made += self.settle(bundle)
        made += self.once()
        manifests = [folder / MANIFEST for folder in made]

        def make(folder: Path) -> None:
            costs = costs_so_far(self.work, self.costs)
            account = commit_run(self.run, plan, manifests, sides, costs)
            write_json(folder / "commit.json", account)

        return self._once("commit", "commit.json", make)


def run_step(args: argparse.Namespace) -> int:
    """Do the job that the command line names, and write what it cost into its output."""
    # A process of its own is the job's from its first moment.
    costs = JobCosts(0.0 if args.alone else cpu_seconds())
    run = load_run(args.run_json)
    token = os.environ.get(TOKEN)
    if args.alone and token is not None:
        with store_lock(Path(run.store), token=token):
            end_with_lock(Path(run.store), token)
    name = args.output.absolute().relative_to(Path(run.work) / "jobs").with_suffix("")
    job = Job(run, str(name), costs)
    _STEPS[args.run_step](job, args)
    costs.save(args.output, args.run_step)
    job.ended()
    return 0


def _intake(job: Job, args: argparse.Namespace) -> None:
    for cohort, number in job.run.jobs.intake[args.job]:
        job.intake(cohort, number)


def _read(job: Job, args: argparse.Namespace) -> None:
    cohort, number, jobs = job.run.jobs.split[args.file]
    job.read(cohort, number, args.job, jobs)


def _validate(job: Job, args: argparse.Namespace) -> None:
    cohort, number, _ = job.run.jobs.split[args.file]
    job.validate(cohort, number)


def _cohort(job: Job, args: argparse.Namespace) -> None:
    for name in job.run.jobs.cohorts[args.job]:
        if name in job.plan().files:
            job.cohort(name)


_STEPS: dict[str, Callable[[Job, argparse.Namespace], object]] = {
    "whole": lambda job, _: job.commit(),
    "genes": lambda job, _: job.genes(),
    "source": lambda job, args: job.source(args.source),
    "intake": _intake,
    "validate": _validate,
    "read": _read,
    "plan": lambda job, _: job.plan(),
    "cohort": _cohort,
    "settle": lambda job, args: job.settle(args.bundle),
    "commit": lambda job, _: job.commit(),
}
