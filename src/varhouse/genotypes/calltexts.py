"""GT texts of some calls, from bit planes: those of a person, a region, or carriers.

`PlaneRows.genotypes` gives all texts of all people as lists. Who asks for one person of many,
or for the few carriers of rare alleles, asks here call by call; the bits of others are not
looked at.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
import polars as pl

from varhouse.genotypes.calls import MISSING_ALLELE, NO_ALLELE, NO_GT, Int32, Int64
from varhouse.genotypes.planerows import PlaneRows
from varhouse.genotypes.planes import NO_PLOIDY, spell

_FIT = 62
"""Bits of a code that holds a whole genotype."""


class CallTexts(NamedTuple):
    """GT texts of m calls: `texts[code[i]]` is that of call i; a code of -1: no GT."""

    code: Int32
    texts: list[str]

    def series(self) -> pl.Series:
        """Make a column of them, null where a record has no GT."""
        known = pl.Series(self.texts, dtype=pl.String)
        code = pl.Series(self.code)
        return known.gather(code.set(code < 0, None)).alias("gt")


@nb.njit(cache=True, nogil=True)
def _codes(planes, bar, record, rec, column, base, code, wide):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Make a number of what each call says: separator, then its alleles + 2 to `base`.

    -1: no GT. If `wide` (int16[m, P], NO_ALLELE) has rows, the alleles go there, and the
    number is the separator alone.
    """
    for i in range(rec.size):
        r = record[rec[i]]
        while r + 1 < record[rec[i] + 1] and planes.first[r + 1] <= column[i]:
            r += 1
        ploidy = planes.ploidy[r]
        if ploidy == NO_PLOIDY:
            code[i] = -1
            continue
        s = column[i] - planes.first[r]
        sep = bar[r]
        f = planes.flipped[r]
        if f >= 0 and planes.bits[f + (s >> 3)] & (128 >> (s & 7)):
            sep = 3 - sep
        key = np.int64(0)
        copies = 0
        for j in range(ploidy - 1, -1, -1):
            q = np.int64(s) * ploidy + j
            byte, bit = q >> 3, 128 >> (q & 7)
            allele = 0
            for p in range(planes.plane[r], planes.plane[r + 1]):
                if planes.bits[planes.at[p] + byte] & bit:
                    allele = p - planes.plane[r] + 1
                    break
            if allele == 0:
                if planes.missing[r] >= 0 and planes.bits[planes.missing[r] + byte] & bit:
                    allele = MISSING_ALLELE
                elif planes.absent[r] >= 0 and planes.bits[planes.absent[r] + byte] & bit:
                    allele = NO_ALLELE
            copies += allele != NO_ALLELE
            if wide.shape[0]:
                wide[i, j] = allele
            else:
                key = key * base + (allele + 2)
        if copies < 2:
            sep = 0
        code[i] = key * 3 + sep


def call_texts(rows: PlaneRows, record: Int64, column: Int32) -> CallTexts:
    """Give the GT texts of some calls, byte for byte as in the file.

    Parameters
    ----------
    rows
        Genotypes of records of one file.
    record
        int64[m]: record of each call, 0 to `rows.size` - 1.
    column
        int32[m]: its sample column; the rows must have it.
    """
    rows.check_whole()
    planes = rows.planes
    base = int(np.diff(planes.plane).max(initial=0)) + 3
    ploidy = int(planes.ploidy.max(initial=1))
    fits = (ploidy * np.log2(base) + 2) < _FIT
    code = np.empty(record.size, np.int64)
    wide = np.full((0 if fits else record.size, max(ploidy, 1)), NO_ALLELE, np.int16)
    _codes(planes, rows.bar, rows.record, record, column, base, code, wide)
    if fits:
        known = pl.Series(code).unique().sort().to_numpy()
        place = np.searchsorted(known, code).astype(np.int32)
        texts = [_read(int(k), base) for k in known]
    else:
        # Alleles and separator as rows of a table: rare enough that its sort does not count.
        full = np.column_stack([wide, np.where(code < 0, -1, code % 3).astype(np.int16)])
        rows_, at = np.unique(full, axis=0, return_inverse=True)
        place = at.ravel().astype(np.int32)
        texts = [None if k[-1] < 0 else _spell(k[:-1].tolist(), int(k[-1])) for k in rows_]
    if any(t is None for t in texts):
        none = np.array([t is None for t in texts])
        place[none[place]] = -1
    out = [t or "" for t in texts]
    return CallTexts(*_with_odd(rows, record, column, place, out))


def _read(code: int, base: int) -> str | None:
    if code < 0:
        return None
    key, sep = divmod(code, 3)
    alleles = []
    while key:
        key, digit = divmod(key, base)
        alleles.append(digit - 2)
    return _spell(alleles, sep)


def _spell(alleles: list[int], sep: int) -> str:
    have = [a for a in alleles if a != NO_ALLELE]
    return spell(have, sep) if have else NO_GT


def _with_odd(
    rows: PlaneRows, record: Int64, column: Int32, code: Int32, texts: list[str]
) -> tuple[Int32, list[str]]:
    """Put in the texts that are written in no usual way."""
    odd = rows.odd
    if not odd.who.size:
        return code, texts
    row = np.repeat(np.arange(odd.begin.size - 1), np.diff(odd.begin))
    owner = np.searchsorted(rows.record, row, "right") - 1
    width = int(rows.planes.first.max() + rows.planes.people.max())
    # One number a call; a record has each column once.
    mine = owner * width + odd.who + rows.planes.first[row]
    order = np.argsort(mine)
    asked = record * width + column
    found = np.searchsorted(mine[order], asked)
    hit = found < mine.size
    hit[hit] = mine[order][found[hit]] == asked[hit]
    code[hit] = odd.what[order][found[hit]] + len(texts)
    return code, [*texts, *odd.texts]
