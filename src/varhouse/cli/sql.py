"""`varhouse sql`: DuckDB over the tables of a release."""

import argparse
import time
from typing import Any

_TEXT = """\
examples, on the demo store of scripts/demo:
  varhouse sql demo/store "SELECT cohort, count(*) AS n FROM frequencies GROUP BY cohort"
  varhouse sql demo/store "SHOW TABLES"          # `varhouse describe` says what they hold
  varhouse sql demo/store "SELECT * FROM totals
                           JOIN consequences USING (part, contig, pos, ref, alt, extent)
                           WHERE impact = 'HIGH' AND stratum_by = 'all'" -o high.parquet
  varhouse sql demo/store "SELECT gt, count(*) AS n FROM calls
                           WHERE contig = 'chr1' AND pos = 48056 GROUP BY gt"
  varhouse sql demo/store "SELECT * FROM group_counts(
                             (SELECT list({cohort: cohort, sample: sample})
                              FROM samples WHERE sex = 'male'))
                           WHERE contig = 'chr1' AND pos = 48056"
  varhouse sql demo/store "SELECT * FROM callable_at('chr1', 48056) WHERE stratum_by = 'all'"

The tables of the release are views; so are calls: a row a call, from genotypes; and lineage:
reads, reference and programs that each file was made from, by its header. group_counts
counts AC and AN of people, a row a record and ALT as in the file (the blocks of a gVCF are no
records: `varhouse frequencies --people` counts them, too); callable_at adds the rows of
callable up that hold a base. Nothing else can be read and nothing written.
Of two columns of one name the second is called NAME_1. Integers of more than 64 bits end
the query with a line, decimals become 64-bit numbers, structs and maps are JSON in cells.

Writes to stdout (a table on a terminal, else TSV), or only the file of -o.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse sql`."""
    from varhouse.cli.answers import FORMATS, add_common

    parser = commands.add_parser(
        "sql",
        help="SQL over the tables of a release",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument("query", metavar="QUERY", help="one statement that reads")
    add_common(parser, FORMATS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run one query and write its rows."""
    began = time.perf_counter()
    from varhouse.cli.answers import (
        FORMATS,
        check_safe,
        open_asked,
        report,
        say_hidden,
        write_all,
    )
    from varhouse.query.output import Writer, choose_format, make_writer, open_output
    from varhouse.query.sql import run_sql
    from varhouse.query.terminal import TableWriter, terminal_width

    form = choose_format(args.format, args.output, FORMATS)
    check_safe(args, form)
    store = open_asked(args)
    result = run_sql(store, args.query, form)
    with open_output(args.output) as stream:
        writer: Writer
        if form == "table":
            width = terminal_width() if args.output is None else None
            writer = TableWriter(stream, list(result.schema), keep=True, width=width)
        else:
            writer = make_writer(form, stream, result.schema, safe=args.spreadsheet_safe)
        rows = write_all(writer, result.batches)
    report(rows, "row", f"release {store.release}", began, args.output)
    say_hidden(writer)
    return 0
