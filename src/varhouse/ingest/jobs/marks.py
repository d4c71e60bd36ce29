"""What is to reject in a file, from the job that checks it to those that read its chunks."""

from pathlib import Path

import polars as pl

from varhouse.tables.shards import write_frame
from varhouse.vcf.check.judged import MarkedRecords


def write_marks(marked: MarkedRecords, verdict: Path) -> str | None:
    """Write marks beside a verdict; give the file's path, None where there are none."""
    marked.close()
    if not marked.record.size:
        return None
    path = verdict.with_suffix(".marks.parquet")
    write_frame(pl.DataFrame({"record": marked.record, "marks": marked.marks}), path)
    return str(path)


def read_marks(path: str | None) -> MarkedRecords:
    """Read the marks that were written beside a verdict, if any were."""
    if path is None:
        return MarkedRecords()
    frame = pl.read_parquet(path, glob=False)
    return MarkedRecords(frame["record"].to_numpy(), frame["marks"].to_numpy())
