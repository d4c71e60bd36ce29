"""`varhouse share rules`: which rules a governed store goes by."""

import argparse
from pathlib import Path
from typing import Any

from varhouse.language import Text

_EXAMPLE = """\
It needs a governed store:
varhouse share rules STORE
varhouse share rules STORE builtin
varhouse share rules STORE our-rules.yaml

Without FILE: tells by which rules the store is asked what may leave. With it: checks the book
and enters it in the ledger; a copy is kept in the store, so that nobody changes a rule without
an entry. An ingest with policy.rules enters its own.

Decision support, not legal advice.
"""

NONE = Text(
    "no rules: nothing may leave (varhouse share rules STORE builtin)",
    "未设定规则: 不得对外提供任何数据 (varhouse share rules STORE builtin)",
)
TOLD = Text(
    "{file}, version {version}, {n} rules, {digest}{new}",
    "{file}, 版本 {version}, 共 {n} 条规则, {digest}{new}",
)
NEW = Text("; entered in the ledger", "; 已登记入台账")


def add_parser(steps: Any) -> None:
    """Declare `varhouse share rules`."""
    parser = steps.add_parser(
        "rules",
        help="by which rules a store is asked what may leave",
        description=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="a book of rules; builtin: ours"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tell the rules of a store, or enter others."""
    from varhouse.cli.sharecheck import check_governed
    from varhouse.governance.ledger import Ledger
    from varhouse.governance.rulesinuse import enter_book, rules_in_use
    from varhouse.masking import say

    check_governed(args.store)
    is_new = False
    if args.file is not None:
        _, is_new = enter_book(args.store, args.file, "by varhouse share rules")
    book = rules_in_use(args.store)
    said = Ledger.open(args.store).rules()
    if book is None or said is None:
        say(NONE.say())
        return 0
    told = {"file": said["file"], "version": book.version, "digest": book.digest[:16]}
    say(TOLD.say(**told, n=len(book.rules), new=NEW.say() if is_new else ""))
    return 0
