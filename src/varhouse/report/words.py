"""What happened, in words."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from varhouse.quantities import plural
from varhouse.report.find import Ingest

_CODE = re.compile(r"\bVH-[A-Z]-\d{3}\b")


def total(rows: list[dict[str, Any]], key: str) -> int:
    """Add a count of several cohorts up; a count that is not there is 0."""
    return sum(int(r.get(key) or 0) for r in rows)


def headline(ingest: Ingest) -> str:
    """Say in a sentence or two what the ingest did."""
    account, release = ingest.account, int(ingest.row["release"])
    if ingest.row["operation"] == "drop":
        gone = int(account.get("alleles_removed") or 0)
        return (
            f"A cohort was dropped: {plural(gone, 'allele')} had no other carrier and went "
            f"with it. This made release {release:,}."
        )
    if ingest.row["operation"] == "withdraw":
        gone = int(account.get("alleles_removed") or 0)
        return (
            f"People were taken out of a cohort: {plural(gone, 'allele')} had no other "
            f"carrier and went with them. This made release {release:,}."
        )
    came, held = ingest.cohorts(), ingest.held_back()
    told = []
    if came:
        records, alleles = total(came, "n_records"), total(came, "n_alleles")
        # Of a cohort that grew, people and records are those of the files that came, alleles
        # those of all its files.
        grew = sum(bool(c.get("grown")) for c in came)
        whole = len(came) - grew
        verbs = [f"{plural(whole, 'cohort')} came in"] if whole else []
        verbs += [f"{plural(grew, 'cohort')} grew"] if grew else []
        text = (
            f"{' and '.join(verbs)} with {plural(total(came, 'n_samples'), 'person')}: "
            f"{plural(records, 'record')} {'read, now' if grew else 'gave'} "
            f"{plural(alleles, 'allele')}"
        )
        if len(came) > 1:
            text += " (summed over the cohorts)"
        if "new_alleles" in account:
            text += f", {int(account['new_alleles']):,} of them new to the store"
        refused = total(came, "n_rejects")
        told.append(f"{text}; {f'{refused:,} were' if refused else 'none was'} rejected.")
    elif account.get("renewed") or account.get("gone"):
        told.append("No cohort came in; annotations were brought up to date.")
    else:
        told.append("No cohort came in.")
    if held:
        verb = "was" if len(held) == 1 else "were"
        told.append(f"{plural(len(held), 'cohort')} {verb} held back.")
    told.append(f"This made release {release:,}.")
    return " ".join(told)


def duration(started: str, finished: str) -> str:
    """Write the time between two ISO times; empty when they are no times."""
    try:
        gone = datetime.fromisoformat(finished) - datetime.fromisoformat(started)
    except (ValueError, TypeError):
        return ""
    seconds = int(gone.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600:,} h {seconds % 3600 // 60} min"


def with_meaning(text: str, meanings: Mapping[str, str], *, public: bool) -> str:
    """Write a reason or note; one of a public account, which is bare, with what it means."""
    code = _CODE.search(text) if public else None
    return f"{text}: {meanings[code[0]]}" if code and code[0] in meanings else text
