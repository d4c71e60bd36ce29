"""A command is recorded once; then every state that a crash may leave is looked at.

Three ways: cut off between two calls (or inside a long write), power that failed with calls
that were not flushed, and both followed by the same command again, or by another.
"""

import contextlib
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crashcases import Command
from crashchecks import STORE, Truth, left_over, unsound
from crashdisk import (
    Disk,
    Effect,
    Tree,
    Window,
    differences,
    lay_out,
    load,
    replay,
    signature,
)
from crashlog import Call, python, record
from crashorders import UNSEEN, Orders
from kills import digest

from varhouse.errors import VarhouseError

TORN_BYTES = 2_000
"""Writes of more are also cut off in their middle."""


@dataclass
class Result:
    """How many calls and states there were, and what failed."""

    calls: int = 0
    states: int = 0
    distinct: int = 0
    runs: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """Give a folder for states, in memory where the system has such."""
    memory = Path("/dev/shm")
    where = str(memory) if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="varhouse-crash-", dir=where) as name:
        yield Path(name).resolve()


class Recording:
    """A command, recorded.

    Parameters
    ----------
    command
        What is run.
    folder
        For states; the command runs in `folder/here`, where its retries run, too.

    Raises
    ------
    AssertionError
        If the calls, replayed, do not give what the command has left.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self.command, self.folder, self.here = command, folder, folder / "here"
        shutil.rmtree(self.here, ignore_errors=True)
        self.here.mkdir()
        command.make(self.here)
        self.start = load(self.here)
        self.truth = Truth({})
        self.truth.before = self.truth.learn(self.here, self.start.tree())
        self.calls: list[Call] = record(
            [*python(_RUN), command.name, str(self.here)], self.here, folder / "strace.log"
        )
        self.states: list[tuple[Disk, list[Effect]]] = replay(self.start, self.calls)
        end = load(self.here)
        differ = differences(self.states[-1][0].tree(), end.tree())
        assert not differ, f"the replay is not what was left: {differ[:5]}"
        self.truth.after = self.truth.learn(self.here, end.tree())
        self.digest = digest(self.here / STORE)

    def prefixes(self) -> Iterator[tuple[str, Disk]]:
        """Give the state before the first call, after each, and inside long writes."""
        yield "before all", self.start
        before = self.start
        for number, (call, (state, effects)) in enumerate(
            zip(self.calls, self.states, strict=True)
        ):
            if call.name == "write" and len(call.data) > TORN_BYTES:
                torn = replace(call, data=call.data[: len(call.data) // 2])
                yield f"in call {number}, {call}", before.after(torn)[0]
            if effects:
                yield f"after call {number}, {call}", state
            before = state

    def lost(self, most: int = 100, seed: int = 1) -> Iterator[tuple[str, Disk]]:
        """Give the states that a power failure may leave, see `crashorders`."""
        orders = Orders(self.start, self.calls, self.states)
        for crash in orders.crashes(random.Random(seed), most):
            lost = ", ".join(
                f"{variant or 'lost'}: {self.calls[unit.calls[0]]}"
                for unit, variant in crash.lost
            )
            yield f"after call {crash.call}, {self.calls[crash.call]} [{lost}]", crash.disk

    def ended(self) -> Iterator[tuple[str, Disk]]:
        """Give the states that a power failure may leave once the command has ended.

        Lost are each operation that was not flushed, by itself, and all of them.
        """
        orders, last = Orders(self.start, self.calls, self.states), len(self.calls) - 1
        units = orders.pending(last)
        every = tuple((u, "missing" if u.node is not None else "") for u in units)
        for lost in [(way,) for way in every] + [every]:
            names = ", ".join(str(self.calls[u.calls[0]]) for u, _ in lost)
            yield f"ended [lost: {names}]", orders.state(last, lost)

    def lasts(self) -> list[str]:
        """Say what of the new state does not last once the command has ended."""
        failures = []
        shutil.rmtree(self.folder / "window", ignore_errors=True)
        window = Window(self.folder / "window")
        for name, disk in self.ended():
            tree = disk.tree(UNSEEN)
            window.show(tree)
            problem = self.truth.wrong(window.folder, tree)
            if problem := problem or self.truth.lost_release(window.folder):
                failures.append(f"{self.command.name}, {name}: {problem}")
        return failures

    def look(self, states: Iterator[tuple[str, Disk]], without: Sequence[str] = ()) -> Result:
        """Open the store in each of some states; equal ones once."""
        result = Result(len(self.calls))
        seen: set[str] = set()
        shutil.rmtree(self.folder / "window", ignore_errors=True)
        window = Window(self.folder / "window")
        for name, disk in states:
            result.states += 1
            tree: Tree = disk.tree(without)
            mark = signature(tree)
            if mark in seen:
                continue
            seen.add(mark)
            window.show(tree)
            if problem := self.truth.wrong(window.folder, tree):
                result.failures.append(f"{self.command.name}, {name}: {problem}")
        result.distinct = len(seen)
        return result

    def go_on(
        self, states: list[tuple[str, Disk]], *, verify: bool = False, refusals: bool = False
    ) -> Result:
        """Run the same command again in each of some states, in turn with another command.

        With `refusals` an error that names what is damaged is an answer, too, as long as the
        store opens as before.
        """
        result = Result(len(self.calls), states=len(states))
        for turn, (name, disk) in enumerate(states):
            lay_out(disk, self.here)
            again = turn % 3 != 2
            what = "again" if again else "another"
            try:
                (self.command.act if again else self.command.other)(self.here)
                problem = self._after(again, verify)
            except VarhouseError as error:
                problem = "" if refusals else f"{what}: refused: {error}"
                result.refused += 1
            except Exception as error:
                problem = f"{what}: {error!r}"
            result.runs += 1
            if problem:
                result.failures.append(f"{self.command.name}, {name}: {what}: {problem}")
        return result

    def _after(self, again: bool, verify: bool) -> str:
        store = self.here / STORE
        if again and digest(store) != self.digest:
            return f"digest {digest(store)}"
        return left_over(store) or (unsound(store) if verify else "")


_RUN = """
import runpy, pathlib
sys.argv[0] = ""
here = next(p for p in sys.path if pathlib.Path(p, "crashcases.py").exists())
runpy.run_path(str(pathlib.Path(here, "crashcases.py")), run_name="__main__")
"""


def spread(states: list[tuple[str, Disk]], number: int) -> list[tuple[str, Disk]]:
    """Take some states, evenly over all; equal ones once."""
    seen: dict[str, tuple[str, Disk]] = {}
    step = max(1, len(states) // max(1, 4 * number))
    for name, disk in states[::step]:
        seen.setdefault(signature(disk.tree()), (name, disk))
    every = list(seen.values())
    number = min(number, len(every))
    return [every[len(every) * i // number] for i in range(number)]
