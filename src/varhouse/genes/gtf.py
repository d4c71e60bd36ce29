"""GTF rows to features: Ensembl and GENCODE, old and new.

A transcript is a `transcript_id` of exon or CDS rows; a row of its own is not needed.
GTF leaves the stop codon out of the CDS: its rows are handed on, and `tables.py` adds
those that lie directly behind the CDS.
"""

import polars as pl

from varhouse.genes.rows import (
    PARTS,
    SELENOCYSTEINES,
    TAGS,
    Features,
    Rows,
    tag_columns,
    translation_exceptions,
    unused_types,
    without_version,
)

_BIOTYPE_SOURCES = (
    "protein_coding", "processed_transcript", "nonsense_mediated_decay", "retained_intron",
    "lincRNA", "antisense", "miRNA", "snRNA", "snoRNA", "rRNA", "misc_RNA", "pseudogene",
    "transcribed_unprocessed_pseudogene", "unprocessed_pseudogene", "processed_pseudogene",
    "sense_intronic", "sense_overlapping", "non_stop_decay", "polymorphic_pseudogene",
)  # fmt: skip
"""Ensembl releases up to 76 wrote the biotype of a transcript into the source column."""


def _value(name: str) -> pl.Expr:
    """Value of an attribute, quoted or not; null when it is absent or empty."""
    return pl.col("attr").str.extract(rf'(?:^|;)\s*{name} +"?([^";]+)"?')


def read_gtf(rows: Rows) -> Features:
    """Make features of the rows of a GTF file."""
    frame = rows.frame.with_columns(key=_value("transcript_id"))
    is_part = pl.col("type").is_in(PARTS) & pl.col("key").is_not_null()
    parts = frame.filter(is_part)
    transcripts, exceptions, counts = _transcripts(frame, parts)
    used = (
        is_part
        | pl.col("type").is_in(SELENOCYSTEINES)
        | pl.col("type").is_in(["gene", "transcript"])
    )
    features = unused_types(frame, used)
    counts["features_not_used"] = sum(features.values())
    columns = ["contig", "key", "type", "start", "end", "strand", "phase"]
    return Features(
        transcripts,
        parts.select(columns),
        _genes(frame, parts),
        exceptions,
        {**counts, **{f"feature:{k}": v for k, v in features.items()}},
    )


def _transcripts(
    frame: pl.DataFrame, parts: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    own = frame.filter(pl.col("type") == "transcript", pl.col("key").is_not_null()).unique(
        ["contig", "key"], keep="first", maintain_order=True
    )
    first = parts.unique(["contig", "key"], keep="first", maintain_order=True)
    cds = (
        parts.filter(pl.col("type") == "CDS")
        .group_by("contig", "key", maintain_order=True)
        .agg(cds_attr=pl.col("attr").first())
    )
    tx = (
        first.select("contig", "key", part_attr="attr", part_source="source")
        .join(own.select("contig", "key", "attr", "source"), on=["contig", "key"], how="left")
        .join(cds, on=["contig", "key"], how="left")
        .with_columns(without_row=pl.col("attr").is_null())
        .with_columns(
            attr=pl.coalesce("attr", "part_attr"), source=pl.coalesce("source", "part_source")
        )
        .with_columns(raw_gene=_value("gene_id"))
    )
    codons = frame.filter(pl.col("type").is_in(SELENOCYSTEINES)).select(
        "contig", "key", pos="start"
    )
    exceptions = translation_exceptions(
        tx, parts.filter(pl.col("type") == "CDS"), codons, r'tag "?seleno"?(?:[ ;]|$)'
    )
    gene_rows = frame.filter(pl.col("type") == "gene").select(
        "contig", raw_gene=_value("gene_id"), name=_value("gene_name"), gene_found=pl.lit(True)
    )
    tx = tx.join(
        gene_rows.unique(["contig", "raw_gene"], keep="first"),
        on=["contig", "raw_gene"],
        how="left",
    )
    source = pl.when(pl.col("source").is_in(_BIOTYPE_SOURCES)).then("source")
    coding = pl.when(pl.col("cds_attr").is_not_null()).then(pl.lit("protein_coding"))
    tags = (
        pl.col("attr")
        .str.extract_all(r'(?:^|[ ;])tag +(?:"[^"]+"|[^";]+)')
        .list.eval(pl.element().str.replace(r'^[ ;]?tag +"?', "").str.strip_chars('"'))
        .list.join(",")
    )
    tx = tx.with_columns(
        transcript_id=pl.col("key"),
        version=_value("transcript_version").cast(pl.Int32, strict=False),
        gene_id=without_version(pl.col("raw_gene")),
        gene_name=pl.coalesce(_value("gene_name"), "name"),
        biotype=pl.coalesce(
            _value("transcript_biotype"), _value("transcript_type"), source, coding,
            _value("gene_biotype"), _value("gene_type"),
        ),
        **tag_columns(
            tags, _value("transcript_support_level"),
            pl.coalesce(_value("ccdsid"), _value("ccds_id")), pl.col("attr"),
        ),
        start_unknown=pl.col("attr").str.contains("cds_start_NF", literal=True),
        end_unknown=pl.col("attr").str.contains("cds_end_NF", literal=True),
        code=pl.col("cds_attr").str.extract(r'transl_table +"?(\d+)').cast(pl.Int64),
        protein_id=pl.concat_str(
            pl.col("cds_attr").str.extract(r'protein_id +"([^"]+)"'),
            (pl.lit(".") + pl.col("cds_attr").str.extract(r'protein_version +"?(\d+)'))
            .fill_null(""),
        ),
    )  # fmt: skip
    counts = {
        "transcripts_without_row": int(tx["without_row"].sum()),
        "transcripts_without_gene_row": int(tx["gene_found"].is_null().sum()),
        "transcripts_made_from_genes": 0,
        "transcripts_with_transl_except": exceptions.select("contig", "key").n_unique(),
    }
    return tx.select(
        "contig", "key", "transcript_id", "version", "gene_id", "gene_name", "biotype",
        "start_unknown", "end_unknown", "code", "protein_id", *TAGS,
    ), exceptions, counts  # fmt: skip


def _genes(frame: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Gene rows, and genes that only their transcripts' rows name."""
    columns = {
        "gene_id": without_version(_value("gene_id")),
        "gene_name": _value("gene_name"),
        "biotype": pl.coalesce(_value("gene_biotype"), _value("gene_type")),
    }
    where = ["contig", "start", "end", "strand"]
    own = frame.filter(pl.col("type") == "gene").select(*where, **columns)
    made = (
        parts.select(*where, **columns)
        .filter(pl.col("gene_id").is_not_null())
        .group_by("contig", "gene_id", maintain_order=True)
        .agg(
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("strand", "gene_name", "biotype").first(),
        )
        .join(own.select("contig", "gene_id"), on=["contig", "gene_id"], how="anti")
    )
    return pl.concat([own, made.select(own.columns)]).filter(pl.col("gene_id").is_not_null())
