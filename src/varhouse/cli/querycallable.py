"""`varhouse query --callable`: who is assessed at any base, variant or not."""

import argparse
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from varhouse.cli.queryoptions import callable_by

if TYPE_CHECKING:
    import polars as pl

    from varhouse.query.callability import Callability
    from varhouse.query.output import Writer
    from varhouse.query.selection import Selection


def run(args: argparse.Namespace) -> int:
    """Answer who is assessed."""
    began = time.perf_counter()
    from varhouse.cli.answers import (
        FORMATS,
        TERMINAL_ROWS,
        Limited,
        asked_columns,
        check_safe,
        open_asked,
        report,
        say_hidden,
        started,
        write_all,
    )
    from varhouse.query.callability import Callability
    from varhouse.query.expression import find_column
    from varhouse.query.output import choose_format, make_writer, open_output
    from varhouse.query.people import choose_people
    from varhouse.query.selection import Selection
    from varhouse.query.terminal import TableWriter, terminal_width

    form = choose_format(args.format, args.output, FORMATS)
    check_safe(args, form)
    columns = asked_columns(args)
    store = open_asked(args)
    people = choose_people(store, args.people) if args.people else None
    answer = Callability(store, args.cohort, callable_by(args), people)
    names = [find_column(c, answer.schema) for c in columns] or list(answer.schema)
    width = terminal_width() if args.output is None else None
    limit = args.limit
    if limit is None and form == "table" and width is not None:
        limit = TERMINAL_ROWS
    selection = Selection(args.region, args.gene, args.id)
    rows = Limited(started(_wanted(answer, selection, args.where)), limit)
    with open_output(args.output) as stream:
        writer: Writer
        if form == "table":
            writer = TableWriter(stream, names, keep=bool(columns), width=width)
        else:
            schema = {n: answer.schema[n] for n in names}
            writer = make_writer(form, stream, schema, safe=args.spreadsheet_safe)
        total = write_all(writer, (frame.select(names) for frame in rows))
    report(total, "row", f"release {store.release}", began, args.output)
    if rows.cut and args.limit is None:
        logging.getLogger("varhouse.query").info(
            "only the first %s are shown: --limit N, or --format tsv for all", f"{total:,}"
        )
    say_hidden(writer)
    return 0


def _wanted(
    answer: "Callability", selection: "Selection", where: list[str]
) -> "Iterator[pl.DataFrame]":
    """Give the rows that fit all conditions."""
    from varhouse.query.expression import parse_where

    tests = [parse_where(w, answer.schema).expression for w in where]
    return (frame.filter(*tests) if tests else frame for frame in answer.frames(selection))
