"""Nights keep to the rules of retention that a store remembers."""

import json
from pathlib import Path
from unittest import mock

from nights import Nights

from varhouse.errors import StoreError
from varhouse.nightly import retention
from varhouse.nightly.account import Night
from varhouse.store.errata import sealed_releases
from varhouse.store.retention import parse_policy, remember_policy


def told(night: Night) -> list[str]:
    return [n for n in night.notes if n.startswith("retention")]


def test_a_night_seals_what_no_rule_keeps(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    for k in range(2):
        nights.deliver(f"d{k}", "ab"[k], f"2026-10-0{k + 1}", seed=k)
        night = nights.run()
        assert not told(night)
    remember_policy(nights.store, parse_policy("last 2"))
    nights.deliver("d2", "c", "2026-10-03", seed=3)
    night = nights.run()
    assert night.release == 4
    assert sorted(sealed_releases(nights.store)) == [1, 2]
    note = "retention: sealed 2 releases from 1 to 2; the rules are: last 2"
    assert note in night.notes
    assert note in night.public_notes
    account = json.loads((nights.folder / "account.json").read_text())
    assert note in account["notes"]
    # A night without anything new has nothing to say.
    assert not told(nights.run())


def test_a_failure_is_told_and_the_night_goes_on(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.deliver("d1")
    assert nights.run().exit_code == 0
    remember_policy(nights.store, parse_policy("last 1"))
    with mock.patch.object(retention, "collect", side_effect=StoreError("disk on fire")):
        night = nights.run()
    assert night.exit_code == 0
    assert told(night) == ["retention: nothing is removed: disk on fire"]


def test_a_rehearsal_seals_nothing(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.deliver("d1")
    nights.run()
    remember_policy(nights.store, parse_policy("last 1"))
    nights.run(dry_run=True)
    assert not sealed_releases(nights.store)
