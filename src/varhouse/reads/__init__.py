"""Reads to calls: checks of FASTQ, alignment, duplicates, calling, a gVCF a person."""
