"""The log that is kept of all nights.

It is `FOLDER/log.jsonl`: a line for each thing that happened, and one with the numbers of each
night, appended and never rewritten. Each line holds a `version`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from varhouse.files import sync_folder
from varhouse.nightly.account import VERSION, Night, known_fields

LOG = "log.jsonl"


@dataclass(frozen=True)
class LogLine:
    """A line of the log.

    Attributes
    ----------
    time
        UTC, when it was written.
    night
        The night that it belongs to.
    event
        `begin`, `night` (the end: numbers), an outcome of a delivery (`OUTCOMES`), `fault`,
        `closed` (a fault is no more), `failed`.
    delivery, cohort
        What it is about; None for the night as a whole.
    say
        What happened, in a line; no names of samples.
    numbers
        Of an event `night` or `failed`: `summary_numbers`.
    """

    time: str
    night: str
    event: str
    delivery: str | None = None
    cohort: str | None = None
    say: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION


def summary_numbers(night: Night) -> dict[str, Any]:
    """Choose the numbers of a night that are worth comparing over nights; None: not known.

    Keys: `exit_code`, `seconds`, `cpu_seconds`, `peak_mb`, `release`, `n_alleles`, `n_people`,
    `n_cohorts`, `new_alleles`, `n_records` and `n_rejects` (of what came), `new_faults`,
    `known_faults`, a count for each of `OUTCOMES`, and those of `Disk`.
    """
    return {
        **{
            name: getattr(night, name)
            for name in (
                "exit_code", "seconds", "cpu_seconds", "peak_mb", "release", "n_alleles",
                "n_people", "n_cohorts", "new_alleles",
            )
        },
        "n_records": sum(c.n_records for c in night.cohorts),
        "n_rejects": sum(c.n_rejects for c in night.cohorts),
        "new_faults": len(night.new_faults()),
        "known_faults": len(night.known_faults()),
        **night.count_outcomes(),
        **asdict(night.disk),
    }  # fmt: skip


def append_log(folder: Path, lines: list[LogLine]) -> None:
    """Append lines to the log of a nights' folder, and make them last.

    A line that a kill or a full disk has torn is ended first, so that none is lost by it.
    """
    file = folder / LOG
    there = file.exists()
    with file.open("ab+") as out:
        torn = _is_torn(out)
        text = "".join(json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in lines)
        out.write((b"\n" if torn else b"") + text.encode(errors="backslashreplace"))
        out.flush()
        os.fsync(out.fileno())
    if not there:
        sync_folder(folder)


def _is_torn(out: Any) -> bool:
    size = out.seek(0, os.SEEK_END)
    if not size:
        return False
    out.seek(size - 1)
    return bool(out.read(1) != b"\n")


def read_log(folder: Path) -> Iterator[LogLine]:
    """Yield the lines of the log, oldest first; what is torn or of later versions is left out.

    Nothing where there is no log yet.
    """
    try:
        file = (folder / LOG).open("rb")
    except FileNotFoundError:
        return
    with file:
        for raw in file:
            try:
                data = json.loads(raw)
                if data["version"] <= VERSION:
                    yield LogLine(**known_fields(LogLine, data))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
