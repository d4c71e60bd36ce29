"""Normalise alleles: check REF against the reference, trim, left-align."""

from varhouse.normalise.frame import normalise_alleles
from varhouse.normalise.kernel import normalise_packed
from varhouse.normalise.status import Status
from varhouse.normalise.symbolic import move_symbolic, symbolic_rows

__all__ = [
    "Status",
    "move_symbolic",
    "normalise_alleles",
    "normalise_packed",
    "symbolic_rows",
]
