"""Tables of alleles and of what is said of them, and of the genes and contigs they lie in."""

from collections.abc import Mapping

import polars as pl

from varhouse.tables.declaration import (
    CONTIG,
    KEY,
    PART,
    Column,
    Encoding,
    Table,
    key_columns,
    words,
)
from varhouse.tables.statistics import PolarsType

VARIANTS = Table(
    "variants",
    "open",
    "a distinct allele",
    (
        *key_columns(),
        Column(
            "end",
            pl.Int32,
            "1-based last base that the allele covers: of ref; of a symbolic allele of known"
            " length its END",
        ),
        Column(
            "type",
            pl.String,
            "snv, mnv, insertion, deletion, delins, symbolic, breakend, spanning_deletion"
            " or other (an allele with letters beyond ACGTN)",
        ),
        Column("ref_checked", pl.Boolean, "ref was compared with the reference and agrees"),
        Column("spdi", pl.String, "contextual SPDI (fully justified)", nullable=True),
        Column("vrs_id", pl.String, "GA4GH VRS 2 allele id", nullable=True),
        Column("hgvs_g", pl.String, "HGVS genomic name (m. for MT)", nullable=True),
        PART,
    ),
    partition=("part",),
    sort=KEY,
    public=KEY + words("end type ref_checked spdi vrs_id hgvs_g part"),
    encoding=Encoding(page_rows=2_048),
)

IDS = Table(
    "ids",
    "open",
    "an id of an allele",
    (
        Column("id", pl.String, "the id"),
        Column("kind", pl.String, "rs, spdi, vrs or other"),
        *key_columns(),
        Column("source", pl.String, "computed, cohort:NAME, source:NAME or merged:NAME"),
        PART,
    ),
    partition=("part",),
    sort=("id", *KEY, "source"),
    public=KEY + words("id kind source part"),
    encoding=Encoding(page_rows=2_048),
)

GENES = Table(
    "genes",
    "open",
    "a gene of the gene model",
    (
        Column("gene_id", pl.String, "stable id without version"),
        Column("gene_name", pl.String, "symbol", nullable=True),
        CONTIG,
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        Column("strand", pl.Int8, "1 or -1"),
        Column("biotype", pl.String, "as in the gene model", nullable=True),
        Column("n_transcripts", pl.Int32, "transcripts of the gene"),
        Column(
            "xrefs",
            pl.List(pl.String),
            "ids in other databases that the gene model names: `HGNC:5`, `GeneID:1`",
        ),
        Column("genes_digest", pl.String, "digest of what the gene model says of this contig"),
    ),
    sort=("contig", "start", "gene_id"),
    public=words(
        "gene_id gene_name contig start end strand biotype n_transcripts xrefs genes_digest"
    ),
)

TRANSCRIPTS = Table(
    "transcripts",
    "open",
    "a transcript of the gene model",
    (
        Column("transcript_id", pl.String, "as in `consequences`"),
        Column("gene_id", pl.String, "stable id of the gene", nullable=True),
        Column("gene_name", pl.String, "symbol", nullable=True),
        Column("protein_id", pl.String, "id of the protein", nullable=True),
        Column("biotype", pl.String, "as in the gene model", nullable=True),
        CONTIG,
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        Column("strand", pl.Int8, "1 or -1"),
        Column("cds_start", pl.Int32, "1-based first base of the CDS", nullable=True),
        Column("cds_end", pl.Int32, "1-based last base of the CDS", nullable=True),
        Column("canonical", pl.Boolean, "tagged canonical by the gene model"),
        Column("exon_start", pl.List(pl.Int32), "first base of each exon, ascending"),
        Column("exon_end", pl.List(pl.Int32), "last base of each exon, ascending"),
        Column("genes_digest", pl.String, "digest of what the gene model says of this contig"),
    ),
    sort=("transcript_id", "contig", "start"),
    public=words(
        "transcript_id gene_id gene_name protein_id biotype contig start end "
        "strand cds_start cds_end canonical exon_start exon_end genes_digest"
    ),
)

CONTIGS = Table(
    "contigs",
    "open",
    "a contig of the assembly",
    (
        CONTIG,
        Column("part", pl.String, "the partition its rows are in"),
        Column("ordinal", pl.Int32, "0-based rank in the assembly"),
        Column("length", pl.Int64, "bases of the whole contig", nullable=True),
        Column("checked_length", pl.Int64, "bases that the reference holds, 0 if none"),
        Column("refget", pl.String, "refget digest SQ.... of the whole contig", nullable=True),
        Column("accession", pl.String, "versioned accession", nullable=True),
        Column("aliases", pl.List(pl.String), "other names"),
    ),
    sort=("ordinal",),
    public=words("contig part ordinal length checked_length refget accession aliases"),
)

CONSEQUENCES = Table(
    "consequences",
    "open",
    "an allele x transcript",
    (
        *key_columns(),
        Column("transcript_id", pl.String, "stable id, with version if the model has it"),
        Column("gene_id", pl.String, "stable id of the gene", nullable=True),
        Column("gene_name", pl.String, "symbol", nullable=True),
        Column("biotype", pl.String, "biotype of the transcript", nullable=True),
        Column("strand", pl.Int8, "1 or -1"),
        Column("consequence", pl.String, "Sequence Ontology terms, most severe first, by &"),
        Column("terms", pl.Int64, "the same as a bit mask: bit = severity rank - 1"),
        Column("impact", pl.String, "HIGH, MODERATE, LOW or MODIFIER"),
        Column("exon", pl.String, "rank / number, e.g. 2/10 or 2-4/10", nullable=True),
        Column("intron", pl.String, "rank / number", nullable=True),
        Column("cdna_start", pl.Int32, "1-based in the transcript", nullable=True),
        Column("cdna_end", pl.Int32, "1-based in the transcript", nullable=True),
        Column("cds_start", pl.Int32, "1-based in the coding sequence", nullable=True),
        Column("cds_end", pl.Int32, "1-based in the coding sequence", nullable=True),
        Column("protein_start", pl.Int32, "1-based residue", nullable=True),
        Column("protein_end", pl.Int32, "1-based residue", nullable=True),
        Column("amino_acids", pl.String, "REF/ALT, one letter if equal", nullable=True),
        Column("codons", pl.String, "REF/ALT, changed bases in capitals", nullable=True),
        Column("distance", pl.Int32, "bases to the transcript (up/downstream)", nullable=True),
        Column("hgvsc", pl.String, "HGVS name in the transcript (c. or n.)", nullable=True),
        Column("hgvsp", pl.String, "HGVS name in the protein (p.)", nullable=True),
        Column("hgvs_offset", pl.Int32, "bases shifted 3' for these names", nullable=True),
        Column("canonical", pl.Boolean, "tagged canonical by the gene model"),
        Column("mane_select", pl.Boolean, "tagged MANE Select by the gene model"),
        Column("mane_plus_clinical", pl.Boolean, "tagged MANE Plus Clinical"),
        Column("mane_id", pl.String, "RefSeq's id of it, or Ensembl's", nullable=True),
        Column("gencode_basic", pl.Boolean, "in GENCODE's basic set"),
        Column("tsl", pl.Int8, "transcript support level, 1 (best) to 5", nullable=True),
        Column("appris", pl.String, "P1 (principal) to A2 (alternative)", nullable=True),
        Column("flags", pl.String, "cds_start_NF, cds_end_NF, by &", nullable=True),
        Column("pick", pl.Boolean, "the one row of this allele by VEP's pick order"),
        Column("pick_gene", pl.Boolean, "the one row of this allele and gene"),
        Column("lof", pl.String, "HC or LC: confidence in loss of function", nullable=True),
        Column("lof_reasons", pl.String, "why it is LC, by &", nullable=True),
        Column("lof_flags", pl.String, "doubts that leave it HC, by &", nullable=True),
        Column("most_severe", pl.Boolean, "has the most severe term of this allele"),
        Column("genes_digest", pl.String, "digest of what the gene model says of this contig"),
        PART,
    ),
    partition=("part",),
    sort=(*KEY, "transcript_id"),
    public=KEY
    + words(
        "transcript_id gene_id gene_name biotype strand consequence terms impact "
        "exon intron cdna_start cdna_end cds_start cds_end protein_start "
        "protein_end amino_acids codons distance hgvsc hgvsp hgvs_offset "
        "canonical mane_select mane_plus_clinical mane_id gencode_basic tsl "
        "appris flags pick pick_gene lof lof_reasons lof_flags most_severe "
        "genes_digest part"
    ),
)


def annotation_table(source: str, fields: Mapping[str, PolarsType]) -> Table:
    """Declare the table `annotations_<source>` for the typed fields of a source.

    Parameters
    ----------
    source
        Name of the source: lower-case letters, digits and `_`.
    fields
        Column name to type, as the source's header declares them.
    """
    return Table(
        f"annotations_{source}",
        "open",
        f"an allele x record of the source {source}",
        (
            *key_columns(),
            *(
                Column(n, t, f"field {n} of {source}", nullable=True)
                for n, t in fields.items()
            ),
            Column(
                "source_version",
                pl.String,
                "version of the source in this release; in a file: as of when it was written",
                nullable=True,
                content=False,
            ),
            Column("licence", pl.String, "licence of the source", nullable=True),
            PART,
        ),
        partition=("part",),
        sort=KEY,
        # Whether the source may be passed on is said by its configuration.
        public=(*KEY, *fields, "source_version", "licence", "part"),
    )
