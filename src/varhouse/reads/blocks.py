"""Reference blocks: stretches of bases at which somebody has no other allele, as far as known.

A block is a longest run of bases of which each has reads, is known in the reference, is
covered by no called allele, and is of the same kind: band of quality, enough reads or not,
copies. What is said of a block holds for each of its bases: MIN_DP, GQ and PL are least
values. The edges of the bands and the depths are those by which genotypes are judged of high
quality (`varhouse.tables.statistics.Adjust`), so that a block is so as a whole or not at all.

Bases of quality 0 are blocks of their own: another genotype is as likely as the reference one
or likelier, though none was called. Their genotype is missing (decision 0050).
"""

from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.reads.pileup import Int64, Pileup, Uint8

BANDS = (1, 10, 20)
"""Lower edges of the bands of genotype quality; below the first lies 0 alone.

Blocks a kb of real reads: at 29x 2.6 with these, 6.0 with 30 beside them, 13.5 with 40, 42
with 60, as one wrong read takes a base to about 60; at 15x 24, and 44, 68 and more. Of the 24
the depth of 10 alone makes 9, and one wrong read of 15 takes a base below 20: what is of high
quality there cannot be told in fewer blocks."""

ENOUGH = (5, 10)
"""Reads that a genotype of high quality needs where there is one copy, and two."""

_COLUMNS = (
    *("start", "end", "kind", "copies"),
    *("min_dp", "dp", "gq", "pl_ref", "pl_het", "pl_alt"),
)
_NARROW: dict[str, type[pl.DataType]] = {
    "kind": pl.Int32,
    "min_dp": pl.Int32,
    "dp": pl.Int32,
    **dict.fromkeys(("copies", "gq", "pl_ref", "pl_het", "pl_alt"), pl.UInt8),
}
SCHEMA = pl.Schema(
    [
        *((name, _NARROW.get(name, pl.Int64)) for name in _COLUMNS),
        ("depths", pl.List(pl.Int64)),
    ]
)
"""Columns of `blocks.parquet`: 0-based, half-open. `kind`: blocks that touch and are of the
same kind are one. `dp`: the median, of two middle ones the lower. `depths`: bases of depth
MIN_DP, MIN_DP + 1, ..., kept of the first and the last block of a part, which may go on in
the next one."""

_START, _END, _KIND, _COPIES, _MIN_DP, _DP, _GQ, _REF, _HET, _ALT = range(len(_COLUMNS))
_ACGT = np.frombuffer(b"ACGTacgt", np.uint8)


@nb.njit(cache=True, nogil=True)
def _median(counts, low, high, n):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the lower median of n depths, of which `counts` holds how many are of each."""
    seen = 0
    for depth in range(low, high + 1):
        seen += counts[depth]
        if 2 * seen >= n:
            return depth
    return high


@nb.njit(cache=True, nogil=True)
def _runs(first, pileup, copies, free, bands, enough, rows):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Put the blocks into `rows`, int64[n, 10], and give how many there are."""
    depth, quality, likelihoods = pileup
    counts = np.zeros(65_536, np.int64)
    n, last = 0, -1
    high = np.int64(0)
    for i in range(depth.size + 1):
        kind = -1
        if i < depth.size and free[i] and depth[i] > 0 and copies[i] > 0:
            band = 0
            for edge in bands:
                band += quality[i] >= edge
            is_deep = depth[i] >= (enough[0] if copies[i] == 1 else enough[1])
            kind = (band * 2 + is_deep) * 2 + copies[i] - 1
        if kind != last:
            if last >= 0:
                row = rows[n]
                row[_END] = first + i
                low = row[_MIN_DP]
                row[_DP] = _median(counts, low, high, row[_END] - row[_START])
                counts[low : high + 1] = 0
                n += 1
            if kind >= 0:
                row = rows[n]
                row[_START], row[_KIND], row[_COPIES] = first + i, kind, copies[i]
                row[_MIN_DP], high = depth[i], np.int64(depth[i])
                row[_GQ] = quality[i]
                row[_REF:] = 255
            last = kind
        if kind >= 0:
            row = rows[n]
            d = np.int64(depth[i])
            counts[d] += 1
            row[_MIN_DP], high = min(row[_MIN_DP], d), max(high, d)
            row[_GQ] = min(row[_GQ], np.int64(quality[i]))
            for k in range(3):
                row[_REF + k] = min(row[_REF + k], np.int64(likelihoods[i, k]))
    return n


def make_blocks(
    start: int,
    bases: Uint8,
    pileup: Pileup,
    copies: Uint8,
    called: Sequence[tuple[int, int]],
    bands: Sequence[int] = BANDS,
) -> pl.DataFrame:
    """Make the blocks of a span.

    Parameters
    ----------
    start
        First base of the span, 0-based.
    bases
        Of the reference, ASCII: one a base of the span. Others than A, C, G, T are in no
        block.
    copies
        One a base.
    called
        Stretches that REF of called variants covers, whatever their FILTER (0-based,
        half-open).

    Returns
    -------
    pl.DataFrame
        As `SCHEMA`, ascending.
    """
    free = np.isin(bases, _ACGT)
    for first, last in called:
        free[max(0, first - start) : max(0, last - start)] = False
    # Blocks are at most as many as runs of one value; counting them first needs no guess.
    edges = np.array(bands, np.int64)
    enough = np.array(ENOUGH, np.int64)
    rows = np.empty(
        (_most_runs(pileup, copies, free, edges, enough) + 1, len(_COLUMNS)), np.int64
    )
    n = _runs(start, pileup, copies, free, edges, enough, rows)
    rows = rows[:n]
    frame = pl.DataFrame({name: rows[:, i] for i, name in enumerate(_COLUMNS)})
    depths: list[list[int] | None] = [None] * n
    for i in {0, n - 1} if n else ():
        a, b = rows[i, _START] - start, rows[i, _END] - start
        depths[i] = np.bincount(pileup.depth[a:b])[rows[i, _MIN_DP] :].tolist()
    own = pl.Series("depths", depths, pl.List(pl.Int64))
    return frame.with_columns(own).cast(SCHEMA)


@nb.njit(cache=True, nogil=True)
def _most_runs(pileup, copies, free, bands, enough):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the bases at which something differs from the base before."""
    depth, quality, _ = pileup
    n, before = 0, np.int64(-1)
    for i in range(depth.size):
        kind = np.int64(-1)
        if free[i] and depth[i] > 0 and copies[i] > 0:
            kind = np.int64(copies[i]) * 2 + (
                depth[i] >= (enough[0] if copies[i] == 1 else enough[1])
            )
            for edge in bands:
                kind += 8 * (quality[i] >= edge)
        n += kind != before
        before = kind
    return n


def join_blocks(
    before: pl.DataFrame, after: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Join the blocks of a part to those before it.

    Parameters
    ----------
    before
        The last block so far, or none: at most one row.
    after
        Blocks of the next part, ascending.

    Returns
    -------
    done
        Blocks that no later part can make longer.
    rest
        The last one.
    """
    if not before.height or not after.height:
        both = pl.concat([before, after])
        return both.head(-1), both.tail(1)
    a, b = before.row(0, named=True), after.row(0, named=True)
    if a["end"] == b["start"] and a["kind"] == b["kind"]:
        one = pl.DataFrame([_united(a, b)], SCHEMA)
        return _split_last(pl.concat([one, after.slice(1)]))
    return _split_last(pl.concat([before, after]))


def _split_last(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    return frame.head(-1), frame.tail(1)


def _united(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Make one block of two that touch."""
    low = min(a["min_dp"], b["min_dp"])
    size = max(row["min_dp"] + len(row["depths"]) for row in (a, b)) - low
    depths: npt.NDArray[np.int64] = np.zeros(size, np.int64)
    for row in (a, b):
        at = row["min_dp"] - low
        depths[at : at + len(row["depths"])] += row["depths"]
    middle = int(np.searchsorted(2 * np.cumsum(depths), depths.sum()))
    least = {c: min(a[c], b[c]) for c in ("min_dp", "gq", "pl_ref", "pl_het", "pl_alt")}
    return a | least | {"end": b["end"], "dp": low + middle, "depths": depths.tolist()}


def cut_blocks(blocks: pl.DataFrame, called: tuple[Int64, Int64]) -> pl.DataFrame:
    """Take out of blocks what called variants cover.

    A part has done so for the variants that it knew; one that normalising moves further than
    `callregion.MARGIN` is only known when parts are joined. What a block says stays a least
    value.

    Parameters
    ----------
    called
        First bases and ends, 0-based, half-open, ascending by the first base.
    """
    starts, ends = called
    if not blocks.height or not starts.size:
        return blocks
    reach = np.maximum.accumulate(ends)
    a, b = blocks["start"].to_numpy(), blocks["end"].to_numpy()
    # Of the variants that begin before a block's end, does any reach into it?
    before = np.searchsorted(starts, b)
    is_hit = (before > 0) & (np.append(reach, 0)[before - 1] > a)
    if not is_hit.any():
        return blocks
    pieces = []
    for row in blocks.filter(pl.Series(is_hit)).iter_rows(named=True):
        at = row["start"]
        own = slice(np.searchsorted(reach, at, "right"), np.searchsorted(starts, row["end"]))
        spans = [*zip(starts[own], ends[own], strict=True), (row["end"], row["end"])]
        for first, last in spans:
            if first > at:
                pieces.append(row | {"start": at, "end": int(first)})
            at = max(at, int(last))
    whole = blocks.filter(pl.Series(~is_hit))
    return pl.concat([whole, pl.DataFrame(pieces, SCHEMA)]).sort("start")
