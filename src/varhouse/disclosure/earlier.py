"""What was shown before: a difference between two releases is a count of people, too.

After = before + those who joined - those who left. So of each earlier release:

- a difference of two numbers that are shown must itself be 0 or large;
- what was masked stays masked as long as the allele is shown, and genotypes that were kept
  back stay so: what is shown later would bound what was masked;
- an allele that was not shown appears only if those who joined could have brought all of it
  but one, and is taken apart into groups only if those who joined any one of these could;
- counts that changed though too few people did are masked.

A cohort without a row of an allele that was shown had nobody who carries it.

Numbers are compared as they are, also where they are rounded when they are shown: what is
masked is then what would be masked without rounding, and rounding tells less than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.disclosure.cells import (
    CELL,
    COHORT,
    COHORT_STRATUM,
    ROOT,
    Bools,
    Cells,
    Counts,
    Ints,
    carriers_and_others,
)


@dataclass(frozen=True)
class Earlier:
    """An earlier release, or that of a more open role, as it was shown.

    Attributes
    ----------
    frequencies, totals
        Its rows: of all positions at least that rows are now protected of. Of counts that were
        shown rounded those before (`rounding.unrounded`).
    changed
        cohort (null: all cohorts), stratum_by, stratum, people: how many people are in one of
        the two releases and not in the other. None: not known; changes of counts are judged
        by their size alone.
    same_role
        The role is the same: what was masked stays so. A more open role may have a greater k,
        and more is masked there.
    """

    frequencies: pl.DataFrame
    totals: pl.DataFrame
    changed: pl.DataFrame | None = None
    same_role: bool = True


@dataclass(frozen=True)
class Changes:
    """What earlier releases ask of cells.

    Attributes
    ----------
    copies, genotypes, quality
        Differences, which must be 0 or large as any number; of copies, of genotype counts,
        and of those of high quality.
    no_copies, no_genotypes
        bool[cells]: what is not shown, whatever its numbers.
    """

    copies: list[Counts]
    genotypes: list[Counts]
    quality: list[Counts]
    no_copies: Bools
    no_genotypes: Bools


_GENOTYPES = (
    "n_het", "n_hom_alt", "n_hemi", "n_het_not_diploid", "n_hom_alt_not_diploid",
)  # fmt: skip
_QUALITY = ("ac_adj", "n_het_adj", "n_hom_alt_adj", "n_hemi_adj")
_COUNTS = ("an", "ac", "n_samples", "n_missing", "n_not_diploid", *_GENOTYPES, *_QUALITY)
_NOT_KNOWN = 1 << 40
"""Stands for a difference that nobody knows: so large that it, and sums with it, are safe."""


def changes(cells: Cells, earlier: Sequence[Earlier], k: int) -> Changes:
    """Give what earlier releases ask of cells."""
    none = np.zeros(cells.size, np.bool_)
    out = Changes([], [], [], none.copy(), none.copy())
    for release in earlier:
        then = _Then(cells, release)
        least = 2 * k - 1
        copies = np.column_stack([then.by("ac"), *then.by_others()])
        genotypes = np.column_stack([*(then.by(n) for n in _GENOTYPES), *then.by_without()])
        quality = np.column_stack([then.by(n) for n in _QUALITY])
        out.copies.append(_differences(copies, least))
        out.genotypes.append(_differences(genotypes, k))
        out.quality.append(_differences(quality, k))
        few = then.too_few_explain(np.hstack([copies, genotypes, quality]), k)
        out.no_copies[:] |= few
        ac = cells.rows["ac"].cast(pl.Int64).fill_null(0).to_numpy()
        carriers = carriers_and_others(cells.rows)[:, 0]
        out.no_copies[:] |= then.comes_too_early(ac, then.copies_each)
        out.no_genotypes[:] |= then.comes_too_early(carriers, np.ones_like(carriers))
        if release.same_role:
            out.no_copies[:] |= then.was_masked() | then.tells_of_masked()
            out.no_genotypes[:] |= then.had_copies_alone()
    return out


def _differences(values: Ints, least: int) -> Counts:
    n = values.shape[1]
    return Counts(values, np.full(n, least), np.zeros(n, np.bool_))


def _without(rows: pl.DataFrame) -> pl.DataFrame:
    """Count people who are called and do not carry the allele: all, diploid, others."""
    n = {name: pl.col(name).cast(pl.Int64) for name in _COUNTS}
    every = n["n_samples"] - n["n_missing"] - n["n_het"] - n["n_hom_alt"] - n["n_hemi"]
    of_others = n["n_hemi"] + n["n_het_not_diploid"] + n["n_hom_alt_not_diploid"]
    others = n["n_not_diploid"] - of_others
    return rows.select(all=every, diploid=every - others, others=others)


class _Then:
    """Cells beside their rows of an earlier release."""

    def __init__(self, cells: Cells, release: Earlier) -> None:
        self.cells = cells
        self.same_role = release.same_role
        self.now = cells.rows.select(pl.col(n).cast(pl.Int64) for n in _COUNTS)
        rows = pl.concat([release.frequencies, release.totals], how="diagonal_relaxed")
        known = [pl.col(n) for n in _COUNTS if n in rows.columns]
        self.rows = cells.rows.select(CELL).join(
            rows.select(*CELL, *known, is_there=pl.lit(value=True)),
            on=list(CELL), how="left", nulls_equal=True, maintain_order="left",
        )  # fmt: skip
        self.is_there = self.rows["is_there"].fill_null(value=False).to_numpy()
        self.shown = self.rows["ac"].is_not_null().to_numpy()
        self.allele_shown = self._of_allele((cells.kind == ROOT) & self.shown)
        of_cohort = (cells.kind == COHORT) | (cells.kind == COHORT_STRATUM)
        # The allele was there, be it with masked numbers.
        allele_there = self._of_allele((cells.kind == ROOT) & self.is_there)
        self.is_none = of_cohort & ~self.is_there & allele_there
        self.people = self._changed(release)
        called = carriers_and_others(cells.rows).sum(axis=1)
        # Where some have one copy, who joined may be of these.
        self.copies_each = np.where(cells.an < 2 * called, 1, 2)

    def _of_allele(self, flags: Bools) -> Bools:
        """Tell of cells whether a cell of their allele has the flag."""
        n = int(self.cells.allele.max()) + 1
        out: Bools = (np.bincount(self.cells.allele[flags], minlength=n) > 0)[
            self.cells.allele
        ]
        return out

    def _changed(self, release: Earlier) -> Ints:
        """Say how many people changed in the group of each cell; -1: not known."""
        if release.changed is None:
            return np.full(self.cells.size, -1)
        group = ["cohort", "stratum_by", "stratum"]
        found = self.cells.rows.select(group).join(
            release.changed.select(*group, "people"),
            on=group, how="left", nulls_equal=True, maintain_order="left",
        )  # fmt: skip
        out: Ints = found["people"].cast(pl.Int64).fill_null(-1).to_numpy()
        return out

    def by(self, name: str) -> Ints:
        """Give how a number changed."""
        if name not in self.rows.columns:
            return np.full(self.cells.size, _NOT_KNOWN)
        now = self.now[name].fill_null(0).to_numpy()
        then = self.rows[name].cast(pl.Int64)
        known = then.is_not_null().to_numpy() | self.is_none
        return self._by(now, then.fill_null(0).to_numpy(), known)

    def by_others(self) -> list[Ints]:
        """Give how copies of other alleles changed: as counts say, and as `an` less `ac` does.

        Of a cohort without a row one knows who joined it, and so their copies.
        """
        ac, an = (self.rows[n].cast(pl.Int64) for n in ("ac", "an"))
        now = (self.now["an"] - self.now["ac"]).fill_null(0)
        known = (an - ac).is_not_null().to_numpy()
        out = self._by(now.to_numpy(), (an - ac).fill_null(0).to_numpy(), known)
        by_ac = self.by("ac")
        # A masked cohort that alone has a row has all copies, and its own `an`.
        by_an = (self.now["an"] - an).fill_null(_NOT_KNOWN).to_numpy() - by_ac
        is_known = an.is_not_null().to_numpy() & (by_ac != _NOT_KNOWN)
        counted = self._or_joined(out, self.copies_each, np.abs(by_ac))
        return [counted, np.where(is_known, by_an, _NOT_KNOWN)]

    def by_without(self) -> list[Ints]:
        """Give how people changed who are called and do not carry the allele.

        All of them; the diploid, and others: on X these are women and men, whatever strata
        are counted.
        """
        now, then = (_without(frame) for frame in (self.now, self.rows))
        out = {}
        for name in now.columns:
            known = then[name].is_not_null().to_numpy()
            of_now, of_then = (f[name].fill_null(0).to_numpy() for f in (now, then))
            out[name] = self._by(of_now, of_then, known)
        carriers = carriers_and_others(self.now)[:, 0]
        out["all"] = self._or_joined(out["all"], np.ones_like(carriers), carriers)
        return list(out.values())

    def _or_joined(self, differences: Ints, each: Ints, having: Ints) -> Ints:
        """Of cohorts without a row, give what those who joined have besides the allele."""
        has = self.is_none & (self.people >= 0)
        joined = np.where(self.people > 0, each * self.people - having, 0)
        out: Ints = np.where(has, joined, differences)
        return out

    def _by(self, now: Ints, then: Ints, known: Bools) -> Ints:
        """Take numbers from one another.

        Those that were masked of a family are known by their sum, if their parent was shown:
        it stands at one of them, so that sums of cells with all of them are right.
        """
        parent, family = self.cells.parent, self.cells.family
        n = int(family.max()) + 1
        of_known = np.zeros(n, np.int64)
        np.add.at(of_known, family[known], then[known])
        parent_known = (parent >= 0) & known[parent]
        left = ~known & parent_known & (self.is_there | self.is_none)
        at = np.flatnonzero(left)
        _, first = np.unique(family[at], return_index=True)
        then = then.copy()
        then[at] = 0
        then[at[first]] = then[parent[at[first]]] - of_known[family[at[first]]]
        out: Ints = np.where(known | left, now - then, _NOT_KNOWN)
        return out

    def too_few_explain(self, differences: Ints, k: int) -> Bools:
        """Tell where numbers changed though fewer than k people did."""
        known = (differences != 0) & (np.abs(differences) < _NOT_KNOWN // 2)
        out: Bools = known.any(axis=1) & (self.people >= 0) & (self.people < k)
        return out

    def was_masked(self) -> Bools:
        """Tell which cells were masked of an allele that was shown."""
        out: Bools = self.is_there & ~self.shown & self.allele_shown
        return out

    def tells_of_masked(self) -> Bools:
        """Tell which cells say that all, or none, of groups carry it that were masked."""
        cells = self.cells
        masked = cells.parent[self.was_masked()]
        out = np.zeros(cells.size, np.bool_)
        out[masked[masked >= 0]] = True
        ac = cells.rows["ac"].cast(pl.Int64).fill_null(0).to_numpy()
        out &= (ac == 0) | (ac == cells.an)
        return out

    def had_copies_alone(self) -> Bools:
        """Tell which cells are the total of an allele that was shown without genotypes."""
        het = self.rows["n_het"].is_null().to_numpy()
        out: Bools = (self.cells.kind == ROOT) & self.shown & het
        return out

    def comes_too_early(self, have: Ints, each: Ints) -> Bools:
        """Tell which cells of alleles that were not shown say how many there were.

        There were so few that they were not shown; those who joined, with `each` at most,
        must be able to have brought all others but one. A family is asked as one, and with
        what its parent has: which of its cells are masked, or how many these have, would
        tell of who had it before. Of a more open role beside which nobody joined, nothing
        follows: it may have a greater k.
        """
        cells, is_total = self.cells, self.cells.kind == ROOT
        new = ~self.allele_shown & (self.people >= 0)
        if not self.same_role:
            new &= self.people > 0
        most = np.where(is_total, self._could_bring(each), each * self.people)
        above = np.where(cells.parent >= 0, have[cells.parent], have)
        early = new & (above > most + 1)
        n = int(cells.family.max()) + 1
        out: Bools = (np.bincount(cells.family[early], minlength=n) > 0)[cells.family]
        return out

    def _could_bring(self, each: Ints) -> Ints:
        """Say how many copies, or people, those who joined can have brought.

        Whose cohort has no row of the allele brought none.
        """
        cells = self.cells
        at = np.flatnonzero((cells.kind == COHORT) & (self.people >= 0))
        sums = np.zeros(int(cells.allele.max()) + 1, np.int64)
        brought = np.minimum(each[at] * self.people[at], cells.an[at])
        np.add.at(sums, cells.allele[at], brought)
        has = np.bincount(cells.allele[at], minlength=sums.size) > 0
        out: Ints = np.where(has[cells.allele], sums[cells.allele], each * self.people)
        return out
