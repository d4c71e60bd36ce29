"""The gate: one file's verdict, its checksums and where to cut it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from varhouse.filestate import unmoved
from varhouse.frequencies.strata import make_strata
from varhouse.ingest.jobs.chunk import READ_BYTES
from varhouse.ingest.jobs.holding import by_policy, chain_reasons, file_reasons, lift_reasons
from varhouse.ingest.jobs.marks import write_marks
from varhouse.ingest.jobs.tasks import file_samples
from varhouse.ingest.setup.run import Run
from varhouse.ingest.setup.verdict import Verdict, verdict_of
from varhouse.vcf.account.problems import Account, Problem
from varhouse.vcf.check.judged import MarkedRecords, Taker, TakingError
from varhouse.vcf.check.scan import FileScan, scan_file
from varhouse.vcf.text.bgzf import BATCH_BYTES, hash_file

MOST_RECORDS = 200_000
"""Records of a chunk of which few groups of people are counted."""

CHUNK_ROWS = 3_000_000
"""Frequency rows of a chunk: bounds the memory of the job that makes them."""


def validate_file(
    run: Run, cohort: str, number: int, output: Path, taker: Taker | None = None
) -> None:
    """Check a file and write its verdict; a bad file is a verdict, not an error.

    Parameters
    ----------
    number
        0-based number of the file in the cohort.
    output
        The verdict; the marks of records at fault are written beside it, and a BGZF copy
        of a file of another kind, for jobs that read its chunks.
    taker
        Takes the records as they are checked, so that no job reads them again: there are
        no marks and no copy then, but of a file that is lifted over.

    Raises
    ------
    InputError
        If the file changes meanwhile, or from the taker.
    """
    path = Path(run.cohort(cohort).files[number])
    output.parent.mkdir(parents=True, exist_ok=True)
    marked = MarkedRecords()
    with unmoved(path) as state:
        if run.cohort(cohort).chain is not None:
            found = _check_and_lift(run, cohort, number, output, taker or marked)
        else:
            copy = None if taker is not None else output.with_suffix(".vcf.gz")
            found = _verdict(run, _scan(run, cohort, number, copy, taker or marked))
        found.marks = write_marks(marked, output)
    found.state = state
    found.save(output)


def _scan(
    run: Run,
    cohort: str,
    number: int,
    copy: Path | None,
    taker: Taker,
    *,
    lifted: Path | None = None,
) -> FileScan:
    """Check a file, or its lifted copy, in the store's assembly."""
    try:
        scan = scan_file(
            lifted or Path(run.cohort(cohort).files[number]),
            run.open_contigs(),
            run.open_reference(),
            copy=copy,
            max_ref_mismatch_rate=run.policy.max_ref_mismatch_rate,
            chunk_records=_chunk_records(run, cohort, number),
            limits=run.limits,
            hashes=lifted is None,
            taker=taker,
            batch_bytes=READ_BYTES if taker.wants_calls else BATCH_BYTES,
        )
    except TakingError as error:
        raise error.why from None
    return by_policy(run.policy, scan)


def _check_and_lift(run: Run, cohort: str, number: int, output: Path, taker: Taker) -> Verdict:
    """Check a file in its own assembly, lift it, and cut the lifted copy."""
    from varhouse.ingest.jobs.lift import lift_file, open_source  # noqa: PLC0415

    source = open_source(run, run.cohort(cohort))
    scan = scan_file(
        Path(run.cohort(cohort).files[number]),
        source.contigs,
        source.reference,
        copy=output.with_suffix(".own.vcf.gz"),
        max_ref_mismatch_rate=run.policy.max_ref_mismatch_rate,
        limits=run.limits,
    )
    found = _verdict(run, by_policy(run.policy, scan))
    found.hold += chain_reasons(run.policy, scan)
    if found.hold:
        return found
    lifted, rejects = output.with_suffix(".vcf.gz"), output.with_suffix(".rejects.parquet")
    done = lift_file(Path(scan.data), run, source, lifted, rejects)
    Path(output.with_suffix(".own.vcf.gz")).unlink(missing_ok=True)
    copy = _scan(run, cohort, number, None, taker, lifted=lifted)
    found.hold += lift_reasons(scan, copy, done.reasons, source.chain_name)
    found.data, found.header = copy.data, copy.header
    found.chunks, found.ref_checked = copy.chunks, copy.ref_checked
    found.lift = replace(done, rejects=str(rejects), n_header=scan.header.count("\n") + 1)
    found.notes += [
        f"{n:,} record(s): INFO or FORMAT {name} left out, it cannot follow"
        for name, n in sorted(done.left_out.items())
    ]
    if done.again:
        found.notes.append(f"{done.again:,} record(s): marks of an earlier lift-over replaced")
    return found


def _verdict(run: Run, scan: FileScan) -> Verdict:
    found = verdict_of(scan)
    if not scan.sha256:
        _identify(found)
    found.hold = file_reasons(run.policy, scan.account)
    found.verdict = scan.account.verdict
    found.effects = dict(scan.account.effects)
    found.notes = notes_of(scan.account)
    found.unknown_contig = scan.account.counts.get("VH-R-001", 0)
    return found


def notes_of(account: Account) -> list[str]:
    """Say what of a file's check holds it not back, but should be known."""
    return [
        f"{account.counts[p.code]:,} x {p.code}: {p}"
        for p in _first_of_each(account.problems())
        if account.effects[p.code] == "note"
        or (p.severity == "warning" and account.effects[p.code] == "reject")
    ]


def _identify(found: Verdict) -> None:
    """Say which bytes were refused unread: an empty file has checksums, a folder none."""
    path = Path(found.path)
    stat = path.stat()
    found.bytes, found.mtime_ns = stat.st_size, stat.st_mtime_ns
    if path.is_file() and os.access(path, os.R_OK):
        found.md5, found.sha256 = hash_file(path)


def _first_of_each(problems: Iterable[Problem]) -> Iterator[Problem]:
    seen: set[str] = set()
    for p in problems:
        if p.code not in seen:
            seen.add(p.code)
            yield p


def _chunk_records(run: Run, cohort: str, number: int) -> int:
    """Bound the records of a chunk, so that its frequencies fit in memory."""
    names = run.sample_lists(cohort)[number]
    if 1 + len(names) * len(run.strata) <= CHUNK_ROWS // MOST_RECORDS:
        # So many groups at most: each person is in one of each stratum.
        return MOST_RECORDS
    groups = len(make_strata(file_samples(run, cohort, names), run.strata).by)
    return max(2_000, min(MOST_RECORDS, CHUNK_ROWS // groups))
