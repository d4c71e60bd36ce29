"""The run, and which files each step takes. The only reader of the configuration."""

import json
from pathlib import Path

from varhouse import __version__ as VERSION

if "run" not in config:
    # Started by hand (`snakemake --configfile CONFIG --config store=STORE`): prepare the
    # run here; `varhouse ingest` has done it before it starts Snakemake.
    from varhouse.ingest.driver import prepare_by_hand

    config["run"] = str(prepare_by_hand(config, workflow.configfiles))

RUN = json.loads(Path(config["run"]).read_text())


# Everything that a run makes lies in its work folder, on the store's file system.
workdir: RUN["work"]


COHORTS = {c["name"]: c for c in RUN["cohorts"]}
SOURCES = {s["name"]: s for s in RUN["sources"]}
HAS_GENES = RUN["genes"] is not None
# The gene model or a source is another one than in the release before.
NEW_SIDES = "sides.json" if RUN["new_sides"] else []
SIDES_OPTION = "--sides sides.json" if RUN["new_sides"] else ""


def mem_mb(base):
    """Memory that grows with the attempt; retries are set in the profile."""

    def grow(wildcards, attempt):
        return base * attempt

    return grow


def get_plan():
    return json.loads(Path(checkpoints.plan.get().output[0]).read_text())


def get_batch(wildcards):
    return COHORTS[wildcards.cohort]["batches"][int(wildcards.batch)]


def get_nameable(files):
    """Leave out paths with braces: Snakemake would take them for wildcards.

    That a file is there, and is the one that was meant, the steps check themselves.
    """
    return [f for f in files if not set("{}") & set(f)]


def get_input_files(wildcards):
    files = COHORTS[wildcards.cohort]["files"]
    return get_nameable([files[i] for i in get_batch(wildcards)])


def get_verdicts(wildcards):
    return [
        f"validate/{name}/batch-{k}.done"
        for name, cohort in COHORTS.items()
        for k in range(len(cohort["batches"]))
    ]


def get_tasks(wildcards):
    tasks = get_plan()["tasks"]
    return [
        f"read/{t}/task.json"
        for t, chunks in tasks.items()
        if chunks[0][0] == wildcards.cohort
    ]


def get_cohort_folders(wildcards):
    return [f"cohorts/{c}" for c in get_plan()["files"]]


def get_bundle_manifests(wildcards):
    plan = get_plan()
    called = set(plan["called"])
    return [
        f"{step}/{bundle}/manifest.json"
        for bundle, parts in plan["bundles"].items()
        for step in ("alleles", "annotate", "totals")
        if step != "totals" or called & set(parts)
    ]


def get_cohort_manifests(wildcards):
    return [f"cohorts/{c}/manifest.json" for c in get_plan()["files"]]


wildcard_constraints:
    cohort="[A-Za-z0-9][A-Za-z0-9._-]*",
    batch=r"\d+",
    source="[a-z][a-z0-9_]*",
    task=r"\d+",
    bundle=r"\d+",
