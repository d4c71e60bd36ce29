"""Why a cohort is held back: every reason is made here, whenever it shows.

A cohort goes in whole or not at all. What keeps it out shows at three times: when a file is
checked (`file_reasons`, `lift_reasons`: they stand in its verdict), when all files of the
cohort are checked (`cohort_reasons`: the plan leaves it out), and when its records are read
and joined (`record_reasons`: the commit leaves it out). Each reason is a line for people,
with the fix.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from varhouse.callability.codes import MOST_ALLELES
from varhouse.frequencies.kits import WHOLE
from varhouse.genotypes.calls import MAX_PLOIDY
from varhouse.governance.foreign import find_foreign
from varhouse.ingest.setup.growing import stored_ordinals
from varhouse.ingest.setup.permits import Answer, Came, Permits
from varhouse.ingest.setup.permitsheet import sheet_assays
from varhouse.ingest.setup.run import Run
from varhouse.ingest.setup.settings import Policy
from varhouse.ingest.setup.verdict import Verdict
from varhouse.ingest.setup.withdrawn import reasons_of
from varhouse.store.ledger import Ledger
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.scan import FileScan

_NO_FAULT = frozenset({"duplicate_allele", "not_pass", "ref_unchecked", "gt_without_alt"})
"""Reasons of rejects that `policy.record_fault` is not about."""


_OF_BLOCKS = frozenset({"VH-F-031", "VH-F-032", "VH-F-033", "VH-F-034", "VH-F-037"})
"""Rules of what is not understood of the blocks of a gVCF."""


def by_policy(policy: Policy, scan: FileScan) -> FileScan:
    """Let the policy decide what rules about a gVCF do: hold it back, or tell it alone."""
    effects = scan.account.effects
    if policy.gvcf == "refuse" and scan.gvcf:
        effects["VH-F-030"] = "refuse"
    if policy.gvcf == "variants":
        effects |= dict.fromkeys(_OF_BLOCKS & effects.keys(), "note")
    return scan


def chain_reasons(policy: Policy, scan: FileScan) -> list[str]:
    """Give the reason that a file of another assembly shows before it is lifted over."""
    if policy.gvcf == "blocks" and scan.gvcf:
        return [
            f"{scan.path}: a gVCF of a cohort with a chain: reference blocks are not lifted "
            "over; fix: make the gVCF against the store's assembly, or policy.gvcf: variants, "
            "which lifts its variants"
        ]
    return []


def file_reasons(policy: Policy, account: Account) -> list[str]:
    """Give the reasons that the check of a file shows: the effects of its rules."""
    return account.reasons_to_hold(refuse_records=policy.record_fault == "refuse")


def lift_reasons(
    scan: FileScan, copy: FileScan, reasons: dict[str, int], chain_name: str
) -> list[str]:
    """Give the reasons that only the lifted copy of a file shows.

    Parameters
    ----------
    scan, copy
        The checks of the file and of its copy in the store's assembly.
    reasons
        Number of records that were not lifted, by their reason.
    """
    out = []
    if scan.n_records and not copy.n_records:
        first = max(reasons, key=reasons.__getitem__)
        out.append(
            f"no record could be lifted ({first}: {reasons[first]:,}); fix: the chain "
            f"file {chain_name}, or the cohort's assembly"
        )
    return out + copy.account.reasons_to_hold(refuse_records=False)


def cohort_reasons(
    run: Run,
    cohort: str,
    names: list[str],
    overlap: str | None,
    verdicts: list[Verdict],
    sheet: pl.DataFrame,
) -> list[str]:
    """Give the reasons that no file shows for itself.

    Parameters
    ----------
    names
        Samples of the cohort's files.
    overlap
        What is wrong with how the files share people; None if nothing is.
    sheet
        Rows of the sample sheet, columns `cohort` and `sample`.
    """
    reasons = []
    listed = set(sheet.filter(pl.col("cohort") == cohort)["sample"].to_list())
    # Who was withdrawn is told of by `reasons_of`, without the id.
    refused = set(Ledger.open(Path(run.store)).refuses(cohort, names))
    unlisted = [n for n in names if n not in listed and n not in refused]
    if unlisted and run.policy.unlisted_samples == "refuse":
        reasons.append(
            f"{len(unlisted):,} sample(s) have no row in the sample sheet "
            f"({', '.join(unlisted[:3])}{', ...' if len(unlisted) > 3 else ''}); fix: "
            + (
                "add them"
                if sheet.height
                else "name a sheet (samples: samples.tsv, columns cohort, sample, sex)"
            )
            + ", or policy.unlisted_samples: unknown"
        )
    kits = run.cohort(cohort).kits
    if kits and WHOLE not in kits and unlisted and run.policy.unlisted_samples != "refuse":
        reasons.append(
            f"{len(unlisted):,} sample(s) have no kit, as they have no row in the sample "
            f"sheet ({', '.join(unlisted[:3])}{', ...' if len(unlisted) > 3 else ''}); fix: "
            "add them"
        )
    reasons += [] if overlap is None else [overlap]
    reasons += _told_twice(run.policy, verdicts)
    if run.cohort(cohort).grows and not run.cohort(cohort).per_person:
        # What its first records looked like is not what the whole is.
        reasons += [
            f"{Path(v.path).name} is no gVCF, as the other files of the cohort are; fix: put "
            "it into a cohort of its own"
            for v in verdicts
            if v.n_records and not (v.gvcf or v.hold)
        ]
    reasons += reasons_of(Path(run.store), cohort, [(v.path, v.samples) for v in verdicts])
    n_records = sum(v.n_records for v in verdicts)
    lost = sum(v.unknown_contig for v in verdicts)
    if n_records and lost == n_records:
        reasons.append("no record lies on a contig of this assembly; fix: the aliases table")
    return reasons


def permits_of(run: Run) -> Permits | None:
    """Give what asks the rules of a run; None: it has none (`policy.rules`)."""
    return Permits.of(run.policy, Path(run.store), run.started)


def permit_reasons(
    run: Run,
    permits: Permits | None,
    cohort: str,
    verdicts: list[Verdict],
    sheet: pl.DataFrame,
) -> Answer:
    """Give the reasons that rules have, and what they only tell.

    Parameters
    ----------
    sheet
        Rows of the sample sheet.
    """
    if permits is None:
        return Answer([], [])
    of_run = run.cohort(cohort)
    names = dict.fromkeys(s for v in verdicts for s in v.samples)
    if of_run.grows:
        names |= dict.fromkeys(stored_ordinals(run.base(), cohort, of_run.kept))
    own = sheet.filter(pl.col("cohort") == cohort)
    ids = [c for c in own.columns if "accession" in c or c in ("biosample", "project")]
    foreign = find_foreign(
        headers=(v.header for v in verdicts),
        # A link may have any name: what it leads to tells.
        paths=[cohort, *(p for v in verdicts for p in (v.path, os.path.realpath(v.path)))],
        samples=list(names),
        ids=[
            *of_run.metadata.values(),
            *(t for c in ids for t in own[c].drop_nulls().to_list()),
        ],
    )
    came = Came(len(names), sheet_assays(own, names), foreign)
    return permits.answer(cohort, of_run.metadata, came)


def _told_twice(policy: Policy, verdicts: list[Verdict]) -> list[str]:
    """Find a person of a gVCF and of another file: both would say where he was assessed."""
    blocks = {s: v for v in verdicts if policy.has_runs(gvcf=v.gvcf) for s in v.samples}
    for other in verdicts:
        one = next((s for s in other.samples if s in blocks), None)
        if one is not None and not policy.has_runs(gvcf=other.gvcf):
            return [
                f"{Path(blocks[one].path).name} is a gVCF, {Path(other.path).name} is none,"
                f" and both hold sample {one}: they may say of a base that it was assessed,"
                " and that it was not; fix: leave one of both out, or policy.gvcf:"
                " variants, which leaves reference blocks out"
            ]
    return []


def record_reasons(
    policy: Policy,
    verdicts: list[Verdict],
    rejects: dict[str, int],
    beyond: Sequence[tuple[int, str]] = (),
) -> list[str]:
    """Give the reasons that only reading the records shows.

    Parameters
    ----------
    rejects
        Number of the cohort's rejects by their reason.
    beyond
        Of each chunk with some, of files that need states: the number of records with
        genotypes of more alleles than a state tells, and the file and place of the first.
    """
    twice = rejects.get("duplicate_allele", 0)
    out = []
    if beyond:
        n_beyond = sum(n for n, _ in beyond)
        out.append(
            f"GT of more than {MOST_ALLELES} alleles in {n_beyond:,} record(s), the first: "
            f"{beyond[0][1]}: states of bases tell no more; fix: of a gVCF policy.gvcf: "
            f"variants, which takes up to {MAX_PLOIDY}, of another file a cohort of its own"
        )
    if twice and policy.duplicate_alleles == "refuse":
        out.append(
            f"{twice:,} allele(s) stand twice; fix: bcftools norm -d exact, or "
            "policy.duplicate_alleles: reject"
        )
    lifted = {r for v in verdicts if v.lift is not None for r in v.lift.reasons}
    faults = {r: n for r, n in rejects.items() if r not in _NO_FAULT | lifted}
    if faults and policy.record_fault == "refuse":
        kinds = ", ".join(f"{r} {n:,}" for r, n in faults.items())
        n_faults = sum(faults.values())
        out.append(f"{n_faults:,} record(s) at fault ({kinds}); policy.record_fault is refuse")
    return out
