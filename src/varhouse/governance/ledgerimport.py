"""Sheets into the ledger: only what differs from it becomes an entry.

So the same sheet twice makes no second entry, and a sheet that was corrected makes an entry
that names what was corrected. An empty cell says nothing, and changes nothing: a value is
taken away by `varhouse ledger add ... --clear FIELD`. A subject that a sheet no longer has
stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from varhouse.governance.chain import Link
from varhouse.governance.entrycheck import MistakesError, check_entry
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.ledgerstate import State
from varhouse.governance.sheet import Row, Taken, read_ledger_sheets
from varhouse.language import Text

_IN_SHEETS = Text("in the sheets of the ledger", "台账表格")


@dataclass
class Imported:
    """What an import did, or would do.

    Attributes
    ----------
    links
        The new entries; empty if it only looked.
    entries
        What they say.
    unchanged
        Subjects of the sheets that the ledger had just so.
    notes
        What was taken for what, for people.
    """

    links: list[Link] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)


def import_sheets(
    store: Path,
    paths: Sequence[Path],
    kind: str | None = None,
    note: str = "",
    *,
    dry_run: bool = False,
) -> Imported:
    """Take sheets into the ledger of a store.

    Parameters
    ----------
    kind
        Which sheet they are; None: by name and columns.
    note
        Of the entries; default: the file and line that each is from.
    dry_run
        Only say what would be new.

    Raises
    ------
    AccessError
        If the ledger may not be read or written.
    ConfigError
        With all mistakes of all sheets; then nothing was entered.
    InputError
        If a file cannot be read as a sheet.
    """
    ledger = Ledger.open(store)
    taken = read_ledger_sheets(paths, kind)
    found = Imported(notes=taken.notes)

    def make(now: Ledger) -> list[Entry]:
        found.entries, problems = differences(taken, now.state, note)
        found.unchanged = len(taken.rows) - len(found.entries)
        if problems:
            raise MistakesError(problems, _IN_SHEETS)
        return found.entries

    make(ledger)
    if not dry_run and found.entries:
        found.links = ledger.change(make)
    return found


def differences(taken: Taken, state: State, note: str = "") -> tuple[list[Entry], list[str]]:
    """Tell what sheets say otherwise than the ledger.

    Returns
    -------
    tuple
        Entries that make the ledger say it, too; mistakes, those of the sheets among them.
    """
    entries: list[Entry] = []
    problems = list(taken.problems)
    now = dict(state)
    for row in taken.rows:
        known = now.get((row.kind, row.subject))
        fields = _new(row, known or {})
        if known is not None and not fields:
            continue
        kept, wrong = check_entry(row.kind, row.subject, fields, now)
        problems += [f"{row.where}: {w}" for w in wrong]
        now[row.kind, row.subject] = {**(known or {}), **kept}
        entries.append(Entry(row.kind, row.subject, kept, note or row.where))
    return entries, problems


def _new(row: Row, known: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for name, value in row.fields.items():
        has = known.get(name)
        if name in row.joined and isinstance(has, list):
            value = [*has, *(v for v in value if v not in has)]
        if value != has and not (isinstance(value, list) and value == []):
            out[name] = value
    return out
