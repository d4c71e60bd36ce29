"""Which views of a governed store are behind it, and the command that brings each up."""

from contextlib import suppress
from pathlib import Path

from varhouse.errors import VarhouseError
from varhouse.governed import ROLES, is_governed, view_folder
from varhouse.store.releases import list_releases, read_release
from varhouse.store.viewstores import shown_release, shows_sealed


def views_behind(path: Path, newest: int) -> list[tuple[str, str]]:
    """List the views that show another release of a governed store than the newest.

    Parameters
    ----------
    path
        Root folder of the store.
    newest
        Number of its newest release.

    Returns
    -------
    list of tuple
        For each what is to be said, and the command that mends it.
    """
    found: list[tuple[str, str]] = []
    for role in ROLES[:-1] if is_governed(path) else ():
        view = view_folder(path, role)
        try:
            numbers = list_releases(view)
            meta = read_release(view, numbers[-1]).meta if numbers else {}
            shown = shown_release(meta) if numbers else newest
            is_closed = shown is None or shows_sealed(path, meta)
        except (VarhouseError, PermissionError):
            continue
        if shown != newest:
            which = "nothing" if shown is None else f"release {shown}"
            told = f"the view {role} shows {which}, the newest is {newest}"
            if is_closed and shown is not None:
                told += "; it is not read, as that was sealed"
            found.append((told, _release_again(path, role, is_closed=is_closed)))
    return found


def _release_again(path: Path, role: str, *, is_closed: bool) -> str:
    """Write the command that makes the next release of a view.

    After a purge the plain one would mostly be refused; what goes through is worked out of the
    private folder of the governance, which not everybody who asks for the status may read.
    """
    # It loads the egress gate, which most stores do not have.
    from varhouse.sharing.viewagain import next_release  # noqa: PLC0415
    from varhouse.sharing.viewtexts import command_of  # noqa: PLC0415

    if is_closed:
        with suppress(VarhouseError, PermissionError):
            return next_release(path, role).command
    return command_of(path, role)
