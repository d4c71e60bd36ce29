"""How far the jobs of an ingest are, as its work folder says.

The command that started the ingest asks while it runs, and so does `varhouse status`, which
only looks: everything here may vanish while it is read.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import StoreError
from varhouse.files import read_json
from varhouse.ingest.setup.verdict import VERDICT

_STEPS = re.compile(r"(\d+) of (\d+) steps")
_STATE = re.compile(r"^total +(?P<all>\d+)$|^(?P<done>\d+) of (?P<of>\d+) steps", re.MULTILINE)
"""A started workflow tells how many jobs it has, then after each job how many are done."""

_CHANGING = (OSError, StoreError, ValueError, KeyError, TypeError)
"""What reading a file may end with that is being made, or cleared away."""

_TAIL_BYTES = 1 << 18
_VERDICTS = 200
"""Files of which the verdicts are read at most: each holds a header of its file."""


@dataclass(frozen=True)
class Progress:
    """How far an ingest is.

    Attributes
    ----------
    jobs_done, jobs
        Jobs of the workflow; None before it has said how many there are.
    files_done, files
        Input files that were taken in or checked; None where the run does not say.
    records
        Data lines of these files; None where there are too many files to ask.
    now
        The parts that are being made.
    """

    jobs_done: int | None = None
    jobs: int | None = None
    files_done: int | None = None
    files: int | None = None
    records: int | None = None
    now: list[str] = field(default_factory=list)


def steps_of(line: str) -> tuple[int, int] | None:
    """Read jobs done and jobs in all from a line of Snakemake; None: it tells neither."""
    match = _STEPS.search(line)
    return (int(match[1]), int(match[2])) if match else None


def parts_now(work: Path) -> list[str]:
    """List the parts that are being made, by the jobs that make them."""
    found = []
    for file in sorted((work / "now").glob("[!.]*.txt")):
        with suppress(OSError):
            found.append(file.read_text())
    return found


def read_progress(work: Path) -> Progress:
    """Read how far the ingest of a work folder is."""
    done, jobs = _jobs(work / "snakemake.log")
    files = None
    with suppress(*_CHANGING):
        files = sum(len(c["files"]) for c in read_json(work / "run.json")["cohorts"])
    verdicts = _verdicts(work)
    return Progress(
        jobs_done=done,
        jobs=jobs,
        files_done=None if files is None else len(verdicts),
        files=files,
        records=_records(verdicts),
        now=parts_now(work),
    )


def _jobs(log: Path) -> tuple[int | None, int | None]:
    """Find the last word of Snakemake's output on its jobs; it begins anew with each start."""
    try:
        with log.open("rb") as text:
            text.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            states = list(_STATE.finditer(text.read().decode(errors="replace")))
    except OSError:
        return None, None
    if not states:
        return None, None
    last = states[-1]
    return (0, int(last["all"])) if last["all"] else (int(last["done"]), int(last["of"]))


def _verdicts(work: Path) -> list[Path]:
    """List the verdicts of files that were taken in whole, or checked to be read in shares."""
    return [
        Path(number.path) / VERDICT
        for step in ("intake", "validate")
        for cohort in _folders(work / step)
        for number in _folders(Path(cohort.path))
    ]


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            # What is not whole yet has a name with a dot before it.
            return [e for e in entries if e.name[0] != "." and e.is_dir()]
    except OSError:
        return []


def _records(verdicts: list[Path]) -> int | None:
    if len(verdicts) > _VERDICTS:
        return None
    try:
        return sum(int(read_json(v)["n_records"]) for v in verdicts)
    except _CHANGING:
        return None
