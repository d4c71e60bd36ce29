"""Carrying releases over to S3-compatible storage.

In this order, so that a push that is killed between any two objects changes nothing that
readers see, and can be done again: data files, catalogues and what else stands in `_store/`,
Delta logs, and the release records last, oldest first. Delta logs and records are written by a
condition (`If-None-Match`): of two who make a release at the same time the storage lets one
through.
"""

import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from varhouse.errors import AccessError, StoreError
from varhouse.store import delta
from varhouse.store.bucket import Bucket, Object
from varhouse.store.errata import sealed
from varhouse.store.layout import PRIVATE, RAW, ROOTS, close_folders
from varhouse.store.mirror import LEDGER, LOCAL, RECORDS, Mirror, is_metadata
from varhouse.store.releases import list_releases, read_release
from varhouse.tables.schema import TABLES

log = logging.getLogger("varhouse.store")
_TAGS = "_store/tags/"
_MARK = "_store/governed.json"
"""How far ledger and audit log had come."""
_GROWING = (
    _TAGS, "_store/errata/", "_store/store.json", "_store/retention.json", _MARK,
)  # fmt: skip
"""What may change without a change of size; all else of `_store` is written once."""

_GOVERNANCE = "_store/governance/"
"""Ledger and audit log, which only grow, too."""

_PERMITS = f"{_GOVERNANCE}ledger.jsonl"
"""A store that has it is governed."""

_DEAD_SECONDS = 86_400.0
"""Age from which a version that no release holds counts as left by a dead writer."""

_THREADS = 16


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes
    ----------
    releases
        Those that the storage did not have.
    files
        Data files that were written.
    removed, left
        Objects that the store no longer has: removed, and still there.
    """

    releases: list[int]
    files: int
    removed: int
    left: int


def push(
    path: Path, bucket: Bucket, *, prune: bool = False, take_over: bool = False
) -> Pushed:
    """Make a store on S3 what a store on a disk is.

    Parameters
    ----------
    path
        Root folder of the store, to which nobody writes meanwhile: the caller holds its lock.
    prune
        Also remove what this store no longer has, as `varhouse store gc` and a purge removed
        it here. Tags follow the disk in any case.
    take_over
        Whoever else began to write has died: what he left goes, however new.

    Raises
    ------
    StoreError
        If there is another store, or somebody writes to it at the same time.
    """
    every = list(bucket.objects())
    there = {o.name: o.size for o in every}
    local = dict(_files(path))
    _check_same(path, bucket, local, there)
    bucket.check_conditions(path / "_store" / ".probe.tmp")
    records = sorted(n for n in local if n.startswith(RECORDS))
    new = [n for n in records if n not in there]
    logs = {n for n in local if _is_log(n)}
    dead = _dead_versions(path, bucket, local, {o.name: o for o in every}, take_over=take_over)
    bucket.remove(sorted(dead))
    there = {n: size for n, size in there.items() if n not in dead}
    data = [n for n in _pinned(path) if there.get(n) != _size(local, n)]
    rest = [n for n in local if _is_small(n) and n not in {*records, *logs}]
    rest = [n for n in rest if n.startswith(_GROWING) or there.get(n) != _size(local, n)]
    _carry(path, bucket, data, rest, sorted(logs - {*there}), new)
    hints = [n for n in logs if not n.endswith(".json") and n in there]
    _write(bucket, path, [n for n in hints if "_last" in n or there[n] != _size(local, n)])
    gone = [n for n in there if n not in local and n.split("/")[0] in (*ROOTS, "_store")]
    removed = [n for n in gone if prune or n.startswith(_TAGS)]
    bucket.remove(removed)
    made = [int(Path(n).stem) for n in new]
    return Pushed(made, len(data), len(removed), len(gone) - len(removed))


def push_governance(path: Path, bucket: Bucket) -> None:
    """Carry over ledger and audit log once more, and the mark of both after them.

    That a push has ended is noted behind it: without that line what lies there would be
    shorter than the store for good, and a pull would be refused.

    Parameters
    ----------
    path
        Root folder of a governed store; the caller holds its lock.
    """
    _write(bucket, path, [n for n, _ in _files(path) if n.startswith((_GOVERNANCE, _MARK))])


def push_mirror(mirror: Mirror) -> Pushed:
    """Carry over the release that was made in a mirror, and nothing else of it.

    What was said of the store meanwhile, as errata or tags, is not undone.

    Raises
    ------
    StoreError
        If somebody else made a release since the mirror was brought up to date.
    """
    path, held = mirror.path, mirror.held()
    there = {o.name for o in mirror.bucket.objects()}
    local = dict(_files(path))
    new = sorted(n for n in local if n.startswith(RECORDS) and n not in held)
    others = {n for n in there if n.startswith(RECORDS)} - {*held}
    if others or {n for n in held if n.startswith(RECORDS)} - there:
        raise _busy(mirror.bucket)
    mirror.bucket.check_conditions(path / "_store" / ".probe.tmp")
    data = [n for n in _pinned(path, [int(Path(n).stem) for n in new]) if n not in there]
    logs = sorted(n for n in local if _is_log(n) and n not in held)
    rest = [n for n in local if _is_small(n) and not _is_log(n) and n not in held]
    rest = [n for n in rest if n not in new and not n.startswith(_GROWING[:2])]
    _carry(path, mirror.bucket, data, rest, logs, new)
    _write(mirror.bucket, path, [n for n in local if n.endswith("_last_checkpoint")])
    return Pushed([int(Path(n).stem) for n in new], len(data), 0, 0)


def pull(bucket: Bucket, path: Path) -> int:
    """Read a whole store into a folder, to work on it there; gives the objects that were read.

    Called again it reads what is new. The caller holds the lock of the folder.

    Raises
    ------
    StoreError
        If there is no store, or the folder holds another one.
    """
    there = {o.name: o.size for o in bucket.objects()}
    if "_store/store.json" not in there:
        raise StoreError(f"{bucket.url} is no varhouse store", "give the URL of a store")
    local = dict(_files(path))
    # What is said of releases only grows: a shorter text here is an older one.
    said = [n for n in local if n.startswith((RECORDS, _GROWING[1], _GOVERNANCE))]
    if any(there.get(n, -1) < _size(local, n) for n in said):
        raise StoreError(
            f"{path} knows of releases what {bucket.url} does not: it would be undone",
            "varhouse store push STORE URL --prune first, or pull into an empty folder",
        )
    if said:
        _check_same(path, bucket, local, {n: s for n, s in there.items() if n in local})
    missing = [
        n
        for n, size in there.items()
        if _is_small(n) or n.split("/")[0] in ROOTS
        if n.startswith(_GROWING) or n.endswith("_last_checkpoint") or _size(local, n) != size
    ]
    _make_closed(path, there)
    records = sorted(n for n in missing if n.startswith(RECORDS))
    for some in (sorted(set(missing) - set(records)), records):
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda n: bucket.read(n, path / n), some))
    for name in (n for n in missing if n.startswith((*LEDGER, _GOVERNANCE))):
        (path / name).chmod(0o600 if name.startswith(LEDGER) else 0o640)
    return len(missing)


def _make_closed(path: Path, there: Collection[str]) -> None:
    """Make folders that are not for everybody before anything of them is read.

    Storage keeps no modes: keys and logs would lie open to all who may read the disk.
    """
    closed = [*LEDGER, *(RAW if _PERMITS in there else PRIVATE)]
    names = [n for n in closed if any(o.startswith(n) for o in there)]
    for made in (path / n for n in names):
        made.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir(mode=0o700, exist_ok=True)
    for line in close_folders(path, names):
        log.info("%s", line)


def _carry(
    path: Path,
    bucket: Bucket,
    data: list[str],
    rest: list[str],
    logs: list[str],
    new: list[str],
) -> None:
    """Write objects in the order of a commit, the last two kinds where there are none."""
    _write(bucket, path, data)
    _write(bucket, path, rest)
    for name in (n for n in logs if n.endswith(".json")):
        if not bucket.write_new(path / name, name):
            raise _busy(bucket)
    _write(bucket, path, [n for n in logs if not n.endswith(".json")])
    for name in new:
        if not bucket.write_new(path / name, name):
            raise _busy(bucket)


def _is_log(name: str) -> bool:
    return "_delta_log" in name.split("/")


def _is_small(name: str) -> bool:
    return is_metadata(name) or name.startswith(LEDGER)


def _size(local: Mapping[str, Path], name: str) -> int:
    return local[name].stat().st_size if name in local else -1


def _dead_versions(
    path: Path,
    bucket: Bucket,
    local: Mapping[str, Path],
    there: Mapping[str, Object],
    *,
    take_over: bool,
) -> set[str]:
    """Find versions of tables on the storage that are not those of this disk.

    What a push that died left stands under the name of a version that came to hold something
    else since, or never came here.

    Raises
    ------
    StoreError
        If somebody may be writing one just now.
    """
    records = [n for n in there if n.startswith(RECORDS)]
    opened, ever = (_pinned_versions(path, records, also_sealed=s) for s in (False, True))
    # What is older than a release was there before it was made: nobody is writing it.
    newest = min((there[n].age for n in records), default=_DEAD_SECONDS)
    found: set[str] = set()
    for name, other in there.items():
        if not (_is_log(name) and name.endswith(".json")):
            continue
        table, _, file = name.partition("/_delta_log/")
        version = int(Path(file).stem)
        # What is not on this disk was trimmed, and goes with `prune`.
        is_known = version <= (opened if name in local else ever).get(table, -1)
        if is_known or (name in local and _is_same(local[name], bucket, other)):
            continue
        # Of sealed releases it may go: the table was gone for a while, and began anew.
        is_new = version > ever.get(table, -1) and other.age < min(newest, _DEAD_SECONDS)
        if is_new and not take_over:
            raise StoreError(
                f"somebody writes to {bucket.url}, or died doing so {other.age / 3600:.1f} "
                "hours ago",
                "run again when he is done; if he has died: a day later, or --take-over",
            )
        found.add(name)
        found |= {n for n in there if n.startswith(f"{name.removesuffix('json')}")}
    return found


def _is_same(file: Path, bucket: Bucket, other: Object) -> bool:
    if file.stat().st_size != other.size:
        return False
    copy = file.with_name(f".{file.name}.remote.tmp")
    try:
        # Of this disk's own pushes the tag is the MD5 of the bytes, as S3 has it.
        digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        if other.tag.strip('"') == digest:
            return True
        return bucket.read(other.name, copy) and copy.read_bytes() == file.read_bytes()
    finally:
        copy.unlink(missing_ok=True)


def _pinned_versions(
    path: Path, records: Iterable[str], *, also_sealed: bool
) -> dict[str, int]:
    """Give for each table the latest version that some releases hold."""
    held: dict[str, int] = {}
    for number in sorted(int(Path(n).stem) for n in records):
        if not also_sealed and sealed(path, number):
            continue
        for name, pinned in read_release(path, number).tables.items():
            table = f"{_root(name)}/{name}"
            held[table] = max(held.get(table, -1), pinned.version)
    return held


def _root(table: str) -> str:
    return TABLES[table].root if table in TABLES else "open"


def _pinned(path: Path, numbers: Sequence[int] | None = None) -> list[str]:
    """List the data files that some releases, or all, pin; a sealed one pins none."""
    seen: set[tuple[str, int]] = set()
    files: set[str] = set()
    for number in list_releases(path) if numbers is None else numbers:
        tables = {} if sealed(path, number) else read_release(path, number).tables
        for name, pinned in tables.items():
            if (name, pinned.version) in seen:
                continue
            seen.add((name, pinned.version))
            folder = f"{_root(name)}/{name}"
            found = delta.read_version(path / folder, pinned.version)
            files |= {f"{folder}/{f}" for f in found.files["path"]}
    return sorted(files)


def _busy(bucket: Bucket) -> StoreError:
    return StoreError(
        f"somebody else wrote to {bucket.url} meanwhile: nothing of this became visible",
        "run again",
    )


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """List the files of a store that belong to it: no work, no caches, nothing unfinished.

    Folders may be links to another disk.

    Raises
    ------
    AccessError
        If a folder may not be listed: what is in it would be taken for gone.
    """

    def refuse(error: OSError) -> None:
        raise AccessError(
            f"no permission to list {error.filename}", "push as whoever keeps the store"
        )

    for root in ("_store", *ROOTS):
        for folder, _, names in os.walk(path / root, onerror=refuse, followlinks=True):
            for file in sorted(Path(folder) / n for n in names):
                name = str(file.relative_to(path))
                is_own = name.startswith(LOCAL) or file.name.startswith(".")
                if file.is_file() and not is_own:
                    yield name, file


def _check_same(
    path: Path, bucket: Bucket, local: dict[str, Path], there: dict[str, int]
) -> None:
    """Check that what is on the storage is this store, as it was before."""
    scratch = path / "_store" / ".remote.tmp"
    try:
        for name in sorted(n for n in there if n.startswith(RECORDS)):
            file = local.get(name)
            same = file is not None and file.stat().st_size == there[name]
            if not same:
                raise StoreError(
                    f"{bucket.url} has a release {int(Path(name).stem)} that {path} has not",
                    "push into another folder; or open the URL, which has all releases",
                )
        last = max((n for n in there if n.startswith(RECORDS)), default=None)
        if (
            last is not None
            and bucket.read(last, scratch)
            and json.loads(scratch.read_bytes()) != json.loads(local[last].read_bytes())
        ):
            raise StoreError(
                f"{bucket.url} is another store than {path}", "push into another folder"
            )
    finally:
        scratch.unlink(missing_ok=True)


def _write(bucket: Bucket, path: Path, names: list[str]) -> None:
    """Write objects, and the mark last, as it was before the log was read.

    Who reads the store meanwhile is noted: a mark ahead of the log says that it was cut off.
    """
    mark = (path / _MARK).read_bytes() if _MARK in names else b""
    with ThreadPoolExecutor(_THREADS) as pool:
        others = (n for n in names if n != _MARK)
        list(pool.map(lambda name: bucket.write(path / name, name), others))
    if mark:
        bucket.write(mark, _MARK)
