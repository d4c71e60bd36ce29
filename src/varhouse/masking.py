"""Text for people: what would steer a terminal is shown as a mark.

Data may hold escape sequences (ESC, C1), letters that turn the direction of a line round
(bidirectional overrides: CVE-2021-42574), or line separators. Whatever is shown on a
terminal, or said on stderr, goes through here; files of data are left as they are.
"""

import sys
from typing import TextIO

MARK = "␣"
"""Stands for a letter that is not shown."""


def mask_text(text: str, keep: str = "") -> str:
    r"""Replace letters that are not printable by a mark.

    These are the categories Other (control, format, surrogate, private, unassigned) and
    Separator but the blank, of Unicode.

    Parameters
    ----------
    text
        Any text.
    keep
        Letters to leave all the same, such as `\n` of our own messages.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else MARK for c in text)


def say(text: object, file: TextIO | None = None) -> None:
    """Print a line for people, masked; to stdout unless a file is given."""
    print(mask_text(str(text), keep="\n\t"), file=file or sys.stdout)
