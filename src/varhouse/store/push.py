"""Carrying releases over to S3-compatible storage.

In this order, so that a push that is killed between any two objects changes nothing that
readers see, and can be done again: data files, catalogues and what else stands in `_store/`,
Delta logs, and the release records last, oldest first. Delta logs and records are written by a
condition (`If-None-Match`): of two who make a release at the same time the storage lets one
through.
"""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.store import delta
from varhouse.store.bucket import Bucket
from varhouse.store.errata import sealed
from varhouse.store.layout import ROOTS
from varhouse.store.mirror import LOCAL, Mirror, is_metadata
from varhouse.store.releases import read_release
from varhouse.tables.schema import TABLES

log = logging.getLogger("varhouse.store")
_RECORDS = "_store/releases/"
_GROWING = ("_store/tags/", "_store/errata/", "_store/store.json", "_store/retention.json")
"""What may change without a change of size; all else of `_store` is written once."""

_THREADS = 16


@dataclass(frozen=True)
class Pushed:
    """What a push did: releases that the storage did not have, data files, objects gone."""

    releases: list[int]
    files: int
    removed: int


def push(path: Path, bucket: Bucket, *, prune: bool = False) -> Pushed:
    """Make a store on S3 what a store on a disk is.

    Parameters
    ----------
    path
        Root folder of the store, to which nobody writes meanwhile: the caller holds its lock.
    prune
        Also remove data files that this store no longer has, as `varhouse store gc` and a
        purge removed them here.

    Raises
    ------
    StoreError
        If there is another store, or somebody writes to it at the same time.
    """
    there = {o.name: o.size for o in bucket.objects()}
    local = dict(_files(path))
    _check_same(path, bucket, local, there)
    bucket.check_conditions(path / "_store" / ".probe.tmp")
    records = sorted(n for n in local if n.startswith(_RECORDS))
    new = [n for n in records if n not in there]
    data = [n for n in _pinned(path, [int(Path(n).stem) for n in new]) if n not in there]
    logs = [n for n in local if "_delta_log" in n.split("/")]
    versions = sorted(n for n in logs if n.endswith(".json") and n not in there)
    hints = [n for n in logs if not n.endswith(".json")]
    rest = [n for n in local if is_metadata(n) and n not in {*records, *logs}]
    rest = [n for n in rest if n.startswith(_GROWING) or there.get(n) != _size(local[n])]
    _write(bucket, path, data)
    _write(bucket, path, rest)
    for name in versions:
        if not bucket.write_new(local[name], name):
            raise _busy(bucket)
    _write(bucket, path, [n for n in hints if there.get(n) != _size(local[n]) or "_last" in n])
    for name in new:
        if not bucket.write_new(local[name], name):
            raise _busy(bucket)
    gone = [n for n in there if n not in local] if prune else []
    bucket.remove([n for n in gone if n.split("/")[0] in (*ROOTS, "_store")])
    return Pushed([int(Path(n).stem) for n in new], len(data), len(gone))


def _size(file: Path) -> int:
    return file.stat().st_size


def _pinned(path: Path, numbers: list[int]) -> list[str]:
    """List the data files that some releases pin; a sealed one pins none."""
    seen: set[tuple[str, int]] = set()
    files: set[str] = set()
    for number in numbers:
        tables = {} if sealed(path, number) else read_release(path, number).tables
        for name, pinned in tables.items():
            if (name, pinned.version) in seen:
                continue
            seen.add((name, pinned.version))
            root = TABLES[name].root if name in TABLES else "open"
            opened = delta.open_table(path / root / name, pinned.version)
            files |= {f"{root}/{name}/{f}" for f in delta.list_files(opened)["path"]}
    return sorted(files)


def _busy(bucket: Bucket) -> StoreError:
    return StoreError(
        f"somebody else writes to {bucket.url}: nothing of this became visible", "run again"
    )


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """List the files of a store that belong to it: no work, no caches, nothing unfinished."""
    for root in ("_store", "open", "controlled"):
        for file in sorted((path / root).rglob("*")):
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
        for name in sorted(n for n in there if n.startswith(_RECORDS)):
            file = local.get(name)
            same = file is not None and file.stat().st_size == there[name]
            if not same:
                raise StoreError(
                    f"{bucket.url} has a release {int(Path(name).stem)} that {path} has not",
                    "push into another folder; or open the URL, which has all releases",
                )
        last = max((n for n in there if n.startswith(_RECORDS)), default=None)
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
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda name: bucket.write(path / name, name), names))


def push_mirror(mirror: Mirror) -> Pushed:
    """Carry over what was made in a mirror."""
    made = push(mirror.path, mirror.bucket)
    mirror.note()
    return made
