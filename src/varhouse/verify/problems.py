"""What is found to be wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the table, the file if it is one file's, and what.

    With `is_note` nothing is wrong: an earlier version of varhouse made it otherwise, or
    something could not be compared.
    """

    table: str
    file: str
    what: str
    is_note: bool = False

    def __str__(self) -> str:
        where = f"{self.table} {self.file}" if self.file else self.table
        return f"{'note: ' if self.is_note else ''}{where}: {self.what}"
