"""No small count follows from what is published: all small worlds are tried.

One who knows the rule, k and what is published of an allele knows that it is one of the worlds
of which the same is published (`disclosureworlds`). In no world may a number of people or
copies from 1 to k - 1 be the same in all of these. Each rule is broken once, and found.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from disclosureworlds import (
    Ints,
    Rows,
    Sizes,
    Worlds,
    all_worlds,
    learnt,
    numbers_of,
    rows_of,
    rows_of_areas,
    rows_with_quality,
    signatures,
)

from varhouse.disclosure import cells as of_cells
from varhouse.disclosure import earlier, tree
from varhouse.disclosure import protect as of_protect
from varhouse.disclosure.cells import Counts
from varhouse.disclosure.coarsen import Hierarchy
from varhouse.disclosure.earlier import Earlier
from varhouse.disclosure.policy import SmallCounts
from varhouse.disclosure.protect import lay, protect_tables
from varhouse.disclosure.rounding import unrounded

K = 3
TWO_COHORTS: Sizes = {"A": {"all": 6}, "B": {"all": 5}}
THREE_COHORTS: Sizes = {"A": {"all": 6}, "B": {"all": 4}, "C": {"all": 3}}
FOUR_COHORTS: Sizes = {"A": {"all": 3}, "B": {"all": 3}, "C": {"all": 3}, "D": {"all": 3}}
STRATA: Sizes = {"A": {"f": 6, "m": 5, "x": 3}}
GRID: Sizes = {"A": {"f": 3, "m": 3}, "B": {"f": 3, "m": 3}}


def protected(rows: Rows, policy: SmallCounts, before: tuple[Earlier, ...] = ()) -> Rows:
    found = protect_tables(*rows, policy, earlier=before)
    return found.frequencies, found.totals


def search(
    sizes: Sizes, policy: SmallCounts, haploid: str = "", **how: bool
) -> dict[str, int]:
    """Try all worlds of these sizes; give what is learnt of small numbers."""
    worlds = all_worlds(sizes, haploid)
    seen = signatures(protected(rows_of(worlds, **how), policy), worlds.n)
    return learnt(numbers_of(worlds), seen, policy.k)


@pytest.mark.parametrize("detail", ["copies", "genotypes"])
@pytest.mark.parametrize(
    ("sizes", "first"),
    [
        (TWO_COHORTS, "strata"),
        (THREE_COHORTS, "strata"),
        (FOUR_COHORTS, "strata"),
        (STRATA, "strata"),
        (STRATA, "cohorts"),
        (GRID, "strata"),
        (GRID, "cohorts"),
    ],
)
def test_nothing_small_follows(sizes: Sizes, first: str, detail: str) -> None:
    assert search(sizes, SmallCounts(k=K, first=first, detail=detail)) == {}


@pytest.mark.parametrize("strata", [True, False])
def test_nothing_small_follows_where_men_have_one_copy(strata: bool) -> None:
    sizes: Sizes = {"A": {"f": 4, "m": 4}, "B": {"f": 3, "m": 5}}
    assert search(sizes, SmallCounts(k=K), haploid="m", strata=strata) == {}
    # Cohorts of men, or of women, alone.
    sizes = {"A": {"f": 3, "m": 3}, "B": {"m": 4}, "C": {"f": 3}}
    assert search(sizes, SmallCounts(k=K), haploid="m", strata=strata) == {}


@pytest.mark.parametrize("first", ["strata", "cohorts"])
def test_a_cohort_without_strata_is_not_what_those_of_others_leave(first: str) -> None:
    sizes: Sizes = {"A": {"f": 6, "m": 6}, "B": {"all": 6}}
    assert search(sizes, SmallCounts(k=K, first=first), haploid="*") == {}


@pytest.mark.parametrize("rare", ["hide", "show"])
def test_that_an_allele_is_there_tells_no_number(rare: str) -> None:
    assert search(THREE_COHORTS, SmallCounts(k=K, rare_alleles=rare)) == {}


def test_nothing_small_follows_with_a_greater_k() -> None:
    sizes: Sizes = {"A": {"all": 9}, "B": {"all": 7}}
    assert search(sizes, SmallCounts(k=5)) == {}
    assert search({"A": {"f": 9, "m": 8}}, SmallCounts(k=4)) == {}


def test_something_is_shown() -> None:
    # A rule that shows nothing would pass all of these tests.
    worlds = all_worlds(THREE_COHORTS)
    own, totals = protected(rows_of(worlds), SmallCounts(k=K))
    assert totals["ac"].is_not_null().mean() > 0.9
    assert own["ac"].is_not_null().mean() > 0.05
    large = all_worlds({"A": {"all": 12}, "B": {"all": 9}})
    own, _ = protected(rows_of(large), SmallCounts(k=K))
    assert own["ac"].is_not_null().mean() > 0.5


CITIES: Sizes = {"A": {"a": 3, "b": 3, "c": 3, "d": 3}}
AREAS = {"a": "south", "b": "south", "c": "north", "d": "north"}


def test_groups_that_lie_in_groups_of_another_kind_tell_nothing() -> None:
    worlds = all_worlds(CITIES)
    seen = signatures(protected(rows_of_areas(worlds, AREAS), SmallCounts(k=K)), worlds.n)
    assert learnt(numbers_of(worlds), seen, K) == {}


@pytest.mark.parametrize("first", ["strata", "cohorts"])
def test_levels_of_strata_tell_nothing(first: str) -> None:
    worlds = all_worlds(CITIES)
    found = protect_tables(
        *rows_of(worlds), SmallCounts(k=K, first=first), Hierarchy("sex", "region", AREAS)
    )
    seen = signatures((found.frequencies, found.totals), worlds.n)
    assert learnt(numbers_of(worlds), seen, K) == {}
    assert (found.totals.filter(stratum_by="region")["ac"].is_not_null()).any()


def test_kinds_that_are_thought_independent_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_cells, "INDEPENDENT", frozenset({"city", "area"}))
    worlds = all_worlds(CITIES)
    seen = signatures(protected(rows_of_areas(worlds, AREAS), SmallCounts(k=K)), worlds.n)
    assert learnt(numbers_of(worlds), seen, K) != {}


# Several alleles of a site.


def two_alleles(sizes: Sizes) -> tuple[Worlds, Worlds, dict[str, Ints]]:
    """Make all worlds of sites of two alleles: of either one, and people of each genotype."""
    names = ("0/0", "0/1", "0/2", "1/1", "2/2", "1/2")
    leaves = [(c, "all") for c in sizes]
    options = []
    for cohort, _ in leaves:
        n = sizes[cohort]["all"]
        grid = np.indices((n + 1,) * 5).reshape(5, -1)
        grid = grid[:, grid.sum(axis=0) <= n]
        options.append(np.vstack([grid, n - grid.sum(axis=0)]))
    chosen = np.indices([o.shape[1] for o in options]).reshape(len(leaves), -1)
    of = {leaf: o[:, c] for leaf, o, c in zip(leaves, options, chosen, strict=True)}
    first = Worlds(
        sizes,
        {leaf: v[1] + v[5] for leaf, v in of.items()},
        {leaf: v[3] for leaf, v in of.items()},
    )
    second = Worlds(
        sizes,
        {leaf: v[2] + v[5] for leaf, v in of.items()},
        {leaf: v[4] for leaf, v in of.items()},
    )
    numbers = {
        f"{leaf[0]} {name}": v[i] for leaf, v in of.items() for i, name in enumerate(names)
    }
    return first, second, numbers


def search_sites(sizes: Sizes, policy: SmallCounts) -> dict[str, int]:
    first, second, genotypes = two_alleles(sizes)
    rows = [rows_of(first, "C"), rows_of(second, "G")]
    both = tuple(pl.concat([r[i] for r in rows]) for i in (0, 1))
    seen = signatures(protected((both[0], both[1]), policy), first.n)
    numbers = [
        *((f"C {n}", v) for n, v in numbers_of(first)),
        *((f"G {n}", v) for n, v in numbers_of(second)),
        *genotypes.items(),
    ]
    return learnt(numbers, seen, policy.k)


@pytest.mark.parametrize(
    "sizes", [{"A": {"all": 7}}, {"A": {"all": 11}}, {"A": {"all": 4}, "B": {"all": 3}}]
)
def test_other_alleles_of_a_site_tell_nothing(sizes: Sizes) -> None:
    assert search_sites(sizes, SmallCounts(k=K)) == {}


# Genotypes of high quality.


def search_quality(sizes: Sizes, policy: SmallCounts) -> dict[str, int]:
    """Try all worlds in which some of those who carry the allele are of low quality."""
    graded: Sizes = {c: {"good": s["all"], "low": s["all"]} for c, s in sizes.items()}
    both = all_worlds(graded)
    fits = np.ones(both.n, np.bool_)
    for c, s in sizes.items():
        carriers = sum(both.het[c, q] + both.hom[c, q] for q in ("good", "low"))
        fits &= carriers <= s["all"]

    def worlds(*qualities: str) -> Worlds:
        def of(counts: dict[tuple[str, str], Ints]) -> dict[tuple[str, str], Ints]:
            return {(c, "all"): sum(counts[c, q][fits] for q in qualities) for c in sizes}

        return Worlds(sizes, of(both.het), of(both.hom))

    good, low, every = worlds("good"), worlds("low"), worlds("good", "low")
    rows = rows_with_quality(every, good)
    seen = signatures(protected(rows, policy), every.n)
    numbers = [
        (f"{what} {name}", v)
        for what, some in (("good", good), ("low", low), ("all", every))
        for name, v in numbers_of(some)
        # Whether somebody without the allele is of high quality is not counted here.
        if what == "all" or "other" not in name
    ]
    return learnt(numbers, seen, policy.k)


@pytest.mark.parametrize("detail", ["copies", "genotypes"])
@pytest.mark.parametrize("sizes", [{"A": {"all": 9}}, {"A": {"all": 4}, "B": {"all": 3}}])
def test_counts_of_high_quality_tell_nothing(sizes: Sizes, detail: str) -> None:
    assert search_quality(sizes, SmallCounts(k=K, detail=detail)) == {}


def test_a_broken_rule_of_quality_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(rows: pl.DataFrame, _: int) -> Counts:
        none = np.zeros((rows.height, 1), np.int64)
        return Counts(none, np.array([1]), np.array([True]))

    monkeypatch.setattr(of_cells, "quality", nothing)
    assert search_quality({"A": {"all": 9}}, SmallCounts(k=K)) != {}


# Releases.


Joined = dict[str, dict[str, list[int]]]
"""Of each stratum of a cohort (`all`: none) how many joined in each release, first to last."""


def whole(**cohorts: list[int]) -> Joined:
    """Give cohorts without strata."""
    return {cohort: {"all": joined} for cohort, joined in cohorts.items()}


def releases_of(joined: Joined, haploid: str) -> tuple[list[Worlds], list[Worlds]]:
    """Make all worlds of releases: of each release, and of those who joined in it."""
    leaves = [(c, s) for c, strata in joined.items() for s in strata]
    n = len(joined[leaves[0][0]][leaves[0][1]])
    sizes: Sizes = {
        c: {f"{s} {i}": m for s, v in strata.items() for i, m in enumerate(v)}
        for c, strata in joined.items()
    }
    worlds = all_worlds(sizes, haploid)

    def of(parts: list[int]) -> Worlds:
        def add(counts: dict[tuple[str, str], Ints]) -> dict[tuple[str, str], Ints]:
            return {(c, s): sum(counts[c, f"{s} {i}"] for i in parts) for c, s in leaves}

        people: Sizes = {
            c: {s: sum(v[i] for i in parts) for s, v in strata.items()}
            for c, strata in joined.items()
        }
        return Worlds(people, add(worlds.het), add(worlds.hom), haploid)

    return [of(list(range(i + 1))) for i in range(n)], [of([i]) for i in range(n)]


def changed_groups(joined: Worlds) -> pl.DataFrame:
    """Count who changed by group, as views do, where these joined and nobody left."""
    rows = [
        (c, "all" if s == "all" else "sex", s, joined.people(leaves))
        for c, s, leaves in joined.groups()
    ]
    names = ["cohort", "stratum_by", "stratum"]
    schema = {**dict.fromkeys(names, pl.String), "people": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row").unique(names)


def shown_as(found: Rows, raw: Rows) -> Rows:
    """Give rows that may have been rounded as an `Earlier` has them."""
    rows = unrounded(lay(*found), lay(*raw))
    is_total = pl.col("cohort").is_null()
    return rows.filter(~is_total), rows.filter(is_total)


def search_releases(
    joined: Joined, policy: SmallCounts, haploid: str = "", bases: Sequence[int] = ()
) -> dict[str, int]:
    """Try all worlds of releases; give what is learnt of each, and of those who joined.

    `bases`: what counts of each release are rounded to.
    """
    releases, new = releases_of(joined, haploid)
    published: list[Rows] = []
    seen = np.zeros(releases[0].n, np.int64)
    for number, worlds in enumerate(releases):
        before = []
        for i, rows in enumerate(published):
            since: Sizes = {
                c: {s: sum(v[i + 1 : number + 1]) for s, v in strata.items()}
                for c, strata in joined.items()
            }
            before.append(Earlier(*rows, changed_groups(Worlds(since, worlds.het, {}))))
        sizes = changed_groups(worlds).filter(pl.col("cohort").is_not_null())
        if bases:
            policy = replace(policy, masking="round", base=bases[number])
        raw = rows_of(worlds)
        found = protect_tables(*raw, policy, earlier=tuple(before), sizes=sizes)
        published.append(shown_as((found.frequencies, found.totals), raw))
        seen = seen * 31 + signatures((found.frequencies, found.totals), worlds.n)
    numbers = [
        (f"{what} {i} {name}", v)
        for what, some in (("release", releases), ("joined", new))
        for i, worlds in enumerate(some)
        for name, v in numbers_of(worlds)
    ]
    return learnt(numbers, seen, policy.k)


@pytest.mark.parametrize(
    ("joined", "haploid"),
    [
        (whole(A=[6, 4]), ""),
        (whole(A=[4, 3], B=[3, 0]), ""),
        (whole(A=[3, 3], B=[3, 3]), ""),
        (whole(A=[3, 3, 3]), ""),
        (whole(A=[6, 8], B=[5, 5]), "*"),
        (whole(A=[6, 3], B=[5, 0], C=[4, 4]), "*"),
        (whole(A=[6, 4, 4], B=[5, 0, 3]), "*"),
    ],
)
def test_releases_tell_nothing_of_who_joined(joined: Joined, haploid: str) -> None:
    assert search_releases(joined, SmallCounts(k=K), haploid) == {}


ROUNDED = whole(A=[12, 8], B=[9, 6])


@pytest.mark.parametrize("bases", [(3, 3), (1, 3), (20, 1)])
@pytest.mark.parametrize(
    ("joined", "haploid"),
    [(ROUNDED, "*"), ({"A": {"f": [4, 4], "m": [5, 5]}}, "m")],
)
def test_releases_that_are_rounded_tell_nothing(
    joined: Joined, haploid: str, bases: tuple[int, int]
) -> None:
    assert search_releases(joined, SmallCounts(k=K), haploid, bases) == {}


@pytest.mark.parametrize("bases", [(3, 3), (20, 1)])
def test_that_rounded_counts_were_compared_is_found(
    bases: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "shown_as", lambda found, _: found)
    assert search_releases(ROUNDED, SmallCounts(k=K), "*", bases) != {}


def test_releases_tell_nothing_with_a_greater_k() -> None:
    joined: Joined = {"A": {"f": [9, 9], "m": [10, 10]}}
    assert search_releases(joined, SmallCounts(k=5), "*") == {}


STRATA_THAT_GROW: Joined = {"A": {"f": [6, 6], "m": [7, 7]}}


@pytest.mark.parametrize("first", ["strata", "cohorts"])
@pytest.mark.parametrize(
    ("joined", "haploid"),
    [
        (STRATA_THAT_GROW, "*"),
        ({"A": {"f": [4, 3], "m": [3, 3]}}, ""),
        ({"A": {"f": [8, 8], "m": [6, 6]}}, "*"),
        ({"A": {"f": [9, 0], "m": [7, 7]}}, "*"),
        ({"A": {"f": [5, 4, 3], "m": [5, 3, 5]}}, "*"),
        ({"A": {"f": [4, 4], "m": [5, 5]}}, "m"),
    ],
)
def test_releases_with_strata_tell_nothing(joined: Joined, haploid: str, first: str) -> None:
    assert search_releases(joined, SmallCounts(k=K, first=first), haploid) == {}


@pytest.mark.parametrize("how", [{"rare_alleles": "show"}, {"detail": "genotypes"}])
@pytest.mark.parametrize(
    ("joined", "haploid"),
    [
        (STRATA_THAT_GROW, "*"),
        (whole(A=[6, 6], B=[7, 7]), "*"),
        ({"A": {"f": [5, 4, 3], "m": [5, 3, 5]}}, "*"),
        ({"A": {"f": [4, 4], "m": [5, 5]}}, "m"),
    ],
)
def test_releases_tell_nothing_whatever_is_set(
    joined: Joined, haploid: str, how: dict[str, str]
) -> None:
    assert search_releases(joined, SmallCounts(k=K, **how), haploid) == {}


@pytest.mark.parametrize("bases", [(1, 1), (20, 1)])
@pytest.mark.parametrize(
    ("sizes", "is_open", "k", "haploid"),
    [
        ({"A": {"all": 4}, "B": {"all": 3}, "C": {"all": 4}}, "AB", 3, ""),
        ({"A": {"all": 6}, "B": {"all": 5}, "C": {"all": 4}, "D": {"all": 3}}, "AD", 3, "*"),
        ({"A": {"all": 6}, "B": {"all": 6}}, "A", 5, ""),
    ],
)
def test_a_role_beside_a_more_open_one_tells_nothing(
    sizes: Sizes, is_open: str, k: int, haploid: str, bases: tuple[int, int]
) -> None:
    """The more open role sees some of the cohorts, has a greater k, and may be rounded."""
    wide, own_rule = (
        SmallCounts(k=n, masking="round", base=b) for n, b in zip((k, K), bases, strict=True)
    )
    worlds = all_worlds(sizes, haploid)

    def some(counts: dict[tuple[str, str], Ints]) -> dict[tuple[str, str], Ints]:
        return {leaf: v for leaf, v in counts.items() if leaf[0] in is_open}

    own = {c: s for c, s in sizes.items() if c in is_open}
    wider = Worlds(own, some(worlds.het), some(worlds.hom), haploid)
    first = protected(rows_of(wider), wide)
    people = {c: 0 if c in is_open else s["all"] for c, s in sizes.items()}
    changed = pl.DataFrame(
        {
            "cohort": pl.Series([*people, None], dtype=pl.String),
            "stratum_by": "all",
            "stratum": "all",
            "people": [*people.values(), sum(people.values())],
        }
    )
    before = Earlier(*shown_as(first, rows_of(wider)), changed, same_role=False)
    second = protected(rows_of(worlds), own_rule, (before,))
    seen = signatures(first, worlds.n) * 31 + signatures(second, worlds.n)
    assert learnt(numbers_of(worlds), seen, K) == {}


# Each rule is broken once, and what follows then is found.


def without_complement(patch: pytest.MonkeyPatch) -> None:
    def of_alt(make: Callable[..., Counts]) -> Callable[..., Counts]:
        def wrapped(rows: pl.DataFrame, k: int) -> Counts:
            c = make(rows, k)
            return Counts(c.values[:, c.of_alt], c.least[c.of_alt], c.of_alt[c.of_alt])

        return wrapped

    patch.setattr(of_cells, "copies", of_alt(of_cells.copies))
    patch.setattr(of_cells, "genotypes", of_alt(of_cells.genotypes))


def without_siblings(patch: pytest.MonkeyPatch) -> None:
    steps = tree._steps

    def alone(*args: object) -> tree._Steps:
        found = steps(*args)  # type: ignore[arg-type]
        return tree._Steps(found.own, found.own, found.sums_are_safe)

    patch.setattr(tree, "_steps", alone)


def without_sums(patch: pytest.MonkeyPatch) -> None:
    steps = tree._steps

    def all_safe(*args: object) -> tree._Steps:
        found = steps(*args)  # type: ignore[arg-type]
        return tree._Steps(found.own, found.taken, found.sums_are_safe | True)

    patch.setattr(tree, "_steps", all_safe)


def without_presence(patch: pytest.MonkeyPatch) -> None:
    safe = Counts.are_safe
    patch.setattr(Counts, "are_safe", lambda self, values, more=None: safe(self, values))


def without_held(patch: pytest.MonkeyPatch) -> None:
    def nothing(cells: of_cells.Cells, counts: Counts) -> Counts:
        return Counts(counts.values * 0, counts.least, counts.of_alt)

    patch.setattr(of_cells, "held_by_cohorts", nothing)


def without_one_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tree, "_one_way", lambda cells, *_: np.ones(cells.size, np.bool_))


def with_strata_beside_cohorts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tree, "_sums_of_shown", lambda cells, shown: shown)


def with_fewer_copies(patch: pytest.MonkeyPatch) -> None:
    copies = of_cells.copies

    def fewer(rows: pl.DataFrame, k: int) -> Counts:
        c = copies(rows, k)
        return Counts(c.values, np.minimum(c.least, k), c.of_alt)

    patch.setattr(of_cells, "copies", fewer)


def with_genotypes_by_row(patch: pytest.MonkeyPatch) -> None:
    def by_row(_cells: object, copies: Ints, genotypes: Ints, _policy: object) -> Ints:
        return np.where(genotypes, 2, np.where(copies, 1, 0))

    patch.setattr(of_protect, "_levels", by_row)


def with_most_genotypes(patch: pytest.MonkeyPatch) -> None:
    def most(cells: of_cells.Cells, copies: Ints, genotypes: Ints, _policy: object) -> Ints:
        n = int(cells.allele.max()) + 1
        detailed = tree.all_of(cells.allele, ~copies | genotypes, n)[cells.allele]
        return np.where(detailed, np.where(genotypes, 2, 0), np.where(copies, 1, 0))

    patch.setattr(of_protect, "_levels", most)


@pytest.mark.parametrize(
    ("broken", "sizes", "first"),
    [
        (without_complement, TWO_COHORTS, "strata"),
        (without_siblings, TWO_COHORTS, "strata"),
        (without_sums, FOUR_COHORTS, "strata"),
        (without_presence, FOUR_COHORTS, "strata"),
        (without_held, {"A": {"f": 4, "m": 3}, "B": {"f": 3, "m": 3}}, "strata"),
        (without_one_way, GRID, "strata"),
        (with_strata_beside_cohorts, GRID, "cohorts"),
        (with_fewer_copies, TWO_COHORTS, "strata"),
        (with_genotypes_by_row, TWO_COHORTS, "strata"),
        (with_most_genotypes, {"A": {"all": 6}, "B": {"all": 5}, "C": {"all": 4}}, "strata"),
    ],
)
def test_a_broken_rule_is_found(
    broken: Callable[[pytest.MonkeyPatch], None],
    sizes: Sizes,
    first: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken(monkeypatch)
    assert search(sizes, SmallCounts(k=K, first=first)) != {}


def test_a_broken_rule_of_sites_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_protect, "_sites_together", lambda _, a, b, __: (a, b))
    assert search_sites({"A": {"all": 7}}, SmallCounts(k=K)) != {}


@pytest.mark.parametrize("rule", ["was_masked", "had_copies_alone", "comes_too_early", "by"])
def test_a_broken_rule_of_releases_is_found(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: earlier._Then, *_: object) -> Ints:
        never = np.zeros(self.cells.size, np.bool_)
        return np.full(self.cells.size, earlier._NOT_KNOWN) if rule == "by" else never

    monkeypatch.setattr(earlier._Then, rule, none)
    joined = whole(A=[3, 3], B=[3, 3]) if rule == "was_masked" else whole(A=[6, 4])
    assert search_releases(joined, SmallCounts(k=K)) != {}


def test_a_rule_that_asks_each_stratum_by_itself_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_all = earlier._Then.comes_too_early

    def by_itself(self: earlier._Then, have: Ints, each: Ints) -> Ints:
        is_total = self.cells.kind == of_cells.ROOT
        most = each * self.people + 1
        alone = ~self.allele_shown & (have > most)
        return np.where(is_total, of_all(self, have, each), alone)

    monkeypatch.setattr(earlier._Then, "comes_too_early", by_itself)
    assert search_releases(STRATA_THAT_GROW, SmallCounts(k=K), "*") != {}


def test_a_rule_that_takes_women_and_men_together_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_without = earlier._Then.by_without
    monkeypatch.setattr(earlier._Then, "by_without", lambda self: by_without(self)[:1])
    joined: Joined = {"A": {"f": [4, 4], "m": [5, 5]}}
    assert search_releases(joined, SmallCounts(k=K, detail="genotypes"), "m") != {}


def test_who_joined_a_masked_cohort_that_alone_has_a_row_is_counted() -> None:
    # One of the 8 who joined A does not carry it; nobody of B does.
    def world(f: int, m: int, each: int, b: int) -> Worlds:
        sizes: Sizes = {"A": {"f": each, "m": each}, "B": {"f": b, "m": b}}
        none = np.zeros(1, np.int64)
        leaves = [(c, s) for c, strata in sizes.items() for s in strata]
        het = {leaf: none for leaf in leaves} | {("A", "f"): none + f, ("A", "m"): none + m}
        return Worlds(sizes, het, {leaf: none for leaf in leaves}, "*")

    first = protected(rows_of(world(1, 3, 4, 3)), SmallCounts(k=K))
    assert first[1].filter(stratum="all")["ac"].to_list() == [4]
    before = Earlier(*first, changed_groups(world(0, 0, 4, 3)))
    second = protected(rows_of(world(4, 7, 8, 6)), SmallCounts(k=K), (before,))
    assert second[1].is_empty()
