"""Which cells of a tree may be shown, so that none that is small follows from those that are.

Cells nest: a *family* of cells adds up to its parent. A family is taken apart step by step,
the cell with most people first: the parent into that cell and the *rest*, the rest into the
next cell and a smaller rest, and so on. A step is taken only if both sides are safe (each
number is 0 or large), and where one is not taken, what is left is masked: two cells at least.
So what follows from what is shown is a sum of cells of which every number is safe.

The order of the steps depends on how many people were called, which is shown, and not on what
they carry; each step on both sides alone. So one who knows this rule learns of a step that was
not taken only that one of the sides is unsafe, for which several values of each stay possible:
docs/small-counts.md has the proof, `tests/unit/test_disclosure_search.py` tries all small
worlds.

Strata of everybody and cohorts are two ways to take the same people apart. Both at once let
cells follow in which they cross, so one way is shown (`first` of the policy), and of the
other what follows from it anyway: strata of everybody of which all cohorts are shown, cohorts
that alone have rows of an allele.
"""

from dataclasses import dataclass

import numpy as np

from varhouse.disclosure.cells import (
    COHORT,
    COHORT_STRATUM,
    ROOT,
    STRATUM,
    Bools,
    Cells,
    Counts,
    Ints,
)
from varhouse.disclosure.policy import STRATA


@dataclass(frozen=True)
class _Steps:
    """What taking families apart gives.

    Attributes
    ----------
    own
        bool[cells]: the cell by itself is safe.
    taken
        bool[cells]: the steps to the cell are taken, whatever becomes of its parent.
    sums_are_safe
        bool[cells]: the sum of the cell's whole family is safe.
    """

    own: Bools
    taken: Bools
    sums_are_safe: Bools


def _starts(sorted_ids: Ints) -> Ints:
    """Give where runs of equal numbers begin."""
    if not sorted_ids.size:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.r_[True, sorted_ids[1:] != sorted_ids[:-1]])


def _spread(starts: Ints, size: int, values: Ints) -> Ints:
    """Repeat a value of each run for each of its members."""
    out: Ints = np.repeat(values, np.diff(np.r_[starts, size]))
    return out


def all_of(ids: Ints, flags: Bools, size: int) -> Bools:
    """Tell of numbers 0 to size - 1 whether all with this number have the flag."""
    out: Bools = np.bincount(ids[~flags], minlength=size) == 0
    return out


def _steps(cells: Cells, counts: Counts, masked: Bools) -> _Steps:
    """Take all families apart."""
    n = cells.size
    values, order = counts.values[cells.order], cells.order
    starts = _starts(cells.family[order])
    ends = np.r_[starts[1:], n]
    first, last = _spread(starts, n, starts), _spread(starts, n, ends) - 1
    run = np.vstack([np.zeros((1, values.shape[1]), np.int64), values.cumsum(axis=0)])
    # Of each cell itself and all after it in its family.
    rest = run[last + 1] - run[np.arange(n)]
    # A cohort that has a row of an allele has somebody who carries it: several rows of one
    # copy each would be known by their sum.
    held = (cells.kind[order] == COHORT).astype(np.int64)
    members = np.where(held > 0, last - np.arange(n), 0)
    own = counts.are_safe(values) & ~masked[order]
    rest_is_safe = counts.are_safe(rest, members)
    is_last = np.arange(n) == last
    # A step at cell i: cell i is safe and so is what comes after it.
    step = own & np.where(is_last, True, np.r_[rest_is_safe[1:], True])
    # The rest is the last cell itself before it, which may be masked whatever its numbers.
    step &= np.where(np.r_[is_last[1:], False] & ~is_last, np.r_[own[1:], True], True)
    missed = np.r_[0, (~step).cumsum()]
    taken_to = missed[np.arange(n) + 1] - missed[first] == 0
    # The last cell is what the step before leaves.
    before = missed[np.arange(n)] - missed[first] == 0
    taken = np.where(is_last & ~(first == last), before, taken_to)
    whole = rest_is_safe[starts] & _rest_of_parent_is_safe(
        cells, counts, rest[starts], order[starts]
    )
    out = np.zeros((3, n), np.bool_)
    out[0, order], out[1, order] = own, taken
    out[2, order] = np.repeat(whole, np.diff(np.r_[starts, n]))
    return _Steps(*out)


def _rest_of_parent_is_safe(cells: Cells, counts: Counts, sums: Ints, at: Ints) -> Bools:
    """Tell of families whether who is of their parent and of none of their cells is no few.

    Strata leave cohorts that have no strata of the kind. Cohorts leave those without a row,
    who carry nothing, so of these families the numbers of who carries it count alone. `sums`
    are those of the families, `at` a cell of each.
    """
    parent = cells.parent[at]
    beside = np.abs(counts.values[parent] - sums)
    safe = (beside == 0) | (beside >= counts.least)
    safe |= ~counts.of_alt & (cells.kind[at] == COHORT)[:, None]
    out: Bools = safe.all(axis=1) | (parent < 0)
    return out


def shown_cells(cells: Cells, counts: Counts, first: str, masked: Bools) -> Bools:
    """Tell which cells may be shown with some numbers.

    Parameters
    ----------
    counts
        The numbers.
    first
        STRATA or COHORTS: what is shown if both cannot be.
    masked
        bool[cells]: what may not be shown, whatever its numbers.
    """
    steps = _steps(cells, counts, masked)
    n_alleles = int(cells.allele.max()) + 1 if cells.size else 0
    shown = steps.taken & steps.sums_are_safe
    root = cells.kind == ROOT
    is_cohort = cells.kind == COHORT
    # What all cohorts with rows of an allele add up to follows from the rows.
    cohorts_are_safe = all_of(
        cells.allele[is_cohort], steps.sums_are_safe[is_cohort], n_alleles
    )
    shown[root] = steps.own[root] & cohorts_are_safe[cells.allele[root]]
    shown = _below_shown(cells, shown)
    shown = _below_shown(cells, shown & _by_blocks(cells, steps, shown))
    return _one_way(cells, steps, shown, first, n_alleles) & ~masked


def _below_shown(cells: Cells, shown: Bools) -> Bools:
    """Mask what is part of something masked: strata of levels, of cohorts, of everybody."""
    has = cells.parent >= 0
    for _ in range(4):
        above = np.where(has, shown[cells.parent], True)
        if (shown <= above).all():
            break
        shown = shown & above
    return shown


def _by_blocks(cells: Cells, steps: _Steps, shown: Bools) -> Bools:
    """Of strata that cross, those of the head stand alone, all others only all together."""
    n = int(cells.block.max()) + 1 if cells.size else 0
    in_block = (cells.kind == STRATUM) | (cells.kind == COHORT_STRATUM)
    whole = all_of(cells.block[in_block], (steps.own & shown)[in_block], n)
    out: Bools = ~in_block | cells.is_head | whole[cells.block]
    return out


def _one_way(cells: Cells, steps: _Steps, shown: Bools, first: str, n_alleles: int) -> Bools:
    """Show strata of everybody or cohorts, and of the others what follows from these."""
    of_cohort = (cells.kind == COHORT) | (cells.kind == COHORT_STRATUM)
    of_all = cells.kind == STRATUM
    if first != STRATA:
        return np.where(of_all, _sums_of_shown(cells, shown), shown)
    whole = all_of(cells.allele[of_cohort], (shown & steps.own)[of_cohort], n_alleles)
    all_strata = all_of(cells.allele[of_all], shown[of_all], n_alleles)
    has_strata = np.bincount(cells.allele[of_all], minlength=n_alleles) > 0
    may = ~has_strata | (whole & all_strata)
    out: Bools = shown & ~(of_cohort & ~may[cells.allele])
    return out | _of_only_cohort(cells, shown, n_alleles)


def _sums_of_shown(cells: Cells, shown: Bools) -> Bools:
    """Tell of strata of everybody whether those of all cohorts that have rows are shown.

    Who has no row carries nothing: the stratum is the sum of numbers that are shown.
    """
    parts = cells.kind == COHORT_STRATUM
    size = int(cells.group.max()) + 1
    has = np.bincount(cells.group[parts], minlength=size) > 0
    out: Bools = (has & all_of(cells.group[parts], shown[parts], size))[cells.group]
    return out


def _of_only_cohort(cells: Cells, shown: Bools, n_alleles: int) -> Bools:
    """Tell which cells are of the one cohort that has rows, and have a total that is shown.

    Who has no row carries nothing, so what is counted in it follows from the total.
    """
    of_cohort = (cells.kind == COHORT) | (cells.kind == COHORT_STRATUM)
    only = np.bincount(cells.allele[cells.kind == COHORT], minlength=n_alleles) == 1
    size = int(cells.group.max()) + 1
    total = np.zeros(size, np.bool_)
    total[cells.group[~of_cohort]] = shown[~of_cohort]
    out: Bools = of_cohort & only[cells.allele] & total[cells.group]
    return out
