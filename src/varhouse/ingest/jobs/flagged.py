"""What becomes of the tables of people of a cohort that changes."""

from pathlib import Path
from typing import Any

from varhouse.ingest.jobs.growth import Grown
from varhouse.ingest.setup.run import Run, RunCohort
from varhouse.tables.schema import PEOPLE_TABLES


def look_at_people(
    run: Run, cohort: RunCohort, made: Grown, summary: dict[str, Any], directory: Path
) -> list[str]:
    """Take the tables of people of a cohort away: they are of calls that are gone.

    Parameters
    ----------
    made
        What becomes of the cohort; takes what it replaces.

    Returns
    -------
    list of str
        Reasons to hold it back.
    """
    del run, summary, directory
    made.replace += [(t.name, {"cohort": cohort.name}) for t in PEOPLE_TABLES]
    return []
