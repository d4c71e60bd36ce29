"""Answers from a store: the overview of alleles, any table, SQL, in several formats."""

from varhouse.query.answer import Answer, Question
from varhouse.query.select import Selection

__all__ = ["Answer", "Question", "Selection"]
