"""Purging people: every release that still holds them is sealed, and its files go at once.

A withdrawal (or the drop of a cohort) makes a release without the people; the releases before
still hold them. Who holds them is asked of the rows: of the table samples, and of what names
people in texts (files, held_back, rejects, ingests). A file that the newest release pins too
is no evidence, as the newest release is the one that the people were taken out of.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pyarrow.parquet as pq

from varhouse.errors import StoreError
from varhouse.store import deltalog
from varhouse.store.gc import Collected, collect
from varhouse.store.layout import read_store_file, table_folder, write_json
from varhouse.store.ledger import Ledger
from varhouse.store.leftovers import pinned_versions
from varhouse.store.lock import store_lock
from varhouse.store.peopletexts import PeopleTexts
from varhouse.store.releases import Release, read_open_releases
from varhouse.store.retention import Policy
from varhouse.store.words import Words
from varhouse.tables.schema import HELD_BACK, INGESTS, SAMPLES, TABLES, Table

NAMING = ("files", "held_back", "rejects", "ingests")
"""Tables whose texts may name people."""

_BATCH_ROWS = 65_536
"""Rows of such a table in memory at a time: headers of files may have megabytes each."""


@dataclass(frozen=True)
class Purged:
    """What a purge did.

    Attributes
    ----------
    sealed
        Numbers of the releases that it sealed.
    files, bytes
        Files and folders that went, and their bytes.
    collected
        All of it, a line each.
    """

    sealed: list[int]
    files: int
    bytes: int
    collected: Collected


def purge(
    path: Path,
    *,
    cohort: str,
    holds: Callable[[str], bool] | None = None,
    names: Collection[str] = (),
    reason: str | None = None,
    grace: float = 0.0,
    dry_run: bool = False,
    wait: float = 60.0,
    token: str | None = None,
) -> Purged:
    """Seal every release that holds people of a cohort, tagged ones too, and remove its files.

    With `grace` 0 the files of all releases that were sealed before go, too. A purge that was
    killed is completed by another one, or by `varhouse store gc --grace 0`.

    Parameters
    ----------
    path
        The store's root folder.
    cohort
        Name of the cohort; the newest release is without the people.
    holds
        Tells of the name of a sample whether it is one of them; None: the whole cohort.
    names
        Their names as far as they are known, for texts of releases whose samples they are not.
    reason
        What the errata say; no names. None: `withdrawal, see release N`.
    grace
        Seconds that readers of these releases are given.
    dry_run
        Only say what would go.
    wait
        Seconds to wait for another writer.
    token
        Token of the store's lock, if the caller holds it.

    Raises
    ------
    StoreError
        If the newest release still holds them, somebody else is writing, or a record is
        damaged.
    """
    path = path.absolute()
    read_store_file(path)
    with store_lock(path, wait, token) as holder:
        releases = read_open_releases(path)
        found = Holders(path, releases, cohort, holds, names)
        if not releases or found.is_in_newest():
            raise StoreError(
                f"the newest release of {path} still holds who is to be purged from {cohort}",
                "varhouse store withdraw (or store drop, of a whole cohort) first",
            )
        reason = reason or f"withdrawal, see release {releases[-1].number}"
        seal = dict.fromkeys(sorted(found.releases()), reason)
        gone = collect(path, seal=seal, grace=grace, dry_run=dry_run, token=holder.token)
        return _finish(path, gone, found.names, dry_run=dry_run)


def purge_withdrawn(
    path: Path,
    *,
    policy: Policy | None = None,
    grace: float = 0.0,
    dry_run: bool = False,
    wait: float = 60.0,
    token: str | None = None,
) -> Purged:
    """Purge everybody whom the ledger of a store says to be withdrawn, all at once.

    Sealed are releases before the withdrawal that hold the people in its cohort, and what
    `policy` does not keep. Other parameters and errors are those of `purge`.
    """
    path = path.absolute()
    read_store_file(path)
    with store_lock(path, wait, token) as holder:
        releases = read_open_releases(path)
        ledger = Ledger.open(path)
        seal: dict[int, str] = {}
        names: set[str] = set()
        for entry in ledger.entries:
            # Of the newest release nobody of them is one: see `Holders`.
            before = [r for r in releases[:-1] if r.number < entry.release] + releases[-1:]
            found = Holders(path, before, entry.cohort, _among(ledger, entry.people), ())
            for number in sorted(found.releases()):
                seal.setdefault(number, f"withdrawal, see release {entry.release}")
            names |= found.names
        gone = collect(
            path, policy=policy, seal=seal, grace=grace, dry_run=dry_run, token=holder.token
        )
        return _finish(path, gone, names, dry_run=dry_run)


def _among(ledger: Ledger, hashes: Collection[str]) -> Callable[[str], bool]:
    wanted = frozenset(hashes)
    return lambda sample: ledger.hash(sample) in wanted


def _finish(path: Path, gone: Collected, names: Collection[str], *, dry_run: bool) -> Purged:
    if not dry_run:
        _forget_paths(path, names)
    return Purged([s.number for s in gone.sealed], len(gone.gone), gone.bytes, gone)


class Holders:
    """Which of some releases hold people of a cohort.

    Parameters
    ----------
    releases
        Open releases, oldest first.
    cohort, holds, names
        As for `purge`.

    Attributes
    ----------
    names
        Names of the people, with those that the releases know.
    """

    def __init__(
        self,
        path: Path,
        releases: Sequence[Release],
        cohort: str,
        holds: Callable[[str], bool] | None,
        names: Collection[str],
    ) -> None:
        self._path, self._releases, self._cohort, self._holds = path, releases, cohort, holds
        self._seen: dict[tuple[str, str], bool] = {}
        self.names = set(names)
        self._samples = self._telling("samples", releases)

    def is_in_newest(self) -> bool:
        """Tell whether the newest release holds them as samples."""
        return bool(
            self._telling("samples" if self._holds else "cohorts", self._releases[-1:])
        )

    def releases(self) -> set[int]:
        """List the releases that hold them; the newest is none of them."""
        found = self._samples
        for table in NAMING if self._holds else ("cohorts", *NAMING):
            found = found | self._telling(table, self._releases)
        return found - {self._releases[-1].number}

    def _telling(self, name: str, releases: Sequence[Release]) -> set[int]:
        """List the releases with a file of a table that tells of them."""
        table = TABLES[name]
        folder = table_folder(self._path, table)
        newest = self._files(folder, self._releases[-1:])
        is_newest_asked = list(releases) == list(self._releases[-1:])
        found: set[int] = set()
        told: dict[int, bool] = {}
        for release in releases:
            for version in pinned_versions([release], name):
                if version not in told:
                    files = self._files(folder, [release])
                    files -= set() if is_newest_asked else newest
                    told[version] = any([self._tells(table, folder, f) for f in sorted(files)])
                if told[version]:
                    found.add(release.number)
        return found

    def _files(self, folder: Path, releases: Sequence[Release]) -> set[str]:
        return deltalog.files_of(folder, pinned_versions(releases, folder.name))

    def _tells(self, table: Table, folder: Path, file: str) -> bool:
        key = table.name, file
        if key not in self._seen:
            self._seen[key] = self._read(table, folder / file, file)
        return self._seen[key]

    def _read(self, table: Table, file: Path, name: str) -> bool:
        partition = _partition(table, name)
        if partition.get("cohort", self._cohort) != self._cohort:
            return False
        columns = [n for n, t in table.file_schema.items() if t == pl.String]
        if table is SAMPLES:
            rows = pl.concat(_batches(file, ["sample"]))["sample"].unique().to_list()
            mine = {s for s in rows if self._holds is None or self._holds(s)}
            self.names |= mine
            return bool(mine)
        if "cohort" in partition and self._holds is None:
            return True
        if not self.names:
            return False
        texts, words = PeopleTexts(self.names, self._cohort), Words(self.names)
        if table is INGESTS:
            summaries = pl.concat(_batches(file, ["summary"]))["summary"].to_list()
            return any(map(texts.stand_in, summaries))
        if table is HELD_BACK:
            # Lines that are quoted may be theirs, whomever they name.
            held = pl.concat(_batches(file, ["problems", "reasons"]))
            if any(texts.stand_in_held_back(p, r) for p, r in held.iter_rows()):
                return True
        return any(_names_any(frame, words, self.names) for frame in _batches(file, columns))


def _partition(table: Table, file: str) -> dict[str, str]:
    """Read the values of a partition from the path of a file."""
    parts = dict(p.split("=", 1) for p in file.split("/")[:-1])
    return {c: unquote(parts[c]) for c in table.partition if c in parts}


def _batches(file: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(file) as source:
        there = [c for c in columns if c in source.schema_arrow.names]
        for batch in source.iter_batches(_BATCH_ROWS, columns=there):
            yield pl.DataFrame(pl.from_arrow(batch))


def _names_any(frame: pl.DataFrame, words: Words, names: Collection[str]) -> bool:
    """Tell whether a text names one of some people."""
    # Regular expressions of polars know no look-behind: what was found is looked at again.
    wanted = sorted(filter(None, names))
    for column in frame.get_columns():
        texts = column.filter(column.str.contains_any(wanted).fill_null(value=False))
        if any(text in words for text in texts.unique()):
            return True
    return False


def _forget_paths(path: Path, words: Iterable[str]) -> None:
    """Take paths that name people out of what the cache knows of files by their path."""
    named = [w for w in words if w]
    for file in sorted((path / "_cache").glob("*.json")):
        with suppress(OSError, ValueError):
            known = json.loads(file.read_text(encoding="utf-8"))
            left = {k: v for k, v in known.items() if not any(w in str(k) for w in named)}
            if len(left) < len(known):
                write_json(file, left, replace=True)


__all__ = ["Purged", "purge", "purge_withdrawn"]
