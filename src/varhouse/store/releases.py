"""Release records: what readers may see.

A record is a JSON file named by its number. It pins the Delta version of every table
and carries the sums of the content digest, so that the digest of a release is known
without reading data.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError, nearest
from varhouse.store.errata import sealed, sealed_releases
from varhouse.store.layout import (
    catalogue_file,
    check_name,
    read_json,
    releases_folder,
    tags_folder,
    write_json,
)
from varhouse.tables.digest import store_digest, table_digest
from varhouse.tables.schema import TABLES

_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Pinned:
    """A table as a release pins it.

    Attributes
    ----------
    version
        Delta version of the table.
    rows, files, bytes
        Size of the table in this release.
    sums
        The two sums of the content digest, each modulo 2**64.
    span
        No REF of the table's files is longer than this many bases: how far left of a
        region an overlapping row can begin.
    """

    version: int
    rows: int
    files: int
    bytes: int
    sums: tuple[int, int]
    span: int

    def to_json(self) -> dict[str, Any]:
        """Give the table's entry in a record; sums in hex, as JSON readers use doubles."""
        return {
            "version": self.version,
            "rows": self.rows,
            "files": self.files,
            "bytes": self.bytes,
            "sums": [f"{s:016x}" for s in self.sums],
            "span": self.span,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pinned":
        """Read the table's entry of a record."""
        low, high = (int(s, 16) for s in data["sums"])
        return cls(
            data["version"],
            data["rows"],
            data["files"],
            data["bytes"],
            (low, high),
            data["span"],
        )


@dataclass(frozen=True)
class Release:
    """One release: its number, where it comes from, and what it pins.

    `sources` tells of those that this release and the ones before it have
    (`varhouse.store.sources`); None: an older version wrote the record.
    """

    number: int
    parent: int | None
    operation: str
    ingest_id: str
    time: str
    version: str
    tables: dict[str, Pinned]
    meta: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] | None = None

    def table_digests(self) -> dict[str, str]:
        """Give the digest of each table that counts as content, 64 hex digits."""
        return {
            name: table_digest(name, t.rows, t.sums)
            for name, t in sorted(self.tables.items())
            if name not in TABLES or TABLES[name].content
        }

    @property
    def digest(self) -> str:
        """The digest of the whole content, 64 hex digits."""
        return store_digest(self.table_digests())

    def to_json(self) -> dict[str, Any]:
        """Give the record as it stands in its file."""
        return {
            "release": self.number,
            "parent": self.parent,
            "operation": self.operation,
            "ingest_id": self.ingest_id,
            "time": self.time,
            "version": self.version,
            "digest": self.digest,
            "tables": {n: t.to_json() for n, t in sorted(self.tables.items())},
            "meta": self.meta,
            **({} if self.sources is None else {"sources": self.sources}),
        }


_RECORD = re.compile(r"([0-9]+)\.json")


def list_releases(path: Path) -> list[int]:
    """List the numbers of all releases, oldest first."""
    try:
        with os.scandir(releases_folder(path)) as entries:
            names = [e.name for e in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(m[1]) for name in names if (m := _RECORD.fullmatch(name)))


def read_release(path: Path, number: int) -> Release:
    """Read one record.

    Raises
    ------
    StoreError
        If it is missing or damaged.
    """
    file = releases_folder(path) / f"{number:08d}.json"
    data = read_json(file)
    try:
        return Release(
            data["release"],
            data["parent"],
            data["operation"],
            data["ingest_id"],
            data["time"],
            data["version"],
            {n: Pinned.from_json(t) for n, t in data["tables"].items()},
            data["meta"],
            data.get("sources"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{file} is no release record: {error!r}", "restore it from a backup"
        ) from None


def read_all_releases(path: Path) -> list[Release]:
    """Read the records of all releases, sealed ones too, oldest first.

    Raises
    ------
    StoreError
        If one of them is missing or damaged.
    """
    numbers = list_releases(path)
    if numbers and numbers != list(range(1, numbers[-1] + 1)):
        gone = min(set(range(1, numbers[-1])) - set(numbers))
        file = releases_folder(path) / f"{gone:08d}.json"
        raise StoreError(
            f"{file} is missing: nobody knows what it pins", "restore it from a backup"
        )
    return [read_release(path, n) for n in numbers]


def read_open_releases(path: Path) -> list[Release]:
    """Read the records of the releases that were not sealed, oldest first.

    Raises
    ------
    StoreError
        If a record is missing, or one of them damaged.
    """
    gone = sealed_releases(path)
    return [r for r in read_all_releases(path) if r.number not in gone]


def write_release(path: Path, release: Release) -> bool:
    """Write a record: the step that makes a release visible.

    Returns
    -------
    bool
        False if a release of this number was there already; nothing is written then.
    """
    file = releases_folder(path) / f"{release.number:08d}.json"
    return write_json(file, release.to_json(), replace=False)


def find_ingest(path: Path, ingest_id: str) -> int | None:
    """Find the release that an ingest made, newest first; None if it made none."""
    if not catalogue_file(path, ingest_id).exists():
        # It is written before the record: no other needs to be read.
        return None
    for number in reversed(list_releases(path)):
        if read_release(path, number).ingest_id == ingest_id:
            return number
    return None


def read_tags(path: Path) -> dict[str, int]:
    """Read all tags: name to release number."""
    folder = tags_folder(path)
    if not folder.is_dir():
        return {}
    found = {}
    for file in sorted(folder.iterdir()):
        if file.name[0] == ".":
            continue
        number = read_json(file)
        if not isinstance(number, int):
            raise StoreError(
                f"{file} is damaged: no number of a release",
                "delete it, and name the release again by varhouse store tag",
            )
        found[file.name] = number
    return found


def write_tag(path: Path, name: str, number: int, *, move: bool = False) -> bool:
    """Give a release a name.

    Returns
    -------
    bool
        False if it has the name already.

    Raises
    ------
    StoreError
        If the name cannot be one, is that of another release and `move` is False, or the
        release was sealed: nobody could open it by its name.
    """
    check_name("tag", name)
    is_number = _NUMBER.fullmatch(name) is not None
    if is_number or name == "latest":
        meant = "a number" if is_number else "the newest release"
        raise StoreError(f"tag {name!r} would be taken for {meant}", "choose another name")
    held = read_tags(path).get(name)
    if held == number:
        return False
    if (gone := sealed(path, number)) is not None:
        raise StoreError(
            f"release {number} of {path} was sealed on {gone.time}: nobody can open it",
            f"name an open one: varhouse store log {shlex.quote(str(path))} lists them",
        )
    file = tags_folder(path) / name
    if not write_json(file, number, replace=move):
        raise StoreError(
            f"release {read_tags(path)[name]} has the tag {name!r} already",
            "another name, or --move",
        )
    return True


def delete_tag(path: Path, name: str) -> None:
    """Take a name away; the release stays.

    Raises
    ------
    StoreError
        If there is no such tag.
    """
    tags = read_tags(path)
    if name not in tags:
        raise StoreError(f"{path} has no tag {name!r}{nearest(name, tags)}")
    (tags_folder(path) / name).unlink()


def resolve_release(path: Path, release: str | int | None) -> int:
    """Find the number of a release by number or tag; None or `latest`: the newest.

    Raises
    ------
    StoreError
        If there is no such release, or none at all.
    """
    numbers = list_releases(path)
    if not numbers:
        raise StoreError(
            f"{path} has no release yet: its making was interrupted",
            "run varhouse ingest or varhouse store init again",
        )
    if release is None or release == "latest":
        return numbers[-1]
    text = str(release)
    if _NUMBER.fullmatch(text):
        if int(text) in numbers:
            return int(text)
    else:
        tags = read_tags(path)
        if text in tags:
            return tags[text]
        check_name("release", text)
        if tags:
            raise StoreError(f"{path} has no release {text!r}{nearest(text, tags)}")
    raise StoreError(
        f"{path} has no release {text}; it has {numbers[0]} to {numbers[-1]}",
        f"varhouse store log {shlex.quote(str(path))} lists them",
    )
