"""After a withdrawal: other policies, kits, purges before the receipt, older names."""

import shutil
from pathlib import Path

import pytest
from pysam import bcftools
from withdrawing import Cohorts, compare, random_lines, vcf

import varhouse
from varhouse.errors import InputError, StoreError
from varhouse.ingest.driver import Options, ingest
from varhouse.store.drop import drop_cohort
from varhouse.store.ledger import ledger_folder
from varhouse.store.purge import purge_withdrawn
from varhouse.store.releases import write_tag
from varhouse.withdrawal import run
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.receipt import read_receipt
from varhouse.withdrawal.run import withdraw
from varhouse.withdrawal.select import read_people

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
    write_tag(store, "with-S1", old)
    receipt = withdraw(store, Asked("c2", ["S1"]))
    assert receipt.holds.names == ["tag with-S1"]
    assert receipt.holds.releases == [old + 2]
    assert receipt.holds.cohorts == [f"c (of release {old})"]


@pytest.mark.parametrize("name", ["a.bcf", "a.gvcf.gz", "a.VCF", "a"])
def test_a_file_of_any_name_is_cut_and_keeps_it(tmp_path: Path, name: str) -> None:
    """What a file is, its bytes say; its name stays in the table files."""
    made, store = _cohort(tmp_path / "in"), tmp_path / "store"
    (tmp_path / "in" / "c").mkdir()
    source = tmp_path / "in" / "all.vcf"
    source.write_text(made.files["c"].pop("all.vcf"))
    made.files["c"][name] = source.read_text()
    if name != "a":
        made.files["c"].clear()
        kind = {"a.bcf": "b", "a.gvcf.gz": "z", "a.VCF": "v"}[name]
        out = tmp_path / "in" / "c" / name
        bcftools.view("-O", kind, "-o", str(out), str(source), catch_stdout=False)
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"]))
    newest = varhouse.open(store)
    assert sorted(newest.scan("samples").collect()["sample"]) == FOUR[1:]
    assert newest.scan("files").collect()["name"].to_list() == [name]


def test_a_purge_that_was_killed_is_told_when_it_is_done(tmp_path: Path) -> None:
    made, store = _cohort(tmp_path / "in"), tmp_path / "store"
    made.ingest(store)
    first = withdraw(store, Asked("c", ["S1"]))
    assert purge_withdrawn(store).sealed == first.holds.releases
    again = withdraw(store, Asked("c", ["S1"]), purges=True)
    assert again.holds.releases == []
    assert again.purged is not None
    assert again.purged["releases"] == first.holds.releases


def test_a_ledger_that_lacks_an_entry_is_noticed(tmp_path: Path) -> None:
    made, store = _cohort(tmp_path / "in"), tmp_path / "store"
    made.ingest(store)
    number = withdraw(store, Asked("c", ["S1"])).release
    shutil.rmtree(ledger_folder(store))
    made.files["c"]["all.vcf"] = vcf(FOUR, random_lines(FOUR, 9, ["c1"]))
    with pytest.raises(StoreError, match=rf"{number:08d}\.json is missing"):
        made.ingest(store)


def test_a_purge_by_a_number_leaves_releases_without_him(tmp_path: Path) -> None:
    made, store = Cohorts(tmp_path / "in", strata=["sex"]), tmp_path / "store"
    two = ["T1", "T2"]
    made.add("south", {"s.vcf": vcf(two, random_lines(two, 5, ["c1"]))}, {"T1": {}, "T2": {}})
    made.ingest(store)
    before = varhouse.open(store).release
    people = ["1", "2", "10"]
    lines = random_lines(people, 6, ["c1"])
    made.add("north", {"n.vcf": vcf(people, lines)}, {n: {} for n in people})
    made.ingest(store)
    receipt = withdraw(store, Asked("north", ["1"]), purges=True)
    assert receipt.purged is not None
    assert receipt.purged["releases"] == [before + 1]


def test_a_table_is_no_list_of_ids(tmp_path: Path) -> None:
    (tmp_path / "samples.tsv").write_text("cohort\tsample\nc\tS1\n")
    with pytest.raises(InputError, match="line 1 has 2 columns"):
        read_people([], tmp_path / "samples.tsv")
