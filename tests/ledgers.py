"""Stores with a ledger, for tests of governance."""

from pathlib import Path
from typing import Any

from varhouse.governance.ledger import Ledger


def make_ledger(folder: Path) -> Ledger:
    """Make an empty ledger in a folder that looks like a store."""
    (folder / "_store").mkdir(parents=True, exist_ok=True)
    return Ledger.open(folder)


def filled_ledger(folder: Path, **more: Any) -> Ledger:
    """Make a ledger of one cohort, `zj`, with an ethics approval until 2027."""
    ledger = make_ledger(folder)
    ledger.add("cohort", "zj", {"provinces": "330000", "people.WGS": 60, "tier": "T1", **more})
    ledger.add(
        "paper",
        fields={
            "kind": "ethics",
            "number": "E1",
            "cohorts": "zj",
            "valid_until": "2027-01-01",
        },
    )
    return ledger
