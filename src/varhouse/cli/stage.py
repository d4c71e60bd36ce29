"""`varhouse stage`: the steps of an ingest, one command for each rule of the workflow."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "stage"


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        NAME,
        help="one step of an ingest or a call, as the workflow runs it",
        description="The steps of `varhouse ingest` and `varhouse call`, each run by a rule "
        "of the workflow. "
        "Every step reads run.json of the ingest's work folder, which says what its jobs do, "
        "and makes there the parts that are missing.",
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)

    def step(name: str, what: str) -> argparse.ArgumentParser:
        p: argparse.ArgumentParser = steps.add_parser(name, help=what, description=what)
        p.add_argument("--run", dest="run_json", type=Path, required=True, metavar="JSON")
        p.add_argument("--threads", type=int, default=1, help="threads of this process [1]")
        p.add_argument(
            "-o",
            dest="output",
            type=Path,
            required=True,
            metavar="JSON",
            help="what the job cost; written when it has ended",
        )
        p.set_defaults(run_step=name, run=run, alone=True)
        return p

    def numbered(p: argparse.ArgumentParser, name: str, what: str) -> None:
        p.add_argument(f"--{name}", type=int, required=True, metavar="N", help=what)

    step("whole", "Everything: the ingest is small.")
    step("genes", "Compile the gene model into the store's cache.")
    p = step("source", "Compile a source into the store's cache, normalised and sorted.")
    p.add_argument("--source", required=True, help="name of the source")
    p = step("intake", "Take files in: their verdicts, and the shards of their records.")
    numbered(p, "job", "0-based number in `jobs.intake` of the run")
    p = step("validate", "Check a file that several jobs will read.")
    numbered(p, "file", "0-based number in `jobs.split` of the run")
    p = step("read", "Read a share of a file that was checked.")
    numbered(p, "file", "0-based number in `jobs.split` of the run")
    numbered(p, "job", "0-based number of the share")
    step("plan", "Decide which cohorts go in, and bundle the partitions.")
    p = step("cohort", "Join the chunks of some cohorts.")
    numbered(p, "job", "0-based number in `jobs.cohorts` of the run")
    p = step("settle", "Name new alleles of some partitions, annotate them, make totals.")
    p.add_argument("--bundle", required=True, help="in `bundles` of the plan")
    step("commit", "What is left of these steps; then make all visible as one release.")
    _add_reads(step)


def _add_reads(step: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the steps of `varhouse call`; keys are those of run.json."""
    step("reads_index", "Make the index of the reference.")
    p = step("reads_check", "Read files of reads before all work.")
    p.add_argument("--check", required=True, metavar="KEY", help="in `jobs.check` of the run")
    p = step("reads_align", "Align a lane.")
    p.add_argument("--lane", required=True, metavar="KEY", help="of the lane")
    p = step("reads_finish", "Put the lanes of somebody together, and mark duplicates.")
    p.add_argument("--alignment", required=True, metavar="KEY", help="of his alignments")
    for name, what in (
        ("reads_call", "Call some stretches of the genome of somebody."),
        ("reads_gvcf", "Join the calls of somebody to a gVCF, and measure him."),
        ("reads_person", "All steps of somebody with few reads."),
    ):
        p = step(name, what)
        p.add_argument("--calls", required=True, metavar="KEY", help="of his calls")
        if name == "reads_call":
            p.add_argument("--job", type=int, required=True, metavar="N", help="0-based")
    step("reads_batch", "Write the sheets for the ingest, and the page.")


def run(args: argparse.Namespace) -> int:
    # Polars, numba and OpenMP count cores when they are imported.
    for name in ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    if args.run_step.startswith("reads_"):
        from varhouse.calling import steps as reads_steps

        return reads_steps.run_step(args)
    from varhouse.ingest.jobs import steps

    return steps.run_step(args)
