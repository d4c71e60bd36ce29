"""Releases of the view of a role: a store of its own below a governed one, made of it.

`_views/ROLE` is a store as any other and holds nothing that the role may not see, so that no
question can tell more. Each release is made of a release of the governed store under its
lock, committed as an ingest is (whole or not at all), and has an account in the private folder
of the governance.
"""

from dataclasses import dataclass, field, replace

from varhouse.errors import UsageError
from varhouse.governed import is_governed
from varhouse.sharing.viewaccount import VIEW_ROLES, Account
from varhouse.sharing.viewmake import Making
from varhouse.sharing.viewplan import Plan, Wanted
from varhouse.sharing.viewtexts import NOT_GOVERNED
from varhouse.store.layout import read_store_file
from varhouse.store.lock import store_lock
from varhouse.store.releases import read_release


@dataclass
class Released:
    """What came of it.

    Attributes
    ----------
    release
        Number of the view's release; None: it was a dry run, and nothing is there yet.
    is_new
        Whether it was made now.
    account
        All that is known of it.
    reasons
        Cohorts that are not in it, and why, in the language of the reader.
    """

    release: int | None
    is_new: bool
    account: Account
    reasons: dict[str, str] = field(default_factory=dict)


def release_view(wanted: Wanted) -> Released:
    """Make the next release of the view of a role.

    The same command again finds that nothing has changed, and makes none.

    Raises
    ------
    UsageError
        If the store is not governed, there is no such role or cohort, or a cohort cannot be
        held.
    AccessError
        If the rules do not let it go, nothing may be shown, or too few people explain what
        differs from earlier releases.
    StoreError
        If somebody else is writing, or something is damaged.
    """
    path = wanted.store.absolute()
    read_store_file(path)
    if wanted.role not in VIEW_ROLES:
        raise UsageError(
            f"no view is of the role {wanted.role!r}", f"one of {', '.join(VIEW_ROLES)}"
        )
    if not is_governed(path):
        raise UsageError(
            NOT_GOVERNED.say(store=path), "varhouse ledger --help: how it gets one"
        )
    with store_lock(path, wanted.wait):
        plan = Plan(replace(wanted, store=path))
        plan.check()
        known = plan.unchanged()
        if known is not None or wanted.dry_run:
            return Released(known, False, plan.account, plan.reasons)
        making = Making(plan)
        with making.passage() as passage:
            number = making.make()
            made = read_release(plan.view_path, number)
            passage.output |= {"name": f"view release {number}", "digest": made.digest}
        return Released(number, True, plan.account, plan.reasons)


__all__ = ["Released", "Wanted", "release_view"]
