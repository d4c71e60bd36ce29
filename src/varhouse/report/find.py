"""Which ingest is reported, and at which release its tables are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.account import parse
from varhouse.errors import StoreError, nearest
from varhouse.governed import CONTROLLED
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases, read_release
from varhouse.tables.peopletables import PEOPLE_TABLES

_CONFIG = ("strata", "policy")
"""What a public account tells of the configuration."""


@dataclass(frozen=True)
class Ingest:
    """An ingest as the store knows it.

    Attributes
    ----------
    row
        Its row of the table `ingests`, config and summary as parsed JSON; in a public view
        made of the table `accounts`, which has no more than may be told to anybody.
    store
        The store at the release that the page shows.
    own_release
        True if that is the release which the ingest made.
    known
        Rows of the table `cohorts` of the cohorts that this ingest brought, by name.
    newest
        The store at the newest release; None: as `store`.
    """

    row: dict[str, Any]
    store: Store
    own_release: bool
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: Store | None = None

    @property
    def id(self) -> str:
        """The id of the ingest."""
        return str(self.row["ingest_id"])

    @property
    def is_public(self) -> bool:
        """Tell whether the page may be given to anybody."""
        return self.store.view.is_limited

    def people_store(self) -> tuple[Store, list[str]]:
        """Give the release whose tables of people are shown, and the cohorts they are of.

        They may be made after the ingest (`varhouse people update`): what the release lacks
        is read from the newest one, of those cohorts that are still as the ingest left them.
        """
        newest = self.newest
        has_own = any(t.name in self.store.tables for t in PEOPLE_TABLES)
        if newest is None or has_own or newest.release == self.store.release:
            return self.store, list(self.known)
        rows = newest.scan("cohorts").filter(pl.col("ingest_id") == self.id).collect()
        same = set(rows["cohort"])
        return newest, [c for c in self.known if c in same]

    def rejects(self) -> pl.DataFrame | None:
        """Give the rejects by reason as the account counts them; None: count the table.

        Returns
        -------
        pl.DataFrame or None
            `reason, cohort, n`, most frequent reason first.
        """
        if not self.is_public:
            return None
        rows = [
            (reason, c["cohort"], n)
            for c in self.cohorts()
            if c["cohort"] in self.known
            for reason, n in (c.get("reasons") or {}).items()
        ]
        schema = {"reason": pl.String, "cohort": pl.String, "n": pl.Int64}
        found = pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("n") > 0)
        total = pl.col("n").sum().over("reason")
        return found.sort(total, "reason", "cohort", descending=[True, False, False])

    @property
    def account(self) -> dict[str, Any]:
        """What the ingest wrote about itself; may lack any key."""
        found: dict[str, Any] = self.row["summary"]
        return found

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the ingest; may lack any key."""
        found: dict[str, Any] = self.row["config"]
        return found

    def cohorts(self) -> list[dict[str, Any]]:
        """List the cohorts that went in, in the order of the ingest.

        Returns
        -------
        list of dict
            Keys of the account (`n_samples`, `n_records`, `n_split`, ...). An account
            without them (another program's, or one that a drop has scrubbed) is
            completed from the table `cohorts`.
        """
        held = {h["cohort"] for h in self.held_back()}
        told = [
            c
            for c in _dicts(self.account.get("cohorts"))
            if "cohort" in c and c["cohort"] not in held
        ]
        names = {c["cohort"] for c in told}
        return told + [row for name, row in self.known.items() if name not in names]

    def held_back(self) -> list[dict[str, Any]]:
        """List the cohorts that were held back, with their reasons."""
        return [h for h in _dicts(self.account.get("held_back")) if "cohort" in h]


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def find_ingest(
    path: str | Path,
    ingest: str,
    audience: str = CONTROLLED,
    open_release: Callable[[Path, int | None, str], Store] = open_store,
) -> Ingest:
    """Find an ingest in the newest release, and open the release that it made.

    The newest release is shown instead when the ingest's own is gone, or when a cohort
    was dropped since: what was dropped must not come back through a page.

    Parameters
    ----------
    path
        The store's root folder.
    ingest
        Id of the ingest, or `latest`.
    audience
        For whom the page is, see `varhouse.view`.
    open_release
        Opens a release of the store for an audience; who answers people hands in
        `varhouse.open`, which asks the ledger of a governed store.

    Raises
    ------
    StoreError
        If there is no store, no ingest yet, or none of this id.
    """
    newest = open_release(Path(path), None, audience)
    table = "accounts" if newest.view.is_limited else "ingests"
    rows = newest.scan(table).sort("release", "ingest_id").collect()
    if rows.is_empty():
        raise StoreError(
            f"release {newest.release} of {newest.name} holds no ingest yet",
            "varhouse ingest brings cohorts in",
        )
    wanted = rows["ingest_id"][-1] if ingest == "latest" else ingest
    mine = rows.filter(pl.col("ingest_id") == wanted)
    if mine.is_empty():
        ids = rows["ingest_id"].to_list()
        close = nearest(wanted, ids) or f"; the newest is {ids[-1]}"
        raise StoreError(
            f"release {newest.release} of {newest.name} has no ingest {wanted!r}{close}",
            "give one of these, or --ingest latest",
        )
    row = mine.row(-1, named=True)
    if newest.view.is_limited:
        told = parse(row.pop("account"))
        row["summary"], row["config"] = told, {k: told[k] for k in _CONFIG if k in told}
    else:
        row["config"], row["summary"] = parse(row["config"]), parse(row["summary"])
    store = _release_of(newest, int(row["release"]), open_release)
    known = (
        store.scan("cohorts").filter(pl.col("ingest_id") == wanted).sort("cohort").collect()
    )
    cohorts = {r["cohort"]: r for r in known.to_dicts()}
    return Ingest(row, store, store.release == row["release"], cohorts, newest)


def _release_of(
    newest: Store, number: int, open_release: Callable[[Path, int | None, str], Store]
) -> Store:
    later = [n for n in list_releases(newest.path) if number < n <= newest.release]
    taken_out = ("drop", "withdraw")
    if any(read_release(newest.path, n).operation in taken_out for n in later):
        return newest
    try:
        return open_release(newest.path, number, newest.view.audience)
    except StoreError:
        return newest
