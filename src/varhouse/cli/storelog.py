"""`varhouse store log`, `show` and `digest`: what releases say of themselves."""

import argparse
import json
import shlex

from varhouse.cli.storeparts import add_command, add_release
from varhouse.errors import StoreError
from varhouse.masking import say


def add_parsers(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = add_command(
        steps,
        "log",
        _log,
        "list the releases",
        "example:  varhouse store log demo/store",
        "Writes no file.",
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON for each release")
    parser = add_command(
        steps,
        "show",
        _show,
        "tables, rows, files, cohorts and digest of a release",
        "example:  varhouse store show demo/store",
        "Writes no file.",
    )
    add_release(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
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
    from varhouse.store.lifecycle import log_releases

    for row in log_releases(args.store):
        if args.json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        event = " ".join(f"{k}={v}" for k, v in row["event"].items())
        tags = f" [{', '.join(row['tags'])}]" if row["tags"] else ""
        say(
            f"{row['release']:>6}  {row['time']}  {row['digest'][:12]}  "
            f"{row['operation']:<8} {row['ingest_id']}{tags}  {event}".rstrip()
        )
    return 0


def _show(args: argparse.Namespace) -> int:
    from varhouse.store.lifecycle import describe
    from varhouse.store.reader import open_store

    about = describe(open_store(args.store, args.release))
    if args.json:
        print(json.dumps(about, ensure_ascii=False, indent=1))
        return 0
    say(f"store     {about['path']}")
    say(f"assembly  {about['assembly']}")
    print(f"release   {about['release']} of {about['time']}")
    print(f"digest    {about['digest']}")
    say(f"cohorts   {', '.join(about['cohorts']) or '-'}")
    print()
    width = max(len(name) for name in about["tables"])
    print(f"{'table':<{width}}  {'rows':>14}  {'files':>7}  {'MiB':>10}")
    for name, t in about["tables"].items():
        size = t["bytes"] / 2**20
        print(f"{name:<{width}}  {t['rows']:>14,}  {t['files']:>7,}  {size:>10,.2f}")
    return 0


def _digest(args: argparse.Namespace) -> int:
    from varhouse.store.reader import open_store
    from varhouse.tables.digest import store_digest

    store = open_store(args.store, args.release)
    recorded = store.table_digests()
    digests = recorded
    if args.recompute:
        # Only what reads the rows needs the compiled digest of rows.
        from varhouse.store.verify import recompute_digests

        digests = recompute_digests(store)
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
