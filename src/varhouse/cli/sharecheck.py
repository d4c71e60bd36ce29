"""`varhouse share check`: may data of a governed store leave, and what is missing."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli.values import read_day
from varhouse.errors import StoreError, UsageError

if TYPE_CHECKING:
    from varhouse.sharing.request import Request

_EXAMPLE = """\
It needs a governed store, which the demo store is not before varhouse ledger import:
varhouse share check STORE --to NAME --cohort C --content individual --purpose P
varhouse share check STORE --to open --content aggregate --on 2027-01-01 --drafts

Asks the rules of the store about each cohort, and about all people that the recipient has
afterwards: distinct persons over all that ever left, whatever cohorts were called. Tells the
rules that are met, the people by assay, and which papers are missing.

--content individual: calls, carriers, sample names, counts of a chosen group; aggregate:
counts over whole cohorts and strata. --on asks for another day, --drafts as if drafts were in
force, --rules by another book: what if. Nothing is written.

Decision support, not legal advice.
"""
_EXIT = """\
exit codes: 0 allowed; 3 allowed after report and backup; 4 needs a security review; 1 denied,
or a store that cannot be read; 2 a mistake on the command line or in the rules
"""


def add_request(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what is asked."""
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.add_argument(
        "--to", metavar="RECIPIENT", help="a recipient of the ledger, or open, or inside"
    )
    parser.add_argument("--purpose", default="", metavar="TEXT", help="what the data is for")
    parser.add_argument(
        "--cohort", action="append", default=[], metavar="C",
        help="whose data (default: all cohorts); may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--samples", metavar="LIST",
        help="these people alone: names with commas between them, or a file of names",
    )  # fmt: skip
    parser.add_argument(
        "--content", choices=("individual", "aggregate"), default="individual",
        help="what of them [individual]",
    )  # fmt: skip
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")


def add_parser(steps: Any) -> None:
    """Declare `varhouse share check`."""
    parser = steps.add_parser(
        "check",
        help="may data leave, and which papers are missing",
        description=_EXAMPLE,
        epilog=_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_request(parser)
    parser.add_argument("--people", metavar="EXPR", help="a condition on the sheets: who")
    parser.add_argument(
        "--on", type=read_day, metavar="DATE", help="on another day: 2027-01-31"
    )
    parser.add_argument(
        "--drafts", action="store_true", help="as if drafts of rules were in force"
    )
    parser.add_argument("--rules", metavar="FILE", help="by these rules; builtin: ours")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def request_of(args: argparse.Namespace, what: str) -> "Request":
    """Read what is asked.

    Raises
    ------
    UsageError
        If it is not said to whom.
    StoreError
        If the store is not governed.
    """
    from varhouse.cli.export import _read_names
    from varhouse.sharing.request import Content, Request

    if args.to is None:
        raise UsageError("nothing says to whom", "--to RECIPIENT")
    check_governed(args.store)
    names = _read_names(args.samples)
    return Request(
        store=args.store,
        release=args.release,
        cohorts=tuple(args.cohort) or None,
        samples=tuple(names) if names else None,
        people=getattr(args, "people", None),
        content=Content(args.content),
        recipient=args.to,
        purpose=args.purpose,
        what=what,
    )


def check_governed(store: Path) -> None:
    """Check that a store has a ledger of permits.

    Raises
    ------
    StoreError
        If not, or if there is no store.
    """
    from varhouse.governed import is_governed
    from varhouse.store.layout import read_store_file

    read_store_file(store)
    if not is_governed(store):
        raise StoreError(
            f"{store} is not governed: it has no ledger of permits",
            "varhouse ledger import STORE SHEET makes one",
        )


def run(args: argparse.Namespace) -> int:
    """Ask the gate and say what it answers."""
    from varhouse.governance.rules import load_rules
    from varhouse.masking import say
    from varhouse.sharing.answertext import answer_json, answer_lines
    from varhouse.sharing.gate import ask
    from varhouse.sharing.request import EXIT_CODES

    request = request_of(args, "share check")
    book = load_rules(args.rules) if args.rules else None
    decision = ask(request, args.on, book, drafts=args.drafts)
    if args.json:
        print(json.dumps(answer_json(decision), ensure_ascii=False, indent=1))
    else:
        for line in answer_lines(decision):
            say(line)
    return EXIT_CODES[decision.answer]
