"""People who were withdrawn (`varhouse store withdraw`) do not come back unnoticed.

The ledger of the store knows them (`varhouse.store.ledger`). Of a file that is in the store
without them, the store knows who is in it: it is as it was. A file that holds one of them
and others holds its cohort back (`varhouse.ingest.jobs.holding`), and one of withdrawn people
alone has nothing to give: it is left out, with a note, and the cohort goes on without it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.ingest.setup.storednames import stored_names
from varhouse.store.ledger import Ledger

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config

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
            some = ", ".join(Path(f).name for f in gone[:_NAMED])
            more = f" and {len(gone) - _NAMED:,} more" if len(gone) > _NAMED else ""
            notes.append(
                f"cohort {cohort.name}: left out, as their people were withdrawn: {some}"
                f"{more}; fix: remove these files"
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
        some = ", ".join(refused[:_NAMED]) + (", ..." if len(refused) > _NAMED else "")
        out.append(
            f"{Path(path).name} holds {len(refused):,} sample(s) who were withdrawn ({some}; "
            f"{when}); fix: a file without them (bcftools view -s ^{refused[0]}), or "
            "policy.withdrawn: leave_out"
        )
    return out
