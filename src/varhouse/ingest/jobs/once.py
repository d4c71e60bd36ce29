"""Totals of an ingest into a store that counts a person once (`policy.same_person: once`).

All partitions are made in one job: who is one person shows only when all cohorts are there,
and a cohort that comes in may change where people of others count.
"""

from collections.abc import Sequence
from pathlib import Path

from varhouse.files import read_json, write_json
from varhouse.ingest.setup.run import Run
from varhouse.store.retract import ONCE
from varhouse.tables.shards import read_manifest, write_manifest

TOLD = "told.json"
"""What was found, for the account."""


def count_once(
    run: Run, parts: Sequence[str], cohort_folders: Sequence[Path], directory: Path
) -> None:
    """Write totals, and what they are made of where people stand in several cohorts.

    Parameters
    ----------
    parts
        Partitions in which calls come in or go.
    cohort_folders
        Folders of the cohorts that come in.
    """
    # Compiled code, which other ingests do without.
    from varhouse.people.once import remake  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    came = [f for f in cohort_folders if not read_json(f / "summary.json")["hold"]]
    coming = [read_manifest(f / "manifest.json") for f in came]
    made, told = remake(
        run.base(),
        coming,
        [f.name for f in came],
        parts,
        directory,
        once=run.policy.same_person == ONCE,
    )
    write_manifest(directory / "manifest.json", made.shards, made.replace)
    write_json(directory / TOLD, told)
