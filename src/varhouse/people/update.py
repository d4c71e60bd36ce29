"""`varhouse people update`: a release with the tables of people of its cohorts.

What a table was made from stands in the store (table people_made), so that nothing is made
twice: another fingerprint of the cohort, other settings or another version make it anew. One
that is killed goes on with the cohort that it was at.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.account import parse
from varhouse.errors import StoreError, nearest, one_of
from varhouse.files import remove_abandoned, whole_folder, write_json
from varhouse.people.made import FOLLOWING, gather, made_from, make_people
from varhouse.people.same import find_same
from varhouse.people.settings import PeopleSettings
from varhouse.processes import boot_id
from varhouse.store.commit import commit
from varhouse.store.layout import make_folder, read_store_file, staging_folder
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.reader import Store, open_store
from varhouse.store.retract import counts_once
from varhouse.tables.peopletables import PEOPLE_MADE, SAME_PEOPLE
from varhouse.tables.shards import (
    Manifest,
    Shard,
    read_manifest,
    write_manifest,
    write_shard,
)

__all__ = ["OPERATION", "Updated", "make_people", "stale_cohorts", "update_people"]

log = logging.getLogger("varhouse.people")

OPERATION = "people"
"""What the log of the store calls such a release."""

SAME_FROM = "same_people"
"""What of the records of releases says what the table of that name was made from."""

_MANIFEST, _TOLD = "manifest.json", "told.json"


def _reached(_point: str) -> None:
    """Do nothing: tests replace this to die at a point."""


@dataclass
class Updated:
    """What an update did.

    Attributes
    ----------
    release
        The release that it made; None: there was nothing to do.
    made
        Cohorts whose tables were made, and how many of their samples have which flag.
    unchanged
        Cohorts whose tables are what they would be made again.
    """

    release: int | None = None
    made: dict[str, dict[str, int]] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)


def stale_cohorts(store: Store, cohorts: Sequence[str], settings: PeopleSettings) -> list[str]:
    """List those of some cohorts whose tables are missing, or follow from something else."""
    columns = ("made_from", "settings", "version")
    known = {
        row["cohort"]: {c: row[c] for c in columns}
        for row in store.scan(PEOPLE_MADE.name).collect().to_dicts()
    }
    return [c for c in cohorts if known.get(c) != made_from(store, c, settings)]


def recorded_settings(path: Path) -> PeopleSettings:
    """Give the settings of the last ingest: the key `people` of its configuration."""
    said: Any = {}
    rows = open_store(path).scan("ingests").filter(pl.col("operation") == "ingest")
    for text in rows.sort("release").select("config").tail(1).collect()["config"]:
        said = parse(text).get("people") or {}
    return PeopleSettings.of(said)


def update_people(
    path: Path,
    cohorts: Sequence[str] | None = None,
    settings: PeopleSettings | None = None,
    *,
    again: bool = False,
    wait: float = 60.0,
) -> Updated:
    """Make the tables of people that are missing or no longer right, as one release.

    Parameters
    ----------
    path
        The store's root folder.
    cohorts
        Names of cohorts; None: all.
    settings
        None: as documented.
    again
        Make them whether or not they are right.
    wait
        Seconds to wait for another writer.

    Raises
    ------
    StoreError
        If there is no such cohort, or somebody else is writing.
    """
    path = path.absolute()
    read_store_file(path)
    settings = settings or PeopleSettings()
    out = Updated()
    with store_lock(path, wait) as holder:
        store = open_store(path)
        wanted = _wanted(store, cohorts)
        stale = wanted if again else stale_cohorts(store, wanted, settings)
        out.unchanged = [c for c in wanted if c not in stale]
        # Where totals go by who is one person, whatever changes a cohort has made that anew.
        is_known = counts_once(store) or store.meta.get(SAME_FROM) == same_from(store)
        if stale or not is_known:
            _make_release(store, stale, settings, out, wait, holder.token)
        clear(path, was_killed=out.release is not None)
    return out


def _wanted(store: Store, cohorts: Sequence[str] | None) -> list[str]:
    known = sorted(store.cohort_names())
    for name in cohorts or ():
        if name not in known:
            raise StoreError(
                f"release {store.release} of {store.name} has no cohort {name!r}"
                f"{nearest(name, known)}",
                one_of(known),
            )
    return known if cohorts is None else list(dict.fromkeys(cohorts))


def _make_release(
    store: Store,
    cohorts: Sequence[str],
    settings: PeopleSettings,
    out: Updated,
    wait: float,
    token: str,
) -> None:
    """Make the tables of cohorts, one after the other, and one release of them."""
    ingest_id = f"people-{store.release + 1:08d}"
    work = staging_folder(store.path, ingest_id)
    make_folder(work, store.path)
    remove_abandoned(work)
    shards: list[Shard] = []
    samples = flagged = 0
    for cohort in cohorts:
        folder = _made_once(store, cohort, settings, work)
        shards += read_manifest(folder / _MANIFEST).shards
        told = json.loads((folder / _TOLD).read_text(encoding="utf-8"))
        out.made[cohort] = told["flags"]
        samples, flagged = samples + told["samples"], flagged + told["flagged"]
    event = {"cohorts": len(cohorts), "flagged": f"{flagged:,} of {samples:,} samples"}
    replace: list[tuple[str, dict[str, str]]] = [
        (name, {"cohort": c}) for c in cohorts for name in FOLLOWING
    ]
    if not counts_once(store):
        shards += _write_same(store, work)
        replace.append((SAME_PEOPLE.name, {}))
    _reached("made")
    out.release = commit(
        store.path,
        [Manifest(shards, replace)],
        ingest_id=ingest_id,
        operation=OPERATION,
        base_release=store.release,
        meta={"event": event, SAME_FROM: same_from(store)},
        wait=wait,
        token=token,
    )
    _reached("committed")
    shutil.rmtree(work, ignore_errors=True)


def same_from(store: Store) -> str:
    """Digest what the table same_people follows from: the people and calls of all cohorts."""
    rows = store.scan("cohorts").select("cohort", "fingerprint").collect().sort("cohort")
    return hashlib.sha256(repr((__version__, rows.rows())).encode()).hexdigest()


def _write_same(store: Store, work: Path) -> list[Shard]:
    """Write who stands in the store more than once."""
    found = find_same(store).partition_by("cohort", as_dict=True, include_key=False)
    made = (
        write_shard(rows, SAME_PEOPLE, work, f"same-{k:05d}", {"cohort": str(cohort)})
        for k, ((cohort,), rows) in enumerate(found.items())
    )
    return [shard for shard in made if shard is not None]


def _made_once(store: Store, cohort: str, settings: PeopleSettings, work: Path) -> Path:
    """Make the tables of a cohort in a folder, unless a killed update of this release did."""
    folder = work / cohort
    # What a boot did not flush may be zeros after the next one.
    wanted = {**made_from(store, cohort, settings), "boot": boot_id()}
    told = folder / _TOLD
    if told.exists() and json.loads(told.read_text(encoding="utf-8"))["from"] == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    log.info("%s: reading the calls of %s", store.path, cohort)
    with whole_folder(folder, _TOLD) as own:
        made = gather(store, cohort, settings)
        write_manifest(own / _MANIFEST, made.write(own))
        row = made.rows[PEOPLE_MADE]
        write_json(
            own / _TOLD,
            {
                "from": wanted,
                "flags": made.flags,
                "samples": row["n_samples"].item(),
                "flagged": made.flagged.height,
            },
        )
    return folder
