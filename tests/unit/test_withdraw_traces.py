"""What names somebody, or quotes his line, goes with him; settings that read alike stay."""

import json
import re
import stat
from pathlib import Path

import pytest
from bytesearch import search
from withdrawing import CONTIGS, Cohorts, copy_store, random_lines, vcf

import varhouse
from varhouse.account import ELSEWHERE
from varhouse.errors import StoreError
from varhouse.store.ledger import Ledger
from varhouse.store.peopletexts import PeopleTexts
from varhouse.store.words import Words
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.receipt import read_receipt, receipt_file
from varhouse.withdrawal.run import withdraw

PRIVATE = "GATTACAGGCATTACC"
PEOPLE = ["S0042", "toy", "S8"]
HEADER = (
    '##GATKCommandLine=<ID=HC,CommandLine="HaplotypeCaller -I /data/S0042_dedup.bam">\n'
    "##cmd=tool S0042.bam\n"
)


def _file(seed: int) -> str:
    base = CONTIGS["c1"][898]
    own = ["c1", "899", ".", base, base + PRIVATE, "9", "PASS", ".", "GT", "0/1", "0/0", "0/0"]
    lines = [*random_lines(PEOPLE, seed, ["c1"]), "\t".join(own)]
    return vcf(PEOPLE, lines).replace("##FILTER", HEADER + "##FILTER", 1)


def _cohort(folder: Path, text: str, name: str = "north.vcf") -> Cohorts:
    made = Cohorts(folder, strata=["sex"])
    made.add("north", {name: text}, {n: {"sex": "female"} for n in PEOPLE})
    two = ["T1", "T2"]
    made.add(
        "south", {"south.vcf": vcf(two, random_lines(two, 5, ["c1"]))}, {"T1": {}, "T2": {}}
    )
    return made


@pytest.fixture(scope="module")
def fx_whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohorts, Path]:
    """A store whose cohort was held back for a line that it quotes, and then came in."""
    folder = tmp_path_factory.mktemp("traces")
    broken = _file(3).rstrip("\n") + "\t0/0\n"
    made, store = _cohort(folder / "in", broken, "S0042_2026.vcf"), folder / "store"
    assert [h["cohort"] for h in made.ingest(store)["held_back"]] == ["north"]
    (folder / "in" / "north" / "S0042_2026.vcf").unlink()
    made.files["north"] = {"north.vcf": _file(3)}
    assert made.ingest(store)["held_back"] == []
    return made, store


def test_no_byte_is_left_of_what_was_quoted_and_named(fx_whole: tuple[Cohorts, Path]) -> None:
    made, whole = fx_whole
    store = copy_store(whole, "purged")
    needles = ["S0042", PRIVATE]
    found = search(store, needles, ["_staging"])
    places = {(t.file.split("/")[1], t.needle) for t in found}
    # Or the search could not fail.
    assert {("held_back", PRIVATE), ("ingests", PRIVATE), ("files", "S0042")} <= places
    receipt = withdraw(store, Asked("north", ["S0042"], "letter"), purges=True)
    assert receipt.purged is not None
    assert receipt.purged["releases"] == [2, 3]
    assert search(store, needles, ["_staging"]) == []
    header = varhouse.open(store).scan("files", cohort="north").collect()["header"][0]
    assert "##FILTER" in header
    # The next night finds the person in another file, and says so without the id.
    made.files["north"]["north.vcf"] = _file(9)
    (held,) = made.ingest(store)["held_back"]
    made.files["north"]["north.vcf"] = _file(3)
    assert "1 sample(s) who were withdrawn (sample column 1; release 4" in held["reasons"][0]
    assert search(store, ["S0042"], ["_staging"]) == []


def test_settings_that_read_like_an_id_stay(fx_whole: tuple[Cohorts, Path]) -> None:
    made, whole = fx_whole
    store = copy_store(whole, "alike")
    before = varhouse.open(store).scan("ingests").collect()["config"].to_list()
    withdraw(store, Asked("north", ["toy"]))
    rows = varhouse.open(store).scan("ingests").sort("release").collect()
    assert rows["config"].to_list()[:-1] == before
    assert all(json.loads(s)["assembly"] == "toy" for s in rows["summary"])
    assert made.ingest(store).get("up_to_date")
    withdraw(store, Asked("north", ["S8"]))


def test_the_same_again_everywhere(fx_whole: tuple[Cohorts, Path]) -> None:
    store = copy_store(fx_whole[1], "everywhere")
    first = withdraw(store, Asked("north", ["S8"], "letter"))
    assert not Ledger.open(store).refuses("south", ["S8"])
    with pytest.raises(StoreError, match="another reason"):
        withdraw(store, Asked("north", ["S8"], "call", everywhere=True))
    again = withdraw(store, Asked("north", ["S8"], everywhere=True))
    assert (again.release, again.everywhere, again.reason) == (first.release, True, "letter")
    assert Ledger.open(store).refuses("south", ["S8"]) == ["S8"]
    kept = read_receipt(store, first.release)
    assert kept is not None
    assert kept.everywhere


def test_the_receipt_names_nobody_and_is_for_the_owner(tmp_path: Path) -> None:
    made = Cohorts(tmp_path / "S0042-in")
    names = ["S0042", "S8"]
    made.add(
        "north",
        {"xS0042dedup.vcf": vcf(names, random_lines(names, 4, ["c1"]))},
        {n: {} for n in names},
    )
    store = tmp_path / "store"
    made.ingest(store)
    receipt = withdraw(store, Asked("north", ["S0042"]))
    assert Path(receipt.holds.files[0]).name == "xS0042dedup.vcf"
    # Of a file that stays: it stands in its folder's name.
    assert receipt.holds.files[0] in receipt.holds.names
    file = receipt_file(store, receipt.release)
    assert search(file.parent, ["S0042"]) == []
    kept = read_receipt(store, receipt.release)
    assert kept is not None
    assert re.fullmatch(r"x<[0-9a-f]{16}>dedup\.vcf", Path(kept.holds.files[0]).name)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("S1_2026.vcf.gz", True), ("/data/x_S1.bam", True), ("-I S1,S2", True),
        ("S1-b.vcf", True), ("S12", False), ("xS1", False), ("S1b", False), ("é S1", True),
    ],
)  # fmt: skip
def test_where_an_id_is_a_word(text: str, stands: bool) -> None:
    assert (text in Words(["S1", ""])) == stands


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("1.10.2", False), ("v 2.1", False), ("2026-1-02", False), ("5+1", False),
        ("1.bam", True), ("/data/1_2026.vcf", True), ("--sample 1", True), ("(1)", True),
        ("11", False), ("chr1", False), ("end of 1.", True),
    ],
)  # fmt: skip
def test_where_a_number_is_a_word(text: str, stands: bool) -> None:
    assert (text in Words(["1"])) == stands


def test_texts_of_an_account() -> None:
    quoted = r"a.vcf:3  error VH-B-001  'c1\t1\t0/1'  14 columns, not 13; fix: remove it"
    told = {
        "assembly": "S1",
        "cohorts": [{"cohort": "a", "taken": {"chain": "S1"}, "reasons": {"x": 1},
                     "notes": ["3 x VH-F-020  'q'"], "hold": []}],
        "held_back": [{"cohort": "a", "reasons": [quoted, "plain"], "notes": []},
                      {"cohort": "b", "reasons": [quoted, "S1.vcf is odd"], "notes": []}],
        "warnings": ["S1 has no sex", "other"],
        "waiting": [{"cohort": "a", "n": 2, "first": ["S1", "S2"]}],
    }  # fmt: skip
    texts = PeopleTexts(["S1"], "a")
    cleaned = texts.clean(json.dumps(told))
    wanted = json.loads(json.dumps(told))
    wanted["cohorts"][0]["notes"] = ["3 × VH-F-020"]
    wanted["held_back"][0]["reasons"] = ["VH-B-001", ELSEWHERE]
    wanted["held_back"][1]["reasons"][1] = ELSEWHERE
    wanted["warnings"][0] = "removed"
    wanted["waiting"][0]["first"] = ["S2"]
    assert json.loads(cleaned) == wanted
    assert texts.stand_in(json.dumps(told))
    assert not texts.stand_in(cleaned)
    assert texts.clean(cleaned) == cleaned
    told["held_back"] = told["warnings"] = told["waiting"] = []
    # Notes on who went in are no sign that he was in there.
    assert not texts.stand_in(json.dumps(told))


def test_info_that_names_people_is_told(tmp_path: Path) -> None:
    head, last = _file(3).rstrip("\n").rsplit("\n", 1)
    named = last.replace("PASS\t.", "PASS\tSAMPLES=toy,S0042;DP=8").replace("0/0", "0/1")
    made = _cohort(tmp_path / "in", f"{head}\n{named}\n")
    store = tmp_path / "store"
    made.ingest(store)
    receipt = withdraw(store, Asked("north", ["S0042"], ""), purges=True)
    assert receipt.holds.names == ["INFO of 1 record(s), the first at c1:899"]
    assert search(store, ["S0042"], ["_staging"])
