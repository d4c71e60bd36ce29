"""Genotypes as bit planes: the rows of the table `genotypes`, made from listed genotypes.

A row is a record of a file and a block of its sample columns. A copy of a person is a slot,
`(column - first) * ploidy + copy`; each ALT has a plane, a bit a slot, that says which copies
are that ALT. Two more say which copies are not called and which a person does not have. So
the copies of an ALT among any people are the bits of a plane under a mask, for which no
program has to know a genotype's text; and a plane of a rare allele, nearly all 0, is stored
in a few bytes. Of the text only what the bits do not say is kept: the separator, who has the
other one, and what is written in no usual way.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.genotypes.calls import MISSING_ALLELE, NO_ALLELE, NO_GT, Genotypes, Int64

PEOPLE = 8_192
"""Sample columns of a row: what a filter of few people, or a cell of a column, must read."""


def block_starts(people: int) -> range:
    """Give the first sample column of each row of a record of so many people."""
    return range(0, people, PEOPLE)


NO_SEPARATOR, SLASH, BAR, ODD = range(4)
"""How a text is written: one copy alone, all copies apart by / or by |, any other way."""

SEPARATORS = ("", "/", "|")

NO_PLOIDY = -1
"""In arrays: the ploidy of a row without GT."""

Bytes = npt.NDArray[np.uint8]


class Texts(NamedTuple):
    """What the distinct GT texts say, d of them.

    `alleles` int16[max(d, 1), p] as in `Genotypes`; `ploidy` int8[d]; `kind` uint8[d]
    (NO_SEPARATOR ...), `top` int16[d] the highest allele; `absent` bool[d]: no GT at all.
    """

    alleles: npt.NDArray[np.int16]
    ploidy: npt.NDArray[np.int8]
    kind: Bytes
    top: npt.NDArray[np.int16]
    absent: npt.NDArray[np.bool_]


def spell(alleles: list[int], kind: int) -> str:
    """Write a genotype the usual way: allele numbers (-1: `.`), one separator for all."""
    return SEPARATORS[kind].join("." if a == MISSING_ALLELE else str(a) for a in alleles)


def read_texts(genotypes: Genotypes) -> Texts:
    """Work out what each distinct text says, and whether it is written the usual way."""
    d = len(genotypes.texts)
    alleles = genotypes.alleles
    ploidy = (alleles[:d] != NO_ALLELE).sum(1).astype(np.int8)
    kind = np.full(d, ODD, np.uint8)
    for c, text in enumerate(genotypes.texts):
        mine = alleles[c, : ploidy[c]].tolist()
        guess = NO_SEPARATOR if len(mine) < 2 else BAR if "|" in text else SLASH
        if mine and spell(mine, guess) == text:
            kind[c] = guess
    absent = np.array([t == NO_GT for t in genotypes.texts], np.bool_)
    return Texts(alleles, ploidy, kind, alleles[:d].max(1, initial=NO_ALLELE), absent)


@nb.njit(cache=True, nogil=True)
def _survey(texts, listed, n_alt, people, block, ploidy, bar, odd, has):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find of each row its ploidy, whether it is written with |, and what it must hold.

    `odd` int64[rows] counts texts of no usual form; `has` bool[rows, 3] tells whether a
    copy is missing, a copy absent, a separator the other one.
    """
    _, ploidies, kinds, tops, absents = texts
    default, pointer, who, what = listed
    seen = np.zeros(4, np.int64)
    r = 0
    for k in range(default.size):
        i = pointer[k]
        for first in range(0, people, block):
            last = min(first + block, people)
            rest = last - first
            seen[:] = 0
            most = 0
            least = 127
            nothing = True
            c = -1
            while True:
                # The listed people of the block one by one, then all others at once.
                times = 1
                if i < pointer[k + 1] and who[i] < last:
                    c = what[i]
                    i += 1
                    rest -= 1
                elif rest and default[k] >= 0:
                    c = default[k]
                    times = rest
                    rest = 0
                else:
                    break
                fits = tops[c] <= n_alt[k]
                p = ploidies[c] if fits else 0
                most = max(most, p)
                least = min(least, p)
                seen[kinds[c] if fits else ODD] += times
                nothing &= absents[c]
                if fits:
                    for j in range(p):
                        has[r, 0] |= texts[0][c, j] == MISSING_ALLELE
            if nothing:
                ploidy[r] = NO_PLOIDY
                odd[r] = 0
            else:
                ploidy[r] = max(most, 1)
                odd[r] = seen[ODD]
                has[r, 1] = least < ploidy[r]
                bar[r] = BAR if seen[BAR] > seen[SLASH] else SLASH
                if seen[BAR] + seen[SLASH] == 0:
                    bar[r] = NO_SEPARATOR
                has[r, 2] = min(seen[BAR], seen[SLASH]) > 0
            r += 1


@nb.njit(cache=True, nogil=True)
def _fill(bits, at, slots, ploidy, copy):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Set the bit of one copy of everybody in the plane that begins at byte `at`."""
    if at < 0:
        return
    size = (slots + 7) >> 3
    # Eight people take `ploidy` whole bytes: the pattern of these goes on to the end.
    head = min(ploidy, size)
    for s in range(8):
        q = s * ploidy + copy
        if q >> 3 < head:
            bits[at + (q >> 3)] |= np.uint8(128 >> (q & 7))
    for j in range(head, size):
        bits[at + j] |= bits[at + j - ploidy]
    if slots & 7:
        bits[at + size - 1] &= np.uint8(0xFF00 >> (slots & 7) & 0xFF)


@nb.njit(cache=True, nogil=True)
def _place(at, size, n_alt, allele):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give where the plane of an allele begins: those of ALT, then missing and absent."""
    if allele == MISSING_ALLELE:
        return at + n_alt * size
    if allele == NO_ALLELE:
        return at + (n_alt + 1) * size
    return at + (allele - 1) * size


@nb.njit(cache=True, nogil=True)
def _write_row(texts, calls, n_alt, ploidy, bar, bits, size, flips, odd, odd_code):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the planes of a row (bits, in order ALTs, missing, absent) and what is odd.

    `calls`: default text (-1: nobody has it), first column, columns, who, what.
    """
    alleles, ploidies, kinds, tops, _ = texts
    default, first, people, who, what = calls
    usual = np.full(16, NO_ALLELE, np.int16)
    default_flips = False
    default_odd = False
    if default >= 0:
        fits = tops[default] <= n_alt
        for j in range(ploidies[default] if fits else 0):
            usual[j] = alleles[default, j]
        for j in range(ploidy):
            if usual[j] != 0:
                _fill(bits, _place(0, size, n_alt, usual[j]), people * ploidy, ploidy, j)
        kind = kinds[default] if fits else ODD
        default_odd = kind == ODD
        default_flips = (kind in (SLASH, BAR)) and kind != bar
        if default_flips:
            _fill(flips, 0, people, 1, 0)
    else:
        usual[:ploidy] = 0
    w = 0
    s = 0
    for i in range(who.size):
        c = what[i]
        mine = who[i] - first
        if default_odd:
            for t in range(s, mine):
                odd[w] = t
                odd_code[w] = default
                w += 1
        s = mine + 1
        fits = tops[c] <= n_alt
        kind = kinds[c] if fits else ODD
        if kind == ODD:
            odd[w] = mine
            odd_code[w] = c
            w += 1
        p = ploidies[c] if fits else 0
        for j in range(ploidy):
            a = alleles[c, j] if j < p else NO_ALLELE
            if a == usual[j]:
                continue
            q = mine * ploidy + j
            bit = np.uint8(128 >> (q & 7))
            if usual[j] != 0:
                bits[_place(0, size, n_alt, usual[j]) + (q >> 3)] ^= bit
            if a != 0:
                bits[_place(0, size, n_alt, a) + (q >> 3)] ^= bit
        if ((kind in (SLASH, BAR)) and kind != bar) != default_flips:
            flips[mine >> 3] ^= np.uint8(128 >> (mine & 7))
    if default_odd:
        for t in range(s, people):
            odd[w] = t
            odd_code[w] = default
            w += 1


@nb.njit(cache=True, nogil=True)
def _write(texts, listed, n_alt, people, block, ploidy, bar, places):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write all rows to `places`.

    Those are int64[rows + 1] where each row begins in the bits, the separators and what is
    odd (cut, flip_cut, odd_cut), then bits, flips, odd, odd_code.
    """
    cut, flip_cut, odd_cut, bits, flips, odd, odd_code = places
    default, pointer, who, what = listed
    r = 0
    for k in range(default.size):
        i = pointer[k]
        for first in range(0, people, block):
            last = min(first + block, people)
            j = i
            while j < pointer[k + 1] and who[j] < last:
                j += 1
            if ploidy[r] != NO_PLOIDY:
                size = ((last - first) * ploidy[r] + 7) >> 3
                others = j - i < last - first
                calls = (
                    default[k] if others else np.int32(-1),
                    first,
                    last - first,
                    who[i:j],
                    what[i:j],
                )
                _write_row(
                    texts,
                    calls,
                    n_alt[k],
                    ploidy[r],
                    bar[r],
                    bits[cut[r] : cut[r + 1]],
                    size,
                    flips[flip_cut[r] : flip_cut[r + 1]],
                    odd[odd_cut[r] : odd_cut[r + 1]],
                    odd_code[odd_cut[r] : odd_cut[r + 1]],
                )
            i = j
            r += 1


def _ends(sizes: Int64) -> Int64:
    """Give where each of some things of given sizes begins, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


@nb.njit(cache=True, nogil=True)
def _collect(bits, begin, size, out, at):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy pieces of `bits` (begin, size) behind one another, to where `at` says."""
    for k in range(begin.size):
        out[at[k] : at[k] + size[k]] = bits[begin[k] : begin[k] + size[k]]


def _blobs(bits: Bytes, begin: Int64, size: Int64, given: npt.NDArray[np.bool_]) -> pa.Array:
    """Make a column of pieces of `bits`, null where not given."""
    size = np.where(given, size, 0)
    at = _ends(size)
    out = np.empty(int(at[-1]), np.uint8)
    _collect(bits, begin, size, out, at)
    valid = None if given.all() else pa.py_buffer(np.packbits(given, bitorder="little"))
    nulls = int((~given).sum())
    buffers = [valid, pa.py_buffer(at), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.large_binary(), begin.size, buffers, nulls)


def _lists(offsets: Int64, values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(offsets), values)


def plane_columns(genotypes: Genotypes, n_alt: Int64, people: int) -> pl.DataFrame:
    """Make the columns of genotypes of the table `genotypes`.

    Parameters
    ----------
    n_alt
        int64[n]: ALTs of each record.
    people
        Sample columns of the file.

    Returns
    -------
    pl.DataFrame
        A row a record and block of PEOPLE columns, in this order; none without people.
        `row` Int64 the record (0 to n - 1), then first, people, ploidy, separator, planes,
        missing, absent, flipped, odd, odd_text as `tables.schema.GENOTYPES` declares them.
    """
    blocks = len(block_starts(people))
    n = genotypes.size
    rows = n * blocks
    texts = read_texts(genotypes)
    ploidy = np.zeros(rows, np.int8)
    bar = np.zeros(rows, np.uint8)
    n_odd = np.zeros(rows, np.int64)
    has = np.zeros((rows, 3), np.bool_)
    n_alt = np.ascontiguousarray(n_alt, np.int64)
    _survey(texts, genotypes.listed, n_alt, people, PEOPLE, ploidy, bar, n_odd, has)
    first = np.tile(np.arange(blocks, dtype=np.int32) * PEOPLE, n)
    here = np.minimum(people - first, PEOPLE).astype(np.int32)
    alts = np.repeat(n_alt, blocks) * (ploidy != NO_PLOIDY)
    size = (here.astype(np.int64) * np.maximum(ploidy, 0) + 7) >> 3
    cut = _ends((alts + 2) * size)
    flip_size = (here.astype(np.int64) + 7) >> 3
    flip_cut = _ends(flip_size)
    odd_cut = _ends(n_odd)
    bits = np.zeros(int(cut[-1]), np.uint8)
    flips = np.zeros(int(flip_cut[-1]), np.uint8)
    odd = np.empty(int(odd_cut[-1]), np.int32)
    code = np.empty(odd.size, np.int32)
    places = (cut, flip_cut, odd_cut, bits, flips, odd, code)
    _write(texts, genotypes.listed, n_alt, people, PEOPLE, ploidy, bar, places)
    plane = _ends(alts)
    within = np.arange(int(plane[-1])) - np.repeat(plane[:-1], alts)
    plane_size = np.repeat(size, alts)
    begin = np.repeat(cut[:-1], alts) + within * plane_size
    planes = _blobs(bits, begin, plane_size, np.ones(begin.size, np.bool_))
    missing = _blobs(bits, cut[:-1] + alts * size, size, has[:, 0])
    absent = _blobs(bits, cut[:-1] + (alts + 1) * size, size, has[:, 1])
    separator = pl.Series([None, "/", "|"], dtype=pl.String).gather(bar)
    return pl.DataFrame(
        {
            "row": np.repeat(np.arange(n, dtype=np.int64), blocks),
            "first": first,
            "people": here,
            "ploidy": pl.Series(ploidy).replace(NO_PLOIDY, None),
            "separator": separator,
            "planes": pl.from_arrow(_lists(plane, planes)),
            "missing": pl.from_arrow(missing),
            "absent": pl.from_arrow(absent),
            "flipped": pl.from_arrow(_blobs(flips, flip_cut[:-1], flip_size, has[:, 2])),
            "odd": pl.from_arrow(_lists(odd_cut, pa.array(odd))),
            "odd_text": pl.from_arrow(
                _lists(
                    odd_cut,
                    pl.Series(genotypes.texts, dtype=pl.String)
                    .gather(code)
                    .to_arrow(compat_level=pl.CompatLevel.oldest()),
                )
            ),
        }
    )
