"""What a night does about releases that are not to be kept, by the rules of the store."""

import logging
from pathlib import Path

from varhouse.errors import VarhouseError
from varhouse.store.gc import collect
from varhouse.store.releases import list_releases
from varhouse.store.retention import read_policy

LOG = logging.getLogger("varhouse.nightly")


def keep_to_rules(store: Path, wait: float) -> list[str]:
    """Seal what the rules of a store do not keep, and remove what was sealed before.

    The night's ingest is in by then: a failure is told, and the next night tries again.

    Parameters
    ----------
    wait
        Seconds to wait for another writer.

    Returns
    -------
    list of str
        What was done, a line each, for the account; none without rules or without anything
        to do. Lines name releases and sizes, no samples.
    """
    if not list_releases(store):
        return []
    try:
        policy = read_policy(store)
        if policy is None:
            return []
        found = collect(store, policy=policy, wait=wait)
    except (VarhouseError, OSError) as error:
        LOG.warning("nothing is removed from %s: %s", store, error)
        return [f"retention: nothing is removed: {' '.join(str(error).split())}"]
    notes = []
    if found.sealed:
        first, last = found.sealed[0].number, found.sealed[-1].number
        which = f"release {first}" if first == last else f"{len(found.sealed)} releases"
        which += "" if first == last else f" from {first} to {last}"
        notes.append(f"retention: sealed {which}; the rules are: {policy}")
    if found.gone:
        size = found.bytes / 2**20
        notes.append(
            f"retention: {len(found.gone)} file(s) or folder(s), {size:,.2f} MiB, are gone"
        )
    return notes
