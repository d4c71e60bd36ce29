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
        If they are others than were entered, or gone.
    """
    ledger = Ledger.find(store)
    said = ledger.rules() if ledger else None
    if not said:
        return None
    name = str(said.get("file") or BUILTIN)
    # An absolute path stays what it is.
    path = BUILTIN if name == BUILTIN else str(store / name)
    digest = str(said.get("digest") or "")
    new = BUILTIN if name == BUILTIN else "FILE"
    others = OtherRulesError(
        OTHER_RULES.say(file=path, digest=digest[:12]), OTHER_RULES_FIX.say(name=new)
    )
    if digest and name != BUILTIN and not Path(path).is_file():
        raise others
    book = load_rules(path)
    may_differ = any_builtin and name == BUILTIN
    if digest and digest != book.digest and not may_differ:
        raise others
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
    said = ledger.rules() or {}
    is_known = said.get("digest") == book.digest
    kept = name
    if name != BUILTIN:
        copy = governance_folder(store) / f"rules-{book.digest[:12]}.yaml"
        kept = copy.relative_to(store).as_posix()
        text = read_text(Path(name))
        # Also of a book that is known: its copy may have been changed or taken away, and to
        # enter it anew is what the refusal asks for.
        if not is_known or (said.get("file") == kept and not _is_there(copy, text)):
            write_text(copy, text, flush=True)
    if is_known:
        return book, False
    fields = {"file": kept, "digest": book.digest, "version": book.version}
    ledger.add("rules", "", fields, note)
    return book, True


def _is_there(copy: Path, text: str) -> bool:
    return copy.is_file() and copy.read_bytes() == text.encode()
