"""`varhouse frequencies`: allele counts per stratum of one VCF."""

import argparse
import logging
from pathlib import Path
from typing import Any

from varhouse.cli.log import tell_known_names

log = logging.getLogger("varhouse.frequencies")

_EPILOG = """\
example:
  varhouse frequencies demo/data/beijing.vcf.gz -o beijing.tsv \\
      --samples demo/data/samples.tsv --strata sex,population+sex --par demo/data/par.bed

writes OUT (.tsv, .tsv.gz or .parquet): contig pos ref alt extent cohort stratum_by stratum
ac an af n_het n_hom_alt n_hemi n_missing n_samples call_rate, tests of Hardy-Weinberg
proportions, inbreeding, faf95 faf99, and the counts of genotypes of high quality (adj; null
without GQ, DP and AD): docs/numbers.md says what each number means. Counts are those of the
original genotypes (1/2 is one heterozygote for each ALT); a null af has no called allele;
extent is the length of a symbolic ALT (`.`: unknown), empty for any other.
Rejected records are counted on stderr; `varhouse validate` names what is wrong with them.
Without --aliases well-known names are found in the FASTA too (1 = chr1).

exit codes: 0 OUT is written; 1 IN is no valid VCF or BCF: nothing is written; 2 usage, or
a mistake in the sample sheet
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "frequencies",
        help="AC, AN, AF and carriers of a VCF, per stratum",
        description="Count alleles and carriers of a VCF per stratum of the sample sheet. "
        "Alleles are split and trimmed; with --reference they are checked and left-aligned.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN", help="VCF or BCF")
    parser.add_argument("-o", dest="output", type=Path, required=True, metavar="OUT")
    parser.add_argument("--samples", type=Path, metavar="TSV", help="sample sheet")
    parser.add_argument("--strata", default="", metavar="A,B,A+B", help="columns of the sheet")
    parser.add_argument("--par", type=Path, metavar="BED", help="pseudo-autosomal regions")
    parser.add_argument("--cohort", help="cohort of the sheet [the only one with its samples]")
    parser.add_argument("--reference", type=Path, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="names of contigs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from varhouse.onefile.frequencies import frequencies

    done = frequencies(
        args.input,
        args.output,
        samples=args.samples,
        strata=[s for s in args.strata.split(",") if s],
        par=args.par,
        cohort=args.cohort,
        reference=args.reference,
        aliases=args.aliases,
    )
    if done.n_without_row:
        log.warning(
            "note  %d sample(s) have no row in the sheet: counted as unknown",
            done.n_without_row,
        )
    tell_known_names(done.known_names, log)
    if done.is_gvcf:
        log.warning("note  %s; what has no ALT is left out", done.gvcf_note)
    log.info(
        "%s records, %s rejected -> %s",
        f"{done.n_records:,}",
        f"{sum(done.rejected.values()):,}",
        args.output,
    )
    return 0
