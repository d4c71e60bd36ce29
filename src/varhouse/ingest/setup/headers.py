"""Who stands in which file: the sample columns of all files, read before any job starts.

The rows of a person are stored under the ordinal of the sample in its cohort, which all
files of the cohort decide together. Known beforehand, it lets each file be taken in by
itself. Files of the same people share one list: 2,000 files of 50,000 people hold it once.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.tables.shards import write_frame
from varhouse.vcf.header.header import read_sample_names
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.limits import Limits

UNREAD = -1
"""Number of the list of a file whose header cannot be read: it is held back anyway."""

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "cohort": pl.String,
    "list": pl.Int32,
    "samples": pl.List(pl.String),
}


def sample_names(path: Path, limits: Limits) -> tuple[str, ...] | None:
    """Read the names of a file's sample columns; None where the header cannot be read."""
    try:
        return tuple(read_sample_names(peek_header(path, limits)))
    except (InputError, OSError):
        return None


def write_sample_lists(
    cohorts: Iterable[tuple[str, list[str]]], limits: Limits, output: Path
) -> dict[str, list[int]]:
    """Write the distinct lists of sample columns of each cohort (Parquet).

    Parameters
    ----------
    cohorts
        Cohort and the paths of its files, in order.

    Returns
    -------
    dict
        Cohort to the number of each file's list, `UNREAD` without one.
    """
    rows: dict[str, list[object]] = {name: [] for name in _SCHEMA}
    numbers: dict[str, list[int]] = {}
    for cohort, files in cohorts:
        known: dict[tuple[str, ...], int] = {}
        numbers[cohort] = []
        for file in files:
            names = sample_names(Path(file), limits)
            if names is not None and names not in known:
                rows["cohort"].append(cohort)
                rows["list"].append(len(known))
                rows["samples"].append(list(names))
                known[names] = len(known)
            numbers[cohort].append(UNREAD if names is None else known[names])
    write_frame(pl.DataFrame(rows, schema=_SCHEMA), output)
    return numbers


def read_sample_lists(path: Path, cohort: str) -> list[list[str]]:
    """Read the distinct lists of sample columns of a cohort, by their numbers."""
    frame = pl.scan_parquet(path, glob=False).filter(pl.col("cohort") == cohort)
    return frame.sort("list").collect()["samples"].to_list()
