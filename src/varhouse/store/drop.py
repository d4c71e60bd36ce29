"""Dropping a cohort: the new release is what a fresh build without it would be."""

import json
import logging
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.account import public_row
from varhouse.errors import StoreError, nearest
from varhouse.store.commit import commit, utc_now
from varhouse.store.layout import (
    check_free_space,
    make_folder,
    read_store_file,
    staging_folder,
)
from varhouse.store.leftovers import clear
from varhouse.store.lifecycle import cohorts_of
from varhouse.store.lock import store_lock
from varhouse.store.named import without_naming
from varhouse.store.reader import Store, open_store
from varhouse.store.retract import (
    Retraction,
    callable_files,
    counted_files,
    counts_once,
    frequency_files,
    retract,
)
from varhouse.store.scrub import Scrubber, accounts_without
from varhouse.tables.peopletables import SAME_PEOPLE
from varhouse.tables.schema import ACCOUNTS, INGESTS, TABLES, Table
from varhouse.tables.shards import Manifest, Shard, write_shard
from varhouse.tables.totals import CohortFile, write_totals

log = logging.getLogger("varhouse.store")


Recount = Callable[[Store, Sequence[Manifest], Path], tuple[Manifest, list[str], Store]]
"""Says of a release and what a drop makes of it how people count who stand in other cohorts:
see `varhouse.people.once.recount_without`."""


def drop_cohort(
    path: Path, cohort: str, *, wait: float = 60.0, recount: Recount | None = None
) -> int:
    """Make a release without a cohort.

    No table of the new release holds a trace of it: its own rows go, alleles that only
    it carried go with their ids, consequences and annotations, totals are made anew,
    and the accounts of ingests no longer name it. Older releases still hold it.

    Parameters
    ----------
    path
        The store's root folder.
    cohort
        Name of the cohort.
    wait
        Seconds to wait for another writer.
    recount
        Needed of a store whose totals count a person once.

    Returns
    -------
    int
        Number of the new release.

    Raises
    ------
    StoreError
        If there is no such cohort, somebody else is writing, or the disk is full.
    """
    path = path.absolute()
    started = utc_now()
    read_store_file(path)
    with store_lock(path, wait) as holder:
        store = open_store(path)
        _check_is_there(store, cohort)
        check_free_space(path, _shared_bytes(store))
        # The name of the cohort must not stand in file names of the new release.
        ingest_id = f"drop-{store.release + 1:08d}"
        work = staging_folder(path, ingest_id)
        shutil.rmtree(work, ignore_errors=True)
        make_folder(work, path)
        removed = retract(store, [cohort], work / "shared")
        number = commit(
            path,
            _changes(store, cohort, removed, ingest_id, started, work, recount),
            ingest_id=ingest_id,
            operation="drop",
            base_release=store.release,
            meta={"event": {"cohort": cohort, "alleles_removed": removed.alleles}},
            wait=wait,
            token=holder.token,
        )
        shutil.rmtree(work, ignore_errors=True)
        # Work folders of killed ingests were for the release of before. One that was killed
        # after its shards had their names may have written others: its account has times.
        clear(path, was_killed=True)
    log.info(
        "dropped %s: %s alleles had no other carrier (releases up to %d still hold it)",
        cohort,
        f"{removed.alleles:,}",
        store.release,
    )
    return number


def _check_is_there(store: Store, cohort: str) -> None:
    # One that was held back and never came in leaves nothing but its row of that.
    held = store.scan("held_back").select("cohort").collect()["cohort"]
    known = sorted({*cohorts_of(store), *held})
    if cohort not in known:
        raise StoreError(
            f"release {store.release} of {store.path} has no cohort {cohort!r}"
            f"{nearest(cohort, known)}",
            f"varhouse store show {shlex.quote(str(store.path))} lists the cohorts",
        )


def _changes(
    store: Store,
    cohort: str,
    removed: Retraction,
    ingest_id: str,
    started: str,
    work: Path,
    recount: Recount | None,
) -> list[Manifest]:
    """Write what the new release has in place of what names or counts the cohort."""
    account = {
        "ingest_id": ingest_id,
        "release": store.release + 1,
        "operation": "drop",
        "started": started,
        "finished": utc_now(),
        "version": __version__,
        "config": "{}",
        "summary": json.dumps({"alleles_removed": removed.alleles, "parts": removed.parts}),
    }
    own = [Manifest([], _own_partitions(store, cohort)), _cohorts_without(store, cohort, work)]
    anew = [SAME_PEOPLE] if counts_once(store) else []
    return [
        *own,
        without_naming(store, [cohort], work / "named", passed_over=anew),
        removed.manifest,
        *_totals(store, cohort, removed.parts, work / "totals", own, recount),
        _accounts_without(store, cohort, INGESTS, account, work),
        _accounts_without(store, cohort, ACCOUNTS, public_row(account), work),
    ]


def _totals(
    store: Store,
    cohort: str,
    parts: list[str],
    work: Path,
    own: list[Manifest],
    recount: Recount | None,
) -> list[Manifest]:
    """Make totals without the cohort; who counted in it counts in another that has him."""
    if not counts_once(store):
        files = {
            p: (frequency_files(store, p, [cohort]), callable_files(store, p, [cohort]))
            for p in parts
        }
        return [_write_totals(files, work)]
    if recount is None:
        raise StoreError(
            f"totals of {store.path} count a person once",
            f"varhouse store drop {shlex.quote(str(store.path))} --cohort "
            f"{shlex.quote(cohort)} counts who stands in other cohorts anew",
        )
    made, more, after = recount(store, own, work / "once")
    files = {p: counted_files(after, p) for p in sorted({*parts, *more})}
    return [made, _write_totals(files, work)]


def _write_totals(
    files: dict[str, tuple[list[CohortFile], list[CohortFile]]], work: Path
) -> Manifest:
    """Write the totals of partitions, of their files of frequencies and of callable."""
    shards: list[Shard] = []
    for i, (part, (counted, assessed)) in enumerate(files.items()):
        shards += write_totals(part, counted, work, f"totals-{i:05d}", assessed)
    return Manifest(shards, [("totals", {"part": part}) for part in files])


def _shared_bytes(store: Store) -> int:
    """Bound what may be written again: the shared tables as they are."""
    return sum(
        t.bytes
        for name, t in store.record.tables.items()
        if name not in TABLES or "cohort" not in TABLES[name].partition
    )


def _own_partitions(store: Store, cohort: str) -> list[tuple[str, dict[str, str]]]:
    """List the partitions that hold nothing but the cohort's rows."""
    mine = {"cohort": cohort}
    return [(n, mine) for n in store.tables if "cohort" in store.declaration(n).partition]


def _cohorts_without(store: Store, cohort: str, work: Path) -> Manifest:
    table = TABLES["cohorts"]
    if "cohort" in table.partition:
        return Manifest()
    rest = store.scan("cohorts").filter(pl.col("cohort") != cohort).collect()
    shard = write_shard(rest, table, work, "cohorts", {})
    return Manifest([shard] if shard else [], [("cohorts", {})])


def _accounts_without(
    store: Store, cohort: str, table: Table, account: dict[str, Any], work: Path
) -> Manifest:
    """Write the accounts of the ingests without the cohort, and that of the drop.

    `table` is `ingests` or `accounts`.
    """
    cohorts = store.scan("cohorts").select("cohort", "ingest_id").collect()
    mine = set(cohorts.filter(pl.col("cohort") == cohort)["ingest_id"])
    still = set(cohorts.filter(pl.col("cohort") != cohort)["ingest_id"])
    clean = Scrubber([cohort]).json
    return accounts_without(store, table, clean, account, work, mine - still)
