"""What must hold of a store, whatever a crash left: releases open whole, and go on."""

from dataclasses import dataclass, field
from pathlib import Path

from crashdisk import Tree
from verifying import verify

import varhouse
from varhouse.errors import StoreError
from varhouse.query.opened import OpenStore
from varhouse.store import delta
from varhouse.store.errata import sealed_releases
from varhouse.store.layout import table_folder
from varhouse.store.leftovers import find_leftovers
from varhouse.store.releases import list_releases, read_tags

STORE = "store"
SEALED = "sealed"

Outcome = str
"""The digest of a release that opens, or `sealed`."""


def outcomes(store: Path) -> dict[int, Outcome]:
    """Open each release of a store; none where there is no store yet."""
    if not (store / "_store" / "store.json").exists():
        return {}
    gone = sealed_releases(store)
    numbers = list_releases(store)
    return {n: SEALED if n in gone else varhouse.open(store, n).digest() for n in numbers}


@dataclass
class Truth:
    """What the store was before a command and is after it.

    Attributes
    ----------
    before, after
        Each release and what it opens to.
    files
        Path of a file that a release pins, relative to the folder of the store's parent, to
        the SHA-256 of its bytes.
    """

    before: dict[int, Outcome]
    after: dict[int, Outcome] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    _listed: dict[tuple[str, int, str], list[str]] = field(default_factory=dict)

    def learn(self, folder: Path, tree: Tree) -> dict[int, Outcome]:
        """Take in what the releases of a sound store pin; give what they open to."""
        found = outcomes(folder / STORE)
        for number, outcome in found.items():
            if outcome == SEALED:
                continue
            opened = varhouse.open(folder / STORE, number)
            for table in opened.tables:
                for path in opened.paths(table):
                    name = str(Path(path).relative_to(folder))
                    self.files[name] = tree[name].blob.digest
        return found

    def wrong(self, folder: Path, tree: Tree, *, made_again: bool = False) -> str:
        """Say what is wrong with a store that a crash left; empty if it is the old or the new.

        Every release opens by the package's reader; every file that it pins has the bytes
        that it had in the whole store. Where the command was `made_again`, new files have
        times of their own: then a new release must verify.
        """
        store = folder / STORE
        if f"{STORE}/_store/store.json" not in tree:
            return "" if not self.before else "store.json is gone"
        try:
            numbers = list_releases(store)
            if problem := self._numbers(numbers):
                return problem
            read_tags(store)
            gone = sealed_releases(store)
            for number in numbers:
                if made_again and number not in self.before:
                    problem = unsound(store, number)
                else:
                    problem = self._release(folder, tree, number, number in gone)
                if problem:
                    return f"release {number}: {problem}"
        except StoreError as error:
            return f"does not open: {error}"
        return ""

    def lost_release(self, folder: Path) -> str:
        """Say what is missing of the new state; empty if it is there whole."""
        found = outcomes(folder / STORE)
        return "" if found == self.after else f"{found} in place of {self.after}"

    def _numbers(self, numbers: list[int]) -> str:
        newest = numbers[-1] if numbers else 0
        least, most = max(self.before, default=0), max(self.after, default=0)
        if numbers != list(range(1, newest + 1)):
            return f"releases {numbers}"
        return "" if least <= newest <= most else f"newest release {newest}"

    def _release(self, folder: Path, tree: Tree, number: int, is_sealed: bool) -> str:
        allowed = {d[number] for d in (self.before, self.after) if number in d}
        if is_sealed:
            return "" if SEALED in allowed else "is sealed"
        if number in self.before and self.before[number] == SEALED:
            return "was sealed, and is so no more"
        opened = varhouse.open(folder / STORE, number)
        if opened.digest() not in allowed:
            return f"digest {opened.digest()}"
        for table, pinned in opened.record.tables.items():
            for name in self._paths(opened, table, pinned.version, folder, tree):
                if name not in tree:
                    return f"{name} is gone"
                if tree[name].blob.digest != self.files.get(name):
                    return f"{name} has other bytes"
        return ""

    def _paths(
        self, opened: OpenStore, table: str, version: int, folder: Path, tree: Tree
    ) -> list[str]:
        """List the files of a table by its reader; the same log says the same again."""
        root = table_folder(opened.path, delta.declare(table, {})).relative_to(folder)
        start = f"{root}/_delta_log/"
        lines = sorted(f"{p} {s.content}" for p, s in tree.items() if p.startswith(start))
        key = str(root), version, "\n".join(lines)
        if key not in self._listed:
            paths = opened.paths(table)
            self._listed[key] = [str(Path(p).relative_to(folder)) for p in paths]
        return self._listed[key]


def left_over(store: Path) -> str:
    """Say what of a killed command is in a store still; empty if nothing is."""
    left = find_leftovers(store, kept=True, thorough=True)
    if left:
        return f"left: {[str(f.path) for f in left]}"
    if (store / "_staging").exists():
        return "left: _staging"
    if (store / "_store" / "lock.json").exists():
        return "left: lock.json"
    for name, pinned in varhouse.open(store).record.tables.items():
        folder = table_folder(store, delta.declare(name, {}))
        latest, told = (
            sorted(delta.list_files(delta.open_table(folder, v))["path"])
            for v in (None, pinned.version)
        )
        if latest != told:
            return f"the latest version of table {name} is not the one that is pinned"
    beside = [p.name for p in store.parent.iterdir() if p.name.startswith(".")]
    return f"left beside the store: {beside}" if beside else ""


def unsound(store: Path, release: int | None = None) -> str:
    """Say what `verify` finds in a release, the newest by default; empty if nothing."""
    problems = [p for p in verify(varhouse.open(store, release)) if not p.is_note]
    return "; ".join(map(str, problems))
