"""Answers from a store: the overview of alleles, any table, SQL, in several formats."""

from varhouse.query.answer import Answer, Question
from varhouse.query.selection import Selection, find_keys

__all__ = ["Answer", "Question", "Selection", "find_keys"]
