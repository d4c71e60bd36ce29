"""`varhouse stage`: the steps of an ingest, one command for each rule of the workflow."""

import argparse
from pathlib import Path
from typing import Any

NAME = "stage"


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        NAME,
        help="one step of an ingest, as the workflow runs it",
        description="The steps of `varhouse ingest`, each run by a rule of the workflow. "
        "Every step reads run.json of the ingest's work folder and writes its output there.",
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)

    def step(name: str, what: str) -> argparse.ArgumentParser:
        p: argparse.ArgumentParser = steps.add_parser(name, help=what, description=what)
        p.add_argument("--run", dest="run_json", type=Path, required=True, metavar="JSON")
        p.set_defaults(run_step=name)
        p.set_defaults(run=run)
        return p

    p = step("genes", "Compile the gene model into the store's cache.")
    p.add_argument("-o", dest="output", type=Path, required=True, help="marker file to write")
    p = step("source", "Compile a source into the store's cache, normalised and sorted.")
    p.add_argument("--source", required=True, help="name of the source")
    p.add_argument("-o", dest="output", type=Path, required=True, help="marker file to write")
    p = step("sides", "Digest what the gene model and the sources say of each partition.")
    p.add_argument("-o", dest="output", type=Path, required=True, help="sides.json to write")
    p = step("validate", "Check files; write a verdict each (and a BGZF copy if needed).")
    p.add_argument("--cohort", required=True)
    p.add_argument("--files", type=int, nargs="+", required=True, help="0-based numbers")
    p.add_argument("-o", dest="output", type=Path, required=True, help="marker file to write")
    p = step("plan", "Decide which cohorts go in and share the work out.")
    p.add_argument("--verdicts", type=Path, required=True, help="folder of COHORT/NUMBER.json")
    p.add_argument("--sides", type=Path, help="sides.json, if the step sides was needed")
    p.add_argument("-o", dest="output", type=Path, required=True, help="plan.json to write")
    p = step("read", "Read the chunks of a task: alleles, counts, sites, genotypes, rejects.")
    p.add_argument("--plan", type=Path, required=True)
    p.add_argument("--task", required=True)
    p.add_argument("-o", dest="output", type=Path, required=True, help="folder to write")
    p = step("cohort", "Join the chunks of a cohort.")
    p.add_argument("--plan", type=Path, required=True)
    p.add_argument("--cohort", required=True)
    p.add_argument("tasks", nargs="+", type=Path, help="task.json of the cohort's tasks")
    p.add_argument("-o", dest="output", type=Path, required=True, help="folder to write")
    p = step("alleles", "Find and name the alleles that are new to the store.")
    p.add_argument("--plan", type=Path, required=True)
    p.add_argument("--bundle", required=True)
    p.add_argument("cohorts", nargs="*", type=Path, help="folders of the cohorts")
    p.add_argument("-o", dest="output", type=Path, required=True, help="folder to write")
    p = step("annotate", "Annotate the new alleles: consequences and sources.")
    p.add_argument("--plan", type=Path, required=True)
    p.add_argument("--bundle", required=True)
    p.add_argument("--alleles", type=Path, required=True, help="folder of the alleles step")
    p.add_argument("-o", dest="output", type=Path, required=True, help="folder to write")
    p = step("totals", "Add the cohorts up, and take out alleles that nobody carries now.")
    p.add_argument("--plan", type=Path, required=True)
    p.add_argument("--bundle", required=True)
    p.add_argument("cohorts", nargs="*", type=Path, help="folders of the cohorts")
    p.add_argument("-o", dest="output", type=Path, required=True, help="folder to write")
    p = step("commit", "Make everything visible as one release.")
    p.add_argument("--plan", type=Path, required=True)
    p.add_argument("--sides", type=Path, help="sides.json, if the step sides was needed")
    p.add_argument("manifests", nargs="*", type=Path)
    p.add_argument("-o", dest="output", type=Path, required=True, help="commit.json to write")


def run(args: argparse.Namespace) -> int:
    from varhouse.ingest.jobs import steps

    return steps.run_step(args)
