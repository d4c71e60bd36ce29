"""`varhouse normalise`: split, trim and left-align the alleles of a VCF or BCF."""

import argparse
import ctypes
import gc
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli.log import tell_known_names

if TYPE_CHECKING:
    from varhouse.onefile.normalise_run import Normalised

log = logging.getLogger("varhouse.normalise")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

_EXAMPLE = """\
example:  varhouse normalise demo/data/beijing.vcf.gz -o beijing.norm.vcf.gz \\
            --reference demo/data/demo.fa --aliases demo/data/aliases.tsv
"""

_EPILOG = """\
files written:
  OUT        by its ending .vcf.gz, .bcf, .vcf or .parquet; sorted by position
  --rejects  TSV: line contig pos ref alt reason detail text (tabs in text as \\t)

POS, REF, ALT and the values of fields declared with Number A, R or G are those of
`bcftools norm -m- -c x`. Checked are the number of columns, POS, and REF and ALT (letters,
the bases of the FASTA, ALT unlike REF): what is wrong goes to the rejects, the rest goes
on. Other columns and values are not checked but passed on: `varhouse validate` does that.
<DEL> and <DUP> of known length (END, the ALT's own SVLEN) move left and get a REF of one
base, as in bcftools; other symbolic alleles, `*` and breakends stay as they are.
In split records, unlike bcftools, Number=G is split at any ploidy; a sample's list that
fits no ploidy, and an allele number in GT that the record does not have, become missing.
Lists with a wrong number of values are read from the left, or left out where no sample
has the right number. stderr names each field that this befell, with the number of records
and the first place. Records with one ALT keep their values as they are.
--region takes the records of IN whose REF overlaps R, by the index of IN (.csi, .tbi) if
there is one; then `line` is empty in the rejects, and lines elsewhere are not looked at.
Contig names stay as in IN; --aliases only finds them in the FASTA (Parquet: canonical).
Without --aliases well-known names are found too (1 = chr1), and reported on stderr.

exit codes: 0 OUT is written, also where records went to the rejects; 1 IN or the FASTA
cannot be read: nothing is written; 2 usage
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "normalise",
        help="split, trim, left-align and REF-check a VCF or BCF",
        description=_EXAMPLE,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, metavar="IN", help="VCF (plain, gzip, BGZF) or BCF; - or a pipe"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument("--reference", type=Path, required=True, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="contig names")
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="what was held back")
    parser.add_argument("--region", metavar="R", help="contig, contig:start-end (1-based)")
    parser.add_argument(
        "--multi-overlaps",
        choices=("0", "."),
        default="0",
        help="what another ALT becomes in a split GT (default: %(default)s)",
    )
    parser.add_argument(
        "--unchecked-ref",
        choices=("reject", "keep"),
        default="reject",
        help="records outside of what the FASTA holds (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Normalise one file."""
    _keep_memory()
    # Imports leave no garbage, and looking for it takes a tenth of their time.
    gc.disable()
    from varhouse.onefile.normalise import normalise

    gc.freeze()
    gc.enable()
    done = normalise(
        args.input,
        args.output,
        reference=args.reference,
        aliases=args.aliases,
        rejects=args.rejects,
        region=args.region,
        multi_overlaps=args.multi_overlaps,
        unchecked_ref=args.unchecked_ref,
    )
    _account(done, args)
    return 0


def _keep_memory() -> None:
    """Have glibc keep the memory that is freed."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        # Blocks come one after another, and a page that is new to the process costs more
        # than all that is done with its bytes.
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 28)


def _account(done: "Normalised", args: argparse.Namespace) -> None:
    """Say on stderr what was done and what was rejected."""

    def number(name: str) -> str:
        return f"{counts.get(name, 0):,}"

    counts = done.counts
    if done.not_by_index is not None:
        log.info("the whole file is read for --region: %s", done.not_by_index)
    tell_known_names(done.known_names, log)
    log.info(
        "%s: %s records, %s split, %s alleles changed, %s kept as they are",
        args.input.name,
        *(number(name) for name in ("records", "multiallelic", "changed", "kept")),
    )
    if done.rejected:
        what = ", ".join(f"{code} {n:,}" for code, n in done.rejected.items())
        where = f"see {args.rejects}" if args.rejects else "--rejects FILE lists them"
        log.warning("%s held back: %s; %s", f"{sum(done.rejected.values()):,}", what, where)
    if done.rejected.get("ref_mismatch", 0) > counts.get("records", 0) / 2:
        log.warning(
            "most REF are not those of %s: is it another assembly? varhouse validate tells",
            args.reference.name,
        )
    if counts.get("ref_cut"):
        log.warning(
            "%s records without ALT: REF cut to its first base, as in bcftools",
            number("ref_cut"),
        )
    if counts.get("unspecified"):
        log.warning(
            "%s times the allele <*>, <X> or <NON_REF> has no row", number("unspecified")
        )
    if counts.get("qual_invalid"):
        log.warning("%s QUAL are no numbers: missing", number("qual_invalid"))
    for loss in done.losses:
        log.warning(
            "%s of %s split records, first at %s: %s",
            loss.field,
            f"{loss.records:,}",
            loss.first,
            loss.what,
        )
