"""Giving shards their names in the store: hard links, or copies where links do not work."""

import contextlib
import logging
import os
import shutil
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.files import new_file, sync_file, sync_folder
from varhouse.store.changes import TableChange
from varhouse.store.layout import follow_folder, hands_down_acl, make_folder, table_folder

log = logging.getLogger("varhouse.store")


def link_shards(path: Path, change: TableChange) -> None:
    """Link the new files of a table and make them last; those that are there stay.

    Raises
    ------
    StoreError
        If a shard has not the size that its manifest says.
    """
    root = table_folder(path, change.table)
    folders: set[Path] = set()
    is_read = True
    for name, shard in change.new.items():
        target = root / name
        make_folder(target.parent, path)
        folders.update(f for f in target.parents if f == root or root in f.parents)
        if not target.exists():
            source = Path(shard.path)
            if source.stat().st_size != shard.bytes:
                raise StoreError(
                    f"{source} has {source.stat().st_size:,} bytes, its manifest says "
                    f"{shard.bytes:,}",
                    "delete the work folder and run the ingest again",
                )
            is_read &= _link(source, target)
        sync_file(target)
    for folder in sorted(folders):
        sync_folder(folder)
    if not is_read:
        log.warning(
            "%s: people who may list it cannot read its new files, whose group this user may "
            "not change; fix: write as a member of the folder's group",
            root,
        )


def _link(source: Path, target: Path) -> bool:
    """Give a shard its name in the store; tells whether its folder's readers can read it.

    Its group and mode are set while no release can hold it, so that it never changes after.
    """
    if not hands_down_acl(target.parent):
        is_read = follow_folder(source, target.parent)
        with contextlib.suppress(OSError):
            os.link(source, target)
            return is_read
    # Another file system, one without hard links, or a list that only new files get.
    with new_file(target) as own:
        shutil.copyfile(source, own)
        is_read = follow_folder(own)
    return is_read
