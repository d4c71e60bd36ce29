"""`varhouse nightly`: deliveries of an inbox in, at most one release a night, an account."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from varhouse.cli.joboptions import add_job_options, job_options

_EPILOG = """\
example:
  varhouse nightly --config config.yaml --cores 8

config.yaml is that of `varhouse ingest` (cohorts and samples may be left out), and besides:
  store: store
  nightly: {inbox: inbox, folder: nights}

a delivery is a folder of the inbox; docs/deliveries.md explains every key:
  inbox/2026-11-28-hospital-a/delivery.yaml    cohort: hospital-a
                                               date: 2026-11-28
                                               samples: samples.tsv
  ... /a.vcf.gz, samples.tsv                   the data
  ... /md5sum.txt                              md5sum a.vcf.gz samples.tsv > md5sum.txt
  ... /READY                                   written last

writes:
  STORE                        as `varhouse ingest` does
  FOLDER/data, deliveries      what was taken, and a record of each delivery
  FOLDER/account.json          the account of the night; FOLDER/accounts keeps all of them
  FOLDER/account.html, .txt    the same for everybody: a page with trends, a mail
  FOLDER/varhouse.prom         and metrics for Prometheus (docs/nightly.md)
  FOLDER/log.jsonl             the log that is kept: JSON, a line an event
  INBOX/NAME.held.txt          beside a delivery that is held back: why

exit codes: 0 no new fault; 3 new faults (with --strict: any), what is good is in;
            1 it failed; 2 a mistake in the configuration or on the command line;
            75 another nightly works in the same folder
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "nightly",
        help="take the deliveries of an inbox in, unattended",
        description="Check the deliveries of an inbox, take in what is good by one ingest, "
        "hold back what is not, and account for it. Running it twice is harmless; one that "
        "was killed is gone on with by the next.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", required=True, help="YAML")
    add_job_options(parser)
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for another writer of the store [0]",
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with 3 for faults known from before, too"
    )
    parser.add_argument(
        "--close",
        action="append",
        default=[],
        metavar="NAME",
        help="close a delivery that was taken and is not in; may be repeated",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done; nothing is written"
    )
    parser.add_argument("--json", action="store_true", help="print the account as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.ingest.driver import Options
    from varhouse.nightly.night import NightOptions, run_night
    from varhouse.nightly.printing import print_night

    ingest = Options(wait=args.wait, **job_options(args))
    options = NightOptions(ingest, args.dry_run, args.strict, args.close)
    night = run_night(args.config, options)
    if args.json:
        print(json.dumps(night.as_json(), ensure_ascii=False))
    else:
        print_night(night, sys.stdout)
    return night.exit_code
