"""`varhouse audit report` and `log`: who was given what, by cohort and recipient."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from varhouse.cli.audit import add_store
from varhouse.cli.sharecheck import check_governed
from varhouse.cli.values import read_day
from varhouse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from varhouse.governance.chain import Link
    from varhouse.sharing.auditevents import Asked


def add_parser(steps: Any) -> None:
    """Declare both commands."""
    parser = steps.add_parser(
        "report",
        help="by cohort and recipient: how often, how many people, under which rules",
        description="A line a cohort and recipient: givings and refusals, people of the"
        " largest giving, contents, rules, first and last time; then the distinct people that"
        " each recipient was given.",
    )
    _add_choice(parser)
    parser.set_defaults(run=_report)
    parser = steps.add_parser(
        "log",
        help="every event: who did what, when, under which rule, digest of the output",
        description="A line an event, the oldest first. --json: a line of JSON each, with all"
        " that it tells.",
    )
    _add_choice(parser)
    parser.add_argument(
        "--all", action="store_true", help="also what left nothing: entries of the ledger, ..."
    )
    parser.set_defaults(run=_log)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument(
        "--since", type=read_day, metavar="DAY", help="from this day on: 2026-01-31"
    )
    parser.add_argument(
        "--until", type=read_day, metavar="DAY", help="up to this day, included"
    )
    for name in ("recipient", "cohort", "rule"):
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar=name[0].upper(),
            help=f"this {name} alone; may be repeated",
        )  # fmt: skip


def _asked(args: argparse.Namespace) -> "Asked":
    from varhouse.sharing.auditevents import Asked

    return Asked(
        args.since, args.until, tuple(args.recipient), tuple(args.cohort), tuple(args.rule),
    )  # fmt: skip


def _report(args: argparse.Namespace) -> int:
    from varhouse.masking import say
    from varhouse.sharing.audits import make_report
    from varhouse.sharing.audittexts import HEADER, NOTHING, PEOPLE_OF

    check_governed(args.store)
    report = make_report(args.store, _asked(args))
    if args.json:
        told = {
            "lines": [asdict(x) for x in report.lines],
            "people": report.people,
            "events": [p.as_json() for p in report.passed],
        }
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return 0
    if not report.lines:
        say(NOTHING.say())
        return 0
    say(HEADER.say())
    for x in report.lines:
        cells = (
            x.cohort or "-", x.recipient, x.givings, x.refused, x.people,
            ",".join(x.contents), ",".join(x.rules) or "-", x.first, x.last,
        )  # fmt: skip
        say("\t".join(map(str, cells)))
    for recipient, n in report.people.items():
        say(PEOPLE_OF.say(recipient=recipient, people=n))
    return 0


def _of_days(
    links: "Sequence[Link]", zone: "tzinfo", args: argparse.Namespace
) -> "Iterator[Link]":
    """Give events by their days: most of those of --all have no recipient, cohort or rules."""
    for name in ("recipient", "cohort", "rule"):
        if getattr(args, name):
            raise UsageError(
                f"--{name} does not go with --all", "leave one out; --since and --until go"
            )
    from varhouse.governance.days import day_of

    asked = _asked(args)
    for link in links:
        if asked.of_days(day_of(link.time, zone)):
            yield link


def _log(args: argparse.Namespace) -> int:
    from varhouse.governance.audit import Audit
    from varhouse.governance.ledger import Ledger
    from varhouse.masking import say
    from varhouse.sharing.auditevents import choose, read_passed
    from varhouse.sharing.auditperson import digest_of
    from varhouse.sharing.audittexts import OUTCOME

    check_governed(args.store)
    links, zone = Audit(args.store).events(), Ledger.open(args.store).zone
    if args.all:
        for link in _of_days(links, zone, args):
            if args.json:
                print(json.dumps(asdict(link), ensure_ascii=False))
            else:
                say(f"{link.n}\t{link.time}\t{link.by}\t{link.body.get('event')}")
        return 0
    for p in choose(read_passed(links, zone), _asked(args)):
        if args.json:
            print(json.dumps(p.as_json(), ensure_ascii=False))
            continue
        cells = (
            p.n, p.time, p.by, OUTCOME[p.outcome].say(), p.what, p.recipient, p.content,
            ",".join(p.cohorts) or "-", p.people[""], ",".join(p.rules) or "-",
            digest_of(p.output) or "-",
        )  # fmt: skip
        say("\t".join(map(str, cells)))
    return 0
