"""`varhouse audit verify`: whether ledger and audit log are as they were written."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from varhouse.cli.audit import add_store
from varhouse.cli.sharecheck import check_governed
from varhouse.cli.values import read_head

_TEXT = """\
Checks each line of both chains, both against the heads that the other one knows, against those
in the records of releases (of the store and its views), in receipts, and those that were kept
elsewhere; and the files of persons against the log. Exit code 1: something was changed.

Who can write to the store can write both chains anew, with all anchors in it. So keep the
heads that this prints where he cannot, and give them with --anchor and --audit-anchor.
"""


def add_parser(steps: Any) -> None:
    """Declare `varhouse audit verify`."""
    parser = steps.add_parser(
        "verify",
        help="whether ledger and audit log are as they were written",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_store(parser)
    for name, what in (("--anchor", "ledger"), ("--audit-anchor", "audit log")):
        parser.add_argument(
            name, action="append", default=[], type=read_head, metavar="N:DIGEST",
            help=f"a head of the {what} that was kept elsewhere, its first digits will do; "
            "may be repeated",
        )  # fmt: skip
    parser.add_argument(
        "--receipt", action="append", default=[], type=Path, metavar="FILE",
        help="receipt.json of a pack; may be repeated",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, and say what does not fit."""
    from varhouse.masking import say
    from varhouse.sharing.audits import verify
    from varhouse.sharing.audittexts import KEEP, VERIFIED, VERIFY_FIX

    check_governed(args.store)
    found = verify(args.store, args.anchor, args.audit_anchor, args.receipt)
    if args.json:
        told = {
            "ledger": {"n": found.head[0], "digest": found.head[1]},
            "audit": {"n": found.audit_head[0], "digest": found.audit_head[1]},
            "anchors": found.anchors,
            "problems": found.problems,
            "notes": found.notes,
        }
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return 1 if found.problems else 0
    for note in found.notes:
        say(f"note: {note}", sys.stderr)
    if found.problems:
        for problem in found.problems:
            say(f"error: {problem}", sys.stderr)
        say(f"fix: {VERIFY_FIX.say()}", sys.stderr)
        return 1
    say(VERIFIED.say(ledger=found.entries, audit=found.events, anchors=found.anchors))
    say(KEEP.say())
    for option, head in (("--anchor", found.head), ("--audit-anchor", found.audit_head)):
        if head[0]:
            say(f"  {option} {head[0]}:{head[1]}")
    return 0
