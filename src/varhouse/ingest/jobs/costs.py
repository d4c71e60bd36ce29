"""What an ingest costs: CPU, time and memory of every part, of job starts, of Snakemake.

CPU is what the system accounts to a process and to those it has waited for, not what
somebody saw who looked now and then. The cost of a part lies in its folder, so that a run
that was killed and taken up again knows what its parts cost; what a job needs besides its
parts (to start, to read the run) stands in its own file under `jobs/`.
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from varhouse.files import read_json, write_json

COST = "cost.json"
ATTEMPT = "VARHOUSE_INGEST"
"""Names the process of the ingest's command to its jobs on this host: `PID`."""

_PARTS = {
    "genes": "", "source": "*/", "validate": "*/*/", "intake": "*/*/", "read": "*/*/*/",
    "sides": "", "plan": "", "cohort": "*/", "alleles": "*/", "annotate": "*/", "totals": "*/",
    "commit": "",
}  # fmt: skip
"""Steps, in the order in which their costs are told, to the folders of their parts."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """CPU (user and system) and wall seconds, and the most memory at once in megabytes."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float | None = None


def cpu_seconds() -> float:
    """CPU seconds of this process and of the finished ones that it has waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def child_seconds() -> float:
    """CPU seconds of the finished processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process_seconds(pid: int) -> tuple[float, int]:
    """CPU seconds of a process alone, so far, and its parent; (0, 0) without /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[1])


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure a block of this process; the cost is whole when the block has ended."""
    cost = Cost()
    cpu, wall = cpu_seconds(), time.monotonic()
    _forget_peak()
    yield cost
    cost.cpu_s = round(cpu_seconds() - cpu, 3)
    cost.wall_s = round(time.monotonic() - wall, 3)
    cost.peak_mb = _peak()


def _forget_peak() -> None:
    # proc(5): the peak then counts from what is resident now. Linux only.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float | None:
    """Most memory since it was last forgotten, megabytes."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    return None


class JobCosts:
    """The costs of this process: of its parts, and of the rest.

    Parameters
    ----------
    began
        CPU seconds at which the job begins; 0 for a process that is the job's alone.
    """

    def __init__(self, began: float = 0.0) -> None:
        self._began = began
        self._wall = time.monotonic()
        self.parts = 0
        self._cpu_of_parts = self._wall_of_parts = 0.0

    @contextmanager
    def part(self, folder: Path) -> Iterator[None]:
        """Measure a part and write its cost into its folder; no part holds another."""
        with measured() as cost:
            yield
        self.parts += 1
        self._cpu_of_parts += cost.cpu_s
        self._wall_of_parts += cost.wall_s
        write_json(folder / COST, asdict(cost), indent=None)

    def rest(self) -> Cost:
        """Tell what this process needed besides the parts that are done, up to now."""
        cpu = cpu_seconds() - self._began - self._cpu_of_parts
        wall = time.monotonic() - self._wall - self._wall_of_parts
        return Cost(round(cpu, 3), round(wall, 3), _peak())

    def save(self, output: Path, step: str) -> None:
        """Write the file of a job that has done all its parts."""
        output.parent.mkdir(parents=True, exist_ok=True)
        told = {
            "step": step,
            "parts": self.parts,
            "rest": asdict(self.rest()),
            "cpu_s": round(cpu_seconds() - self._began, 3),
            "ingest": os.environ.get(ATTEMPT),
        }
        write_json(output, told, indent=None)


def stage_costs(work: Path, now: Cost | None = None) -> list[dict[str, Any]]:
    """Add the costs of parts up by their step, and those of the jobs besides their parts.

    Parameters
    ----------
    now
        What the job that asks has needed besides its parts.

    Returns
    -------
    list of dict
        `stage`, `jobs` (parts of the step; for `start` jobs), `wall_s`, `cpu_s`, `peak_mb`.
    """
    rows = {
        step: [Cost(**read_json(f)) for f in sorted((work / step).glob(folders + COST))]
        for step, folders in _PARTS.items()
    }
    rows["start"] = [Cost(**job["rest"]) for job in _jobs(work)] + ([now] if now else [])
    return [_row(step, costs) for step, costs in rows.items() if costs]


def _jobs(work: Path) -> list[dict[str, Any]]:
    return [read_json(f) for f in sorted((work / "jobs").rglob("*.json"))]


def _row(stage: str, costs: list[Cost]) -> dict[str, Any]:
    peaks = [c.peak_mb for c in costs if c.peak_mb is not None]
    return {
        "stage": stage,
        "jobs": len(costs),
        "wall_s": round(sum(c.wall_s for c in costs), 2),
        "cpu_s": round(sum(c.cpu_s for c in costs), 2),
        "peak_mb": max(peaks, default=None),
    }


def total(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Add costs up: CPU seconds of all processes, and the most memory of one in MB."""
    peaks = [row["peak_mb"] for row in rows if row["peak_mb"] is not None]
    cpu = round(sum(row["cpu_s"] for row in rows), 1)
    return {"cpu_s": cpu, "peak_mb": max(peaks, default=None)}


def costs_so_far(work: Path, job: JobCosts) -> list[dict[str, Any]]:
    """Tell the costs up to now, as the commit writes them into the release.

    Snakemake and the command are looked at while they run. What the commit and they need
    from here on, only the account tells that the command gives in the end.
    """
    out = stage_costs(work, job.rest())
    command = os.environ.get(ATTEMPT, "")
    return out + (_ancestors(int(command)) if command.isdigit() else [])


def _ancestors(command: int) -> list[dict[str, Any]]:
    """Tell of the processes between this one and the command of the ingest."""
    between, pid = 0.0, os.getppid()
    while pid > 1:
        cpu, parent = process_seconds(pid)
        if pid == command:
            return [_row("snakemake", [Cost(between, 0.0)]), _row("command", [Cost(cpu, 0.0)])]
        between, pid = between + cpu, parent
    # On a node of a cluster they are not above this process.
    return []


def final_costs(work: Path, children: float, *, here: bool) -> list[dict[str, Any]]:
    """Tell all costs of an ingest whose jobs have ended, in the process that started it.

    Parameters
    ----------
    children
        CPU seconds of Snakemake and all that it waited for.
    here
        Whether the jobs ran on this host, below Snakemake.
    """
    mine = [j for j in _jobs(work) if here and j["ingest"] == str(os.getpid())]
    own = resource.getrusage(resource.RUSAGE_SELF)
    return [
        *stage_costs(work),
        _row("snakemake", [Cost(max(0.0, children - sum(j["cpu_s"] for j in mine)), 0.0)]),
        _row("command", [Cost(own.ru_utime + own.ru_stime, 0.0, own.ru_maxrss / 1024)]),
    ]
