"""Mistakes in what a pack is made of, told in the reader's language."""

from collections.abc import Sequence
from pathlib import Path

from varhouse.errors import ConfigError
from varhouse.submission.texts import IN_FILE, MISTAKES


class MistakesError(ConfigError):
    """One or more mistakes in details, ledger, sheets or pedigrees (exit 2).

    Parameters
    ----------
    problems
        Every mistake found, one line each.
    where
        Where they are: a file, or words in the reader's language.
    """

    def __init__(self, problems: Sequence[str], where: str | Path) -> None:
        if isinstance(where, Path):
            where = IN_FILE.say(file=where)
        super().__init__(list(problems), where)
        lines = "\n".join(f"  - {p}" for p in problems)
        self.message = MISTAKES.say(n=len(problems), where=where, lines=lines)
