"""Lift alleles from one assembly to another with a chain file."""

from varhouse.liftover.alleles import LiftedAlleles, Lifter, lift_alleles
from varhouse.liftover.chain import Chain, match_names, read_chain
from varhouse.liftover.positions import lift_positions
from varhouse.liftover.reasons import Reason

__all__ = [
    "Chain",
    "LiftedAlleles",
    "Lifter",
    "Reason",
    "lift_alleles",
    "lift_positions",
    "match_names",
    "read_chain",
]
