"""The account of a night on a terminal or in a log of cron."""

from typing import TextIO

from varhouse.masking import say
from varhouse.nightly.account import Delivered, Fault, Night


def print_night(night: Night, out: TextIO) -> None:
    """Print what became of the deliveries, what is at fault, and the release."""
    width = max((len(d.name) for d in night.deliveries), default=0)
    for d in night.deliveries:
        if d.outcome != "held":
            say(f"{d.outcome:<10} {d.name:<{width}}  {_about(d)}".rstrip(), out)
    for fault in night.faults:
        _print_fault(fault, out)
    for note in night.notes:
        say(f"note       {note}", out)
    if night.dry_run:
        say("dry run    nothing was written", out)
    elif night.release is None and night.recorded_in is not None:
        say(f"release    {night.recorded_in} records what was held back; no new data", out)
    elif night.release is None:
        say("release    none made: nothing new is in", out)
    else:
        say(
            f"release    {night.base_release or 0} -> {night.release}   "
            f"{night.new_alleles:,} new alleles   store {night.store}   {night.seconds} s",
            out,
        )


def _about(d: Delivered) -> str:
    cohort = f"cohort {d.cohort}" if d.cohort else ""
    of = f"of {d.of}" if d.of else ""
    since = "" if d.new else f"since {d.since}"
    return "  ".join(word for word in (cohort, of, since) if word)


def _print_fault(fault: Fault, out: TextIO) -> None:
    kind, _, name = fault.subject.partition(":")
    cohort = f" (cohort {fault.cohort})" if kind == "delivery" and fault.cohort else ""
    known = "" if fault.new else f", known since {fault.since}"
    word = "held back" if fault.kind in ("delivery", "late", "ingest") else fault.kind
    say(f"{word:<10} {name or kind}{cohort}{known}", out)
    for reason in fault.reasons:
        say(f"           {reason}", out)
