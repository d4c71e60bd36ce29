"""Which rules a store goes by: entered in its ledger, with a copy of the file beside it."""

from pathlib import Path

from varhouse.files import write_text
from varhouse.governance.ledger import Ledger
from varhouse.governance.rules import load_rules
from varhouse.governance.rulesmodel import RuleBook
from varhouse.governed import governance_folder
from varhouse.textfile import read_text

BUILTIN = "builtin"


def enter_book(store: Path, name: str) -> tuple[RuleBook, bool]:
    """Enter a book of rules in the ledger of a store; tells whether it is another one.

    Parameters
    ----------
    name
        `builtin`, or a file: a copy of it is kept in the store.

    Raises
    ------
    ConfigError, InputError
        If it cannot be read: all mistakes at once.
    """
    book = load_rules(name)
    ledger = Ledger.open(store)
    if (ledger.rules() or {}).get("digest") == book.digest:
        return book, False
    kept = name
    if name != BUILTIN:
        copy = governance_folder(store) / f"rules-{book.digest[:12]}.yaml"
        write_text(copy, read_text(Path(name)), flush=True)
        kept = copy.relative_to(store).as_posix()
    fields = {"file": kept, "digest": book.digest, "version": book.version}
    ledger.add("rules", "", fields, "by varhouse share rules")
    return book, True
