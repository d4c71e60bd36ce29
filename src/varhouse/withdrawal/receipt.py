"""The receipt of a withdrawal: what was done, in numbers, and where the people still are.

It stands in `_store/receipts/NNNNNNNN.json`, named by the release that the withdrawal made,
and names nobody: an id that stands in a path is written there as its keyed hash.
"""

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError
from varhouse.store.layout import read_json, write_json
from varhouse.store.ledger import Ledger

HASH_SHOWN = 16
"""Hex digits of a keyed hash that stand for an id in a path."""


@dataclass(frozen=True)
class Holds:
    """Where the people still are, after a withdrawal.

    Attributes
    ----------
    releases
        Numbers of releases that hold them, until `varhouse store gc` or `--purge` deletes
        their data.
    files
        Paths of the files they came in.
    sheets
        Paths of the sheets that the ingest of their cohort named, whatever those say now.
    names
        What of the store's own texts has an id in it that stays: names of files of others,
        paths of settings, tags, reasons of errata; records whose INFO has one.
    cohorts
        Other cohorts that have some of the ids, in the newest release or (with its number) in
        an older one alone: nobody was taken out of those.
    """

    releases: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    cohorts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Receipt:
    """What a withdrawal did.

    Attributes
    ----------
    release, base_release
        The one that it made, and the one before.
    digest, digest_before
        Of the content of both, 64 hex digits.
    cohort, everywhere, reason, time
        As the ledger has them.
    n_people, people
        How many, and the keyed hashes of their ids.
    alleles_gone
        Alleles that nobody of the store holds any more.
    ids_gone
        Rows that the table `ids` has less.
    files_read, files_cut, files_gone
        How many files of the cohort were read, of these without the people, and how many went
        with them.
    rows
        Table to its rows before and after.
    seconds
        Wall time; None of one that was killed after its release and completed later.
    exact
        Whether the next ingest of the same configuration finds the cohort as it is.
    holds
        Where the people still are.
    purged
        Of a purge, the releases that it sealed, and how many files and bytes went.
    """

    release: int
    base_release: int
    digest: str
    digest_before: str
    cohort: str
    everywhere: bool
    n_people: int
    people: list[str]
    reason: str
    time: str
    alleles_gone: int
    ids_gone: int
    files_read: int
    files_cut: int
    files_gone: int
    rows: dict[str, list[int]]
    seconds: float | None
    exact: bool
    holds: Holds
    purged: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)

    def masked(self, ledger: Ledger, people: list[str]) -> "Receipt":
        """Give it with keyed hashes in place of the ids that stand in paths.

        They stand there beside anything (`/data/S0042dedup.vcf`).
        """
        longest_first = sorted(people, key=lambda n: (-len(n), n))
        anywhere = re.compile("|".join(re.escape(n) for n in longest_first))
        of = self.holds
        files, sheets, names = (
            [anywhere.sub(lambda n: f"<{ledger.hash(n[0])[:HASH_SHOWN]}>", t) for t in texts]
            for texts in (of.files, of.sheets, of.names)
        )
        return replace(self, holds=replace(of, files=files, sheets=sheets, names=names))


def receipt_file(path: Path, release: int) -> Path:
    """Give where the receipt of a release lies in a store."""
    return path / "_store" / "receipts" / f"{release:08d}.json"


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write a receipt; one of the same release is replaced.

    Paths and reasons stand in it: its folder is for the owner of the store alone.
    """
    file = receipt_file(path, receipt.release)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_json(file, receipt.as_json(), replace=True)


def read_receipt(path: Path, release: int) -> Receipt | None:
    """Read the receipt of a release; None: it has none.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    file = receipt_file(path, release)
    if not file.exists():
        return None
    data = read_json(file)
    try:
        return Receipt(**{**data, "holds": Holds(**data["holds"])})
    except (KeyError, TypeError) as error:
        raise StoreError(f"{file} is damaged: {error!r}", "restore it from a backup") from None
