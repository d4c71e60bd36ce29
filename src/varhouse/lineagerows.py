"""The lineage of many files of calls as rows, out of the headers in the table `files`."""

from dataclasses import fields
from functools import lru_cache

import polars as pl

from varhouse.lineage import Entry, read_lineage

_ENTRY = tuple(f.name for f in fields(Entry))
_NUMBERS = ("n_reads", "bytes")

SCHEMA: dict[str, type[pl.DataType]] = {
    "cohort": pl.String, "file": pl.Int32, "calls": pl.String, "entry": pl.Int32,
    **{name: pl.Int64 if name in _NUMBERS else pl.String for name in _ENTRY},
}  # fmt: skip
"""Columns: those of a file of calls, the 0-based number in its header, the fields of Entry."""


def lineage_rows(files: pl.LazyFrame) -> pl.DataFrame:
    """Read the headers of files of calls: a row a thing that they were made from.

    Parameters
    ----------
    files
        Rows of the table `files`: cohort, file, name, header.

    Returns
    -------
    pl.DataFrame
        Columns of SCHEMA, by cohort, file and entry. What a header does not say is null.
    """
    # Nearly all of a header are lines of contigs and fields, which are left before Python.
    told = (
        files.select("cohort", "file", "name", line=pl.col("header").str.split("\n"))
        .with_columns(
            line=pl.col("line").list.filter(
                pl.element().str.starts_with("##")
                & ~pl.element().str.contains(r"^##(?:contig|INFO|FORMAT|FILTER|ALT)=")
            )
        )
        .select("cohort", "file", "name", header=pl.col("line").list.join("\n"))
        .collect(engine="streaming")
        .sort("cohort", "file")
    )
    # Files of a cohort that one caller wrote often have one header.
    read = lru_cache(4)(read_lineage)
    rows = [
        (cohort, file, name, number, *(getattr(entry, f) for f in _ENTRY))
        for cohort, file, name, header in told.iter_rows()
        for number, entry in enumerate(read(header))
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row")
