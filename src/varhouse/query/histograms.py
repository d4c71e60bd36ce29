"""Histograms of quality and age of the carriers of each allele, from the calls of a store.

Bins are gnomAD's. Nothing is kept for them: calls and fields are decoded for the records of
the question, which takes about a second for ten million calls.
"""

import json
from collections.abc import Iterator, Sequence

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genotypes.codec.blocks import LACKING, Block, decode
from varhouse.genotypes.codec.column import Numbers
from varhouse.genotypes.fields import INT_MISSING
from varhouse.genotypes.planerows import PlaneRows
from varhouse.query.columns import Columns
from varhouse.query.expression import find_column
from varhouse.query.matrix import iter_files
from varhouse.query.records import RECORD, iter_piece
from varhouse.query.records import Block as Calls
from varhouse.query.select import Piece, find_pieces, scan_piece
from varhouse.query.selection import Selection
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA, WITHIN, PolarsType

QUALITY_BINS, QUALITY_TOP = 20, 100
"""GQ and DP: bins of 5 up to 100, then one for what is larger."""

AGE_BINS, AGE_FIRST, AGE_STEP = 10, 30, 5
"""Age: one bin for the younger, ten of 5 years from 30 to 80, one for the older."""

_ALLELES = 4_096
"""Alleles that are counted at once: a histogram is some thousand bytes in all."""

_SIZES = {
    "gq_all": QUALITY_BINS + 1, "gq_alt": QUALITY_BINS + 1, "dp_all": QUALITY_BINS + 1,
    "dp_alt": QUALITY_BINS + 1, "ab_het": QUALITY_BINS, "age_het": AGE_BINS + 2,
    "age_hom": AGE_BINS + 2,
}  # fmt: skip
COLUMNS = tuple(_SIZES)
"""The histograms: `_all` of everybody, `_alt` of carriers, `_het` and `_hom` of those."""

_OF_QUALITY = ("gq_all", "gq_alt", "dp_all", "dp_alt", "ab_het")

Floats = npt.NDArray[np.float64]


@nb.njit(cache=True, nogil=True)
def _quality_bin(value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the bin of a GQ or DP; -1 for none."""
    if not value >= 0.0:
        return -1
    if value > QUALITY_TOP:
        return QUALITY_BINS
    return min(int(value * QUALITY_BINS / QUALITY_TOP), QUALITY_BINS - 1)


@nb.njit(cache=True, nogil=True)
def _age_bin(age):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    top = AGE_FIRST + AGE_BINS * AGE_STEP
    if age < AGE_FIRST:
        return 0
    if age > top:
        return AGE_BINS + 1
    return 1 + min(int((age - AGE_FIRST) / AGE_STEP), AGE_BINS - 1)


@nb.njit(cache=True, nogil=True)
def _reads_bin(depths, begin, end, allele):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the bin of an allele's share of the reads of a cell; -1 where it is not known."""
    total = 0.0
    for k in range(begin, end):
        if depths[k] >= 0:
            total += depths[k]
    at = begin + allele
    if at >= end or depths[at] < 0 or total == 0.0:
        return -1
    return min(int(depths[at] / total * QUALITY_BINS), QUALITY_BINS - 1)


@nb.njit(cache=True, nogil=True)
def _kind(call):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell what a call is: 0 not fully called or none, 1 all copies the same, 2 not."""
    called, same = 0, True
    for a in call:
        if a == -1:
            return 0
        if a >= 0:
            same &= called == 0 or a == call[0]
            called += 1
    if called == 0:
        return 0
    return 1 if same else 2


@nb.njit(cache=True, nogil=True)
def _has(call, allele):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    n = 0
    for a in call:
        n += a == allele
    return n > 0


@nb.njit(cache=True, nogil=True)
def _add_ages(calls, alts, ages, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the ages (float64[people]) of who carries each ALT."""
    first_row, numbers = alts
    age_het, age_hom = out
    for s in range(calls.shape[1]):
        if not ages[s] >= 0.0:
            continue
        place = _age_bin(ages[s])
        for i in range(calls.shape[0]):
            kind = _kind(calls[i, s])
            if kind == 0:
                continue
            for row in range(first_row[i], first_row[i + 1]):
                if _has(calls[i, s], numbers[row]):
                    if kind == 1:
                        age_hom[row, place] += 1
                    else:
                        age_het[row, place] += 1


@nb.njit(cache=True, nogil=True)
def _add_quality(calls, alts, spots, values, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the cells of a block; `spots` are records and people there, and in `calls`."""
    first_row, numbers = alts
    rows, people, records, places = spots
    gq, dp, (depths, begin, end) = values
    gq_all, gq_alt, dp_all, dp_alt, ab_het = out
    for i in range(rows.size):
        for j in range(people.size):
            call = calls[records[i], places[j]]
            kind = _kind(call)
            if kind == 0:
                continue
            cell = rows[i], people[j]
            g, d = _quality_bin(gq[cell]), _quality_bin(dp[cell])
            for row in range(first_row[records[i]], first_row[records[i] + 1]):
                has = _has(call, numbers[row])
                if g >= 0:
                    gq_all[row, g] += 1
                    gq_alt[row, g] += has
                if d >= 0:
                    dp_all[row, d] += 1
                    dp_alt[row, d] += has
                if has and kind == 2:
                    b = _reads_bin(depths, begin[cell], end[cell], numbers[row])
                    if b >= 0:
                        ab_het[row, b] += 1


class Histograms:
    """Counts GQ, DP, allele balance and age of people by allele, in bins.

    Parameters
    ----------
    store
        An opened store.
    people
        Who is counted, of each cohort.
    columns
        Some of COLUMNS; all if empty.
    by_cohort
        Give each cohort a row of its own, with `cohort` before the histograms.

    Attributes
    ----------
    schema
        Columns of the frames and their types: the key, and a list of Int64 a histogram.

    Raises
    ------
    UsageError
        If there is no such histogram.
    """

    def __init__(
        self,
        store: Store,
        people: Sequence[Columns],
        columns: Sequence[str] = (),
        *,
        by_cohort: bool = False,
    ) -> None:
        names = [find_column(c, COLUMNS) for c in columns] or list(COLUMNS)
        self._store, self._people = store, people
        self._ages = [_ages(store, p) for p in people]
        self.schema: dict[str, PolarsType] = {
            **KEY_SCHEMA,
            **({"cohort": pl.String} if by_cohort else {}),
            **dict.fromkeys(names, pl.List(pl.Int64)),
        }

    def frames(self, selection: Selection) -> Iterator[pl.DataFrame]:
        """Count the selected alleles, some thousands at a time in the order of the assembly.

        An allele has a row if a record of a file of somebody who is counted holds it; what
        several files and cohorts count of it is added up.
        """
        own = [n for n in self.schema if n in (*KEY, "cohort")]
        for piece in find_pieces(self._store, selection, "variants"):
            keys = scan_piece(self._store, "variants", piece).select(WITHIN).collect()
            for part in keys.sort(WITHIN).iter_slices(_ALLELES):
                pos = part["pos"]
                some = Piece(piece.contig, pos[0], pos[-1], None, part)
                found = list(self._of_piece(some))
                if found:
                    rows = _added(pl.concat(found), own).sort(own)
                    yield rows.select(pl.col(n).cast(t) for n, t in self.schema.items())

    def _of_piece(self, piece: Piece) -> Iterator[pl.DataFrame]:
        for columns, ages in zip(self._people, self._ages, strict=True):
            for block in iter_piece(self._store, columns, piece):
                if block.alleles is None or block.alleles.is_empty():
                    continue
                for file, records, rows in iter_files(block, columns):
                    yield _of_file(self._store, block, columns, ages, (file, records, rows))


def _added(rows: pl.DataFrame, own: list[str]) -> pl.DataFrame:
    """Add up the rows of an allele, of different files and cohorts."""
    keys = rows.select(own)
    index = keys.unique(maintain_order=True).with_row_index("at")
    at = keys.join(index, on=own, maintain_order="left")["at"].to_numpy()
    out = index.drop("at")
    for name, size in _SIZES.items():
        sums = np.zeros((index.height, size), np.int64)
        np.add.at(sums, at, rows[name].to_numpy())
        out = out.with_columns(pl.Series(name, sums))
    return out


def _of_file(
    store: Store,
    block: Calls,
    columns: Columns,
    ages: Floats,
    found: tuple[int, pl.DataFrame, PlaneRows],
) -> pl.DataFrame:
    """Count the people of one file; a row an allele of its records."""
    file, records, rows = found
    own, place = columns.of_file(file)
    assert block.alleles is not None
    numbered = records.select(RECORD).with_row_index("at")
    mine = block.alleles.join(numbered, on=RECORD, maintain_order="left").sort(
        "at", "alt_index"
    )
    ordinals = records["record"].to_numpy()
    begins = mine["at"].search_sorted(np.arange(records.height + 1, dtype=np.uint32))
    alts = (begins.to_numpy().astype(np.int64), mine["alt_index"].to_numpy())
    calls = rows.alleles(own)
    out = {n: np.zeros((mine.height, size), np.int64) for n, size in _SIZES.items()}
    _add_ages(calls, alts, ages[place], (out["age_het"], out["age_hom"]))
    at_of = {r: k for k, r in enumerate(ordinals.tolist())}
    for cells in _blocks(store, block, file):
        at = np.array([at_of.get(r, -1) for r in cells.records.tolist()], np.int64)
        inside = np.flatnonzero((own >= cells.first) & (own < cells.first + cells.people))
        kept = np.flatnonzero(at >= 0)
        spots = (kept, own[inside] - cells.first, at[kept], inside)
        values = (_values(cells, "GQ"), _values(cells, "DP"), _depths(cells))
        _add_quality(calls, alts, spots, values, tuple(out[n] for n in _OF_QUALITY))
    return mine.select(
        *WITHIN,
        *(pl.Series(n, v) for n, v in out.items()),
        contig=pl.lit(block.contig),
        cohort=pl.lit(columns.cohort),
    )


def _blocks(store: Store, calls: Calls, file: int) -> Iterator[Block]:
    """Decode the fields of a file where the records of calls lie."""
    low, high = int(calls.calls["pos"][0]), int(calls.calls["pos"][-1])
    names = pl.col("names").str.split(",").list
    has = pl.any_horizontal(names.contains(n) for n in ("GQ", "DP", "AD"))
    rows = (
        store.scan("fields", cohort=calls.cohort, contig=calls.contig, start=low, end=high)
        .filter((pl.col("file") == file) & has)
        .sort("pos", "record", "first", "names")
        .collect()
    )
    return decode(rows, ["GQ", "DP", "AD"])


def _values(block: Block, name: str) -> Floats:
    """Give the first value of each cell: float64[n, people], NaN where there is none."""
    column = block.columns.get(name)
    if column is not None and not column.field.is_number:
        codes, texts = block.texts(name)
        known = np.array([*(_number(t) for t in texts), np.nan])
        return known[np.where(codes < 0, len(texts), codes)]
    values, begin, end = block.numbers(name)
    out = np.full(begin.shape, np.nan)
    first = values[begin[end > begin]]
    out[end > begin] = np.where(first == INT_MISSING, np.nan, first)
    for k, s, text in block.odd(name):
        out[k, s] = _number(text)
    return out


def _depths(block: Block) -> Numbers:
    """Give AD as numbers of reads; of one that the header declares as text there are none."""
    column = block.columns.get("AD")
    if column is None or column.field.is_number:
        return block.numbers("AD")
    lacking = np.full((block.records.size, block.people), LACKING, np.int64)
    return Numbers(np.zeros(0, np.int32), lacking, lacking)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _ages(store: Store, columns: Columns) -> Floats:
    """Give the age of the people asked for, float64[people]; NaN where the sheet has none."""
    people = store.scan("samples", cohort=columns.cohort).select("ordinal", "attributes")
    age = {
        n: _number(str(json.loads(text or "{}").get("age")))
        for n, text in people.collect().iter_rows()
    }
    return np.array([age.get(n, np.nan) for n in columns.ordinal.tolist()], np.float64)
