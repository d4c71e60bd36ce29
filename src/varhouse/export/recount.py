"""AC, AN and AF of the samples that are written, in place of those of the whole file."""

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.export.cellkernel import Calls, Columns, Rows, count_copies
from varhouse.genotypes.calls import NO_ALLELE, parse_gt

KEYS = ("AC", "AN", "AF")
_ANY_KEY = f"(?:^|;)(?:{'|'.join(KEYS)})="

HEADER = (
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies of each ALT in these samples">',
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="Called copies in these samples">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="AC / AN">',
)
"""Declarations for files that do not have them."""


def allele_table(texts: list[str]) -> npt.NDArray[np.int16]:
    """Give the alleles of GT texts: int16[max(d, 1), p], -1 missing, -2 beyond the ploidy."""
    parsed = [parse_gt(text) or [] for text in texts]
    table = np.full(
        (max(len(texts), 1), max(map(len, parsed), default=1)), NO_ALLELE, np.int16
    )
    for row, alleles in zip(table, parsed, strict=False):
        row[: len(alleles)] = alleles
    return table


def format_frequency(copies: int, called: int) -> str:
    """Print AF: six digits that count, `.` where nobody is called."""
    return f"{copies / called:.6g}" if called else "."


def recount(
    records: pl.DataFrame,
    rows: Rows,
    calls: Calls,
    columns: Columns,
    alleles: npt.NDArray[np.int16],
) -> pl.Series:
    """Make INFO of records with AC, AN and AF of the samples that are written.

    A record without ALT has AN alone; AF is `.` where nobody is called. A reference block
    gets none where it had none.

    Parameters
    ----------
    records
        alt, info and block_end (null: no reference block) of each.
    rows, calls, columns, alleles
        See `count_copies`.
    """
    n_alt = records.select(
        pl.when(pl.col("alt") == ".")
        .then(0)
        .otherwise(pl.col("alt").str.count_matches(",", literal=True) + 1)
    ).to_series()
    alt_at = np.concatenate([[0], np.cumsum(n_alt.to_numpy())]).astype(np.int64)
    ac, an = count_copies(rows, calls, columns, alleles, alt_at)
    out = []
    counted = pl.col("block_end").is_null() | pl.col("info").str.contains(_ANY_KEY)
    is_counted = records.select(counted).to_series().to_list()
    bounds = zip(alt_at[:-1].tolist(), alt_at[1:].tolist(), an.tolist(), strict=True)
    for info, mine, (a, b, n) in zip(
        records["info"].to_list(), is_counted, bounds, strict=True
    ):
        if not mine:
            out.append(info)
            continue
        kept = [e for e in info.split(";") if e.partition("=")[0] not in KEYS and e != "."]
        copies = ac[a:b].tolist()
        if copies:
            kept.append("AC=" + ",".join(map(str, copies)))
        kept.append(f"AN={n}")
        if copies:
            kept.append("AF=" + ",".join(format_frequency(c, n) for c in copies))
        out.append(";".join(kept))
    return pl.Series("info", out, pl.String)
