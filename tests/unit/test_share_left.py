"""An older release holds people who have left the store since: the gate keeps them."""

from pathlib import Path

import pytest
from view_builders import govern, make_people, put_cohorts

from varhouse.sharing.gate import ask
from varhouse.sharing.request import Answer, Content, Request
from varhouse.store.releases import list_releases

HOME = "Demo University"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cohorts a, b and c; then somebody leaves a, one joins b, and c is dropped."""
    path = tmp_path_factory.mktemp("left") / "store"
    alleles = ["chr1-100-A-T"]
    people = {c: make_people(c, 30, alleles, i) for i, c in enumerate("abc")}
    put_cohorts(path, people)
    ledger = govern(path, dict.fromkeys("abc", "T0"))
    ledger.add("recipient", HOME, {"kind": "domestic", "country": "CN"})
    joined = make_people("b", 31, alleles, 1)
    put_cohorts(path, {"a": people["a"].without("A-P007"), "b": joined})
    return path


def stands_in_the_way(store: Path, to: str, cohort: str, content: Content) -> bool:
    first, *_ = [n for n in list_releases(store) if n > 1]
    request = Request(store, release=first, cohorts=(cohort,), recipient=to, content=content)
    decision = ask(request)
    is_left = "gate.left" in decision.rule_ids
    assert not is_left or decision.answer is Answer.DENY
    return is_left


@pytest.mark.parametrize(
    ("to", "cohort", "denied"),
    [
        (HOME, "a", True), (HOME, "b", False), (HOME, "c", True), ("registered", "a", True),
        ("inside", "a", False), ("inside", "c", False),
    ],
)  # fmt: skip
def test_who_left_is_in_no_older_release_that_is_given(
    store: Path, to: str, cohort: str, denied: bool
) -> None:
    assert stands_in_the_way(store, to, cohort, Content.INDIVIDUAL) == denied


def test_sums_of_an_older_release_stay_as_they_were_published(store: Path) -> None:
    assert not stands_in_the_way(store, HOME, "a", Content.AGGREGATE)


@pytest.mark.parametrize(("sample", "denied"), [("A-P007", True), ("A-P008", False)])
def test_people_who_are_chosen_and_stayed_may_be_given(
    store: Path, sample: str, denied: bool
) -> None:
    first, *_ = [n for n in list_releases(store) if n > 1]
    request = Request(
        store,
        release=first,
        cohorts=("a",),
        samples=(sample,),
        recipient=HOME,
        content=Content.INDIVIDUAL,
    )
    assert ("gate.left" in ask(request).rule_ids) == denied


def test_the_newest_release_holds_nobody_who_left(store: Path) -> None:
    for cohort in ("a", "b"):
        request = Request(store, cohorts=(cohort,), recipient=HOME)
        assert "gate.left" not in ask(request).rule_ids
