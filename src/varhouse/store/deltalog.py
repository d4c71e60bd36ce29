"""The log of a Delta table without the versions that no release needs.

A version is read from the last checkpoint before it and the JSON files since. Where versions
before a kept one are to go, the kept one gets a checkpoint of its own: it stands for all of
them. The JSON file of a kept version stays beside its checkpoint, as some readers ask it for
the time of the version. A checkpoint lists the files of its version with their statistics, and
of files that went (tombstones) the path and the partition alone.

Nothing goes before its checkpoint is there for a time that the caller chooses: a reader who
has listed the log before may still read what it saw.
"""

import json
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as pq

from varhouse.files import new_file, sync_file, sync_folder, write_text
from varhouse.store import delta
from varhouse.store.layout import follow_folder

_VERSION = re.compile(r"(\d{20})\.")
LAST = "_last_checkpoint"


def _json(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.json"


def _checkpoint(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.checkpoint.parquet"


def list_log(folder: Path) -> Iterator[tuple[int, Path]]:
    """List the files of a table's log that are of one version, with the version."""
    log = folder / "_delta_log"
    for file in sorted(log.iterdir()) if log.is_dir() else ():
        if match := _VERSION.match(file.name):
            yield int(match[1]), file


def has_version(folder: Path, version: int) -> bool:
    """Tell whether a version was not removed from a table's log."""
    return _json(folder, version).exists()


def files_of(folder: Path, versions: Collection[int]) -> set[str]:
    """List the files that any of some versions holds, relative to the table's folder.

    Of versions in a row only the first is opened: a later one holds no other files than those
    before and what its own commit added.
    """
    found: set[str] = set()
    wanted = set(versions)
    for version in sorted(wanted):
        if version - 1 in wanted:
            found.update(_added(_json(folder, version)))
        else:
            found.update(delta.read_version(folder, version).files["path"].to_list())
    return found


def _added(commit: Path) -> Iterator[str]:
    """Read what a commit added; of paths as on disk, see `store/delta.py`."""
    with commit.open(encoding="utf-8") as lines:
        for line in lines:
            if '"add"' in line and (add := json.loads(line).get("add")):
                yield unquote(add["path"])


def needless(folder: Path, kept: Collection[int], grace: float) -> list[Path]:
    """List the files of a table's log that no kept version needs any more.

    Parameters
    ----------
    kept
        Versions that stay, the latest among them.
    grace
        Seconds that the checkpoint which stands for them has to be there. One that is yet to
        be written counts as there if it is 0.
    """
    ordered, found = sorted(kept), []
    since = time.time() - grace
    is_old: dict[int, bool] = {}
    for version, file in list_log(folder):
        if version in ordered:
            continue
        stands_for = next((v for v in ordered if v > version), None)
        if stands_for is None:
            # Above the latest: nobody knows it.
            continue
        if stands_for not in is_old:
            is_old[stands_for] = _is_older(_checkpoint(folder, stands_for), since, grace)
        if is_old[stands_for]:
            found.append(file)
    return found


def _is_older(checkpoint: Path, since: float, grace: float) -> bool:
    try:
        return grace <= 0 or checkpoint.stat().st_mtime <= since
    except FileNotFoundError:
        return False


def write_checkpoints(folder: Path, kept: Collection[int], work: Path) -> int:
    """Write a checkpoint of each kept version that is to stand without those before it.

    Parameters
    ----------
    folder
        The table's root folder; the caller holds the store's lock.
    kept
        Versions that stay.
    work
        A folder of the caller's own, on the same file system.

    Returns
    -------
    int
        How many were written.
    """
    wanted = wants_checkpoints(folder, kept)
    for version in wanted:
        _write_checkpoint(folder, version, work)
    return len(wanted)


def wants_checkpoints(folder: Path, kept: Collection[int]) -> list[int]:
    """List the kept versions that lack a checkpoint which stands for those before."""
    first = min((version for version, _ in list_log(folder)), default=0)
    return [
        v
        for v in sorted(kept)
        if v > first and v - 1 not in kept and not _checkpoint(folder, v).exists()
    ]


def _write_checkpoint(folder: Path, version: int, work: Path) -> None:
    """Have delta-rs write a checkpoint beside, and give it its name.

    In the table's own log it would make the version the one that readers begin with.
    """
    log = work / folder.name / "_delta_log"
    shutil.rmtree(log.parent, ignore_errors=True)
    log.mkdir(parents=True)
    files = [(v, f) for v, f in list_log(folder) if v <= version]
    begin = max((v for v, f in files if f.name == _checkpoint(folder, v).name), default=-1)
    for v, file in files:
        is_checkpoint = file.suffix == ".parquet"
        if (v == begin and is_checkpoint) or (v > begin and not is_checkpoint):
            (log / file.name).symlink_to(file.resolve())
    if begin >= 0:
        _write_last(log.parent, begin)
    handle = delta.open_table(log.parent, version)
    handle.create_checkpoint()
    goal = _checkpoint(folder, version)
    with new_file(goal, flush=True) as own:
        shutil.copyfile(_checkpoint(log.parent, version), own)
        follow_folder(own)
    shutil.rmtree(log.parent, ignore_errors=True)


def trim(folder: Path, kept: Sequence[int], files: Sequence[Path]) -> None:
    """Remove files of a table's log, after `write_checkpoints` of the same versions."""
    if not files:
        return
    gone = set(files)
    left = [v for v in sorted(kept) if _checkpoint(folder, v).exists()]
    last = folder / "_delta_log" / LAST
    if left:
        # Readers begin with what it names.
        _write_last(folder, left[-1])
    else:
        last.unlink(missing_ok=True)
    for file in sorted(gone):
        file.unlink(missing_ok=True)
    sync_folder(folder / "_delta_log")


def _write_last(folder: Path, version: int) -> None:
    """Name the checkpoint that readers begin with (Delta protocol, *Last checkpoint file*)."""
    file = _checkpoint(folder, version)
    size = pq.read_metadata(file).num_rows
    text = json.dumps({"version": version, "size": size, "sizeInBytes": file.stat().st_size})
    last = folder / "_delta_log" / LAST
    write_text(last, text, flush=True)
    follow_folder(last)
    sync_file(last)
