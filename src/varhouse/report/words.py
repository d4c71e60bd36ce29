"""What happened, in words; and what an open report may say of a reason."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from varhouse.report.find import Ingest

_CODE = re.compile(r"\b(?:error|warning) (VH-[A-Z]-\d{3})\b")
_MORE = re.compile(r"\(and ([\d,]+) more like it\)")
_NOTE = re.compile(r"^([\d,]+) x (VH-[A-Z]-\d{3})\b")
_SAFE = (
    (re.compile(r"^([\d,]+) sample\(s\) have no row in the sample sheet"),
     "{0} sample(s) have no row in the sample sheet"),
    (re.compile(r"^files .* share some samples \(.*\) but not all$"),
     "two files share some samples but not all"),
    (re.compile(r"^no record lies on a contig of this assembly"),
     "no record lies on a contig of this assembly"),
    (re.compile(r"^([\d,]+) allele\(s\) stand twice"), "{0} allele(s) stand twice"),
    (re.compile(r"^([\d,]+) record\(s\) at fault"), "{0} record(s) at fault"),
)  # fmt: skip
"""Reasons of an ingest that hold no name once the rest is cut off."""

ELSEWHERE = "the reason is in the full report"


def plural(n: int, noun: str) -> str:
    """Write a count with its noun: `1 cohort`, `2 cohorts`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


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
    came, held = ingest.cohorts(), ingest.held_back()
    told = []
    if came:
        records, alleles = total(came, "n_records"), total(came, "n_alleles")
        text = (
            f"{plural(len(came), 'cohort')} came in with "
            f"{_people(total(came, 'n_samples'))}: {plural(records, 'record')} gave "
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


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n:,} people"


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


def reason_text(reason: str, meanings: Mapping[str, str], *, open_tier: bool) -> str:
    """Write a reason for holding a cohort back.

    A reason quotes file names, lines and sample names. An open report gives only its
    code, what the code means and how often; a reason without a code is replaced by the
    part of it that is ours, or left to the full report.
    """
    if not open_tier:
        return reason
    if code := _CODE.search(reason):
        text = code[1]
        if more := _MORE.search(reason):
            text += f", {int(more[1].replace(',', '')) + 1:,} times"
        return f"{text}: {meanings[code[1]]}" if code[1] in meanings else text
    for pattern, words in _SAFE:
        if found := pattern.match(reason):
            return words.format(*found.groups())
    return ELSEWHERE


def note_text(note: str, meanings: Mapping[str, str], *, open_tier: bool) -> str:
    """Write a note on a file; an open report has only its code, meaning and count."""
    if not open_tier:
        return note
    found = _NOTE.match(note)
    if not found:
        return ""
    text = f"{found[1]} × {found[2]}"
    return f"{text}: {meanings[found[2]]}" if found[2] in meanings else text
