"""`varhouse annotate`: consequences, joins and frequencies for a VCF, a BCF or a table."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli.answers import add_audience, add_safe, asked_audience, check_safe
from varhouse.cli.log import tell_known_names
from varhouse.errors import UsageError

if TYPE_CHECKING:
    from varhouse.onefile.annotate import Annotated
    from varhouse.onefile.source_entries import Entry

_LOG = logging.getLogger("varhouse.annotate")

_DESCRIPTION = """\
example:
  varhouse annotate demo/data/beijing.vcf.gz -o beijing.annotated.vcf.gz \\
      --genes demo/data/demo.gff3 --reference demo/data/demo.fa --aliases demo/data/aliases.tsv

  varhouse annotate demo/data/beijing.vcf.gz -o beijing.tsv \\
      --genes demo/data/demo.gff3 --reference demo/data/demo.fa --aliases demo/data/aliases.tsv

  varhouse annotate demo/data/beijing.vcf.gz -o beijing.af.vcf.gz --store demo/store \\
      --people 'sex == "female" and province == "330000"'

IN is a VCF (plain, gzip), a BCF, or a Parquet file with the columns contig, pos, ref,
alt, and extent for symbolic alleles. Each ALT is annotated as it stands; `varhouse
normalise` first if it may not be normalised. Alleles more than 5,000 bases from every
transcript get no consequence.

--store writes what a store counted in place of consequences: store_AC, store_AN, store_AF of
everybody or of the group of --people, also other statistics (--columns). An allele that the
store lacks has AC 0 where people are assessed at its site (another allele of it, gVCFs,
capture kits); where nobody is it has none of them, and is never 0. With --reference alleles
are left-aligned for the look-up; without it they are trimmed, and an insertion or deletion
that is not found has none. Neither has a symbolic allele.
"""

_EPILOG = """\
files written:
  OUT ending in .vcf.gz or .vcf   IN with INFO/CSQ in the format of Ensembl VEP (HGVS c.,
                                  n. and p. names, tags, PICK and LoF
                                  included), and
                                  NAME_FIELD for each field of each --source;
                                  text is percent-encoded (VCF 4.3). Of a source with
                                  several records of an allele there is a value for
                                  each, and NAME_ALT says of which ALT
  OUT.tbi                         the index of a .vcf.gz (.csi for contigs of 512 Mb and more);
                                  none where IN is not sorted
  OUT ending in .parquet          one typed row per allele x transcript, columns as of the
                                  table consequences (`varhouse describe`); fields of such
                                  a source are lists, a value for each record
  .tsv, .csv, .tsv.gz, .csv.gz,   the same rows and columns as text, or as a workbook; pick
  .xlsx                           is true of one row an allele
  with --store                    .vcf.gz or .vcf: IN with NAME_AC, NAME_AN, NAME_AF ...
                                  (Number=A); any of the tables: one row an allele

Without --aliases well-known contig names are found too (1 = chr1), and reported on stderr.

exit codes: 0 OUT is written; 1 a file cannot be read: nothing is written; 2 usage, or a
mistake in the description of a source
"""


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "annotate",
        help="consequences on transcripts, joins with sources such as ClinVar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--genes",
        type=Path,
        metavar="DIR_OR_GFF",
        help="what `varhouse genes` wrote, or a GFF3 or GTF file",
    )
    parser.add_argument("--reference", type=Path, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="table of contig names")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a VCF, BCF or BED, or a TSV or Parquet of alleles, to join",
    )
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="YAML",
        help="sources as in the configuration of an ingest (key `sources`): any kind",
    )
    add_audience(
        parser,
        "OUT may be given to anybody: no samples, no header lines but of types and contigs, "
        "no source that may not be passed on (redistribute: false)",
    )
    parser.add_argument(
        "--fields",
        action="append",
        default=[],
        metavar="NAME:F1,F2",
        help="fields to take of a source (default: all)",
    )
    parser.add_argument(
        "--hgvs-as-vep",
        action="store_true",
        help="number and write HGVS as VEP does where it departs from the nomenclature",
    )
    parser.add_argument(
        "--terms",
        choices=("so", "vep115"),
        default="so",
        help="consequence terms by the Sequence Ontology (default), or as VEP 115 gives them "
        "where it differs: for comparisons",
    )
    add_safe(parser)
    _add_store_options(parser.add_argument_group("frequencies of a store"))
    parser.set_defaults(run=run)


def _add_store_options(group: Any) -> None:
    group.add_argument("--store", type=Path, metavar="STORE", help="the store's folder")
    group.add_argument(
        "--people", metavar="EXPR", help="a group, as in `varhouse frequencies`"
    )
    group.add_argument("--samples", type=Path, metavar="TSV", help="names of a group's people")
    group.add_argument("--columns", metavar="a,b", help="statistics [ac,an,af]")
    group.add_argument("--name", metavar="NAME", help="what the numbers are called [store]")
    group.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")


def run(args: argparse.Namespace) -> int:
    """Annotate the input."""
    from varhouse.cli import annotatestore

    annotatestore.check_options(args)
    if args.store is not None:
        return annotatestore.run(args)
    from varhouse.onefile.annotate import ENDINGS, NAMED, annotate
    from varhouse.onefile.out import table_format

    if not args.output.name.endswith(ENDINGS):
        # Before the sources are read: a wrong option is told first.
        raise UsageError(f"-o {args.output}: the ending says no format", NAMED)
    check_safe(args, table_format(args.output) or "VCF")
    done = annotate(
        args.input,
        args.output,
        genes=args.genes,
        reference=args.reference,
        aliases=args.aliases,
        sources=_entries(args),
        audience=asked_audience(args),
        hgvs_as_vep=args.hgvs_as_vep,
        terms=args.terms,
        spreadsheet_safe=args.spreadsheet_safe,
    )
    _account(done, args)
    return 0


def _account(done: "Annotated", args: argparse.Namespace) -> None:
    """Say on stderr what was done and what was left out."""
    from varhouse.view import View

    option = View(asked_audience(args)).option
    for name in done.withheld:
        _LOG.warning("source %s may not be passed on: left out (%s)", name, option)
    if done.samples_left_out:
        _LOG.warning(
            "%d sample(s) and their genotypes are left out (%s)",
            done.samples_left_out,
            option,
        )
    if args.output.name.endswith(".vcf.gz") and not done.is_indexed:
        _LOG.warning(
            "%s: not indexed, its records are not in order: sort them with bcftools sort or "
            "`varhouse validate --fix`",
            args.output,
        )
    tell_known_names(done.known_names, _LOG)
    if done.unknown_contigs:
        _LOG.warning(
            "%s: %d contig(s) are not in the reference and have no annotation: %s",
            args.input,
            len(done.unknown_contigs),
            ", ".join(done.unknown_contigs[:5]),
        )
    if done.ref_mismatches:
        _LOG.warning(
            "%s: %d allele(s) whose REF is not what the reference holds have no HGVS names: "
            "`varhouse validate --reference` names them",
            args.input,
            done.ref_mismatches,
        )
    for name, number in done.several.items():
        _LOG.warning(
            "source %s: %d allele(s) have several of its intervals, genes or entries with "
            "different numbers: the first of each is given",
            name,
            number,
        )
    _LOG.info("%s: %d records annotated", args.output, done.n_records)


def _entries(args: argparse.Namespace) -> "list[Entry]":
    """Read the options and the file that name sources."""
    from varhouse.onefile.source_entries import file_entry, read_entries

    entries: dict[str, dict[str, Any]] = {}
    for text in args.source:
        name, equals, file = text.partition("=")
        if not equals or not name.isidentifier() or not file:
            raise UsageError(
                f"--source {text!r} is not NAME=FILE", "NAME: letters, digits and _"
            )
        if name in entries:
            raise UsageError(f"--source {name} stands twice", "give each source its own name")
        entries[name] = dict(file_entry(name, file))
    for text in args.fields:
        name, colon, names = text.partition(":")
        if not colon or name not in entries:
            raise UsageError(
                f"--fields {text!r} names no --source", "write NAME:FIELD1,FIELD2"
            )
        entries[name].setdefault("fields", []).extend(n for n in names.split(",") if n)
    return [*entries.values(), *(read_entries(args.sources) if args.sources else [])]
