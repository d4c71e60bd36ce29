"""`varhouse store verify`: everything is read again and checked."""

import argparse
import logging
import sys

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
        "A `note:` is of a table that an earlier version of varhouse made otherwise.",
    )
    add_release(verify)


def _run(args: argparse.Namespace) -> int:
    from varhouse.query.callablecheck import check_callable
    from varhouse.store.reader import open_store
    from varhouse.store.verify import verify

    store = open_store(args.store, args.release)
    problems = verify(store)
    if all(p.is_note for p in problems):
        problems += check_callable(store)
    for problem in problems:
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
