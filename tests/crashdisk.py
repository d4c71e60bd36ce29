"""A file system in memory: what the disk holds after some of the calls of a command.

States never change: a call gives the next one, which shares with it what stays. Files are told
apart by a number (their inode), so that a second name of a file is one.
"""

import hashlib
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from crashlog import Call

ROOT = 0


class Blob:
    """The bytes of a file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def digest(self) -> str:
        """SHA-256, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


EMPTY = Blob(b"")


@dataclass(frozen=True)
class Effect:
    """One thing that a call changes: a name in a folder, bytes, the size or mode of a node.

    `kind` is `name`, `bytes`, `size` or `mode`; `node` is the folder of a name.
    """

    kind: str
    node: int
    name: str = ""
    target: int | None = None
    data: bytes = b""
    value: int = 0


@dataclass(frozen=True)
class Shown:
    """What is seen at a path: `kind` is `file`, `folder` or `symlink`."""

    kind: str
    node: int
    blob: Blob
    mode: int
    said: str = ""

    @property
    def content(self) -> tuple[str, str]:
        """What tells it from others but for its mode."""
        return self.kind, self.blob.digest if self.kind == "file" else self.said


Tree = dict[str, Shown]


@dataclass
class Disk:
    """A state: names in folders, bytes, modes, each by node.

    `fresh` is the number that the next new node gets.
    """

    names: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    blobs: dict[int, Blob] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)
    modes: dict[int, int] = field(default_factory=lambda: {ROOT: 0o755})
    times: dict[int, int] = field(default_factory=dict)
    fresh: int = 1
    umask: int = 0o022

    def copy(self) -> "Disk":
        """Give a state that can be changed without this one."""
        return Disk(
            dict(self.names), dict(self.blobs), dict(self.links), dict(self.modes),
            self.times, self.fresh, self.umask,
        )  # fmt: skip

    # --- from calls to effects ---

    def find(self, path: str) -> int | None:
        """Give the node at a path; None: there is none."""
        node = ROOT
        for name in path.split("/") if path != "." else ():
            found = self.names.get(node, {}).get(name)
            if found is None:
                return None
            node = found
        return node

    def _at(self, path: str) -> int:
        node = self.find(path)
        if node is None:
            raise KeyError(f"the model has no {path}")
        return node

    def _place(self, path: str) -> tuple[int, str]:
        folder, _, name = path.rpartition("/")
        return self._at(folder or "."), name

    def effects(self, call: Call) -> list[Effect]:
        """Give what a call changes in this state; new nodes are made in it."""
        name = call.name
        if name == "create":
            if self.find(call.path) is not None:
                return []
            return [self._new(call.path, call.value, blob=EMPTY)]
        if name == "mkdir":
            return [self._new(call.path, call.value)]
        if name == "symlink":
            made = self._new(call.path, 0o777)
            assert made.target is not None
            del self.names[made.target]
            self.links[made.target] = call.other
            return [made]
        if name in ("rename", "link"):
            node = self._at(call.path)
            effects = [Effect("name", *self._place(call.other), target=node)]
            if name == "rename" and call.path != call.other:
                effects.append(Effect("name", *self._place(call.path)))
            return effects
        if name in ("unlink", "rmdir"):
            return [Effect("name", *self._place(call.path))]
        node = self._at(call.path)
        if name == "write":
            return [Effect("bytes", node, data=call.data, value=call.offset)]
        if name == "copy":
            data = self.blobs[self._at(call.other)].data[call.start : call.start + call.value]
            return [Effect("bytes", node, data=data, value=call.offset)]
        if name in ("size", "mode"):
            return [Effect(name, node, value=call.value)]
        assert name in ("sync", "touch"), call
        return []

    def _new(self, path: str, mode: int, blob: Blob | None = None) -> Effect:
        node, self.fresh = self.fresh, self.fresh + 1
        self.modes[node] = mode & ~self.umask
        if blob is None:
            self.names[node] = {}
        else:
            self.blobs[node] = blob
        return Effect("name", *self._place(path), target=node)

    def do(self, effect: Effect) -> None:
        """Change this state."""
        node = effect.node
        if effect.kind == "name":
            held = dict(self.names[node])
            if effect.target is None:
                held.pop(effect.name, None)
            else:
                held[effect.name] = effect.target
            self.names[node] = held
        elif effect.kind == "mode":
            self.modes[node] = effect.value
        else:
            self.blobs[node] = changed(self.blobs[node], effect)

    def after(self, call: Call) -> tuple["Disk", list[Effect]]:
        """Give the state after a call, and what it changed."""
        state = self.copy()
        effects = state.effects(call)
        for effect in effects:
            state.do(effect)
        return state, effects

    # --- looking ---

    def tree(self, without: Sequence[str] = ()) -> Tree:
        """Give what is seen, by path from the root, but for what lies below some paths."""
        found: Tree = {}
        todo = [(ROOT, "")]
        while todo:
            folder, path = todo.pop()
            if path in without:
                continue
            for name, node in self.names[folder].items():
                place = f"{path}/{name}" if path else name
                kind = "folder" if node in self.names else "file"
                if node in self.links:
                    kind = "symlink"
                found[place] = Shown(
                    kind, node, self.blobs.get(node, EMPTY), self.modes[node],
                    self.links.get(node, ""),
                )  # fmt: skip
                if kind == "folder":
                    todo.append((node, place))
        return found


def changed(blob: Blob, effect: Effect) -> Blob:
    """Give the bytes of a file after a write or a change of its size."""
    data = blob.data
    if effect.kind == "size":
        return Blob(data[: effect.value].ljust(effect.value, b"\0"))
    start, new = effect.value, effect.data
    if start == len(data):
        return Blob(data + new)
    return Blob(data[:start].ljust(start, b"\0") + new + data[start + len(new) :])


def load(folder: Path) -> Disk:
    """Read a folder as the state before the first call."""
    disk = Disk()
    disk.umask = os.umask(0)
    os.umask(disk.umask)
    known: dict[tuple[int, int], int] = {}
    for place, folders, files in os.walk(folder):
        folders.sort()
        at = os.path.relpath(place, folder)
        for name in [*folders, *sorted(files)]:
            file, status = Path(place, name), Path(place, name).lstat()
            key = status.st_dev, status.st_ino
            node = known.setdefault(key, disk.fresh)
            parent = disk.find(at)
            assert parent is not None
            if node == disk.fresh:
                disk.fresh += 1
                disk.modes[node] = stat.S_IMODE(status.st_mode)
                disk.times[node] = status.st_mtime_ns
                if stat.S_ISLNK(status.st_mode):
                    disk.links[node] = str(file.readlink())
                elif stat.S_ISDIR(status.st_mode):
                    disk.names[node] = {}
                else:
                    disk.blobs[node] = Blob(file.read_bytes())
            disk.names[parent][name] = node
    return disk


def signature(tree: Tree) -> str:
    """Tell states apart: paths, bytes, modes, and how many names a file has."""
    count = Counter(s.node for s in tree.values())
    lines = (
        f"{path}\0{s.content}\0{s.mode}\0{count[s.node]}" for path, s in sorted(tree.items())
    )
    return hashlib.sha256("\1".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def differences(one: Tree, other: Tree) -> list[str]:
    """List the paths at which two trees differ, in bytes, kind, mode or shared names."""
    found = [p for p in sorted({*one, *other}) if (p in one) != (p in other)]
    for path in sorted({*one} & {*other}):
        a, b = one[path], other[path]
        if a.content != b.content or (a.kind != "symlink" and a.mode != b.mode):
            found.append(path)
    pairs = {(one[p].node, other[p].node) for p in one if p in other}
    twice = Counter(a for a, _ in pairs) + Counter(-b for _, b in pairs)
    return found + [f"names of node {n}" for n, k in twice.items() if k > 1]


def lay_out(disk: Disk, folder: Path) -> None:
    """Write a state into a folder, which holds nothing else afterwards.

    Names of one file share it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written: dict[int, Path] = {}
    tree = disk.tree()
    for path, shown in sorted(tree.items()):
        place = folder / path
        if shown.kind == "folder":
            place.mkdir()
        elif shown.kind == "symlink":
            place.symlink_to(shown.said)
        elif shown.node in written:
            os.link(written[shown.node], place)
        else:
            place.write_bytes(shown.blob.data)
            place.chmod(shown.mode)
            if shown.node in disk.times:
                os.utime(place, ns=(disk.times[shown.node],) * 2)
            written[shown.node] = place
    for path, shown in tree.items():
        if shown.kind == "folder":
            (folder / path).chmod(shown.mode)


class Window:
    """A folder that shows one state after the other; only what differs is written.

    Files are links into a pool, one of each content: for readers only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shown"
        self._pool = folder / "pool"
        self._tree: Tree = {}
        self.folder.mkdir(parents=True)
        self._pool.mkdir()

    def show(self, tree: Tree) -> None:
        """Make the folder look as a state."""
        old = self._tree
        gone = [p for p, s in old.items() if p not in tree or tree[p].content != s.content]
        for path in sorted(gone, reverse=True):
            place = self.folder / path
            if old[path].kind == "folder":
                place.rmdir()
            else:
                place.unlink()
        come = [p for p, s in tree.items() if p not in old or old[p].content != s.content]
        for path in sorted(come):
            self._put(self.folder / path, tree[path])
        self._tree = tree

    def _put(self, place: Path, shown: Shown) -> None:
        if shown.kind == "folder":
            place.mkdir()
        elif shown.kind == "symlink":
            place.symlink_to(shown.said)
        else:
            pooled = self._pool / shown.blob.digest
            if not pooled.exists():
                pooled.write_bytes(shown.blob.data)
            os.link(pooled, place)


def replay(start: Disk, calls: Iterable[Call]) -> list[tuple[Disk, list[Effect]]]:
    """Give the states after each call and what each changed."""
    states = []
    state = start
    for call in calls:
        state, effects = state.after(call)
        states.append((state, effects))
    return states
