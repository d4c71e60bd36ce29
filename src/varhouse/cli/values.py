"""How values of options are read that several commands have: days, and heads of a chain."""

import argparse
import re
from datetime import date


def read_day(text: str) -> date:
    """Read the day of an option, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day as 2027-01-31") from None


def read_head(text: str) -> tuple[int, str]:
    """Read number and first digits of the digest of a line that was kept, for argparse."""
    from varhouse.governance.ledgerverify import LEAST_DIGITS

    found = re.fullmatch(r"([0-9]{1,9}):([0-9a-fA-F]{1,64})", text)
    if found is None or len(found[2]) < LEAST_DIGITS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no N:DIGEST as `verify` prints it; {LEAST_DIGITS} of its 64 "
            "digits will do"
        )
    return int(found[1]), found[2].lower()
