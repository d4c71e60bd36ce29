"""What rows of counts show after protection: numbers, levels, rounding, other columns."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from disclosureworlds import Rows, finished

from varhouse.attack.smallcells import find_small, with_scope
from varhouse.disclosure.coarsen import Hierarchy
from varhouse.disclosure.earlier import Earlier
from varhouse.disclosure.policy import SmallCounts
from varhouse.disclosure.protect import Protected, lay, protect_tables
from varhouse.disclosure.rounding import unrounded
from varhouse.tables.schema import FREQUENCIES, TOTALS
from varhouse.tables.statistics import STATISTICS, counts_of
from varhouse.tables.totals import sum_cohorts

Group = tuple[int, int, int]
"""People, heterozygotes, homozygotes."""


def rows(cohorts: dict[str, dict[str, Group]], by: str = "province", pos: int = 10) -> Rows:
    """Make rows of an allele of cohorts, each of strata."""
    own: list[dict[str, Any]] = []
    for cohort, strata in cohorts.items():
        whole = tuple(sum(g[i] for g in strata.values()) for i in range(3))
        for stratum, (n, het, hom) in {"all": whole, **strata}.items():
            counts = dict.fromkeys(counts_of("totals"), 0) | {
                "ac": het + 2 * hom, "an": 2 * n, "an_written": 2 * n, "n_het": het,
                "n_hom_alt": hom, "n_samples": n,
            }  # fmt: skip
            named = {"stratum_by": "all" if stratum == "all" else by, "stratum": stratum}
            own.append({"pos": pos, "cohort": cohort, **named, **counts})
    frequencies = finished(pl.DataFrame(own), FREQUENCIES)
    totals = sum_cohorts(frequencies).with_columns(part=pl.lit("1"))
    return frequencies, totals.select(TOTALS.names)


def shown(found: pl.DataFrame, name: str = "ac") -> dict[str, Any]:
    """Give a column of rows by cohort and stratum."""
    label = pl.concat_str(
        pl.col("cohort") + "/" if "cohort" in found.columns else pl.lit(""), "stratum"
    )
    frame = found.select(label.alias("label"), name)
    return dict(zip(frame["label"], frame[name], strict=True))


PROVINCES: dict[str, dict[str, Group]] = {
    "A": {"gd": (60, 30, 8), "gx": (30, 2, 1), "bj": (40, 20, 5), "tj": (20, 10, 0)}
}


def test_a_small_count_is_masked_with_another_one() -> None:
    found = protect_tables(*rows(PROVINCES), SmallCounts(k=5))
    # 4 copies of gx would follow from all others, so tj (fewer people) is masked as well.
    assert shown(found.totals) == {"all": 90, "gd": 46, "bj": 30, "gx": None, "tj": None}
    assert shown(found.totals, "an") == {"all": 300, "gd": 120, "bj": 80, "gx": 60, "tj": 40}
    assert shown(found.frequencies)["A/all"] is None or found.account["copies"]


def test_regions_are_shown_where_provinces_are_not() -> None:
    levels = Hierarchy(
        "province", "region", {"gd": "south", "gx": "south", "bj": "north", "tj": "north"}
    )
    found = protect_tables(*rows(PROVINCES), SmallCounts(k=5), levels)
    totals = shown(found.totals)
    assert totals["south"] == 50
    assert totals["north"] == 40
    assert totals["gd"] is totals["gx"] is None
    # Those of the other region do not depend on them.
    assert (totals["bj"], totals["tj"]) == (30, 10)
    by = found.totals.filter(pl.col("stratum") == "south")
    assert by["stratum_by"].to_list() == ["region"]
    assert by["af"].to_list() == [50 / 180]


def test_a_value_without_a_region_stays_by_itself() -> None:
    levels = Hierarchy("province", "region", {"gd": "south", "gx": "south"})
    found = protect_tables(*rows(PROVINCES), SmallCounts(k=5), levels)
    assert set(found.totals["stratum"]) >= {"south", "bj", "tj"}


def test_what_is_made_of_a_masked_number_is_masked() -> None:
    found = protect_tables(*rows(PROVINCES), SmallCounts(k=5))
    site = {"an", "an_written", "n_missing", "n_samples", "call_rate", "n_not_diploid",
            "n_cohorts"}  # fmt: skip
    masked = found.totals.filter(pl.col("stratum") == "gx").row(0, named=True)
    told = {s.name for s in STATISTICS if masked.get(s.name) is not None}
    assert told <= site
    assert masked["an"] == 60


def test_a_new_statistic_is_masked_until_somebody_decides() -> None:
    own, totals = rows(PROVINCES)
    names = {s.name for s in STATISTICS}
    found = protect_tables(own, totals, SmallCounts(k=5))
    assert set(found.totals.columns) == set(totals.columns)
    few = found.totals.filter(pl.col("ac").is_null())
    assert few.height
    kept = {n for n in names & set(few.columns) if few[n].null_count() < few.height}
    assert "n_het" not in kept


def test_an_allele_of_few_is_not_there_unless_asked_for() -> None:
    few = rows({"A": {"f": (50, 2, 0), "m": (50, 1, 0)}})
    hidden = protect_tables(*few, SmallCounts(k=5))
    assert hidden.totals.is_empty()
    assert hidden.frequencies.is_empty()
    assert hidden.hidden.height == hidden.account["alleles_hidden"] == 1
    there = protect_tables(*few, SmallCounts(k=5, rare_alleles="show"))
    assert set(there.totals["ac"]) == {None}
    assert there.totals["an"].null_count() == 0
    assert there.hidden.is_empty()


def test_nearly_all_carriers_are_as_telling_as_few() -> None:
    # Two of 100 do not carry it.
    found = protect_tables(*rows({"A": {"f": (100, 2, 96)}}), SmallCounts(k=5))
    assert found.totals.is_empty()


@pytest.mark.parametrize(("k", "is_shown"), [(5, True), (6, False)])
def test_k_is_the_least_that_is_shown(k: int, is_shown: bool) -> None:
    found = protect_tables(*rows({"A": {"f": (100, 5, 0)}}), SmallCounts(k=k))
    assert (found.totals.height > 0) is is_shown


@pytest.mark.parametrize(("n", "is_shown"), [(20, False), (21, True)])
def test_no_count_of_1_to_20_of_all_of_us_is_shown(n: int, is_shown: bool) -> None:
    found = protect_tables(*rows({"A": {"f": (400, n, 0)}}), SmallCounts(k=21))
    assert (found.totals.height > 0) is is_shown


def test_a_stratum_of_few_people_tells_not_how_few() -> None:
    found = protect_tables(
        *rows({"A": {"gd": (60, 30, 8), "gx": (50, 22, 5), "xz": (3, 0, 0)}}), SmallCounts(k=5)
    )
    people = shown(found.totals, "n_samples")
    # 3 would follow from that of gx.
    assert people == {"all": 113, "gd": 60, "gx": None, "xz": None}
    assert shown(found.totals, "an")["gx"] is None


FEW_MEN: dict[str, dict[str, Group]] = {
    "A": {"f": (60, 30, 8), "m": (3, 0, 0)},
    "B": {"f": (40, 20, 5), "m": (30, 9, 0)},
}


def test_cohorts_say_how_many_they_are_beside_strata_of_few_people() -> None:
    policy = SmallCounts(k=5, first="strata")
    found = protect_tables(*rows(FEW_MEN, "sex"), policy)
    assert shown(found.totals, "n_samples") == {"all": 133, "f": 100, "m": 33}
    # What 3 follows from is not there: no row of a stratum of a cohort.
    assert shown(found.frequencies, "n_samples") == {"A/all": 63, "B/all": 70}
    found = protect_tables(*rows(FEW_MEN, "sex"), SmallCounts(k=5))
    assert shown(found.totals, "n_samples") == {"all": 133, "f": None, "m": None}
    of_cohorts = shown(found.frequencies, "n_samples")
    assert of_cohorts == {"A/all": 63, "B/all": 70, "B/f": 40, "B/m": 30}


@pytest.mark.parametrize("first", ["strata", "cohorts"])
def test_a_cohort_without_a_row_does_not_tell_how_few_a_stratum_is(first: str) -> None:
    # Nobody of A carries the allele, so it has no row; how many it is follows from another.
    own, totals = rows(FEW_MEN, "sex")
    own = own.filter(pl.col("cohort") == "B")
    sizes = pl.DataFrame(
        [
            {"cohort": c, "stratum_by": "all" if s == "all" else "sex", "stratum": s,
             "people": n}
            for c, strata in FEW_MEN.items()
            for s, n in {"all": sum(g[0] for g in strata.values()),
                         **{s: g[0] for s, g in strata.items()}}.items()
        ]
    )  # fmt: skip
    found = protect_tables(own, totals, SmallCounts(k=5, first=first), sizes=sizes)
    of_all, of_b = shown(found.totals, "n_samples"), shown(found.frequencies, "n_samples")
    assert of_all.get("m") is None or of_b.get("B/m") is None
    # Without A's men: its women, from which they follow.
    assert of_all.get("f") is None or of_b.get("B/f") is None


def test_a_group_says_at_every_site_or_at_none_how_many_it_is() -> None:
    strata: dict[str, Group] = {"f": (30, 12, 4), "m": (31, 14, 4), "x": (3, 0, 0)}
    own, totals = rows({"A": strata}, "sex")
    # Men have one copy here, so there are fewer of theirs than of women.
    is_man = pl.col("stratum") == "m"
    haploid = [
        r.with_columns(
            pos=pl.lit(11, r.schema["pos"]), an=pl.when(is_man).then(31).otherwise("an")
        )
        for r in (own, totals)
    ]
    found = protect_tables(
        pl.concat([own, haploid[0]]), pl.concat([totals, haploid[1]]), SmallCounts(k=5)
    )
    told = found.totals.filter(pl.col("n_samples").is_not_null())["stratum"].unique()
    assert not {"f", "m"} <= set(told)


def test_a_cohort_that_alone_has_rows_is_shown_as_the_total() -> None:
    for first in ("strata", "cohorts"):
        found = protect_tables(*rows(PROVINCES), SmallCounts(k=5, first=first))
        of_all = shown(found.totals)
        assert shown(found.frequencies) == {f"A/{s}": n for s, n in of_all.items()}
        assert of_all["bj"] == 30


def test_cohorts_are_shown_with_strata_where_all_of_both_may_be() -> None:
    large = {c: {"f": (100, 40, 10), "m": (90, 30, 9)} for c in "AB"}
    found = protect_tables(*rows(large, "sex"), SmallCounts(k=5))
    assert found.totals["n_hom_alt"].null_count() == 0
    assert found.frequencies["n_hom_alt"].null_count() == 0
    large["B"]["m"] = (90, 30, 2)
    strata = protect_tables(*rows(large, "sex"), SmallCounts(k=5, first="strata"))
    # Copies can all be shown, genotypes cannot.
    assert strata.frequencies["ac"].null_count() == 0
    assert strata.totals["n_hom_alt"].null_count() == strata.totals.height
    large["B"]["m"] = (90, 3, 0)
    strata = protect_tables(*rows(large, "sex"), SmallCounts(k=5, first="strata"))
    assert strata.totals["ac"].null_count() == 0
    assert strata.frequencies["ac"].null_count() == strata.frequencies.height
    cohorts = protect_tables(*rows(large, "sex"), SmallCounts(k=5, first="cohorts"))
    assert shown(cohorts.frequencies)["A/f"] == 60
    assert shown(cohorts.frequencies)["B/f"] is None
    assert shown(cohorts.totals)["f"] is None
    large["B"] |= {"f": (100, 40, 10), "m": (90, 30, 9), "x": (40, 3, 0)}
    cohorts = protect_tables(*rows(large, "sex"), SmallCounts(k=5))
    # The greatest group of each cohort is shown, and so is their sum.
    assert shown(cohorts.frequencies)["B/f"] == 60
    assert shown(cohorts.totals)["f"] == 120
    assert shown(cohorts.totals)["m"] is None


def test_rounded_counts_stay_large_and_shares_are_made_of_them() -> None:
    policy = SmallCounts(k=5, masking="round", base=5)
    found = protect_tables(*rows({"A": {"f": (101, 33, 7)}}), policy)
    row = found.totals.filter(pl.col("stratum") == "all").row(0, named=True)
    assert (row["ac"], row["an"], row["n_samples"]) == (45, 200, 100)
    assert row["af"] == 45 / 200
    least = protect_tables(*rows({"A": {"f": (100, 5, 0)}}), policy)
    assert least.totals["n_het"].to_list() == [5, 5]


@pytest.mark.parametrize("n", [0, 5, 49, 50, 149, 150, 249])
def test_a_base_above_k_makes_nobody_of_few(n: int) -> None:
    """Rounded to hundreds: all from 5 to 149 are 100, and 0 is 0."""
    policy = SmallCounts(k=5, masking="round", base=100)
    found = protect_tables(*rows({"A": {"f": (1000, 300, n)}}), policy)
    row = found.totals.filter(pl.col("stratum") == "all").row(0, named=True)
    said = {0: 0, 5: 100, 49: 100, 50: 100, 149: 100, 150: 200, 249: 200}[n]
    assert (row["n_hom_alt"], row["an"], row["n_samples"]) == (said, 2000, 1000)
    assert row["ac"] % 100 == 0
    assert row["af"] == row["ac"] / 2000


@pytest.mark.parametrize(("n", "said"), [(21, 25), (22, 25), (27, 25), (28, 30)])
def test_what_is_rounded_is_not_below_k(n: int, said: int) -> None:
    """21 is the least that is shown, and 20 is nearer to it than 25."""
    policy = SmallCounts(k=21, masking="round", base=5)
    found = protect_tables(*rows({"A": {"f": (1000, 300, n)}}), policy)
    assert found.totals["n_hom_alt"].to_list() == [said, said]


def test_rounding_far_leaves_no_share_above_one() -> None:
    """Counts that are rounded apart may add up to more than their whole: shares are shares."""
    large = {c: {"f": (251, 120, 90), "m": (249, 60, 155)} for c in "AB"}
    for base in (7, 100, 400):
        policy = SmallCounts(k=5, masking="round", base=base)
        found = protect_tables(*rows(large), policy)
        for table in (found.frequencies, found.totals):
            shares = [
                n
                for n in ("af", "call_rate", "hwe_p", "hwe_midp", "faf95")
                if n in table.columns
            ]
            for n in shares:
                assert table[n].drop_nulls().is_between(0, 1).all(), (base, n)


def test_without_protection_nothing_changes() -> None:
    own, totals = rows(PROVINCES)
    found = protect_tables(own, totals, SmallCounts(k=1))
    assert found.frequencies.equals(own)
    assert found.totals.equals(totals)


def test_no_rows_are_no_mistake() -> None:
    own, totals = rows(PROVINCES)
    found = protect_tables(own.clear(), totals.clear(), SmallCounts())
    assert found.totals.is_empty()
    few = protect_tables(*rows({"A": {"f": (9, 1, 0)}}), SmallCounts())
    assert few.frequencies.columns == FREQUENCIES.names or few.frequencies.is_empty()


def test_a_release_may_not_differ_by_few_from_an_earlier_one() -> None:
    def of(het: int) -> Rows:
        return rows({"A": {"f": (100, het, 0)}})

    def after(het: int, people: int | None) -> Any:
        first = protect_tables(*of(20), SmallCounts(k=5))
        changed = pl.DataFrame(
            {"cohort": ["A", None], "stratum_by": "all", "stratum": "all", "people": people}
        )
        before = Earlier(first.frequencies, first.totals, None if people is None else changed)
        found = protect_tables(*of(het), SmallCounts(k=5), earlier=[before])
        return shown(found.totals).get("all")

    assert after(20, None) == 20
    assert after(23, None) is None
    assert after(35, None) == 35
    # Nobody joined: the same people, called again.
    assert after(35, 0) is None
    assert after(35, 4) is None
    assert after(20, 0) == 20


@pytest.mark.parametrize(("joined", "is_said"), [((0, 12), True), ((2, 10), False)])
def test_a_stratum_does_not_say_that_few_joined(
    joined: tuple[int, int], is_said: bool
) -> None:
    first = protect_tables(
        *rows({"A": {"f": (60, 20, 5), "m": (50, 18, 5)}}), SmallCounts(k=5)
    )
    f, m = joined
    changed = [("all", "all", 12), ("province", "f", f), ("province", "m", m)]
    names = ["cohort", "stratum_by", "stratum", "people"]
    groups = [(c, *group) for c in ("A", None) for group in changed]
    before = Earlier(
        first.frequencies, first.totals, pl.DataFrame(groups, names, orient="row")
    )
    now = rows({"A": {"f": (60 + f, 20 + f, 5), "m": (50 + m, 18 + m, 5)}})
    found = protect_tables(*now, SmallCounts(k=5), earlier=[before])
    told = {"f": 60 + f, "m": 50 + m} if is_said else {"f": None, "m": None}
    assert shown(found.totals, "n_samples") == {"all": 122, **told}


@pytest.mark.parametrize("same_role", [True, False])
@pytest.mark.parametrize("bases", [(5, 5), (1, 100), (100, 1), (100, 50)])
def test_rounding_is_no_difference_between_releases(
    bases: tuple[int, int], same_role: bool
) -> None:
    """Of 103 copies and 100, rounded to hundreds, nobody added three.

    So `public` may be coarse and `registered` fine; and a view that was exact may be rounded.
    """
    then, now = (SmallCounts(k=5, masking="round", base=b) for b in bases)
    same = rows({"A": {"f": (301, 83, 10), "m": (294, 21, 13)}})
    first = protect_tables(*same, then)
    nobody = pl.DataFrame(
        {"cohort": ["A", None], "stratum_by": "all", "stratum": "all", "people": 0}
    )
    of_then = unrounded(lay(first.frequencies, first.totals), lay(*same))
    is_total = pl.col("cohort").is_null()
    parts = of_then.filter(~is_total), of_then.filter(is_total)
    before = Earlier(*parts, nobody, same_role)
    second, alone = protect_tables(*same, now, earlier=[before]), protect_tables(*same, now)
    assert second.totals.equals(alone.totals)
    assert second.frequencies.equals(alone.frequencies)
    assert alone.totals["ac"].null_count() == 0


def test_what_was_rounded_is_known_and_what_was_masked_is_not() -> None:
    policy = SmallCounts(k=5, masking="round", base=50)
    found, exact = protect_tables(*rows(PROVINCES), policy), rows(PROVINCES)[1]
    back = unrounded(lay(found.frequencies, found.totals), lay(*rows(PROVINCES)))
    totals = back.filter(pl.col("cohort").is_null())
    masked = shown(protect_tables(*rows(PROVINCES), SmallCounts(k=5)).totals)
    assert shown(totals.drop("cohort")) == masked
    assert shown(found.totals) != masked
    assert set(shown(totals.drop("cohort"), "an").values()) == set(exact["an"])


def test_what_is_not_protected_may_be_rounded() -> None:
    """An attack reckons with what is set, so it has to be done with a k of 1, too."""
    found = protect_tables(*rows(PROVINCES), SmallCounts(k=1, masking="round", base=50))
    assert shown(found.totals) == {"all": 100, "gd": 50, "bj": 50, "gx": 50, "tj": 50}


def many(n: int, seed: int) -> Rows:
    """Make rows of random alleles of three cohorts by province."""
    random = np.random.default_rng(seed)
    found = []
    for pos in range(1, n + 1):
        share = 10 ** random.uniform(-2.5, -0.01)
        cohorts = {}
        for cohort in "ABC":
            strata = {}
            for province, people in (("gd", 70), ("gx", 40), ("bj", 25)):
                hom = int(random.binomial(people, share**2))
                odds = min(1.0, 2 * share * (1 - share))
                het = int(random.binomial(people - hom, odds))
                strata[province] = (people, het, hom)
            if sum(g[1] + g[2] for g in strata.values()):
                cohorts[cohort] = strata
        if cohorts:
            found.append(rows(cohorts, pos=pos))
    return pl.concat(f[0] for f in found), pl.concat(f[1] for f in found)


@pytest.fixture(scope="module")
def many_rows() -> Rows:
    return many(120, 3)


@pytest.mark.parametrize("first", ["strata", "cohorts"])
def test_the_attack_of_another_room_finds_nothing(many_rows: Rows, first: str) -> None:
    found: Protected = protect_tables(*many_rows, SmallCounts(k=5, first=first))
    assert find_small(with_scope(found.frequencies, found.totals), 5).is_empty()
    # It does find what is there without protection.
    assert find_small(with_scope(*many_rows), 5).height > 100
    assert found.totals["ac"].is_not_null().sum() > 150


def test_order_and_pieces_decide_nothing(many_rows: Rows) -> None:
    own, totals = many_rows
    whole = protect_tables(own, totals, SmallCounts(k=5))
    shuffled = protect_tables(
        own.sample(fraction=1, shuffle=True, seed=1),
        totals.sample(fraction=1, shuffle=True, seed=2), SmallCounts(k=5),
    )  # fmt: skip
    key = ["pos", "cohort", "stratum_by", "stratum"]
    assert whole.frequencies.sort(key).equals(shuffled.frequencies.sort(key))
    pieces = [
        protect_tables(
            own.filter(pl.col("pos").is_between(a, a + 39)),
            totals.filter(pl.col("pos").is_between(a, a + 39)), SmallCounts(k=5),
        ).frequencies
        for a in (1, 41, 81)
    ]  # fmt: skip
    assert whole.frequencies.sort(key).equals(pl.concat(pieces).sort(key))
