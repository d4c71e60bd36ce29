"""Sentences on INFO, FORMAT, genotypes, local alleles and structural variants."""

from rulebook import Sentence

GROUPS: dict[str, tuple[Sentence, ...]] = {}
"""Heading of the page to its sentences, in order."""
