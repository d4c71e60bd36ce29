"""Commands that are cut off at each of their calls: what is there before, and what is run.

A command is recorded in a process of its own (`python crashcases.py NAME FOLDER`), and run
again by the same function in the process of the test.
"""

import contextlib
import io
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kills
import store_builders as builders
from manynights import Centre
from withdrawing import Cohorts, random_lines, vcf

import varhouse
from varhouse.store import gc
from varhouse.store.compact import compact_store
from varhouse.store.drop import drop_cohort
from varhouse.store.leftovers import clear
from varhouse.store.lifecycle import withdraw_release
from varhouse.store.lock import store_lock
from varhouse.store.purge import purge
from varhouse.store.releases import write_tag
from varhouse.store.retention import parse_policy
from varhouse.withdrawal.run import Asked, withdraw


@dataclass(frozen=True)
class Command:
    """A command: its name, the inputs that it needs, itself, another that follows it.

    `said` are its words, where people type it.
    All take the folder in which `store` lies.
    """

    name: str
    make: Callable[[Path], None]
    act: Callable[[Path], None]
    other: Callable[[Path], None]
    said: tuple[str, ...] = ()

    def words(self, folder: Path) -> list[str]:
        """Give what a person would type after `varhouse`."""
        return [word.format(folder) for word in self.said]


def _nothing(folder: Path) -> None:
    pass


def _clear(folder: Path) -> None:
    """Do what every command does once it has done its own."""
    with store_lock(folder / "store", 5.0):
        clear(folder / "store", was_killed=True)


def _new_store(folder: Path) -> None:
    builders.new_store(folder / "store")


def _init(folder: Path) -> None:
    if not kills.digest(folder / "store"):
        _new_store(folder)
    _clear(folder)


def _one_cohort(folder: Path) -> None:
    _new_store(folder)
    builders.add_cohort(folder / "store", "a", builders.COHORT_A, "one")
    _clear(folder)


def _two_cohorts(folder: Path) -> None:
    _one_cohort(folder)
    _commit(folder)


def _add(folder: Path, cohort: str, alleles: dict, ingest_id: str) -> None:
    if cohort not in varhouse.open(folder / "store").scan("cohorts").collect()["cohort"]:
        builders.add_cohort(folder / "store", cohort, alleles, ingest_id)
    _clear(folder)


def _commit(folder: Path) -> None:
    _add(folder, "b", builders.COHORT_B, "two")


def _further(folder: Path) -> None:
    """Commit something else."""
    _add(folder, "c", builders.COHORT_C, "three")


def _init_and_further(folder: Path) -> None:
    _init(folder)
    _further(folder)


def _drop(folder: Path) -> None:
    store = folder / "store"
    if "b" in varhouse.open(store).scan("cohorts").collect()["cohort"]:
        drop_cohort(store, "b", wait=5.0)
    else:
        _clear(folder)


def collect(folder: Path) -> None:
    """Run `varhouse store gc`."""
    gc.collect(folder / "store", wait=5.0)


def _collect_or_make(folder: Path) -> None:
    """Run `varhouse store gc`, or, where there is no store yet, what makes it."""
    if kills.digest(folder / "store"):
        collect(folder)
    else:
        kills.ingest_whole(folder)


def _four_people(folder: Path) -> None:
    """A store of a cohort of four, whose file still lies there, and of two others."""
    made = Cohorts(folder, strata=["sex"])
    four, two = ["S1", "S2", "S3", "S4"], ["T1", "S1"]
    sheet = {name: {"sex": "female"} for name in [*four, *two]}
    for cohort, names in (("c", four), ("d", two)):
        lines = random_lines(names, 1, ["c1", "X"])
        made.add(cohort, {f"{cohort}.vcf": vcf(names, lines)}, {n: sheet[n] for n in names})
    made.ingest(folder / "store")
    collect(folder)


def _withdraw(folder: Path) -> None:
    withdraw(folder / "store", Asked("c", ["S1"]), wait=5.0)
    _clear(folder)


def _withdraw_another(folder: Path) -> None:
    withdraw(folder / "store", Asked("c", ["S2"]), wait=5.0)
    _clear(folder)


def _dropped(folder: Path) -> None:
    """A store of two cohorts, of which one was dropped: older releases hold it."""
    _two_cohorts(folder)
    _drop(folder)


def _purge(folder: Path) -> None:
    purge(folder / "store", cohort="b", wait=5.0)


def _seal(folder: Path) -> None:
    """Run `varhouse store gc --keep "last 1" --grace 0`."""
    sealing = gc.collect(folder / "store", policy=parse_policy("last 1"), grace=0.0, wait=5.0)
    assert isinstance(sealing, gc.Collected)


def _nights(folder: Path) -> None:
    """A store of a cohort that grew."""
    centre = Centre(folder)
    for night in range(3):
        centre.pass_night(night)
    collect(folder)


def _compact(folder: Path) -> None:
    compact_store(folder / "store", wait=5.0)
    _clear(folder)


def _mark(folder: Path) -> None:
    """Run `varhouse store mark 2 --withdrawn`, and name a release."""
    withdraw_release(folder / "store", "2", "counts were wrong", wait=5.0)
    with store_lock(folder / "store", 5.0):
        write_tag(folder / "store", "first", 2, move=True)
    _clear(folder)


INGEST = ("-q", "ingest", "{}/store", "--config", "{}/config.json")

COMMANDS = [
    Command("init", _nothing, _init, _init_and_further),
    Command("commit", _one_cohort, _commit, _further),
    Command(
        "drop", _two_cohorts, _drop, _further, ("store", "drop", "{}/store", "--cohort", "b")
    ),
    Command("first ingest", kills.first_inputs, kills.ingest_whole, _collect_or_make, INGEST),
    Command("further ingest", kills.further_inputs, kills.ingest_whole, collect, INGEST),
    Command("growth", kills.grown_inputs, kills.ingest_whole, collect),
    Command("drop of an ingest", kills.dropped_inputs, kills.drop_again, collect),
    Command(
        "withdraw",
        _four_people,
        _withdraw,
        _withdraw_another,
        ("store", "withdraw", "{}/store", "--cohort", "c", "--sample", "S1"),
    ),
    Command("purge", _dropped, _purge, _further),
    Command(
        "seal and gc",
        _dropped,
        _seal,
        _further,
        ("store", "gc", "{}/store", "--keep", "last 1", "--grace", "0d"),
    ),
    Command("compact", _nights, _compact, collect, ("store", "compact", "{}/store")),
    Command("mark and tag", _two_cohorts, _mark, _further),
    Command("tag and gc", kills.littered_inputs, kills.tag_and_collect, collect),
]


def command(name: str) -> Command:
    """Find a command."""
    return next(c for c in COMMANDS if c.name == name)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        command(sys.argv[1]).act(Path(sys.argv[2]))
