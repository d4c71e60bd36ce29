"""Counting genotypes of high quality (adj): those whose GQ, DP and AD are good enough.

The rule is gnomAD's (`get_adj_expr`, then the ploidy of the sex), for genotypes that are
fully called:

- GQ and DP reach their thresholds; DP of a haploid genotype its own, lower one.
- Of a heterozygote every ALT has its share of the reads: AD of the ALT over DP. DP counts,
  not the sum of AD, as in gnomAD.
- What is missing, no number, or not one value (of AD: one of each allele, so that it is known
  whose they are) does not reach a threshold.
- Where males have one copy, a male's heterozygote is missing, and his homozygote is one
  copy; a woman is not asked for on Y. Half a count is never given.

A record whose FORMAT lacks a field that is asked for says nothing: nobody is counted.
"""

from collections.abc import Sequence

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.frequencies.strata import Strata
from varhouse.genome.haploid import copies_of
from varhouse.genotypes.calls import Bools, Genotypes, Int32, Int64
from varhouse.genotypes.fieldnumbers import value_of
from varhouse.genotypes.fields import INT_MISSING, Field, FieldTape
from varhouse.tables.statistics import ADJ_FIELDS, Adjust

_GQ, _DP, _AD = range(3)
_OF_ALLELES = ("ac_adj", "n_het_adj", "n_hom_alt_adj", "n_hemi_adj")
_OF_RECORDS = ("an_adj", "n_missing_adj", "n_samples_adj")


@nb.njit(cache=True, nogil=True)
def _grade(values, cut, first, stride, places, limits, grades):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Grade each person of a record whose GQ and DP are plain numbers (see `_grade_odd`)."""
    gq_place, dp_place = places
    least_gq, least_dp, least_haploid, _ = limits
    for s in range(grades.size):
        grade = 3
        if least_gq > 0.0:
            a = cut[first + gq_place]
            if cut[first + gq_place + 1] != a + 1 or not values[a] >= least_gq:
                grade = 0
        if dp_place >= 0:
            a = cut[first + dp_place]
            dp = values[a] if cut[first + dp_place + 1] == a + 1 else INT_MISSING
            if least_dp > 0.0 and not dp >= least_dp:
                grade &= 2
            if least_haploid > 0.0 and not dp >= least_haploid:
                grade &= 1
        grades[s] = grade
        first += stride


@nb.njit(cache=True, nogil=True)
def _grade_odd(tape, first, stride, where, limits, grades):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Grade each person of a record by GQ and DP: 1 if good enough, 2 if for a haploid."""
    text, values, cut, _, _, odd = tape
    least_gq, least_dp, least_haploid, _ = limits
    for s in range(grades.size):
        grade = 3
        if least_gq > 0.0:
            gq = value_of(text, values, cut, odd, first + where[_GQ, 0], where[_GQ, 1], 0, 1)
            if not gq >= least_gq:
                grade = 0
        if least_dp > 0.0 or least_haploid > 0.0:
            dp = value_of(text, values, cut, odd, first + where[_DP, 0], where[_DP, 1], 0, 1)
            if least_dp > 0.0 and not dp >= least_dp:
                grade &= 2
            if least_haploid > 0.0 and not dp >= least_haploid:
                grade &= 1
        grades[s] = grade
        first += stride


@nb.njit(cache=True, nogil=True)
def _is_balanced(alleles, code, n_alt, tape, first, where, least):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether each ALT of a heterozygote has its reads; its fields begin at `first`."""
    text, values, cut, _, _, odd = tape
    dp = value_of(text, values, cut, odd, first + where[_DP, 0], where[_DP, 1], 0, 1)
    if not dp > 0.0:
        return False
    for j in range(alleles.shape[1]):
        a = alleles[code, j]
        if a > 0:
            place = first + where[_AD, 0]
            reads = value_of(text, values, cut, odd, place, where[_AD, 1], a, n_alt + 1)
            if not reads / dp >= least:
                return False
    return True


@nb.njit(cache=True, nogil=True)
def _add_good(alleles, code, times, one, is_het, rows, n_rows, q, by_allele):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count one genotype for the alleles of its record; `one`: it is one copy."""
    ac, het, hom, hem = by_allele
    for r in range(n_rows):
        copies = 0
        for j in range(alleles.shape[1]):
            if alleles[code, j] == r + 1:
                copies += 1
        if copies == 0:
            continue
        ac[rows + r, q] += (1 if one else copies) * times
        if one:
            hem[rows + r, q] += times
        elif is_het:
            het[rows + r, q] += times
        else:
            hom[rows + r, q] += times


@nb.njit(cache=True, nogil=True)
def _count_good(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    alleles, about, calls, first_row, haploid, on_y, cell, male, female, tape, where, limits
):
    default, pointer, who, what = calls
    _, values, cut, begin, layout, odd = tape
    n, n_rows, n_cells = default.size, first_row[default.size], male.size
    by_allele = (
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
    )
    an = np.zeros((n, n_cells), np.int32)
    good = np.zeros((n, n_cells), np.int32)
    people = np.zeros((n, n_cells), np.int32)
    grades = np.zeros(cell.size, np.int64)
    # Of each cell: people with the usual genotype, by grade.
    usual = np.zeros((n_cells, 4), np.int64)
    at_odd = 0
    for k in range(n):
        fields = where[layout[k]]
        stride = fields[0, 2]
        c = default[k]
        if c < 0 or stride < 0:
            continue
        rows, n_alt, first = first_row[k], first_row[k + 1] - first_row[k], begin[k]
        by_depth = limits[1] > 0.0 or limits[2] > 0.0
        while at_odd < odd.shape[0] and odd[at_odd, 0] < first:
            at_odd += 1
        is_odd = at_odd < odd.shape[0] and odd[at_odd, 0] < begin[k + 1]
        if not is_odd and fields[_GQ, 1] and fields[_DP, 1]:
            places = (fields[_GQ, 0], fields[_DP, 0] if by_depth else -1)
            _grade(values, cut, first, stride, places, limits, grades)
        else:
            _grade_odd(tape, first, stride, fields, limits, grades)
        usual[:] = 0
        for s in range(cell.size):
            usual[cell[s], grades[s]] += 1
        for q in range(n_cells):
            if on_y[k] and female[q]:
                usual[q] = 0
                continue
            people[k, q] = usual[q, 0] + usual[q, 1] + usual[q, 2] + usual[q, 3]
        # Those who are looked at one by one: with another genotype, or a heterozygote.
        alone = about[c, 2] == 1
        i, end = pointer[k], pointer[k + 1]
        for m in range(cell.size if alone else end - i):
            s = m if alone else who[i]
            c = default[k]
            if i < end and who[i] == s:
                c = what[i]
                i += 1
            q = cell[s]
            if on_y[k] and female[q]:
                continue
            usual[q, grades[s]] -= 1
            hemi = haploid[k] and male[q]
            copies = copies_of(about[c, 0], about[c, 1], hemi)
            is_het = about[c, 2] == 1
            bit = 2 if copies == 1 else 1
            if (
                copies == 0
                or about[c, 1] != copies
                or not grades[s] & bit
                or (hemi and is_het)
            ):
                continue
            if is_het and limits[3] > 0.0:
                place = first + np.int64(s) * stride
                if not _is_balanced(alleles, c, n_alt, tape, place, fields, limits[3]):
                    continue
            one = copies == 1 or hemi
            an[k, q] += 1 if one else copies
            good[k, q] += 1
            _add_good(alleles, c, 1, one, is_het, rows, n_alt, q, by_allele)
        c = default[k]
        for q in range(0 if alone else n_cells):
            hemi = haploid[k] and male[q]
            copies = copies_of(about[c, 0], about[c, 1], hemi)
            if about[c, 1] != copies or copies == 0:
                continue
            one = copies == 1 or hemi
            times = usual[q, 3] + usual[q, 2 if copies == 1 else 1]
            an[k, q] += times * (1 if one else copies)
            good[k, q] += times
            _add_good(alleles, c, times, one, False, rows, n_alt, q, by_allele)
    return by_allele, (an, people - good, people)


def _places(layouts: Sequence[Sequence[Field]], adjust: Adjust) -> npt.NDArray[np.int32]:
    """Say where GQ, DP and AD stand in each layout: int32[layouts, 3, 3].

    Of each field its place, whether it is a number, and the fields of the layout; the
    latter is -1 for a layout that lacks one that is asked for.
    """
    needed = adjust.fields_asked
    out = np.zeros((max(len(layouts), 1), 3, 3), np.int32)
    for row, fields in zip(out, layouts, strict=False):
        names = [f.name for f in fields]
        known = needed <= set(names)
        for j, name in enumerate(ADJ_FIELDS):
            # What is not there is not asked for, and is as good as a number.
            place = names.index(name) if name in names else -1
            row[j] = (place, fields[place].is_number if place >= 0 else True, 0)
        row[:, 2] = len(fields) if known else -1
    return out


def count_adj(
    genotypes: Genotypes,
    fields: FieldTape,
    first_row: Int64,
    haploid: Bools,
    on_y: Bools,
    strata: Strata,
    adjust: Adjust,
) -> dict[str, Int32] | None:
    """Count the genotypes of high quality of a batch of records, per cell of the strata.

    Parameters
    ----------
    fields
        Of the same records and people.
    first_row, haploid
        As in `varhouse.frequencies.count.count_genotypes`.
    on_y
        bool[n]: of those records in `haploid`, the record lies on Y.
    adjust
        The thresholds; a field whose thresholds are 0 is not asked for.

    Returns
    -------
    dict or None
        int32[rows, cells] or, of counts of records, int32[n, cells], named as in
        `tables.statistics`; None if no record has the fields that are asked for.
    """
    where = _places(fields.layouts, adjust)
    if not genotypes.size or (where[fields.layout, 0, 2] < 0).all():
        return None
    limits = (float(adjust.gq), float(adjust.dp), float(adjust.dp_haploid), float(adjust.ab))
    by_allele, by_record = _count_good(
        genotypes.alleles,
        genotypes.described,
        genotypes.listed,
        first_row,
        haploid,
        on_y,
        strata.cell,
        strata.male,
        strata.female,
        fields.arrays,
        where,
        limits,
    )
    return dict(zip((*_OF_ALLELES, *_OF_RECORDS), (*by_allele, *by_record), strict=True))


@nb.njit(cache=True, nogil=True)
def _count_passing(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    alleles, about, calls, passes, known, first_row, haploid, on_y, cell, male, female
):
    default, pointer, who, what = calls
    n, n_rows, n_cells = default.size, first_row[default.size], male.size
    by_allele = (
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
        np.zeros((n_rows, n_cells), np.int32),
    )
    an = np.zeros((n, n_cells), np.int32)
    missing = np.zeros((n, n_cells), np.int32)
    people = np.zeros((n, n_cells), np.int32)
    for k in range(n):
        rows = first_row[k]
        i, end = pointer[k], pointer[k + 1]
        for s in range(cell.size):
            c = default[k]
            if i < end and who[i] == s:
                c = what[i]
                i += 1
            q = cell[s]
            if not known[k, s] or (on_y[k] and female[q]):
                continue
            people[k, q] += 1
            if not passes[k, s]:
                missing[k, q] += 1
                continue
            hemi = haploid[k] and male[q]
            one = hemi or about[c, 0] == 1
            an[k, q] += 1 if one else about[c, 1]
            n_alt = first_row[k + 1] - rows
            _add_good(alleles, c, 1, one, about[c, 2] == 1, rows, n_alt, q, by_allele)
    return by_allele, (an, missing, people)


def count_passing(
    genotypes: Genotypes,
    passes: Bools,
    known: Bools,
    first_row: Int64,
    haploid: Bools,
    on_y: Bools,
    strata: Strata,
) -> dict[str, Int32] | None:
    """Count genotypes of which it is known already whether they are of high quality.

    Parameters
    ----------
    passes, known
        bool[n, people]: a person's genotype is of high quality, and fully called; whether it
        is can be known.
    first_row, haploid, on_y
        As in `count_adj`.

    Returns
    -------
    dict or None
        As of `count_adj`; None if nothing is known of anybody.
    """
    if not known.any():
        return None
    by_allele, by_record = _count_passing(
        genotypes.alleles,
        genotypes.described,
        genotypes.listed,
        passes,
        known,
        first_row,
        haploid,
        on_y,
        strata.cell,
        strata.male,
        strata.female,
    )
    return dict(zip((*_OF_ALLELES, *_OF_RECORDS), (*by_allele, *by_record), strict=True))
