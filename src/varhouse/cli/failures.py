"""Failures of the disk and damaged files: one line that names the place, no traceback."""

import argparse
import errno
import re
import shutil
from pathlib import Path

from varhouse.errors import VarhouseError

_FULL = {
    errno.ENOSPC: "no space left on the disk", errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than it may be here", errno.EROFS: "it is read-only",
    errno.EIO: "the disk, or the network that it is reached by, reports an error (EIO)",
}  # fmt: skip
_FIX = {
    errno.EIO: "ask whoever keeps this disk to look at it; then run the same command again",
}
# Polars, pyarrow and delta-rs tell the system's error in their text.
_NUMBER = re.compile(r"(?i)\bos error (\d+)|\berrno (\d+)")
_FEW_BYTES = 1 << 20


def explain(error: Exception, args: argparse.Namespace) -> VarhouseError | None:
    """Say what a failure comes of; None where it is none of the disk or of its files."""
    if found := _full(error, args):
        return found
    if isinstance(error, OSError) and error.filename is not None:
        return None
    store, work = _store(args)
    if store is None or not (store / "_store").is_dir():
        return None
    return _sealed(args, store) or _find_damage(store, work)


def _find_damage(store: Path, work: Path | None) -> VarhouseError | None:
    from varhouse.store.damage import find_damage

    return find_damage(store, work)


def _sealed(args: argparse.Namespace, store: Path) -> VarhouseError | None:
    """Say that the release that was read has been sealed meanwhile: its files went."""
    release = getattr(args, "release", None)
    if not isinstance(release, str | int):
        return None
    from varhouse.store.errata import check_is_open
    from varhouse.store.releases import resolve_release

    try:
        check_is_open(store, resolve_release(store, release))
    except VarhouseError as sealing:
        return sealing
    return None


def _full(error: Exception, args: argparse.Namespace) -> VarhouseError | None:
    number = error.errno if isinstance(error, OSError) else None
    if number not in _FULL and (match := _NUMBER.search(str(error))):
        number = int(match[1] or match[2])
    if number not in _FULL:
        return None
    where = getattr(error, "filename", None) or _full_place(args)
    return VarhouseError(
        f"{where}: {_FULL[number]}" if where else f"cannot write: {_FULL[number]}",
        _FIX.get(
            number, "free some space, or write elsewhere; then run the same command again"
        ),
    )


def _full_place(args: argparse.Namespace) -> Path | None:
    """Find out which of the places that a command writes to is full."""
    given = [getattr(args, name, None) for name in ("output", "run_json", "store", "rejects")]
    places = [Path(p) for p in given if isinstance(p, (str, Path)) and str(p) != "-"]
    for place in places:
        folder = place.absolute()
        while not folder.exists():
            folder = folder.parent
        if shutil.disk_usage(folder).free < _FEW_BYTES:
            return place
    return places[0] if places else None


def _store(args: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Give the store of a command, and the work folder of a step of an ingest."""
    if isinstance(run := getattr(args, "run_json", None), Path):
        work = run.absolute().parent
        return work.parent.parent, work
    store = getattr(args, "store", None)
    return (Path(store).absolute() if isinstance(store, (str, Path)) else None), None
