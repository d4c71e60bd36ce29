"""What the jobs of a call cost: CPU, time and memory of each step, forked tools included.

The cost of a job stands in its file under `jobs/`, a row a step: a person with few reads goes
through all steps in one process.
"""

import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from varhouse.files import read_json, write_json
from varhouse.ingest.jobs.costs import ATTEMPT, Cost, cpu_seconds, measured

STEPS = (
    "check", "index", "align", "finish", "base_quality", "call", "gvcf", "batch", "start",
)  # fmt: skip
"""Steps in the order in which their costs are told; start is what jobs need besides."""


class CallCosts:
    """The costs of this process: of the steps that it does, and of the rest.

    Parameters
    ----------
    began
        CPU seconds at which the job begins; 0 for a process that is the job's alone.
    """

    def __init__(self, began: float = 0.0) -> None:
        self._began, self._wall = began, time.monotonic()
        self._rows: list[dict[str, Any]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step; no step holds another."""
        with measured() as cost:
            yield
        # Tools run in processes of their own: the largest of them all so far, in kB.
        forked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        cost.peak_mb = round(max(cost.peak_mb or 0.0, forked), 1)
        self._rows.append({"step": name, **asdict(cost)})

    def save(self, output: Path, rule: str) -> None:
        """Write the file of a job that has done all its steps."""
        cpu = cpu_seconds() - self._began
        rest = Cost(
            round(cpu - sum(row["cpu_s"] for row in self._rows), 3),
            round(time.monotonic() - self._wall - sum(r["wall_s"] for r in self._rows), 3),
        )
        told = {
            "step": rule,
            "steps": [*self._rows, {"step": "start", **asdict(rest)}],
            "cpu_s": round(cpu, 3),
            "ingest": os.environ.get(ATTEMPT),
        }
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, told, indent=None)


def call_costs(
    jobs: Sequence[Path],
    children: float,
    before: Sequence[dict[str, Any]] = (),
    since: float = 0.0,
) -> list[dict[str, Any]]:
    """Add up what the jobs of a call cost, Snakemake, and the command that started it.

    Parameters
    ----------
    jobs
        Files of the jobs that belong to the run.
    children
        CPU seconds of Snakemake and all that it waited for.
    before
        Rows of steps that the command itself has done.
    since
        Files of jobs that were last written before are of earlier runs (s since 1970).

    Returns
    -------
    list of dict
        `stage`, `jobs`, `wall_s`, `cpu_s`, `peak_mb`; the same as an ingest tells.
    """
    told = [read_json(f) for f in jobs if f.exists() and f.stat().st_mtime >= since]
    rows = [*before, *(row for job in told for row in job["steps"])]
    # What ran elsewhere, or in an attempt before, is no child of this process.
    mine = sum(j["cpu_s"] for j in told if j["ingest"] == str(os.getpid()))
    out = [_row(step, [r for r in rows if r["step"] == step]) for step in STEPS]
    own = resource.getrusage(resource.RUSAGE_SELF)
    ours = own.ru_utime + own.ru_stime - sum(r["cpu_s"] for r in before)
    rest = {"wall_s": 0.0, "peak_mb": None}
    return [
        *(row for row in out if row["jobs"]),
        _row("snakemake", [{**rest, "cpu_s": max(0.0, children - mine)}]),
        _row("command", [{**rest, "cpu_s": max(0.0, ours), "peak_mb": own.ru_maxrss / 1024}]),
    ]


def _row(stage: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    peaks = [r["peak_mb"] for r in rows if r["peak_mb"] is not None]
    return {
        "stage": stage,
        "jobs": len(rows),
        "wall_s": round(sum(r["wall_s"] for r in rows), 2),
        "cpu_s": round(sum(r["cpu_s"] for r in rows), 2),
        "peak_mb": round(max(peaks), 1) if peaks else None,
    }
