"""`varhouse store gc`: what goes from a store's disk."""

import argparse
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli.storeparts import add_command, add_wait
from varhouse.cli.viewsleft import next_releases
from varhouse.errors import UsageError

if TYPE_CHECKING:
    from varhouse.store.gc import Collected

log = logging.getLogger("varhouse.store")

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    gc = add_command(
        steps,
        "gc",
        _run,
        "remove what killed processes left, and releases that are not to be kept",
        "example:  varhouse store gc demo/store --dry-run",
        "Removes work folders of processes that have ended (those that --keep-work kept,\n"
        "too), unfinished files, and shards and tables that no release holds: as the next\n"
        "ingest or drop does by itself. With rules, releases that none of them keeps are\n"
        "sealed: nobody opens them any more, and their files go with the first gc after the\n"
        "grace time. The newest release always stays, and so does what a release that is\n"
        "kept needs.\n\n"
        "rules:  all, tagged, last N, since YYYY-MM-DD, daily [N], weekly [N], monthly [N],\n"
        "        yearly [N]; a release that any of them keeps is kept.\n\n"
        "varhouse store gc demo/store --keep 'tagged, last 30, monthly' --dry-run\n\n"
        "Prints a line for each release that is sealed, and for each file or folder that\n"
        "goes: MiB, path, what. Writes STORE/_store/errata/, and STORE/_store/retention.json\n"
        "with --remember. docs/retention.md has more.",
    )
    gc.add_argument(
        "--keep", metavar="RULES", help="which releases to keep (default: what is remembered)"
    )
    gc.add_argument(
        "--remember", action="store_true", help="make these the rules of the store"
    )
    gc.add_argument(
        "--grace",
        default="24h",
        metavar="TIME",
        help="how long files of a sealed release stay for whoever reads it: 90min, 24h, 7d, "
        "or 0 (default: 24h)",
    )
    gc.add_argument(
        "--purge-withdrawn",
        action="store_true",
        help="also seal each release that holds somebody who was withdrawn since, and remove "
        "at once what sealed releases held (--grace 0)",
    )
    gc.add_argument("--dry-run", action="store_true", help="only say what would go")
    add_wait(gc)


def parse_time(text: str) -> float:
    """Read a stretch of time such as `24h` as seconds; 0 needs no unit.

    Raises
    ------
    UsageError
        If it is none.
    """
    if re.fullmatch(r"0*[1-9][0-9]*", text.strip()):
        raise UsageError(f"{text!r} of what?", f"{text.strip()}h, or with s, min or d")
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]+)?) ?(s|min|h|d)", text.strip())
    if match is None and not re.fullmatch(r"0+", text.strip()):
        raise UsageError(
            f"{text!r} is no stretch of time", "a number with s, min, h or d: 24h"
        )
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


def _run(args: argparse.Namespace) -> int:
    from varhouse.sharing.viewpurge import purge_views
    from varhouse.store.gc import collect
    from varhouse.store.layout import read_store_file
    from varhouse.store.lock import store_lock
    from varhouse.store.purge import purge_withdrawn
    from varhouse.store.retention import parse_policy, read_policy, remember_policy

    path = args.store.absolute()
    grace = parse_time(args.grace)
    if args.remember and args.keep is None:
        raise UsageError("--remember: which rules?", "add --keep RULES")
    policy = parse_policy(args.keep) if args.keep is not None else None
    read_store_file(path)
    with store_lock(path, args.wait) as holder:
        policy = policy or read_policy(path)
        if args.purge_withdrawn:
            found = purge_withdrawn(
                path, policy=policy, dry_run=args.dry_run, token=holder.token
            ).collected
            views = purge_views(path, dry_run=args.dry_run)
        else:
            views = {}
            found = collect(
                path, policy=policy, grace=grace, dry_run=args.dry_run, token=holder.token
            )
        if args.remember and policy is not None and not args.dry_run:
            remember_policy(path, policy)
    print_collected(path, found)
    for role, numbers in views.items():
        for number in numbers:
            print(f"{'sealed':>10}  release {number} of the view {role}: withdrawal")
    purges = args.purge_withdrawn and not args.dry_run
    for line in next_releases(path, views, closed=True) if purges else ():
        print(f"{'next':>10}  {line}")
    tell_totals(found, dry_run=args.dry_run)
    return 0


def print_collected(path: Path, found: "Collected") -> None:
    """Print a line for each release that is sealed, and for all that goes."""
    for sealing in found.sealed:
        print(f"{'sealed':>10}  {sealing}")
    for leftover in found.gone:
        within = path in leftover.path.parents
        place = leftover.path.relative_to(path if within else path.parent)
        print(f"{leftover.bytes / 2**20:>10,.2f}  {place}  {leftover.what}")


def tell_totals(found: "Collected", *, dry_run: bool) -> None:
    """Say on stderr how many releases, files and bytes they are, by kind."""
    would, goes = ("would be", "would go") if dry_run else ("are", "are gone")
    if found.sealed:
        log.info("%d release(s) %s sealed", len(found.sealed), would)
    for what, (n, size) in found.by_kind().items():
        log.info("%7d  %10.2f MiB  %s", n, size / 2**20, what)
    total = found.bytes / 2**20
    log.info("%d file(s) or folder(s), %.2f MiB, %s", len(found.gone), total, goes)
    if found.waiting:
        log.info(
            "files of %d sealed release(s) stay for those who read them, of the last until "
            "%s: the first gc after that removes them",
            len(found.waiting),
            max(found.waiting.values()),
        )
