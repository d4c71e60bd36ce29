"""`varhouse share release`: the next release of what a role may see of a governed store."""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli.values import read_day
from varhouse.language import Text

if TYPE_CHECKING:
    from varhouse.sharing.views import Released

log = logging.getLogger("varhouse.sharing")

_TEXT = """\
It needs a governed store, which the demo store is not before varhouse ledger import:
varhouse share release STORE --role public
varhouse share release STORE --role registered --dry-run

Makes STORE/_views/ROLE, a store of its own that holds nothing that the role may not see:
cohorts by tier, embargo and rules, sums over these cohorts, no numbers that tell of few
people. varhouse query STORE --audience ROLE (and sql, publish, report, Python) reads it, and
it can be copied and pushed like any store. The same command again makes no release unless
something has changed.

A release is refused if fewer people than the least number explain what differs from an
earlier one, of this role or another. Then wait for more people, keep a cohort as it is
(--hold), or do without it (--leave-out). So it is if a cohort shares people with another and
has too few of its own: it tells the whole command that leaves one out.
"""
_FILES = """\
Writes STORE/_views/ROLE, an account to STORE/_store/governance/private/views/ROLE and lines to
the audit log; prints the number of the view's release.

exit codes: 0 there is a release (also the one of before, where nothing changed); 1 refused, or
a store that cannot be read; 2 a mistake on the command line

Decision support, not legal advice.
"""

MADE = Text(
    "view {role}: release {release} of {cohorts} cohort(s), {people} people",
    "视图 {role}:第 {release} 次发布,{cohorts} 个队列,{people} 人",
)
SAME = Text(
    "view {role}: release {release} is what would be made, nothing has changed",
    "视图 {role}:第 {release} 次发布即为当前内容,无变化",
)
WOULD = Text(
    "view {role}: a release of {cohorts} cohort(s), {people} people would be made",
    "视图 {role}:将生成一次发布,{cohorts} 个队列,{people} 人",
)
AGAIN = Text(
    "{n} of these people are in several cohorts: numbers of all together count them again",
    "其中 {n} 人同时属于多个队列:全部合计会重复计数",
)
OUT = Text("not in it: {cohort}: {why}", "未纳入:{cohort}:{why}")
ROWS = Text(
    "{table}: {shown} rows, in {masked} of them the counts are masked; {hidden} left out",
    "{table}:{shown} 行,其中 {masked} 行计数已屏蔽;{hidden} 行未纳入",
)
ALLELES = Text(
    "alleles: {shown}; {hidden} that too few people carry are left out",
    "等位基因:{shown} 个;{hidden} 个因携带者过少未纳入",
)


def add_parser(steps: Any) -> None:
    """Declare `varhouse share release`."""
    parser = steps.add_parser(
        "release",
        help="make the next release of what a role may see",
        description=_TEXT,
        epilog=_FILES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.add_argument(
        "--role", required=True, choices=("public", "registered", "inside"), help="for whom"
    )
    parser.add_argument(
        "--release", metavar="R", help="of the store: number or tag (default: the newest)"
    )
    parser.add_argument(
        "--hold", action="append", default=[], metavar="C",
        help="keep this cohort as the view has it now; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="C",
        help="do without this cohort; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--on",
        type=read_day,
        metavar="DATE",
        help="as on another day: 2027-01-31; to be made, it must pass today",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="tell all of it as JSON")
    parser.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS",
        help="how long to wait for another writer (default: 60)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the release and say what came of it."""
    from varhouse.sharing.views import Wanted, release_view

    done = release_view(
        Wanted(
            store=args.store,
            role=args.role,
            release=args.release,
            hold=tuple(args.hold),
            leave_out=tuple(args.leave_out),
            on=args.on,
            dry_run=args.dry_run,
            wait=args.wait,
        )
    )
    if args.json:
        told = {"release": done.release, "is_new": done.is_new, **asdict(done.account)}
        told.pop("parts")
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1)
        print()
        return 0
    _say(args.role, done)
    if done.release is not None:
        print(done.release)
    return 0


def _say(role: str, done: "Released") -> None:
    account = done.account
    text = MADE if done.is_new else WOULD if done.release is None else SAME
    people = f"{account.people.get('', 0):,}"
    values: dict[str, Any] = {"cohorts": len(account.cohorts), "people": people, "role": role}
    if done.release is not None:
        values["release"] = done.release
    log.info(text.say(**values))
    if account.again[0]:
        log.info(AGAIN.say(n=f"{account.again[0]:,}"))
    for cohort, why in sorted(done.reasons.items()):
        log.info(OUT.say(cohort=cohort, why=why))
    for table, n in sorted(account.rows.items()) if done.is_new else ():
        counts = {k: f"{n.get(k, 0):,}" for k in ("shown", "masked", "hidden")}
        if "masked" in n:
            log.info(ROWS.say(table=table, **counts))
        elif table == "variants":
            log.info(ALLELES.say(shown=counts["shown"], hidden=counts["hidden"]))
