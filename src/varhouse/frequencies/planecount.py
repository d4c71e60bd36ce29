"""Counting the calls of groups of people from planes, 64 copies at a time.

The rules are those of `varhouse.frequencies.count`. Where people have two copies, which is
nearly everywhere, the two bits of a person stand beside each other in one word, so a group is
a mask and each count is a number of set bits; zero words of a rare ALT cost nothing but to be
looked at. Rows of another ploidy are counted person by person.
"""

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import StoreError
from varhouse.frequencies.count import Counts, no_counts
from varhouse.genome.haploid import copies_of
from varhouse.genotypes.calls import Bools
from varhouse.genotypes.planekernel import NOTHING
from varhouse.genotypes.planerows import PlaneRows
from varhouse.genotypes.planes import NO_PLOIDY
from varhouse.tables.loads import load8, ones

Words = npt.NDArray[np.uint64]

_LOW = np.uint64(0x5555_5555_5555_5555)
"""The bit of each person's second copy."""

_ONE = np.uint64(1)


@nb.njit(cache=True, nogil=True)
def load_word(bits, at, i, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Load word i of the `size` bytes from `at` on; what is behind them is 0."""
    if at == NOTHING:
        return np.uint64(0)
    first = 8 * i
    if first + 8 <= size:
        return load8(bits, at + first)
    out = np.uint64(0)
    for j in range(size - first):
        out |= np.uint64(bits[at + first + j]) << np.uint64(8 * j)
    return out


@nb.njit(cache=True, nogil=True)
def _count_full(planes, r, mask, chosen, row, k, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count a row of people of two copies of whom all are called, males as others.

    Nearly all rows are so. Masks are uint64[groups, words]; `chosen` int64[groups] people.
    """
    ac, het, hom = out[0], out[1], out[2]
    bits = planes.bits
    size = (2 * np.int64(planes.people[r]) + 7) >> 3
    whole = size >> 3
    for g in range(mask.shape[0]):
        out[6][k, g] += 2 * chosen[g]
        mine = mask[g]
        for p in range(planes.plane[r + 1] - planes.plane[r]):
            at = planes.at[planes.plane[r] + p]
            copies = 0
            both = 0
            for i in range(mine.size):
                v = load8(bits, at + 8 * i) if i < whole else load_word(bits, at, i, size)
                if v != 0:
                    v &= mine[i]
                    copies += ones(v)
                    both += ones(v & (v >> _ONE) & _LOW)
            ac[row + p, g] += copies
            hom[row + p, g] += both
            het[row + p, g] += copies - 2 * both


@nb.njit(cache=True, nogil=True)
def _count_two(planes, r, mask, male, haploid, row, k, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count a row of people of two copies; masks are uint64[groups, words], uint64[words]."""
    ac, het, hom, hem, het_odd, hom_odd, an, miss, odd = out
    bits, n_alt = planes.bits, planes.plane[r + 1] - planes.plane[r]
    size = (2 * np.int64(planes.people[r]) + 7) >> 3
    for i in range(mask.shape[1]):
        m = load_word(bits, planes.missing[r], i, size)
        a = load_word(bits, planes.absent[r], i, size)
        some = (m | (m >> _ONE)) & _LOW
        none = a & (a >> _ONE) & _LOW
        fewer = (a | (a >> _ONE)) & _LOW
        half = np.uint64(0)
        of_males = np.uint64(0)
        if haploid:
            # Half of a male's genotype called where he has one copy: see `copies_of`.
            of_males = male[i] & _LOW
            half = (m ^ (m >> _ONE)) & ~fewer & of_males
        unknown = (some | none) & ~half
        single = (fewer & ~none) | half
        for g in range(mask.shape[0]):
            an[k, g] += ones(mask[g, i]) - ones((m | a) & mask[g, i])
            miss[k, g] += ones(unknown & mask[g, i])
            odd[k, g] += ones((single | of_males) & ~unknown & mask[g, i])
        for p in range(n_alt):
            v = load_word(bits, planes.at[planes.plane[r] + p], i, size)
            if v == 0:
                continue
            twice = v & (v >> _ONE) & _LOW
            called = (v | (v >> _ONE)) & _LOW & ~unknown
            for g in range(mask.shape[0]):
                ac[row + p, g] += ones(v & mask[g, i])
                mine = called & mask[g, i]
                hem[row + p, g] += ones(mine & single)
                hom[row + p, g] += ones(mine & twice)
                hom_odd[row + p, g] += ones(mine & twice & of_males)
                mixed = mine & ~single & ~twice
                het[row + p, g] += ones(mixed)
                het_odd[row + p, g] += ones(mixed & of_males)


@nb.njit(cache=True, nogil=True)
def _is_set(bits, at, slot):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return at != NOTHING and bits[at + (slot >> 3)] & (128 >> (slot & 7)) != 0


@nb.njit(cache=True, nogil=True)
def _count_each(planes, r, members, male, haploid, row, k, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count a row person by person; bool[groups, columns], bool[columns]."""
    ac, het, hom, hem, het_odd, hom_odd, an, miss, odd = out
    bits, n_alt = planes.bits, planes.plane[r + 1] - planes.plane[r]
    width, first = np.int64(planes.ploidy[r]), np.int64(planes.first[r])
    for s in range(planes.people[r]):
        ploidy, called = 0, 0
        for j in range(width):
            if _is_set(bits, planes.absent[r], s * width + j):
                continue
            ploidy += 1
            if not _is_set(bits, planes.missing[r], s * width + j):
                called += 1
        hemi = haploid and male[first + s]
        ploidy = copies_of(ploidy, called, hemi)
        full = called == ploidy and ploidy > 0
        is_odd = ploidy != 2 or hemi
        for g in range(members.shape[0]):
            if members[g, first + s]:
                an[k, g] += called
                miss[k, g] += not full
                odd[k, g] += full and is_odd
        for p in range(n_alt):
            copies = 0
            for j in range(width):
                copies += _is_set(bits, planes.at[planes.plane[r] + p], s * width + j)
            if copies == 0:
                continue
            for g in range(members.shape[0]):
                if members[g, first + s]:
                    ac[row + p, g] += copies
                    if full:
                        hem[row + p, g] += ploidy == 1
                        hom[row + p, g] += ploidy > 1 and copies == ploidy
                        hom_odd[row + p, g] += ploidy > 1 and copies == ploidy and is_odd
                        het[row + p, g] += copies < ploidy
                        het_odd[row + p, g] += copies < ploidy and is_odd


@nb.njit(cache=True, nogil=True)
def _count(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    planes, record, first_row, block, words, masks, chosen, males, members, male, haploid
):
    n, n_alts, groups = record.size - 1, first_row[-1], members.shape[0]
    out = no_counts(n_alts, n, groups)
    for k in range(n):
        for r in range(record[k], record[k + 1]):
            first, people = planes.first[r], planes.people[r]
            if planes.ploidy[r] == NO_PLOIDY:
                for g in range(groups):
                    out[7][k, g] += members[g, first : first + people].sum()
            elif (
                planes.ploidy[r] == 2
                and not haploid[k]
                and planes.missing[r] == NOTHING
                and planes.absent[r] == NOTHING
            ):
                b = block[r]
                mask = masks[:, b, : words[b]]
                _count_full(planes, r, mask, chosen[:, b], first_row[k], k, out)
            elif planes.ploidy[r] == 2:
                b = block[r]
                mask, of_sex = masks[:, b, : words[b]], males[b, : words[b]]
                _count_two(planes, r, mask, of_sex, haploid[k], first_row[k], k, out)
            else:
                _count_each(planes, r, members, male, haploid[k], first_row[k], k, out)
    return out


def _masks(blocks: list[tuple[int, int]], chosen: Bools) -> Words:
    """Make words with both bits of each chosen person: uint64[blocks, words].

    Parameters
    ----------
    blocks
        First column and people of each block.
    chosen
        bool[columns].
    """
    width = max((people for _, people in blocks), default=0)
    out = np.zeros((len(blocks), 8 * ((width + 31) // 32)), np.uint8)
    for line, (first, people) in zip(out, blocks, strict=True):
        packed = np.packbits(np.repeat(chosen[first : first + people], 2))
        line[: packed.size] = packed
    return out.view("<u8")


def count_planes(rows: PlaneRows, members: Bools, male: Bools, haploid: Bools) -> Counts:
    """Count the calls of groups of people.

    Parameters
    ----------
    rows
        n records of one file, with all or some blocks of its people.
    members
        bool[groups, columns]: who of the file's sample columns is in which group.
    male
        bool[columns].
    haploid
        bool[n]: males have one copy where the record lies.

    Returns
    -------
    Counts
        int32[ALTs (see `PlaneRows.first_row`), groups], and of records int32[n, groups].
        Where a record has no GT all are missing, and it has no ALT here.

    Raises
    ------
    StoreError
        If the blocks of a record do not have the same ALTs.
    """
    planes = rows.planes
    n_alt = np.repeat(np.diff(rows.first_row), np.diff(rows.record))
    if ((np.diff(planes.plane) != n_alt) & (planes.ploidy != NO_PLOIDY)).any():
        raise StoreError(
            "table genotypes: the rows of a record have not the same number of planes",
            "run `varhouse store verify`",
        )
    shapes = (planes.first.astype(np.int64) << 32) | planes.people
    distinct, block = np.unique(shapes, return_inverse=True)
    blocks = [(int(shape) >> 32, int(shape) & 0xFFFF_FFFF) for shape in distinct]
    words = np.array([(people + 31) // 32 for _, people in blocks], np.int64)
    masks = np.stack([_masks(blocks, mine) for mine in members])
    chosen = np.array(
        [[mine[first : first + people].sum() for first, people in blocks] for mine in members],
        np.int64,
    ).reshape(len(members), len(blocks))
    counts = _count(
        planes,
        rows.record,
        rows.first_row,
        block,
        words,
        masks,
        chosen,
        _masks(blocks, male),
        members,
        male,
        haploid,
    )
    return Counts(*counts)
