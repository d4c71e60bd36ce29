"""A cohort of the store as VCF or BCF again, or as PLINK 2 files."""

from varhouse.export.cohort import export_cohort
from varhouse.export.pgen import export_pgen

__all__ = ["export_cohort", "export_pgen"]
