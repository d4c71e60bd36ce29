"""Who may read what of a governed store: which cohorts the ledger closes to which role.

The tier of a cohort says which roles see its counts, once its embargo has ended and as long
as nobody withdrew it. Data of people is for the role `controlled`. Of a cohort of tier T3
(families and regions that are registered as important) it is for those alone to whom the
ledger grants it, and so it is of a cohort that is withdrawn. A cohort of which the ledger says
no tier goes by the strictest of the cohorts that have people in common with it: a new name
opens nothing.
Decision support, not legal advice.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path

from varhouse.governance.chain import this_user
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import CohortRecord, Tier
from varhouse.governed import CONTROLLED, INSIDE, PUBLIC, REGISTERED

TIERS = {
    PUBLIC: frozenset({Tier.T0}),
    REGISTERED: frozenset({Tier.T0, Tier.T1}),
    INSIDE: frozenset({Tier.T0, Tier.T1, Tier.T2}),
}
"""Tiers of which a role sees the counts; of T3 none does."""


def closed_cohorts(
    store: Path, role: str = CONTROLLED, on: date | None = None, user: str | None = None
) -> frozenset[str]:
    """Name the cohorts of the ledger of which a role may not be shown what it sees of others.

    To `controlled` that is what tells of their people, to any other role their counts.

    Parameters
    ----------
    store
        The store's root folder; where it is not governed none is closed.
    role
        One of `governed.ROLES`.
    on
        The day (default: today, as the ledger counts days).
    user
        Name of the user of the system (default: who asks): to whom the ledger grants what is
        closed to others of `controlled`.

    Raises
    ------
    AccessError
        If the ledger may not be read.
    StoreError
        If it was changed: nobody knows then what is open.
    """
    ledger = Ledger.find(store)
    if ledger is None:
        return frozenset()
    day = on or ledger.today()
    cohorts = ledger.cohorts(day)
    if role != CONTROLLED:
        return frozenset(n for n, c in cohorts.items() if closed_by(c, role, day))
    name = this_user() if user is None else user
    granted = ledger.granted(name, day)
    return frozenset(c for c in cohorts if c not in granted and needs_grant(c, cohorts))


class Closed(StrEnum):
    """Why counts of a cohort are closed to a role below `controlled`."""

    WITHDRAWN = "withdrawn"
    EMBARGO = "embargo"
    NO_TIER = "no_tier"
    TIER = "tier"


def closed_by(record: CohortRecord, role: str, on: date) -> Closed | None:
    """Say why a role below `controlled` is shown no counts of a cohort; None: it is."""
    if record.is_withdrawn:
        return Closed.WITHDRAWN
    if record.is_embargoed(on):
        return Closed.EMBARGO
    if record.tier is None:
        return Closed.NO_TIER
    return None if record.tier in TIERS[role] else Closed.TIER


def needs_grant(cohort: str, cohorts: Mapping[str, CohortRecord]) -> bool:
    """Tell whether data of a cohort's people is for those alone who have a grant.

    Parameters
    ----------
    cohorts
        All that the ledger knows, as they are on the day.
    """
    own = cohorts[cohort]
    if own.is_withdrawn or own.tier is not None:
        return _is_closed(own)
    return any(_is_closed(c) for c in _of_the_same_people(cohort, cohorts))


def _is_closed(record: CohortRecord) -> bool:
    return record.is_withdrawn or record.tier is Tier.T3


def _of_the_same_people(
    cohort: str, cohorts: Mapping[str, CohortRecord]
) -> list[CohortRecord]:
    """Find the cohorts that are tied to one by people in common, whichever of two says so."""
    found, new = {cohort}, {cohort}
    while new:
        new = {
            other
            for other, record in cohorts.items()
            if other not in found
            if new & {*record.same_people_as}
            or any(other in cohorts[n].same_people_as for n in new)
        }
        found |= new
    return [cohorts[n] for n in sorted(found - {cohort})]
