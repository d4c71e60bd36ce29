"""What the calls of a cohort say of its people, before it goes in: `policy.sample_flags`.

The tables of people are made of the cohort as it will be, and go in with it; or samples with
flags hold it back.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.ingest.jobs.growth import Grown
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.ingest.setup.settings import HOLD
from varhouse.people.settings import PeopleSettings
from varhouse.people.staged import StagedStore
from varhouse.tables.schema import PEOPLE_TABLES
from varhouse.tables.shards import Manifest

NAMED = 5
"""Samples with flags that a reason names; a command lists all."""


def look_at_people(
    run: Run, cohort: RunCohort, made: Grown, summary: dict[str, Any], directory: Path
) -> list[str]:
    """Make the tables of people of a cohort, and say why its flags hold it back.

    Whatever the store has of the people of the cohort goes in any case: it is of calls that
    are no longer there.

    Parameters
    ----------
    made
        What becomes of the cohort; takes the shards, and what they replace. Nothing is left
        in it of a cohort that is held back.
    summary
        Takes how many samples have which flag.

    Returns
    -------
    list of str
        Reasons to hold it back.
    """
    made.replace += [(t.name, {"cohort": cohort.name}) for t in PEOPLE_TABLES]
    if run.policy.sample_flags is None:
        return []
    # Many imports, which an ingest that does not ask for this does without.
    from varhouse.people.made import gather  # noqa: PLC0415

    folder = directory / "staged"
    staged = StagedStore(
        run.base(), [Manifest(made.shards, made.replace, made.remove)], folder
    )
    found = gather(staged, cohort.name, _settings(run, summary))
    shutil.rmtree(folder, ignore_errors=True)
    summary["people"] = {"flagged": found.flagged.height, "flags": found.flags}
    if not found.flagged.height:
        made.shards += found.write(directory / "people")
        return []
    counts = ", ".join(f"{flag} {n:,}" for flag, n in found.flags.items())
    n_all = found.rows_of("sample_qc").height
    told = f"{found.flagged.height:,} of {n_all:,} samples flagged ({counts})"
    if run.policy.sample_flags == HOLD:
        made.shards, made.replace, made.remove = [], [], []
        return [_reason(told, found.flagged)]
    summary["notes"] += [f"{told}: varhouse people qc STORE --flagged lists them"]
    made.shards += found.write(directory / "people")
    return []


def _settings(run: Run, summary: dict[str, Any]) -> PeopleSettings:
    """Give the settings; a source that comes in with this ingest cannot be asked yet."""
    said = run.people.frequencies
    if said is None or f"annotations_{said.partition('.')[0]}" in run.base().tables:
        return run.people
    summary["notes"] += [
        f"people.frequencies: the store has no source of {said} yet: contamination is told by"
        " the cohort's own frequencies; varhouse people update STORE tells it by the source"
    ]
    return replace(run.people, frequencies=None)


def _reason(told: str, flagged: pl.DataFrame) -> str:
    rows = flagged.select("sample", "flag_details").head(NAMED).rows()
    who = "; ".join(f"{sample}: {_said(details)}" for sample, details in rows)
    more = f"; and {flagged.height - NAMED:,} more" if flagged.height > NAMED else ""
    return (
        f"{told}: {who}{more}; fix: leave these samples out or deliver them anew, other "
        "thresholds (people.limits), or policy.sample_flags: note, which takes the cohort in "
        "and lists them all"
    )


def _said(details: str) -> str:
    """Say the flags of a sample: of each the value and the threshold."""
    said = []
    for flag, about in json.loads(details).items():
        value = about if isinstance(about, dict) else {"value": about}
        texts = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                          for k, v in value.items())  # fmt: skip
        said.append(f"{flag} ({texts})" if texts else flag)
    return ", ".join(said)
