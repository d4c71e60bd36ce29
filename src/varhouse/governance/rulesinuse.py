"""Which rules a store goes by: named in its ledger, with a copy of the file beside it."""

from pathlib import Path

from varhouse.errors import AccessError
from varhouse.files import write_text
from varhouse.governance.ledger import Ledger
from varhouse.governance.rules import load_rules
from varhouse.governance.rulesmodel import RuleBook
from varhouse.governed import governance_folder
from varhouse.language import Text
from varhouse.textfile import read_text

BUILTIN = "builtin"
"""The name of the book that comes with the package."""

OTHER_RULES = Text(
    "{file}: the rules are not those of the ledger (digest {digest}...)",
    "{file}: 规则与台账所载不一致 (摘要值 {digest}...)",
)
OTHER_RULES_FIX = Text(
    "restore the file, or enter the new rules: varhouse share rules STORE {name}",
    "请恢复该文件,或将新规则记入台账: varhouse share rules STORE {name}",
)


class OtherRulesError(AccessError):
    """The rules of a store are others than were entered: nothing may go by them."""


def rules_in_use(store: Path, *, any_builtin: bool = False) -> RuleBook | None:
    """Read the rules that the ledger of a store names; None: it names none.

    Parameters
    ----------
    any_builtin
        Go by our book as it is now: another version of varhouse brings other rules.

    Raises
    ------
    ConfigError, InputError
        If they cannot be read.
    OtherRulesError
        If they are others than were entered.
    """
    ledger = Ledger.find(store)
    said = ledger.rules() if ledger else None
    if not said:
        return None
    name = str(said.get("file") or BUILTIN)
    # An absolute path stays what it is.
    path = BUILTIN if name == BUILTIN else str(store / name)
    book = load_rules(path)
    digest = str(said.get("digest") or "")
    may_differ = any_builtin and name == BUILTIN
    if digest and digest != book.digest and not may_differ:
        new = BUILTIN if name == BUILTIN else "FILE"
        raise OtherRulesError(
            OTHER_RULES.say(file=path, digest=digest[:12]), OTHER_RULES_FIX.say(name=new)
        )
    return book


def enter_book(store: Path, name: str, note: str) -> tuple[RuleBook, bool]:
    """Enter a book of rules in the ledger of a store; tells whether it is another one.

    Parameters
    ----------
    name
        `builtin`, or a file: a copy of it is kept in the store.
    note
        Why, for people.

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
    ledger.add("rules", "", fields, note)
    return book, True
