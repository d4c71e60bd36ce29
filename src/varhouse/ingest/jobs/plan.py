"""The plan: which cohorts go in, and which partitions are looked after together."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.files import read_json, write_json
from varhouse.ingest.jobs.holding import cohort_reasons, permit_reasons, permits_of
from varhouse.ingest.jobs.ownrows import joined_notes
from varhouse.ingest.jobs.sides import changed_parts
from varhouse.ingest.setup.run import Run
from varhouse.ingest.setup.settings import text_digest
from varhouse.ingest.setup.verdict import Verdict, read_verdict
from varhouse.store.retract import counted_parts

BUNDLE_RECORDS = 2_000_000
"""Records of a bundle; its job works through them in windows, in bounded memory."""


@dataclass
class Plan:
    """What the jobs do.

    Attributes
    ----------
    held_back
        Cohort to the reasons why it does not go in.
    files
        Cohort to its verdict files (one per input file, in order).
    held_files
        The same of the cohorts that are held back.
    bundles
        Bundle to the partitions that one job annotates.
    called
        Partitions in which calls come in or go: their totals are made anew.
    again
        Partition to what is made anew for the alleles that are there: names of sources,
        `sides.GENE_MODEL` among them.
    """

    held_back: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    bundles: dict[str, list[str]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    again: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    held_files: dict[str, list[str]] = field(default_factory=dict)

    @property
    def cohorts(self) -> list[str]:
        """Cohorts that go in."""
        return list(self.files)

    def save(self, path: Path) -> None:
        """Write the plan."""
        write_json(path, asdict(self))


def load_plan(path: Path) -> Plan:
    """Read a plan."""
    return Plan(**read_json(path))


def cohort_samples(verdicts: list[Verdict]) -> list[str]:
    """List the samples of a cohort, by first appearance through its files."""
    return list(dict.fromkeys(s for v in verdicts for s in v.samples))


def sample_groups(verdicts: list[Verdict]) -> list[list[int]]:
    """Sort files into groups of the same samples.

    Raises
    ------
    ValueError
        If two files share some samples but not all.
    """
    groups: list[tuple[set[str], list[int]]] = []
    # Of thousands of files of one person each, no two are compared.
    group_of: dict[str, int] = {}
    nobody: int | None = None
    for k, verdict in enumerate(verdicts):
        names = set(verdict.samples)
        found = {group_of[s] for s in names if s in group_of}
        if not names and nobody is not None:
            found = {nobody}
        if not found:
            nobody = len(groups) if not names else nobody
            group_of |= dict.fromkeys(names, len(groups))
            groups.append((names, [k]))
            continue
        have, files = groups[min(found)]
        if have != names:
            one = sorted(have & names)[0]
            raise ValueError(
                f"files {Path(verdicts[files[0]].path).name} and "
                f"{Path(verdict.path).name} share some samples ({one}, ...) but not all"
            )
        files.append(k)
    return [files for _, files in groups]


def make_plan(
    run: Run, verdict_files: dict[str, list[Path]], sides: dict[str, Any] | None = None
) -> Plan:
    """Decide which cohorts go in and bundle the partitions.

    Parameters
    ----------
    verdict_files
        Cohort to one verdict per file, in the order of the run.
    sides
        What `sides.read_sides` found, where the gene model or a source is another one.
    """
    plan = Plan()
    sheet, permits = run.samples(), permits_of(run)
    parts: dict[str, int] = {}
    for cohort in run.cohorts:
        paths = verdict_files[cohort.name]
        verdicts = [read_verdict(p) for p in paths]
        answer = permit_reasons(run, permits, cohort.name, verdicts, sheet)
        reasons = all_reasons(run, cohort.name, verdicts, sheet) + answer.hold
        plan.notes[cohort.name] = joined_notes(verdicts) + answer.notes
        if reasons:
            plan.held_back[cohort.name] = reasons
            plan.held_files[cohort.name] = [str(p) for p in paths]
            continue
        plan.files[cohort.name] = [str(p) for p in paths]
        for chunk in (c for v in verdicts for c in v.chunks):
            parts[chunk.part] = parts.get(chunk.part, 0) + chunk.n_records
    plan.bundles = _bundles(run, plan, parts, sides)
    return plan


def all_reasons(
    run: Run, cohort: str, verdicts: list[Verdict], sheet: pl.DataFrame
) -> list[str]:
    """Give the reasons to hold a cohort back that its files show, each and together."""
    names, overlap = cohort_samples(verdicts), _overlap(verdicts)
    own = [r for v in verdicts for r in v.hold]
    return own + cohort_reasons(run, cohort, names, overlap, verdicts, sheet)


def _overlap(verdicts: list[Verdict]) -> str | None:
    """Say which files hold some people of another file, but not all; None: no files do."""
    try:
        sample_groups(verdicts)
    except ValueError as error:
        return str(error)
    return None


def _bundles(
    run: Run, plan: Plan, parts: dict[str, int], sides: dict[str, Any] | None
) -> dict[str, list[str]]:
    """Partitions that change, in the order of the assembly, some to a job."""
    base = run.base()
    touched = dict(parts)
    gone = [c for c in run.cohorts if (c.replaces or c.gone) and c.name in plan.files]
    for part in counted_parts(base, [c.name for c in gone]):
        touched.setdefault(part, 0)
    plan.called = sorted(touched)
    files = base.file_frame("variants") if run.renews_sides else pl.DataFrame()
    if files.height:
        by_part = files.group_by("partition.part").agg(pl.col("num_records").sum())
        held_parts = dict(by_part.sort("partition.part").rows())
        plan.again = changed_parts(run, sides or {}, held_parts)
        # The ids of a source that is gone may stand in any partition.
        for part in held_parts if run.gone_sources else plan.again:
            touched[part] = touched.get(part, 0) + held_parts[part]
    order = {run_part: i for i, run_part in enumerate(_part_order(run))}
    bundles: dict[str, list[str]] = {}
    current: list[str] = []
    held = 0
    for part in sorted(touched, key=lambda p: order.get(p, len(order))):
        if current and held + touched[part] > BUNDLE_RECORDS:
            bundles[f"{len(bundles):04d}"] = current
            current, held = [], 0
        current.append(part)
        held += touched[part]
    if current:
        bundles[f"{len(bundles):04d}"] = current
    return bundles


def _part_order(run: Run) -> list[str]:
    contigs = run.open_contigs()
    return list(dict.fromkeys(contigs.part(c) for c in contigs.names))


def plan_digest(plan: Plan) -> str:
    """Digest a plan: jobs of another plan are not taken for its own."""
    return text_digest(json.dumps(asdict(plan), sort_keys=True))
