"""The view `lineage`: what each file of calls was made from, a row a thing.

It is read out of the header that the table `files` keeps of each file (`varhouse.lineage`),
when a question names it: nothing of it is stored twice. It tells of files and people, so it
is shown to whom `files` is shown.
"""

import re
from collections.abc import Sequence

import polars as pl

from varhouse.store.reader import Store
from varhouse.tables.declaration import COHORT, FILE_NUMBER, Column, Table

NAME = "lineage"
SOURCE = "files"
"""The table that it is read out of."""

LINEAGE = Table(
    NAME,
    "controlled",
    "what a file of calls was made from, as its header says: a file of reads, a reference or"
    " a program",
    (
        COHORT,
        FILE_NUMBER,
        Column("calls", pl.String, "name of the file of calls"),
        Column("entry", pl.Int32, "0-based number among those of the file"),
        Column("kind", pl.String, "reads, reference or tool"),
        Column("name", pl.String, "of the file, without folders; of the program"),
        Column("step", pl.String, "what the program did", nullable=True),
        Column("version", pl.String, "of the program, in its own words", nullable=True),
        Column("carrier", pl.String, "the package that holds the program", nullable=True),
        Column("options", pl.String, "the program's arguments", nullable=True),
        Column("sample", pl.String, "whose reads", nullable=True),
        Column("lane", pl.String, "of the flow cell, as in the sheet", nullable=True),
        Column("library", pl.String, "the library that was sequenced", nullable=True),
        Column("platform", pl.String, "sequencing platform", nullable=True),
        Column("n_reads", pl.Int64, "reads in the file, each mate one", nullable=True),
        Column("bytes", pl.Int64, "size of the file", nullable=True),
        Column("md5", pl.String, "MD5 of its bytes", nullable=True),
        Column("sha256", pl.String, "SHA-256 of its bytes", nullable=True),
        Column("digest", pl.String, "digest of the reference, as a store has it",
               nullable=True),
    ),
    partition=("cohort",),
    sort=("file", "entry"),
)  # fmt: skip

UNITS = {"sample": "", "n_reads": "reads", "entry": "number, 0-based"}
"""Units of columns that are none of the store's tables, or another thing there."""

_MAY_NAME = re.compile(r"lineage|query", re.IGNORECASE)
"""A question that names the view, or makes names of tables (`query_table`) out of texts."""


def is_asked(query: str) -> bool:
    """Tell whether a query may read the view: making it costs a look at every header."""
    return _MAY_NAME.search(query) is not None


def read_rows(store: Store, cohort: Sequence[str] | None = None) -> pl.DataFrame:
    """Give what each file of calls was made from: the columns of LINEAGE.

    Parameters
    ----------
    cohort
        Names of cohorts; None: all. One that is not there has no row.

    Raises
    ------
    AccessError
        If the view does not show the table `files`, or it may not be read.
    """
    # Its patterns take 8 ms to compile, and every question loads this module for its columns.
    from varhouse.lineagerows import lineage_rows  # noqa: PLC0415

    files = store.scan(SOURCE) if cohort is None else store.scan(SOURCE, cohort=list(cohort))
    if cohort is not None:
        files = files.filter(pl.col("cohort").is_in(list(cohort)))
    return lineage_rows(files)
