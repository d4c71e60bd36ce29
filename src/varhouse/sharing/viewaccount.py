"""What is known of each release of a view: whole in the private folder, its sizes in public.

The account of a release is written before the commit, under the id of what made it, so that a
killed making leaves an account that no release names, and a release always has its account.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.attack.measure import publicly
from varhouse.errors import StoreError
from varhouse.files import read_json
from varhouse.governed import ROLES, private_folder, view_folder
from varhouse.sharing.viewpeople import read_people
from varhouse.store.errata import sealed_releases
from varhouse.store.layout import write_json
from varhouse.store.releases import Release, list_releases, read_release

MADE, CLOSED = "view", "closed"
"""Operations of releases that were made of the governed store, and of ones with nothing."""

VIEW_ROLES = ROLES[:-1]
"""Roles that read a view: all but `controlled`."""


@dataclass
class Account:
    """The account of a release of a view.

    Attributes
    ----------
    role, ingest_id
        Whose view; under what id it was committed.
    key
        Digest of everything that decides it: the same key needs no new release.
    store_release, store_digest
        The release of the governed store that was shown.
    on
        The day for which permits and embargoes were asked, ISO 8601; empty: none were, as of
        a release with nothing.
    cohorts
        Those that are in it: name to the release of the store whose rows of it are shown.
    out
        Those that are not: name to why, in English.
    left_out
        Those of them that were left out as asked.
    people
        Distinct people by cohort, `""` of all together.
    again
        People who are in several cohorts, and how often too many they are in sums of all.
    k
        Least number of people that is shown.
    policy, rules
        Digests of the rule of small counts and of the rules of sharing; empty: none.
    ledger
        Number and digest of the last line of the ledger.
    rows
        By table: `shown`, `masked`, and `hidden` (of alleles too rare to be shown).
    parts
        By partition `key`, the digest of what its rows are made of, `alleles` by cohort, and
        `rows` as above.
    attack
        What attacks on it measured.
    budget
        Of rare alleles (`governance.budget`): the chance at which it is spent.
    """

    role: str
    ingest_id: str
    key: str
    store_release: int
    store_digest: str
    on: str
    cohorts: dict[str, int]
    out: dict[str, str]
    people: dict[str, int]
    k: int
    policy: str
    rules: str
    ledger: dict[str, Any]
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    attack: dict[str, Any] = field(default_factory=dict)
    budget: float | None = None
    again: list[int] = field(default_factory=lambda: [0, 0])
    left_out: list[str] = field(default_factory=list)

    def public(self) -> dict[str, Any]:
        """Give what anybody may know: sizes, and what attacks measured.

        `counted_again`: by how much sums count people too often; null: of fewer than k people.
        """
        people, again = self.again
        is_told = people >= max(self.k, 1)
        entries = sum(n for cohort, n in self.people.items() if cohort)
        return {
            "n_cohorts": len(self.cohorts),
            "n_people": entries - again if is_told else entries,
            **({"counted_again": again if is_told else None} if people else {}),
            "least_people": self.k,
            "small_counts": self.policy,
            "rows": {t: dict(n) for t, n in sorted(self.rows.items())},
            **({"budget": {"chance": self.budget}} if self.budget else {}),
            **({"attack": publicly(self.attack)} if self.attack else {}),
        }


@dataclass(frozen=True)
class Earlier:
    """A release of a view that was made before: its role, number and account."""

    role: str
    release: int
    account: Account
    is_sealed: bool


def accounts_folder(store: Path, role: str) -> Path:
    """Give the folder of the accounts of a role's view, in the private folder."""
    return private_folder(store) / "views" / role


def people_file(store: Path, role: str, ingest_id: str) -> Path:
    """Give the file that says who is in a release of a view."""
    return accounts_folder(store, role) / f"{ingest_id}.people.parquet"


def write_account(store: Path, account: Account) -> None:
    """Write the account of a release that is about to be committed."""
    folder = accounts_folder(store, account.role)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder / f"{account.ingest_id}.json", asdict(account), replace=True)


def read_account(store: Path, role: str, ingest_id: str) -> Account:
    """Read the account of a release.

    Raises
    ------
    StoreError
        If it is missing or damaged: what the release tells of whom is not known then.
    """
    file = accounts_folder(store, role) / f"{ingest_id}.json"
    try:
        return Account(**read_json(file, "restore it from a backup"))
    except FileNotFoundError:
        raise StoreError(
            f"{file} is missing: whom a release of the view {role} tells of is not known",
            "restore _store/governance from a backup",
        ) from None
    except TypeError as error:
        raise StoreError(f"{file} is damaged: {error}", "restore it from a backup") from None


def account_of(store: Path, role: str, record: Release) -> Account:
    """Read the account of a release of a view, or of the one that it was made of.

    Somebody may have joined its files (`store compact`): it tells of the same people.

    Raises
    ------
    StoreError
        If it is missing or damaged.
    """
    path = view_folder(store, role)
    while record.operation not in (MADE, CLOSED) and record.parent is not None:
        record = read_release(path, record.parent)
    return read_account(store, role, record.ingest_id)


def earlier_releases(store: Path) -> list[Earlier]:
    """List the releases of all views of a store, role by role, oldest first.

    Raises
    ------
    StoreError
        If the account of one is missing or damaged.
    """
    found = []
    for role in VIEW_ROLES:
        path = view_folder(store, role)
        gone = sealed_releases(path)
        for number in list_releases(path):
            account = account_of(store, role, read_release(path, number))
            found.append(Earlier(role, number, account, number in gone))
    return found


def people_of_release(store: Path, earlier: Earlier) -> pl.DataFrame:
    """Read who is in an earlier release."""
    return read_people(people_file(store, earlier.role, earlier.account.ingest_id))


def digest_json(value: Any) -> str:
    """Give the SHA-256 of a value as canonical JSON, hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def add_rows(rows: dict[str, dict[str, int]], more: Mapping[str, Mapping[str, int]]) -> None:
    """Add numbers of rows by table up."""
    for table, counts in more.items():
        own = rows.setdefault(table, {})
        for name, n in counts.items():
            own[name] = own.get(name, 0) + n
