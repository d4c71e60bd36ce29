"""The account of a night as a text that can be mailed: no sample, no escape sequence.

Its first line does for the subject of the mail.
"""

import textwrap
from collections.abc import Iterator

from varhouse.masking import mask_text
from varhouse.nightly.account import EXIT_CODES, CohortIn, Delivered, Fault, Night
from varhouse.nightly.words import age_of, headline, subject_of
from varhouse.quantities import plural, size, span

WIDTH = 90
_LABEL = 13


def make_text(night: Night) -> str:
    """Make the text of a night; lines of at most `WIDTH` letters, where words allow it."""
    lines = [f"varhouse nightly {night.started[:10]}: {headline(night)}", ""]
    said = ""
    for label, text in _entries(night):
        head = "" if label == said else label
        lines += textwrap.wrap(
            mask_text(text),
            WIDTH,
            initial_indent=f"{head:<{_LABEL}}",
            subsequent_indent=" " * (_LABEL + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        said = label
    meaning = EXIT_CODES.get(night.exit_code, "unknown")
    lines += ["", f"exit {night.exit_code} ({meaning})"]
    return "\n".join(lines) + "\n"


def _entries(night: Night) -> Iterator[tuple[str, str]]:
    for fault in night.new_faults():
        yield from (("NEW FAULT", text) for text in _fault(fault))
    for fault in night.known_faults():
        yield from (("known fault", text) for text in _fault(fault))
    for cohort in night.cohorts:
        yield "in", _cohort(cohort)
    for outcome in ("accepted", "waiting", "duplicate", "replaced"):
        for delivery in night.deliveries:
            if delivery.outcome == outcome and (delivery.new or outcome == "waiting"):
                yield outcome, _delivery(delivery)
    yield "release", _release(night)
    yield "took", _took(night)
    if disk := _disk(night):
        yield "disk", disk
    for note in night.public_notes:
        yield "note", note
    if night.faults or night.error:
        yield "details", f"accounts/{night.night}.json in the nights' folder"


def _fault(fault: Fault) -> list[str]:
    """Write a fault: what it is about, since when, and each reason."""
    first = f"{subject_of(fault)} [{age_of(fault)}]"
    return [first, *(f"  {line}" for line in fault.public)]


def _cohort(cohort: CohortIn) -> str:
    replaced = ", replaces what was in" if cohort.replaces else ""
    return (
        f"{cohort.cohort}: {plural(cohort.n_people, 'person')}, "
        f"{plural(cohort.n_records, 'record')}, {plural(cohort.n_alleles, 'allele')}, "
        f"{plural(cohort.n_rejects, 'reject')}{replaced}"
    )


def _delivery(delivery: Delivered) -> str:
    if delivery.outcome == "waiting":
        return f"{delivery.name}: no ready mark yet, since {delivery.since[:10]}"
    if delivery.of:
        verb = "by" if delivery.outcome == "replaced" else "of"
        return f"{delivery.name}: {delivery.outcome} {verb} {delivery.of}"
    cohort = f" (cohort {delivery.cohort})" if delivery.cohort else ""
    return f"{delivery.name}{cohort}"


def _release(night: Night) -> str:
    if night.release is None:
        base = "none yet" if night.base_release is None else f"{night.base_release:,}"
        return f"{base}, as before"
    before = "" if night.base_release is None else f"{night.base_release:,} -> "
    digest = f", digest {night.digest[:16]}" if night.digest else ""
    return f"{before}{night.release:,}{_store(night)}{digest}"


def _store(night: Night) -> str:
    known = (
        (night.n_cohorts, "cohort"), (night.n_people, "person"), (night.n_alleles, "allele"),
    )  # fmt: skip
    said = ", ".join(plural(n, noun) for n, noun in known if n is not None)
    return f": {said}, {night.new_alleles:+,} alleles" if said else ""


def _took(night: Night) -> str:
    peak = "" if night.peak_mb is None else f", peak {size(night.peak_mb * 2**20)}"
    cpu = "" if night.cpu_seconds is None else f", CPU {span(night.cpu_seconds)}"
    return f"{span(night.seconds)}{cpu}{peak}"


def _disk(night: Night) -> str:
    disk = night.disk
    if disk.store_free is None:
        return ""
    text = f"{size(disk.store_free)} left"
    if disk.folder_free is not None and disk.folder_free != disk.store_free:
        text += f", {size(disk.folder_free)} for deliveries"
    if disk.nights_left is not None:
        text += f", room for about {plural(disk.nights_left, 'night')}"
        if disk.bytes_a_night is not None:
            text += f" at {size(disk.bytes_a_night)} a night"
    return text
