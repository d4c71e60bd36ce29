"""View stores: the store that a role reads in place of a governed one.

A governed store is read by the role `controlled` alone. What the others see is a store of its
own in `STORE/_views/ROLE`, which holds nothing else. Its `store.json` says for whom it is
(`role`), so that it shows no more wherever its folder is copied to; the record of each of its
releases says which release of the governed store it shows (`shows`: `{"release": N}`).
"""

import logging
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from varhouse.errors import AccessError, StoreError
from varhouse.governed import ROLES, is_governed, view_folder
from varhouse.store.errata import BY_RETENTION, SEALED, read_errata
from varhouse.store.mirror import MARK
from varhouse.view import (
    MADE_FOR,
    MADE_FOR_FIX,
    NO_VIEW,
    NO_VIEW_FIX,
    NO_VIEW_REMOTE_FIX,
    NOT_SHOWN_NOW,
    SHOWS_ERRATUM,
    SHOWS_SEALED,
)

log = logging.getLogger("varhouse.store")

Closed = Callable[[Path, str], Iterable[str]]
"""Says of the root of a governed store and a role which cohorts are closed to it."""

ROLE = "role"
"""In store.json and in the meta of a release: the role for which a view store was made."""

SHOWS = "shows"
"""In the meta of a release of a view store: which release of the governed store it shows."""


def root_for(root: Path, role: str) -> Path:
    """Give the root of the store that a role below `controlled` reads in place of one.

    Raises
    ------
    AccessError
        If the store is governed, and nothing was made for the role yet.
    """
    if not is_governed(root):
        return root
    own = view_folder(root, role)
    if (own / "_store" / "store.json").is_file():
        return own
    told = NO_VIEW_FIX.say(role=role, store=shlex.quote(root.name))
    if (root / MARK).exists():
        told = NO_VIEW_REMOTE_FIX.say(role=role)
    raise AccessError(NO_VIEW.say(role=role), told)


def role_of(root: Path, meta: Mapping[str, Any]) -> str | None:
    """Give the role that a view store was made for; None: it is no view store.

    Raises
    ------
    StoreError
        If it names none that there is: nobody knows what it may show.
    """
    role = meta.get(ROLE)
    if role is None:
        return None
    if role not in ROLES:
        raise StoreError(
            f"{root.name} was made for the role {role!r}, which this varhouse does not know",
            "use the version of varhouse that made it, or newer",
        )
    return str(role)


def check_made_for(store: str, made_for: str | None, role: str) -> None:
    """Check that a store is not opened for a role that sees less than the one it was made for.

    Parameters
    ----------
    store
        What messages call it.
    made_for
        The role of a view store; None: it is none.
    role
        Who asks.

    Raises
    ------
    AccessError
        If it is.
    """
    if made_for in ROLES and role in ROLES and ROLES.index(role) < ROLES.index(made_for):
        raise AccessError(
            MADE_FOR.say(store=store, role=made_for, asked=role), MADE_FOR_FIX.say(asked=role)
        )


def shown_release(meta: Mapping[str, Any]) -> int | None:
    """Give the release of the governed store that a release of a view store shows."""
    said = meta.get(SHOWS)
    number = said.get("release") if isinstance(said, Mapping) else None
    return number if isinstance(number, int) else None


def shown_rounding(meta: Mapping[str, Any]) -> int:
    """Say to multiples of what the counts of a release of a view store are rounded; 1: not."""
    said = meta.get(SHOWS)
    measured = said.get("attack") if isinstance(said, Mapping) else None
    base = measured.get("rounding") if isinstance(measured, Mapping) else None
    return base if isinstance(base, int) and base > 1 else 1


def shows_sealed(governed: Path, meta: Mapping[str, Any]) -> bool:
    """Tell whether a release of a view store shows one that was sealed as people were purged.

    Where a release was sealed as its retention ended, its files are gone to save room: what
    the view holds is as good as it was.

    Parameters
    ----------
    governed
        Root of the governed store.
    meta
        Of the release of the view store.
    """
    number = shown_release(meta)
    said = read_errata(governed, number) if number is not None else ()
    return any(e.kind == SEALED and not e.reason.startswith(BY_RETENTION) for e in said)


def check_shown(
    governed: Path,
    role: str,
    meta: Mapping[str, Any],
    cohorts: Collection[str],
    closed: Closed | None,
) -> None:
    """Check that what a release of a view store shows may be shown still.

    It was made of a release that may have been withdrawn or sealed since, and of cohorts that
    the ledger may have closed since.

    Parameters
    ----------
    governed
        Root of the governed store.
    meta
        Of the release of the view store.
    cohorts
        Those that it shows.
    closed
        Asks the ledger; None: nobody does.

    Raises
    ------
    AccessError
        If the role may not be shown one of the cohorts any more.
    StoreError
        If the release that it shows was sealed, and not as its retention ended.
    """
    fix = NO_VIEW_FIX.say(role=role, store=shlex.quote(governed.name))
    number = shown_release(meta)
    if shows_sealed(governed, meta):
        raise StoreError(SHOWS_SEALED.say(release=number), fix)
    for erratum in read_errata(governed, number) if number is not None else ():
        if erratum.kind == SEALED:
            continue
        log.warning(
            SHOWS_ERRATUM.say(release=number, kind=erratum.kind, reason=erratum.reason)
        )
    if closed is None:
        return
    try:
        shut = set(closed(governed, role))
    except AccessError:
        # Who may not read the ledger reads what was released, as he could without the store.
        return
    if shut & set(cohorts):
        raise AccessError(NOT_SHOWN_NOW.say(role=role), fix)
