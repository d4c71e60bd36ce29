"""A night that is killed at a change of the file system, and run again, ends the same."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from kills import Faults, Killed, check_clean, points
from nights import BASES, Nights, vcf_text

from varhouse.nightly.account import Night, load_account
from varhouse.nightly.ledger import Ledger
from varhouse.nightly.nightlog import read_log

KILLS = 6
"""Points that the suite tries; `python tests/unit/test_nightly_kills.py` tries all."""


class Places(Faults):
    """Faults that remember where each change is."""

    def __init__(self, last: int | None, life: int) -> None:
        super().__init__(last, life)
        self.places: list[str] = []

    def _reached(self, place: str) -> None:
        self.places.append(place)
        super()._reached(place)


@contextmanager
def without_pages() -> Iterator[None]:
    """Leave the pages out: `test_nightly_pages.py` has them, and they are many changes."""
    with mock.patch("varhouse.nightly.night.write_pages"):
        yield


class Centre(Nights):
    """A centre on the evening before: cohort b is in, and four deliveries lie there."""

    @classmethod
    def made(cls, folder: Path) -> "Centre":
        """Make it."""
        centre = cls(folder, {"keep_days": 0})
        centre.deliver("b old", "b")
        with without_pages():
            centre.run()
        centre.deliver("a", "a")
        kept = centre.root / "second name.vcf"
        kept.hardlink_to(centre.deliver("b new", "b", "2026-10-02", seed=1) / "calls.vcf")
        shutil.copytree(centre.inbox / "a", centre.inbox / "a again")
        (centre.deliver("bad", "c") / "calls.vcf").write_text("cut")
        other = {c: bases[::-1] for c, bases in BASES.items()}
        text = vcf_text(centre.root, ["d1", "d2"], bases=other)
        centre.deliver("of another assembly", "d", files={"calls.vcf": text})
        return centre

    def copy(self, folder: Path) -> "Centre":
        """Copy it, hard links too."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.root, folder)
        other = object.__new__(Centre)
        other.__dict__.update(self.__dict__)
        other.root, other.config = folder, folder / "config.yaml"
        other.inbox, other.folder, other.store = (
            folder / n for n in ("inbox", "nights", "store")
        )
        (folder / "second name.vcf").unlink()
        (folder / "second name.vcf").hardlink_to(folder / "inbox" / "b new" / "calls.vcf")
        return other

    def night(self, faults: Faults) -> Night:
        """Let a night pass under faults."""
        with faults.armed(), without_pages():
            return self.run()

    def end(self) -> dict[str, Any]:
        """Say how things stand: what has to be the same, killed or not."""
        left = [p for p in self.folder.rglob(".*") if p.name != ".files"]
        assert not left, left
        assert not (self.folder / "lock.json").exists()
        check_clean(self.store)
        records = Ledger(self.folder).records
        night = load_account(self.folder)
        assert night is not None
        return {
            "digest": self.digest(),
            "inbox": sorted(str(p.relative_to(self.inbox)) for p in self.inbox.rglob("*")),
            "data": sorted(
                str(p.relative_to(self.folder)) for p in (self.folder / "data").rglob("*")
            ),
            "records": {k: (r.status, r.of, r.told, r.source) for k, r in records.items()},
            "faults": sorted((f.subject, f.reasons) for f in night.faults),
        }

    def events(self) -> set[tuple[str, str | None]]:
        """Give what the log says of deliveries."""
        return {(line.event, line.delivery) for line in read_log(self.folder) if line.delivery}


def kill_and_go_on(base: Centre, folder: Path, kills: list[int]) -> str:
    """Kill nights one after the other, then let one end; say where they were killed."""
    centre = base.copy(folder)
    where = ""
    for life, last in enumerate([*kills, None], 2):
        faults = Places(last, life)
        try:
            centre.night(faults)
        except Killed:
            where += f" {faults.place.replace(str(folder), '')}"
    assert centre.end() == base.wanted, where  # type: ignore[attr-defined]
    assert centre.events() >= base.told, where  # type: ignore[attr-defined]
    # Nothing is to be done again.
    with without_pages():
        night = centre.run()
    assert (night.exit_code, night.release, night.new_faults()) == (0, None, []), where
    return where


def prepared(folder: Path) -> tuple[Centre, list[int]]:
    """Make a centre, see how a night ends that nobody kills, and list its own changes."""
    base = Centre.made(folder / "base")
    whole = base.copy(folder / "whole")
    faults = Places(None, 1)
    whole.night(faults)
    base.wanted, base.told = whole.end(), whole.events()  # type: ignore[attr-defined]
    own = [k for k, p in enumerate(faults.places) if "/nights/" in p or "/inbox/" in p]
    return base, own


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Centre, list[int]]:
    return prepared(tmp_path_factory.mktemp("kills"))


def test_a_killed_night_is_gone_on_with(
    base: tuple[Centre, list[int]], tmp_path: Path
) -> None:
    centre, own = base
    for k in points(len(own), KILLS, random.Random(13)):
        kill_and_go_on(centre, tmp_path / "killed", [own[k]])


def test_nights_that_are_killed_one_after_the_other(
    base: tuple[Centre, list[int]], tmp_path: Path
) -> None:
    centre, own = base
    first, *rest = (own[len(own) * k // 5] for k in (1, 2, 3))
    kill_and_go_on(centre, tmp_path / "killed", [first, *rest])


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        made, changes = prepared(Path(name))
        for at in changes[int(sys.argv[1]) :: int(sys.argv[2])]:
            print(at, kill_and_go_on(made, Path(name) / "killed", [at]), flush=True)
