"""Merged rs ids: which old ids stand for an id of today.

When dbSNP finds that two rs ids are one variant, it keeps the one and merges the other
into it; papers and files go on using both. The table of merges is a text of two columns,
old and new, with or without `rs`, and anything behind them (a build, say). dbSNP's own
`RsMergeArch.bcp` (columns rsHigh, rsLow, build_id, orien, create_time, ...) reads the same
way. An id may be merged again: chains are followed to their end.
"""

from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.textfile import read_small

_HEADER = r"(?i)^#|^old|^rs_?(old|high|id)"
_NUMBER = r"^(?:[rR][sS])?(\d+)$"
_SCHEMA = {"old": pl.Int64, "new": pl.Int64}
_MOST = 4 << 30


def read_merges(path: Path) -> pl.DataFrame:
    """Read a table of merged ids, plain or gzip.

    Returns
    -------
    pl.DataFrame
        old, new (Int64, the numbers of the ids), distinct; not yet followed.

    Raises
    ------
    InputError
        If a row has no two ids, or the file is damaged.
    """
    data = read_small(path, _MOST)
    if not data.strip():
        return pl.DataFrame(schema=_SCHEMA)
    lines = pl.read_csv(
        data,
        has_header=False,
        new_columns=["line"],
        separator="\x1f",
        quote_char=None,
        infer_schema=False,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    ).with_row_index("number", offset=1)
    cells = pl.col("line").str.strip_suffix("\r").str.splitn("\t", 3)
    rows = lines.filter(
        pl.col("line").str.strip_chars() != "", ~pl.col("line").str.contains(_HEADER)
    ).select(
        "number",
        "line",
        *(
            cells.struct[i]
            .str.strip_chars()
            .str.extract(_NUMBER)
            .cast(pl.Int64, strict=False)
            .alias(n)
            for i, n in enumerate(_SCHEMA)
        ),
    )
    bad = rows.filter(pl.any_horizontal(pl.col(*_SCHEMA).is_null()))
    if bad.height:
        number, text = bad.select("number", "line").row(0)
        raise InputError(
            f"{path}: line {number}: {text[:60]!r} is no pair of rs ids",
            "two columns set off by a tab: old id, new id",
        )
    return rows.select(*_SCHEMA).unique()


def old_ids(merges: pl.DataFrame, current: pl.Series) -> pl.DataFrame:
    """Find the ids that were merged, at once or in steps, into some of today's.

    Parameters
    ----------
    merges
        What `read_merges` gives.
    current
        Ids, `rs` and digits; others are passed over.

    Returns
    -------
    pl.DataFrame
        id (one of `current`) and old, both String, distinct; a ring of merges ends
        where it began.
    """
    numbers = current.drop_nulls().unique().str.extract(r"^rs(\d+)$").cast(pl.Int64)
    level = pl.DataFrame({"id": numbers, "new": numbers}).drop_nulls()
    found = pl.DataFrame(schema={"id": pl.Int64, "old": pl.Int64})
    # From today's ids back: only rows that lead to them are ever held.
    while level.height:
        more = level.join(merges, on="new").filter(pl.col("old") != pl.col("id"))
        more = more.select("id", "old").unique().join(found, on=["id", "old"], how="anti")
        found = pl.concat([found, more])
        level = more.rename({"old": "new"})
    return found.sort("id", "old").select(pl.format("rs{}", n).alias(n) for n in found.columns)
