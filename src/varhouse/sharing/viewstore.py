"""The store of a view, as a folder: how it is made, opened, and who may read it."""

from collections.abc import Iterator
from pathlib import Path

from varhouse.governed import PUBLIC
from varhouse.language import Text
from varhouse.store.commit import utc_now
from varhouse.store.layout import (
    ROOTS,
    close_governed,
    describe_new_store,
    make_folder,
    read_store_file,
    write_json,
)
from varhouse.store.reader import Store
from varhouse.store.releases import list_releases, read_release
from varhouse.store.viewstores import ROLE

CLOSED = Text(
    "{folder} is for the keepers of the store alone: let a group in by chgrp and chmod g+rx",
    "{folder} 仅供库管理者访问:如需授权用户组,请使用 chgrp 与 chmod g+rx",
)


def prepare(view_path: Path, store: Store, role: str) -> Iterator[str]:
    """Make the folders and the file of the store of a view, if they are not there.

    The folder of a role other than public is open to nobody else before somebody opens it to a
    group on purpose. The tables of the governed store itself are closed to who was not let in
    on purpose: he reads a view.

    Yields
    ------
    str
        What was closed, a line each.
    """
    yield from close_governed(store.path)
    if (view_path / "_store" / "store.json").exists():
        return
    view_path.parent.mkdir(exist_ok=True)
    if not view_path.exists():
        view_path.mkdir(mode=0o777 if role == PUBLIC else 0o700)
        if role != PUBLIC:
            yield CLOSED.say(folder=view_path)
    (view_path / "_store").mkdir(exist_ok=True)
    for root in ROOTS:
        make_folder(view_path / root, view_path)
    told = {**describe_new_store(store.assembly, utc_now()), ROLE: role}
    write_json(view_path / "_store" / "store.json", told, replace=True)


def open_view(path: Path, release: int | None = None) -> Store:
    """Open the store of a view as whoever made it: all columns, and no errata told.

    Raises
    ------
    StoreError
        If there is none.
    """
    meta = read_store_file(path)
    number = release if release is not None else list_releases(path)[-1]
    return Store(path, meta, read_release(path, number))
