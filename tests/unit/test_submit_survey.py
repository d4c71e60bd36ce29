"""The return to the national survey: sums, persons once, nothing of a person in it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from builders import make_store

from varhouse.cli import main
from varhouse.errors import UsageError
from varhouse.governance.codescredit import check_digit
from varhouse.governance.ledger import Ledger
from varhouse.submission.survey import (
    ALL,
    APART,
    COLUMNS,
    NATIONAL,
    SEVERAL,
    UNKNOWN,
    make_return,
    place_of,
    province_of,
)

TODAY = date(2026, 11, 30)


def people(cohort: str, *rows: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Make samples: name, accession, province."""
    return [
        {"cohort": cohort, "sample": name, "ordinal": i, "file": 0, "sex": "unknown",
         "attributes": json.dumps({k: v for k, v in
                                   (("accession", accession), ("province", province)) if v})}
        for i, (name, accession, province) in enumerate(rows)
    ]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Make a store of three cohorts; A1 is in two of them, with a province in each."""
    path = tmp_path / "store"
    samples = [
        *people("north", ("s1", "SAMC000001", "11"), ("s2", "SAMC000002", "Hebei"),
                ("s3", "SAMC000003", "")),
        *people("south", ("t1", "SAMC000001", "广东省"), ("t2", "SAMC000009", "440106"),
                ("t3", "SAMC000002", "130000")),
        *people("far", ("u1", "", "香港"), ("u2", "", "Atlantis")),
    ]  # fmt: skip
    cohorts = [
        {"cohort": "north", "n_samples": 3, "assay": "WGS"},
        {"cohort": "south", "n_samples": 3, "assay": "array"},
        {"cohort": "far", "n_samples": 2},
    ]
    make_store(path, {"samples": samples, "cohorts": cohorts})
    ledger = Ledger.open(path)
    ledger.add("cohort", "north", {
        "provinces": "110000",
        "holder_name": "Demo Hospital", "storage_site": "A", "is_pedigree": "yes",
        "generations_affected": "3",
    })  # fmt: skip
    south = {"provinces": "110000;440000", "holder_name": "Demo Hospital", "storage_site": "A"}
    ledger.add("cohort", "south", south)
    ledger.add("cohort", "ledgeronly", {"provinces": "兵团", "people.WGS": "40",
                                        "people.array": "90"})  # fmt: skip
    ledger.add("cohort", "plant", {"taxon": "3708", "people.WGS": "5"})
    ledger.add("cohort", "gone", {"people.WGS": "7"})
    ledger.add("withdraw", "gone", {"from": "2026-01-01"})
    both = {"cohorts": "north;south", "valid_from": "2020-01-01"}
    for kind, number, until in (("ethics", "E1", 2027), ("collection", "C1", 2025)):
        last = {"kind": kind, "number": number, "valid_until": f"{until}-01-01"}
        ledger.add("paper", "", {**both, **last})
    return path


def test_persons_count_once_and_columns_add_up(store: Path) -> None:
    found = make_return(store, TODAY)
    got = {p: r["people"] for p, r in found.rows.items() if r["people"]}
    assert got == {
        "110000": 1,  # s3, by its cohort
        "130000": 1,  # SAMC000002, in both cohorts
        "440000": 1,  # a county of Guangdong
        "660000": 90,  # not in the store: the ledger's greatest number
        SEVERAL: 1,  # SAMC000001, Beijing and Guangdong
        UNKNOWN: 1,  # Atlantis
        NATIONAL: 95,
        "810000": 1,
        ALL: 96,
    }
    for column in COLUMNS:
        parts = [p for p in found.rows if p not in (NATIONAL, ALL, *APART)]
        assert sum(found.rows[p][column] for p in parts) == found.rows[NATIONAL][column]
        apart = sum(found.rows[p][column] for p in APART)
        assert found.rows[ALL][column] == found.rows[NATIONAL][column] + apart
    assert len(found.rows) == 31 + 1 + 2 + 1 + 3 + 1
    nation = found.rows[NATIONAL]
    assert (nation["people_WGS"], nation["people_array"]) == (3 + 40, 3 + 90)
    # A person with two assays counts in both columns, and once in all.
    assert found.rows["130000"]["people_WGS"] == found.rows["130000"]["people_array"] == 1


def test_cohorts_papers_and_sites_count_once(store: Path) -> None:
    rows = make_return(store, TODAY).rows
    assert {p: r["cohorts"] for p, r in rows.items() if r["cohorts"]} == {
        "110000": 1, SEVERAL: 1, UNKNOWN: 1, "660000": 1, NATIONAL: 4, ALL: 4,
    }  # fmt: skip
    nation = rows[NATIONAL]
    assert (nation["institutions"], nation["storage_sites"]) == (1, 1)
    assert (nation["pedigree_cohorts"], nation["families"]) == (1, 1)
    assert (nation["permits_valid"], nation["permits_ended"]) == (1, 1)
    assert rows[SEVERAL]["permits_valid"] == 1
    earlier = make_return(store, date(2024, 6, 1))
    assert earlier.rows[NATIONAL]["permits_valid"] == 2
    later = make_return(store, date(2019, 6, 1))
    assert set(later.papers.values()) == {1}
    assert {state for _, _, state in later.papers} == {"later"}


def test_a_pedigree_cohort_of_the_ledger_alone_counts(store: Path) -> None:
    said = {"is_pedigree": "yes", "generations_affected": "3"}
    Ledger.open(store).add("cohort", "ledgeronly", said)
    row = make_return(store, TODAY).rows["660000"]
    assert (row["pedigree_cohorts"], row["families"], row["people"]) == (1, 1, 90)


def test_what_is_doubtful_is_said(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(store).add("cohort", "north", {"people.WGS": "4"})
    notes = "\n".join(make_return(store, TODAY).notes)
    assert "1 withdrawn" in notes
    assert "ledgeronly has people of several assays" in notes
    assert "north: the ledger says 4 people, the store has 3" in notes
    monkeypatch.setenv("VARHOUSE_LANGUAGE", "zh")
    assert "已撤回" in "\n".join(make_return(store, TODAY).notes)


def test_a_round_chooses_cohorts(store: Path) -> None:
    Ledger.open(store).add("cohort", "far", {"survey_round": "2"})
    assert make_return(store, TODAY, "2").rows[ALL]["people"] == 2
    with pytest.raises(UsageError, match="no cohort of round"):
        make_return(store, TODAY, "3")


def test_the_pack_is_the_same_again_and_names_nobody(store: Path, tmp_path: Path) -> None:
    words = ["submit", "survey", str(store), "--on", "2026-11-30", "-o"]
    for name in ("one", "two"):
        assert main([*words, str(tmp_path / name)]) == 0
    for path in sorted((tmp_path / "one").iterdir()):
        raw = path.read_bytes()
        assert raw == (tmp_path / "two" / path.name).read_bytes(), path.name
        assert not any(b in raw for b in (b"SAMC0", b"Atlantis"))
    book = openpyxl.load_workbook(tmp_path / "one" / "survey.xlsx")
    assert book.sheetnames == ["分省汇总", "批件", "provinces", "papers"]
    page = book["分省汇总"]
    shown = {page.cell(r, 2).value: page.cell(r, 3).value for r in range(2, page.max_row + 1)}
    assert (shown["新疆生产建设兵团"], shown["全国合计"]) == (90, 95)
    head, *rows = (tmp_path / "one" / "survey.tsv").read_text().splitlines()
    assert head.split("\t")[:3] == ["code (GB/T 2260)", "province", "people"]
    assert rows[0].split("\t")[:3] == ["110000", "Beijing", "1"]
    told = json.loads((tmp_path / "one" / "survey.json").read_text())
    assert [r["people"] for r in told["rows"] if r["place"] == NATIONAL] == [95]


def test_a_store_without_a_ledger_counts_its_people(tmp_path: Path) -> None:
    path = tmp_path / "store"
    rows = people("north", ("s1", "", "北京"), ("s2", "", ""))
    make_store(path, {"samples": rows, "cohorts": [{"cohort": "north", "province": "44"}]})
    found = make_return(path, TODAY)
    assert (found.rows["110000"]["people"], found.rows["440000"]["people"]) == (1, 1)
    assert found.rows[NATIONAL]["institutions"] == 0
    assert "no ledger" in found.notes[0]
    assert main(["submit", "survey", str(path), "-o", str(tmp_path / "out")]) == 0
    assert not (path / "_store" / "governance").exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [("11", "110000"), ("110105", "110000"), ("北京市", "110000"), ("Guangdong", "440000"),
     ("XPCC", "660000"), ("Macau", "820000"), ("", None), ("nowhere", None), ("99", None)],
)  # fmt: skip
def test_provinces(text: str, code: str | None) -> None:
    assert province_of(text) == code


def test_places() -> None:
    assert place_of([]) == place_of([None]) == UNKNOWN
    assert place_of(["110000", None, "110000"]) == "110000"
    assert place_of(["110000", "120000"]) == SEVERAL


def test_an_institution_counts_where_it_is_registered(store: Path) -> None:
    """By its code; a cohort that names it alone is of the same one."""
    code = "12440000MB2C00005"
    code += check_digit(code)
    Ledger.open(store).add("cohort", "south", {"holder": code})
    rows = make_return(store, TODAY).rows
    assert {p: r["institutions"] for p, r in rows.items() if r["institutions"]} == {
        "440000": 1, NATIONAL: 1, ALL: 1,
    }  # fmt: skip
