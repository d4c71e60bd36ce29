"""Who stands in a file that is in the store as it is: known without opening the file.

A cohort that grows has thousands of files; to compare the sample sheet with all of them, only
the headers of new ones are read.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from varhouse.errors import VarhouseError
from varhouse.ingest.setup.fingerprints import stored_people
from varhouse.store.ledger import Ledger
from varhouse.store.reader import open_store
from varhouse.vcf.peek import trusted_header
from varhouse.vcf.text.limits import Limits


class Names(Protocol):
    """Gives the sample columns of a file; None where its header holds it back."""

    def __call__(self, path: Path, limits: Limits) -> tuple[str, ...] | None:
        """Give the names in the order of the columns."""


Refuses = Callable[[str, Sequence[str]], Collection[str]]
"""Gives, of a cohort and some sample ids, those who were withdrawn from the store."""

_Stamp = tuple[str, int, int]


def header_names(path: Path, limits: Limits) -> tuple[str, ...] | None:
    """Read the sample columns of a file; None where its header holds it back."""
    header = trusted_header(path, limits)
    return None if header is None else tuple(header.samples)


class StoredNames:
    """Gives names as a store knows them, by path, size and time; else as the file says."""

    def __init__(self, store: Path) -> None:
        self._store = store

    @cached_property
    def _known(self) -> dict[_Stamp, tuple[str, ...]]:
        try:
            return _known(self._store)
        except VarhouseError:
            # Without a store, or one that cannot be read, the headers are.
            return {}

    def __call__(self, path: Path, limits: Limits) -> tuple[str, ...] | None:
        """Give the names in the order of the columns."""
        try:
            stat = path.stat()
        except OSError:
            return None
        found = self._known.get((str(path), stat.st_size, stat.st_mtime_ns))
        return header_names(path, limits) if found is None else found

    def refuses(self, cohort: str, names: Sequence[str]) -> Collection[str]:
        """List which of some people were withdrawn from the store."""
        return Ledger.open(self._store).refuses(cohort, names)


def stored_names(store: Path) -> StoredNames:
    """Give names as a store knows them, by path, size and time; else as the file says."""
    return StoredNames(store)


def refused_by(names: Names) -> Refuses:
    """Say whom a store refuses that names come from: nobody, if they come from files."""
    return names.refuses if isinstance(names, StoredNames) else lambda _cohort, _names: ()


def _known(store: Path) -> dict[_Stamp, tuple[str, ...]]:
    base = open_store(store)
    people = stored_people(base)
    files = base.scan("files").select("cohort", "path", "bytes", "mtime_ns", "sha256")
    return {
        (path, size, time): people[cohort][sha]
        for cohort, path, size, time, sha in files.collect().rows()
    }
