"""A purge: no byte of who went is left, and who stays is as before."""

import json
import random
import shutil
from pathlib import Path

import pytest
from builders import make_fasta, make_vcf
from bytesearch import search
from inprocess import ingest_here
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, contents, new_store
from withdrawing import Cohorts, random_lines, vcf

from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.store.drop import drop_cohort
from varhouse.store.errata import sealed_releases
from varhouse.store.purge import purge
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases, read_open_releases, read_tags, write_tag
from varhouse.verify.whole import verify
from varhouse.withdrawal.run import Asked, withdraw

PRIVATE = "GATTACAGATTACACCATGGTTAACCGGATCCTTAAGGCCATATGCGC"
"""An insertion that only one person has."""
NEEDLES = ["NORTHMAN7", PRIVATE, PRIVATE[8:40], "rs77001177", "WORDOFHIS"]


def cohorts(folder: Path) -> Path:
    """Write the inputs of two cohorts; one of `north` has what nobody else has."""
    rng = random.Random(7)
    bases = "".join(rng.choices("ACGT", k=900))
    make_fasta(folder / "ref.fa", {"c1": bases})

    def line(pos: int, alt: str, calls: str, id_: str = ".", info: str = ".") -> str:
        return f"c1 {pos} {id_} {bases[pos - 1]} {alt} . PASS {info} GT {calls}"

    def other(pos: int) -> str:
        return "ACGT"[("ACGT".index(bases[pos - 1]) + 1) % 4]

    meta = ['##INFO=<ID=NOTE,Number=1,Type=String,Description="x">']
    shared = [line(p, other(p), "0/1 0/0") for p in (100, 200)]
    own = line(300, bases[299] + PRIVATE, "0/0 0/1", "rs77001177", "NOTE=WORDOFHIS")
    rejected = "c1 400 . R NORTHMAN7 . PASS NOTE=WORDOFHIS GT 0/0 0/1"
    people = ["NORTHMAN6", "NORTHMAN7"]
    make_vcf(folder / "north.vcf", [*shared, own, rejected], people, meta=meta)
    make_vcf(folder / "south.vcf", shared, ["S1", "S2"], meta=meta)
    (folder / "samples.tsv").write_text(
        "cohort\tsample\tsex\n"
        + "".join(f"north\t{p}\tfemale\n" for p in people)
        + "south\tS1\tfemale\nsouth\tS2\tmale\n"
    )
    return folder


def config(folder: Path, names: str, **more: object) -> Path:
    rows = "".join(f"{n}\t{n}.vcf\n" for n in names.split())
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\n{rows}")
    said = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv", **more,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said))
    return folder / "config.json"


def test_no_byte_of_a_dropped_cohort_is_left(tmp_path: Path) -> None:
    folder, store = cohorts(tmp_path), tmp_path / "store"
    ingest_here(store, config(folder, "south"))
    ingest_here(store, config(folder, "south north"))
    write_tag(store, "paper", list_releases(store)[-1])
    shutil.rmtree(store / "_staging")
    south = list_releases(store)[-2]
    before = open_store(store, south).digest(), contents(store, south)
    found = {t.needle for t in search(store, NEEDLES)}
    # Or the search could not fail.
    assert found == set(NEEDLES)
    where = {t.file.split("/")[0] + "/" + t.file.split("/")[1] for t in search(store, NEEDLES)}
    assert {"controlled/samples", "controlled/sites", "open/variants"} <= where
    number = drop_cohort(store, "north")
    assert search(store, NEEDLES)
    newest = open_store(store).digest()
    told = purge(store, cohort="north")
    assert search(store, [*NEEDLES, "NORTHMAN6"]) == []
    assert told.files
    assert told.bytes > 0
    assert sealed_releases(store)[number - 1].reason == f"withdrawal, see release {number}"
    assert read_tags(store) == {"paper": number - 1}
    with pytest.raises(StoreError, match="withdrawal, see release"):
        open_store(store, "paper")
    assert open_store(store).digest() == newest
    assert not verify(store)
    # A release from before they came stays.
    assert told.sealed == [number - 1]
    assert (open_store(store, south).digest(), contents(store, south)) == before
    assert purge(store, cohort="north").sealed == []


def test_no_byte_of_a_withdrawn_person_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = cohorts(tmp_path), tmp_path / "store"
    ingest_here(store, config(folder, "south north"))
    shutil.rmtree(store / "_staging")
    assert {t.needle for t in search(store, NEEDLES)} == set(NEEDLES)
    receipt = withdraw(store, Asked("north", ["NORTHMAN7"]))
    assert search(store, NEEDLES)
    command = ["store", "gc", str(store), "--purge-withdrawn"]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert search(store, NEEDLES)
    assert main(command) == 0
    assert capsys.readouterr().out == said
    assert f"withdrawal, see release {receipt.release}" in said
    assert search(store, NEEDLES) == []
    assert open_store(store).digest() == receipt.digest
    assert search(store, ["NORTHMAN6"])
    assert not verify(store)
    assert ingest_here(store, config(folder, "south north")).get("up_to_date")
    assert search(store, NEEDLES[1:3]) == []
    assert main(command) == 0
    assert "sealed" not in capsys.readouterr().out


@pytest.mark.parametrize("is_one_a_person", [True, False])
def test_no_byte_of_somebody_in_a_file_of_his_own_is_left(
    tmp_path: Path, is_one_a_person: bool
) -> None:
    """The id stands in the path and the header of a file; another ingest came in between."""
    made = Cohorts(tmp_path / "in")
    store = tmp_path / "store"
    people = ["NORTHMAN6", "NORTHMAN7", "NORTHMAN8"]
    lines = {p: random_lines([p], 5) for p in people}
    lines["NORTHMAN7"][3] = lines["NORTHMAN7"][3].replace("\trs", "\trs7700117700")
    files = {f"{p}.vcf": vcf([p], lines[p]) for p in people}
    if not is_one_a_person:
        files = {"NORTHMAN67.vcf": vcf(people[:2], random_lines(people[:2], 6)), **files}
        del files["NORTHMAN6.vcf"], files["NORTHMAN7.vcf"]
    made.add("c", files, {p: {} for p in people})
    made.ingest(store)
    made.add(
        "d", {"d.vcf": vcf(["T1", "T2"], random_lines(["T1", "T2"], 8))}, {"T1": {}, "T2": {}}
    )
    made.ingest(store)
    shutil.rmtree(store / "_staging", ignore_errors=True)
    needles = ["NORTHMAN7", *(["rs7700117700"] if is_one_a_person else [])]
    assert {t.needle for t in search(store, needles)} == set(needles)
    receipt = withdraw(store, Asked("c", ["NORTHMAN7"]), purges=True)
    assert search(store, needles) == []
    assert open_store(store).digest() == receipt.digest
    assert not verify(store)
    assert read_open_releases(store)


@pytest.fixture(scope="module")
def fx_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = new_store(tmp_path_factory.mktemp("made") / "store")
    add_cohort(store, "a", COHORT_A, "ingest-a")
    add_cohort(store, "bertha", COHORT_B, "ingest-b")
    add_cohort(store, "a", COHORT_C, "ingest-a2")
    shutil.rmtree(store / "_staging")
    return store


@pytest.fixture
def fx_store(fx_made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(fx_made, tmp_path / "store")


def test_releases_without_the_people_stay(fx_store: Path) -> None:
    drop_cohort(fx_store, "bertha")
    before = contents(fx_store, 2), contents(fx_store, 5)
    told = purge(fx_store, cohort="bertha", holds=lambda name: name == "bertha2")
    assert told.sealed == [3, 4]
    assert (contents(fx_store, 2), contents(fx_store, 5)) == before
    assert not verify(fx_store, 2)
    assert search(fx_store, ["bertha2"]) == []


def test_nobody_is_purged_whom_the_newest_release_holds(fx_store: Path) -> None:
    for holds in (None, lambda name: name == "bertha2"):
        with pytest.raises(StoreError, match=r"the newest release .* still holds"):
            purge(fx_store, cohort="bertha", holds=holds)
    assert purge(fx_store, cohort="bertha", holds=lambda _: False).sealed == []
    assert not sealed_releases(fx_store)


def test_who_is_named_in_texts_alone_is_found(fx_store: Path) -> None:
    """Of a release whose samples he is not: a cohort that was held back names him."""
    assert purge(fx_store, cohort="a", holds=lambda _: False, names=["demo"]).sealed == [2, 3]


def test_dry_run_of_a_purge(fx_store: Path) -> None:
    drop_cohort(fx_store, "bertha")
    there = sorted(fx_store.rglob("*"))
    told = purge(fx_store, cohort="bertha", dry_run=True)
    assert told.sealed == [3, 4]
    assert sorted(fx_store.rglob("*")) == there
    assert purge(fx_store, cohort="bertha").collected.gone == told.collected.gone


def test_paths_that_name_people_leave_the_cache(fx_store: Path) -> None:
    (fx_store / "_cache").mkdir()
    known = fx_store / "_cache" / "file-digests.json"
    known.write_text(
        json.dumps({"/data/bertha2.g.vcf": [[1], "x"], "/data/c.vcf": [[1], "y"]})
    )
    drop_cohort(fx_store, "bertha")
    purge(fx_store, cohort="bertha", holds=lambda name: name == "bertha2")
    assert json.loads(known.read_text()) == {"/data/c.vcf": [[1], "y"]}
