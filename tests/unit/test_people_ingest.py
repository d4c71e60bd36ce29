"""`policy.sample_flags`: tables of people go in with a cohort, or flags hold it back; and
whatever changes a cohort replaces them, or takes them away."""

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bytesearch import search
from gvcf_people import People
from inprocess import ingest_here
from verifying import verify
from withdrawing import Cohorts, copy_store, random_lines, vcf

import varhouse
from varhouse.account import public_account
from varhouse.errors import ConfigError
from varhouse.ingest.account import print_account
from varhouse.people.made import FOLLOWING
from varhouse.store.drop import drop_cohort
from varhouse.store.purge import purge
from varhouse.store.reader import Store
from varhouse.tables.schema import PEOPLE_TABLES
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.run import withdraw

NORTH = ["S0042", "S0043", "S0044", "S0045"]
SOUTH = ["T0001", "T0002"]
STRICT = {"limits": {"call_rate": 1.0}}
"""Somebody has a call that is missing: flagged."""
LAX = {"limits": {"call_rate": None, "het_hom": None, "n_singleton": None,
                  "contamination": None, "mad": None}}  # fmt: skip


def two_cohorts(folder: Path, flags: str | None, people: dict[str, Any]) -> Cohorts:
    policy = {} if flags is None else {"policy": {"sample_flags": flags}}
    made = Cohorts(folder, people=people, **policy)
    made.add(
        "north",
        {"north.vcf": vcf(NORTH, random_lines(NORTH, 3))},
        {n: {"sex": "female"} for n in NORTH},
    )
    made.add(
        "south",
        {"south.vcf": vcf(SOUTH, random_lines(SOUTH, 5))},
        {n: {"sex": "male"} for n in SOUTH},
    )
    return made


def cohorts_in(store: Store, table: str) -> set[str]:
    return set(store.scan(table).select("cohort").collect()["cohort"])


def test_tables_go_in_with_their_cohort_and_change_no_digest(tmp_path: Path) -> None:
    made = two_cohorts(tmp_path / "in", "note", STRICT)
    account = made.ingest(tmp_path / "s")
    store = varhouse.open(tmp_path / "s")
    assert store.release == account["release"] == 2
    assert (
        cohorts_in(store, "sample_qc")
        == cohorts_in(store, "people_made")
        == {"north", "south"}
    )
    people = store.samples().select("cohort", "ordinal", "sample").collect()
    rows = store.sample_qc().select("cohort", "ordinal", "sample").collect()
    assert rows.sort(rows.columns).equals(people.sort(people.columns))
    flagged = store.sample_qc().filter(pl.col("flags") != "").collect()
    assert flagged.height
    assert [str(p) for p in verify(store)] == []
    counts = {c["cohort"]: c["people"] for c in account["cohorts"]}
    for cohort, about in counts.items():
        assert about["flagged"] == flagged.filter(cohort=cohort).height
        assert about["flags"]["low_call_rate"]
    notes = [n for c in account["cohorts"] for n in c["notes"] if "samples flagged" in n]
    assert len(notes) == 2
    assert "varhouse people qc STORE --flagged" in notes[0]
    told = io.StringIO()
    print_account({**account, "seconds": 0}, tmp_path / "s", told)
    assert "samples flagged (low_call_rate" in told.getvalue()
    public = json.dumps(public_account(account, {}))
    assert "flagged" not in public
    assert NORTH[0] not in public
    # As if nobody had asked.
    made.settings.pop("policy")
    made.ingest(tmp_path / "plain")
    plain = varhouse.open(tmp_path / "plain")
    assert plain.digest() == store.digest()
    assert not {t.name for t in PEOPLE_TABLES} & set(plain.tables)
    assert plain.sample_qc().collect().is_empty()


def test_flags_hold_a_cohort_back_and_say_who_and_why(tmp_path: Path) -> None:
    made, path = two_cohorts(tmp_path / "in", "hold", STRICT), tmp_path / "s"
    account = made.ingest(path)
    held = {h["cohort"]: h["reasons"] for h in account["held_back"]}
    assert held.keys() == {"north", "south"}
    (reason,) = held["north"]
    assert "samples flagged (low_call_rate" in reason
    assert "S004" in reason
    assert "policy.sample_flags: note" in reason
    store = varhouse.open(path)
    assert not store.cohort_names()
    assert not {*FOLLOWING, "frequencies", "variants", "genotypes"} & {
        t for t in store.tables if store.record.tables[t].rows
    }
    assert json.loads(store.held_back(cohort="north").collect()["reasons"][0]) == [reason]
    # The same files by the same settings are not looked at again; by others they are.
    again = made.ingest(path)["held_back"]
    assert [h["reasons"] for h in again] == [held["north"], held["south"]]
    assert all(h["before"] for h in again)
    made.settings["people"] = LAX
    assert not made.ingest(path)["held_back"]
    store = varhouse.open(path)
    assert store.cohort_names() == {"north", "south"}
    assert store.sample_qc().select("flags").unique().collect()["flags"].to_list() == [""]
    assert store.held_back().collect().is_empty()


def test_who_is_held_back_keeps_what_was_in(tmp_path: Path) -> None:
    made, path = two_cohorts(tmp_path / "in", None, STRICT), tmp_path / "s"
    made.ingest(path)
    before = varhouse.open(path)
    made.settings["policy"] = {"sample_flags": "hold"}
    made.files["north"]["north.vcf"] = vcf(NORTH, random_lines(NORTH, 8))
    account = made.ingest(path)
    assert [h["cohort"] for h in account["held_back"]] == ["north"]
    after = varhouse.open(path)
    assert after.digest() == before.digest()
    assert [str(p) for p in verify(after)] == []


def test_without_the_policy_a_changed_cohort_loses_its_tables(tmp_path: Path) -> None:
    made, path = two_cohorts(tmp_path / "in", "note", STRICT), tmp_path / "s"
    made.ingest(path)
    made.settings.pop("policy")
    made.files["north"]["north.vcf"] = vcf(NORTH, random_lines(NORTH, 8))
    made.ingest(path)
    store = varhouse.open(path)
    for table in FOLLOWING:
        assert "north" not in cohorts_in(store, table)
    assert cohorts_in(store, "people_made") == {"south"}
    # A cohort that nothing happened to keeps them, whatever the policy is.
    made.settings["policy"] = {"sample_flags": "note"}
    assert made.ingest(path)["up_to_date"]


def test_no_byte_is_left_of_who_was_withdrawn_or_dropped(tmp_path: Path) -> None:
    made, path = two_cohorts(tmp_path / "in", "hold", LAX), tmp_path / "s"
    assert not made.ingest(path)["held_back"]
    before = {t.file.split("/")[1] for t in search(path, ["S0043"], ["_staging"])}
    assert "sample_qc" in before
    store = copy_store(path, "withdrawn")
    withdraw(store, Asked("north", ["S0043"], "letter"), purges=True)
    after = varhouse.open(store)
    assert search(store, ["S0043"], ["_staging", "_cache"]) == []
    assert after.sample_qc(cohort="north").collect()["sample"].to_list() == [
        n for n in NORTH if n != "S0043"
    ]
    assert after.people_made(cohort="north").collect()["n_samples"].item() == 3
    assert [str(p) for p in verify(after)] == []
    dropped = copy_store(path, "dropped")
    drop_cohort(dropped, "north")
    purge(dropped, cohort="north")
    assert search(dropped, NORTH, ["_staging", "_cache"]) == []
    left = varhouse.open(dropped)
    assert cohorts_in(left, "people_made") == {"south"}
    assert [str(p) for p in verify(left)] == []


@pytest.mark.parametrize("flags", [None, "note"])
def test_a_cohort_that_grows_and_shrinks(tmp_path: Path, flags: str | None) -> None:
    people = People(tmp_path)
    names = [people.write(k) for k in range(5)]
    store = tmp_path / "s"

    def ingest(files: list[str], policy: str | None) -> None:
        people.configure(files)
        said = json.loads((tmp_path / "config.json").read_text())
        said["policy"] = {**said.get("policy", {}), "sample_flags": policy}
        (tmp_path / "config.json").write_text(json.dumps(said))
        assert not ingest_here(store, tmp_path / "config.json")["held_back"]

    ingest(names[:4], "note")
    made = varhouse.open(store).sample_qc().collect()
    assert made["sample"].to_list() == [f"P{k}" for k in range(4)]
    for files in (names, names[2:]):
        ingest(files, flags)
        after = varhouse.open(store)
        rows = after.sample_qc().collect().sort("ordinal")
        wanted = after.samples().select("ordinal", "sample").collect().sort("ordinal")
        assert rows.select("ordinal", "sample").equals(wanted if flags else wanted.clear())
        assert [str(p) for p in verify(after)] == []


def test_mistakes_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    made = two_cohorts(
        tmp_path / "in",
        "notes",
        {"limits": {"callrate": 1, "mad": -1}, "sites": {"spacing": "far"}, "axis": 3},
    )
    with pytest.raises(ConfigError) as caught:
        made.ingest(tmp_path / "s")
    told = "\n".join(caught.value.problems)
    for text in ("policy.sample_flags", "people.limits.callrate", "call_rate",
                 "people.limits.mad", "people.sites.spacing", "people.axis"):  # fmt: skip
        assert text in told, text


def test_a_source_that_is_not_in_yet_is_told(tmp_path: Path) -> None:
    made = two_cohorts(tmp_path / "in", "note", {**LAX, "frequencies": "panel.AF"})
    account = made.ingest(tmp_path / "s")
    notes = [n for c in account["cohorts"] for n in c["notes"] if "people.frequencies" in n]
    assert len(notes) == 2
    settings = varhouse.open(tmp_path / "s").people_made().collect()["settings"]
    assert {json.loads(s)["frequencies"] for s in settings} == {None}
