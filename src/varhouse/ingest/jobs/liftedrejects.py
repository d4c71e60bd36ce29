"""Rejects of a lifted cohort: with the lines and places of its own files."""

from pathlib import Path

import polars as pl

from varhouse.ingest.jobs.cohortchunks import CohortChunk
from varhouse.ingest.jobs.lifted import source_lines, source_record
from varhouse.ingest.jobs.ownrows import (
    cohort_labels,
)
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.verdict import Verdict
from varhouse.tables.schema import REJECTS
from varhouse.tables.shards import (
    write_shard,
)


def tell_source(
    run: Run,
    cohort: RunCohort,
    chunks: list[CohortChunk],
    verdicts: list[Verdict],
    directory: Path,
) -> None:
    """Let the rejects of a lifted cohort have the lines and places of its own files.

    Those of the chunks have those of the lifted copy; those of the lift are added.
    """
    columns = [n for n in REJECTS.names if n not in ("cohort", "file", "part")]
    labels = cohort_labels(run, cohort, verdicts)
    for f, verdict in enumerate(verdicts):
        assert verdict.lift is not None  # what was not lifted is held back
        lost = pl.read_parquet(verdict.lift.rejects, glob=False)
        frames = [lost.select(*columns, "part")]
        for c in (c for c in chunks if c.file == f):
            frames += [
                pl.read_parquet(s.path, glob=False).select(
                    *columns, pl.lit(c.part).alias("part")
                )
                for s in c.shards
                if s.table == "rejects"
            ]
            c.shards = [s for s in c.shards if s.table != "rejects"]
        rows = pl.concat([frames[0], *(_of_source(run, cohort, f, x) for x in frames[1:])])
        rows = rows.with_columns(pl.lit(f, pl.Int32).alias("file"))
        for k, ((part,), some) in enumerate(rows.group_by("part", maintain_order=True)):
            shard = write_shard(
                some.drop("part"),
                REJECTS,
                directory,
                f"rejects-{f}-{k:05d}",
                {"cohort": cohort.name, "part": str(part)},
                labels,
            )
            mine = next((c for c in chunks if c.file == f), None)
            if shard is not None and mine is not None:
                mine.extra.append(shard)


def _of_source(run: Run, cohort: RunCohort, file: int, rows: pl.DataFrame) -> pl.DataFrame:
    """Give rejects of a lifted copy the record, line, place and text of the file."""
    records = rows.select(source_record("text")).to_series()
    if not records.len():
        return rows
    lines = source_lines(Path(cohort.files[file]), run, records)
    own = ["record", "line", "contig", "pos", "text"]
    return (
        rows.drop(own)
        .with_columns(records.alias("record"))
        .join(lines, on="record", how="left", maintain_order="left")
        .select(rows.columns)
    )
