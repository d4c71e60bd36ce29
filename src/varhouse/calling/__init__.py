"""`varhouse call`: from a sheet of reads to gVCFs, sheets for an ingest, and a report."""
