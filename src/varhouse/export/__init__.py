"""A cohort of the store as VCF or BCF again."""

from varhouse.export.cohort import export_cohort

__all__ = ["export_cohort"]
