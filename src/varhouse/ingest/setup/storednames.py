"""Who stands in a file that is in the store as it is: known without opening the file.

A cohort that grows has thousands of files; to compare the sample sheet with all of them, only
the headers of new ones are read.
"""

from functools import cache
from pathlib import Path
from typing import Protocol

from varhouse.errors import VarhouseError
from varhouse.ingest.setup.fingerprints import stored_people
from varhouse.store.reader import open_store
from varhouse.vcf.peek import trusted_header
from varhouse.vcf.text.limits import Limits


class Names(Protocol):
    """Gives the sample columns of a file; None where its header holds it back."""

    def __call__(self, path: Path, limits: Limits) -> tuple[str, ...] | None:
        """Give the names in the order of the columns."""


_Stamp = tuple[str, int, int]


def header_names(path: Path, limits: Limits) -> tuple[str, ...] | None:
    """Read the sample columns of a file; None where its header holds it back."""
    header = trusted_header(path, limits)
    return None if header is None else tuple(header.samples)


def stored_names(store: Path) -> Names:
    """Give names as a store knows them, by path, size and time; else as the file says."""

    @cache
    def known() -> dict[_Stamp, tuple[str, ...]]:
        try:
            return _known(store)
        except VarhouseError:
            # Without a store, or one that cannot be read, the headers are.
            return {}

    def names(path: Path, limits: Limits) -> tuple[str, ...] | None:
        try:
            stat = path.stat()
        except OSError:
            return None
        found = known().get((str(path), stat.st_size, stat.st_mtime_ns))
        return header_names(path, limits) if found is None else found

    return names


def _known(store: Path) -> dict[_Stamp, tuple[str, ...]]:
    base = open_store(store)
    people = stored_people(base)
    files = base.scan("files").select("cohort", "path", "bytes", "mtime_ns", "sha256")
    return {
        (path, size, time): people[cohort][sha]
        for cohort, path, size, time, sha in files.collect().rows()
    }
