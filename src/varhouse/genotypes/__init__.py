"""Genotypes: what a call is (`calls`), as rows of a table (`planes`) and back."""
