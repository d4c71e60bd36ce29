"""Identify alleles: type, SPDI, VRS id and HGVS genomic name."""

from varhouse.identify.frame import identify

__all__ = ["identify"]
