"""`varhouse liftover`: carry a VCF over to another assembly."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.cli.log import tell_known_names

if TYPE_CHECKING:
    from varhouse.onefile.liftover_run import Lifted

log = logging.getLogger("varhouse.liftover")


_EXAMPLE = """\
example:  printf 'chain 1 chr1 120000 + 0 120000 chr1 120000 + 0 120000\\n120000\\n' > c.chain
          varhouse liftover demo/data/beijing.vcf.gz -o beijing.lifted.vcf.gz \\
            --chain c.chain --target-reference demo/data/demo.fa \\
            --aliases demo/data/aliases.tsv --rejects beijing.rejects.tsv
"""

_EPILOG = """\
files written:
  OUT        .vcf.gz, .bcf or .vcf: records of the target, sorted, with INFO/LIFTED_FROM
             (original place) and the flags LIFT_REVERSE, LIFT_SWAP, LIFT_AMBIGUOUS;
             .parquet: one row for each ALT, with source_contig ... source_alt
  --rejects  TSV: line contig pos ref alt reason detail text (tabs in text as \\t)

Without --source-reference REF is not checked in the source, and LIFT_AMBIGUOUS does not
tell of indels that were moved over a difference between the assemblies.
Where the target's reference is ALT, REF and ALT change places: GT, AC, AF (and EAS_AF and
the like), AD, PL, GL, GP, RO with AO, local alleles and declared Number=R or G follow.
What cannot follow (other Number=A fields, consequences of the ALT, tests of ALT against
REF) is left out, and named on stderr; what is about the place or the person stays.
On the other strand counts of forward and reverse reads change places (DP4, SB, SAF and SAR,
ADF and ADR, AS_SB_TABLE), AA is complemented; CSQ, ANN, HGVS names and the like are left out.
A record with several ALTs is lifted as one if all ALTs share the outcome, or split.
reasons of rejects:
  contig_not_in_chain  the chain file has no source contig of this name
  no_chain             REF lies in no block of any chain
  ambiguous            several chains of equal score hold REF
  strand_mixed         the ends of REF lie in blocks on different strands
  spans_gap            the bases of REF do not lie in one block of a chain
  contig_missing       the target FASTA does not hold the contig
  target_outside       the place lies past what the target FASTA holds of the contig
  source_ref_mismatch  REF is not what the source FASTA has at POS
  ref_not_found        the target has neither REF nor ALT at the place
  indel_at_gap         the indel reaches the edge of its block in the chain
  symbolic             symbolic alleles, breakends and reference blocks are not lifted
  allele_invalid       REF or ALT is no sequence of bases, or ALT equals REF
  swap_off             the target's reference is ALT, and swapping was switched off
  swap_of_split        the target's reference is one of several ALTs of unlike outcome
  line_invalid         the line is no record
Without --aliases well-known names are found too (1 = chr1); OUT has the FASTA's.

exit codes: 0 OUT is written, also where records went to the rejects; 1 a file cannot be
read: nothing is written; 2 usage
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "liftover",
        help="lift a VCF over to another assembly",
        description=_EXAMPLE,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, metavar="IN", help="VCF (plain, gzip, BGZF) or BCF; - or a pipe"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--chain",
        type=Path,
        required=True,
        metavar="C",
        help="source to target, plain or gzip",
    )
    parser.add_argument("--source-reference", type=Path, metavar="FASTA")
    parser.add_argument("--target-reference", type=Path, required=True, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="contigs of the target")
    parser.add_argument(
        "--source-aliases",
        type=Path,
        metavar="TSV",
        help="contigs of the source (default: --aliases)",
    )
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="what was not lifted")
    parser.add_argument(
        "--swap",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="exchange REF and ALT where the target's reference is ALT (default: yes)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lift one file."""
    from varhouse.onefile.liftover import liftover

    done = liftover(
        args.input,
        args.output,
        chain=args.chain,
        target_reference=args.target_reference,
        source_reference=args.source_reference,
        aliases=args.aliases,
        source_aliases=args.source_aliases,
        rejects=args.rejects,
        swap=args.swap,
    )
    _account(done, args)
    return 0


def _account(done: "Lifted", args: argparse.Namespace) -> None:
    """Say on stderr what was lifted and what was not."""
    counts, contigs, bad = done.counts, done.contigs, done.rejected
    if unlike := contigs.unlike_sizes:
        name, size, has = unlike[0]
        log.warning(
            "%s: %s has %s bases there and %s in the assembly (%s contigs like it): is the "
            "chain of other assemblies, or is a FASTA without table of contigs a part?",
            args.chain.name,
            name,
            f"{size:,}",
            f"{has:,}",
            f"{len(unlike):,}",
        )
    tell_known_names(done.known_names, log)
    log.info(
        "%s: %s records, %s lifted, %s on the other strand, %s swapped, %s split, "
        "%s ambiguous on the way back",
        args.input.name,
        *(
            f"{counts.get(n, 0):,}"
            for n in ("records", "lifted", "reverse", "swapped", "split", "ambiguous")
        ),
    )
    if bad:
        what = ", ".join(f"{code} {n:,}" for code, n in bad.items())
        where = f"see {args.rejects}" if args.rejects else "--rejects FILE lists them"
        log.warning("%s not lifted: %s; %s", f"{sum(bad.values()):,}", what, where)
    if "contig_not_in_chain" in bad and not counts.get("lifted"):
        log.warning(
            "%s has the source contigs %s; --source-aliases maps names",
            args.chain.name,
            ", ".join(contigs.sources[:5]),
        )
    if "contig_missing" in bad and not counts.get("lifted"):
        log.warning(
            "%s leads to %s, %s has %s; --aliases maps names",
            args.chain.name,
            ", ".join(contigs.targets[:5]),
            args.target_reference.name,
            ", ".join(contigs.reference[:5]),
        )
    if done.unchecked:
        log.warning(
            "%s alleles lifted without a check of REF: %s does not hold their place",
            f"{done.unchecked:,}",
            args.source_reference.name,
        )
    if counts.get("again"):
        log.warning(
            "%s records had been lifted before: the older LIFTED_FROM and flags are replaced",
            f"{counts['again']:,}",
        )
    for name, n in done.left_out.items():
        log.warning("%s left out of %s records: it cannot follow", name, f"{n:,}")
    for name, what, n in done.split_losses:
        log.warning("%s of %s split records: %s", name, f"{n:,}", what)
