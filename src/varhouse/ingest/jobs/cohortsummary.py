"""What an account tells of a cohort: counts, reasons of rejects, notes."""

from collections import Counter
from pathlib import Path
from typing import Any

from varhouse.ingest.jobs.cohortchunks import CohortChunk
from varhouse.ingest.jobs.ownrows import (
    joined_notes,
)
from varhouse.ingest.jobs.plan import cohort_samples
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.verdict import Verdict

SPARSE = 0.8
"""Records of a person over alleles of the cohort: files of less lack sites of the others."""


def summarise(
    run: Run,
    cohort: RunCohort,
    verdicts: list[Verdict],
    chunks: list[CohortChunk],
    n_twice: int,
) -> dict[str, Any]:
    """Count what came in of a cohort; `n_twice` are duplicates that a cut had parted."""
    reasons: dict[str, int] = {}
    for c in chunks:
        for reason, n in c.info["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + n
    lifts = [v.lift for v in verdicts if v.lift is not None]
    for lift in lifts:
        for reason, n in lift.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + n
    names = ("lifted", "reverse", "swapped", "ambiguous", "split")
    outside = [sum(c.info["outside_kits"][k] for c in chunks) for k in (0, 1)]
    return {
        "cohort": cohort.name,
        "replaces": cohort.replaces,
        "n_files": len(verdicts),
        "n_samples": len(cohort_samples(verdicts)),
        "n_records": sum(v.n_records for v in verdicts),
        "n_alleles": sum(c.info["n_alleles"] for c in chunks),
        "n_split": sum(c.info["n_split"] for c in chunks),
        "n_moved": sum(c.info["n_moved"] for c in chunks),
        "n_uncalled": sum(c.info["n_uncalled"] for c in chunks),
        "n_carried_duplicates": n_twice,
        "n_rejects": sum(reasons.values()),
        "reasons": reasons,
        "ref_checked": {
            k: sum(v.ref_checked[k] for v in verdicts)
            for k in {k: None for v in verdicts for k in v.ref_checked}
        },
        "outside_kits": outside,
        "notes": joined_notes(verdicts) + _kit_notes(run, cohort, verdicts, outside),
        "lift": {
            "source_assembly": cohort.assembly,
            **{k: sum(getattr(lift, k) for lift in lifts) for k in names},
        }
        if cohort.chain is not None
        else None,
        "taken": cohort.taken,
    }


def _kit_notes(
    run: Run, cohort: RunCohort, verdicts: list[Verdict], outside: list[int]
) -> list[str]:
    """Tell what the kits of a cohort leave out, and of which files they say nothing."""
    if not cohort.kits:
        return []
    names = [Path(v.path).name for v in verdicts if run.policy.has_runs(gvcf=v.gvcf)]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    notes = []
    if names:
        notes.append(
            f"{', '.join(names[:3])}{more}: gVCF: the blocks say what was read, not the BED"
        )
    alleles, copies = outside
    if copies:
        notes.append(
            f"{copies:,} copies of {alleles:,} alleles lie outside of the carriers' kits: "
            "their genotypes are kept, no frequency counts them"
        )
    return notes


def absent_notes(
    run: Run, cohort: RunCohort, verdicts: list[Verdict], n_alleles: int
) -> list[str]:
    """Tell that frequencies stand on few people: files hold the variants of their own only.

    Parameters
    ----------
    n_alleles
        Distinct alleles of the cohort.
    """
    records: Counter[tuple[str, ...]] = Counter()
    for v in verdicts:
        if not run.policy.has_runs(gvcf=v.gvcf):
            records[tuple(sorted(v.samples))] += v.n_records
    mean = sum(records.values()) / max(len(records), 1)
    if cohort.kits or cohort.grows or len(records) < 2 or mean >= SPARSE * n_alleles:
        return []
    return [
        f"{len(records):,} files or sets of files hold other people each, with {mean:,.0f} "
        f"records on average, of {n_alleles:,} alleles in all: who has no record of a site is "
        "not assessed there, so that an and af stand on few people (n_samples), mostly "
        "carriers. gVCFs tell who is reference; so does the column `callable` of the cohort "
        "sheet (a BED, or `genome`)"
    ]
