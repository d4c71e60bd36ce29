"""Families in pedigrees: who is related by blood, and in how many generations people are ill.

**Case**: the people who are joined by parents and children (a connected part), and one disease
of theirs. A part with two diseases is two cases.

**Group related by blood**: a founder (somebody without parents, or with parents who are not so
by blood) and all who descend from him. Its members share him as ancestor; who married in is
none of them, and heads a group of his own with his descendants. Half-siblings and children of
one known parent are members through that parent.

**Generation** of a member: the longest way down from the founder, who is generation 1; so
children of the same parents are of one generation, also where cousins had children.

**Affected generations** of a group: those with at least one affected member. A generation that
is skipped (obligate carriers alone) does not count, but is told: `skipped`. A case goes by the
group that has the most affected generations, then the most affected members.

All groups of all cases are worked out at once, by frames of people x founders, a generation of
the whole set at a time: 50,000 people take a second, whatever the shape.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from varhouse.submission.pedfile import Bits, Ints, People

FOUNDERS_AT_ONCE = 128
"""Founders of each case whose groups are worked out at once: bytes a person of a case."""

MOST_GENERATIONS = 50
"""Generations that are told apart; deeper ones count as the last."""

Levels = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Cases:
    """What is found in each case; arrays of one length.

    Attributes
    ----------
    part, disease
        Connected part, and the disease, by the numbers that were given.
    people, affected
        Members of the part, and those of them who have the disease.
    generations
        Of the part: the longest way down by blood.
    affected_generations, affected_by_blood, founder
        Of the group that decides; the founder is an index of `People`, -1 if nobody is ill.
    span
        Generations from the first affected to the last in that group.
    carriers
        Unaffected members with an affected ancestor and an affected descendant by blood.
    married_in
        Affected people of the part who are not in that group.
    consanguine
        Children of parents who share an ancestor.
    """

    part: Ints
    disease: Ints
    people: Ints
    affected: Ints
    generations: Ints
    affected_generations: Ints
    affected_by_blood: Ints
    founder: Ints
    span: Ints
    carriers: Ints
    married_in: Ints
    consanguine: Ints

    @property
    def skipped(self) -> Ints:
        """Generations without an affected member between affected ones."""
        return self.span - self.affected_generations


def blood(people: People) -> tuple[Ints, Ints]:
    """Give fathers and mothers by blood."""
    gone = people.is_adopted
    return np.where(gone, -1, people.father), np.where(gone, -1, people.mother)


def connected_parts(people: People) -> Ints:
    """Give each person the number of the connected part: social parents join, too."""
    n = len(people.name)
    label = np.arange(n, dtype=np.int32)
    child = np.arange(n, dtype=np.int32)
    pairs = [np.stack([child[p >= 0], p[p >= 0]], 1) for p in (people.father, people.mother)]
    edges = np.concatenate(pairs)
    while True:
        # Hook the greater root to the lesser one, then shorten the ways to the roots.
        a, b = label[edges[:, 0]], label[edges[:, 1]]
        low, high = np.minimum(a, b), np.maximum(a, b)
        before = label.copy()
        np.minimum.at(label, high, low)
        while not np.array_equal(label, label[label]):
            label = label[label]
        if np.array_equal(before, label):
            return np.unique(label, return_inverse=True)[1].astype(np.int32)


def find_circle(people: People) -> list[int]:
    """Find people each of whom is a parent of the one before; none if there are none."""
    depth = depths(*blood(people))
    left = np.flatnonzero(depth < 0)
    if not len(left):
        return []
    father, mother = blood(people)
    at, way = int(left[0]), []
    while at not in way:
        way.append(at)
        parents = [int(p) for p in (father[at], mother[at]) if p >= 0 and depth[p] < 0]
        at = parents[0]
    return way[way.index(at) :]


def depths(father: Ints, mother: Ints) -> Ints:
    """Give the longest way down to each person; -1 for those in or below a circle."""
    n = len(father)
    depth = np.full(n, -1, np.int32)
    depth[(father < 0) & (mother < 0)] = 0
    open_ = np.flatnonzero(depth < 0)
    while len(open_):
        parents = np.stack([father[open_], mother[open_]])
        known = np.where(parents < 0, -1, depth[parents])
        ready = ((parents < 0) | (known >= 0)).all(axis=0)
        if not ready.any():
            break
        depth[open_[ready]] = known[:, ready].max(axis=0) + 1
        open_ = open_[~ready]
    return depth


def find_cases(people: People, part: Ints, sick: Ints, disease: Ints) -> Cases:
    """Work out the cases.

    Parameters
    ----------
    people
        Without circles (`find_circle`).
    part
        Of each person, see `connected_parts`.
    sick, disease
        Affections: person (index) and number of the disease, each pair once.
    """
    father, mother = blood(people)
    codes = part[sick].astype(np.int64) << 32 | disease
    cases, case_of_row = np.unique(codes, return_inverse=True)
    case_part = (cases >> 32).astype(np.int32)
    # Everybody of the part, once a case: cases do not touch each other.
    by_part = np.argsort(part, kind="stable").astype(np.int32)
    sizes = np.bincount(part)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    n_of = sizes[case_part]
    case = np.repeat(np.arange(len(cases), dtype=np.int32), n_of)
    first = np.concatenate([[0], np.cumsum(n_of)])
    within = np.arange(first[-1]) - np.repeat(first[:-1], n_of)
    person = by_part[np.repeat(starts[case_part], n_of) + within]
    rank = np.empty(len(part), np.int64)
    rank[by_part] = np.arange(len(part)) - np.repeat(starts[:-1], sizes)

    def row_of(who: Ints, of: Ints) -> npt.NDArray[np.int64]:
        return np.where(who < 0, -1, first[of] + rank[np.maximum(who, 0)])

    ill = np.zeros(len(person), np.bool_)
    ill[row_of(sick, case_of_row.astype(np.int32))] = True
    rows = _Rows(
        case, row_of(father[person], case), row_of(mother[person], case), ill, len(cases)
    )
    found = rows.work_out()
    founder = np.where(found["at"] < 0, -1, person[np.maximum(found["at"], 0)])
    affected = np.bincount(case[ill], minlength=len(cases))
    return Cases(
        case_part, (cases & 0xFFFFFFFF).astype(np.int32), n_of.astype(np.int32),
        affected.astype(np.int32), found["generations"], found["affected_generations"],
        found["by_blood"], founder.astype(np.int32), found["span"], found["carriers"],
        (affected - found["by_blood"]).astype(np.int32), found["consanguine"],
    )  # fmt: skip


@dataclass(frozen=True)
class _Rows:
    """People of cases, sorted by case: row of father and mother (-1 none), whether ill."""

    case: Ints
    father: npt.NDArray[np.int64]
    mother: npt.NDArray[np.int64]
    ill: Bits
    n_cases: int

    def work_out(self) -> dict[str, Ints]:
        depth = depths(self.father.astype(np.int32), self.mother.astype(np.int32))
        order = np.argsort(depth, kind="stable")
        ends = np.cumsum(np.bincount(depth)) if len(depth) else np.array([], int)
        layers = np.split(order, ends[:-1]) if len(ends) else []
        founders = np.flatnonzero(depth == 0)
        starts = np.flatnonzero(np.diff(self.case[founders], prepend=-1))
        column = np.arange(len(founders)) - np.repeat(
            starts, np.diff([*starts, len(founders)])
        )
        found = {
            n: np.zeros(self.n_cases, np.int32)
            for n in ("affected_generations", "by_blood", "span", "consanguine")
        }
        found["at"] = np.full(self.n_cases, -1, np.int32)
        related = np.zeros(len(self.case), np.bool_)
        for begin in range(0, int(column.max(initial=-1)) + 1, FOUNDERS_AT_ONCE):
            here = (column >= begin) & (column < begin + FOUNDERS_AT_ONCE)
            level = self._levels(founders[here], column[here] - begin, layers)
            has = (self.father >= 0) & (self.mother >= 0)
            related[has] |= (
                (level[self.father[has]] >= 0) & (level[self.mother[has]] >= 0)
            ).any(axis=1)
            self._best(level, founders[here], column[here] - begin, found)
        found["consanguine"] = self._count(related)
        found["carriers"] = self._count(self._carriers(layers))
        deepest = np.zeros(self.n_cases, np.int32)
        np.maximum.at(deepest, self.case, depth + 1)
        found["generations"] = deepest
        return found

    def _count(self, marks: Bits) -> Ints:
        return np.bincount(self.case[marks], minlength=self.n_cases).astype(np.int32)

    def _levels(
        self, founders: npt.NDArray[np.int64], column: npt.NDArray[np.int64],
        layers: list[npt.NDArray[np.int64]],
    ) -> Levels:  # fmt: skip
        """Give the generation (0-based) of each row below each founder; -1 if not below."""
        width = int(column.max()) + 1
        # The last row stands for a parent that is not known.
        level = np.full((len(self.case) + 1, width), -1, np.int8)
        level[founders, column] = 0
        for layer in layers[1:]:
            above = np.maximum(level[self.father[layer]], level[self.mother[layer]])
            level[layer] = np.where(above < 0, -1, np.minimum(above + 1, MOST_GENERATIONS))
        return level[:-1]

    def _best(
        self, level: Levels, founders: npt.NDArray[np.int64],
        column: npt.NDArray[np.int64], found: dict[str, Ints],
    ) -> None:  # fmt: skip
        """Take over, of each case, the founder with the most affected generations."""
        ill = np.flatnonzero(self.ill)
        if not len(ill):
            return
        below = level[ill]
        bits = np.where(below < 0, 0, np.int64(1) << np.maximum(below, 0).astype(np.int64))
        starts = np.flatnonzero(np.diff(self.case[ill], prepend=-1))
        cases = self.case[ill][starts]
        mask = np.bitwise_or.reduceat(bits, starts, axis=0)
        members = np.add.reduceat((below >= 0).astype(np.int32), starts, axis=0)
        generations = np.bitwise_count(mask).astype(np.int64)
        best = np.argmax(generations << 32 | members, axis=1)
        at = np.arange(len(cases))
        n, by_blood = generations[at, best], members[at, best]
        now = found["affected_generations"][cases].astype(np.int64) << 32
        better = (n << 32 | by_blood) > (now | found["by_blood"][cases])
        chosen = mask[at, best][better]
        low = np.log2(np.maximum(chosen & -chosen, 1)).astype(np.int32)
        high = np.floor(np.log2(np.maximum(chosen, 1).astype(np.float64))).astype(np.int32)
        of = cases[better]
        found["affected_generations"][of] = n[better]
        found["by_blood"][of] = by_blood[better]
        found["span"][of] = high - low + 1
        rows = {
            (int(c), int(k)): int(r)
            for c, k, r in zip(self.case[founders], column, founders, strict=True)
        } if len(of) else {}  # fmt: skip
        found["at"][of] = [rows[int(c), int(k)] for c, k in zip(of, best[better], strict=True)]

    def _carriers(self, layers: list[npt.NDArray[np.int64]]) -> Bits:
        """Mark the unaffected who have an affected ancestor and an affected descendant."""
        n = len(self.case)
        above, below = np.zeros(n + 1, np.bool_), np.zeros(n + 1, np.bool_)
        for layer in layers[1:]:
            for parent in (self.father[layer], self.mother[layer]):
                above[layer] |= (parent >= 0) & (above[parent] | self.ill[parent])
        for layer in layers[:0:-1]:
            for parent in (self.father[layer], self.mother[layer]):
                has = (parent >= 0) & (below[layer] | self.ill[layer])
                below[parent[has]] = True
        return above[:n] & below[:n] & ~self.ill
