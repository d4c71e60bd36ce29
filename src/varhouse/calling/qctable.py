"""The figures of all people of a batch as a table: `qc.tsv`, and what the page counts in.

Its columns are those of `reads.figures.FIGURES`, in that order, for ever: a reader of one
batch reads the next. People stand in the order in which they are given, that of the sheet.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.files import write_text
from varhouse.reads.figures import FIGURES
from varhouse.tables.schema import PolarsType

_TYPES: dict[str, PolarsType] = {"count": pl.Int64, "word": pl.String}

FIGURE_TYPES: dict[str, PolarsType] = {
    f.name: pl.Int64 if f.name == "bases" else _TYPES.get(f.unit, pl.Float64) for f in FIGURES
}
"""Column to type: counts, and bases of all reads, are whole numbers."""


def qc_frame(people: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Make a row a person of the figures that `reads.metrics.person_metrics` gave.

    Returns
    -------
    pl.DataFrame
        cohort, sample, a column for each of FIGURES (null: cannot be known), and flags: their
        codes, joined by commas, null if there is none.
    """
    columns: dict[str, list[Any]] = {
        "cohort": [str(p["cohort"]) for p in people],
        "sample": [str(p["sample"]) for p in people],
    }
    for name, dtype in FIGURE_TYPES.items():
        columns[name] = [_typed(p["figures"].get(name), dtype) for p in people]
    columns["flags"] = [
        ",".join(f["code"] for f in p.get("flags") or ()) or None for p in people
    ]
    text = dict.fromkeys(("cohort", "sample"), pl.String)
    return pl.DataFrame(columns, schema={**text, **FIGURE_TYPES, "flags": pl.String})


def _typed(value: Any, dtype: PolarsType) -> Any:
    if value is None or dtype == pl.String:
        return value
    # Medians of an even number of reads are halves: a count is a whole number.
    return round(value) if dtype == pl.Int64 else float(value)


def write_qc_table(people: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write `qc.tsv`, in one step: what is null is an empty cell, shares are 0 to 1."""
    write_text(out, qc_frame(people).write_csv(separator="\t"))
