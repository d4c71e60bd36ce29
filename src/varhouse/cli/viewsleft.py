"""What commands that take people out say of the views that still show them.

What they had to do is done by then: what cannot be told of the views is a warning.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from varhouse.errors import VarhouseError
from varhouse.language import Text

log = logging.getLogger("varhouse.store")

UNKNOWN = Text(
    "which views still show people who are gone is not known: {why}",
    "无法得知哪些视图仍含有已退出的人员: {why}",
)


def views_with(store: Path, cohort: str) -> dict[str, int]:
    """Give the newest releases of views with people of a cohort who are in the store no more.

    Parameters
    ----------
    store
        Root folder of a store; one that is not governed has no views.

    Returns
    -------
    dict
        Role to number of the release, by role; empty, with a warning, where the private folder
        of the governance may not be read, or is damaged.
    """
    from varhouse.sharing.viewpurge import holding

    try:
        found = {e.role: e.release for e in holding(store.absolute(), [cohort])}
    except (VarhouseError, PermissionError) as error:
        log.warning("%s", UNKNOWN.say(why=error))
        return {}
    return dict(sorted(found.items()))


def next_releases(store: Path, roles: Iterable[str], *, closed: bool = False) -> list[str]:
    """Say how the next releases of the views of some roles can be made, a line each.

    Parameters
    ----------
    closed
        Of all views that are not read as people were purged, too.
    """
    from varhouse.sharing.viewagain import closed_views, told_again

    path, wanted = store.absolute(), set(roles)
    try:
        wanted |= {*closed_views(path)} if closed else set()
    except (VarhouseError, PermissionError) as error:
        log.warning("%s", UNKNOWN.say(why=error))
    return told_again(path, wanted)
