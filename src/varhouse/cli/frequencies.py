"""`varhouse frequencies`: allele counts per stratum of one VCF, or of a group in a store."""

import argparse
import logging
from pathlib import Path
from typing import Any

from varhouse.cli.answers import FORMATS, add_audience, add_choices, add_safe
from varhouse.cli.log import tell_known_names

log = logging.getLogger("varhouse.frequencies")

_EPILOG = """\
examples:
  varhouse frequencies demo/data/beijing.vcf.gz -o beijing.tsv \\
      --samples demo/data/samples.tsv --strata sex,population+sex --par demo/data/par.bed
  varhouse frequencies demo/store --people 'sex == "male" and province == "330000"' \\
      --region chr1:48,000-49,000
  varhouse frequencies demo/store --histograms --gene DEMO7 -o histograms.json

A file: writes OUT (.tsv, .tsv.gz or .parquet): contig pos ref alt extent cohort stratum_by
stratum ac an af n_het n_hom_alt n_hemi n_missing n_samples call_rate, tests of Hardy-Weinberg
proportions, inbreeding, faf95 faf99, and the counts of genotypes of high quality (adj; null
without GQ, DP and AD): docs/numbers.md says what each number means. Counts are those of the
original genotypes (1/2 is one heterozygote for each ALT); a null af has no called allele;
extent is the length of a symbolic ALT (`.`: unknown), empty for any other.
Rejected records are counted on stderr; `varhouse validate` names what is wrong with them.
Without --aliases well-known names are found in the FASTA too (1 = chr1).

A store: counts of the people for whom --people holds, from their calls: what an ingest with
this group as a stratum gives. A condition may use any column of the sheets of samples and
cohorts (`varhouse sql STORE "SELECT * FROM samples"` shows them), in the language of
`varhouse query --where`; a column of numbers may be compared with numbers (age >= 40).
--samples FILE names people, one a line, or as a sheet with the columns cohort and sample;
given both, both must hold. Alleles are chosen as in `varhouse query`. An allele at whose site
nobody of the group was assessed has no row. Who was counted is reported on stderr.

--histograms gives lists of counts instead, in gnomAD's bins: gq_all, gq_alt, dp_all, dp_alt,
ab_het, age_het, age_hom (docs/numbers.md); an allele that no file of the group has has no row.

exit codes: 0 OUT is written; 1 IN is no valid VCF or BCF: nothing is written; 2 usage, or
a mistake in the sample sheet
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "frequencies",
        help="AC, AN, AF and carriers of a VCF per stratum, or of any group of a store",
        description="Count alleles and carriers of a VCF per stratum of the sample sheet, or "
        "of any group of people of a store. Alleles of a file are split and trimmed; with "
        "--reference they are checked and left-aligned.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, metavar="IN", help="VCF or BCF, or a store's folder"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="file to write")
    parser.add_argument(
        "--samples",
        type=Path,
        metavar="TSV",
        help="of a file: the sample sheet; of a store: names of the people to count",
    )
    of_file = parser.add_argument_group("of a file")
    of_file.add_argument(
        "--strata", default="", metavar="A,B,A+B", help="columns of the sheet"
    )
    of_file.add_argument("--par", type=Path, metavar="BED", help="pseudo-autosomal regions")
    of_file.add_argument(
        "--cohort", help="cohort of the sheet [the only one with its samples]"
    )
    of_file.add_argument("--reference", type=Path, metavar="FASTA")
    of_file.add_argument("--aliases", type=Path, metavar="TSV", help="names of contigs")
    _add_store_options(parser.add_argument_group("of a store"))
    parser.set_defaults(run=run)


def _add_store_options(group: Any) -> None:
    group.add_argument("--people", metavar="EXPR", help="condition on the sheets: who counts")
    add_choices(group)
    group.add_argument("--all", action="store_true", help="all alleles of the store")
    group.add_argument(
        "--columns",
        metavar="a,b",
        help="statistics to give, such as ac,an,af,hwe_p,faf95 (docs/store-format.md), or "
        "histograms",
    )
    group.add_argument(
        "--histograms",
        action="store_true",
        help="histograms of GQ, DP, allele balance and age instead of counts; without "
        "--people of everybody",
    )
    group.add_argument("--by-cohort", action="store_true", help="a row for each cohort")
    group.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    group.add_argument(
        "--format",
        choices=FORMATS,
        help="default: a table on a terminal, else by the name of -o, else tsv",
    )
    add_safe(group)
    add_audience(group, "refused, as groups of people are for `controlled` alone")


def run(args: argparse.Namespace) -> int:
    from varhouse.cli import groupfrequencies

    is_store = args.input.is_dir()
    groupfrequencies.check_options(args, is_store=is_store)
    if is_store:
        return groupfrequencies.run(args)
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
