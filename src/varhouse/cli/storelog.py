"""`varhouse store log`, `show` and `digest`: what releases say of themselves."""

import argparse
import json
import shlex

from varhouse.cli.answers import add_audience, asked_audience
from varhouse.cli.storeparts import add_command, add_release
from varhouse.errors import StoreError
from varhouse.masking import mask_text, say


def add_parsers(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "log",
        _log,
        "list the releases: what each changed, and what was said of it later",
        "example:  varhouse store log demo/store",
        "A line a release: number, time, digest, operation, ingest, tags, what it cost,\n"
        "people and alleles of cohorts before and after, whether it was withdrawn or sealed.\n"
        "Writes no file.",
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON for each release")
    add_audience(parser)
    parser = add_command(
        steps,
        "show",
        _show,
        "tables, rows, files, cohorts and digest of a release, and what it changed",
        "example:  varhouse store show demo/store --release 2",
        "A sealed release shows what its record tells. Writes no file.",
    )
    add_release(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_audience(parser)
    parser = add_command(
        steps,
        "digest",
        _digest,
        "print one hash of the content",
        "example:  varhouse store digest demo/store",
        "Writes no file. The hash is the same for the same data, whatever the order of\n"
        "ingests, the file layout, the time or the number of cores.",
    )
    add_release(parser)
    parser.add_argument("--per-table", action="store_true", help="one line a table")
    parser.add_argument(
        "--recompute", action="store_true", help="read the data instead of the release record"
    )


def _log(args: argparse.Namespace) -> int:
    from varhouse.store.history import CHANGED, describe_cohorts
    from varhouse.store.lifecycle import log_releases

    for row in log_releases(args.store, asked_audience(args)):
        if args.json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        event = dict(row["event"])
        moved = describe_cohorts(event.pop(CHANGED, {}))
        more = f"; {len(moved) - _COHORTS:,} cohorts more" if len(moved) > _COHORTS else ""
        cells = [
            f"{row['release']:>6}  {row['time']}  {row['digest'][:12]}  {row['operation']:<8}",
            row["ingest_id"] + (f" [{', '.join(row['tags'])}]" if row["tags"] else ""),
            *[" ".join(f"{k}={v}" for k, v in event.items())][: len(event)],
            *["; ".join(moved[:_COHORTS]) + more][: len(moved)],
            *(f"{e['kind'].upper()} {e['time'][:10]}: {e['reason']}" for e in row["errata"]),
        ]
        # Whatever a reason holds, a release is one line.
        say(mask_text("  ".join(cells)))
    return 0


_COHORTS = 5
"""Cohorts that a line of the log names; `show` names all."""


def _show(args: argparse.Namespace) -> int:
    from varhouse.store.history import describe_changes
    from varhouse.store.lifecycle import describe_release

    about = describe_release(args.store, args.release, asked_audience(args))
    if args.json:
        print(json.dumps(about, ensure_ascii=False, indent=1))
        return 0
    say(f"store     {about['path']}")
    say(f"assembly  {about['assembly']}")
    print(f"release   {about['release']} of {about['time']}")
    if "role" in about:
        say(f"view      of {about['role']}; shows release {about['shows']} of the whole store")
    for erratum in about["errata"]:
        say(f"{erratum['kind']:<9} {erratum['time']}: {mask_text(erratum['reason'])}")
    print(f"digest    {about['digest']}")
    cohorts = about["cohorts"]
    say(f"cohorts   {'sealed' if cohorts is None else ', '.join(cohorts) or '-'}")
    changes = about["changes"]
    before = f"release {changes['parent']}" if changes["parent"] else "nothing"
    event = " ".join(f"{k}={v}" for k, v in changes["event"].items())
    say(f"changed   {changes['operation']} upon {before}  {event}".rstrip())
    for line in describe_changes(changes):
        say(f"          {line}")
    print()
    width = max(len(name) for name in about["tables"])
    print(f"{'table':<{width}}  {'rows':>14}  {'files':>7}  {'MiB':>10}")
    for name, t in about["tables"].items():
        size = t["bytes"] / 2**20
        rows = "-" if t["rows"] is None else f"{t['rows']:,}"
        print(f"{name:<{width}}  {rows:>14}  {t['files']:>7,}  {size:>10,.2f}")
    return 0


def _digest(args: argparse.Namespace) -> int:
    from varhouse.store.reader import open_store
    from varhouse.tables.digest import store_digest

    store = open_store(args.store, args.release)
    recorded = store.table_digests()
    digests = recorded
    if args.recompute:
        # Only what reads the rows needs the compiled digest of rows.
        from varhouse.verify.whole import recompute_digests

        digests = recompute_digests(args.store, store.release)
    if args.per_table:
        for name, digest in sorted(digests.items()):
            print(f"{digest}  {name}")
    else:
        print(store_digest(digests))
    if digests != recorded:
        wrong = sorted(n for n in {*digests, *recorded} if digests.get(n) != recorded.get(n))
        raise StoreError(
            f"release {store.release}: not what was committed: {', '.join(wrong)}",
            f"varhouse store verify {shlex.quote(str(args.store))} says which files",
        )
    return 0
