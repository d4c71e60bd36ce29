"""`varhouse audit person` and `erasure`: what became of one person's data."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli.audit import add_store
from varhouse.cli.sharecheck import check_governed
from varhouse.errors import UsageError

if TYPE_CHECKING:
    from varhouse.sharing.auditperson import Person


def add_parser(steps: Any) -> None:
    """Declare both commands."""
    parser = steps.add_parser(
        "person",
        help="which releases hold a person, and who was given data of him",
        description="Who asks stands in the audit log; the person does so as a keyed hash.",
    )
    _add_person(parser)
    parser.set_defaults(run=_person)
    parser = steps.add_parser(
        "erasure",
        help="an answer to a request for erasure, in Chinese and English",
        description="What was held, what was given to whom and when, what was withdrawn, and"
        " what remains to be done. Decision support, not legal advice.",
    )
    _add_person(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE (Markdown)"
    )
    parser.set_defaults(run=_erasure)


def _add_person(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument(
        "sample", metavar="SAMPLE",
        help="sample id or accession; -: a line of stdin, so that no shell keeps it",
    )  # fmt: skip
    parser.add_argument(
        "--cohort", metavar="C", help="the sample of this cohort alone (default: any)"
    )


def _find(args: argparse.Namespace) -> "Person":
    from varhouse.sharing.auditperson import find_person

    check_governed(args.store)
    sample = sys.stdin.readline().strip() if args.sample == "-" else args.sample
    if not sample:
        raise UsageError("nothing says who", "a sample id, or - and a line on stdin")
    return find_person(args.store, sample, args.cohort)


def _person(args: argparse.Namespace) -> int:
    from varhouse.masking import say
    from varhouse.sharing.auditperson import describe

    person = _find(args)
    if args.json:
        print(json.dumps(person.as_json(), ensure_ascii=False, indent=1))
    else:
        for line in describe(person):
            say(line)
    return 0 if person.is_known else 1


def _erasure(args: argparse.Namespace) -> int:
    from varhouse.files import write_text
    from varhouse.governance.ledger import Ledger
    from varhouse.sharing.auditperson import letters, remaining

    person = _find(args)
    if args.json:
        text = json.dumps(
            {**person.as_json(), "remaining": remaining(person)}, ensure_ascii=False, indent=1
        )
        text += "\n"
    else:
        text = letters(person, Ledger.open(args.store).today())
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_text(args.output, text)
    return 0 if person.is_known else 1
