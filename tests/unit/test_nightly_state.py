"""What a delivery is to its cohort: a duplicate, late, or of another assembly."""

from pathlib import Path

import pytest
from nights import Nights, delivered, faults, outcomes, vcf_text

import varhouse

SHEET = "sample\tsex\na1\t{}\na2\tfemale\n"


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "centre")


def sexes(nights: Nights) -> list[tuple[str, str]]:
    """Give the people of the store with their sex."""
    rows = varhouse.open(nights.store).scan("samples").select("sample", "sex").collect()
    return sorted(rows.rows())


def test_a_sheet_that_came_before_corrects_one_that_came_after_it(nights: Nights) -> None:
    text = vcf_text(nights.root, ["a1", "a2"])
    said = {"samples": "s.tsv", "cohort": "a", "mode": "add"}
    nights.deliver("a", files={"calls.vcf": text, "s.tsv": SHEET.format("female")},
                   samples="s.tsv")  # fmt: skip
    nights.deliver("b", "a", "2026-10-02", {"s.tsv": SHEET.format("male")},
                   samples="s.tsv", mode="add")  # fmt: skip
    assert set(outcomes(nights.run()).values()) == {"in"}
    assert sexes(nights) == [("a1", "male"), ("a2", "female")]
    nights.deliver("c", date="2026-10-03", files={"s.tsv": SHEET.format("female")}, **said)
    assert outcomes(nights.run()) == {"c": "in"}
    assert sexes(nights) == [("a1", "female"), ("a2", "female")]
    # Now it brings nothing, nor do rows of it, nor a column without a value.
    nights.deliver(
        "d", date="2026-10-04", files={"s.tsv": "sample\tsex\na1\tfemale\n"}, **said
    )
    assert outcomes(nights.run()) == {"d": "duplicate"}


def test_a_file_may_take_the_bytes_of_another_one(nights: Nights) -> None:
    first, second = vcf_text(nights.root, ["a1"]), vcf_text(nights.root, ["a2"])
    nights.deliver("a", files={"a.vcf": first, "b.vcf": second})
    nights.run()
    nights.deliver("b", "a", "2026-10-02", {"b.vcf": first}, samples=None, mode="add")
    assert outcomes(nights.run()) == {"b": "in"}
    assert nights.people() == {"a": ["a1"]}
    # Under a name of its own it would be in twice.
    nights.deliver("c", "a", "2026-10-02", {"c.vcf": first}, samples=None, mode="add")
    assert outcomes(nights.run()) == {"c": "duplicate"}


def test_a_permit_may_be_taken_back(nights: Nights) -> None:
    text = vcf_text(nights.root, ["a1", "a2"])
    nights.deliver("a", files={"calls.vcf": text}, project="PRJCA000001", province="Hunan")
    nights.run()
    nights.deliver("b", "a", "2026-10-02", {"calls.vcf": text}, project="PRJCA000001")
    assert outcomes(nights.run()) == {"b": "in", "a": "replaced"}
    nights.deliver("c", "a", "2026-10-03", {"calls.vcf": text}, project="PRJCA000001")
    assert outcomes(nights.run()) == {"c": "duplicate"}


def test_a_duplicate_changes_nothing_of_what_it_repeats(nights: Nights) -> None:
    text = vcf_text(nights.root, ["a1", "a2"])
    nights.deliver(
        "a", files={"calls.vcf": text, "s.tsv": SHEET.format("male")}, samples="s.tsv"
    )
    nights.deliver("b", "a", "2026-10-02", {"s.tsv": SHEET.format("female")},
                   samples="s.tsv", mode="add")  # fmt: skip
    nights.run()
    (record,) = (nights.folder / "deliveries" / "a").glob("2026-10-01-*.json")
    files = {"calls.vcf": text, "s.tsv": SHEET.format("female")}
    nights.deliver("c", "a", "2026-10-05", files, samples="s.tsv")
    night = nights.run()
    assert (outcomes(night), delivered(night, "c").of) == ({"c": "duplicate"}, "a")
    assert '"date": "2026-10-01T00:00:00"' in record.read_text()
    # What was added after it is in still, and what is older than the repetition is late.
    assert sexes(nights) == [("a1", "female"), ("a2", "female")]
    assert nights.run().exit_code == 0
    assert sexes(nights) == [("a1", "female"), ("a2", "female")]
    nights.deliver("d", "a", "2026-10-04", seed=1)
    fault = faults(nights.run())["delivery:d"]
    assert fault.kind == "late"
    assert "'a' of 2026-10-05T00:00:00 is in already" in fault.reasons[0]


def test_what_is_delivered_again_after_something_was_added_is_a_duplicate(
    nights: Nights,
) -> None:
    files = {"a.vcf": vcf_text(nights.root, ["a1"])}
    nights.deliver("a", files=files, people=["a1"])
    nights.deliver("b", "a", "2026-10-02", {"b.vcf": vcf_text(nights.root, ["a2"])},
                   people=["a2"], mode="add")  # fmt: skip
    nights.run()
    nights.deliver("again", "a", files=files, people=["a1"])
    night = nights.run()
    assert (outcomes(night), delivered(night, "again").of) == ({"again": "duplicate"}, "a")


CHAIN = "".join(f"chain 1 {c} 600 + 0 600 {c} 600 + 0 600 {k}\n600\n\n"
                for k, c in enumerate(("c1", "c2")))  # fmt: skip


@pytest.mark.parametrize(
    ("first", "then"), [("other", None), (None, "other"), ("other", "toy"), ("toy", None)]
)
def test_what_is_added_is_of_the_assembly_of_its_cohort(
    first: str | None, then: str | None, tmp_path: Path
) -> None:
    nights = Nights(tmp_path, {"chains": {"other": {"chain": "x.chain"}}})
    (tmp_path / "x.chain").write_text(CHAIN)
    nights.deliver("a", assembly=first)
    nights.deliver("b", "a", "2026-10-02", {"b.vcf": vcf_text(tmp_path, ["b1"])},
                   people=["b1"], mode="add", assembly=then)  # fmt: skip
    night = nights.run(dry_run=True)
    if first == "toy":
        assert outcomes(night) == {"a": "accepted", "b": "accepted"}
        return
    assert outcomes(night)["b"] == "held"
    fault = faults(night)["delivery:b"]
    assert fault.reasons[0].startswith(
        f"it is of assembly {then or 'toy'}, and cohort 'a' is of {first or 'toy'}; fix: "
    )
    assert fault.public == ["it is of another assembly than its cohort"]


def test_a_cohort_may_be_replaced_by_one_of_another_assembly(tmp_path: Path) -> None:
    nights = Nights(tmp_path, {"chains": {"other": {"chain": "x.chain"}}})
    (tmp_path / "x.chain").write_text(CHAIN)
    text = vcf_text(tmp_path, ["a1", "a2"])
    nights.deliver("a", files={"calls.vcf": text}, assembly="other")
    nights.run()
    # The same bytes, now said to be of the store's assembly: a correction.
    nights.deliver("b", "a", "2026-10-02", {"calls.vcf": text})
    assert outcomes(nights.run()) == {"b": "in", "a": "replaced"}
