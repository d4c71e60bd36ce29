"""The content digest: one hash of what a table holds, whatever the order of its rows.

Every row is hashed to two 64-bit numbers, and a table is the sum of its rows' numbers
modulo 2**64, kept with the number of rows. Sums do not depend on the order of the rows
or on the file they stand in, and what a replaced file held can be subtracted again, so
that a commit hashes only what is new.

A row's number is the sum over its columns of a mix of the value with the column's name,
mixed once more at the end, so that values cannot move between columns or rows unseen. A
null adds nothing: a column that old files lack counts like a column of nulls. An empty
text and an empty list do add.

Numbers of files and samples count by what they stand for (`varhouse.tables.labels`), so that
the digest does not depend on the order in which files came.

Values are hashed by what they mean, not by how they are stored: integers of any width as
64-bit, floats as float64 with one zero and one NaN, text as UTF-8, lists by their
elements in order. The mixing step is the finaliser of splitmix64 (Steele, Lea and Flood,
OOPSLA 2014). The hash finds mistakes; it does not resist somebody who looks for a
collision. Rows are hashed in `varhouse.tables.rowdigest`; what is here needs no data.
"""

import hashlib
from collections.abc import Iterable, Mapping

Sums = tuple[int, int]

EMPTY = "0" * 64
"""Digest of a table without rows, which counts like a table that is not there."""

_MASK = (1 << 64) - 1


def combine(digests: Iterable[Sums]) -> Sums:
    """Add up the digests of pieces, modulo 2**64."""
    s1 = s2 = 0
    for d1, d2 in digests:
        s1, s2 = (s1 + d1) & _MASK, (s2 + d2) & _MASK
    return s1, s2


def subtract(whole: Sums, piece: Sums) -> Sums:
    """Take the digest of a piece out of that of the whole."""
    return (whole[0] - piece[0]) & _MASK, (whole[1] - piece[1]) & _MASK


def table_digest(name: str, rows: int, sums: Sums) -> str:
    """Digest a table as 64 hex digits from its sums; `EMPTY` for no rows."""
    if rows == 0:
        return EMPTY
    text = f"varhouse table 1\n{name}\n{rows}\n{sums[0]:016x}{sums[1]:016x}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def store_digest(tables: Mapping[str, str]) -> str:
    """Digest a store as 64 hex digits from its tables' digests (SHA-256)."""
    lines = [f"{name} {tables[name]}\n" for name in sorted(tables) if tables[name] != EMPTY]
    return hashlib.sha256(("varhouse store 1\n" + "".join(lines)).encode()).hexdigest()
