"""Governed stores for tests: people without calls, and a ledger that allows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builders import make_store

from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.rules import load_rules

PERSON = ("n_het", "n_hom_alt", "n_hemi", "n_snv", "n_indel", "n_ti", "n_tv")


def person(seed: str) -> dict[str, int]:
    """Make counts of somebody who carries many alleles: the same for the same seed."""
    base = sum((i + 1) * ord(c) for i, c in enumerate(seed)) + 5_000
    return {name: base * (k + 2) for k, name in enumerate(PERSON)}


def sample_rows(
    cohort: str, names: Sequence[str], seeds: Sequence[str] | None = None, **cells: str
) -> list[dict[str, Any]]:
    """Make rows of `samples`; `cells` are further columns of the sheet for all."""
    return [
        {
            "cohort": cohort, "sample": name, "ordinal": i, "sex": "female",
            "attributes": json.dumps(cells), **person(seed),
        }
        for i, (name, seed) in enumerate(zip(names, seeds or names, strict=True))
    ]  # fmt: skip


def make_governed(
    path: Path,
    people: Mapping[str, Sequence[dict[str, Any]]],
    entries: Sequence[Entry] = (),
    *,
    rules: bool = True,
    assay: str | None = "WGS",
) -> Path:
    """Make a governed store whose cohorts have ethics and consent, tier T1."""
    cohorts = [
        {"cohort": c, "n_samples": len(rows), "assay": assay, "attributes": "{}"}
        for c, rows in people.items()
    ]
    samples = [row for rows in people.values() for row in rows]
    tables: dict[str, Any] = {"cohorts": cohorts}
    if samples:
        tables["samples"] = samples
    store = make_store(path, tables)
    made = [Entry("cohort", c, {"tier": "T1", "is_pedigree": False,
                                "is_specific_region": False, "us_people": 0,
                                "foreign_share": 0.0}) for c in people]  # fmt: skip
    names = tuple(people)
    made += [
        Entry("paper", "", {"kind": k, "number": f"{k}-1", "cohorts": names})
        for k in ("ethics", "consent")
    ]
    made += [
        Entry("recipient", "Demo University", {"kind": "domestic", "country": "CN"}),
        Entry("recipient", "Demo Abroad", {"kind": "foreign", "country": "DE"}),
        Entry("recipient", "Demo Overseas", {"kind": "foreign", "country": "FR"}),
    ]
    if rules:
        digest = load_rules().digest
        made.append(Entry("rules", "", {"file": "builtin", "digest": digest}))
    Ledger.open(store).add_all([*made, *entries])
    return store


def papers(recipient: str, cohorts: Sequence[str], **fields: Any) -> list[Entry]:
    """Make the papers by which data may go abroad: report and backup."""
    return [
        Entry("paper", "", {"kind": k, "number": f"{k}-{recipient}-{'-'.join(cohorts)}",
                            "cohorts": tuple(cohorts), "recipients": (recipient,), **fields})
        for k in ("report", "backup")
    ]  # fmt: skip
