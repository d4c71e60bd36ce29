"""`varhouse store verify`: everything is read again and checked."""

import argparse
import json
import logging
import sys
from pathlib import Path

from varhouse.cli.storeparts import add_command, add_release
from varhouse.masking import say

log = logging.getLogger("varhouse.store")


def add_parser(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verify = add_command(
        steps,
        "verify",
        _run,
        "read everything again and check it",
        "example:  varhouse store verify demo/store",
        "Writes no file. Prints one line for each thing that is wrong; exit code 1 if any.\n"
        "A `note:` is of a table that an earlier version of varhouse made otherwise.\n"
        "Every file is read once, by code that has nothing in common with what wrote it.",
    )
    add_release(verify)
    verify.add_argument(
        "--quick",
        action="store_true",
        help="look at records, logs, catalogues and sizes alone; no table is read",
    )
    verify.add_argument(
        "--json", action="store_true", help="print what is wrong as JSON, a line each"
    )


def _run(args: argparse.Namespace) -> int:
    # Older releases are opened as any reader does, which says why one cannot be.
    from varhouse.store.reader import open_store
    from varhouse.verify.problems import Problem
    from varhouse.verify.whole import verify

    store = open_store(args.store, args.release)
    problems = verify(Path(args.store), store.release, quick=args.quick)
    if not args.quick and all(p.is_note for p in problems):
        from varhouse.query.callablecheck import check_kits

        problems += [Problem("callable", "", what) for what in check_kits(store)]
    for problem in problems:
        if args.json:
            row = {"table": problem.table, "file": problem.file, "what": problem.what}
            say(json.dumps({**row, "is_note": problem.is_note}, ensure_ascii=False))
        else:
            say(problem)
    tables = len(store.tables)
    rows = sum(t.rows for t in store.record.tables.values())
    wrong = sum(not p.is_note for p in problems)
    if wrong:
        print(f"{wrong} problem(s) in release {store.release}", file=sys.stderr)
        return 1
    log.info(
        "release %d: %d tables, %s rows, nothing wrong", store.release, tables, f"{rows:,}"
    )
    return 0
