"""How nights end: what a failed one keeps, what is found before one begins, and its words."""

import json
from pathlib import Path
from unittest import mock

import pytest
from nights import Nights, delivered, faults, outcomes

from varhouse.errors import ConfigError, UsageError
from varhouse.files import read_json
from varhouse.nightly import night as night_module
from varhouse.nightly.account import EXIT_CODES, load_account
from varhouse.nightly.ledger import Ledger
from varhouse.nightly.words import headline


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "centre", {"unfinished_days": 2})


def held(nights: Nights, name: str) -> None:
    """Make the record of a delivery that was taken and is held, as a night leaves it."""
    record = {
        "id": f"{name}/2026-10-01-00000000", "number": len(name), "name": name, "cohort": name,
        "mode": "replace", "date": "2026-10-01T00:00:00", "metadata": {}, "assembly": None,
        "sheet": None, "files": [], "calls": [], "content": "[]", "status": "held",
        "since": "2026-10-01T00:00:00Z", "is_aside": True, "told": "held",
        "reasons": [],
    }  # fmt: skip
    file = nights.folder / "deliveries" / f"{record['id']}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(record))


def test_a_failed_night_forgets_no_delivery_of_the_inbox(nights: Nights) -> None:
    nights.deliver("half", ready=False)
    (nights.deliver("bad", "b") / "calls.vcf").write_text("cut")
    first = nights.run()
    broken = OSError(5, "Input/output error")
    with (
        mock.patch.object(night_module, "list_inbox", side_effect=broken),
        pytest.raises(OSError, match="Input/output"),
    ):
        nights.run()
    failed = load_account(nights.folder)
    assert failed is not None
    assert outcomes(failed) == {"half": "waiting", "bad": "held"}
    assert not any(d.new for d in failed.deliveries)
    # Nobody looked: nothing was counted, which is not 0.
    assert set(failed.count_outcomes().values()) == {None}
    metrics = (nights.folder / "varhouse.prom").read_text()
    assert "varhouse_nightly_deliveries{" not in metrics
    assert "0 deliveries" not in (nights.folder / "account.html").read_text()
    third = nights.run()
    assert delivered(third, "half").since == delivered(third, "bad").since == first.started
    assert faults(third)["delivery:half"].kind == "unfinished"
    metrics = (nights.folder / "varhouse.prom").read_text()
    assert 'outcome="waiting"} 1\n' in metrics


def test_a_night_that_fails_later_forgets_what_is_gone(nights: Nights) -> None:
    nights.deliver("half", ready=False)
    gone = nights.deliver("gone", "b", ready=False)
    (nights.deliver("bad", "c") / "calls.vcf").write_text("cut")
    first = nights.run()
    gone.rename(nights.root / "gone")
    with (
        mock.patch.object(night_module.Gates, "sort", side_effect=OSError(28, "full")),
        pytest.raises(OSError, match="full"),
    ):
        nights.run()
    failed = load_account(nights.folder)
    assert failed is not None
    assert outcomes(failed) == {"half": "waiting", "bad": "held"}
    assert delivered(failed, "bad").since == first.started
    assert failed.count_outcomes()["waiting"] == 1


def test_mistakes_that_can_be_found_at_once_begin_nothing(nights: Nights) -> None:
    held(nights, "x")
    held(nights, "yy")
    (nights.folder / "varhouse.prom").write_text("of the night before")
    before = {p: p.read_bytes() for p in nights.folder.rglob("*") if p.is_file()}

    def files() -> dict[Path, bytes]:
        found = {p: p.read_bytes() for p in nights.folder.rglob("*") if p.is_file()}
        return {p: b for p, b in found.items() if p.name != "lock.json"}

    with pytest.raises(UsageError, match="--close z, zz: no such") as error:
        nights.run(close=["x", "z", "yy", "zz"])
    assert "open are: x, yy" in str(error.value)
    with pytest.raises(UsageError, match="--close z: no such"):
        nights.run(close=["z"], dry_run=True)
    text = nights.config.read_text()
    nights.config.write_text(text + "cohorts: nothing.tsv\n")
    with pytest.raises(ConfigError, match="no such file"):
        nights.run()
    assert files() == before
    nights.config.write_text(text)
    night = nights.run(close=["x", "yy"])
    assert outcomes(night) == {"x": "closed", "yy": "closed"}


def test_a_rehearsal_says_what_would_be_closed(nights: Nights) -> None:
    held(nights, "x")
    night = nights.run(close=["x"], dry_run=True)
    assert (outcomes(night), night.faults) == ({"x": "closed"}, [])
    (record,) = Ledger(nights.folder).records.values()
    assert record.status == "held"


def test_a_night_that_fails_after_the_commit_does_not_deny_it(nights: Nights) -> None:
    nights.deliver("x")
    with (
        mock.patch.object(night_module, "settle", side_effect=OSError(28, "full")),
        pytest.raises(OSError, match="full"),
    ):
        nights.run()
    assert nights.people() == {"a": ["a1", "a2"]}
    raw = read_json(nights.folder / "account.json")
    failed = load_account(nights.folder)
    assert failed is not None
    assert raw["release"] == 2
    said = "the store is as it was, or a whole release further"
    assert said in EXIT_CODES[1]
    assert headline(failed).startswith(f"The night failed: {said}. ")
    assert said in (nights.folder / "account.txt").read_text()
    assert outcomes(nights.run()) == {"x": "in"}


def test_room_is_kept_for_what_has_to_be_copied_on_one_disk(nights: Nights) -> None:
    """Files with a second name are copied, wherever they lie."""
    folder = nights.deliver("x")
    nights.deliver("y", "b")
    asked: list[tuple[Path, int]] = []
    with mock.patch.object(night_module, "check_free_space", lambda *a: asked.append(a)):
        nights.run(dry_run=True)
        assert [path for path, _ in asked] == [nights.store]
        (nights.root / "second name").hardlink_to(folder / "calls.vcf")
        nights.run(dry_run=True)
    names = ("calls.vcf", "samples.tsv")
    size = sum((folder / name).stat().st_size for name in names)
    assert asked[2:] == [(nights.folder, size)]
