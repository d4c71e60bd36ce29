"""`varhouse genes`: compile a gene annotation once, for every later `annotate`."""

import argparse
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
example:
  varhouse genes demo/data/demo.gff3 --reference demo/data/demo.fa \\
      --aliases demo/data/aliases.tsv -o genes

Compiles a GFF3 (Ensembl, GENCODE, RefSeq, viral, bacterial) or GTF file, plain or
gzip, lines in any order, into a folder that `varhouse annotate --genes` opens at once.
"""

_EPILOG = """\
files written into DIR:
  *.npy                 arrays of the model (mapped into memory when used)
  transcripts.parquet   transcript, gene, biotype, contig
  genes.parquet         gene, name, span, strand, biotype
  meta.json             digest, and counts of everything that was left out and why
"""


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "genes",
        help="compile a gene annotation (GFF3, GTF)",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("annotation", type=Path, metavar="GFF3_OR_GTF")
    parser.add_argument("--reference", type=Path, required=True, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="table of contig names")
    parser.add_argument(
        "--mane",
        type=Path,
        metavar="TSV",
        help="NCBI's table MANE.GRCh38.v*.summary.txt.gz: the RefSeq id of each MANE "
        "transcript of Ensembl or GENCODE, and the other way round",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compile the annotation."""
    from varhouse.onefile.genes import genes

    genes(
        args.annotation,
        args.output,
        reference=args.reference,
        aliases=args.aliases,
        mane=args.mane,
    )
    return 0
