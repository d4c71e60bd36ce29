"""After a withdrawal: other policies, kits, purges before the receipt, older names."""

from pathlib import Path

import pytest
from withdrawing import Cohorts, compare, random_lines, vcf

import varhouse
from varhouse.ingest.driver import Options, ingest
from varhouse.store.drop import drop_cohort
from varhouse.store.purge import purge_withdrawn
from varhouse.withdrawal import run
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.receipt import read_receipt
from varhouse.withdrawal.run import withdraw

FOUR = ["S1", "S2", "S3", "S4"]


def _cohort(folder: Path, seed: int = 3, **settings: object) -> Cohorts:
    made = Cohorts(folder, strata=["sex"], **settings)
    made.add(
        "c",
        {"all.vcf": vcf(FOUR, random_lines(FOUR, seed, ["c1"]))},
        {n: {"sex": "female"} for n in FOUR},
    )
    return made


def test_the_fix_that_is_named_helps_a_cohort_that_was_held_back(tmp_path: Path) -> None:
    made, store = _cohort(tmp_path / "in"), tmp_path / "store"
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"]))
    made.files["c"]["all.vcf"] = vcf(FOUR, random_lines(FOUR, 9, ["c1"]))
    assert "policy.withdrawn: leave_out" in made.ingest(store)["held_back"][0]["reasons"][0]
    assert made.ingest(store)["up_to_date"]
    made.settings["policy"] = {"withdrawn": "leave_out"}
    seen = ingest(store, made.write(), Options(dry_run=True))[1]
    assert not seen["held_back"]
    assert seen["cohorts"][0]["n_samples"] == len(FOUR) - 1


def test_the_kit_of_a_leaver_goes(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    made = _cohort(folder, callable={"kits": str(folder / "kits.tsv")})
    (folder / "k1.bed").write_text("c1\t0\t400\n")
    (folder / "k2.bed").write_text("c1\t300\t800\n")
    (folder / "kits.tsv").write_text("kit\tbed\nk1\tk1.bed\nk2\tk2.bed\n")
    for person in made.people:
        person["kit"] = "k1" if person["sample"] == "S1" else "k2"
    store = tmp_path / "store"
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"]))
    assert set(varhouse.open(store).scan("kits").collect()["kit"]) == {"k2"}
    compare(store, made.build_without("built", {"c": ["S1"]}))
    assert made.ingest(store)["up_to_date"]
    withdraw(store, Asked("c", ["S2"]))


def test_a_receipt_is_made_after_a_purge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, store = _cohort(tmp_path / "in"), tmp_path / "store"
    made.ingest(store)
    asked = Asked("c", ["S1"], "letter")

    def die(point: str) -> None:
        if point == "committed":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "_reached", die)
        with pytest.raises(KeyboardInterrupt):
            withdraw(store, asked)
    number = varhouse.open(store).release
    assert read_receipt(store, number) is None
    assert purge_withdrawn(store).sealed == [number - 1]
    receipt = withdraw(store, asked)
    assert (receipt.release, receipt.n_people, receipt.reason) == (number, 1, "letter")
    assert receipt.digest == varhouse.open(store).digest()
    assert "not known any more" in receipt.holds.files[0]
    assert read_receipt(store, number) is not None


def test_a_receipt_tells_of_older_names_of_the_cohort(tmp_path: Path) -> None:
    made, store = _cohort(tmp_path / "in"), tmp_path / "store"
    made.ingest(store)
    old = varhouse.open(store).release
    drop_cohort(store, "c")
    again = Cohorts(tmp_path / "in2", strata=["sex"])
    again.add("c2", made.files["c"], {n: {"sex": "female"} for n in FOUR})
    again.ingest(store)
    receipt = withdraw(store, Asked("c2", ["S1"]))
    assert receipt.holds.releases == [old + 2]
    assert receipt.holds.cohorts == [f"c (of release {old})"]
