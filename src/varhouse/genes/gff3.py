"""GFF3 rows to features: Ensembl, GENCODE, RefSeq, and genes whose CDS hang on them.

A transcript is what exon and CDS rows name as their parent. When that parent is a gene
(viruses, bacteria), or when a CDS has no parent (Prokka), each CDS id is a transcript of
its own. Rows may stand in any order; a parent list `A,B` counts for each.
"""

import polars as pl

from varhouse.genes.rows import (
    BARE_GENE,
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

# Old Ensembl files have transcripts of type `pseudogene`, and genes of type `RNA`.
_IS_GENE = pl.col("parent").is_null() & (
    pl.col("type").str.contains(r"(?i)(?:^|_)(?:gene|pseudogene)$")
    | pl.col("id").str.contains(r"^gene[:-]").fill_null(False)
)
_PREFIX = r"^(?:transcript|rna|mrna|mRNA|cds|CDS|gene|id):|^(?:rna|gene|cds|id)-"


def _value(name: str) -> pl.Expr:
    """Value of an attribute; null when it is not there."""
    return _plain(pl.col("attr").str.extract(rf"(?:^|;)\s*{name}=([^;]+)"))


def _plain(column: pl.Expr) -> pl.Expr:
    """Undo the escapes that GFF3 prescribes."""
    for code, letter in (("%2C", ","), ("%3B", ";"), ("%3D", "="), ("%26", "&"), ("%20", " ")):
        column = column.str.replace_all(f"(?i){code}", letter)
    return column.str.replace_all("%25", "%", literal=True)


def read_gff3(rows: Rows) -> Features:
    """Make features of the rows of a GFF3 file."""
    frame = rows.frame.with_columns(
        id=pl.col("attr").str.extract(r"(?:^|;)\s*ID=([^;]+)"),
        parent=pl.col("attr").str.extract(r"(?:^|;)\s*Parent=([^;]+)"),
    )
    # GFF3's stop codon rows lie inside the CDS: they add nothing.
    is_part = pl.col("type").is_in(["exon", "CDS"])
    nodes = (
        frame.filter(
            ~pl.col("type").is_in([*PARTS, *SELENOCYSTEINES]), pl.col("id").is_not_null()
        )
        .unique(["contig", "id"], keep="first", maintain_order=True)
        .with_columns(is_gene=_IS_GENE)
    )
    parts = _parts(frame.filter(is_part), nodes)
    is_codon = pl.col("type").is_in(SELENOCYSTEINES)
    codons = frame.filter(is_codon).select("contig", key="parent", pos="start")
    transcripts, exceptions, counts = _transcripts(parts, nodes, codons)
    genes = _gene_names(nodes).drop("gene_key")
    used = (
        is_part | is_codon | _IS_GENE | pl.col("id").is_in(parts["parent"].unique().implode())
    )
    features = unused_types(frame, used.fill_null(False))
    counts["features_not_used"] = sum(features.values())
    columns = ["contig", "key", "type", "start", "end", "strand", "phase"]
    return Features(
        transcripts,
        parts.select(columns),
        genes,
        exceptions,
        {**counts, **{f"feature:{k}": v for k, v in features.items()}},
    )


def _parts(frame: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Exon and CDS rows, one for each parent, with the key of their transcript."""
    parts = (
        frame.with_columns(pl.col("parent").str.split(","))
        .explode("parent", empty_as_null=True, keep_nulls=True)
        .join(
            nodes.select("contig", parent="id", on_gene="is_gene"),
            on=["contig", "parent"],
            how="left",
        )
        .with_columns(
            bare=pl.col("parent").is_null() | pl.col("on_gene").fill_null(False),
        )
    )
    # A gene with exon rows of its own is one transcript, its CDS belong to it.
    own = (
        parts.filter(pl.col("bare"), pl.col("type") == "exon", pl.col("parent").is_not_null())
        .select("contig", "parent", has_exons=pl.lit(True))
        .unique()
    )
    parts = parts.join(own, on=["contig", "parent"], how="left")
    of_cds = pl.coalesce("id", _value("protein_id"), "parent", _value("locus_tag"))
    return parts.with_columns(
        key=pl.when(~pl.col("bare"))
        .then("parent")
        .when((pl.col("type") == "exon") | pl.col("has_exons").fill_null(False))
        .then(pl.lit(BARE_GENE + "gene:") + pl.col("parent"))
        .otherwise(pl.lit(BARE_GENE) + of_cds)
    ).filter(pl.col("key").is_not_null())


def _transcripts(
    parts: pl.DataFrame, nodes: pl.DataFrame, codons: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """One row for each transcript: from its own row, else from its first part."""
    tx = _with_gene(_candidates(parts, nodes), nodes)
    exceptions = translation_exceptions(
        tx,
        parts.filter(pl.col("type") == "CDS"),
        codons,
        r"(?:^|;)tag=(?:[^;]*,)?seleno(?:[,;]|$)",
    )
    own_id = (
        pl.when("bare")
        .then(pl.coalesce(_value("protein_id"), pl.col("key").str.slice(1)))
        .otherwise(
            pl.coalesce(
                pl.when("without_row").then(None).otherwise(_value("transcript_id")), "key"
            )
        )
    )
    biotype = pl.coalesce(
        _value("biotype"), _value("transcript_type"), _value("transcript_biotype")
    )
    coding = pl.col("cds_attr").is_not_null()
    by_type = (
        pl.when(coding & pl.col("type").is_in(["mRNA", "transcript"]).fill_null(True))
        .then(pl.lit("protein_coding"))
        .when(pl.col("type").is_in(["transcript", "primary_transcript"]))
        .then(None)
        .otherwise("type")
    )
    both = pl.concat_str("attr", pl.lit(";"), "cds_attr", ignore_nulls=True)
    tx = tx.with_columns(
        transcript_id=own_id.str.replace(_PREFIX, ""),
        version=_value("version").cast(pl.Int32, strict=False),
        gene_name=pl.coalesce("gene_name", _value("gene_name"), _value("gene")),
        gene_id=pl.coalesce(
            "gene_id", _value("gene_id"), pl.col("gene_key").str.replace(_PREFIX, "")
        ),
        biotype=pl.coalesce(biotype, by_type),
        **tag_columns(
            _value("tag"),
            _value("transcript_support_level"),
            pl.coalesce(_value("ccdsid"), both.str.extract(r"[=,]CCDS:(CCDS[\d.]+)")),
            pl.col("attr"),
        ),
        start_unknown=both.str.contains(r"cds_start_NF|(?:^|;)start_range=\.,"),
        end_unknown=both.str.contains(r"cds_end_NF|(?:^|;)end_range=[^;,]*,\."),
        code=pl.col("cds_attr").str.extract(r"(?:^|;)transl_table=(\d+)").cast(pl.Int64),
        protein_id=_protein_id(),
    )
    # RefSeq places one transcript id twice: then the id of the row tells them apart.
    tx = tx.with_columns(
        transcript_id=pl.when(pl.len().over("contig", "transcript_id") > 1)
        .then(pl.col("key").str.strip_prefix(BARE_GENE).str.replace(_PREFIX, ""))
        .otherwise("transcript_id"),
        gene_id=without_version(pl.col("gene_id")),
    )
    reverse = parts.unique(["contig", "key"], keep="first").select(
        "contig", "key", reverse=pl.col("strand") == "-"
    )
    tx = tx.join(reverse, on=["contig", "key"], how="left").with_columns(
        # RefSeq's ranges are genomic: on the reverse strand the start is the end.
        start_unknown=_by_strand("start_unknown", "end_unknown"),
        end_unknown=_by_strand("end_unknown", "start_unknown"),
    )
    counts = {
        "transcripts_without_row": int(tx["without_row"].sum()),
        "transcripts_without_gene_row": int((~tx["gene_found"] & ~tx["bare"]).sum()),
        "transcripts_made_from_genes": int(tx["bare"].sum()),
        "transcripts_with_transl_except": exceptions.select("contig", "key").n_unique(),
    }
    return tx.select(
        "contig", "key", "transcript_id", "version", "gene_id", "gene_name", "biotype",
        "start_unknown", "end_unknown", "code", "protein_id", *TAGS,
    ), exceptions, counts  # fmt: skip


def _protein_id() -> pl.Expr:
    """Id of the protein, with its version where the CDS row has one."""

    def of_cds(key: str) -> pl.Expr:
        return pl.col("cds_attr").str.extract(rf"(?:^|;){key}=([^;]+)")

    given = pl.coalesce(of_cds("protein_id"), of_cds("ID").str.extract("^CDS:(.+)$"))
    return pl.concat_str(
        given,
        pl.when(~given.str.contains(r"\.\d+$"))
        .then(pl.lit(".") + of_cds("version"))
        .fill_null(""),
    )


def _candidates(parts: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Transcripts with the attributes of their row, first part and first CDS."""
    first = parts.unique(["contig", "key"], keep="first", maintain_order=True)
    cds = (
        parts.filter(pl.col("type") == "CDS")
        .group_by("contig", "key", maintain_order=True)
        .agg(cds_attr=pl.col("attr").first())
    )
    tx = (
        first.select(
            "contig", "key", "bare", part_parent="parent", part_type="type", part_attr="attr"
        )
        .join(
            nodes.select(
                "contig",
                "attr",
                "type",
                key="id",
                gene_key=pl.col("parent").str.split(",").list.first(),
            ),
            on=["contig", "key"],
            how="left",
        )
        .join(cds, on=["contig", "key"], how="left")
        .with_columns(without_row=pl.col("attr").is_null() & ~pl.col("bare"))
        .with_columns(
            attr=pl.coalesce("attr", "part_attr"),
            gene_key=pl.when("bare").then("part_parent").otherwise("gene_key"),
        )
    )
    return tx


def _by_strand(own: str, other: str) -> pl.Expr:
    both = pl.concat_str("attr", pl.lit(";"), "cds_attr", ignore_nulls=True)
    partial = both.str.contains("_range=", literal=True)
    return pl.when(pl.col("reverse") & partial).then(other).otherwise(own)


def _with_gene(tx: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Add gene_id and gene_name of the gene's row (parent, or parent's parent)."""
    up = nodes.select("contig", "is_gene", gene_key="id", above="parent")
    tx = tx.join(up, on=["contig", "gene_key"], how="left").with_columns(
        gene_key=pl.when(pl.col("is_gene").not_() & pl.col("above").is_not_null())
        .then("above")
        .otherwise("gene_key")
    )
    return (
        tx.drop("is_gene", "above")
        .join(
            _gene_names(nodes).select(
                "contig", "gene_key", "gene_id", "gene_name", gene_found=pl.lit(True)
            ),
            on=["contig", "gene_key"],
            how="left",
        )
        .with_columns(pl.col("gene_found").fill_null(False))
    )


def _gene_names(nodes: pl.DataFrame) -> pl.DataFrame:
    return nodes.filter("is_gene").select(
        "contig",
        "start",
        "end",
        "strand",
        gene_key="id",
        gene_id=without_version(
            pl.coalesce(_value("gene_id"), pl.col("id").str.replace(_PREFIX, ""))
        ),
        gene_name=pl.coalesce(_value("gene_name"), _value("Name"), _value("gene")),
        biotype=pl.coalesce(_value("biotype"), _value("gene_type"), _value("gene_biotype")),
    )
