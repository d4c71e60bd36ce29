"""What commands that take people out say of the views that still show them."""

from collections.abc import Iterable
from pathlib import Path


def views_with(store: Path, cohort: str) -> dict[str, int]:
    """Give the newest releases of views with people of a cohort who are in the store no more.

    Parameters
    ----------
    store
        Root folder of a store; one that is not governed has no views.

    Returns
    -------
    dict
        Role to number of the release, by role.
    """
    from varhouse.sharing.viewpurge import holding

    found = {e.role: e.release for e in holding(store.absolute(), [cohort])}
    return dict(sorted(found.items()))


def next_releases(store: Path, roles: Iterable[str], *, closed: bool = False) -> list[str]:
    """Say how the next releases of the views of some roles can be made, a line each.

    Parameters
    ----------
    closed
        Of all views that are not read as people were purged, too.
    """
    from varhouse.sharing.viewagain import closed_views

    wanted = {*roles, *(closed_views(store.absolute()) if closed else ())}
    if not wanted:
        return []
    from varhouse.sharing.viewagain import told_again

    return told_again(store.absolute(), wanted)
