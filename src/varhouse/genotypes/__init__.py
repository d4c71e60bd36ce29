"""Genotypes: what a call is (`calls`), and the columns of the table (`layout`)."""
