"""Cohorts of a view that share people: whose numbers would tell of the rest.

Small counts are masked as if cohorts were people apart. Of two that share people the numbers
can be subtracted: if all of beta are in alpha, alpha less beta is what the others carry, be it
one copy. Weights of cohorts of which no sum is negative for anybody, other than those that
add up what each cohort shows, exist only where a cohort has nobody of its own: who is in it
alone has its weight and no other. So each group that is shown has nobody in common with other
cohorts, or at least k people who are in no other.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from varhouse.frequencies.strata import ALL
from varhouse.governance.personkey import PersonKey
from varhouse.language import Text
from varhouse.sharing.people import FEW_COPIES, TELLING, copies_of, digests_of_alleles, tell
from varhouse.sharing.viewpeople import OF_COHORT
from varhouse.store.reader import Store

MANY_COPIES = 10_000
"""Copies of alleles from which their numbers tell a person, whatever his name.

Four of the seven numbers are free (heterozygous, homozygous, transitions, other than SNVs) and
spread by some 15 to 55 then, where sites are not linked: two people have all in common once
in some 10^8 pairs. With fewer, down to FEW_COPIES, the alleles are compared as well; below
that the people of a small panel may carry the same."""

SHARED = Text(
    "{group} has fewer than {k} people who are not in {others} as well",
    "{group}中不同时属于 {others} 的人少于 {k} 人",
)
OF_STRATUM = Text("{by} {stratum} of cohort {cohort}", "队列 {cohort} 的 {by} {stratum} 组")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Overlap:
    """A shown group of a cohort that shares people, and has too few of its own.

    Attributes
    ----------
    cohort, stratum_by, stratum
        The group; `all`, `all`: the whole cohort.
    others
        Cohorts that have people of it, those with most first.
    k
        Least number of people who are in no other cohort.
    """

    cohort: str
    stratum_by: str
    stratum: str
    others: tuple[str, ...]
    k: int

    @property
    def group(self) -> tuple[str, str, str]:
        """The group alone."""
        return self.cohort, self.stratum_by, self.stratum

    def say(self) -> str:
        """Say it in the language of the reader; how many they are is not told."""
        text = OF_COHORT if self.stratum_by == ALL else OF_STRATUM
        group = text.say(cohort=self.cohort, by=self.stratum_by, stratum=self.stratum)
        return SHARED.say(group=group, k=self.k, others=", ".join(self.others[:_MOST_NAMED]))


def tell_apart(
    stores: Mapping[str, Store], key: PersonKey, links: Mapping[str, Iterable[str]]
) -> pl.DataFrame:
    """Tell which samples of cohorts are one person.

    They are if anything that tells a person is the same (`sharing.people`), or what they carry
    is, under whatever names.

    Parameters
    ----------
    stores
        By cohort the release that its samples are read from.
    links
        Of a cohort those that the ledger says are the same people.

    Returns
    -------
    pl.DataFrame
        cohort, person (keyed hash of the sample's name), one (Int64: the same for the samples
        of one person).
    """
    found: list[tuple[str, str]] = []
    names: list[list[str]] = []
    rows: list[tuple[Store, pl.DataFrame]] = []
    by_release = {s.release: s for s in stores.values()}
    for release, store in sorted(by_release.items()):
        told = tell(store, [c for c, s in stores.items() if s.release == release], links)
        found += told.rows.select("cohort", "sample").rows()
        names += told.identities
        rows.append((store, told.rows))
    for own, carried in zip(names, _names_by_genotypes(rows), strict=True):
        own.extend(carried)
    return pl.DataFrame(
        {
            "cohort": [c for c, _ in found],
            "person": key.hash_people([s for _, s in found]),
            "one": _joined(names),
        },
        schema={"cohort": pl.String, "person": pl.String, "one": pl.Int64},
    )


def _names_by_genotypes(rows: Sequence[tuple[Store, pl.DataFrame]]) -> list[list[str]]:
    """Name samples by what they carry alone: none, or one name a sample."""
    samples = [row for _, frame in rows for row in frame.iter_rows(named=True)]
    counts = [tuple(int(row[n] or 0) for n in TELLING) for row in samples]
    copies = [copies_of(row) for row in samples]
    # Calls are read of those alone whose numbers somebody of another cohort and name has, too.
    often = [
        Counter(told for told, _ in set(zip(counts, (row[n] for row in samples), strict=True)))
        for n in ("cohort", "sample")
    ]
    doubtful = [
        FEW_COPIES <= n < MANY_COPIES and all(number[told] > 1 for number in often)
        for told, n in zip(counts, copies, strict=True)
    ]
    digests: list[int | None] = []
    for store, frame in rows:
        mine = doubtful[len(digests) : len(digests) + frame.height]
        read = digests_of_alleles(store, frame.filter(pl.Series(mine, dtype=pl.Boolean)))
        digests += [read.get(place) for place in frame.select("cohort", "ordinal").rows()]
    return [
        [f"carried\0{told}\0{digest}"] if n >= MANY_COPIES or digest is not None else []
        for told, n, digest in zip(counts, copies, digests, strict=True)
    ]


def _joined(names: Sequence[Sequence[str]]) -> list[int]:
    """Give one number to samples that have a name in common, or are joined by others."""
    above = list(range(len(names)))

    def root(i: int) -> int:
        while above[i] != i:
            above[i] = above[above[i]]
            i = above[i]
        return i

    first: dict[str, int] = {}
    for i, own in enumerate(names):
        for name in own:
            above[root(i)] = root(first.setdefault(name, i))
    return [root(i) for i in range(len(names))]


def find_overlaps(people: pl.DataFrame, same: pl.DataFrame, k: int) -> list[Overlap]:
    """Find groups that share people with other cohorts and have 0 to k - 1 of their own.

    Groups of fewer than k people are not shown, and not asked.

    Parameters
    ----------
    people
        Of `viewpeople.PEOPLE`: all that is shown together.
    same
        As `tell_apart` gives it.
    k
        Least number of people that is shown; 1 or less: nothing is kept.
    """
    if k <= 1:
        return []
    ones = people.join(same, on=["cohort", "person"]).drop("person").unique()
    where = ones.select("one", "cohort").unique()
    ones = ones.join(where.group_by("one").agg(n_cohorts=pl.len()), on="one")
    group = ["cohort", "stratum_by", "stratum"]
    few = (
        ones.group_by(group)
        .agg(n=pl.len(), alone=(pl.col("n_cohorts") == 1).sum())
        .filter(pl.col("n") >= k, pl.col("alone") < k)
    )
    shared = (
        ones.join(few, on=group, how="semi")
        .join(where.rename({"cohort": "other"}), on="one")
        .filter(pl.col("other") != pl.col("cohort"))
        .group_by([*group, "other"])
        .agg(n=pl.len())
        .sort("n", "other", descending=[True, False])
    )
    found = shared.group_by(group, maintain_order=True).agg("other").sort(group).rows()
    # What is said of a whole cohort says it of its groups.
    whole = {cohort for cohort, by, _, _ in found if by == ALL}
    kept = [row for row in found if row[1] == ALL or row[0] not in whole]
    return [Overlap(c, by, value, tuple(others), k) for c, by, value, others in kept]


def counted_again(
    same: pl.DataFrame, cohorts: Collection[str] | None = None
) -> tuple[int, int]:
    """Count people of several cohorts, and how often too many they are in sums over these.

    Parameters
    ----------
    same
        As `tell_apart` gives it.
    cohorts
        Those that are summed; None: all.
    """
    mine = same if cohorts is None else same.filter(pl.col("cohort").is_in(list(cohorts)))
    often = mine.select("cohort", "one").unique().group_by("one").len()["len"]
    often = often.filter(often > 1)
    return len(often), int(often.sum()) - len(often)
