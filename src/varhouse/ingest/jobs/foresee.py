"""What an ingest would hold back, as far as it shows before records are read: the dry run.

The header of every file that would be read is checked by the rules, and with the reasons, of
the ingest itself (`holding.py`).
"""

from pathlib import Path
from typing import Any

import polars as pl

from varhouse.ingest.jobs.holding import file_reasons, permit_reasons, permits_of
from varhouse.ingest.jobs.ownrows import joined_notes
from varhouse.ingest.jobs.plan import all_reasons, cohort_samples
from varhouse.ingest.jobs.validate import notes_of
from varhouse.ingest.setup.growing import count_files
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.settings import LEAVE_OUT
from varhouse.ingest.setup.verdict import Verdict, verdict_of
from varhouse.store.ledger import Ledger
from varhouse.vcf.check.scan import scan_header


def foresee(run: Run, sheet: pl.DataFrame) -> dict[str, Any]:
    """Say what a run would take in and hold back, in the form of the account of an ingest.

    Parameters
    ----------
    sheet
        Rows of the sample sheet, columns `cohort` and `sample`.

    Returns
    -------
    dict
        `cohorts` would come in, by what their headers show; `held_back` would not.

    Raises
    ------
    InputError
        If the chain of a cohort cannot be read.
    """
    came: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    permits = permits_of(run)
    for cohort in run.cohorts:
        verdicts = _verdicts(run, cohort)
        answer = permit_reasons(run, permits, cohort.name, verdicts, sheet)
        reasons = all_reasons(run, cohort.name, verdicts, sheet) + answer.hold
        notes = joined_notes(verdicts) + answer.notes
        if reasons:
            stays = count_files(run.base(), cohort.name)
            held.append(
                {"cohort": cohort.name, "reasons": reasons, "notes": notes, "stays": stays}
            )
            continue
        came.append(
            {
                "cohort": cohort.name,
                "replaces": cohort.replaces,
                "n_files": len(cohort.files),
                "n_samples": len(cohort_samples(verdicts)),
                "kept": len(cohort.kept),
                "gone": len(cohort.gone),
                "notes": notes,
            }
        )
    return {
        "release": None,
        "dry_run": True,
        "base_release": run.base_release,
        "cohorts": came,
        "held_back": held + run.held_before,
        "unchanged": run.unchanged,
        "warnings": run.warnings,
        "waiting": run.waiting,
        "settled": run.settled,
        "lapsed": run.lapsed,
        "renews": (["genes"] if run.annotate_all else []) + run.annotate_sources,
        "gone": (["genes"] if run.genes_gone else []) + run.gone_sources,
    }


def _verdicts(run: Run, cohort: RunCohort) -> list[Verdict]:
    """Judge the header of each file that comes in."""
    contigs, reference = run.open_contigs(), None
    if cohort.files and cohort.chain is not None:
        from varhouse.ingest.jobs.lift import open_source  # noqa: PLC0415 - seldom needed

        source = open_source(run, cohort)
        contigs, reference = source.contigs, source.reference
    elif cohort.files:
        reference = run.open_reference()
    found = []
    for file in cohort.files:
        scan = scan_header(Path(file), contigs, reference, run.limits)
        verdict = verdict_of(scan)
        if run.policy.withdrawn == LEAVE_OUT:
            gone = Ledger.open(Path(run.store)).refuses(cohort.name, verdict.samples)
            if len(gone) < len(verdict.samples):
                verdict.samples = [s for s in verdict.samples if s not in gone]
        verdict.hold = file_reasons(run.policy, scan.account)
        verdict.notes = notes_of(scan.account)
        found.append(verdict)
    return found
