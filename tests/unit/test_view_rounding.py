"""Views of rounded counts beside views of others: what one tells of the other."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from view_builders import govern, make_people, put_cohorts

from varhouse.attack.assumed import Assumed
from varhouse.attack.measure import measure
from varhouse.governed import view_folder
from varhouse.sharing import viewprotect
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
    shows = open_store(view_folder(store, "public")).meta["shows"]
    assert shows["attack"]["rounding"] == 40
    assert all(n % 40 == 0 for n in counts(store, "public"))
