"""People who were withdrawn (`varhouse store withdraw`) do not come back unnoticed.

The ledger of the store knows them (`varhouse.store.ledger`). Of a file that is in the store
without them, the store knows who is in it: it is as it was. A file that holds one of them
and others holds its cohort back (`varhouse.ingest.jobs.holding`), and one of withdrawn people
alone has nothing to give: it is left out, with a note, and the cohort goes on without it.
What is said of them goes into the accounts of the store, which they were taken out of: no ids
stand there, nor names of their files.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.ingest.setup.storednames import stored_names
from varhouse.store.ledger import Ledger

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config

LOG = logging.getLogger("varhouse.ingest")

_NAMED = 3


def leave_out(config: "Config", store: Path) -> "Config":
    """Leave the files of withdrawn people alone out of a configuration.

    A cohort of which no file would be left keeps them: it is held back.
    """
    ledger = Ledger.open(store)
    if not ledger.entries:
        return config
    names = stored_names(store)
    cohorts, notes = [], []
    for cohort in config.cohorts:
        gone: list[str] = []
        if ledger.concerns(cohort.name):
            for file in cohort.files:
                found = names(Path(file), config.limits)
                if found and len(ledger.refuses(cohort.name, found)) == len(found):
                    gone.append(file)
        if gone and len(gone) < len(cohort.files):
            left = set(cohort.files) - set(gone)
            cohorts.append(replace(cohort, files=[f for f in cohort.files if f in left]))
            for file in gone:
                LOG.info("left out, as its people were withdrawn; fix: remove it: %s", file)
            notes.append(
                f"cohort {cohort.name}: {len(gone):,} file(s) left out, as their people were "
                "withdrawn; fix: remove these files (the log names them)"
            )
        else:
            cohorts.append(cohort)
    return replace(config, cohorts=cohorts, warnings=[*config.warnings, *notes])


def reasons_of(
    store: Path, cohort: str, files: Sequence[tuple[str, Sequence[str]]]
) -> list[str]:
    """Say which files hold people who were withdrawn, for why their cohort is held back.

    Parameters
    ----------
    files
        Path and sample columns of each.
    """
    ledger = Ledger.open(store)
    if not ledger.concerns(cohort):
        return []
    out = []
    for path, samples in files:
        refused = ledger.refuses(cohort, samples)
        if not refused:
            continue
        entry = ledger.find(cohort, refused[0])
        when = f"release {entry.release}, {entry.time[:10]}" if entry is not None else ""
        gone = set(refused)
        columns = [k for k, name in enumerate(samples, 1) if name in gone]
        some = ", ".join(map(str, columns[:_NAMED]))
        some += ", ..." if len(columns) > _NAMED else ""
        out.append(
            f"{Path(path).name} holds {len(refused):,} sample(s) who were withdrawn (sample "
            f"column {some}; {when}); fix: a file without them (bcftools view -s ^ID), or "
            "policy.withdrawn: leave_out"
        )
    return out
