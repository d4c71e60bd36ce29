"""gVCFs of published cases through a store, against what joint callers and mergers give.

Compared is, at each allele of the golden, what each person has: copies of it, and called
alleles. Joint callers genotype anew, drop alleles and have their own reasons not to call, so
not all is equal. Every difference is a row of gvcf_differences.tsv with its class;
docs/gvcf-differences.md says of each class who is right. A test fails when a difference is
not listed, and when a listed one is gone.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from gvcf_cases import Case, bcftools_cases, gatk_cases, glnexus_cases, gnarly_case
from gvcf_store import Answers, Difference, move

LISTED = Path(__file__).with_name("gvcf_differences.tsv")
CLASSES = Path(__file__).parents[2] / "docs/gvcf-differences.md"
SUITES: dict[str, tuple[Callable[[Path], list[Case]], int]] = {
    "glnexus": (glnexus_cases, 471),
    "bcftools": (bcftools_cases, 1_255),
    "gatk-combine": (lambda oracles: gatk_cases(oracles, "CombineGVCFs"), 677),
    "gatk-genotype": (lambda oracles: gatk_cases(oracles, "GenotypeGVCFs"), 10_518),
    "gatk-gnarly": (lambda oracles: [gnarly_case(oracles)], 150),
}
"""The cases of each suite, and how many comparisons they make."""


def listed(suite: str) -> dict[tuple[str, ...], str]:
    """Give the listed differences of a suite, and the class of each."""
    with LISTED.open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {
        tuple(row[f] for f in Difference._fields): row["class"]
        for row in rows
        if row["suite"] == suite
    }


@pytest.fixture(scope="module", params=SUITES)
def fx_suite(
    request: pytest.FixtureRequest, oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Answers]:
    suite = request.param
    cases = SUITES[suite][0](oracles_dir)
    return suite, Answers(tmp_path_factory.mktemp(suite), move(cases))


def test_differences_are_listed(fx_suite: tuple[str, Answers]) -> None:
    suite, answers = fx_suite
    compared, differences = answers.compare(likeliest=suite == "gatk-combine")
    assert compared == SUITES[suite][1]
    found = {tuple(map(str, d)) for d in differences}
    known = listed(suite)
    new = ["\t".join((suite, *d)) for d in sorted(found - known.keys())]
    gone = ["\t".join((suite, *d)) for d in sorted(known.keys() - found)]
    assert not new, "not listed:\n" + "\n".join(new)
    assert not gone, "listed, but not there:\n" + "\n".join(gone)


def test_classes_are_explained() -> None:
    with LISTED.open() as lines:
        rows = Counter(row["class"] for row in csv.DictReader(lines, delimiter="\t"))
    table = re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) \|", CLASSES.read_text(), re.MULTILINE)
    assert {name: int(number) for name, number in table} == rows
