"""The audit log: private, chained, and without anybody's id."""

import stat
from pathlib import Path

import pytest
from ledgers import filled_ledger

from varhouse.errors import StoreError
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Ledger
from varhouse.governance.personkey import KEY, PersonKey
from varhouse.governed import audit_file, private_folder


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    filled_ledger(tmp_path)
    modes = {
        p.name: stat.S_IMODE(p.stat().st_mode) for p in private_folder(tmp_path).iterdir()
    }
    assert modes == {"audit.jsonl": 0o600, KEY: 0o600}
    assert stat.S_IMODE(private_folder(tmp_path).stat().st_mode) == 0o700


def test_events_are_read_as_they_were_noted(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    audit = Audit(tmp_path)
    link = audit.note("share", to="Demo University", people=audit.hash_people(["HB0001"]))
    assert link.body["ledger"] == ledger.anchor
    found = Audit(tmp_path).events([audit.head()])
    assert [x.body["event"] for x in found] == ["ledger", "ledger", "share"]
    assert "HB0001" not in audit_file(tmp_path).read_text()


def test_a_store_without_a_ledger_has_a_log_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "_store").mkdir()
    assert Audit(tmp_path).events() == []
    Audit(tmp_path).note("look")
    assert [x.body for x in Audit(tmp_path).events()] == [
        {"event": "look", "ledger": {"n": 0, "digest": "0" * 64}}
    ]


@pytest.mark.parametrize("with_key", [True, False])
def test_a_log_that_was_taken_away_is_not_begun_anew(tmp_path: Path, with_key: bool) -> None:
    filled_ledger(tmp_path)
    for file in private_folder(tmp_path).iterdir():
        if with_key or file.name != KEY:
            file.unlink()
    with pytest.raises(StoreError, match="0 events, and the ledger knows of 1: it was cut"):
        Audit(tmp_path).note("share")
    with pytest.raises(StoreError):
        Ledger.open(tmp_path).add("cohort", "bj")
    assert [p.name for p in private_folder(tmp_path).iterdir()] == ([] if with_key else [KEY])
    assert Ledger.open(tmp_path).head[0] == 2


def test_a_person_is_known_again_and_only_with_the_key(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    one, other = PersonKey(tmp_path / "a"), PersonKey(tmp_path / "b")
    names = ["HB0001", "样本 2", ""]
    assert one.hash_people(names) == [one.hash_person(n) for n in names]
    assert PersonKey(tmp_path / "a").hash_person("HB0001") == one.hash_person("HB0001")
    assert other.hash_person("HB0001") != one.hash_person("HB0001")
    assert len(one.hash_person("HB0001")) == 64


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_lost_key_is_not_made_anew(tmp_path: Path, damage: str) -> None:
    filled_ledger(tmp_path)
    key = private_folder(tmp_path) / KEY
    key.unlink() if damage == "gone" else key.write_bytes(b"short")
    with pytest.raises(StoreError, match="nobody can tell who is meant"):
        Audit(tmp_path).note("share")
    assert damage == "short" or not key.exists()
