"""The run, and which files each step takes. The only reader of the configuration."""

import json
from pathlib import Path

from varhouse.ingest.jobs.about import about_job

if "run" not in config:
    # Started by hand (`snakemake --configfile CONFIG --config store=STORE`; of reads without
    # a store): prepare the run here; the command has done it before it starts Snakemake.
    from snakemake.cli import get_argument_parser

    if config.get("example") == "reads" or {"reads", "store"} & set(config) == {
        "reads"
    }:
        from varhouse.calling.byhand import prepare_by_hand
    else:
        from varhouse.ingest.byhand import prepare_by_hand

    ASKED, _ = get_argument_parser().parse_known_args()
    config["run"] = str(
        prepare_by_hand(
            config,
            workflow.configfiles,
            workflow.resource_settings.cores,
            asked=ASKED,
        )
    )

RUN = json.loads(Path(config["run"]).read_text())


# Everything that a run makes lies in its work folder, on the store's file system.
workdir: RUN["work"]


# Which job does what, and what memory a step needs (varhouse.ingest.setup.sizing).
JOBS = RUN["jobs"]
FILES = {c["name"]: c["files"] for c in RUN.get("cohorts", [])}
SOURCES = {s["name"]: s["path"] for s in RUN.get("sources", [])}


# What is said of a job when it starts. Snakemake then names neither all its files nor what
# it asks for; varhouse.ingest.failures reads this line.
SAID = (
    "{params.about} ({threads} threads, {resources.mem_mb} MB, {resources.runtime} min)"
)


def about(rule):
    """Say which cohort, file or contigs a job is about: for logs and people."""
    return lambda wildcards: f"{rule}: {about_job(RUN, rule, dict(wildcards))}"


def of_step(what, step):
    """Look up what the jobs of a step ask for; it grows with the attempt.

    Retries are set in the profile: only then does a cluster's job come back with more.
    """

    def grow(wildcards, attempt):
        name = f"{step} {wildcards.source}" if step == "source" else step
        return JOBS[what][name] * attempt

    return grow


def mem_mb(step):
    return of_step("mem_mb", step)


def minutes(step):
    return of_step("minutes", step)


def get_targets():
    """List what the whole workflow is for."""
    if RUN.get("kind") != "reads":
        return ["jobs/whole.json" if JOBS["whole"] else "jobs/commit.json"]
    if RUN["step"] == "check":
        return [f"jobs/reads_check/{check}.json" for check in JOBS["check"]]
    return [f"jobs/reads_batch/{RUN['batch']}.json"]


def get_nameable(files):
    """Leave out paths with braces: Snakemake would take them for wildcards.

    That a file is there, and is the one that was meant, the steps check themselves.
    """
    return [f for f in files if not set("{}") & set(f)]


def get_input_files(wildcards):
    """List the files that a job of `intake` takes in."""
    files = JOBS["intake"][int(wildcards.job)]
    return get_nameable([FILES[cohort][number] for cohort, number in files])


def get_split_file(wildcards):
    """Name the file that several jobs read."""
    cohort, number, _ = JOBS["split"][int(wildcards.file)]
    return get_nameable([FILES[cohort][number]])


def get_inputs_done():
    """List the jobs that compile what is not compiled and take the files in."""
    return [
        *(["jobs/genes.json"] if JOBS["genes"] else []),
        *(f"jobs/source/{name}.json" for name in JOBS["sources"]),
        *(f"jobs/intake/{k}.json" for k in range(len(JOBS["intake"]))),
        *(
            f"jobs/read/{k}/{n}.json"
            for k, (_, _, jobs) in enumerate(JOBS["split"])
            for n in range(jobs)
        ),
    ]


def get_cohorts_done(wildcards):
    return [f"jobs/cohort/{k}.json" for k in range(len(JOBS["cohorts"]))]


def get_bundles_done(wildcards):
    """List the jobs of the bundles of partitions, which the plan names."""
    checkpoints.plan.get()
    plan = json.loads(Path("plan/plan.json").read_text())
    return [f"jobs/settle/{bundle}.json" for bundle in plan["bundles"]]


wildcard_constraints:
    source="[a-z][a-z0-9_]*",
    file=r"\d+",
    job=r"\d+",
    bundle=r"\d+",
