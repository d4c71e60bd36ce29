"""Who was called at a site, over all records that stand there.

An allele that a person's file does not hold takes the person's called alleles from the
other records of the site. A site may have several (an SNV and an indel on lines of their
own, a site that was split): each person counts once, with the record that says most of
him: a fully called genotype before any other, then the one with more called alleles.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genome.haploid import copies_of

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Calls:
    """Genotypes of n records, as lists.

    Attributes
    ----------
    ploidy, called
        int32[texts]: alleles of each genotype text, and how many of them are called.
    default
        int32[n]: text of everybody of the record's file who is not listed.
    begin, end
        int64[n]: people listed for record k are `who[begin[k]:end[k]]`.
    who, what
        int32[m]: ordinal of a person in the cohort, and his text.
    haploid
        bool[n]: males have one copy at the site.
    """

    ploidy: Int32
    called: Int32
    default: Int32
    begin: Int64
    end: Int64
    who: Int32
    what: Int32
    haploid: Bools


@nb.njit(cache=True, nogil=True)
def _rank(ploidy, called, hemi):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give twice the called alleles, and 1000 more for a fully called genotype.

    One more for a fully called genotype that is not diploid: of other than two alleles, or
    of a male where he has one copy.
    """
    if ploidy == 0 or called != copies_of(ploidy, called, hemi):
        return called * 2
    return called * 2 + 1000 + (1 if called != 2 or hemi else 0)


@nb.njit(cache=True, nogil=True)
def _count_called(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    row,
    entry,
    first,
    group,
    member_first,
    members,
    ploidy,
    called,
    default,
    begin,
    end,
    who,
    what,
    haploid,
    cell,
    male,
    n_rows,
    n_cells,
):
    an = np.zeros((n_rows, n_cells), np.int32)
    missing = np.zeros((n_rows, n_cells), np.int32)
    people = np.zeros((n_rows, n_cells), np.int32)
    odd = np.zeros((n_rows, n_cells), np.int32)
    best = np.zeros(cell.size, np.int32)
    mine = np.zeros(cell.size, np.int32)
    for j in range(row.size):
        e = entry[j]
        a, b = member_first[group[e]], member_first[group[e] + 1]
        for i in range(a, b):
            best[members[i]] = 0
        for r in range(first[e], first[e + 1]):
            for i in range(a, b):
                mine[members[i]] = default[r]
            for i in range(begin[r], end[r]):
                mine[who[i]] = what[i]
            for i in range(a, b):
                s = members[i]
                c = mine[s]
                said = _rank(ploidy[c], called[c], haploid[r] and male[cell[s]])
                best[s] = max(best[s], said)
        for i in range(a, b):
            s = members[i]
            q = cell[s]
            an[row[j], q] += best[s] % 1000 // 2
            missing[row[j], q] += best[s] < 1000
            odd[row[j], q] += best[s] % 2
            people[row[j], q] += 1
    return an, missing, people, odd


def count_called(
    row: Int64,
    entry: Int64,
    first: Int64,
    group: Int64,
    member_first: Int64,
    members: Int32,
    calls: Calls,
    cell: Int32,
    male: Bools,
    n_rows: int,
) -> tuple[Int32, Int32, Int32, Int32]:
    """Count called alleles, people not fully called, people, and those not diploid.

    int32[n_rows, cells] each.

    Parameters
    ----------
    row, entry
        int64[pairs]: to row `row[j]` counts what entry `entry[j]` says.
    first, group
        An entry is a site of a group of people: its records are `first[e]` to
        `first[e + 1]` of `calls`, its group `group[e]`.
    member_first, members
        int64[groups + 1] and int32[people]: ordinals of the people of each group.
    cell, male
        int32[people] by ordinal and bool[cells] (see `varhouse.frequencies.strata`).
    """
    out: tuple[Int32, Int32, Int32, Int32] = _count_called(
        row,
        entry,
        first,
        group,
        member_first,
        members,
        calls.ploidy,
        calls.called,
        calls.default,
        calls.begin,
        calls.end,
        calls.who,
        calls.what,
        calls.haploid,
        cell,
        male,
        n_rows,
        male.size,
    )
    return out
