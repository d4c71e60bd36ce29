"""Counting: alleles, carriers and missing people per cell, from genotypes as lists.

A record is a default genotype and a list of the people who have another (see
`varhouse.genotypes.calls`); the default is counted once for all who have it.

Counting rules, all on the original genotype (never on a split one):

- ac and an count called alleles; a half-missing genotype gives its called allele.
- n_missing counts people whose genotype is not fully called.
- With all alleles called: one allele only, which is alt: n_hemi; two or more, all alt:
  n_hom_alt; alt and another one: n_het (so 1/2 is one heterozygote for each ALT).
- A half-missing diploid genotype of a male outside the pseudo-autosomal regions of X
  and Y is a hemizygous call: one allele, nothing missing.
- Fully called genotypes that say nothing of Hardy-Weinberg proportions are counted apart
  (n_not_diploid, and how many of n_het and n_hom_alt are such): those of other than two
  alleles, and any of a male where he has one copy.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.frequencies.strata import Strata
from varhouse.genome.haploid import copies_of
from varhouse.genotypes.calls import Bools, Genotypes, Int32, Int64
from varhouse.tables.statistics import PERSON_COUNTS

GT_OK, GT_INVALID, GT_ALLELE = range(3)
SAMPLE_COUNTS = tuple(c.name for c in PERSON_COUNTS)
"""Columns of the counts per person."""

KIND_OTHER, KIND_TRANSITION, KIND_TRANSVERSION, KIND_INDEL, KIND_TWICE = range(5)
"""What an allele is for the counts per person; TWICE: it stands before, and counts there."""

_TALLIES = 4_096
"""Cells x genotypes up to which a record's genotypes are tallied before they are counted."""


@nb.njit(cache=True, nogil=True)
def _check(alleles, valid, listed, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    default, pointer, _, what = listed
    n = default.size
    state = np.zeros(n, np.int8)
    culprit = np.full(n, -1, np.int32)
    top = np.full(alleles.shape[0], -1, np.int64)
    for c in range(alleles.shape[0]):
        for j in range(alleles.shape[1]):
            top[c] = max(top[c], alleles[c, j])
    for k in range(n):
        for i in range(pointer[k] - 1, pointer[k + 1]):
            c = default[k] if i < pointer[k] else what[i]
            if c < 0:
                continue
            if not valid[c]:
                state[k] = GT_INVALID
                culprit[k] = c
                break
            if top[c] > n_alt[k]:
                state[k] = GT_ALLELE
                culprit[k] = c
                break
    return state, culprit


@nb.njit(cache=True, nogil=True)
def _add(alleles, code, times, hemi, rows, n_rows, q, by_allele, by_record):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count one genotype of `times` people of cell q for a record's alleles."""
    ac, het, hom, hem, het_odd, hom_odd = by_allele
    an, miss, odd = by_record
    ploidy = 0
    called = 0
    for j in range(alleles.shape[1]):
        a = alleles[code, j]
        if a > -2:
            ploidy += 1
        if a > -1:
            called += 1
    ploidy = copies_of(ploidy, called, hemi)
    missing = called < ploidy or ploidy == 0
    is_odd = ploidy != 2 or hemi
    an[q] += called * times
    if missing:
        miss[q] += times
    elif is_odd:
        odd[q] += times
    if called == 0:
        return
    for r in range(n_rows):
        copies = 0
        for j in range(alleles.shape[1]):
            if alleles[code, j] == r + 1:
                copies += 1
        if copies == 0:
            continue
        ac[rows + r, q] += copies * times
        if missing:
            continue
        if ploidy == 1:
            hem[rows + r, q] += times
        elif copies == ploidy:
            hom[rows + r, q] += times
            hom_odd[rows + r, q] += times * is_odd
        else:
            het[rows + r, q] += times
            het_odd[rows + r, q] += times * is_odd


@nb.njit(cache=True, nogil=True)
def no_counts(n_rows, n, n_cells):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Make the arrays of `Counts` in its order, all 0: six of alleles, three of records."""
    return (
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n, n_cells), np.int32),
        np.zeros((n, n_cells), np.int32),
        np.zeros((n, n_cells), np.int32),
    )


@nb.njit(cache=True, nogil=True)
def _tally_pays(tally, listed):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether a record lists so many people that its table of tallies is soon read."""
    return tally.size > 0 and listed > 2 * tally.size


@nb.njit(cache=True, nogil=True)
def _count(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    alleles, calls, first_row, haploid, cell, size, male
):
    default, pointer, who, what = calls
    n = default.size
    n_rows = first_row[n]
    n_cells = size.size
    out = no_counts(n_rows, n, n_cells)
    by_allele, (an, miss, odd) = out[:6], out[6:]
    listed = np.zeros(n_cells, np.int64)
    n_codes = alleles.shape[0] if n_cells * alleles.shape[0] <= _TALLIES else 0
    tally = np.zeros((n_cells, n_codes), np.int64)
    for k in range(n):
        rows = first_row[k]
        n_alt = first_row[k + 1] - rows
        by_record = (an[k], miss[k], odd[k])
        listed[:] = 0
        if _tally_pays(tally, pointer[k + 1] - pointer[k]):
            # Many people of few genotypes: what a genotype adds is worked out once a cell.
            for i in range(pointer[k], pointer[k + 1]):
                tally[cell[who[i]], what[i]] += 1
            for q in range(n_cells):
                for c in range(n_codes):
                    times = tally[q, c]
                    if times:
                        tally[q, c] = 0
                        listed[q] += times
                        _add(
                            alleles,
                            c,
                            times,
                            haploid[k] and male[q],
                            rows,
                            n_alt,
                            q,
                            by_allele,
                            by_record,
                        )
        else:
            for i in range(pointer[k], pointer[k + 1]):
                q = cell[who[i]]
                listed[q] += 1
                _add(
                    alleles,
                    what[i],
                    1,
                    haploid[k] and male[q],
                    rows,
                    n_alt,
                    q,
                    by_allele,
                    by_record,
                )
        if default[k] < 0:
            continue
        for q in range(n_cells):
            if size[q] > listed[q]:
                _add(
                    alleles,
                    default[k],
                    size[q] - listed[q],
                    haploid[k] and male[q],
                    rows,
                    n_alt,
                    q,
                    by_allele,
                    by_record,
                )
    return out


@nb.njit(cache=True, nogil=True)
def _profile(alleles, code, hemi, rows, n_rows, kind, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Work out what one genotype adds to a person's counts (order of SAMPLE_COUNTS)."""
    out[:] = 0
    ploidy = 0
    called = 0
    alts = 0
    same = True
    last = -9
    for j in range(alleles.shape[1]):
        a = alleles[code, j]
        if a > -2:
            ploidy += 1
        if a > -1:
            called += 1
            if last != -9 and a != last:
                same = False
            last = a
        if a > 0 and a <= n_rows:
            t = kind[rows + a - 1]
            if t == KIND_TWICE:
                continue
            alts += 1
            if t == KIND_TRANSITION:
                out[4] += 1
                out[6] += 1
            elif t == KIND_TRANSVERSION:
                out[4] += 1
                out[7] += 1
            elif t == KIND_INDEL:
                out[5] += 1
    ploidy = copies_of(ploidy, called, hemi)
    missing = called < ploidy or ploidy == 0
    if missing:
        out[0] = 1
    elif alts:
        if ploidy == 1:
            out[3] = 1
        elif same:
            out[2] = 1
        else:
            out[1] = 1


@nb.njit(cache=True, nogil=True)
def _count_people(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    alleles, calls, first_row, haploid, male, kind
):
    default, pointer, who, what = calls
    people = np.zeros((male.size, 8), np.int64)
    everybody = np.zeros((2, 8), np.int64)
    one = np.zeros(8, np.int64)
    base = np.zeros((2, 8), np.int64)
    # What each genotype adds for men and others, worked out once a record.
    adds = np.zeros((2, alleles.shape[0], 8), np.int64)
    known = np.full((2, alleles.shape[0]), -1, np.int64)
    for k in range(default.size):
        rows = first_row[k]
        n_alt = first_row[k + 1] - rows
        for m in range(2):
            base[m] = 0
            if default[k] >= 0:
                _profile(alleles, default[k], haploid[k] and m == 1, rows, n_alt, kind, one)
                base[m] = one
            everybody[m] += base[m]
        for i in range(pointer[k], pointer[k + 1]):
            s = who[i]
            m = 1 if male[s] else 0
            c = what[i]
            if known[m, c] != k:
                _profile(alleles, c, haploid[k] and m == 1, rows, n_alt, kind, one)
                adds[m, c] = one - base[m]
                known[m, c] = k
            for j in range(8):
                people[s, j] += adds[m, c, j]
    for s in range(male.size):
        people[s] += everybody[1 if male[s] else 0]
    return people


@dataclass
class Counts:
    """Counts of n records with r alleles in q cells, named as in `tables.statistics`.

    `an`, `n_missing`, `n_not_diploid`: int32[n, q]; the others: int32[r, q].
    """

    ac: Int32
    n_het: Int32
    n_hom_alt: Int32
    n_hemi: Int32
    n_het_not_diploid: Int32
    n_hom_alt_not_diploid: Int32
    an: Int32
    n_missing: Int32
    n_not_diploid: Int32


def check_genotypes(genotypes: Genotypes, n_alt: Int64) -> tuple[npt.NDArray[np.int8], Int32]:
    """Find records with a GT that is no genotype or names an ALT that is not there.

    Returns
    -------
    tuple
        int8[n] GT_OK, GT_INVALID or GT_ALLELE, and int32[n] the text at fault (-1 none).
    """
    out: tuple[npt.NDArray[np.int8], Int32] = _check(
        genotypes.alleles, genotypes.valid, genotypes.listed, n_alt
    )
    return out


def count_genotypes(
    genotypes: Genotypes, first_row: Int64, haploid: Bools, strata: Strata
) -> Counts:
    """Count a batch of records per cell of the strata.

    Parameters
    ----------
    first_row
        int64[n + 1]: allele rows of record k are first_row[k] to first_row[k + 1].
    haploid
        bool[n]: the record lies on X or Y outside the pseudo-autosomal regions.
    """
    counts = _count(
        genotypes.alleles,
        genotypes.listed,
        first_row,
        haploid,
        strata.cell,
        strata.size,
        strata.male,
    )
    return Counts(*counts)


def count_people(
    genotypes: Genotypes,
    first_row: Int64,
    haploid: Bools,
    male: Bools,
    kind: npt.NDArray[np.int8],
) -> Int64:
    """Count a batch of records per person: int64[people, 8] (SAMPLE_COUNTS).

    Parameters
    ----------
    first_row, haploid
        As in `count_genotypes`.
    male
        bool[people].
    kind
        int8[allele rows]: KIND_...
    """
    # Of a column or made anew: one compiled version serves both.
    fixed = kind.view()
    fixed.flags.writeable = False
    out: Int64 = _count_people(
        genotypes.alleles, genotypes.listed, first_row, haploid, male, fixed
    )
    return out
