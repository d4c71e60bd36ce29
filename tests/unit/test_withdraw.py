"""People are withdrawn: the store is as one build of files without them."""

from pathlib import Path

import pytest
from withdrawing import Cohorts, compare, random_lines, vcf

import varhouse
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.run import withdraw

FOUR = ["S1", "S2", "S3", "S4"]
SHEET = {
    "S1": {"sex": "male", "population": "north"},
    "S2": {"sex": "female", "population": "south"},
    "S3": {"sex": "male", "population": "south", "batch": "2"},
    "S4": {"sex": "female"},
}


def several(folder: Path) -> Cohorts:
    """Make a cohort of one file with all kinds of calls."""
    made = Cohorts(folder, strata=["sex", "population", "sex+population"])
    lines = random_lines(FOUR, 1, males=["S1", "S3"])
    made.add("c", {"all.vcf": vcf(FOUR, lines)}, SHEET, project="PRJCA000001", more="x")
    return made


def by_contig(folder: Path) -> Cohorts:
    made = Cohorts(folder, strata=["population"])
    files = {f"{c}.vcf": vcf(FOUR, random_lines(FOUR, 2, [c])) for c in ("c1", "c2", "X")}
    made.add("c", files, SHEET)
    return made


def other_people(folder: Path) -> Cohorts:
    """Two files of other people, at the same sites and at their own."""
    made = Cohorts(folder)
    files = {
        "a.vcf": vcf(FOUR[:2], random_lines(FOUR[:2], 3, ["c1", "X"])),
        "b.vcf": vcf(FOUR[2:], random_lines(FOUR[2:], 3, ["c1", "X"])),
    }
    made.add("c", files, SHEET)
    return made


def adjusted(folder: Path) -> Cohorts:
    made = Cohorts(folder, strata=["sex"])
    lines = random_lines(FOUR, 4, males=["S1"], form="GT:GQ:DP:AD")
    made.add("c", {"all.vcf": vcf(FOUR, lines)}, SHEET)
    return made


def two_cohorts(folder: Path) -> Cohorts:
    made = several(folder)
    names = ["T1", "S1"]
    made.add("d", {"d.vcf": vcf(names, random_lines(names, 1))}, {n: {} for n in names})
    return made


@pytest.mark.parametrize("kind", [several, by_contig, other_people, adjusted, two_cohorts])
@pytest.mark.parametrize("who", [["S1"], ["S2", "S3"]], ids=["one", "two"])
def test_a_store_is_as_built_without_them(tmp_path: Path, kind, who: list[str]) -> None:
    made = kind(tmp_path / "in")
    store = tmp_path / "s"
    assert not made.ingest(store)["held_back"]
    receipt = withdraw(store, Asked("c", who))
    compare(store, made.build_without("built", {"c": who}))
    assert receipt.digest == varhouse.open(store).digest() != receipt.digest_before
    assert receipt.exact
    again = made.ingest(store)
    assert again.get("up_to_date"), again
