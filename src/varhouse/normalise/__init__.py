"""Normalise alleles: check REF against the reference, trim, left-align."""

from varhouse.normalise.frame import normalise_alleles
from varhouse.normalise.kernel import normalise_packed
from varhouse.normalise.status import Status

__all__ = ["Status", "normalise_alleles", "normalise_packed"]
