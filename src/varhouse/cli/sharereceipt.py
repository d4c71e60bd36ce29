"""`varhouse share receipt`: what was given to whom, from the audit log."""

import argparse
import json
from pathlib import Path
from typing import Any

from varhouse.errors import UsageError
from varhouse.language import Text

_EXAMPLE = """\
It needs a governed store:
varhouse share receipt STORE
varhouse share receipt STORE 12 --json

Lists what left a governed store, a line each, by the audit log; with N, all that line N of the
log says, and what came of it. For whoever keeps the store. Nothing is written.

Decision support, not legal advice.
"""

NOTHING = Text(
    "line {n} of the audit log is of nothing that left", "审计日志第 {n} 条不是对外提供的记录"
)
NOTHING_FIX = Text(
    "varhouse share receipt {store} lists what left", "用 varhouse share receipt {store} 列出"
)
LINE = Text(
    "{n:>6}  {time}  {by}  {content} data of {people:,} people to {recipient}: {what}{state}",
    "{n:>6}  {time}  {by}  向 {recipient} 提供 {people:,} 人的 {content} 数据: {what}{state}",
)
STATES = {
    "share_failed": Text("  (failed, nothing left)", "  (失败,未提供)"),
    "open": Text("  (cut off: it counts)", "  (中断,按已提供计)"),
}


def add_parser(steps: Any) -> None:
    """Declare `varhouse share receipt`."""
    parser = steps.add_parser(
        "receipt",
        help="what was given to whom",
        description=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    parser.add_argument(
        "n", type=int, nargs="?", metavar="N", help="a line of the audit log (default: all)"
    )
    parser.add_argument("--recipient", metavar="NAME", help="what went to one recipient")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show what left."""
    from varhouse.cli.sharecheck import check_governed
    from varhouse.governance.audit import Audit
    from varhouse.masking import say
    from varhouse.sharing.gatetexts import CONTENTS
    from varhouse.sharing.given import FAILED, SHARE, SHARED

    check_governed(args.store)
    events = Audit(args.store).events()
    ends = {x.body["of"]: x for x in events if x.body.get("event") in (SHARED, FAILED)}
    shares = [x for x in events if x.body.get("event") == SHARE]
    if args.recipient is not None:
        shares = [x for x in shares if x.body["recipient"] == args.recipient]
    if args.n is not None:
        shares = [x for x in shares if x.n == args.n]
        if not shares:
            raise UsageError(NOTHING.say(n=args.n), NOTHING_FIX.say(store=args.store))
    for link in shares:
        end = ends.get(link.n)
        if args.json:
            told = {"n": link.n, "time": link.time, "by": link.by, "digest": link.digest}
            came = None if end is None else {"n": end.n, "time": end.time, **end.body}
            told |= {"share": link.body, "came_of_it": came}
            indent = None if args.n is None else 1
            print(json.dumps(told, ensure_ascii=False, indent=indent))
            continue
        state = "open" if end is None else str(end.body["event"])
        say(
            LINE.say(
                n=link.n, time=link.time, by=link.by, what=link.body["what"],
                content=CONTENTS[link.body["content"]].say(),
                people=link.body["people"]["now"], recipient=link.body["recipient"],
                state=STATES[state].say() if state in STATES else "",
            )
        )  # fmt: skip
        if args.n is not None:
            for name, value in {**link.body, **(end.body if end else {})}.items():
                say(f"        {name}: {json.dumps(value, ensure_ascii=False)}")
    return 0
