"""Who is whose parent by the sample sheet, and how the people of a cohort are related by it.

The sheet says it in the columns `father` and `mother`, under any name that a pedigree may have
(`submission.pedfile.SHEET`), by sample ids. A parent who is no sample of the cohort is a
person all the same: children of one are siblings. What cannot be (a female father, somebody
his own ancestor) is told, and left out.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.query.people import sheet_rows
from varhouse.sheetcolumns import folded
from varhouse.store.reader import Store
from varhouse.submission.affection import YES, capped, plain
from varhouse.submission.families import blood, connected_parts, depths, find_circle
from varhouse.submission.pedfile import (
    FEMALE,
    MALE,
    NOBODY,
    SHEET,
    UNKNOWN,
    People,
    wrong_parents,
)
from varhouse.submission.texts import PED

LOG = logging.getLogger("varhouse.people")

LARGEST = 4_000
"""People of a family of whom all pairs are looked at: in a larger one parents, children and
siblings are told alone."""

_SEX = {"male": MALE, "female": FEMALE}
_KINSHIP = {"first": pl.Int64, "second": pl.Int64, "expected": pl.Float64, "kind": pl.String}


@dataclass(frozen=True)
class Pedigree:
    """Parents by the sheet.

    Attributes
    ----------
    people
        The people of the cohort, by ordinal, then parents who are not among them.
    size
        People of the cohort.
    problems
        What was wrong, and left out.
    """

    people: People
    size: int
    problems: tuple[str, ...] = ()

    @property
    def says(self) -> bool:
        """Tell whether anybody has a parent."""
        return bool((self.people.father >= 0).any() or (self.people.mother >= 0).any())

    def trios(self) -> npt.NDArray[np.int64]:
        """Give child, father and mother (int64[n, 3], by ordinal; -1 not in the cohort).

        Children with one parent at least among the people of the cohort, who is so by blood.
        """
        father, mother = (np.where(p >= self.size, -1, p) for p in blood(self.people))
        rows = np.stack([np.arange(father.size), father, mother], axis=1)[: self.size]
        return rows[(rows[:, 1:] >= 0).any(axis=1)].astype(np.int64)


def read_pedigree(store: Store, cohort: str) -> Pedigree:
    """Read the parents of the people of a cohort; what is wrong with them is logged."""
    found = make_pedigree(sheet_rows(store, cohort))
    for problem in found.problems:
        LOG.warning("cohort %s: %s", cohort, problem)
    return found


def make_pedigree(sheet: pl.DataFrame) -> Pedigree:
    """Make a pedigree of a sample sheet.

    Parameters
    ----------
    sheet
        `sample`, `sex` (male, female, unknown), and further columns as text. A column of
        families says in which one a parent without a row is; `adopted` that the parents are
        none by blood.
    """
    size = sheet.height
    names = sheet["sample"].to_list()
    place = {name: i for i, name in enumerate(names)}
    sex = sheet["sex"].replace_strict(_SEX, default=UNKNOWN).to_list()
    family = _cells(sheet, "family")
    parents = {"father": np.full(size, -1, np.int32), "mother": np.full(size, -1, np.int32)}
    for role, expected in (("father", MALE), ("mother", FEMALE)):
        for child, name in enumerate(_cells(sheet, role)):
            if not name:
                continue
            at = place.get(name)
            if at is None:
                key = f"{family[child]} {name}" if family[child] else name
                at = place.setdefault(key, len(names))
                if at == len(names):
                    names.append(key)
                    sex.append(expected)
            parents[role][child] = at
    rest = np.full(len(names) - size, -1, np.int32)
    adopted = [plain(c) in YES or plain(c) == "1" for c in _cells(sheet, "adopted")]
    people = People(
        names, family + [""] * rest.size, [""] * len(names),
        np.concatenate([parents["father"], rest]), np.concatenate([parents["mother"], rest]),
        np.array(sex, np.int32), np.array(adopted + [False] * rest.size, np.bool_),
        pl.DataFrame(),
    )  # fmt: skip
    return _without_wrong(people, size)


def _cells(sheet: pl.DataFrame, column: str) -> list[str]:
    """Give the cells of a column, under whatever name it is there; empty: nothing is said."""
    known = {column: 0, **{n: 1 for n in SHEET.others[column]}}
    found = sorted((known[folded(c)], c) for c in sheet.columns if folded(c) in known)
    if not found:
        return [""] * sheet.height
    cells = sheet[found[0][1]].cast(pl.String).fill_null("").str.strip_chars()
    nobody = [c for c in cells.unique().to_list() if plain(c) in NOBODY]
    return cells.set(cells.is_in(nobody), "").to_list()


def _without_wrong(people: People, size: int) -> Pedigree:
    """Leave out parents that cannot be."""
    problems = []
    father, mother = people.father.copy(), people.mother.copy()
    for what, children in wrong_parents(people, size).items():
        names = [people.name[i] for i in children.tolist()]
        problems += capped([PED[what].say(at=f"sample {name}") for name in names])
        if what != "mother_sex":
            father[children] = -1
        if what != "father_sex":
            mother[children] = -1
    people = replace(people, father=father, mother=mother)
    while circle := find_circle(people):
        names = [people.name[i] for i in [*circle, circle[0]][:12]]
        problems.append(PED["circle"].say(names=" -> ".join(names)))
        for parents in (people.father, people.mother):
            parents[circle] = -1
    return Pedigree(people, size, tuple(problems))


def sheet_pairs(pedigree: Pedigree) -> pl.DataFrame:
    """Find who is related to whom by the sheet.

    Returns
    -------
    pl.DataFrame
        `first` < `second` (Int64, by ordinal), `expected` (Float64: kinship coefficient by
        the pedigree, founders unrelated), `kind` (parent_child, siblings: of two parents in
        common; else null). Pairs of the cohort with a kinship above 0, sorted.
    """
    people = pedigree.people
    linked = np.zeros(len(people.name), np.bool_)
    for parents in blood(people):
        linked |= parents >= 0
        linked[parents[parents >= 0]] = True
    part = connected_parts(people)
    level = depths(*blood(people))
    frames = [pl.DataFrame(schema=_KINSHIP)]
    order = np.lexsort([level, part])
    order = order[linked[order]]
    cuts = np.flatnonzero(np.diff(part[order])) + 1
    for family in np.split(order, cuts) if order.size else []:
        frames.append(_pairs_of(people, family, pedigree.size))
    return pl.concat(frames).sort("first", "second")


def _pairs_of(people: People, family: npt.NDArray[np.int64], size: int) -> pl.DataFrame:
    """Give the pairs of a family; `family` int64[k], parents before their children."""
    row = {int(p): i for i, p in enumerate(family.tolist())}
    father, mother = (
        np.array([row.get(p, -1) for p in parents[family].tolist()], np.int64)
        for parents in blood(people)
    )
    if family.size > LARGEST:
        kinship = _near_kinship(father, mother)
    else:
        kinship = pedigree_kinship(father, mother)
    one, other, value = kinship
    parent = (father[one] == other) | (mother[one] == other)
    parent |= (father[other] == one) | (mother[other] == one)
    siblings = (father[one] == father[other]) & (mother[one] == mother[other])
    siblings &= (father[one] >= 0) & (mother[one] >= 0)
    kind = np.where(parent, "parent_child", np.where(siblings, "siblings", ""))
    a, b = family[one], family[other]
    frame = pl.DataFrame(
        {
            "first": np.minimum(a, b), "second": np.maximum(a, b), "expected": value,
            "kind": kind.tolist(),
        },
        schema=_KINSHIP,
    )  # fmt: skip
    kind_or_none = pl.when(pl.col("kind") != "").then("kind").alias("kind")
    return frame.filter(pl.col("second") < size).with_columns(kind_or_none)


Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]


def pedigree_kinship(father: npt.NDArray[np.int64], mother: npt.NDArray[np.int64]) -> Found:
    """Work out the kinship coefficients of a family by the pedigree.

    That of a child and somebody before him is the mean of those of the parents and him; his
    own is one half and half of that of the parents with each other (Lange 1997).

    Parameters
    ----------
    father, mother
        int64[n]: rows, less than the child's; -1 not known, unrelated to all.

    Returns
    -------
    (int64[k], int64[k], float64[k])
        Rows of both, the first less, and their kinship; those above 0.
    """
    n = father.size
    # The last row is that of a parent who is not known.
    kinship = np.zeros((n + 1, n + 1))
    for child in range(n):
        f, m = father[child], mother[child]
        kinship[child, :child] = (kinship[f, :child] + kinship[m, :child]) / 2
        kinship[:child, child] = kinship[child, :child]
        kinship[child, child] = (1 + kinship[f, m]) / 2 if min(f, m) >= 0 else 0.5
    one, other = np.nonzero(np.triu(kinship[:n, :n], 1))
    return one, other, kinship[one, other]


def _near_kinship(father: npt.NDArray[np.int64], mother: npt.NDArray[np.int64]) -> Found:
    """Give the pairs of parents and children, and of siblings of two parents."""
    child = np.arange(father.size)
    ones, others = [], []
    for parents in (father, mother):
        has = parents >= 0
        ones.append(parents[has])
        others.append(child[has])
    full = (father >= 0) & (mother >= 0)
    frame = pl.DataFrame({"f": father[full], "m": mother[full], "c": child[full]})
    pairs = frame.join(frame, on=["f", "m"]).filter(pl.col("c") < pl.col("c_right"))
    ones.append(pairs["c"].to_numpy())
    others.append(pairs["c_right"].to_numpy())
    one, other = np.concatenate(ones), np.concatenate(others)
    return np.minimum(one, other), np.maximum(one, other), np.full(one.size, 0.25)
