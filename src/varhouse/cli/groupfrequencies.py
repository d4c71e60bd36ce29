"""`varhouse frequencies STORE`: counts of any group of people of a store."""

import argparse
import time
from typing import TYPE_CHECKING

from varhouse.errors import InputError, UsageError

if TYPE_CHECKING:
    from varhouse.query.groups import GroupCounter
    from varhouse.query.histograms import Histograms
    from varhouse.query.opened import OpenStore
    from varhouse.query.people import People
    from varhouse.query.selection import Selection

_OF_FILES = ("strata", "par", "cohort", "reference", "aliases")
_OF_STORES = (
    "people", "region", "gene", "id", "all", "columns", "by_cohort", "release", "format",
    "audience", "public", "spreadsheet_safe", "histograms",
)  # fmt: skip


def check_options(args: argparse.Namespace, *, is_store: bool) -> None:
    """Check that no option of the other use is given.

    Raises
    ------
    InputError
        If there is no such input.
    UsageError
        If one is.
    """
    if not args.input.exists():
        raise InputError(f"{args.input}: no such file or folder", "check the path")
    for name in _OF_FILES if is_store else _OF_STORES:
        if getattr(args, name):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} does not go with {'a store' if is_store else 'a file'}"
                f" ({args.input})",
                "`varhouse frequencies --help` tells what goes with which",
            )
    if not is_store and args.output is None:
        raise UsageError("-o OUT is needed for the frequencies of a file")


def run(args: argparse.Namespace) -> int:
    """Count a group of people of a store."""
    began = time.perf_counter()
    from varhouse.cli.answers import (
        FORMATS,
        check_safe,
        open_asked,
        report,
        say_hidden,
        started,
        write_all,
    )
    from varhouse.query.output import choose_format, make_writer, open_output
    from varhouse.query.people import choose_people, everybody
    from varhouse.query.terminal import TableWriter, terminal_width

    selection = _selection(args)
    form = choose_format(
        args.format,
        args.output,
        FORMATS,
        otherwise="varhouse annotate IN --store STORE -o OUT.vcf.gz writes them into a VCF",
    )
    check_safe(args, form)
    columns = [c.strip() for c in (args.columns or "").split(",") if c.strip()]
    args.store = str(args.input)
    store = open_asked(args)
    if args.histograms and args.people is None and args.samples is None:
        people = everybody(store)
    else:
        people = choose_people(store, args.people, args.samples)
    counter = _counter(store, people, columns, args)
    frames = started(counter.frames(selection))
    with open_output(args.output) as stream:
        if form == "table":
            width = terminal_width() if args.output is None else None
            writer = TableWriter(stream, list(counter.schema), keep=bool(columns), width=width)
            rows = write_all(writer, frames)
            say_hidden(writer)
        else:
            plain = make_writer(form, stream, counter.schema, safe=args.spreadsheet_safe)
            rows = write_all(plain, frames)
    noun = "row" if args.by_cohort else "allele"
    report(rows, noun, f"{people.told()}, release {store.release}", began, args.output)
    return 0


def _counter(
    store: "OpenStore", people: "People", columns: list[str], args: argparse.Namespace
) -> "GroupCounter | Histograms":
    if args.histograms:
        from varhouse.query.histograms import Histograms

        asked = store.asked(None, None, None, None, None, people)
        return Histograms(store, asked.columns, columns, by_cohort=args.by_cohort)
    from varhouse.query.groups import GroupCounter

    return GroupCounter(store, people, columns, by_cohort=args.by_cohort)


def _selection(args: argparse.Namespace) -> "Selection":
    from varhouse.cli.answers import check_all
    from varhouse.query.selection import Selection

    check_all(args, "alleles")
    return Selection(args.region, args.gene, args.id)
