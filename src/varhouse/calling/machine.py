"""What memory jobs share that run on this machine, or in its container."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from varhouse.calling.run import CallRun
from varhouse.ingest.profiles import Profile

_LIMITS = (
    ("", "sys/fs/cgroup", "memory.max"),
    ("", "sys/fs/cgroup/unified", "memory.max"),
    ("memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes"),
)
"""Control groups, version 2 and 1: the controller's name in /proc/self/cgroup, where they are
mounted, and the file of a group's limit in bytes (`max`: none)."""

_UNBOUNDED = frozenset({"store_writer"})
"""Resources of the profiles that come with the package; calls ask for none of it."""


def memory_here(root: Path = Path("/")) -> int | None:
    """Give the megabytes (2^20 bytes) that processes here may have together.

    The machine's, or the least of what the control groups of this process allow: a
    container's limit, a batch system's. None: the system does not say.

    Parameters
    ----------
    root
        Where `proc` and `sys` are.
    """
    found = list(_group_limits(root))
    with suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found) >> 20 if found else None


def _group_limits(root: Path) -> Iterator[int]:
    """Give the limits of all groups that this process is in."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    groups = [line.split(":", 2) for line in lines if line.count(":") > 1]
    for controller, mount, name in _LIMITS:
        for _, controllers, path in groups:
            if controller not in controllers.split(","):
                continue
            # In a container the path may be the host's; its own group is mounted on top.
            own = PurePosixPath(path.lstrip("/"))
            for group in (own, *own.parents):
                with suppress(OSError, ValueError):
                    yield int((root / mount / group / name).read_text())


def memory_arguments(profile: Profile, megabytes: int | None) -> list[str]:
    """Give Snakemake's arguments by which no more jobs run at once than memory holds.

    None where the profile says so itself, and on a cluster, whose scheduler does it. A job
    that asks for more than all of it gets all: Snakemake takes it for so much.
    """
    if megabytes is None or not profile.here or profile.bounded - _UNBOUNDED:
        return []
    return ["--resources", f"mem_mb={megabytes}"]


def memory_notes(run: CallRun, profile: Profile, megabytes: int | None) -> list[str]:
    """Say which jobs of a run may need more memory than there is."""
    if not memory_arguments(profile, megabytes) or megabytes is None:
        return []
    steps = {"reads_batch"}
    for person in run.todo:
        steps |= {"reads_person"} if person.whole else _SHARED
    if run.todo and not Path(run.index).is_dir():
        steps.add("reads_index")
    asked = {run.jobs.mem_mb[s]: s for s in steps if run.jobs.mem_mb[s] > megabytes}
    if not asked:
        return []
    most = max(asked)
    return [
        f"a job of {asked[most]} may take {most:,} MB of memory, {megabytes:,} MB are here: "
        "such jobs run alone, and may fail for lack of it"
    ]


_SHARED = {"reads_align", "reads_finish", "reads_call", "reads_gvcf"}
"""Jobs by which somebody with many reads is called."""
