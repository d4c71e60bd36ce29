"""Where the governance of a store lies, and whether a store has any.

A store is *governed* once its ledger has a first entry (`varhouse ledger`). Then nothing
leaves it but by the egress gate, and nobody but a role `controlled` reads its own tables:
others read a *view*, a store of its own below `_views/` that holds nothing else.
This module knows places alone, so that every room may ask it.
"""

from pathlib import Path

PUBLIC, REGISTERED, INSIDE, CONTROLLED = "public", "registered", "inside", "controlled"
ROLES = (PUBLIC, REGISTERED, INSIDE, CONTROLLED)
"""Who reads, each of whom sees what those before him see: anybody; who is registered; who
works in the reading room, with aggregates alone; who may read about single people."""

LEDGER = "ledger.jsonl"
AUDIT = "audit.jsonl"
VIEWS = "_views"


def governance_folder(store: Path) -> Path:
    """Give the folder of a store's governance: the ledger, and what is private."""
    return store / "_store" / "governance"


def ledger_file(store: Path) -> Path:
    """Give the file of the ledger of permits: JSON lines, each chained to the one before."""
    return governance_folder(store) / LEDGER


def private_folder(store: Path) -> Path:
    """Give the folder (0700) of the key, the audit log and the people given to recipients."""
    return governance_folder(store) / "private"


def audit_file(store: Path) -> Path:
    """Give the file of the audit log, chained like the ledger."""
    return private_folder(store) / AUDIT


def mark_file(store: Path) -> Path:
    """Give the file that says how far ledger and audit log had come (`governance.mark`)."""
    return store / "_store" / "governed.json"


def view_folder(store: Path, role: str) -> Path:
    """Give the folder of the store that a role reads in place of a governed one."""
    return store / VIEWS / role


def is_governed(store: Path) -> bool:
    """Tell whether a store has a ledger, or had one: who takes it away opens nothing.

    The audit log knows of each entry, and so does the mark, which lies elsewhere; who may not
    look for them learns just that there is one.
    """
    try:
        return (
            ledger_file(store).is_file()
            or mark_file(store).exists()
            or audit_file(store).exists()
        )
    except PermissionError:
        return True


def governed_store_of(path: Path) -> Path | None:
    """Give the governed store that a folder is of: itself, or the one that it is a view of.

    Where it really lies counts, not how it was named: a link to a view is that view.
    """
    if is_governed(path):
        return path
    above = path.resolve().parent
    whole = above.parent
    return whole if above.name == VIEWS and is_governed(whole) else None
