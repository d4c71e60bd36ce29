"""`varhouse report`: one offline HTML page for an ingest."""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

from varhouse.errors import UsageError
from varhouse.files import write_text

_TEXT = """\
examples, on the demo store of scripts/demo:
  varhouse report demo/store --ingest latest --open -o demo/report.html
  varhouse report demo/store --ingest latest -o demo/report-full.html

The page says what came in, what was held back and why, and draws frequencies,
consequences, missing genotypes, people who stand out, rejects, time and memory. It needs
no network, is readable on a phone and on paper, and every plot's data can be saved from
it. With --open, as scripts/demo writes it, it holds nothing about single people, files or
lines; look at the counts of small cohorts yet before you give it away. Without, it holds
personal data: give it another name, so that neither takes the place of the other.

Writes only FILE.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse report`."""
    parser = commands.add_parser(
        "report",
        help="one offline page: what came in, what was held back, plots",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument(
        "--ingest", default="latest", metavar="ID", help="id of the ingest (default: latest)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the page to write"
    )
    from varhouse.governed import ROLES

    parser.add_argument(
        "--open",
        "--public",
        action="store_true",
        dest="public",
        help="leave out everything about single people, files and lines; needs no access to "
        "STORE/controlled",
    )
    parser.add_argument(
        "--audience", choices=ROLES, metavar="ROLE", help=f"for whom: {', '.join(ROLES)}"
    )
    parser.add_argument(
        "--colour-by",
        metavar="COLUMN",
        help="colour people by a column of the sample sheet (default: population, else sex)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report of an ingest."""
    began = time.perf_counter()
    from varhouse import open as open_store
    from varhouse.cli.answers import asked_audience
    from varhouse.governed import CONTROLLED
    from varhouse.report import find_ingest, make_page
    from varhouse.vcf.account.problems import RULES

    out: Path = args.output
    if args.colour_by and asked_audience(args) != CONTROLLED:
        raise UsageError(
            "--colour-by is about single people, who are not in this report",
            "leave it out, or the option that limits the report",
        )
    if not out.parent.is_dir():
        raise UsageError(f"-o {out}: there is no folder {out.parent}", "make it first")
    if out.is_dir():
        raise UsageError(f"-o {out} is a folder", "name a file, such as report.html")
    meanings = {r.code: f"{r.name.replace('_', ' ')}; fix: {r.fix}" for r in RULES.values()}
    meanings |= {r.name: r.fix for r in RULES.values()}
    ingest = find_ingest(args.store, args.ingest, asked_audience(args), open_store)
    page = make_page(ingest, meanings, out.absolute().parent, args.colour_by)
    write_text(out, page)
    logging.getLogger("varhouse.report").info(
        "ingest %s, release %s: %s, %s kB, %.1f s",
        ingest.id,
        f"{ingest.row['release']:,}",
        out,
        f"{len(page.encode()) / 1000:,.0f}",
        time.perf_counter() - began,
    )
    return 0
