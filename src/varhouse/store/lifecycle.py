"""What a store tells about itself from its records: its releases and its content."""

from pathlib import Path
from typing import Any

from varhouse.errors import StoreError, UsageError
from varhouse.governed import CONTROLLED
from varhouse.store.errata import (
    WITHDRAWN,
    Erratum,
    add_erratum,
    errata_folder,
    read_errata,
    sealed,
)
from varhouse.store.history import changes_of, shown_event
from varhouse.store.layout import read_store_file
from varhouse.store.lock import store_lock
from varhouse.store.reader import Store
from varhouse.store.releases import list_releases, read_release, read_tags, resolve_release
from varhouse.store.viewstores import ROLE, check_made_for, role_of, root_for, shown_release
from varhouse.view import View


def log_releases(path: Path, audience: str = CONTROLLED) -> list[dict[str, Any]]:
    """List the releases of a store, oldest first.

    Parameters
    ----------
    audience
        The role that is told: of a governed store one below `controlled` hears of the
        releases of its view store.

    Returns
    -------
    list of dict
        release, parent, time, operation, ingest_id, version, digest, tags, event (with what
        became of cohorts, `history.CHANGED`), errata (kind, reason and time of each).

    Raises
    ------
    AccessError
        If it is the view store of a role that sees more.
    """
    view = View(audience)
    meta = read_store_file(path)
    if view.is_limited:
        path = root_for(path.absolute(), view.audience)
        meta = read_store_file(path)
    names: dict[int, list[str]] = {}
    for tag, number in read_tags(path).items():
        names.setdefault(number, []).append(tag)
    said = _errata(path)
    rows = []
    for number in list_releases(path):
        release = read_release(path, number)
        check_made_for(path.name, role_of(path, {**meta, **release.meta}), view.audience)
        rows.append(
            {
                "release": number,
                "parent": release.parent,
                "time": release.time,
                "operation": release.operation,
                "ingest_id": release.ingest_id,
                "version": release.version,
                "digest": release.digest,
                "tags": names.get(number, []),
                "event": shown_event(release, view),
                "errata": said.get(number, []),
            }
        )
    return rows


def _errata(path: Path) -> dict[int, list[dict[str, Any]]]:
    """Read what was said of releases later, by number."""
    folder = errata_folder(path)
    numbers = [int(f.stem) for f in folder.glob("*.json") if f.stem.isdigit()]
    return {n: errata_of(path, n) for n in numbers}


def errata_of(path: Path, number: int) -> list[dict[str, Any]]:
    """Give what was said of a release later: kind, reason and time of each, oldest first."""
    return [
        {"kind": e.kind, "reason": e.reason, "time": e.time} for e in read_errata(path, number)
    ]


def cohorts_of(store: Store) -> list[str]:
    """List the cohorts of a store, by name."""
    return sorted(store.scan("cohorts").select("cohort").collect()["cohort"])


def describe(store: Store, *, is_sealed: bool = False) -> dict[str, Any]:
    """Describe a release: assembly, cohorts, digest, and the size of each table.

    Returns
    -------
    dict
        path, assembly, format, release, time, digest, cohorts (None of a sealed one), errata,
        of a view store role and shows (the release of the governed store that it shows),
        changes (see `history.changes_of`), and `tables`: name to rows (None: some are hidden),
        files, bytes and Delta version.
    """
    return {
        "path": store.name,
        "assembly": store.assembly,
        "format": store.meta["format"],
        "release": store.release,
        "time": store.record.time,
        "digest": store.digest(),
        "cohorts": None if is_sealed else cohorts_of(store),
        "errata": errata_of(store.path, store.release),
        **_of_view(store),
        "changes": changes_of(store.path, store.release, store.view_of_all),
        "tables": {
            name: {
                "rows": None if store.view.hidden_rows(name) else t.rows,
                "files": t.files,
                "bytes": t.bytes,
                "version": t.version,
            }
            for name, t in sorted(store.record.tables.items())
        },
    }


def _of_view(store: Store) -> dict[str, Any]:
    """Tell of a view store its role and which release of the governed store it shows."""
    if ROLE not in store.meta:
        return {}
    return {"role": store.meta[ROLE], "shows": shown_release(store.meta)}


def describe_release(
    path: Path, release: str | int | None, audience: str = CONTROLLED
) -> dict[str, Any]:
    """Describe a release as `describe` does, of a sealed one what its record tells.

    Raises
    ------
    StoreError
        If there is no such release, or it cannot be read.
    """
    view = View(audience)
    meta = read_store_file(path)
    if view.is_limited:
        path = root_for(path.absolute(), view.audience)
        meta = read_store_file(path)
    number = resolve_release(path, release)
    record = read_release(path, number)
    store = Store(path.absolute(), meta, record)
    if view.is_limited:
        store = store.seen_by(view.audience)
    return describe(store, is_sealed=sealed(path, number) is not None)


def withdraw_release(
    path: Path, release: str | int, reason: str, *, wait: float = 60.0
) -> tuple[int, bool]:
    """Say of a release that it should not be used any more; it still opens, with the reason.

    Returns
    -------
    tuple
        Its number, and whether it is the newest.

    Raises
    ------
    UsageError
        If the reason is empty, or not one line.
    StoreError
        If there is no such release, its data are deleted already, or somebody else writes.
    """
    from varhouse.store.commit import utc_now  # noqa: PLC0415 - it brings what writes along

    if not (reason := reason.strip()):
        raise UsageError("the reason is empty", "--reason 'counts of X were wrong'")
    if len(reason.splitlines()) > 1:
        raise UsageError(
            "the reason is more than one line", "say in one why, and where more is told"
        )
    path = path.absolute()
    read_store_file(path)
    with store_lock(path, wait):
        number = resolve_release(path, release)
        if (gone := sealed(path, number)) is not None:
            raise StoreError(
                f"release {number} of {path} was sealed on {gone.time}: nobody can open it",
                "nothing to do",
            )
        add_erratum(path, number, Erratum(WITHDRAWN, reason, utc_now()))
        return number, number == list_releases(path)[-1]
