"""After a withdrawal: growth, gates of later ingests, one after another, kills."""

from pathlib import Path

import pytest
from gvcf_people import People
from inprocess import ingest_here
from verifying import verify
from withdrawing import Cohorts, compare, copy_store, random_lines, vcf

import varhouse
from varhouse.errors import ConfigError, StoreError
from varhouse.ingest.driver import Options, ingest
from varhouse.ingest.setup.config import read_config
from varhouse.ingest.setup.storednames import stored_names
from varhouse.store.ledger import Ledger
from varhouse.withdrawal import carry, run
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.receipt import read_receipt
from varhouse.withdrawal.run import withdraw

FOUR = ["S1", "S2", "S3", "S4"]


def several(folder: Path) -> Cohorts:
    made = Cohorts(folder, strata=["sex"])
    lines = random_lines(FOUR, 1, ["c1", "X"], males=["S1"])
    sheet = {n: {"sex": "male" if n == "S1" else "female"} for n in FOUR}
    made.add("c", {"all.vcf": vcf(FOUR, lines)}, sheet)
    return made


def digests(store: Path) -> dict[str, str]:
    return varhouse.open(store).record.table_digests()


@pytest.mark.parametrize("plain", [(), range(8)], ids=["gvcf", "vcf"])
def test_a_cohort_that_grows(tmp_path: Path, plain) -> None:
    people = People(tmp_path, plain)
    names = [people.write(k) for k in range(4)]
    store, whole = tmp_path / "s", tmp_path / "whole"
    people.ingest(store, names)
    receipt = withdraw(store, Asked("c", ["P1"]))
    assert (receipt.files_read, receipt.files_gone) == (0, 1)
    # The file and the row of the sheet are still there.
    people.configure(names)
    config = read_config(people.folder / "config.json", stored_names(store))
    again = ingest_here(store, config)
    assert again.get("up_to_date"), again
    left = [names[0], *names[2:]]
    people.ingest(whole, left)
    assert digests(store) == digests(whole)
    assert [str(p) for p in verify(varhouse.open(store))] == []


def test_one_of_two_files_of_a_person_each(tmp_path: Path) -> None:
    """Who is left alone has no runs, as in a build of one file."""
    people = People(tmp_path, range(2))
    names = [people.write(k) for k in range(2)]
    people.ingest(tmp_path / "s", names)
    withdraw(tmp_path / "s", Asked("c", ["P0"]))
    people.ingest(tmp_path / "whole", names[1:])
    one, other = digests(tmp_path / "s"), digests(tmp_path / "whole")
    assert {t for t in other if one[t] != other[t]} == set()


def test_two_withdrawals_are_as_one(tmp_path: Path) -> None:
    made = several(tmp_path / "in")
    store = tmp_path / "s"
    made.ingest(store)
    other = copy_store(store, "other")
    withdraw(store, Asked("c", ["S1"]))
    withdraw(store, Asked("c", ["S3"]))
    withdraw(other, Asked("c", ["S3", "S1"]))
    assert digests(store) == digests(other)
    compare(store, made.build_without("built", {"c": ["S1", "S3"]}))
    row = varhouse.open(store).scan("files").collect().row(0, named=True)
    ledger = Ledger.open(store)
    assert row["without"].split(",") == sorted(map(ledger.hash, ["S1", "S3"]))
    assert made.ingest(store)["up_to_date"]


def test_later_ingests_are_held_back(tmp_path: Path) -> None:
    made = several(tmp_path / "in")
    store = tmp_path / "s"
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"]))
    before = digests(store)
    # Another policy: the file has to be read again, and still holds S1.
    made.settings["policy"] = {"pass_only": True}
    held = made.ingest(store)["held_back"]
    assert (
        "all.vcf holds 1 sample(s) who were withdrawn (sample column 1"
        in held[0]["reasons"][0]
    )
    assert "bcftools view -s ^ID" in held[0]["reasons"][0]
    del made.settings["policy"]
    # Another file, with S1 and with more.
    lines = random_lines(FOUR, 2, ["c1", "X"])
    made.files["c"]["all.vcf"] = vcf(FOUR, lines)
    assert made.ingest(store)["held_back"]
    assert digests(store) == before
    # A file without S1 goes in, and the sheet may still name S1.
    left = FOUR[1:]
    made.files["c"]["all.vcf"] = vcf(left, random_lines(left, 2, ["c1", "X"]))
    assert not made.ingest(store)["held_back"]
    assert digests(store) != before


@pytest.mark.parametrize("everywhere", [False, True])
def test_another_cohort(tmp_path: Path, everywhere: bool) -> None:
    made = several(tmp_path / "in")
    store = tmp_path / "s"
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"], everywhere=everywhere))
    names = ["S1", "T1"]
    made.add(
        "d", {"d.vcf": vcf(names, random_lines(names, 4, ["c1"]))}, {n: {} for n in names}
    )
    assert bool(made.ingest(store)["held_back"]) is everywhere


def test_an_ingest_leaves_them_out(tmp_path: Path) -> None:
    """By the policy: also what a dry run says; the next night has nothing to do."""
    made = several(tmp_path / "in")
    store = tmp_path / "s"
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"]))
    made.files["c"]["all.vcf"] = vcf(FOUR, random_lines(FOUR, 2, ["c1", "X"]))
    path = made.write()
    assert ingest(store, path, Options(dry_run=True))[1]["held_back"]
    made.settings["policy"] = {"withdrawn": "leave_out"}
    path = made.write()
    seen = ingest(store, path, Options(dry_run=True))[1]
    assert not seen["held_back"]
    assert seen["cohorts"][0]["n_samples"] == 3
    code, account = ingest(store, path, Options(cores=1))
    assert (code, account["held_back"]) == (0, [])
    compare(store, made.build_without("built", {"c": ["S1"]}))
    row = varhouse.open(store).scan("files").collect().row(0, named=True)
    assert row["without"] == Ledger.open(store).hash("S1")
    assert row["path"] == str(made.folder / "c" / "all.vcf")
    assert ingest(store, path, Options(cores=1))[1]["up_to_date"]
    # Not of the rows: without it the same is as it was.
    del made.settings["policy"]
    assert made.ingest(store)["up_to_date"]


class Killed(BaseException):
    """A kill."""


@pytest.mark.parametrize("point", ["cut", "in the ledger", "committed"])
def test_killed_anywhere(tmp_path: Path, monkeypatch, point: str) -> None:
    made = several(tmp_path / "in")
    store = tmp_path / "s"
    made.ingest(store)
    before = digests(store)

    def die(at: str) -> None:
        if at == point:
            raise Killed

    asked = Asked("c", ["S1"], "said so")
    with monkeypatch.context() as patched:
        patched.setattr(carry, "_reached", die)
        patched.setattr(run, "_reached", die)
        with pytest.raises(Killed):
            withdraw(store, asked)
    done = point == "committed"
    assert (digests(store) != before) is done
    assert bool(Ledger.open(store).refuses("c", FOUR)) is done
    receipt = withdraw(store, asked)
    assert (receipt.seconds is None) is done
    assert receipt.reason == "said so"
    assert Ledger.open(store).refuses("c", FOUR) == ["S1"]
    assert read_receipt(store, receipt.release) is not None
    compare(store, made.build_without("built", {"c": ["S1"]}))
    with pytest.raises(ConfigError, match="already"):
        withdraw(store, asked)


def test_files_of_the_settings_that_are_others_now(tmp_path: Path) -> None:
    made = several(tmp_path / "in")
    store = tmp_path / "s"
    made.ingest(store)
    before = digests(store)
    (made.folder / "par.bed").write_text("X\t0\t200\n")
    with pytest.raises(StoreError, match=r"other settings.*par\.bed"):
        withdraw(store, Asked("c", ["S1"]))
    assert digests(store) == before
    assert Ledger.open(store).entries == []
