"""What a power failure may leave: calls that were not flushed, lost or kept in any order.

The model is the weakest that POSIX permits and that journalled file systems have shown. A
call is an operation on one thing: a name in a folder (a rename: both names, in one step), the
bytes and the size of a file, a mode. Bytes, size and mode last when the file is flushed
(fsync, fdatasync) after it, a name when its folder is, that of a rename when the folder of
the new name is; flushing a file makes none of its names last. What does not last yet may be
there or not, each operation by itself, so a later one may be there without an earlier one.
The bytes of a file that do not last are there, or missing (it is empty), or zeros, or torn in
the middle.

Lost are up to `LOST` operations of those that do not last when the power fails, or all of
them but the last and up to one more. Flushes themselves do not fail.
"""

import itertools
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crashdisk import EMPTY, ROOT, Blob, Disk, Effect, changed
from crashlog import Call

LOST = 3
"""Operations that are lost together."""

VARIANTS = ("missing", "zeros", "torn")

UNSEEN = ("store/_staging", "store/_cache")
"""Folders of a store that no reader looks into: what is lost there is looked at by retries."""


_UNFINISHED = re.compile(r"\..*\.tmp|_commit_.*\.json\.tmp|.*#\d+")
"""Names that readers pass over; that they do, the states between two calls show."""


def _is_unseen(name: str) -> bool:
    return f"store/{name}" in UNSEEN or _UNFINISHED.fullmatch(name) is not None


@dataclass(frozen=True)
class Unit:
    """What is lost as one: a call that changed names or a mode, or all bytes of a file.

    `calls` are the numbers of the calls, `node` the file whose bytes it is.
    """

    calls: tuple[int, ...]
    node: int | None = None


@dataclass(frozen=True)
class Crash:
    """A state after a power failure: after which call, what was lost, and the disk then."""

    call: int
    lost: tuple[tuple[Unit, str], ...]
    disk: Disk


class Orders:
    """The states that a power failure may leave during a list of calls.

    Parameters
    ----------
    start
        The disk before the first call: all of it lasts.
    calls
        The calls.
    states
        What `crashdisk.replay` gave for them.
    """

    def __init__(
        self,
        start: Disk,
        calls: Sequence[Call],
        states: Sequence[tuple[Disk, list[Effect]]],
    ) -> None:
        self._start, self._calls = start, calls
        self._states = states
        self._seen = self._first_seen()
        self._durable = self._when_durable()

    def _first_seen(self) -> dict[int, int]:
        """Find the files and folders that readers come by, and from which call on."""
        found = {ROOT: -1}
        for i, (disk, effects) in enumerate([(self._start, []), *self._states], -1):
            # Only a new name shows what was not to be seen.
            if i < 0 or any(e.target is not None for e in effects):
                for path, shown in disk.tree(UNSEEN).items():
                    if path not in UNSEEN:
                        found.setdefault(shown.node, i)
        return found

    def _when_durable(self) -> list[int]:
        """Give for each call the number of the call from which on it lasts, or a huge one."""
        never = len(self._calls)
        durable = [never] * never
        waiting: dict[int, list[int]] = {}
        for i, call in enumerate(self._calls):
            if call.name == "sync":
                before = self._states[i][0]
                node = before.find(call.path)
                assert node is not None
                for j in waiting.pop(node, []):
                    durable[j] = i
            effects = self._states[i][1]
            if effects:
                # Of a rename the first effect is the new name.
                waiting.setdefault(effects[0].node, []).append(i)
        return durable

    def _concerns(self, i: int) -> bool:
        """Tell whether a call changes something that readers of the store may see."""
        return any(
            e.node in self._seen and not (e.kind == "name" and _is_unseen(e.name))
            for e in self._states[i][1]
        )

    def pending(self, last: int) -> list[Unit]:
        """List what readers may come by and does not last yet after a call, as units."""
        files: dict[int, list[int]] = {}
        units: list[Unit] = []
        for i in range(last + 1):
            effects = self._states[i][1]
            if not effects or self._durable[i] <= last or not self._concerns(i):
                continue
            if effects[0].kind not in ("bytes", "size"):
                units.append(Unit((i,)))
            elif self._seen[effects[0].node] <= last:
                files.setdefault(effects[0].node, []).append(i)
        units += [Unit(tuple(of), node) for node, of in files.items()]
        return sorted(units, key=lambda u: u.calls)

    def crashes(self, rng: random.Random, most: int) -> Iterator[Crash]:
        """Give states of a power failure right after each call that changed something.

        That call itself is kept: without it the state is one of an earlier moment. Of the
        ways to lose `LOST` at one moment, `most` are taken at random where there are more.
        """
        for i in range(len(self._calls)):
            if not self._states[i][1] or not self._concerns(i):
                continue
            units = [u for u in self.pending(i) if u.calls != (i,)]
            for lost in self._choices(units, rng, most):
                yield Crash(i, lost, self.state(i, lost))

    def _choices(
        self, units: list[Unit], rng: random.Random, most: int
    ) -> list[tuple[tuple[Unit, str], ...]]:
        ways = [(u, v) for u in units for v in (VARIANTS if u.node is not None else ("",))]
        found: list[tuple[tuple[Unit, str], ...]] = [(w,) for w in ways]
        for size in range(2, LOST + 1):
            if math.comb(len(ways), size) > 100 * most:
                sets = [tuple(rng.sample(ways, size)) for _ in range(most)]
            else:
                sets = list(itertools.combinations(ways, size))
            # Bytes of a file are lost in one way at a time.
            sets = [c for c in sets if len({u for u, _ in c}) == size]
            found += sets if len(sets) <= most else rng.sample(sets, most)
        every = tuple((u, "missing" if u.node is not None else "") for u in units)
        if len(every) > LOST:
            found.append(every)
            found += [every[:k] + every[k + 1 :] for k in range(len(every))]
        return found

    def state(self, last: int, lost: Sequence[tuple[Unit, str]]) -> Disk:
        """Give the disk after a call where some of what did not last is lost."""
        disk = self._states[last][0].copy()
        dropped = {i for unit, _ in lost for i in unit.calls}
        names: set[tuple[int, str]] = set()
        modes: set[int] = set()
        for unit, variant in lost:
            if unit.node is not None:
                disk.blobs[unit.node] = self._bytes(unit, variant, last)
                continue
            for effect in self._states[unit.calls[0]][1]:
                if effect.kind == "name":
                    names.add((effect.node, effect.name))
                else:
                    modes.add(effect.node)
        for folder, name in names:
            self._set_name(disk, folder, name, last, dropped)
        for node in modes:
            disk.modes[node] = self._start.modes.get(node, 0o644)
        return disk

    def _bytes(self, unit: Unit, variant: str, last: int) -> Blob:
        assert unit.node is not None
        whole = self._states[last][0].blobs[unit.node]
        kept = self._start.blobs.get(unit.node, EMPTY)
        for i in range(unit.calls[0]):
            for effect in self._states[i][1]:
                if effect.node == unit.node and effect.kind in ("bytes", "size"):
                    kept = changed(kept, effect)
        size = len(whole.data)
        if variant == "missing":
            return kept
        if variant == "zeros":
            return Blob(kept.data[:size].ljust(size, b"\0"))
        return Blob(whole.data[: size // 2])

    def _set_name(
        self, disk: Disk, folder: int, name: str, last: int, dropped: set[int]
    ) -> None:
        target = self._start.names.get(folder, {}).get(name)
        for i in range(last + 1):
            if i in dropped:
                continue
            for effect in self._states[i][1]:
                if effect.kind == "name" and (effect.node, effect.name) == (folder, name):
                    target = effect.target
        disk.do(Effect("name", folder, name, target))
