"""`varhouse store verify`: everything is read again and checked."""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli.storeparts import add_command, add_release
from varhouse.errors import UsageError
from varhouse.masking import say

if TYPE_CHECKING:
    from varhouse.verify.problems import Problem

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
        "Every file is read once, by code that has nothing in common with what wrote it;\n"
        "only what capture kits add to `callable` is counted by the code that asks it.",
    )
    add_release(verify)
    verify.add_argument(
        "--quick",
        action="store_true",
        help="look at records, logs, catalogues and sizes alone; no table is read",
    )
    verify.add_argument(
        "--source",
        action="store_true",
        help="compare with the files of the cohorts too, where they still are: every record, "
        "call, FORMAT value and count",
    )
    verify.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="with --source: N stretches of 10,000 bases drawn at random, not everything; "
        "the tables are not read otherwise",
    )
    verify.add_argument(
        "--seed", type=int, metavar="S", help="of --sample (default: another one each time)"
    )
    verify.add_argument(
        "--json", action="store_true", help="print what is wrong as JSON, a line each"
    )


def _compare_sources(args: argparse.Namespace, release: int) -> "list[Problem]":
    from varhouse.verify.source import compare_sources

    told = compare_sources(Path(args.store), release, sample=args.sample, seed=args.seed)
    if told.seed is not None:
        log.info("seed      %d", told.seed)
    log.info(
        "source    %d file(s), %s records, %s calls, counts of %s alleles compared",
        told.files, f"{told.records:,}", f"{told.calls:,}", f"{told.alleles:,}",
    )  # fmt: skip
    return told.problems


def _run(args: argparse.Namespace) -> int:
    # Older releases are opened as any reader does, which says why one cannot be.
    from varhouse.store.reader import open_store
    from varhouse.verify.problems import Problem
    from varhouse.verify.whole import verify

    if (args.sample is not None or args.seed is not None) and not args.source:
        raise UsageError("--sample and --seed are of --source", "add --source")
    if args.sample is not None and args.sample < 1:
        raise UsageError("--sample: a number of stretches from 1 on")
    if args.quick and args.source and args.sample is None:
        raise UsageError("--quick reads no table, --source all", "leave one out, or --sample")
    store = open_store(args.store, args.release)
    # A sample is for every night, a look at all tables is not.
    is_quick = args.quick or args.sample is not None
    problems = verify(Path(args.store), store.release, quick=is_quick)
    if not is_quick and all(p.is_note for p in problems):
        from varhouse.query.callablecheck import check_kits

        problems += [Problem("callable", "", what) for what in check_kits(store)]
    if args.source and all(p.is_note for p in problems):
        problems += _compare_sources(args, store.release)
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
