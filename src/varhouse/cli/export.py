"""`varhouse export`: a cohort back as VCF or BCF."""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

_TEXT = """\
example, on the demo store of scripts/demo:
  varhouse export demo/store --cohort beijing -o beijing.vcf.gz
  varhouse export demo/store --cohort beijing --samples SAMC000001,SAMC000002 --region chr1 \\
      -o two.bcf

The records as they came: the fixed columns, GT and all other FORMAT fields that the store
keeps (genotype_fields of the configuration), in the order of the assembly, with the header
lines of the file. Records that were held back at ingest are not there (table rejects). A
cohort of several files becomes one: equal records of files with different samples are joined,
samples that a file does not hold are ./. there, and INFO keeps what the files agree on.
Reference blocks of a gVCF come back as they were (--region: those that overlap it); blocks of
different people are one record only if POS, REF, ALT and their last base are the same, and
nobody gets a part of another one's block.
With --samples INFO stays as it is, AC and AN of the whole file; --recount makes them anew, of
the genotypes that are written: who is ./. counts nowhere, also where a block of his gVCF says
that he is called (`varhouse frequencies STORE --people EXPR` counts him).

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
    parser.add_argument(
        "--samples",
        metavar="LIST",
        help="samples to write, in this order: names with commas between them, or a file of"
        " names, one a line",
    )
    parser.add_argument(
        "--region", metavar="R", help="only records that overlap CONTIG or CONTIG:START-END"
    )
    parser.add_argument(
        "--recount",
        action="store_true",
        help="write AC, AN and AF of INFO anew, of the samples that are written",
    )
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    parser.set_defaults(run=run)


def _read_names(text: str | None) -> list[str] | None:
    """Read a list of samples: a file of names, or names joined by commas."""
    if text is None:
        return None
    path = Path(text)
    lines = path.read_text("utf-8-sig").splitlines() if path.is_file() else text.split(",")
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        from varhouse.errors import UsageError

        raise UsageError(f"--samples: {text!r} names nobody")
    return names


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
    records = export_cohort(
        store,
        args.cohort,
        args.output,
        progress,
        samples=_read_names(args.samples),
        region=args.region,
        recounts=args.recount,
    )
    took = time.perf_counter() - began
    what = f"{records:,} record{'' if records == 1 else 's'} of {args.cohort}"
    log.info("%s, release %d, %.1f s -> %s", what, store.release, took, args.output)
    return 0
