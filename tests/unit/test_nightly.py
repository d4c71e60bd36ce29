"""Nights: what becomes of each kind of delivery, and what a second night does."""

import shutil
from pathlib import Path

import pytest
from nights import Nights, faults, outcomes

from varhouse.nightly.account import read_log


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "centre")


def test_a_good_delivery_goes_in_and_a_second_night_does_nothing(nights: Nights) -> None:
    nights.deliver("first", "a", project="PRJCA000001")
    night = nights.run()
    assert (night.exit_code, night.base_release, night.release) == (0, None, 2)
    assert outcomes(night) == {"first": "in"}
    assert nights.people() == {"a": ["a1", "a2"]}
    assert nights.names() == []
    digest = nights.digest()
    again = nights.run()
    assert (again.exit_code, again.release, again.deliveries, again.faults) == (
        0,
        None,
        [],
        [],
    )
    assert (nights.digest(), again.n_people) == (digest, 2)


def test_a_good_one_goes_in_beside_a_bad_one_which_alarms_once(nights: Nights) -> None:
    nights.deliver("good", "a")
    bad = nights.deliver("bad", "b")
    (bad / "calls.vcf").write_text("cut")
    night = nights.run()
    assert (night.exit_code, outcomes(night)) == (3, {"good": "in", "bad": "held"})
    notice = (nights.inbox / "bad.held.txt").read_text()
    assert "calls.vcf: MD5 " in notice
    assert faults(night)["delivery:bad"].public == ["sums of files differ"]
    # Known by now: no alarm, unless one is asked for.
    again = nights.run()
    fault = faults(again)["delivery:bad"]
    assert (again.exit_code, fault.new, fault.nights) == (0, False, 2)
    assert fault.since == night.started
    assert nights.run(strict=True).exit_code == 3
    # Corrected in place, it goes in, and the notice goes.
    shutil.rmtree(bad)
    nights.deliver("bad", "b")
    mended = nights.run()
    assert (mended.exit_code, outcomes(mended), mended.faults) == (0, {"bad": "in"}, [])
    assert nights.names() == []
    events = [(line.event, line.delivery) for line in read_log(nights.folder)]
    assert events.count(("fault", "bad")) == 1
    assert ("closed", "bad") in events
