"""Intervals of a BED file, as they are written: 0-based, the end not included."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import InputError
from varhouse.textfile import read_text, split_lines

SCHEMA = {"line": pl.Int64, "contig": pl.String, "start": pl.Int32, "end": pl.Int32}
"""Columns of the rows of a BED."""

_PLACE = ("contig", "start", "end")
_MOST_TOLD = 3
"""Lines of a BED of which a mistake is reported."""


def read_bed(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """Read the intervals of a BED, plain or gzip, cells set off by tabs or by blanks.

    Returns
    -------
    tuple
        Rows line, contig (as written), start, end (0-based, half-open); and its mistakes.
    """
    empty = pl.DataFrame(schema=SCHEMA)
    try:
        lines = split_lines(read_text(path))
    except InputError as error:
        return empty, [str(error)]
    rows = (
        pl.DataFrame({"text": lines}, schema={"text": pl.String})
        .with_row_index("line", 1)
        .filter(~pl.col("text").str.contains(r"^\s*$|^#|^(track|browser)(\s|$)"))
    )
    if rows.height and rows["text"][0].startswith("@"):
        return empty, [
            f"{path}: an interval list of Picard, which is 1-based, not a BED; fix: gatk "
            "IntervalListToBed"
        ]
    tabs = pl.col("text").str.contains("\t", literal=True)
    blanks = pl.col("text").str.strip_chars().str.replace_all(r"\s+", "\t")
    cells = pl.when(tabs).then("text").otherwise(blanks).str.split("\t")
    rows = rows.with_columns(
        contig=cells.list.get(0, null_on_oob=True),
        **{
            name: _whole_number(cells.list.get(k, null_on_oob=True))
            for k, name in ((1, "start"), (2, "end"))
        },
    )
    bad = rows.filter(pl.any_horizontal(pl.col(_PLACE).is_null()) | (pl.col("contig") == ""))
    problems = name_lines(
        path, bad, lambda r: f"not a BED line (contig, start, end): {r['text'][:60]!r}"
    )
    found = rows.join(bad.select("line"), on="line", how="anti").select(empty.columns)
    nothing = found.filter(pl.col("start") >= pl.col("end"))
    problems += name_lines(
        path,
        nothing,
        lambda r: (
            f"{r['start']}-{r['end']} holds no base (BED: 0-based, the end is not included)"
        ),
    )
    return found.with_columns(pl.col("line").cast(pl.Int64)), problems


def _whole_number(text: pl.Expr) -> pl.Expr:
    number = text.str.strip_chars()
    return pl.when(number.str.contains(r"^\d{1,10}$")).then(
        number.cast(pl.Int64, strict=False).cast(pl.Int32, strict=False)
    )


def name_lines(
    path: Path, rows: pl.DataFrame, what: Callable[[dict[str, Any]], str]
) -> list[str]:
    """Name the mistakes of the first rows (column `line`), and how many more there are."""
    out = [
        f"{path}:{row['line']}: {what(row)}"
        for row in rows.head(_MOST_TOLD).iter_rows(named=True)
    ]
    more = rows.height - _MOST_TOLD
    return [*out, *([f"{path}: ... and {more:,} more lines like it"] if more > 0 else [])]
