"""Sentences on ALT of structural variants and their keys."""

from rulebook import Sentence

STRUCTURAL: dict[str, tuple[Sentence, ...]] = {}
"""Heading of the page to its sentences, in order."""
