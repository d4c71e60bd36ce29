"""Who may read about single people of a governed store: what the ledger closes to whom.

Data of people is for the role `controlled`. Of a cohort of tier T3 (families and regions that
are registered as important) it is for those alone to whom the ledger grants it, and so it is
of a cohort that is withdrawn. A cohort of which the ledger says no tier goes by the strictest
of the cohorts that have people in common with it: a new name opens nothing.
Decision support, not legal advice.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from varhouse.governance.chain import this_user
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import CohortRecord, Tier


def closed_cohorts(
    store: Path, on: date | None = None, user: str | None = None
) -> frozenset[str]:
    """Name the cohorts of whose people a user may read nothing.

    Parameters
    ----------
    store
        The store's root folder; where it is not governed none is closed.
    on
        The day (default: today, UTC).
    user
        Name of the user of the system (default: who asks).

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
    name = this_user() if user is None else user
    granted = {g.cohort for g in ledger.grants(on) if g.principal == name}
    cohorts = ledger.cohorts(on)
    return frozenset(c for c in cohorts if c not in granted and needs_grant(c, cohorts))


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
