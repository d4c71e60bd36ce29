"""What a job of the workflow is about, in words: which cohort, file, contigs, source.

It takes `run.json` as it stands, and imports nothing that is slow: Snakemake asks it each
time it reads the workflow, in every job of a cluster, too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RULES = (
    "whole", "genes", "source", "intake", "validate", "read", "plan", "cohort", "settle",
    "commit",
)  # fmt: skip
"""Rules of an ingest, each of which is a step."""

READS_RULES = (
    "reads_index", "reads_check", "reads_align", "reads_finish", "reads_call", "reads_gvcf",
    "reads_person", "reads_batch",
)  # fmt: skip
"""Rules of `varhouse call`."""

SHOWN = 3
"""Names that are shown of many."""


def about_job(run: Mapping[str, Any], rule: str, wildcards: Mapping[str, str]) -> str:
    """Say what a job of a rule is about, by its wildcards.

    Parameters
    ----------
    run
        What `run.json` says.
    wildcards
        Numbers of the job as its outputs have them: `job`, `file`, `source`, `bundle`.
    """
    if rule in READS_RULES:
        return _about_reads(run, rule, wildcards)
    jobs = run["jobs"]
    if rule == "intake":
        return _files(run, jobs["intake"][int(wildcards["job"])])
    if rule in ("validate", "read"):
        cohort, number, shares = jobs["split"][int(wildcards["file"])]
        share = f", share {int(wildcards['job']) + 1} of {shares}" if rule == "read" else ""
        return _files(run, [(cohort, number)]) + share
    if rule == "cohort":
        return _some("cohort", jobs["cohorts"][int(wildcards["job"])])
    if rule == "source":
        return f"source {wildcards['source']}"
    if rule == "settle":
        return f"bundle {wildcards['bundle']}"
    if rule == "genes":
        return f"gene model {Path(run['genes'] or '').name}"
    return _some("cohort", [c["name"] for c in run["cohorts"]])


def about_part(run: Mapping[str, Any], plan: Mapping[str, Any] | None, part: str) -> str:
    """Say what a part is about: `intake/beijing/0` is a file, `alleles/3` some contigs.

    Parameters
    ----------
    plan
        What `plan/plan.json` says, once there is one.
    """
    step, *rest = part.split("/")
    if step in ("intake", "validate", "read") and len(rest) >= 2 and rest[1].isdigit():
        return _files(run, [(rest[0], int(rest[1]))])
    if step == "cohort" and rest:
        return _some("cohort", rest[:1])
    if step in ("alleles", "annotate", "totals") and rest and plan is not None:
        return _some("contig", plan["bundles"].get(rest[0], rest))
    if step == "source" and rest:
        return f"source {rest[0]}"
    return ""


def _about_reads(run: Mapping[str, Any], rule: str, wildcards: Mapping[str, str]) -> str:
    """Say which person, lane and region a job of `varhouse call` is about."""
    people = run["people"]
    if rule == "reads_index":
        return f"reference {Path(run['reference']).name}"
    if rule == "reads_check":
        some = run["jobs"]["check"][wildcards["check"]]
        lanes = [people[p]["person"]["lanes"][k] for p, k in some]
        return _some("file", [Path(f).name for lane in lanes for f in lane["files"]])
    if rule == "reads_batch":
        return _some("sample", [p["person"]["name"] for p in people])
    kind = {"reads_align": "lanes", "reads_finish": "alignment"}.get(rule, "calls")
    key = wildcards[{"lanes": "lane"}.get(kind, kind)]
    own = next(
        (p for p in people if key in (p[kind] if kind == "lanes" else (p[kind],))), None
    )
    if own is None:
        return key
    person = own["person"]
    text = f"cohort {person['cohort']}: sample {person['name']}"
    if rule == "reads_align":
        lane = person["lanes"][own["lanes"].index(key)]
        files = _some("file", [Path(f).name for f in lane["files"]])
        return f"{text}, lane {lane['lane']}: {files}"
    if rule == "reads_call":
        first, after = own["jobs"][int(wildcards["job"])]
        a, b = run["spans"][first], run["spans"][after - 1]
        end = f"{b['contig']}:{b['end']:,}" if a["contig"] != b["contig"] else f"{b['end']:,}"
        return f"{text}, {a['contig']}:{a['start'] + 1:,}-{end}"
    return text


def _some(what: str, names: Sequence[str]) -> str:
    """Name a few: `cohorts a, b, c and 4 more`."""
    if len(names) == 1:
        return f"{what} {names[0]}"
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{what}s {', '.join(names[:SHOWN])}{more}"


def _files(run: Mapping[str, Any], files: Sequence[Sequence[Any]]) -> str:
    """Name the cohorts of some files, and the files."""
    paths = {c["name"]: c["files"] for c in run["cohorts"]}
    cohorts = list(dict.fromkeys(str(cohort) for cohort, _ in files))
    names = [Path(paths[cohort][number]).name for cohort, number in files]
    return f"{_some('cohort', cohorts)}: {_some('file', names)}"
