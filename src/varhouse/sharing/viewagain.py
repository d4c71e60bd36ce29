"""How the next release of a view can be made: the command that would go through now.

Whoever purges people leaves views that are closed until their next release, and most of these
would be refused as they were asked for last: of the cohort that somebody left too few people
have changed. Nothing is released by itself, as what is shown is for the keepers to decide;
they are told the whole command.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from varhouse.errors import AccessError, VarhouseError
from varhouse.governed import view_folder
from varhouse.sharing.viewaccount import VIEW_ROLES, earlier_releases
from varhouse.sharing.viewplan import Plan, Wanted
from varhouse.sharing.viewtexts import AGAIN, AGAIN_NOT, CLOSED_NOW, command_of
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases, read_release
from varhouse.store.viewstores import shown_release, shows_sealed

log = logging.getLogger("varhouse.sharing")


@dataclass(frozen=True)
class Again:
    """How the next release of a view can be made.

    Attributes
    ----------
    role
        Whose view.
    command
        The command.
    refusal
        Why no release can be made now, by this command or another; None: it can.
    is_closed
        The view shows nothing until it is made.
    """

    role: str
    command: str
    refusal: VarhouseError | None
    is_closed: bool

    def say(self) -> str:
        """Say it in the language of the reader, in one line."""
        text = AGAIN if self.refusal is None else AGAIN_NOT
        closed = CLOSED_NOW.say() if self.is_closed else ""
        why = "" if self.refusal is None else self.refusal.message
        return text.say(role=self.role, closed=closed, command=self.command, why=why)


def next_release(store: Path, role: str) -> Again:
    """Work out the command for the next release of a view.

    It leaves out what was left out as asked the last time, cohorts of which too few people
    have changed, and those that share people with others. Attacks are not tried: the release
    itself may still be refused for one.

    Parameters
    ----------
    store
        The governed store.
    role
        A role that has a view.
    """
    made = [e for e in earlier_releases(store) if e.role == role and e.account.cohorts]
    is_closed = role in closed_views(store)
    there = set(open_store(store).scan("cohorts").collect()["cohort"])
    out = set(made[-1].account.left_out if made else ()) & there
    refusal: VarhouseError | None = None
    while True:
        plan = Plan(Wanted(store, role, leave_out=tuple(sorted(out)), dry_run=True))
        try:
            plan.check()
        except AccessError as error:
            refusal = error
            # Of all together a cohort may be the reason; it is asked again without that.
            more = {d.cohort for d in plan.differences() if d.cohort} & set(plan.choice.shown)
            more |= set(plan.to_leave_out())
            if more:
                out |= more
                continue
        else:
            refusal = None
        return Again(role, command_of(store, role, out), refusal, is_closed)


def closed_views(store: Path) -> list[str]:
    """List the roles whose view is not read: closed by a purge, or made of what was purged.

    A view that tells of nobody who was withdrawn is closed with the release that it was made
    of, too: a copy of its folder that was put back could not be told from it.

    Parameters
    ----------
    store
        The governed store.
    """
    found = []
    for role in VIEW_ROLES:
        view = view_folder(store, role)
        numbers = list_releases(view)
        if numbers:
            meta = read_release(view, numbers[-1]).meta
            if shown_release(meta) is None or shows_sealed(store, meta):
                found.append(role)
    return found


def told_again(store: Path, roles: Iterable[str]) -> list[str]:
    """Say for each of some roles how the next release of its view can be made, a line each.

    What cannot be worked out, as the folder of the governance is damaged or closed, is named
    with the plain command: the purge that is told of has been done all the same.
    """
    lines = []
    for role in sorted(set(roles)):
        try:
            lines.append(next_release(store, role).say())
        except (VarhouseError, PermissionError) as error:
            plain, why = command_of(store, role), getattr(error, "message", error)
            lines.append(AGAIN_NOT.say(role=role, closed="", command=plain, why=why))
    return lines
