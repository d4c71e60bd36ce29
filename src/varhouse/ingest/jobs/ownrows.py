"""A cohort's own rows: the tables cohorts, samples and files."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.count import SAMPLE_COUNTS
from varhouse.ingest.jobs.tasks import file_samples
from varhouse.ingest.setup.fingerprints import (
    SheetRows,
    cohort_fingerprint,
    counted_columns,
    file_fingerprint,
    said_digest,
)
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.sheets import METADATA
from varhouse.ingest.setup.verdict import Verdict, file_columns
from varhouse.tables.labels import Labels
from varhouse.tables.schema import COHORTS, FILES, SAMPLES

_NOTE = re.compile(r"([\d,]+) x (VH-[A-Z]-\d+): (.*)", re.DOTALL)

COUNTS = ("n_samples", "n_records", "n_alleles", "n_rejects")
"""Columns of the table cohorts that tell how much there is."""


def cohort_labels(run: Run, cohort: RunCohort, verdicts: Sequence[Verdict]) -> Labels:
    """Say what the numbers of the files that come in, and of their samples, stand for."""
    numbered = zip(cohort.numbers, verdicts, strict=True)
    files = {n: (Path(v.path).name, v.samples) for n, v in numbered}
    return Labels(files, {n: s for s, n in run.ordinals(cohort.name).items()})


def file_fingerprints(run: Run, cohort: RunCohort, verdicts: Iterable[Verdict]) -> list[str]:
    """Give the fingerprint of each file that comes into a cohort."""
    columns = counted_columns(run.strata, kits=bool(cohort.kits))
    sheet = SheetRows(run.samples_of(cohort.name), columns)
    return [
        file_fingerprint(cohort.settings, own["path"], own["sha256"], sheet.digest(v.samples))
        for v, own in _with_origins(cohort, verdicts)
    ]


def _with_origins(
    cohort: RunCohort, verdicts: Iterable[Verdict]
) -> Iterator[tuple[Verdict, dict[str, Any]]]:
    """Give each file with what the store says of it: of one made for another, the other."""
    for place, verdict in enumerate(verdicts):
        own = file_columns(verdict)
        if cohort.origins:
            own |= cohort.origins[place]
            own["problems"] = own["problems"].replace(verdict.path, own["path"])
        yield verdict, own


def joined_notes(verdicts: Iterable[Verdict]) -> list[str]:
    """Give the notes on files: of thousands of the same kind the first, and of how many files.

    A note that begins with a count and a rule's code is of a kind.
    """
    out: list[str] = []
    kinds: dict[str, list[tuple[int, str]]] = {}
    for note in (n for v in verdicts for n in v.notes):
        found = _NOTE.fullmatch(note)
        if found is None:
            out.append(note)
        else:
            count = int(found[1].replace(",", ""))
            kinds.setdefault(found[2], []).append((count, found[3]))
    for code, of in kinds.items():
        more = f" (and in {len(of) - 1:,} more files)" if len(of) > 1 else ""
        out.append(f"{sum(n for n, _ in of):,} x {code}: {of[0][1]}{more}")
    return out


def cohort_row(
    run: Run,
    cohort: RunCohort,
    counts: Mapping[str, Any],
    fingerprints: Iterable[str],
    people: Iterable[str],
) -> pl.DataFrame:
    """Make the row of a cohort.

    Parameters
    ----------
    counts
        Of the whole cohort; `COUNTS` among them.
    fingerprints
        Of all of its files.
    people
        Names of the samples of these.
    """
    sheet = SheetRows(run.samples_of(cohort.name))
    said = said_digest(cohort.metadata, sheet.digest(sorted(people)))
    known = {k: cohort.metadata.get(k) for k in METADATA}
    further: dict[str, str | None] = {
        k: v for k, v in cohort.metadata.items() if k not in METADATA and v is not None
    }
    if cohort.chain is not None:
        further |= {"lifted_from": cohort.assembly, "chain": Path(cohort.chain).name}
    row = {
        "cohort": cohort.name,
        **{name: counts[name] for name in COUNTS},
        "assembly": run.assembly,
        "reference_digest": run.reference_digest,
        **known,
        "haploid": run.open_haploid().as_json(),
        "fingerprint": cohort_fingerprint(cohort.settings, fingerprints, said),
        "attributes": json.dumps(further, sort_keys=True, ensure_ascii=False),
        "ingest_id": run.ingest_id,
    }
    return pl.DataFrame([row], schema=COHORTS.polars_schema)


def file_rows(
    run: Run,
    cohort: RunCohort,
    verdicts: Sequence[Verdict],
    blocks_digests: Mapping[int, int],
) -> pl.DataFrame:
    """Make the rows of the files that come into a cohort.

    Parameters
    ----------
    blocks_digests
        By the place of a file among the verdicts, of those with reference blocks.
    """
    ordinal = run.ordinals(cohort.name)
    fingerprints = file_fingerprints(run, cohort, verdicts)
    rows = [
        {
            "cohort": cohort.name,
            "file": number,
            **own,
            "verdict": "valid" if v.verdict == "valid" else "mended",
            "n_samples": len(v.samples),
            "samples": [ordinal[s] for s in v.samples],
            "blocks_digest": blocks_digests.get(place),
            "header": v.header,
            "has_runs": bool(v.samples) and run.brings_runs(cohort.name, gvcf=v.gvcf),
            "fingerprint": fingerprint,
            "ingest_id": run.ingest_id,
        }
        for place, (number, (v, own), fingerprint) in enumerate(
            zip(cohort.numbers, _with_origins(cohort, verdicts), fingerprints, strict=True)
        )
    ]
    return pl.DataFrame(rows, schema=FILES.polars_schema)


def said_of(run: Run, cohort: str, names: list[str]) -> pl.DataFrame:
    """Give what the sheet says of people, as the table samples has it: a row a name.

    Returns
    -------
    pl.DataFrame
        sex, population and attributes.
    """
    people = file_samples(run, cohort, names)
    further = [c for c in people.columns if c not in ("sample", "sex", "population")]
    attributes = (
        people.select(
            pl.struct(pl.col(sorted(further)).fill_null("")).struct.json_encode()
        ).to_series()
        if further
        else pl.Series(["{}"] * len(names), dtype=pl.String)
    )
    return people.select("sex", "population", attributes=attributes.cast(pl.String))


def sample_rows(
    run: Run,
    cohort: RunCohort,
    verdicts: Sequence[Verdict],
    counted: Iterable[tuple[int, npt.NDArray[np.int64]]],
) -> pl.DataFrame:
    """Make the rows of the samples that come into a cohort.

    Parameters
    ----------
    counted
        Place of a file among the verdicts, and int64[columns, SAMPLE_COUNTS] of its samples;
        those of a file may come in pieces, which add up.
    """
    ordinals = run.ordinals(cohort.name)
    names = list(ordinals)
    row = {s: i for i, s in enumerate(names)}
    counts = np.zeros((len(names), len(SAMPLE_COUNTS)), np.int64)
    for file, found in counted:
        # A file may name a sample only once.
        counts[np.array([row[s] for s in verdicts[file].samples], np.int64)] += found
    first: dict[str, int] = {}
    for number, verdict in zip(cohort.numbers, verdicts, strict=True):
        for s in verdict.samples:
            first.setdefault(s, number)
    return pl.DataFrame(
        {
            "cohort": [cohort.name] * len(names),
            "sample": names,
            "ordinal": pl.Series(list(ordinals.values()), dtype=pl.Int32),
            "file": pl.Series([first[s] for s in names], dtype=pl.Int32),
            **said_of(run, cohort.name, names).to_dict(),
            **{what: counts[:, k] for k, what in enumerate(SAMPLE_COUNTS)},
        },
        schema=SAMPLES.polars_schema,
    )
