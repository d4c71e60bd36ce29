"""Views of rounded counts beside views of others: what one tells of the other."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from view_builders import People, govern, make_people, put_cohorts

from varhouse.attack.assumed import Assumed
from varhouse.attack.measure import measure
from varhouse.attack.texts import lines_of
from varhouse.errors import StoreError
from varhouse.governed import view_folder
from varhouse.report.attacks import attacks
from varhouse.report.find import Ingest
from varhouse.sharing import viewmake, viewprotect
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.reader import open_store

COARSE = {"masking": "round", "base": 40}
Configure = Callable[[Mapping[str, Any]], None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Say `policy.small_counts`, as the newest ingest would."""
    return lambda said: monkeypatch.setattr(viewprotect, "_of_newest_ingest", lambda _: said)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    alleles = [f"chr1-{100 + 10 * i}-A-T" for i in range(6)]
    put_cohorts(store, {c: make_people(c, 40, alleles, i) for i, c in enumerate("ab")})
    govern(store, dict.fromkeys("ab", "T0"))
    return store


def counts(store: Path, role: str) -> list[int | None]:
    view = open_store(view_folder(store, role)) if role else open_store(store)
    rows = view.scan("totals").filter(pl.col("stratum_by") == "all").sort("pos")
    return rows.collect()["ac"].to_list()


def test_a_coarse_public_view_leaves_a_fine_one_to_others(
    store: Path, configure: Configure
) -> None:
    configure({"roles": {"public": COARSE}})
    for role in ("public", "registered"):
        release_view(Wanted(store, role))
    exact = counts(store, "")
    assert counts(store, "public") == [max(40, (n + 20) // 40 * 40) for n in exact]
    assert counts(store, "registered") == exact
    view = view_folder(store, "registered")
    shows = open_store(view).meta["shows"]
    assert shows["attack"]["differences"] == 0
    # By hand no difference of 63 and about 80 is one either.
    view_of_all = view_folder(store, "public")
    assert measure(view, Assumed(k=5), earlier=[view_of_all])["differences"] == 0


def test_a_view_that_was_exact_may_be_rounded(store: Path, configure: Configure) -> None:
    configure({})
    release_view(Wanted(store, "public"))
    assert counts(store, "public") == counts(store, "")
    configure(COARSE)
    release_view(Wanted(store, "public"))
    assert counts(store, "public") == [max(40, (n + 20) // 40 * 40) for n in counts(store, "")]


def test_what_is_rounded_without_a_least_count_is_attacked_as_such(
    store: Path, configure: Configure
) -> None:
    configure({"k": 1, **COARSE})
    release_view(Wanted(store, "public"))
    view = view_folder(store, "public")
    shown = open_store(view).meta["shows"]["attack"]
    assert shown["rounding"] == 40
    # By hand, of nothing but the view.
    assert measure(view)["membership"] == shown["membership"]


def test_no_difference_is_said_of_rounded_counts(store: Path, configure: Configure) -> None:
    """None was asked for, and that there are 0 would say more."""
    for said, is_rounded in ({}, False), (COARSE, True):
        configure(said)
        release_view(Wanted(store, "public"))
        measured = measure(view_folder(store, "public"), Assumed(k=5))
        lines = "\n".join(lines_of(measured))
        section = attacks(Ingest({}, open_store(view_folder(store, "public")), True))
        for page in (lines, section):
            assert ("earlier releases or more open roles" in page) != is_rounded
            assert ("are rounded to multiples of" in page) == is_rounded
    assert all(n % 40 == 0 for n in counts(store, "public"))


def test_counts_that_were_rounded_are_compared_as_they_were(
    tmp_path: Path,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten joined, with 10 copies of an allele and 3 of another: 40 and 40 do not tell.

    Where the release is gone that the view was made of, its rounded counts decide.
    """

    def people(n: int) -> dict[str, People]:
        copies = {
            "chr1-100-A-T": [1] * 33 + [0] * 7 + [1] * 10,
            "chr1-200-A-T": [1] * 33 + [0] * 7 + [1] * 3 + [0] * 7,
        }
        return {
            "a": People([f"A-{i}" for i in range(n)], {a: c[:n] for a, c in copies.items()})
        }

    store = tmp_path / "grown"
    configure(COARSE)
    put_cohorts(store, people(40))
    govern(store, {"a": "T0"}, people=100)
    release_view(Wanted(store, "public"))
    assert counts(store, "public") == [40, 40]
    put_cohorts(store, people(50))
    other = shutil.copytree(store, tmp_path / "other")
    release_view(Wanted(store, "public"))
    # What is masked in every row is not there.
    assert counts(store, "public") == [40]
    assert caplog.messages == []

    def gone(*_: object) -> None:
        raise StoreError("release 2 is gone", "")

    monkeypatch.setattr(viewmake, "open_store", gone)
    release_view(Wanted(other, "public"))
    assert counts(other, "public") == []
    assert "release 1 of the view public" in caplog.text
