"""The table of genotypes: calls of a record as a default and a list of the others."""

from varhouse.genotypes.layout import genotype_columns

__all__ = ["genotype_columns"]
