"""Counting alleles and people per stratum, from the original genotypes."""
