"""The gate: one file's verdict, its checksums and where to cut it."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from varhouse.frequencies.strata import make_strata
from varhouse.ingest.run import Run
from varhouse.ingest.tasks import file_samples
from varhouse.source.peek import trusted_header
from varhouse.source.problems import Problem
from varhouse.source.scan import scan_file

CHUNK_ROWS = 3_000_000
"""Frequency rows of a chunk: bounds the memory of the job that makes them."""


def validate_file(run: Run, cohort: str, number: int, output: Path) -> None:
    """Check a file and write its verdict; a bad file is a verdict, not an error.

    Parameters
    ----------
    number
        0-based number of the file in the cohort.
    output
        The verdict; the BGZF copy, where one is needed, is written beside it.
    """
    path = Path(run.cohort(cohort).files[number])
    output.parent.mkdir(parents=True, exist_ok=True)
    scan = scan_file(
        path, run.open_contigs(), run.open_reference(),
        copy=output.with_suffix(".vcf.gz"),
        max_ref_mismatch_rate=run.policy.max_ref_mismatch_rate,
        chunk_records=_chunk_records(run, cohort, path), limits=run.limits,
    )  # fmt: skip
    hold = scan.account.reasons_to_hold(
        refuse_records=run.policy.record_fault == "refuse"
    )  # fmt: skip
    data = scan.as_json()
    data["hold"] = hold
    data["verdict"] = scan.account.verdict
    data["effects"] = dict(scan.account.effects)
    data["notes"] = [
        f"{scan.account.counts[p.code]:,} x {p.code}: {p}"
        for p in _first_of_each(scan.account.problems())
        if scan.account.effects[p.code] == "note"
        or (p.severity == "warning" and scan.account.effects[p.code] == "reject")
    ]
    data["unknown_contig"] = scan.account.counts.get("VH-R-001", 0)
    temporary = output.with_suffix(".tmp")
    temporary.write_text(json.dumps(data, ensure_ascii=False))
    temporary.rename(output)


def _first_of_each(problems: Iterable[Problem]) -> Iterator[Problem]:
    seen: set[str] = set()
    for p in problems:
        if p.code not in seen:
            seen.add(p.code)
            yield p


def _chunk_records(run: Run, cohort: str, path: Path) -> int:
    """Bound the records of a chunk, so that its frequencies fit in memory."""
    header = trusted_header(path, run.limits)
    if header is None or not header.samples:
        return 200_000
    people = file_samples(run, cohort, header.samples)
    groups = len(make_strata(people, run.strata).by)
    return max(2_000, min(200_000, CHUNK_ROWS // groups))
