"""`varhouse export`: a cohort back as VCF or BCF."""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

_TEXT = """\
example, on the demo store of scripts/demo:
  varhouse export demo/store --cohort beijing -o beijing.vcf.gz

The records as they came: CHROM, POS, ID, REF, ALT, QUAL, FILTER and INFO, in the order of
the assembly, with the header lines of the file. Of the genotype fields only GT is kept;
others (AD, DP, GQ, PL) are not in the store yet, their header lines stay. Records that
were held back at ingest are not there (table rejects). A cohort of several files becomes
one: equal records of files with different samples are joined, samples that a file does not
hold are ./. there, and INFO keeps what the files agree on.

Writes only the file of -o: .vcf.gz (BGZF), .vcf or .bcf by its ending.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse export`."""
    parser = commands.add_parser(
        "export",
        help="a cohort back as VCF or BCF",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument("--cohort", required=True, metavar="C", help="name of the cohort")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write"
    )
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export a cohort."""
    from varhouse import open as open_store
    from varhouse.export import export_cohort
    from varhouse.onefile.paths import keep_inputs

    keep_inputs([args.output], [])
    log = logging.getLogger("varhouse.export")
    began = last = time.perf_counter()

    def progress(contig: str, records: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= 5:
            last = now
            log.info(
                "%s  %s records, %s records/s",
                contig,
                f"{records:,}",
                f"{records / (now - began):,.0f}",
            )

    store = open_store(args.store, args.release)
    records = export_cohort(store, args.cohort, args.output, progress)
    took = time.perf_counter() - began
    what = f"{records:,} record{'' if records == 1 else 's'} of {args.cohort}"
    log.info("%s, release %d, %.1f s -> %s", what, store.release, took, args.output)
    return 0
