"""Errata: what was said of a release after it was made.

A release record never changes. What is found out later stands beside it, in
`_store/errata/NNNNNNNN.json`, a list that only grows: that a release was *withdrawn* (it still
opens, and whoever opens it is told why), and that it was *sealed* (its data were deleted: by
`varhouse store gc` as its retention ends, or by a purge; the record stays, with the reason).
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.store.layout import read_json, write_json

WITHDRAWN = "withdrawn"
SEALED = "sealed"

BY_RETENTION = "kept by no rule of: "
"""What the reason begins with where a release was sealed as its retention ended."""


@dataclass(frozen=True)
class Erratum:
    """One thing that was said of a release.

    Attributes
    ----------
    kind
        `withdrawn` or `sealed`.
    reason
        Why, for whoever opens it.
    time
        When it was said: UTC, ISO 8601.
    restricted
        Of a sealed release: sources that it said may not be passed on (`Store.restricted`),
        which later releases ask it for.
    """

    kind: str
    reason: str
    time: str
    restricted: tuple[str, ...] = ()


def errata_folder(path: Path) -> Path:
    """Give the folder of the errata."""
    return path / "_store" / "errata"


def _file(path: Path, number: int) -> Path:
    return errata_folder(path) / f"{number:08d}.json"


def read_errata(path: Path, number: int) -> list[Erratum]:
    """Read what was said of a release, oldest first.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    file = _file(path, number)
    if not file.exists():
        return []
    try:
        return [
            Erratum(e["kind"], e["reason"], e["time"], tuple(e.get("restricted", ())))
            for e in read_json(file)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{file} is damaged: {error!r}", "restore it from a backup") from None


def add_erratum(path: Path, number: int, erratum: Erratum) -> None:
    """Say something of a release, for good; the caller holds the store's lock.

    What was said already is not said twice.
    """
    said = read_errata(path, number)
    same = (erratum.kind, erratum.reason)
    if any((e.kind, e.reason) == same for e in said):
        return
    write_json(_file(path, number), [asdict(e) for e in [*said, erratum]], replace=True)


def sealed(path: Path, number: int) -> Erratum | None:
    """Give the erratum that a release was sealed by; None: its data are there."""
    return next((e for e in read_errata(path, number) if e.kind == SEALED), None)


def sealed_releases(path: Path) -> dict[int, Erratum]:
    """List the releases whose data were deleted, or are about to be, with the erratum."""
    said = {n: sealed(path, n) for n in _numbers(path)}
    return {n: erratum for n, erratum in said.items() if erratum is not None}


def withdrawn_releases(path: Path) -> set[int]:
    """List the releases that somebody said not to use any more."""
    return {
        n for n in _numbers(path) if any(e.kind == WITHDRAWN for e in read_errata(path, n))
    }


def _numbers(path: Path) -> list[int]:
    folder = errata_folder(path)
    if not folder.is_dir():
        return []
    return sorted(int(f.stem) for f in folder.glob("[0-9]*.json") if f.stem.isdigit())


def check_is_open(path: Path, number: int) -> list[Erratum]:
    """Check that a release may be opened, and give what was said of it.

    Raises
    ------
    StoreError
        If it was sealed.
    """
    said = read_errata(path, number)
    for erratum in said:
        if erratum.kind == SEALED:
            raise StoreError(
                f"release {number} of {path} was sealed on {erratum.time}: {erratum.reason}; "
                "its record is kept, its data were deleted",
                f"name an open one: varhouse store log {shlex.quote(str(path))} lists them",
            )
    return said


@contextmanager
def told_if_sealed(path: Path, number: int) -> Iterator[None]:
    """Say of what fails while a release is read that it was sealed meanwhile, if it was.

    Readers take no lock: once the grace time is over, files go that one of them may still ask
    for.

    Raises
    ------
    StoreError
        In place of any failure, if the release was sealed.
    """
    try:
        yield
    except Exception as error:
        try:
            check_is_open(path, number)
        except StoreError as sealing:
            raise sealing from error
        raise
