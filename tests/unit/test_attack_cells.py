"""Small counts that follow from what is released: by sums, statistics and differences."""

from typing import Any

import polars as pl
import pytest
from builders import key

from varhouse.attack.differencing import difference, rest_of
from varhouse.attack.inversion import hwe, inbreeding
from varhouse.attack.smallcells import TOTAL, find_small
from varhouse.tables.formulas import faf_column, hwe_column

COLUMNS = {"scope": pl.String, "stratum_by": pl.String, "stratum": pl.String, "ac": pl.Int64,
           "an": pl.Int64, "af": pl.Float64}  # fmt: skip


def rows(*cells: tuple[Any, ...], allele: str = "chr1-100-A-T", **more: Any) -> pl.DataFrame:
    """Make rows of (scope, stratum_by, stratum, ac, an); af is left out."""
    made = [
        {**key(allele), "scope": s, "stratum_by": b, "stratum": v, "ac": ac, "an": an}
        for s, b, v, ac, an in cells
    ]
    frame = pl.DataFrame(made, schema_overrides={"pos": pl.Int32, "ac": pl.Int64})
    return frame.with_columns(**{n: pl.lit(v) for n, v in more.items()})


def told(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.select("scope", "stratum_by", "stratum", "count", "value", "how").rows()


ALL = ("a", "all", "all")


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([(*ALL, 4, 100)], [(*ALL, "ac", 4, "shown")]),
        ([(*ALL, 5, 100)], []),
        ([(*ALL, 0, 100)], []),
        ([(*ALL, None, 100)], []),
        ([(*ALL, 97, 100)], [(*ALL, "an - ac", 3, "an less ac")]),
        # One masked stratum of two follows; so does its sum with another.
        (
            [(*ALL, 12, 100), ("a", "sex", "XX", 9, 50), ("a", "sex", "XY", None, 50)],
            [("a", "sex", "XY", "ac", 3, "one by difference")],
        ),
        (
            [(*ALL, 12, 100), ("a", "p", "11", 9, 50), ("a", "p", "12", None, 20),
             ("a", "p", "13", None, 30)],
            [("a", "p", "*", "ac", 3, "sum of 2 masked")],
        ),
        (
            [(*ALL, 16, 100), ("a", "p", "11", 9, 50), ("a", "p", "12", None, 20),
             ("a", "p", "13", None, 30)],
            [],
        ),
        # A stratum that has no row at all.
        (
            [(*ALL, 12, 100), ("a", "p", "11", 9, 50)],
            [(*ALL, "ac", 3, "whole less its parts")],
        ),
        # Totals less cohorts.
        (
            [(TOTAL, "all", "all", 12, 200), (*ALL, 9, 100), ("b", "all", "all", None, 100)],
            [("b", "all", "all", "ac", 3, "one by difference")],
        ),
        # Crossed columns: a corner follows from two margins.
        (
            [(*ALL, 30, 100), ("a", "sex", "XX", 18, 50), ("a", "sex", "XY", 12, 50),
             ("a", "p", "1", 15, 50), ("a", "p", "2", 15, 50),
             ("a", "sex+p", "XX+1", 9, 25), ("a", "sex+p", "XX+2", 9, 25),
             ("a", "sex+p", "XY+1", 6, 25), ("a", "sex+p", "XY+2", 6, 25)],
            [],
        ),
        (
            [(*ALL, 30, 100), ("a", "sex", "XX", 20, 50), ("a", "sex", "XY", 10, 50),
             ("a", "p", "1", 13, 50), ("a", "p", "2", 17, 50),
             ("a", "sex+p", "XX+1", 10, 25), ("a", "sex+p", "XX+2", 10, 25),
             ("a", "sex+p", "XY+1", None, 25), ("a", "sex+p", "XY+2", 7, 25)],
            [("a", "sex+p", "XY+1", "ac", 3, "one by difference")],
        ),
    ],
)  # fmt: skip
def test_small_counts_that_follow_are_found(cells: Any, found: Any) -> None:
    assert told(find_small(rows(*cells), 5)) == found


def test_a_grid_is_solved_by_all_its_equations_together() -> None:
    """No equation has one unknown alone, yet all together tell a count.

    Cohorts a and b, provinces 1 to 3; of both margins one is masked, too.
    """
    cells = [
        (TOTAL, "all", "all", 60, 600),
        ("a", "all", "all", 30, 300), ("b", "all", "all", 30, 300),
        (TOTAL, "p", "1", 20, 200), (TOTAL, "p", "2", 20, 200), (TOTAL, "p", "3", 20, 200),
        ("a", "p", "1", None, 99), ("a", "p", "2", None, 99), ("a", "p", "3", 10, 99),
        ("b", "p", "1", None, 99), ("b", "p", "2", 18, 99), ("b", "p", "3", None, 99),
    ]  # fmt: skip
    found = {(r[0], r[2]): r[4] for r in told(find_small(rows(*cells), 5))}
    # a2 = 20 - 18, b3 = 20 - 10, a1 = 30 - 10 - a2, b1 = 20 - a1.
    assert found == {("a", "2"): 2, ("b", "1"): 2}


def test_sums_that_no_equation_tells_alone() -> None:
    """x + y = 8, y + z = 9, x + y + z = 10: each pair is masked, each one follows."""
    cells = [
        ("a", "all", "all", 10, 90), ("a", "s+t", "1+1", None, 30),
        ("a", "s+t", "1+2", None, 30), ("a", "s+t", "2+2", None, 30),
        ("a", "s", "1", 8, 60), ("a", "s", "2", 2, 30),
        ("a", "t", "2", 9, 60), ("a", "t", "1", 1, 30),
    ]  # fmt: skip
    found = {(r[1], r[2], r[4]) for r in told(find_small(rows(*cells), 3))}
    assert {("s+t", "1+1", 1), ("s+t", "2+2", 2)} <= found


def test_statistics_beside_a_masked_count_are_inverted() -> None:
    for name, value in (
        ("af", 3 / 400),
        *(
            (n, faf_column(pl.DataFrame({"ac": [3], "an": [400]}).to_struct(), level).item())
            for n, level in (("faf95", 0.95), ("faf99", 0.99))
        ),
    ):
        frame = rows((*ALL, None, 400), **{name: value})
        assert told(find_small(frame, 5)) == [(*ALL, "ac", 3, f"from {name}")]
        assert find_small(frame, 3).is_empty()


def test_tests_of_proportions_are_inverted() -> None:
    people = {"n_samples": 50, "n_missing": 2, "n_not_diploid": 0}
    masked = {"n_het": None, "n_hom_alt": None}
    value = inbreeding(2, 1, 48)
    frame = rows((*ALL, None, 96), **people, **masked, inbreeding=value)
    frame = frame.with_columns(pl.col("n_het", "n_hom_alt").cast(pl.Int32))
    assert told(find_small(frame, 4)) == [
        (*ALL, "n_het", 2, "from inbreeding"),
        (*ALL, "n_hom_alt", 1, "from inbreeding"),
    ]


@pytest.mark.parametrize("mid", [False, True])
def test_the_second_test_of_proportions_is_the_first(mid: bool) -> None:
    counts = [(h, o, n) for n in (9, 40) for h in range(5) for o in range(4)]
    frame = pl.DataFrame(counts, schema=["het", "hom", "n"], orient="row").cast(pl.Int32)
    first = hwe_column(frame.to_struct(), mid=mid)
    for row, value in zip(counts, first, strict=True):
        assert hwe(*row, mid=mid) == pytest.approx(value, abs=1e-9)


def test_carriers_and_what_adj_leaves_out_are_counts_too() -> None:
    frame = rows((*ALL, 6, 100), n_het=0, n_hom_alt=3, n_hemi=0)
    assert {(r[3], r[4]) for r in told(find_small(frame, 5))} == {
        ("n_hom_alt", 3), ("carriers", 3)
    }  # fmt: skip
    frame = rows((*ALL, 9, 100), ac_adj=7)
    assert {(r[3], r[4]) for r in told(find_small(frame, 5))} == {("ac - ac_adj", 2)}


def test_no_bound_finds_nothing() -> None:
    assert find_small(rows((*ALL, 1, 100)), 1).is_empty()
    assert find_small(rows((*ALL, 1, 100)).clear(), 5).is_empty()


def test_a_person_who_joined_is_read_off_two_releases() -> None:
    before = rows((*ALL, 10, 200), n_samples=100)
    after = rows((*ALL, 11, 202), n_samples=101)
    found = difference(before, after, 5)
    assert (found.cells, found.alleles, found.genotypes) == (1, 1, 1)
    assert found.rows.select("count", "value", "people").rows() == [("ac", 1, 1)]
    assert difference(after, before, 5).rows["value"].to_list() == [-1]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ((*ALL, 10, 200), (*ALL, 15, 220), 0),
        ((*ALL, 10, 200), (*ALL, 14, 220), 1),
        ((*ALL, 10, 200), (*ALL, 10, 220), 0),
        ((*ALL, None, 200), (*ALL, 11, 220), 0),
        ((*ALL, 10, 200), (*ALL, None, 220), 0),
    ],
)
def test_changes_below_k_are_found(before: Any, after: Any, found: int) -> None:
    assert difference(rows(before), rows(after), 5).cells == found


def test_a_role_that_sees_more_is_no_key_to_the_rest() -> None:
    inside = rows((TOTAL, "all", "all", 14, 400))
    public = rows((TOTAL, "all", "all", 11, 200))
    assert told(find_small(rest_of(inside, public), 5)) == [
        (TOTAL, "all", "all", "ac", 3, "shown")
    ]
