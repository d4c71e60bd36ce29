"""Commands that are cut off at each of their calls: what is there before, and what is run.

A command is recorded in a process of its own (`python crashcases.py NAME FOLDER`), and run
again by the same function in the process of the test.
"""

import argparse
import contextlib
import io
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kills
import store_builders as builders

import varhouse
from varhouse.cli import storegc
from varhouse.store.drop import drop_cohort
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock


@dataclass(frozen=True)
class Command:
    """A command: its name, the inputs that it needs, itself, and another that follows it.

    All take the folder in which `store` lies.
    """

    name: str
    make: Callable[[Path], None]
    act: Callable[[Path], None]
    other: Callable[[Path], None]


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
    arguments = argparse.Namespace(store=folder / "store", wait=5.0, dry_run=False)
    with contextlib.redirect_stdout(io.StringIO()):
        storegc._run(arguments)


def _collect_or_make(folder: Path) -> None:
    """Run `varhouse store gc`, or, where there is no store yet, what makes it."""
    if kills.digest(folder / "store"):
        collect(folder)
    else:
        kills.ingest_whole(folder)


COMMANDS = [
    Command("init", _nothing, _init, _init_and_further),
    Command("commit", _one_cohort, _commit, _further),
    Command("drop", _two_cohorts, _drop, _further),
    Command("first ingest", kills.first_inputs, kills.ingest_whole, _collect_or_make),
    Command("further ingest", kills.further_inputs, kills.ingest_whole, collect),
    Command("growth", kills.grown_inputs, kills.ingest_whole, collect),
    Command("drop of an ingest", kills.dropped_inputs, kills.drop_again, collect),
    Command("tag and gc", kills.littered_inputs, kills.tag_and_collect, collect),
]


def command(name: str) -> Command:
    """Find a command."""
    return next(c for c in COMMANDS if c.name == name)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        command(sys.argv[1]).act(Path(sys.argv[2]))
