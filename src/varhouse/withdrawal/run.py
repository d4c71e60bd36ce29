"""`varhouse store withdraw`: a cohort is made once more, without some people, as a release.

A withdrawal is an ingest of the cohort's files without the people, in this process, with the
settings that the store remembers. So every count, block, run and reject comes about as in any
ingest, and the digest of the store is that of a build from files without them. Where each file
is of one person and the cohort grows, their files go, and nothing is read.

Gene model and sources stay as they are. Who was withdrawn stands in the ledger
(`varhouse.store.ledger`) before the release is made, and counts from that moment.
"""

import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from varhouse.errors import StoreError
from varhouse.ingest.setup.known_files import KnownFiles
from varhouse.sharing.viewpurge import purge_views
from varhouse.store.commit import utc_now
from varhouse.store.errata import sealed_releases
from varhouse.store.layout import make_folder, read_store_file, staging_folder
from varhouse.store.ledger import Ledger
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.purge import purge
from varhouse.store.reader import open_store
from varhouse.withdrawal.carry import carry_out
from varhouse.withdrawal.found import Asked, Withdrawal, look, look_into
from varhouse.withdrawal.private import count_private
from varhouse.withdrawal.receipt import Receipt, read_receipt, write_receipt
from varhouse.withdrawal.select import choose
from varhouse.withdrawal.told import make_receipt, receipt_of_records, releases_with


def _reached(_point: str) -> None:
    """Do nothing: tests replace this to die at a point."""


@dataclass(frozen=True)
class Foreseen:
    """What a withdrawal would do, for a dry run.

    Attributes
    ----------
    base_release
        The release that it would start from.
    cohort, people
        Who would go.
    read
        Path of each file that would be read, and whether it lies there (else the store gives
        it back).
    cut, gone
        Paths of files that hold some of the people, and of those of them alone.
    private
        Alleles that would go with them: nobody else of the store has them.
    elsewhere
        Other cohorts to the ids that they have, too.
    releases
        Numbers of those that hold them, which a purge would seal, tagged ones too.
    exact
        As in the receipt.
    """

    base_release: int
    cohort: str
    people: list[str]
    read: dict[str, bool]
    cut: list[str]
    gone: list[str]
    private: int
    elsewhere: dict[str, list[str]]
    releases: list[int]
    exact: bool

    def as_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


def foresee(path: Path, asked: Asked) -> Foreseen:
    """Say what a withdrawal would do, with all its checks; the store's cache alone may grow.

    Raises
    ------
    VarhouseError
        As `withdraw` does before it writes anything.
    """
    path = path.absolute()
    read_store_file(path)
    ledger = Ledger.open(path)
    found = look(path, asked, ledger, utc_now())
    files = found.files
    read = [] if files.growth is not None else files.left
    return Foreseen(
        found.base.release,
        asked.cohort,
        found.chosen.people,
        {str(f.path): f.is_there for f in read},
        [str(f.path) for f in files.left if f.leave],
        [str(f.path) for f in files.gone],
        count_private(found.base, found.cohort, found.chosen.people),
        found.chosen.elsewhere,
        releases_with(path, found.chosen.people, found.base.release)[asked.cohort],
        found.remembered.is_exact,
    )


def withdraw(path: Path, asked: Asked, *, purges: bool = False, wait: float = 60.0) -> Receipt:
    """Take people out of a cohort: a release without them, and its receipt.

    Killed at any moment, the store is as before or as after; the same command again completes.

    Parameters
    ----------
    path
        The store's root folder.
    purges
        Afterwards seal the releases that hold them, and delete their data.
    wait
        Seconds to wait for another writer.

    Returns
    -------
    Receipt
        With paths as they are; the one in the store names nobody.

    Raises
    ------
    ConfigError
        If the list of people is wrong in any way, or files that are needed are gone.
    StoreError
        If the cohort cannot be without the people by the rules of an ingest, somebody else
        is writing, or the disk is full. Nothing was changed then.
    """
    path = path.absolute()
    began, started = time.monotonic(), utc_now()
    read_store_file(path)
    with store_lock(path, wait) as holder:
        ledger = Ledger.open(path)
        receipt = _complete(path, asked, ledger, purges=purges)
        if receipt is None:
            own = look(path, asked, ledger, started)
            work = staging_folder(path, own.ingest_id)
            shutil.rmtree(work, ignore_errors=True)
            make_folder(work, path)
            try:
                carry_out(own, work, holder.token)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            _reached("committed")
            receipt = _settle(own, round(time.monotonic() - began, 1))
        clear(path, was_killed=True)
        if purges:
            receipt = _purge(path, asked, ledger, receipt, holder.token)
    return receipt


def _settle(own: Withdrawal, seconds: float | None) -> Receipt:
    """Write the receipt of what was committed, and forget where files of theirs lay."""
    receipt = make_receipt(own, seconds)
    write_receipt(own.path, receipt.masked(own.ledger, own.chosen.people))
    known = KnownFiles(own.path / "_cache")
    # Their paths may name them.
    known.forget(f.path for f in own.files.gone)
    known.save()
    return receipt


def _purge(path: Path, asked: Asked, ledger: Ledger, receipt: Receipt, token: str) -> Receipt:
    """Delete the data of releases that hold them, and say so in the receipt."""
    found = purge(
        path,
        cohort=asked.cohort,
        holds=frozenset(asked.people).__contains__,
        names=asked.people,
        reason=f"withdrawal, see release {receipt.release}",
        token=token,
    )
    # One that was killed may have sealed them.
    sealed = sealed_releases(path)
    left = [n for n in receipt.holds.releases if n not in sealed]
    done = sorted({*found.sealed, *receipt.holds.releases} - set(left))
    told = {"releases": done, "files": found.files, "bytes": found.bytes}
    if views := purge_views(path, [asked.cohort]):
        told["views"] = views
    purged = replace(receipt, purged=told, holds=replace(receipt.holds, releases=left))
    write_receipt(path, purged.masked(ledger, list(asked.people)))
    return purged


def _complete(path: Path, asked: Asked, ledger: Ledger, *, purges: bool) -> Receipt | None:
    """Give the receipt of the same withdrawal, if it was killed after its release.

    With `purges` also of one that was done: what it left to purge may be there still. One that
    was done in its cohort alone becomes one everywhere. None: there was none, or nothing is
    left of it to do.
    """
    people = sorted(dict.fromkeys(asked.people))
    hashes = tuple(sorted(map(ledger.hash, people)))
    same = (e for e in ledger.entries if (e.cohort, e.people) == (asked.cohort, hashes))
    entry = next(same, None)
    if entry is None:
        return None
    known = read_receipt(path, entry.release)
    is_wider = asked.everywhere and not entry.everywhere
    if known is not None and not (purges or is_wider):
        return None
    if asked.reason not in ("", entry.reason):
        raise StoreError(
            f"they were withdrawn already (release {entry.release}), for another reason",
            "the same command without --reason; the first one stays",
        )
    if is_wider:
        entry = ledger.widen(entry)
    if known is not None:
        if is_wider:
            known = replace(known, everywhere=True)
            write_receipt(path, known)
        return known
    if entry.release - 1 in sealed_releases(path):
        receipt = receipt_of_records(path, entry, people)
        write_receipt(path, receipt.masked(ledger, people))
        return receipt
    base = open_store(path, entry.release - 1)
    chosen = choose(base, Ledger(path, None, []), asked.cohort, people)
    said = replace(asked, reason=entry.reason, everywhere=entry.everywhere)
    return _settle(look_into(path, base, said, ledger, chosen, entry.time), None)
