"""What an ingest's account says of the deliveries that it read."""

import re
from pathlib import Path
from typing import Any

from varhouse.account import public_note, public_reason
from varhouse.nightly.account import CohortIn, Night
from varhouse.nightly.delivery import Reason
from varhouse.nightly.ledger import Ledger, Record
from varhouse.nightly.state import State


def take_account(night: Night, account: dict[str, Any]) -> list[str]:
    """Take over what an ingest tells of itself; gives notes that name no sample."""
    held = {h["cohort"] for h in account["held_back"]}
    if not account.get("up_to_date"):
        night.release = account["release"]
        night.recorded_in = account.get("recorded_in")
        night.digest = account.get("digest")
        night.new_alleles = account.get("new_alleles", 0)
    night.cohorts = [
        CohortIn(
            c["cohort"],
            bool(c["replaces"]),
            c["n_samples"],
            c["n_records"],
            c["n_alleles"],
            c["n_rejects"],
        )
        for c in account["cohorts"]
        if c["cohort"] not in held
    ]
    for note in [n for c in account["cohorts"] for n in c["notes"]]:
        night.notes.append(note)
        night.public_notes += [text] if (text := public_note(note)) else []
    notes = [
        f"{shared['n']:,} sample ids stand in both {' and '.join(shared['cohorts'])}: totals "
        "count them twice"
        for shared in account.get("shared_samples", [])
        if "same_people" not in account
    ]
    notes += [
        f"cohort {w['cohort']!r}: {w['n']:,} people of its sheets have no file yet"
        for w in account.get("waiting", [])
    ]
    return notes


def lapsed_of(account: dict[str, Any]) -> dict[str, list[Reason]] | None:
    """Give the cohorts that are in and have no basis any more; None: nobody asked."""
    found = account.get("lapsed")
    return None if found is None else {x["cohort"]: as_reasons(x["reasons"]) for x in found}


def made_release(account: dict[str, Any]) -> int | None:
    """Give the release of an ingest, if only to tell of what was held back; None: none."""
    release = account["release"]
    found = account.get("recorded_in") if release is None else release
    return None if found is None else int(found)


def hold(ledger: Ledger, state: State, texts: list[str], now: str) -> bool:
    """Note which of the deliveries of a cohort are to blame that it is held back.

    Parameters
    ----------
    texts
        The reasons that the ingest gives.

    Returns
    -------
    bool
        False if no delivery is on trial: what is in was held back by something else.
    """
    tried = [r for r in state.records if r.status in ("accepted", "held")]
    named = [r for r in tried if any(_names(r, text) for text in texts)]
    # The others may go in the next night, without it.
    some = 0 < len(named) < len(tried)
    for record in named if some else tried:
        aside = record.is_aside or some
        reasons = as_reasons(texts)
        ledger.set_status(record, "held", now, reasons=reasons, is_aside=aside)
    return bool(tried)


def _names(record: Record, text: str) -> bool:
    """Tell whether a reason names a file of a delivery."""
    said = text.split("; fix:")[0]
    names = (re.escape(Path(call).name) for call in record.calls)
    return any(re.search(rf"(?<![\w.-]){name}(?![\w.-])", said) for name in names)


def settle(ledger: Ledger, cohort: str, state: State, release: int | None, now: str) -> None:
    """Note that a cohort is in as its deliveries say, and what they have replaced."""
    mine = {r.id for r in state.records}
    for record in state.records:
        if record.status != "in":
            ledger.set_status(record, "in", now, release=release, reasons=[])
    newest = state.records[0].id
    for record in ledger.of_cohort(cohort):
        if record.status in ("in", "accepted") and record.id not in mine:
            ledger.set_status(record, "replaced", now, of=newest)


def as_reasons(texts: list[str]) -> list[Reason]:
    """Give reasons of an ingest, with what anybody may read of them."""
    return [Reason(text, public_reason(text)) for text in texts]
