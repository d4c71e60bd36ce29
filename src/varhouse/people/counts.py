"""Counting what each person has, from planes, 64 copies at a time.

A plane says who has an ALT; wanted is how often each of the people has one, over many records.
So each copy has a counter, and the counters of 64 copies stand across words: word j has bit j
of each. To add a plane is to add with carry, a few operations for 64 copies, and none where
the word of a rare ALT is 0; the bits are put together once for some thousand records.

The rules are those of `varhouse.frequencies.count`: a genotype is missing unless all of its
copies are called; of two copies or more that are all one ALT it is homozygous, of any other
that has a stored ALT heterozygous, with one copy hemizygous. Half of a genotype of a male
where he has one copy is a hemizygous call. Copies of an ALT count in half-missing genotypes,
too.
"""

from collections.abc import Mapping

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.frequencies.planecount import load_word
from varhouse.genome.haploid import copies_of
from varhouse.genotypes.planekernel import NOTHING
from varhouse.genotypes.planes import NO_PLOIDY
from varhouse.people.calls import NO_KIND, OTHER, Bools, Int64, Rows, Sites

COUNTS = (
    "n_genotypes", "n_missing", "n_het", "n_hom_alt", "n_hemi", "n_ti", "n_tv",
    "n_insertion", "n_deletion", "n_singleton", "n_singleton_ti", "n_singleton_tv",
)  # fmt: skip
"""Columns of the counts, in their order."""

_GENOTYPES, _MISSING, _HET, _HOM, _HEMI, _TI = range(6)
_SINGLE = COUNTS.index("n_singleton")

_CROSSWISE = 8
"""Counts that stand across words: from `n_missing` to `n_deletion`."""

_BITS = 16
"""Bits of a counter: more than `calls.ROWS` rows are never counted at once."""

_ONE = np.uint64(1)
_LOW = np.uint64(0x5555_5555_5555_5555)
"""The bit of each person's second copy."""

Int32 = npt.NDArray[np.int32]


@nb.njit(cache=True, nogil=True)
def _add(across, w, c, v):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Add 1 to the counters of the bits of v: word w, count c."""
    j = 0
    while v != 0:
        carry = across[w, c, j] & v
        across[w, c, j] ^= v
        v = carry
        j += 1


@nb.njit(cache=True, nogil=True)
def _add_full(planes, r, kind, across, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add a row of people of two copies of whom all are called; words from w on.

    `kind` are those of the row's ALTs. Nearly all rows are so.
    """
    bits = planes.bits
    first = planes.plane[r]
    size = (2 * np.int64(planes.people[r]) + 7) >> 3
    for i in range((size + 7) >> 3):
        some = np.uint64(0)
        twice = np.uint64(0)
        for p in range(kind.size):
            v = load_word(bits, planes.at[first + p], i, size)
            if v == 0 or kind[p] == NO_KIND:
                continue
            some |= (v | (v >> _ONE)) & _LOW
            twice |= v & (v >> _ONE) & _LOW
            if kind[p] != OTHER:
                _add(across, w + i, _TI - 2 + kind[p], v)
        _add(across, w + i, _HET - 1, some & ~twice)
        _add(across, w + i, _HOM - 1, twice)


@nb.njit(cache=True, nogil=True)
def _add_two(planes, r, kind, male, is_haploid, across, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add a row of people of two copies; `male` uint64[words] has both bits of each."""
    bits = planes.bits
    first = planes.plane[r]
    size = (2 * np.int64(planes.people[r]) + 7) >> 3
    for i in range((size + 7) >> 3):
        m = load_word(bits, planes.missing[r], i, size)
        a = load_word(bits, planes.absent[r], i, size)
        none = a & (a >> _ONE) & _LOW
        fewer = (a | (a >> _ONE)) & _LOW
        half = np.uint64(0)
        if is_haploid:
            half = (m ^ (m >> _ONE)) & ~fewer & male[i] & _LOW
        unknown = (((m | (m >> _ONE)) & _LOW) | none) & ~half
        single = (fewer & ~none) | half
        some = np.uint64(0)
        twice = np.uint64(0)
        for p in range(kind.size):
            v = load_word(bits, planes.at[first + p], i, size)
            if v == 0 or kind[p] == NO_KIND:
                continue
            some |= (v | (v >> _ONE)) & _LOW & ~unknown
            twice |= v & (v >> _ONE) & _LOW
            if kind[p] != OTHER:
                _add(across, w + i, _TI - 2 + kind[p], v)
        _add(across, w + i, _MISSING - 1, unknown)
        _add(across, w + i, _HET - 1, some & ~twice & ~single)
        _add(across, w + i, _HOM - 1, twice)
        _add(across, w + i, _HEMI - 1, some & single)


@nb.njit(cache=True, nogil=True)
def _is_set(bits, at, slot):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return at != NOTHING and bits[at + (slot >> 3)] & (128 >> (slot & 7)) != 0


@nb.njit(cache=True, nogil=True)
def _add_each(planes, r, kind, male, is_haploid, ordinal, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add a row person by person, of any ploidy; `male` bool[people], by ordinal."""
    bits = planes.bits
    width = np.int64(planes.ploidy[r])
    for s in range(ordinal.size):
        who = ordinal[s]
        ploidy, called, alts = 0, 0, 0
        is_same = False
        for j in range(width):
            if _is_set(bits, planes.absent[r], s * width + j):
                continue
            ploidy += 1
            called += not _is_set(bits, planes.missing[r], s * width + j)
        for p in range(kind.size):
            if kind[p] == NO_KIND:
                continue
            copies = 0
            for j in range(width):
                copies += _is_set(bits, planes.at[planes.plane[r] + p], s * width + j)
            alts += copies
            is_same |= copies > 0 and copies == called
            if copies and kind[p] != OTHER:
                out[who, _TI - 1 + kind[p]] += copies
        ploidy = copies_of(ploidy, called, is_haploid and male[who])
        if called < ploidy or ploidy == 0:
            out[who, _MISSING] += 1
        elif alts:
            out[who, _HEMI if ploidy == 1 else _HOM if is_same else _HET] += 1


@nb.njit(cache=True, nogil=True)
def _add_singles(planes, r, kind, single, ordinal, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find who has the ALTs of which there is one copy."""
    width = np.int64(planes.ploidy[r])
    size = (width * np.int64(planes.people[r]) + 7) >> 3
    for p in range(kind.size):
        if not single[p] or kind[p] == NO_KIND:
            continue
        at = planes.at[planes.plane[r] + p]
        for i in range((size + 7) >> 3):
            if load_word(planes.bits, at, i, size) == 0:
                continue
            for j in range(64):
                q = 64 * i + j
                if q < 8 * size and _is_set(planes.bits, at, q):
                    who = ordinal[q // width]
                    out[who, _SINGLE] += 1
                    if 0 < kind[p] <= 2:
                        out[who, _SINGLE + kind[p]] += 1


@nb.njit(cache=True, nogil=True)
def _put_together(across, ordinal, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the counters of a block of people, of two copies each, to their counts."""
    for s in range(ordinal.size):
        w, q = s >> 5, 2 * (s & 31)
        # The first copy has the higher bit of the two, byte by byte.
        first = np.uint64((q & ~7) + 7 - (q & 7))
        for c in range(_CROSSWISE):
            times = np.int64(0)
            for j in range(_BITS):
                word = across[w, c, j]
                if word:
                    both = (word >> first & _ONE) + (word >> (first - _ONE) & _ONE)
                    times += np.int64(both) << j
            out[ordinal[s], 1 + c] += times


@nb.njit(cache=True, nogil=True)
def _count(planes, wanted, rows, alleles, blocks, male, males, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count rows.

    `wanted` bool[r]; `rows`: int64[r] first ALT, bool[r] whether males have one copy, int64[r]
    block; `alleles`: kind, single of each ALT; `blocks`: of each the first of its people in
    int32[..] ordinals, and its first word; `males` uint64[words].
    """
    first_alt, haploid, block = rows
    kind, single = alleles
    begin, word, ordinals = blocks
    across = np.zeros((word[-1], _CROSSWISE, _BITS), np.uint64)
    times = np.zeros(word.size - 1, np.int64)
    for r in range(planes.people.size):
        ploidy = planes.ploidy[r]
        if not wanted[r] or ploidy == NO_PLOIDY:
            continue
        b = block[r]
        times[b] += 1
        n = planes.plane[r + 1] - planes.plane[r]
        mine = kind[first_alt[r] : first_alt[r] + n]
        ones = single[first_alt[r] : first_alt[r] + n]
        who = ordinals[begin[b] : begin[b + 1]]
        if ploidy != 2:
            _add_each(planes, r, mine, male, haploid[r], who, out)
        elif planes.missing[r] == NOTHING and planes.absent[r] == NOTHING:
            _add_full(planes, r, mine, across, word[b])
        else:
            of_sex = males[word[b] : word[b + 1]]
            _add_two(planes, r, mine, of_sex, haploid[r], across, word[b])
        if ones.any():
            _add_singles(planes, r, mine, ones, who, out)
    for b in range(times.size):
        who = ordinals[begin[b] : begin[b + 1]]
        if times[b]:
            for i in range(who.size):
                out[who[i], _GENOTYPES] += times[b]
            _put_together(across[word[b] : word[b + 1]], who, out)


def count_rows(
    rows: Rows,
    sites: Sites,
    wanted: Bools,
    haploid: Bools,
    files: Mapping[int, Int32],
    male: Bools,
    out: Int64,
) -> None:
    """Add what people have in some rows to their counts.

    Parameters
    ----------
    wanted
        bool[n]: the records of `sites` that are counted.
    haploid
        bool[n]: males have one copy where the record lies.
    files
        int32[columns] of each file: the ordinal of each column.
    male
        bool[people], by ordinal.
    out
        int64[people, COUNTS], by ordinal.
    """
    planes = rows.planes
    block, begin, word, ordinals = _blocks(rows, files)
    kind, single, bits = sites.kind.view(), sites.single.view(), planes.bits.view()
    for view in (kind, single, bits):
        # Of a column or made anew: one compiled version serves both.
        view.flags.writeable = False
    _count(
        planes._replace(bits=bits),
        wanted[rows.site],
        (sites.first_alt[rows.site], haploid[rows.site], block),
        (kind, single),
        (begin, word, ordinals),
        male,
        _male_words(begin, word, male[ordinals]),
        out,
    )


def _blocks(rows: Rows, files: Mapping[int, Int32]) -> tuple[Int64, Int64, Int64, Int32]:
    """Find the blocks of people of rows.

    Returns
    -------
    (int64[r], int64[b + 1], int64[b + 1], int32[..])
        The block of each row; where the people and words of each block begin; the ordinals.
    """
    first, people = rows.planes.first.astype(np.int64), rows.planes.people.astype(np.int64)
    key = np.stack([rows.file, first, people])
    distinct, block = np.unique(key, axis=1, return_inverse=True)
    ordinals = [files[f][a : a + n] for f, a, n in distinct.T.tolist()]
    size = np.array([o.size for o in ordinals], np.int64)
    begin = np.append(0, np.cumsum(size))
    word = np.append(0, np.cumsum((size + 31) // 32))
    none = np.zeros(0, np.int32)
    return block.reshape(-1), begin, word, np.concatenate([none, *ordinals])


def _male_words(begin: Int64, word: Int64, male: Bools) -> npt.NDArray[np.uint64]:
    """Make words with both bits of each male of each block."""
    out = np.zeros((int(word[-1]), 8), np.uint8)
    for b in range(begin.size - 1):
        packed = np.packbits(np.repeat(male[begin[b] : begin[b + 1]], 2))
        out[word[b] : word[b + 1]].reshape(-1)[: packed.size] = packed
    return out.view("<u8").reshape(-1)
