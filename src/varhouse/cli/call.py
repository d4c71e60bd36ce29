"""`varhouse call`: from reads to a gVCF of each person, ready for an ingest."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from varhouse.cli.joboptions import add_job_options, job_options

NAME = "call"

_EPILOG = """\
the least that it needs (paths from the folder of the configuration):
  config.yaml   assembly: GRCh38
                reference: GRCh38.fa
                reads: reads.tsv
  reads.tsv     cohort    sample    sex       fastq_1            fastq_2
                hebei     HB001     female    HB001_1.fq.gz      HB001_2.fq.gz

One row a lane. In place of FASTQ a row may have a BAM (aligned or not), a CRAM or a gVCF.
Both are drafted by
  varhouse init DIR *.fastq.gz --reference GRCh38.fa
More keys (calling: ...): config/README.md. `varhouse ingest STORE --config FILE` calls first,
then takes the results in.

examples:
  varhouse call --config config.yaml --dry-run          check all reads, say what it needs
  varhouse call --config config.yaml --cores 16
  varhouse call --config config.yaml --profile slurm
  varhouse ingest my-store --config calls/config.yaml

writes, into calls/ beside the configuration (calling.folder):
  bam/COHORT/SAMPLE.bam          alignments (calling.keep: bam, cram, none)
  gvcf/COHORT/SAMPLE.g.vcf.gz    calls, and what is known of the bases without
  qc/COHORT/SAMPLE.json          figures; qc.tsv: all; report.html: the page; multiqc/
  cohorts.tsv, samples.tsv, config.yaml     for varhouse ingest
  restart/*.tsv                  sheets of reads that start at alignments or gVCFs
  _work                          logs; files of jobs, which go when they are not needed
beside the reference (calling.index): FASTA.varhouse-index, the index, once

The same command again goes on where it was killed, and does only what is new or changed.

exit codes: 0 all are called; 1 a job failed; 2 a mistake in the configuration, the sheet or
            the reads, and nothing was begun
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        NAME,
        help="reads (FASTQ, BAM, CRAM) to a gVCF of each person",
        description="Take reads to calls: check, trim, align, sort, mark duplicates, call "
        "with reference blocks, filter, measure. Needs the extra `reads`.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML")
    add_job_options(parser)
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for another call in the folder, then give up [0]",
    )
    parser.add_argument("--keep-work", action="store_true", help="keep all files of jobs")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check the reads; say who would be called and what it needs; write nothing",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the account as JSON; if a job failed, who was called all the same",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.calling.account import print_call
    from varhouse.calling.driver import CallFailedError, call
    from varhouse.ingest.driver import Options

    options = Options(
        wait=args.wait, keep_work=args.keep_work, dry_run=args.dry_run, **job_options(args)
    )
    try:
        code, account = call(args.config, options)
    except CallFailedError as error:
        if args.json:
            print(json.dumps(error.account, ensure_ascii=False))
        raise
    if args.json:
        print(json.dumps(account, ensure_ascii=False))
    else:
        print_call(account, sys.stdout)
    return code
