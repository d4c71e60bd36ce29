"""Attacks on what the protection of small counts leaves: with it, and without it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from attackworlds import Frames, attacked, count, make_people
from builders import make_small_store, make_store
from view_builders import govern, put_cohorts
from view_builders import make_people as some_people

from varhouse.attack.assumed import Assumed
from varhouse.attack.bounds import beyond, bounds_of
from varhouse.attack.differencing import difference, rest_of
from varhouse.attack.measure import measure, measure_tables, publicly
from varhouse.attack.scopes import told_of
from varhouse.attack.smallcells import find_small
from varhouse.cli import main
from varhouse.disclosure.earlier import Earlier
from varhouse.disclosure.policy import SmallCounts, parse
from varhouse.disclosure.protect import protect_tables
from varhouse.errors import ConfigError
from varhouse.governed import view_folder
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.damage import find_damage
from varhouse.store.reader import open_store

NONE = SmallCounts(k=1)
FIVE = SmallCounts(k=5)
POWER_OF_THE_FIXED_WORLD = {"": 0.185, "a": 0.23, "b": 0.25, "c": 0.56}
"""Measured, and 0.03 to 0.05 for what is drawn; by cohort, the total first."""


@pytest.fixture(scope="module")
def world() -> tuple[pl.DataFrame, np.ndarray]:
    """150 people of two cohorts, 25 frequent alleles, 1,500 rare ones."""
    rng = np.random.default_rng(4)
    people, genotypes, _ = make_people(rng, {"a": 80, "b": 70}, 25, rare=0.0)
    p = np.exp(rng.uniform(np.log(2e-3), np.log(5e-3), 1500))
    rare = rng.binomial(2, p, (150, 1500))
    return people, np.hstack([genotypes, rare[:, rare.sum(axis=0) > 0]])


def view_of(tables: tuple[pl.DataFrame, pl.DataFrame], k: int) -> Frames:
    """Give what is shown, as a view has it."""
    shown = protect_tables(*tables, SmallCounts(k=k))
    return Frames(shown.frequencies, shown.totals)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("detail", ["copies", "genotypes"])
def test_no_small_count_follows_from_what_is_shown(seed: int, detail: str) -> None:
    """Three cohorts of any sizes, by sex, province and both, with and without adj."""
    rng = np.random.default_rng(seed)
    sizes = {c: int(rng.integers(8, 60)) for c in "abc"}
    people, genotypes, _ = make_people(rng, sizes, 30)
    good = rng.random(genotypes.shape) < 0.93 if seed % 2 else None
    tables = count(people, genotypes, good)
    first = ("strata", "cohorts")[seed // 2 % 2]
    rare = ("hide", "show")[seed // 4 % 2]
    policy = SmallCounts(k=5, first=first, rare_alleles=rare, detail=detail)
    assert find_small(attacked(*tables), 5).height > 100
    shown = protect_tables(*tables, policy)
    assert shown.totals["ac"].drop_nulls().len() > 5
    assert find_small(attacked(shown.frequencies, shown.totals), 5).rows() == []


def test_masking_small_counts_alone_is_not_enough(
    world: tuple[pl.DataFrame, np.ndarray],
) -> None:
    """What hides a count and leaves its sum, or its share, is found out."""
    tables = count(world[0], world[1][:, :25])
    small = pl.col("ac").is_between(1, 4)
    naive = [t.with_columns(pl.when(~small).then("ac").alias("ac")) for t in tables]
    found = find_small(attacked(naive[0], naive[1]), 5).filter(pl.col("count") == "ac")
    assert {"from af", "sum of 2 masked"} <= set(found["how"].to_list())


@pytest.mark.parametrize("joined", [1, 3])
def test_who_joined_is_read_off_unprotected_releases(joined: int) -> None:
    """One person's genotypes at all alleles, or those of a few together."""
    rng = np.random.default_rng(9)
    people, genotypes, _ = make_people(rng, {"a": 80}, 60)
    then = count(people[:-joined], genotypes[:-joined])
    now = count(people, genotypes)
    found = difference(attacked(*then), attacked(*now), 5)
    carried = np.maximum(genotypes[-joined:], 0).sum(axis=0)
    changed = found.rows.filter(pl.col("stratum_by") == "all", pl.col("count") == "ac")
    assert changed["pos"].n_unique() == int(((carried > 0) & (carried < 5)).sum())
    # Of three, one is alone in a stratum all the same.
    assert found.genotypes == 60


def test_a_view_is_measured(
    world: tuple[pl.DataFrame, np.ndarray],
) -> None:
    """With k = 5 the attack has little power; the same attack without protection wins.

    25 alleles of 150 people give sqrt(25 / 150) of a standard deviation (Sankararaman): power
    0.11 at 0.05, and in a cohort of 70 people 0.15. Rare alleles, which the view hides, do the
    rest.
    """
    tables = count(*world, columns=())
    bound = {"power": 0.25, "small_cells": 0}
    kept_view = view_of(tables, 5)
    open_to = measure_tables(view_of(tables, 1), Assumed(k=5))
    kept = measure_tables(kept_view, Assumed(k=5))
    assert kept["power"]["0.05"] < 0.25 < 0.9 < open_to["power"]["0.05"]
    assert kept["questions"]["10"] < open_to["power"]["0.05"]
    assert kept["small_cells"] == 0 < open_to["small_cells"]
    assert beyond(kept, bound) == []
    assert len(beyond(open_to, bound)) == 2
    # The same rows in another order, as other files would give them.
    mixed = Frames(*(kept_view.scan(t).collect().sample(fraction=1, shuffle=True, seed=1)
                     for t in ("frequencies", "totals")))  # fmt: skip
    assert measure_tables(mixed, Assumed(k=5)) == kept
    assert "examples" not in publicly(open_to)


def test_what_a_row_can_stand_for() -> None:
    """Masked at k = 5: up to 4 people of two copies; rounded: all that rounds to it."""
    rows = pl.DataFrame({"ac": [None, 0, 20, 40, 7], "an": [400] * 5})
    rng = np.random.default_rng(1)
    exact = told_of(rows, Assumed(k=5), rng)
    assert list(zip(exact.low, exact.high, strict=True)) == [
        (1, 8), (0, 0), (20, 20), (40, 40), (7, 7),
    ]  # fmt: skip
    rounded = told_of(rows.head(4), Assumed(k=5, rounding=20), rng)
    assert list(zip(rounded.low, rounded.high, strict=True)) == [
        (1, 8), (0, 0), (5, 29), (30, 49),
    ]  # fmt: skip
    fives = told_of(pl.DataFrame({"ac": [10], "an": [400]}), Assumed(k=5, rounding=5), rng)
    assert (fives.low[0], fives.high[0]) == (8, 12)


def test_no_change_of_the_protection_raises_the_power() -> None:
    """The gate in CI: a fixed population, protected as the default says, within bounds.

    Who changes protection or attack and gets above has given more away, or has
    found that more was given away: neither is to pass unseen.
    """
    rng = np.random.default_rng(16)
    people, genotypes, _ = make_people(rng, {"a": 150, "b": 120, "c": 30}, 200)
    shown = protect_tables(*count(people, genotypes), parse(None)["public"])
    found = measure_tables(Frames(shown.frequencies, shown.totals), Assumed(k=5))
    bound = bounds_of({"power": max(POWER_OF_THE_FIXED_WORLD.values())})
    assert beyond(found, bound) == []
    by_scope = {s: m["power"]["0.05"] for s, m in found["membership"].items()}
    assert by_scope.keys() == POWER_OF_THE_FIXED_WORLD.keys()
    assert {s: p for s, p in by_scope.items() if p > POWER_OF_THE_FIXED_WORLD[s]} == {}
    assert found["relatives"]["0.05"] < found["power"]["0.05"]
    # With all counts as they are the gate would shut.
    bare = measure_tables(Frames(*count(people, genotypes)), Assumed(k=5))
    assert len(beyond(bare, bound)) >= 2


def test_the_report_of_a_view_has_what_attacks_measured(tmp_path: Path) -> None:
    """Also where counts are masked, of which no chart may be made."""
    store, out = tmp_path / "store", tmp_path / "report.html"
    shared = [f"chr1-{100 + 10 * i}-A-T" for i in range(6)]
    cohorts = {c: some_people(c, 30, shared, 7 + i) for i, c in enumerate(("one", "other"))}
    for people in cohorts.values():
        people.copies[shared[0]][:] = [1] * 3 + [0] * 27
    cohorts["other"].copies[shared[0]][:] = [1] * 25 + [0] * 5
    put_cohorts(store, cohorts)
    govern(store, dict.fromkeys(cohorts, "T0"))
    release_view(Wanted(store, "public"))
    view = view_folder(store, "public")
    masked = open_store(view).scan("frequencies").filter(stratum_by="all").collect()["ac"]
    assert 0 < masked.null_count() < masked.len()
    assert main(["report", str(view), "-o", str(out)]) == 0
    page = out.read_text()
    assert "of a relative, at 0.05" in page
    assert "questions for any of a target" in page
    # What is shown of a file that is damaged is the file, and not that it may not be read.
    largest = max((view / "open").rglob("*.parquet"), key=lambda f: f.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-9])
    found = find_damage(view)
    assert found is not None
    assert largest.name in str(found)


def test_the_command_attacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "attack", str(make_small_store(tmp_path / "s")), "--least", "5"]
    assert main(words) == 0
    assert "small counts below 5" in capsys.readouterr().out
    assert main([*words, "--most-cells", "3"]) == 1
    assert main([*words, "--most-cells", "99", "--most-power", "0.9", "--json"]) == 0


def test_alleles_that_are_inherited_together_count_once(
    world: tuple[pl.DataFrame, np.ndarray],
) -> None:
    view = view_of(count(world[0], world[1][:, :60]), 1)
    near = measure_tables(view, Assumed(apart=1_000))["membership"][""]
    assert near["alleles"] <= 7
    assert measure_tables(view)["membership"][""]["alleles"] > 50


def test_a_store_of_one_release_is_measured_without_totals(tmp_path: Path) -> None:
    found = measure(make_small_store(tmp_path / "s"), Assumed(k=5))
    assert found["small_cells"] > 5
    assert found["differences"] == 0
    empty = measure(make_store(tmp_path / "empty", {}), Assumed(k=5))
    assert empty["power"] == {"0.05": 0.0, "0.001": 0.0}
    assert empty["questions"] == {}


def test_bounds_are_read() -> None:
    assert bounds_of({}) == {"small_cells": 0, "differences": 0, "genotypes": 0}
    assert bounds_of({"power": 0.1, "small_cells": None})["power"] == 0.1
    assert "small_cells" not in bounds_of({"small_cells": None})
    assert bounds_of({"fpr": 0.001})["fpr"] == 0.001
    for wrong in (
        {"pover": 1}, {"power": "x"}, {"power": -1}, {"power": True},
        {"power": float("nan")}, {"apart": float("inf")}, {"fpr": 0.01},
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            bounds_of(wrong)
    measured = {"power": {"0.05": 0.5}, "small_cells": 0, "differences": 2, "genotypes": 0}
    assert len(beyond(measured, {"power": 0.1, "differences": 0})) == 2
    assert beyond(measured, {"power": 0.6}) == []
    # A rate that was not measured is not passed over.
    assert len(beyond(measured, {"power": 0.6, "fpr": 0.01})) == 1


@pytest.mark.parametrize("seed", range(3))
def test_nothing_follows_from_two_releases_or_roles(seed: int) -> None:
    """People join; another role sees a cohort more: what was shown before is known."""
    rng = np.random.default_rng(seed)
    people, genotypes, _ = make_people(rng, {"a": 50, "b": 40}, 40)
    then = np.sort(rng.permutation(90)[:80])
    tables = count(people, genotypes)
    before = protect_tables(*count(people[then.tolist()], genotypes[then]), FIVE)
    known = Earlier(before.frequencies, before.totals)
    after = protect_tables(*tables, FIVE, None, [known])
    shown = [attacked(x.frequencies, x.totals) for x in (before, after)]
    assert difference(*shown, 5).rows.rows() == []
    assert find_small(shown[1], 5).is_empty()
    # Without a look at what was shown before, the difference tells.
    blind = protect_tables(*tables, FIVE)
    assert difference(shown[0], attacked(blind.frequencies, blind.totals), 5).cells > 0
    mine = (people["cohort"] == "a").to_numpy()
    public = protect_tables(*count(people.filter(mine), genotypes[mine]), FIVE)
    known = Earlier(public.frequencies, public.totals, same_role=False)
    inside = protect_tables(*tables, FIVE, None, [known])
    rest = rest_of(
        attacked(inside.frequencies, inside.totals),
        attacked(public.frequencies, public.totals),
    )
    assert find_small(rest, 5).filter(how="shown").rows() == []
