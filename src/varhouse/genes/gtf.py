"""GTF rows to features: Ensembl, GENCODE, RefSeq, FlyBase, StringTie, UCSC.

A transcript is a `transcript_id` of exon, CDS or UTR rows; a row of its own is not needed.
GTF leaves the stop codon out of the CDS: its rows are handed on, and `pieces.py` adds
those that lie directly behind the CDS.
"""

import polars as pl

from varhouse.genes.attributes import (
    GENE_BIOTYPES,
    GENE_SYMBOLS,
    TRANSCRIPT_BIOTYPES,
    first_of,
    gtf_value,
    unmasked,
)
from varhouse.genes.rows import (
    PARTS,
    SELENOCYSTEINES,
    TRANSCRIPT_COLUMNS,
    UTR,
    UTRS,
    Features,
    Rows,
    biotype_of,
    gene_xrefs,
    made_genes,
    no_product,
    pseudogenes,
    tag_columns,
    translation_exceptions,
    unused_types,
    without_products,
    without_version,
)

_BIOTYPE_SOURCES = (
    "protein_coding", "processed_transcript", "nonsense_mediated_decay", "retained_intron",
    "lincRNA", "antisense", "miRNA", "snRNA", "snoRNA", "rRNA", "misc_RNA", "pseudogene",
    "transcribed_unprocessed_pseudogene", "unprocessed_pseudogene", "processed_pseudogene",
    "sense_intronic", "sense_overlapping", "non_stop_decay", "polymorphic_pseudogene",
)  # fmt: skip
"""Ensembl releases up to 76 wrote the biotype of a transcript into the source column."""

_TRANSCRIPT_ROW = r"(?i)(?:transcript|rna|_segment|pseudogene)$"
"""Types of the rows of transcripts: FlyBase writes `mRNA`, `tRNA`, ..."""

_SYMBOLS = (*GENE_SYMBOLS, "locus_tag")
"""NCBI names a bacterial gene without a symbol by its locus tag."""


def read_gtf(rows: Rows) -> Features:
    """Make features of the rows of a GTF file."""
    frame = rows.frame.with_columns(
        key=gtf_value("transcript_id"),
        type=pl.when(pl.col("type").is_in(UTRS)).then(pl.lit(UTR)).otherwise("type"),
    )
    is_part = pl.col("type").is_in(PARTS) & pl.col("key").is_not_null()
    parts, found = without_products(_with_pseudo(frame, is_part))
    own = frame.filter(
        pl.col("type").str.contains(_TRANSCRIPT_ROW), pl.col("key").is_not_null()
    ).unique(["contig", "key"], keep="first", maintain_order=True)
    transcripts, exceptions, counts = _transcripts(frame, parts, own)
    used = (
        is_part
        | pl.col("type").is_in([*SELENOCYSTEINES, "gene"])
        | pl.col("type").str.contains(_TRANSCRIPT_ROW)
    )
    features = unused_types(frame, used)
    counts["features_not_used"] = sum(features.values())
    columns = ["contig", "key", "type", "start", "end", "strand", "phase"]
    return Features(
        transcripts,
        parts.select(columns),
        _genes(frame, parts),
        exceptions,
        {**counts, **found, **{f"feature:{k}": v for k, v in features.items()}},
    )


def _with_pseudo(frame: pl.DataFrame, is_part: pl.Expr) -> pl.DataFrame:
    """Parts, and whether they, their transcript's row or their gene's are of a pseudogene."""
    said = frame.filter(no_product())
    genes = said.filter(pl.col("type") == "gene").select(
        "contig", raw_gene=gtf_value("gene_id"), of_gene=pl.lit(True)
    )
    own = said.filter(pl.col("key").is_not_null()).select("contig", "key", own=pl.lit(True))
    return (
        frame.filter(is_part)
        .with_columns(raw_gene=gtf_value("gene_id"))
        .join(genes.unique(), on=["contig", "raw_gene"], how="left", maintain_order="left")
        .join(own.unique(), on=["contig", "key"], how="left", maintain_order="left")
        .with_columns(pseudo=pl.coalesce("own", "of_gene", pl.lit(False)))
        .drop("raw_gene", "own", "of_gene")
    )


def _transcripts(
    frame: pl.DataFrame, parts: pl.DataFrame, own: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    first = parts.unique(["contig", "key"], keep="first", maintain_order=True)
    cds = (
        parts.filter(pl.col("type") == "CDS")
        .group_by("contig", "key", maintain_order=True)
        .agg(cds_attr=pl.col("attr").first())
    )
    tx = (
        first.select("contig", "key", part_attr="attr", part_source="source")
        .join(
            own.select("contig", "key", "attr", "source", kind="type"),
            on=["contig", "key"],
            how="left",
        )
        .join(cds, on=["contig", "key"], how="left")
        .join(pseudogenes(parts), on=["contig", "key"], how="left")
        .with_columns(without_row=pl.col("attr").is_null())
        .with_columns(
            attr=pl.coalesce("attr", "part_attr"), source=pl.coalesce("source", "part_source")
        )
        .with_columns(raw_gene=gtf_value("gene_id"))
    )
    codons = frame.filter(pl.col("type").is_in(SELENOCYSTEINES)).select(
        "contig", "key", pos="start"
    )
    exceptions = translation_exceptions(
        tx, parts.filter(pl.col("type") == "CDS"), codons, r'tag "?seleno"?(?:[ ;]|$)'
    )
    gene_rows = frame.filter(pl.col("type") == "gene").select(
        "contig",
        raw_gene=gtf_value("gene_id"),
        name=first_of(gtf_value, _SYMBOLS),
        gene_biotype=first_of(gtf_value, GENE_BIOTYPES),
        gene_found=pl.lit(True),
    )
    tx = tx.join(
        gene_rows.unique(["contig", "raw_gene"], keep="first"),
        on=["contig", "raw_gene"],
        how="left",
    )
    tx = tx.with_columns(
        transcript_id=_transcript_id(),
        version=gtf_value("transcript_version").cast(pl.Int32, strict=False),
        gene_id=without_version(pl.col("raw_gene")),
        gene_name=pl.coalesce(first_of(gtf_value, GENE_SYMBOLS), "name"),
        biotype=_biotype(),
        **tag_columns(
            _tags(),
            gtf_value("transcript_support_level"),
            pl.coalesce(gtf_value("ccdsid"), gtf_value("ccds_id")),
            pl.col("attr"),
        ),
        start_unknown=pl.col("attr").str.contains("cds_start_NF", literal=True),
        end_unknown=pl.col("attr").str.contains("cds_end_NF", literal=True),
        code=pl.col("cds_attr").str.extract(r'transl_table +"?(\d+)').cast(pl.Int64),
        protein_id=pl.concat_str(
            _protein_id(),
            (
                pl.lit(".") + pl.col("cds_attr").str.extract(r'protein_version +"?(\d+)')
            ).fill_null(""),
        ),
    )
    counts = {
        "transcripts_without_row": int(tx["without_row"].sum()),
        "transcripts_without_gene_row": int(tx["gene_found"].is_null().sum()),
        "transcripts_made_from_genes": 0,
        "transcripts_with_transl_except": exceptions.select("contig", "key").n_unique(),
    }
    return tx.select(TRANSCRIPT_COLUMNS), exceptions, counts


def _protein_id() -> pl.Expr:
    return pl.col("cds_attr").str.extract(r'protein_id +"([^"]+)"')


def _transcript_id() -> pl.Expr:
    """Id of the transcript; NCBI numbers those of bacteria, which have none, in a file."""
    numbered = pl.col("key").str.contains(r"^unassigned_transcript_\d+$")
    return pl.when(numbered).then(pl.coalesce(_protein_id(), "key")).otherwise("key")


def _biotype() -> pl.Expr:
    return biotype_of(
        pl.coalesce(
            first_of(gtf_value, TRANSCRIPT_BIOTYPES),
            pl.when(pl.col("source").is_in(_BIOTYPE_SOURCES)).then("source"),
        ),
        pl.col("kind"),
        pl.col("cds_attr").is_not_null(),
        pl.coalesce(first_of(gtf_value, GENE_BIOTYPES), "gene_biotype"),
        first_of(gtf_value, GENE_BIOTYPES),
        pl.col("pseudo").fill_null(False),
    )


def _tags() -> pl.Expr:
    """All tags, joined by commas."""
    return (
        pl.col("attr")
        .str.extract_all(r'(?:^|[ ;])tag +(?:"[^"]+"|[^";]+)')
        .list.eval(pl.element().str.replace(r'^[ ;]?tag +"?', "").str.strip_chars('"'))
        .list.join(",")
    )


def _genes(frame: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Gene rows, and genes that only their transcripts' rows name."""
    columns = {
        "gene_id": without_version(gtf_value("gene_id")),
        "gene_name": first_of(gtf_value, _SYMBOLS),
        "biotype": first_of(gtf_value, GENE_BIOTYPES),
    }
    xrefs = gene_xrefs(
        pl.col("attr")
        .str.extract_all(r'(?:^|;)\s*db_xref +"[^"]+"')
        .list.eval(unmasked(pl.element()).str.extract(r'"([^"]+)"')),
        gtf_value("hgnc_id").str.split(","),
    )
    where = ["contig", "start", "end", "strand"]
    own = frame.filter(pl.col("type") == "gene").select(*where, **columns, xrefs=xrefs)
    made = made_genes(
        parts.select(*where, **columns).filter(pl.col("gene_id").is_not_null()),
        pl.lit([], pl.List(pl.String)),
    ).join(own.select("contig", "gene_id"), on=["contig", "gene_id"], how="anti")
    return pl.concat([own, made.select(own.columns)]).filter(pl.col("gene_id").is_not_null())
