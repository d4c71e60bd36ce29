"""How many people are assessed and called at each base of a contig: counts that add up.

A tally holds, for each group of people, the stretches of bases with the same counts. Tallies
of different people add up, and those of people who go are taken away, by merging their
stretches: so a cohort grows by what comes in (decision 0035). What a person in a state adds at
a base is one row of a table, by his sex and by how many copies males have there:

- n_samples: people in any state; n_missing: those not fully called there, n_not_diploid: those
  fully called of other than two alleles, or male where males have one copy.
- an: called alleles, also where only the rest of an own REF reaches over the base.
  an_written: alleles as the file writes them, 0/0 without a read too, but without that rest.
- High quality: n_samples_adj people whose fields are known and who have more than that rest;
  an_adj alleles of those who pass, of a male one where males have one copy. Women are not
  asked for on Y.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.callability.codes import ADJ, EMPTY, LOW, MOST_ALLELES, SPAN_BIT, unpack
from varhouse.errors import StoreError
from varhouse.genome.haploid import HaploidRegions, copies_of
from varhouse.tables.atsites import COUNTS, add_steps

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TWO_COPIES, ON_X, ON_Y = range(3)
"""What a base is: males have two copies; they have one; they have one, and women none."""

_OTHER, _MALE, _FEMALE = range(3)
_PEOPLE = COUNTS.index("n_samples")
_STATE_BIT = SPAN_BIT.bit_length() - 1
"""The bits of a code from here on, which are all but its bands, number its state."""

_STATES = 1 << (31 - _STATE_BIT)
_LAST_BASE = 2**31 - 2


class Groups(NamedTuple):
    """Which groups the people of a cohort are in.

    Attributes
    ----------
    cell
        int32[people]: people of a cell are in the same groups and of the same sex.
    groups
        int32[cells, groups of a person].
    sex
        int8[cells].
    size
        Number of groups.
    """

    cell: Int32
    groups: Int32
    sex: npt.NDArray[np.int8]
    size: int

    @classmethod
    def of(
        cls, cell: Int32, member: npt.NDArray[np.float64], male: Bools, female: Bools
    ) -> "Groups":
        """Take the groups of strata (see `frequencies.strata.Strata`, of which each is).

        Parameters
        ----------
        cell
            int32[people], by ordinal in the cohort.
        member
            [cells, groups]: 1 where a cell belongs to a group. Each cell is in as many.
        male, female
            bool[cells].
        """
        inside = [np.flatnonzero(row) for row in member]
        sex = np.where(male, _MALE, np.where(female, _FEMALE, _OTHER)).astype(np.int8)
        width = max((g.size for g in inside), default=0)
        groups = np.array(inside, np.int32).reshape(len(inside), width)
        return cls(cell, groups, sex, member.shape[1])


class Places(NamedTuple):
    """What the bases of a contig are: those from `first[k]` on `kind[k]`, up to the next one.

    `first` is int32[n], 1-based (0: the telomere) and ascending, `kind` int8[n].
    """

    first: Int32
    kind: npt.NDArray[np.int8]

    @classmethod
    def of(cls, haploid: HaploidRegions, contig: str) -> "Places":
        """Cut a contig where males have one copy, and where they have two."""
        if contig not in haploid.contigs:
            return cls(np.array([0], np.int32), np.array([TWO_COPIES], np.int8))
        own = ON_Y if contig in haploid.on_y else ON_X
        inside = sorted(haploid.par.get(contig, []))
        first = sorted({0, *(max(x, 0) + 1 for pair in inside for x in pair)})
        kind = [TWO_COPIES if any(a < base <= b for a, b in inside) else own for base in first]
        return cls(np.array(first, np.int32), np.array(kind, np.int8))


class Tally(NamedTuple):
    """Counts of groups at the bases of a contig.

    Attributes
    ----------
    group, start, end
        int32[n]: stretches of bases, 1-based and closed, ascending and apart in a group. Where
        a group has none, nobody of it was assessed.
    counts
        int32[n, COUNTS].
    """

    group: Int32
    start: Int32
    end: Int32
    counts: Int32

    @classmethod
    def none(cls) -> "Tally":
        """Give the tally of nobody."""
        no = np.zeros(0, np.int32)
        return cls(no, no, no, np.zeros((0, len(COUNTS)), np.int32))

    def plus(self, *others: "Tally") -> "Tally":
        """Add the tallies of other people."""
        return _added([self, *others], [1] * (1 + len(others)))

    def minus(self, other: "Tally") -> "Tally":
        """Take away the tally of some of the people.

        Raises
        ------
        StoreError
            If they are not among them.
        """
        return _added([self, other], [1, -1])

    def look(self, positions: Int64, size: int) -> Int32:
        """Give the counts at bases (ascending): int32[groups, positions, COUNTS].

        Stretches of a group may lie over each other: such of several tallies add up.
        """
        steps = np.zeros((size, positions.size, len(COUNTS)), np.int32)
        for g in range(size):
            mine = self.group == g
            add_steps(self.start[mine], self.end[mine], self.counts[mine], positions, steps[g])
        out: Int32 = np.cumsum(steps, axis=1, dtype=np.int32)
        return out

    def expand(self, low: int, high: int, size: int) -> Int32:
        """Give the counts at each base of low..high: int32[groups, bases, COUNTS]."""
        return self.look(np.arange(low, high + 1, dtype=np.int64), size)


@cache
def _adds() -> Int32:
    """Say what a person adds: int32[place * sex * state, COUNTS]."""
    state = unpack((np.arange(_STATES) << _STATE_BIT).astype(np.int32))
    level, alleles, ploidy = state.level, state.alleles, state.ploidy
    numbers = range(MOST_ALLELES + 1)
    rule: Callable[[int, int, bool], int] = copies_of.py_func
    copies_by = np.array(
        [
            [[rule(n, called, hemi) for called in numbers] for n in numbers]
            for hemi in (False, True)
        ]
    )
    out = np.zeros((3, 3, _STATES, len(COUNTS)), np.int32)
    for place in (TWO_COPIES, ON_X, ON_Y):
        for sex in (_OTHER, _MALE, _FEMALE):
            hemi = place != TWO_COPIES and sex == _MALE
            copies = copies_by[int(hemi), ploidy, alleles]
            full = (level >= LOW) & (alleles == copies) & (copies > 0)
            asked = (level > 0) & ~state.is_span & ~state.is_unknown
            asked &= not (place == ON_Y and sex == _FEMALE)
            good = asked & (level == ADJ)
            adds = {
                "n_samples": level > 0,
                "n_missing": (level > 0) & ~full,
                "n_not_diploid": full & ((copies != 2) | hemi),
                "an": alleles * (level >= LOW),
                "an_written": alleles * ((level >= EMPTY) & ~state.is_span),
                "n_samples_adj": asked,
                "n_missing_adj": asked & ~good,
                "an_adj": (np.minimum(alleles, 1) if hemi else alleles) * good,
            }
            out[place, sex] = np.stack([adds[name] for name in COUNTS], axis=1)
    return out.reshape(-1, len(COUNTS))


@nb.njit(cache=True, nogil=True)
def _grown(values, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give an array of at least 64 rows and twice the size, with the same first rows."""
    out = np.empty((max(2 * size, 64), values.shape[1]), np.int32)
    out[:size] = values[:size]
    return out


@nb.njit(cache=True, nogil=True)
def _is_same(a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    c = 0
    while c < a.size and a[c] == b[c]:
        c += 1
    return c == a.size


@nb.njit(cache=True, nogil=True)
def _sweep(at, by_start, by_end, vector, vectors, cell, groups, n_groups):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Go along the ends of stretches and write one of each group where its counts change.

    `at` int32[n, 2]: first and last base of stretches, each of which adds row `vector` of
    `vectors` to the groups of its `cell`; `by_start` and `by_end` are their order.
    """
    n, width = by_start.size, vectors.shape[1]
    now = np.zeros((n_groups, width), np.int32)
    since = np.zeros(n_groups, np.int64)
    last = np.full(n_groups, -1, np.int64)
    where, counts, k = np.empty((0, 3), np.int32), np.empty((0, width), np.int32), 0
    nobody = np.zeros(width, np.int32)
    is_sound = True
    i = j = 0
    while j < n:
        behind = np.int64(at[by_end[j], 1]) + 1
        begins = i < n and at[by_start[i], 0] <= behind
        s = by_start[i] if begins else by_end[j]
        here = np.int64(at[s, 0]) if begins else behind
        sign = 1 if begins else -1
        for g in groups[cell[s]]:
            if since[g] < here and not _is_same(now[g], nobody):
                is_sound &= now[g, _PEOPLE] > 0 and now[g].min() >= 0
                p = last[g]
                if p >= 0 and where[p, 2] + 1 == since[g] and _is_same(counts[p], now[g]):
                    where[p, 2] = here - 1
                else:
                    if k == where.shape[0]:
                        where, counts = _grown(where, k), _grown(counts, k)
                    where[k, 0], where[k, 1], where[k, 2] = g, since[g], here - 1
                    counts[k] = now[g]
                    last[g] = k
                    k += 1
            since[g] = here
            for c in range(width):
                now[g, c] += sign * vectors[vector[s], c]
        if begins:
            i += 1
        else:
            j += 1
    return where[:k], counts[:k], is_sound


def _swept(at: Int32, vector: Int64, vectors: Int32, cell: Int32, groups: Groups) -> Tally:
    by_start = np.argsort(at[:, 0], kind="stable")
    by_end = np.argsort(at[:, 1], kind="stable")
    where, counts, is_sound = _sweep(
        at, by_start, by_end, vector, vectors, cell, groups.groups, groups.size
    )
    if not is_sound:
        raise StoreError(
            "callable: more people are taken away at a base than are counted there",
            "run `varhouse store verify`",
        )
    order = np.argsort(where[:, 0], kind="stable")
    group, start, end = np.ascontiguousarray(where[order].T)
    return Tally(group, start, end, counts[order])


def _added(tallies: Sequence[Tally], signs: Sequence[int]) -> Tally:
    """Add tallies of the same groups up, with signs."""
    group = np.concatenate([t.group for t in tallies])
    if not group.size:
        return Tally.none()
    at = np.stack([np.concatenate([getattr(t, n) for t in tallies]) for n in ("start", "end")])
    vectors = np.concatenate([s * t.counts for t, s in zip(tallies, signs, strict=True)])
    size = int(group.max()) + 1
    own = np.arange(size, dtype=np.int32)
    groups = Groups(own, own[:, None], np.zeros(size, np.int8), size)
    return _swept(np.ascontiguousarray(at.T), np.arange(group.size), vectors, group, groups)


def tally_runs(
    sample: Int32, start: Int32, end: Int32, code: Int32, groups: Groups, places: Places
) -> Tally:
    """Count the runs of people on one contig, in any order.

    Parameters
    ----------
    sample
        int32[n]: ordinal of the person. The runs of a person are apart (see `apart`).
    start, end, code
        int32[n]: see `varhouse.callability.lay.Runs`.
    groups
        Of all people of the cohort.
    places
        Of the contig.
    """
    if not sample.size:
        return Tally.none()
    cell = groups.cell[sample]
    own = groups.sex[cell].astype(np.int64) * _STATES + (code >> _STATE_BIT)
    ats, vectors, cells = [], [], []
    ends = np.append(places.first[1:] - 1, _LAST_BASE)
    for first, last, kind in zip(places.first, ends, places.kind, strict=True):
        # A run over the end of a pseudo-autosomal region counts otherwise behind it.
        inside = (start <= last) & (end >= first) if places.first.size > 1 else slice(None)
        ats.append(
            np.stack([np.maximum(start[inside], first), np.minimum(end[inside], last)], axis=1)
        )
        vectors.append(own[inside] + np.int64(kind) * 3 * _STATES)
        cells.append(cell[inside])
    return _swept(
        np.concatenate(ats), np.concatenate(vectors), _adds(), np.concatenate(cells), groups
    )
