"""What was held back: the verdict of every file that did not go in, kept in the store.

Nothing enters a store unseen, and nothing is refused unseen either: the table
`held_back` has the files of each cohort that was held back, with their checksums, what
is wrong with them, and why the cohort stayed out. The rows of a cohort go when it goes
in. The same files with the same settings are not looked at again night after night.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from varhouse import __version__
from varhouse.ingest.setup.settings import Policy, text_digest
from varhouse.ingest.setup.verdict import Verdict, file_columns
from varhouse.people.settings import PeopleSettings
from varhouse.store.reader import Store
from varhouse.tables.schema import HELD_BACK
from varhouse.tables.shards import Shard, write_shard
from varhouse.vcf.text.limits import Limits


def flags_basis(policy: Policy, people: PeopleSettings) -> str:
    """Say what decides whether flags hold a cohort back; empty: they are not asked for."""
    return "" if policy.sample_flags is None else f"{policy.sample_flags} {people.as_json()}"


def held_fingerprint(
    cohort: str, limits: Limits, withdrawn: str, permits: str = "", flags: str = ""
) -> str:
    """Digest what decides that a cohort is held back.

    Parameters
    ----------
    cohort
        What the configuration wants of it (`fingerprints.wanted_fingerprint`).
    limits
        They decide what is read, never what it gives.
    withdrawn
        `policy.withdrawn`: it is no part of how a cohort goes in, but of whether it does.
    permits
        What the answer of rules follows from (`permits.Permits.state`); empty without rules.
    flags
        See `flags_basis`.
    """
    more = (*([permits] if permits else []), *([flags] if flags else []))
    return text_digest(cohort, asdict(limits), withdrawn, __version__, *more)


def known_held(base: Store) -> dict[str, dict[str, Any]]:
    """Read what a release knows of cohorts held back: fingerprint, reasons, stamps.

    `stamps` maps (path, bytes, modification time) to the SHA-256 of a file.
    """
    rows = (
        base.scan("held_back")
        .select("cohort", "fingerprint", "reasons", "path", "bytes", "mtime_ns", "sha256")
        .collect()
    )
    out: dict[str, dict[str, Any]] = {}
    for cohort, fingerprint, reasons, *stamp, sha in rows.rows():
        known = out.setdefault(
            cohort, {"fingerprint": fingerprint, "reasons": json.loads(reasons), "stamps": {}}
        )
        known["stamps"][tuple(stamp)] = sha
    return out


def held_shards(
    held: Mapping[str, list[str]],
    verdicts: Mapping[str, list[Verdict]],
    fingerprints: Mapping[str, str],
    ingest_id: str,
    directory: Path,
) -> list[Shard | None]:
    """Write the rows of `held_back` for cohorts.

    Parameters
    ----------
    held
        Cohort to the reasons why it is held back.
    verdicts, fingerprints
        Of each of these cohorts: one verdict per file, and its `held_fingerprint`.
    """
    shards = []
    for cohort in sorted(held):
        rows = [
            {
                "cohort": cohort,
                "file": k,
                **file_columns(v),
                "reasons": json.dumps(held[cohort], ensure_ascii=False),
                "fingerprint": fingerprints[cohort],
                "ingest_id": ingest_id,
            }
            for k, v in enumerate(verdicts[cohort])
        ]
        frame = pl.DataFrame(rows, schema=HELD_BACK.polars_schema)
        shards.append(
            write_shard(frame, HELD_BACK, directory, f"held-{cohort}", {"cohort": cohort})
        )
    return shards
