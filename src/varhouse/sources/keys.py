"""The allele key as one 64-bit integer: sorted integers are joined by binary search.

The upper half is the position, the lower half the two alleles: exact for alleles of
A, C, G and T of up to 7 bases each and 12 together, else a hash with the top bit set.
Equal alleles have equal keys; where keys with that bit are equal, the alleles are
compared as text. Hashes are made a base at a time for all alleles that have as many.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.tables.textcolumn import pack

Ints = npt.NDArray[np.int64]

HASHED = 1 << 31
_HASHED_BASES = 64
_PRIME = np.uint64(0x100000001B3)
_BASIS = np.uint64(0xCBF29CE484222325)
_SHIFT = np.uint64(33)
_MIX = np.uint64(0xBF58476D1CE4E5B9)

Text = tuple[npt.NDArray[np.uint8], Ints, Ints]


def _text(column: pl.Series) -> Text:
    """Give the bytes of a String column, and the first byte and length of each row."""
    raw, at = pack(column)
    return raw, at[:-1], np.diff(at)


def _hash(ref: Text, alt: Text, rows: Ints) -> Ints:
    """Hash the first bases and the lengths of the alleles of some rows (FNV-1a)."""
    h = np.full(rows.size, _BASIS)
    for raw, first, size in (ref, alt):
        h = (h ^ size[rows].astype(np.uint64)) * _PRIME
        for k in range(min(_HASHED_BASES, int(size[rows].max(initial=0)))):
            some = np.flatnonzero(size[rows] > k)
            base = raw[first[rows[some]] + k].astype(np.uint64)
            h[some] = (h[some] ^ base) * _PRIME
    return (((h ^ (h >> _SHIFT)) * _MIX) >> _SHIFT).astype(np.int64)


def allele_keys(frame: pl.DataFrame) -> Ints:
    """Encode pos (1-based), ref and alt (capitals, not empty) of each row: int64[n]."""
    if not frame.height:
        return np.zeros(0, np.int64)
    # Compiled code: whoever joins nothing does without.
    from varhouse.sources.exactkeys import exact_keys  # noqa: PLC0415

    low, rows = exact_keys(frame["ref"], frame["alt"])
    if rows.size:
        some = frame.select("ref", "alt")[rows]
        low[rows] = (
            _hash(_text(some["ref"]), _text(some["alt"]), np.arange(rows.size)) | HASHED
        )
    return (frame["pos"].to_numpy().astype(np.int64) << 32) | low


def allele_text() -> pl.Expr:
    """Make the text that tells alleles of equal keys apart: ref, alt and extent."""
    return pl.concat_str("ref", pl.lit(">"), "alt", "extent")


def match_keys(mine: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """Pair equal keys of two sorted arrays, each with each: rows of both, int64[pairs]."""
    first = np.searchsorted(theirs, mine)
    inside = np.minimum(first, max(0, theirs.size - 1))
    left = np.flatnonzero(theirs[inside] == mine) if theirs.size else np.zeros(0, np.int64)
    right = first[left]
    if theirs.size > 1 and (theirs[1:] == theirs[:-1]).any():
        # Several records of one allele.
        count = np.searchsorted(theirs, mine[left], side="right") - right
        before = np.cumsum(count) - count
        place = np.arange(int(count.sum())) - np.repeat(before, count)
        left, right = np.repeat(left, count), np.repeat(right, count) + place
    return left, right
