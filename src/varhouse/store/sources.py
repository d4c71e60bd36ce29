"""Which sources the releases of a store had, and which of them may not be passed on.

A source that some later release restricts is left out of a public view of an older one, and
one that is gone is named only if the last release that had it let it be. So each release
record tells of all sources up to it: whoever opens a release reads two records, not all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from varhouse.store import delta
from varhouse.store.errata import sealed
from varhouse.store.layout import table_folder
from varhouse.store.releases import Pinned, Release, list_releases, read_release

_TABLE = "annotations_"


@dataclass(frozen=True)
class Known:
    """What the releases up to one say of a source.

    Attributes
    ----------
    last
        The last release that has it.
    restricted
        That release says that it may not be passed on (`redistribute: false`).
    last_restricted
        The last release that says so; 0: none.
    """

    last: int
    restricted: bool
    last_restricted: int


def source_of(table: str) -> str | None:
    """Give the source of a table of annotations; None: it is another table."""
    return table.removeprefix(_TABLE) if table.startswith(_TABLE) else None


def is_restricted(columns: Iterable[str]) -> bool:
    """Tell by the columns of a source's table whether it may not be passed on."""
    return "redistribute" in columns


def restricted_in(path: Path, release: Release) -> tuple[str, ...]:
    """Name the sources that a release says may not be passed on, sealed or not."""
    if said := sealed(path, release.number):
        return said.restricted
    return tuple(
        source
        for table, pinned in sorted(release.tables.items())
        if (source := source_of(table)) and _asks(path, table, pinned)
    )


def known_sources(path: Path, release: Release) -> dict[str, Known]:
    """Give what a release and those before it say of sources.

    By its record; one that an older version of varhouse wrote does not tell, and all before
    it are asked.
    """
    if release.sources is not None:
        return {name: Known(**said) for name, said in release.sources.items()}
    found: dict[str, Known] = {}
    for number in list_releases(path):
        if number <= release.number:
            one = release if number == release.number else read_release(path, number)
            found = _with(found, one.number, one.tables, restricted_in(path, one))
    return found


def sources_after(
    path: Path, base: Release | None, number: int, tables: Mapping[str, Pinned]
) -> dict[str, dict[str, Any]]:
    """Give what the record of a new release says of sources.

    Parameters
    ----------
    base
        The release before; None: there is none.
    number, tables
        Of the new one; the tables are committed.
    """
    before = known_sources(path, base) if base else {}
    restricted = []
    for table, pinned in tables.items():
        if (source := source_of(table)) is None:
            continue
        is_same = base is not None and base.tables.get(table) == pinned
        if before[source].restricted if is_same else _asks(path, table, pinned):
            restricted.append(source)
    found = _with(before, number, tables, restricted)
    return {name: asdict(said) for name, said in sorted(found.items())}


def _with(
    before: Mapping[str, Known],
    number: int,
    tables: Iterable[str],
    restricted: Iterable[str],
) -> dict[str, Known]:
    found = dict(before)
    named = set(restricted)
    for table in tables:
        if source := source_of(table):
            last = before[source].last_restricted if source in before else 0
            is_one = source in named
            found[source] = Known(number, is_one, number if is_one else last)
    return found


def _asks(path: Path, table: str, pinned: Pinned) -> bool:
    folder = table_folder(path, delta.declare(table, {}))
    return is_restricted(delta.read_version(folder, pinned.version).columns)
