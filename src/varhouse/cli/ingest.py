"""`varhouse ingest`: the whole job in one command."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

_EPILOG = """\
example, on the data that scripts/demo makes:
  varhouse ingest demo/store --config demo/data/config.yaml --cores 2

the least that a configuration needs (paths from its folder; tabs between cells of sheets):
  config.yaml   assembly: {name: GRCh38, reference: GRCh38.fa}
                cohorts: cohorts.tsv
                samples: samples.tsv
  cohorts.tsv   cohort    files
                hebei     gvcfs/*.g.vcf.gz
  samples.tsv   cohort    sample    sex
                hebei     HB001     female
Without samples.tsv: policy: {unlisted_samples: unknown} in its place. More (genes, sources,
strata, ...): config/README.md.

writes:
  STORE/open, STORE/controlled   the tables (Delta Lake, Parquet)
  STORE/_store/releases          one record a release; only what it pins exists
  STORE/_cache                   compiled reference, gene model and sources; digests of files
  STORE/_staging                 work folders; removed after the commit

exit codes: 0 all in; 3 something was held back, the rest is in, or as it was before;
            1 nothing is in;
            2 a mistake in the configuration or on the command line
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "ingest",
        help="the whole job: cohorts in, one release out",
        description="Take the cohorts of a configuration into a store: check, normalise, "
        "count, annotate, commit. Cohorts that are in it as they are do nothing; changed "
        "ones are replaced; one that cannot go in is held back and leaves the others be.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="made if it is not there")
    # Told in `run` what to do with them.
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML, needed; config/README.md explains every key",
    )
    parser.add_argument(
        "--cores", type=int, metavar="N", help="jobs at once [1, or the profile's]"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="DIR",
        help="Snakemake profile, e.g. workflow/profiles/slurm",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for another writer, then give up [0]",
    )
    parser.add_argument("--keep-work", action="store_true", help="keep the work folder")
    parser.add_argument(
        "--rehash",
        action="store_true",
        help="read all files even where size and times say: unchanged",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--json", action="store_true", help="print the account as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.errors import UsageError
    from varhouse.ingest.account import print_account
    from varhouse.ingest.driver import Options, ingest

    if args.files:
        raise UsageError(
            f"{args.files[0]}: files are not named here but in the cohort sheet",
            "give it a row with their path or glob; varhouse ingest --help shows one",
        )
    if args.config is None:
        raise UsageError(
            "no --config FILE", "varhouse ingest --help shows the least that it needs"
        )
    options = Options(
        args.cores, args.profile, args.wait, args.keep_work, args.dry_run, args.rehash
    )
    code, account = ingest(args.store, args.config, options)
    if args.json:
        print(json.dumps(account, ensure_ascii=False))
    else:
        print_account(account, args.store, sys.stdout)
    return code
