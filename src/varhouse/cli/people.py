"""`varhouse people`: what the calls say of samples: quality, kin, ancestry, duplicates."""

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli import peoplesketch
from varhouse.cli.storeparts import add_wait

if TYPE_CHECKING:
    import polars as pl

    from varhouse.people.settings import PeopleSettings
    from varhouse.query.opened import OpenStore
    from varhouse.query.output import Writer

log = logging.getLogger("varhouse.people")

_DESCRIPTION = """\
What the stored calls say of the samples: their quality, with flags; who is related to whom;
where they are on axes of ancestry; who stands in the store twice. `update` makes the tables
that the others read, once for each state of a cohort.

example:
  varhouse people update demo/store
"""

_READS = {
    "qc": (
        "sample_qc",
        "call rate, het/hom, Ti/Tv, singletons, depth, sex, contamination, runs, flags",
        "varhouse people qc demo/store --flagged",
    ),
    "related": (
        "related",
        "pairs of samples that are related by their calls, or by the sheet",
        "varhouse people related demo/store --where 'degree <= 1'",
    ),
    "trios": (
        "trios",
        "children with parents by the sheet, and their Mendelian errors",
        "varhouse people trios demo/store",
    ),
    "ancestry": (
        "ancestry",
        "where the samples are on axes of ancestry, and who is far from the own population",
        "varhouse people ancestry demo/store --where outlier",
    ),
    "same": (
        "same_people",
        "samples of people who stand in the store more than once",
        "varhouse people same demo/store",
    ),
}
"""Command to the table that it shows, what that is, and an example."""


def add_parser(commands: Any) -> None:
    """Declare `varhouse people` and its commands."""
    parser = commands.add_parser(
        "people",
        help="what the calls say of samples: quality, sex, kin, ancestry, duplicates",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_update(steps)
    for name, (table, what, example) in _READS.items():
        _add_reading(steps, name, table, what, example)
    peoplesketch.add_parsers(steps)


def _add_update(steps: Any) -> None:
    parser = steps.add_parser(
        "update",
        help="make the tables of people that are missing or out of date",
        description="example:\n  varhouse people update demo/store --cohort beijing",
        epilog="Reads the calls of each cohort whose tables are missing, or were made of\n"
        "other people or calls, by other settings, or by another version; writes one release\n"
        "to STORE and prints its number. Nothing to do: makes none. The content digest stays.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's root folder")
    _add_cohort(parser)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration with the key `people` (default: that of the last ingest)",
    )
    parser.add_argument(
        "--again", action="store_true", help="make them whether or not they are up to date"
    )
    add_wait(parser)
    parser.set_defaults(run=_update)


def _add_cohort(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cohort",
        action="append",
        default=[],
        metavar="C",
        help="a cohort (default: all); may be repeated",
    )


def _add_reading(steps: Any, name: str, table: str, what: str, example: str) -> None:
    from varhouse.cli.answers import FORMATS, add_common

    said = f"{what[0].upper()}{what[1:]}: the table {table}."
    parser = steps.add_parser(
        name,
        help=what,
        description=f"{said}\n\nexample:\n  {example}",
        epilog="Writes to stdout (a table on a terminal, else TSV), or only the file of -o.\n"
        f"Columns and what they mean: varhouse describe STORE {table}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's folder")
    _add_cohort(parser)
    if name == "qc":
        parser.add_argument("--flagged", action="store_true", help="only samples with flags")
        parser.add_argument(
            "--contigs", action="store_true", help="a row a sample and contig instead"
        )
    elif name == "ancestry":
        parser.add_argument(
            "--axes", action="store_true", help="the axes with their eigenvalues instead"
        )
        parser.add_argument(
            "--onto",
            metavar="C2",
            help="show the samples on the axes of this cohort; stores nothing",
        )
    elif name == "related":
        parser.add_argument(
            "--disagree", action="store_true", help="only where the sheet says otherwise"
        )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="EXPR",
        help="condition on the columns, as in `varhouse query`; may be repeated",
    )
    parser.add_argument("--columns", metavar="a,b", help="columns to show, in this order")
    parser.add_argument("--limit", type=int, metavar="N", help="rows at most")
    add_common(parser, FORMATS)
    parser.set_defaults(run=_read, people_table=table)


def _update(args: argparse.Namespace) -> int:
    from varhouse.people.update import update_people

    settings = _settings(args.store, args.config)
    out = update_people(
        args.store, args.cohort or None, settings, again=args.again, wait=args.wait
    )
    for cohort, flags in out.made.items():
        said = ", ".join(f"{flag} {n:,}" for flag, n in flags.items())
        log.info("%s: %s", cohort, f"flagged: {said}" if said else "no sample is flagged")
    if out.release is None:
        log.info("nothing to do: the tables of people are up to date")
    else:
        print(out.release)
    return 0


def _settings(store: Path, config: Path | None) -> "PeopleSettings":
    """Read the key `people` of a configuration, or of that of the last ingest."""
    from varhouse.errors import ConfigError
    from varhouse.ingest.setup.config_form import check_form, read_keys
    from varhouse.people.settings import PeopleSettings
    from varhouse.people.update import recorded_settings

    if config is None:
        return recorded_settings(store)
    form = check_form({"people": read_keys(config).get("people") or {}}, has_sheets=False)
    if form.problems:
        raise ConfigError(form.problems)
    return PeopleSettings.of(form.said.get("people") or {})


def _read(args: argparse.Namespace) -> int:
    """Show a table of people."""
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
        write_all,
    )
    from varhouse.errors import UsageError
    from varhouse.query.expression import find_column
    from varhouse.query.output import choose_format, make_writer, open_output
    from varhouse.query.terminal import TableWriter, terminal_width

    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit} is negative")
    form = choose_format(args.format, args.output, FORMATS)
    check_safe(args, form)
    store = open_asked(args)
    rows = _rows(store, args)
    schema = dict(rows.schema)
    names = [find_column(c, schema) for c in asked_columns(args)] or list(schema)
    width = terminal_width() if args.output is None else None
    limit = args.limit
    if limit is None and form == "table" and width is not None:
        limit = TERMINAL_ROWS
    shown = Limited(iter([rows.select(names)]), limit)
    with open_output(args.output) as stream:
        writer: Writer
        if form == "table":
            writer = TableWriter(stream, names, keep=bool(args.columns), width=width)
        else:
            kinds = {n: schema[n] for n in names}
            writer = make_writer(form, stream, kinds, safe=args.spreadsheet_safe)
        total = write_all(writer, shown)
    report(total, "row", f"release {store.release}", began, args.output)
    if shown.cut and args.limit is None:
        log.info("only the first %s are shown: --limit N, or --format tsv for all", total)
    say_hidden(writer)
    return 0


def _rows(store: "OpenStore", args: argparse.Namespace) -> "pl.DataFrame":
    """Read the rows that are asked for, by cohort and in the order of the table."""
    import polars as pl

    from varhouse.query.expression import parse_where
    from varhouse.tables.schema import TABLES

    name = args.people_table
    if getattr(args, "contigs", False):
        name = "sample_contigs"
    elif getattr(args, "axes", False):
        name = "ancestry_axes"
    table = TABLES[name]
    if getattr(args, "onto", None) is not None:
        frame = _projected(store, args)
    else:
        frame = store.table(name, cohort=args.cohort or None)
        _say_missing(store, args.cohort)
    if getattr(args, "flagged", False):
        frame = frame.filter(pl.col("flags") != "")
    if getattr(args, "disagree", False):
        frame = frame.filter(~pl.col("agrees"))
    for text in args.where:
        frame = frame.filter(parse_where(text, table.polars_schema).expression)
    return frame.collect().sort("cohort", *table.sort)


def _projected(store: "OpenStore", args: argparse.Namespace) -> "pl.LazyFrame":
    """Put cohorts on the axes of another."""
    import polars as pl

    from varhouse.errors import UsageError
    from varhouse.people.projection import project
    from varhouse.people.update import recorded_settings

    if args.axes:
        raise UsageError("--axes and --onto ask for different rows", "leave one of them out")
    settings = recorded_settings(args.store).ancestry
    cohorts = args.cohort or sorted(store.cohort_names() - {args.onto})
    if not cohorts:
        raise UsageError(f"there is no other cohort than {args.onto}")
    frames = [
        project(store, cohort, args.onto, settings).with_columns(cohort=pl.lit(cohort))
        for cohort in dict.fromkeys(cohorts)
    ]
    return pl.concat(frames).select(store.declaration("ancestry").names).lazy()


def _say_missing(store: "OpenStore", cohorts: Sequence[str]) -> None:
    """Name the cohorts of which no table was made: no row says nothing of them."""
    wanted = set(cohorts) or store.cohort_names()
    made = set(store.people_made().select("cohort").collect()["cohort"])
    if lacking := sorted(wanted - made):
        log.warning(
            "no tables of people were made of %s; fix: varhouse people update %s",
            ", ".join(lacking),
            store.name,
        )
