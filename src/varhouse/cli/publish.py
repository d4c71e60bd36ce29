"""`varhouse publish`: one release as plain Parquet that any pattern reads right."""

import argparse
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from varhouse.publish import PublishedTable

_TEXT = """\
examples, on the demo store of scripts/demo:
  varhouse publish demo/store release-2
  varhouse publish demo/store for-partners --public
  varhouse publish demo/store calls --tables genotypes,samples,files

A table is a folder of few large Parquet files, rows sorted over all cohorts, every column
in the files; patterns such as OUT/variants/**/*.parquet read it right in DuckDB, polars,
pyarrow, R and Spark. All open tables are written; one about single people only where --tables
names it (OUT is closed to others then). --public leaves out what may not be given to anybody:
columns, rows, and sources that may not be passed on.

Writes OUT, which must not be there: OUT/TABLE/[part=.../]part-NNNNN.parquet, README.md,
dictionary.tsv (each column), manifest.json (release, digest, rows, SHA-256) and SHA256SUMS.
It appears when it is whole; the same release gives the same bytes. What a killed run left
(.OUT.HOST.PID-....tmp beside OUT, closed to others) goes with the next run to the same OUT.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse publish`."""
    from varhouse.cli.answers import add_audience

    parser = commands.add_parser(
        "publish",
        help="one release as plain Parquet, to work on or to hand over",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument("output", type=Path, metavar="OUT", help="the folder to make")
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    parser.add_argument(
        "--tables",
        metavar="LIST",
        help="names with commas between them (default: all open ones)",
    )
    add_audience(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish a release."""
    from varhouse.cli.answers import open_asked
    from varhouse.publish import publish_release

    log = logging.getLogger("varhouse.publish")
    began = time.perf_counter()
    names = None
    if args.tables is not None:
        names = [n.strip() for n in args.tables.split(",") if n.strip()]
    store = open_asked(args)

    def progress(made: "PublishedTable") -> None:
        what = f"{made.rows:,} row(s), {len(made.files)} file(s)"
        log.info("%s  %s", made.table.name, what)

    made = publish_release(store, args.output, names, progress)
    closed = [t.table.name for t in made if t.table.root == "controlled"]
    if closed:
        log.warning("%s is about single people: %s", args.output, ", ".join(closed))
    if not store.view.is_passed_on:
        sources = [
            n for n in store.restricted if f"annotations_{n}" in {t.table.name for t in made}
        ]
        for name in sources:
            log.warning("source %s may not be passed on: --public leaves it out", name)
    rows, took = sum(t.rows for t in made), time.perf_counter() - began
    log.info(
        "release %d, %d tables, %s rows, %.1f s -> %s",
        store.release, len(made), f"{rows:,}", took, args.output,
    )  # fmt: skip
    return 0
