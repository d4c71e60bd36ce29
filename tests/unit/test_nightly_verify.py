"""`nightly: {verify: N}`: a sample of each new release is compared with its files."""

import re
from pathlib import Path
from unittest import mock

import pytest
from nights import Nights, faults

from varhouse.errors import StoreError
from varhouse.nightly.settings import read_settings
from varhouse.verify import source, whole
from varhouse.verify.problems import Problem
from varhouse.verify.source import Compared, compare_sources


def test_a_night_that_made_a_release_tells_what_it_compared(tmp_path: Path) -> None:
    nights = Nights(tmp_path, {"verify": 3})
    nights.deliver("one")
    night = nights.run()
    assert (night.exit_code, night.faults) == (0, [])
    told = next(n for n in night.public_notes if n.startswith("verify: 3 stretches"))
    found = re.search(r"seed (\d+): (\d+) records, (\d+) calls", told)
    assert found is not None
    again = compare_sources(nights.store, night.release, sample=3, seed=int(found[1]))
    assert (again.records, again.calls) == (int(found[2]), int(found[3]))
    assert again.records > 0
    assert not any("verify" in n for n in nights.run().notes)


def test_without_the_key_nothing_is_compared(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.deliver("one")
    assert not any("verify" in n for n in nights.run().notes)
    assert read_settings(nights.config).verify is None


def test_what_differs_is_a_fault_until_a_release_passes(tmp_path: Path) -> None:
    wrong = Problem("sites", "cohort a, a1.vcf", "c1:77: GT of 1 people differs: a1")
    nights = Nights(tmp_path, {"verify": 1})
    nights.deliver("one")
    with mock.patch.object(source, "compare_sources", return_value=Compared([wrong])):
        night = nights.run()
    fault = faults(night)["release"]
    assert (night.exit_code, fault.kind, fault.new) == (3, "verify", True)
    assert "GT of 1 people differs" in fault.reasons[0]
    assert "--source --sample 1 --seed" in fault.reasons[0]
    assert fault.public == ["a second reading of release 2 found 1 problem(s)"]
    assert night.release is not None
    quiet = nights.run()
    assert (quiet.exit_code, faults(quiet)["release"].nights) == (0, 2)
    nights.deliver("two", date="2026-10-02", seed=4)
    assert nights.run().faults == []


@pytest.mark.parametrize("error", [StoreError("no such table"), OSError("a read failed")])
def test_a_reading_that_fails_is_a_fault_and_no_failed_night(
    tmp_path: Path, error: Exception
) -> None:
    nights = Nights(tmp_path, {"verify": 1})
    nights.deliver("one")
    with mock.patch.object(whole, "verify", side_effect=error):
        night = nights.run()
    assert (night.exit_code, night.error) == (3, None)
    assert "not verified: " in faults(night)["release"].reasons[0]


def test_a_store_that_is_damaged_is_told(tmp_path: Path) -> None:
    nights = Nights(tmp_path, {"verify": 2})
    nights.deliver("one")
    real = whole.verify

    def damaged(store: Path, release: int, *, quick: bool) -> list[Problem]:
        file = next(store.glob("open/variants/**/*.parquet"))
        file.write_bytes(file.read_bytes()[:-9])
        return real(store, release, quick=quick)

    with mock.patch.object(whole, "verify", damaged):
        night = nights.run()
    assert "bytes" in faults(night)["release"].reasons[0]
