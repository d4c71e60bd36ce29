"""What happened in a night, in words: the same on the page, in the mail, in a subject line."""

from varhouse.nightly.account import EXIT_CODES, Fault, Night
from varhouse.quantities import plural


def headline(night: Night) -> str:
    """Say in a sentence or two what the night did, and whether somebody has to act.

    Holds nothing but counts and the number of the release.
    """
    new, known = len(night.new_faults()), len(night.known_faults())
    said = [_came(night)]
    if new:
        said.append(f"{plural(new, 'new fault')}{f', {known:,} known' if known else ''}.")
    elif known:
        said.append(f"No new fault; {plural(known, 'fault')} known from earlier nights.")
    else:
        said.append("No fault.")
    return " ".join(said)


def _came(night: Night) -> str:
    if night.error is not None or night.exit_code in (1, 2):
        meaning = EXIT_CODES.get(night.exit_code, EXIT_CODES[1])
        return f"The night {meaning}." if night.exit_code != 2 else f"{meaning.capitalize()}."
    if night.dry_run:
        return "Dry run: nothing was done."
    if night.release is None:
        return "Nothing came in."
    people = sum(c.n_people for c in night.cohorts)
    return (
        f"Release {night.release:,}: {plural(len(night.cohorts), 'cohort')} with "
        f"{plural(people, 'person')} came in, {plural(night.new_alleles, 'new allele')}."
    )


def subject_of(fault: Fault) -> str:
    """Name what a fault is about, as people do."""
    if fault.delivery and fault.cohort:
        return f"{fault.delivery} (cohort {fault.cohort})"
    return fault.delivery or (f"cohort {fault.cohort}" if fault.cohort else "the night")


def age_of(fault: Fault) -> str:
    """Say whether a fault is new, or since when it is known."""
    if fault.new:
        return "new"
    return f"{plural(fault.nights, 'night')}, since {fault.since[:10]}"
