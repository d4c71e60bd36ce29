"""Flags of samples, and the call of their sex chromosomes, on figures written down here."""

import json
import math

import polars as pl
import pytest

from varhouse.people.flags import OUTLIERS, flag
from varhouse.people.settings import Limits
from varhouse.people.sexcall import call_sex
from varhouse.tables.spread import distance

PLAIN = {
    "call_rate": 0.99, "n_het": 2_000, "n_hom_alt": 1_000, "n_ti": 2_100, "n_tv": 1_000,
    "n_insertion": 300, "n_deletion": 320, "n_singleton": 400, "n_singleton_ti": 270,
    "n_singleton_tv": 130, "contamination": 0.001, "sex_by_calls": "XX",
}  # fmt: skip
NO_OUTLIERS = Limits(mad=None)


def samples(*changes: dict) -> pl.DataFrame:
    """Make samples, all as PLAIN but for what is changed, with the ratios."""
    rows = pl.DataFrame([{"ordinal": i, **PLAIN, **c} for i, c in enumerate(changes)])
    ratios = {o.name: pl.col(o.above) / pl.col(o.below) for o in OUTLIERS if o.below}
    return rows.with_columns(pl.col("ordinal").cast(pl.Int32), **ratios)


def sheet(n: int, **columns: list) -> pl.DataFrame:
    given = {"sex": ["female"] * n, "population": [None] * n, "assay": ["WGS"] * n, **columns}
    frame = pl.DataFrame({"ordinal": range(n), **given})
    return frame.with_columns(
        pl.col("ordinal").cast(pl.Int32), pl.col("population", "assay").cast(pl.String)
    )


def flags_of(rows: pl.DataFrame, said: pl.DataFrame, limits: Limits) -> list[str]:
    return flag(rows, said, limits)["flags"].to_list()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"call_rate": 0.989}, "low_call_rate"),
        ({"call_rate": 0.99}, ""),
        ({"call_rate": None}, ""),
        ({"n_het": 10_001}, "high_het_hom"),
        ({"n_het": 10_000}, ""),
        ({"contamination": 0.0151}, "contaminated"),
        ({"contamination": None}, ""),
        ({"sex_by_calls": "XY"}, "sex_mismatch"),
        ({"sex_by_calls": "other"}, "sex_unclear"),
        ({"sex_by_calls": None}, ""),
        ({"call_rate": 0.5, "sex_by_calls": "XY"}, "low_call_rate,sex_mismatch"),
    ],
)  # fmt: skip
def test_a_limit_is_passed(change: dict, code: str) -> None:
    rows = flag(samples({}, change), sheet(2), NO_OUTLIERS)
    assert rows["flags"].to_list() == ["", code]
    assert list(json.loads(rows["flag_details"][1])) == code.split(",") * (code != "")
    assert rows["flag_details"][0] == "{}"


def test_details_say_value_and_threshold() -> None:
    rows = flag(samples({"call_rate": 0.5, "sex_by_calls": "XY"}), sheet(1), NO_OUTLIERS)
    assert json.loads(rows["flag_details"][0]) == {
        "low_call_rate": {"value": 0.5, "threshold": 0.99},
        "sex_mismatch": {"value": "XY", "sheet": "female"},
    }


def test_what_the_sheet_does_not_know_is_no_mismatch() -> None:
    said = sheet(1, sex=["unknown"])
    assert flags_of(samples({"sex_by_calls": "XY"}), said, NO_OUTLIERS) == [""]


def test_no_limit_no_flag() -> None:
    none = Limits(call_rate=None, het_hom=None, n_singleton=None, contamination=None, mad=None)
    bad = {"call_rate": 0.1, "n_het": 10**6, "n_singleton": 10**7, "contamination": 0.9}
    assert flags_of(samples(bad), sheet(1), none) == [""]


def test_singletons_are_asked_of_many_people_alone() -> None:
    many = {"n_singleton": 100_001}
    limits = Limits(mad=None)
    assert flags_of(samples(*[{}] * 98, many), sheet(99), limits)[-1] == ""
    assert flags_of(samples(*[{}] * 99, many), sheet(100), limits)[-1] == "many_singletons"


def spread(n: int) -> list[dict]:
    """Give people whose Ti/Tv varies a little."""
    return [{"n_ti": 210_000 + 500 * (i % 7), "n_tv": 100_000} for i in range(n)]


def test_an_outlier_of_its_group() -> None:
    odd = {"n_ti": 190_000, "n_tv": 100_000}
    rows = flag(samples(*spread(20), odd), sheet(21), Limits())
    assert rows["flags"].to_list() == [""] * 20 + ["outlier_ti_tv"]
    details = json.loads(rows["flag_details"][20])["outlier_ti_tv"]
    assert details["value"] == 1.9
    assert details["median"] == pytest.approx(2.115)
    assert details["threshold"] == 4
    assert details["distance"] < -4


def test_groups_are_of_population_and_assay() -> None:
    """What is odd among one population is usual in another, and few are no group."""
    others = [{"n_ti": 190_000, "n_tv": 100_000}] * 12
    rows = samples(*spread(20), *others)
    populations = ["a"] * 20 + ["b"] * 12
    assert set(flags_of(rows, sheet(32, population=populations), Limits())) == {""}
    found = flags_of(rows, sheet(32), Limits())
    assert found.count("outlier_ti_tv") == 12
    assays = ["WGS"] * 20 + ["WES"] * 12
    assert set(flags_of(rows, sheet(32, assay=assays), Limits())) == {""}
    few = samples(*spread(8), {"n_ti": 1_000, "n_tv": 100_000})
    assert set(flags_of(few, sheet(9), Limits())) == {""}


def test_few_alleles_are_not_strange() -> None:
    """Two against none is a matter of chance."""
    few = {"n_singleton_ti": 2, "n_singleton_tv": 0}
    people = [{"n_singleton_ti": 270 + i % 3, "n_singleton_tv": 130} for i in range(20)]
    assert set(flags_of(samples(*people, few), sheet(21), Limits())) == {""}


def test_only_too_much_of_some_figures_is_wrong() -> None:
    people = [{"n_het": 200_000 + 900 * (i % 5), "n_hom_alt": 100_000} for i in range(20)]
    low, high = ({"n_het": n, "n_hom_alt": 100_000} for n in (100_000, 400_000))
    found = flags_of(samples(*people, low, high), sheet(22), Limits())
    assert found == [""] * 21 + ["outlier_het_hom"]


def test_distance_by_hand() -> None:
    frame = pl.DataFrame(
        {"a": [90, 100, 110, 100, 100, 95, 105, 100, 100, 400], "g": [1] * 10}
    )
    found = frame.select(far=distance("a", None, ["g"]))["far"]
    deviation = sorted(abs(math.log((v + 0.5) / 100.5)) for v in frame["a"])[4:6]
    usual = 1.4826 * sum(deviation) / 2
    assert found[9] == pytest.approx(math.log(400.5 / 100.5) / max(usual, 400.5**-0.5))
    assert found[1] == 0


SEX = {
    "n_het": 2_000, "n_hom_alt": 1_000, "n_x_het": 66, "n_x_nonref": 100, "n_y": 100,
    "n_y_called": 1, "is_full": True,
}  # fmt: skip
MAN = {"n_x_het": 1, "n_y_called": 95}


@pytest.mark.parametrize(
    ("change", "call"),
    [
        ({}, "XX"),
        (MAN, "XY"),
        ({"n_x_het": 1}, "other"),
        ({"n_y_called": 95}, "other"),
        ({"n_x_het": 26, "n_y_called": 95}, "other"),
        # No Y in the file, or few sites of it.
        ({"n_y": 0, "n_y_called": 0}, "XX"),
        (MAN | {"n_y": 0, "n_y_called": 0}, "XY"),
        (MAN | {"n_y": 9, "n_y_called": 0}, "XY"),
        # Of a list of variants all of Y is called.
        ({"n_y": 12, "n_y_called": 12, "is_full": False}, "XX"),
        # A dozen calls on X, none of autosomes.
        ({"n_x_nonref": 14, "n_x_het": 9}, None),
        ({"n_x_nonref": 0, "n_x_het": 0}, None),
        ({"n_het": 0, "n_hom_alt": 0}, None),
    ],
)
def test_sex_chromosomes(change: dict, call: str | None) -> None:
    rows = call_sex(pl.DataFrame([SEX | change]), Limits())
    assert rows["sex_by_calls"].to_list() == [call]


def test_one_x_is_one_less_the_share_of_heterozygotes() -> None:
    rows = call_sex(pl.DataFrame([SEX]), Limits())
    assert rows["x_f"][0] == pytest.approx(1 - (66 / 100) / (2_000 / 3_000))


@pytest.mark.parametrize(
    ("women", "men", "said"),
    [
        # Women are written 0/0 on Y: that does not make them XXY.
        ([{"n_y_called": 90}] * 6, [MAN] * 6, ("XX", "XY")),
        # Men are not called there either.
        ([{}] * 6, [MAN | {"n_y_called": 0}] * 6, ("XX", "XY")),
        # Three of a kind say nothing of the cohort.
        ([{"n_y_called": 90}] * 3, [MAN] * 6, ("other", "XY")),
        # One among many is not the rule.
        ([{"n_y_called": 90}] + [{}] * 9, [MAN] * 6, ("other", "XY")),
    ],
)
def test_y_that_does_not_tell(women: list, men: list, said: tuple[str, str]) -> None:
    rows = call_sex(pl.DataFrame([SEX | c for c in [*women, *men]]), Limits())
    assert (rows["sex_by_calls"][0], rows["sex_by_calls"][-1]) == said
