"""Profiles of Snakemake, and what a site or a user says besides: where and how jobs run."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varhouse.errors import UsageError, nearest
from varhouse.ingest.jobs.about import RULES
from varhouse.ingest.setup import sizing
from varhouse.ingest.setup.config_form import DATA
from varhouse.yamltext import read_yaml

SHIPPED = DATA / "workflow" / "profiles"

CLUSTER_JOBS = 64
"""Jobs at once where nothing says how many: the work is then shared out finely enough."""

_FILES = ("profile.yaml", "config.yaml")
_MEGABYTES = {"": 1, "m": 1, "g": 1 << 10, "t": 1 << 20}
_UNITS = {
    "mem_mb": {u + b: n for u, n in _MEGABYTES.items() for b in ("", "b", "ib") if u or not b},
    "runtime": {"": 1, "m": 1, "h": 60, "d": 24 * 60},
}
"""Resources of which each attempt asks for more, and units; 1 G is 1,024 M, as Slurm's."""

_OF = {"mem_mb": "megabytes (32000, 32G)", "runtime": "minutes (240, 4h, 2d)"}

_AMOUNT = re.compile(r"(\d{1,9})([A-Za-z]*)", re.ASCII)


@dataclass(frozen=True)
class Profile:
    """What a Snakemake profile says of the jobs.

    Attributes
    ----------
    folder
        Where it stands; None where there is no profile: one machine.
    jobs
        How many run at once.
    executor
        `local` for this host, `slurm`, or another.
    status_command
        By which Slurm is asked for states; empty where the profile leaves it open.
    bounded
        Resources of which it says how much there is (`resources`).
    """

    folder: Path | None = None
    jobs: int = 1
    executor: str = "local"
    status_command: str = ""
    bounded: frozenset[str] = frozenset()

    @property
    def here(self) -> bool:
        """Whether the jobs run on this host."""
        return self.executor == "local"

    @property
    def least_seconds(self) -> float:
        """Least work of a job."""
        return sizing.JOB_SECONDS if self.here else sizing.CLUSTER_SECONDS


def find_profile(given: Path) -> Path:
    """Find a profile by its folder, or by the name of one that comes with varhouse.

    Raises
    ------
    UsageError
        If there is none; it names those there are.
    """
    if any((given / name).is_file() for name in _FILES):
        return given
    shipped = {p.name: p for p in sorted(SHIPPED.iterdir()) if p.is_dir()}
    if str(given) in shipped:
        return shipped[str(given)]
    there = "an empty folder" if given.is_dir() else "no such folder"
    hint = nearest(str(given), list(shipped))
    raise UsageError(
        f"profile {given}: {there}, and none that comes with varhouse{hint}",
        f"--profile {' or '.join(shipped)}, or a folder with profile.yaml",
    )


def read_profile(given: Path | None) -> Profile:
    """Read a profile, by its folder or name; without one, jobs run here one by one."""
    if given is None:
        return Profile()
    folder = find_profile(given)
    said: dict[str, Any] = {}
    for name in _FILES:
        with suppress(OSError):
            said = read_yaml(folder / name) or {}
            break
    executor = str(said.get("executor", "local"))
    jobs = said.get("cores" if executor == "local" else "jobs", CLUSTER_JOBS)
    return Profile(
        folder,
        # `all`, or what else Snakemake understands.
        jobs if isinstance(jobs, int) else os.cpu_count() or 1,
        executor,
        str(said.get("slurm-status-command", "")),
        frozenset(str(text).partition("=")[0] for text in said.get("resources") or ()),
    )


_ASKED = re.compile(r"(?:(?P<rule>\w+):)?(?P<name>[a-z]\w*)=(?P<value>.+)", re.ASCII)


def resource_arguments(
    asked: Sequence[str], profile: Profile, rules: Sequence[str] = RULES
) -> list[str]:
    """Give Snakemake's arguments for resources: `commit:mem_mb=32000`, `runtime=240`.

    Without a step it is for all steps, as if the workflow had said so. Numbers of memory
    and time grow with each attempt, as those of the workflow do.

    Raises
    ------
    UsageError
        For each that is none, or that bounds nothing where the jobs run, all at once.
    """
    # What is said of one step wins over what is said of all.
    found: dict[tuple[str, str], str] = {}
    wrong: list[str] = []
    for text in sorted(asked, key=lambda t: ":" in t.partition("=")[0]):
        match = _ASKED.fullmatch(text)
        if match is None:
            wrong.append(f"{text!r} is not STEP:NAME=VALUE or NAME=VALUE")
        elif match["rule"] and match["rule"] not in rules:
            wrong.append(f"no step {match['rule']!r}{nearest(match['rule'], rules)}")
        elif (value := _value(match["name"], match["value"])) is None:
            wrong.append(f"{text!r} is no number of {_OF[match['name']]}")
        else:
            for rule in [match["rule"]] if match["rule"] else rules:
                found[rule, match["name"]] = value
    # Snakemake itself obeys `tmpdir`, anywhere.
    obeyed = {*profile.bounded, "tmpdir"} if profile.here else {name for _, name in found}
    idle = sorted({name for _, name in found} - obeyed)
    if idle and not wrong:
        raise UsageError(
            f"--set-resources: {', '.join(idle)}: jobs on this machine ask nobody for it",
            "leave it out, or add --profile slurm",
        )
    if wrong:
        raise UsageError(
            f"--set-resources: {'; '.join(wrong)}", f"steps are {', '.join(rules)}"
        )
    if not found:
        return []
    return ["--set-resources", *(f"{r}:{n}={v}" for (r, n), v in found.items())]


def _value(name: str, text: str) -> str | None:
    """Give a value as Snakemake takes it, an expression or quoted text; None: it is none."""
    if name in _UNITS:
        match = _AMOUNT.fullmatch(text.strip("'\""))
        unit = _UNITS[name].get(match[2].lower()) if match else None
        # Text would be handed on as it is, and would not grow with the attempts.
        return f"{int(match[1]) * unit}*attempt" if match and unit else None
    if text.isascii() and text.isdecimal():
        return text
    # Unquoted, a partition named `max` would be Python's function.
    return text if text[0] in "'\"" else repr(text)
