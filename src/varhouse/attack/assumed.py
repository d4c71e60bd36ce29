"""What an attacker is taken to know and do."""

from dataclasses import dataclass

RATES = (0.05, 0.001)
"""Rates of false positives at which power is measured."""


@dataclass(frozen=True)
class Assumed:
    """What an attacker is taken to know and do.

    Attributes
    ----------
    k
        The least count that the release means to show; 0 or 1: all are shown.
    rounding
        Counts are rounded to multiples of this; 0 or 1: they are not.
    apart
        Bases between alleles that are used for membership: nearer ones are inherited
        together, and count as one. 0: all are used as if each were independent, which
        overrates the attacker.
    seed
        Of what is drawn.
    """

    k: int = 0
    rounding: int = 0
    apart: int = 0
    seed: int = 1
