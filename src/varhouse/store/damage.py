"""Finding the file that made a command fail: damaged, cut off or gone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import StoreError, VarhouseError
from varhouse.store.layout import table_folder
from varhouse.store.reader import open_store

SECONDS = 60.0
"""How long the rows of a store are read to find what is wrong; `verify` reads all of it."""

_RESTORE = "restore it from a backup; varhouse store verify says what else is wrong"
_MAKE_AGAIN = "delete it and run the command again: it is made anew"


def find_damage(path: Path, work: Path | None = None) -> StoreError | None:
    """Find a damaged file in a store, its cache or a work folder.

    Parameters
    ----------
    path
        The store's root folder.
    work
        The work folder of an ingest that runs.

    Returns
    -------
    StoreError or None
        Names the file and the fix; None if nothing is damaged.
    """
    for folder, fix in (
        (path / "_store", _RESTORE),
        (work, _MAKE_AGAIN),
        (path / "_cache", _MAKE_AGAIN),
    ):
        for file in _files(folder):
            if why := _what_is_wrong(file, read=False):
                return StoreError(f"{file}: {why}", fix)
    try:
        pinned = _pinned(path)
    except VarhouseError as error:
        return StoreError(error.message, error.fix)
    deadline = time.monotonic() + SECONDS
    every = [*pinned, *((f, f.stat().st_size) for f in _files(work))]
    for read in (False, True):
        for file, size in every:
            if time.monotonic() > deadline:
                return None
            if why := _what_is_wrong(file, read=read, size=size):
                return StoreError(f"{file}: {why}", _RESTORE)
    return None


def _files(folder: Path | None) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")) if folder is not None else ():
        if ".snakemake" not in file.parts and file.suffix in (".json", ".parquet"):
            yield file


def _pinned(path: Path) -> list[tuple[Path, int]]:
    """List the files of the newest release with their sizes in bytes."""
    store = open_store(path)
    found = []
    for table in store.tables:
        frame = store.file_frame(table)
        sizes = frame["size_bytes"].to_list() if frame.height else []
        # Of a view, too: `Store.paths` is for who may read the files as they are.
        folder = table_folder(store.path, store.declaration(table))
        files = [folder / p for p in frame["path"]] if frame.height else []
        found += list(zip(files, sizes, strict=True))
    return found


def _what_is_wrong(file: Path, *, read: bool, size: int | None = None) -> str:
    """Say what is wrong with a file; empty if nothing is."""
    try:
        held = file.stat().st_size
        if size is not None and held != size:
            return f"damaged: {held:,} bytes, {size:,} were committed"
        if file.suffix == ".json":
            json.loads(file.read_text(encoding="utf-8"))
        elif file.suffix == ".parquet":
            with pq.ParquetFile(file) as opened:
                for i in range(opened.num_row_groups if read else 0):
                    opened.read_row_group(i)
    except FileNotFoundError:
        return "is missing"
    except UnicodeEncodeError:
        # It is the path, in a work folder or a cache elsewhere, that a library cannot take.
        return ""
    except (OSError, ValueError, pa.ArrowException) as error:
        return f"damaged: {str(error).partition(chr(10))[0][:100]}"
    return ""
