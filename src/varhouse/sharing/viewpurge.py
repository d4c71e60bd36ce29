"""People who are purged from a governed store go from its views, too.

Whoever was withdrawn may stand in releases of views that were made before. Which these are is
told by who is in a release (`viewpeople`) and in the governed store no more: these releases
are sealed, and their data deleted. The newest release of a store cannot be sealed: where it is
one of them, an empty one is made first, which says why, until `varhouse share release` makes
the next.
"""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from varhouse.governance.personkey import PersonKey
from varhouse.governed import is_governed, view_folder
from varhouse.sharing.viewaccount import (
    CLOSED,
    Account,
    Earlier,
    account_of,
    earlier_releases,
    people_file,
    people_of_release,
    write_account,
)
from varhouse.sharing.viewpeople import PEOPLE, gone_from, people_of, write_people
from varhouse.store.commit import commit, utc_now
from varhouse.store.errata import WITHDRAWN, Erratum, add_erratum
from varhouse.store.gc import collect
from varhouse.store.lock import store_lock
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases, read_release
from varhouse.store.viewstores import ROLE, SHOWS
from varhouse.tables.schema import CONTIGS
from varhouse.tables.shards import Manifest

REASON = "people were withdrawn; the next release of this view is made without them"


def holding(store: Path, cohorts: Collection[str] | None = None) -> list[Earlier]:
    """List open releases of views that tell of people whom the store holds no more.

    Parameters
    ----------
    cohorts
        Whose people are asked for; None: of all cohorts.
    """
    if not is_governed(store):
        return []
    opened = [e for e in earlier_releases(store) if not e.is_sealed and e.account.cohorts]
    if not opened:
        return []
    newest = open_store(store)
    there = newest.scan("cohorts").select("cohort").collect()["cohort"].to_list()
    wanted = {c for e in opened for c in e.account.cohorts} & set(cohorts or there)
    if cohorts is None:
        wanted |= {c for e in opened for c in e.account.cohorts}
    now = people_of(newest, sorted(wanted & set(there)), PersonKey(store))
    return [e for e in opened if gone_from(now, people_of_release(store, e), wanted)]


def purge_views(
    store: Path,
    cohorts: Collection[str] | None = None,
    *,
    grace: float = 0.0,
    dry_run: bool = False,
    wait: float = 60.0,
) -> dict[str, list[int]]:
    """Seal the releases of views that tell of people whom the store holds no more.

    Parameters
    ----------
    store
        The governed store; who calls holds its lock.
    cohorts
        Whose people; None: of all cohorts.
    grace
        Seconds that readers of these releases are given.
    dry_run
        Only say which.

    Returns
    -------
    dict
        Role to numbers of releases of its view.
    """
    found: dict[str, list[int]] = {}
    for earlier in holding(store, cohorts):
        found.setdefault(earlier.role, []).append(earlier.release)
    for role, numbers in () if dry_run else found.items():
        path = view_folder(store, role)
        with store_lock(path, wait) as holder:
            if list_releases(path)[-1] in numbers:
                _close(store, role, holder.token)
            seal = dict.fromkeys(numbers, "withdrawal, see the next release")
            collect(path, seal=seal, grace=grace, token=holder.token)
    return found


def _close(store: Path, role: str, token: str) -> None:
    """Make a release of a view that holds nothing but the contigs."""
    path = view_folder(store, role)
    newest = list_releases(path)[-1]
    record = read_release(path, newest)
    ingest = f"closed-{newest + 1:08d}"
    # Older releases that nobody was in who went are read still, and paid for.
    budget = account_of(store, role, record).budget
    account = Account(
        role=role, ingest_id=ingest, key="", store_release=0, store_digest="",
        on="", cohorts={}, out={}, people={}, k=0, policy="", rules="", ledger={},
        budget=budget,
    )  # fmt: skip
    write_account(store, account)
    write_people(people_file(store, role, ingest), pl.DataFrame(schema=PEOPLE))
    gone: list[tuple[str, dict[str, str]]] = [
        (t, {}) for t in record.tables if t != CONTIGS.name
    ]
    shows = {n: v for n, v in account.public().items() if n in ("n_cohorts", "budget")}
    meta = {ROLE: role, SHOWS: shows}
    number = commit(
        path,
        [Manifest([], gone)],
        ingest_id=ingest,
        operation=CLOSED,
        base_release=newest,
        meta=meta,
        token=token,
    )
    add_erratum(path, number, Erratum(WITHDRAWN, REASON, utc_now()))
