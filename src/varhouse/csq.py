"""Consequence rows as entries of VEP's INFO/CSQ."""

import polars as pl

from varhouse.infotext import encoded_csq

CSQ_FIELDS = (
    "Allele", "Consequence", "IMPACT", "SYMBOL", "Gene", "Feature_type", "Feature", "BIOTYPE",
    "EXON", "INTRON", "HGVSc", "HGVSp", "cDNA_position", "CDS_position", "Protein_position",
    "Amino_acids", "Codons", "DISTANCE", "STRAND", "FLAGS", "PICK", "CANONICAL",
    "MANE_SELECT", "MANE_PLUS_CLINICAL", "TSL", "APPRIS", "HGVS_OFFSET", "LoF", "LoF_filter",
    "LoF_flags",
)  # fmt: skip

CSQ_HEADER = (
    "##INFO=<ID=CSQ,Number=.,Type=String,Description="
    '"Consequence annotations from varhouse, in the format of Ensembl VEP. Format: '
    + "|".join(CSQ_FIELDS)
    + '">'
)


CSQ_COLUMNS = (
    "consequence", "impact", "gene_name", "gene_id", "transcript_id", "biotype", "exon",
    "intron", "hgvsc", "hgvsp", "cdna_start", "cdna_end", "cds_start", "cds_end",
    "protein_start", "protein_end", "amino_acids", "codons", "distance", "strand", "flags",
    "pick", "canonical", "mane_select", "mane_plus_clinical", "mane_id", "tsl", "appris",
    "hgvs_offset", "lof", "lof_reasons", "lof_flags",
)  # fmt: skip
"""Columns of the table `consequences` that an entry is made of."""


def _range(name: str) -> pl.Expr:
    """`12`, `12-14`, `?-14` or `12-?`; null when both ends are unknown."""
    first, last = pl.col(f"{name}_start"), pl.col(f"{name}_end")
    text = pl.concat_str(
        first.cast(pl.String).fill_null("?"), pl.lit("-"), last.cast(pl.String).fill_null("?")
    )
    return (
        pl.when(first.is_null() & last.is_null())
        .then(None)
        .when(first == last)
        .then(first.cast(pl.String))
        .otherwise(text)
    )


def _safe(name: str) -> pl.Expr:
    """Text with the letters encoded that separate fields, entries and INFO keys."""
    return encoded_csq(pl.col(name))


def csq_entries(rows: pl.DataFrame) -> pl.Series:
    """Write each row, with the columns `CSQ_COLUMNS`, as a CSQ entry without the allele.

    Returns
    -------
    pl.Series
        `Consequence|IMPACT|...|LoF_flags`, one string for each row.
    """
    # As VEP, the id of the other set's transcript, where the gene model knows it.
    mane = pl.coalesce(_safe("mane_id"), pl.lit("YES"))
    columns = [
        pl.col("consequence"),
        pl.col("impact"),
        _safe("gene_name"),
        _safe("gene_id"),
        pl.lit("Transcript"),
        _safe("transcript_id"),
        _safe("biotype"),
        pl.col("exon"),
        pl.col("intron"),
        _safe("hgvsc"),
        _safe("hgvsp"),
        _range("cdna"),
        _range("cds"),
        _range("protein"),
        pl.col("amino_acids"),
        pl.col("codons"),
        pl.col("distance").cast(pl.String),
        pl.col("strand").cast(pl.String),
        pl.col("flags"),
        pl.when("pick").then(pl.lit("1")),
        pl.when("canonical").then(pl.lit("YES")),
        pl.when("mane_select").then(mane),
        pl.when("mane_plus_clinical").then(mane),
        pl.col("tsl").cast(pl.String),
        pl.col("appris"),
        pl.col("hgvs_offset").cast(pl.String),
        pl.col("lof"),
        pl.col("lof_reasons"),
        pl.col("lof_flags"),
    ]
    filled = [c.fill_null("") for c in columns]
    return rows.select(csq=pl.concat_str(filled, separator="|")).to_series()


def vep_alleles(records: pl.DataFrame) -> pl.DataFrame:
    """Name each ALT of a record as VEP does.

    Where an ALT differs from REF in length and every allele begins with the same base,
    that base is left out (`-` for nothing left), else the ALT stands as it is.

    Parameters
    ----------
    records
        record, index (0-based number of the ALT), ref, alt.

    Returns
    -------
    pl.DataFrame
        The same rows in the same order with the column `allele`.
    """
    plain = pl.col("alt") != "*"
    indel = (plain & (pl.col("ref").str.len_bytes() != pl.col("alt").str.len_bytes())).any()
    first = (~plain | (pl.col("ref").str.head(1) == pl.col("alt").str.head(1))).all()
    cut = plain & indel.over("record") & first.over("record")
    rest = pl.col("alt").str.slice(1)
    return records.with_columns(
        allele=pl.when(cut)
        .then(pl.when(rest == "").then(pl.lit("-")).otherwise(rest))
        .otherwise("alt")
    )
