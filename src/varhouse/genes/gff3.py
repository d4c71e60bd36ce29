"""GFF3 rows to features: Ensembl, GENCODE, RefSeq, and genes whose CDS hang on them.

A transcript is what exon, CDS and UTR rows name as their parent. When that parent is a gene
(viruses, bacteria), or when a CDS has no parent (Prokka, Bakta), each CDS id is a transcript
of its own. A row of a non-coding RNA that has no parts is its own exon. Rows may stand in
any order; a parent list `A,B` counts for each, but a gene beside its transcripts does not.
"""

import polars as pl

from varhouse.genes.attributes import (
    GENE_BIOTYPES,
    GENE_SYMBOLS,
    TRANSCRIPT_BIOTYPES,
    decoded,
    first_of,
    gff3_text,
    gff3_value,
)
from varhouse.genes.circular import over_the_origin, split_genes
from varhouse.genes.rows import (
    BARE_GENE,
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

# Old Ensembl files have transcripts of type `pseudogene`, and genes of type `RNA`.
_IS_GENE = pl.col("parent").is_null() & (
    pl.col("type").str.contains(r"(?i)(?:^|_)(?:gene|pseudogene)$")
    | pl.col("id").str.contains(r"^gene[:-]").fill_null(False)
)
_PARTS = ("exon", "CDS", UTR)
# SO's terms for RNAs end so; a messenger without parts has no known exons.
_NON_CODING = (
    r"(?i)^(?:t|tm|r|nc|lnc|linc|sn|sno|sca|sc|mi|pre_mi|si|pi|misc_|antisense_?|guide_|SRP_"
    r"|RNase_P_|RNase_MRP_|telomerase_|vault_|Y_)RNA$"
)
_PREFIX = r"^(?:transcript|rna|mrna|mRNA|cds|CDS|gene|id):|^(?:rna|gene|cds|id)-"


def read_gff3(rows: Rows) -> Features:
    """Make features of the rows of a GFF3 file."""
    frame = rows.frame.with_columns(
        id=gff3_value("ID"),
        parent=gff3_text("Parent"),
        type=pl.when(pl.col("type").is_in(UTRS)).then(pl.lit(UTR)).otherwise("type"),
    )
    # GFF3's stop codon rows lie inside the CDS: they add nothing.
    is_part = pl.col("type").is_in(_PARTS)
    placed = frame.filter(
        ~is_part,
        ~pl.col("type").is_in([*SELENOCYSTEINES, "stop_codon"]),
        pl.col("id").is_not_null(),
    ).with_columns(is_gene=_IS_GENE, parent=decoded(pl.col("parent")))
    nodes = placed.unique(["contig", "id"], keep="first", maintain_order=True)
    lone = _without_parts(frame, nodes)
    parts = _parts(pl.concat([frame.filter(is_part), lone], how="diagonal"), nodes)
    parts, found = without_products(parts)
    refused = _over_the_origin(placed, parts, rows.circular)
    is_codon = pl.col("type").is_in(SELENOCYSTEINES)
    codons = frame.filter(is_codon).select("contig", key="parent", pos="start")
    transcripts, exceptions, counts = _transcripts(parts, nodes, codons)
    genes = _all_genes(placed, transcripts, parts)
    used = (
        is_part
        | is_codon
        | _IS_GENE
        | pl.col("id").is_in(parts["parent"].unique().implode())
        | pl.col("id").is_in(lone["id"].implode())
    )
    features = unused_types(frame, used.fill_null(False))
    counts["features_not_used"] = sum(features.values())
    counts["transcripts_without_parts"] = lone.height
    columns = ["contig", "key", "type", "start", "end", "strand", "phase"]
    return Features(
        transcripts,
        parts.select(columns),
        split_genes(genes, rows.circular),
        exceptions,
        {**counts, **found, **{f"feature:{k}": v for k, v in features.items()}},
        refused,
    )


def _over_the_origin(
    placed: pl.DataFrame, parts: pl.DataFrame, circular: dict[str, int]
) -> pl.DataFrame:
    """Find transcripts that run over an origin by their own rows or their parts."""
    columns = ["contig", "start", "end", "line", "key"]
    if not circular:
        return over_the_origin(parts.select(columns).clear(), circular)
    own_rows = placed.select("contig", "start", "end", "line", key="id")
    rows = pl.concat([own_rows, parts.select(columns)])
    return over_the_origin(rows.join(parts, on=["contig", "key"], how="semi"), circular)


def _without_parts(frame: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Rows of non-coding RNAs that no row names as its parent (Prokka, Bakta): exons."""
    rnas = nodes.filter(pl.col("type").str.contains(_NON_CODING), pl.col("is_gene").not_())
    parents = (
        # Most files have no such row, or few.
        (frame if rnas.height else frame.clear())
        .select("contig", parent=pl.col("parent").str.split(","))
        .explode("parent", empty_as_null=True, keep_nulls=True)
        .select("contig", id=decoded(pl.col("parent")))
    )
    return (
        rnas.join(parents, on=["contig", "id"], how="anti")
        .select(*frame.columns)
        .with_columns(parent=pl.col("id"), type=pl.lit("exon"), own_row=pl.lit(True))
    )


def _said(nodes: pl.DataFrame) -> pl.DataFrame:
    """Add `of_pseudo`: whether a row or the row of its parent is that of a pseudogene."""
    nodes = nodes.with_columns(own=no_product())
    above = nodes.select("contig", "own", parent="id")
    return nodes.join(
        above, on=["contig", "parent"], how="left", suffix="_above", maintain_order="left"
    ).with_columns(of_pseudo=pl.col("own") | pl.col("own_above").fill_null(False))


def _parts(frame: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Exon, CDS and UTR rows, one for each parent, with the key of their transcript."""
    is_lone = pl.col("own_row").is_not_null()
    parts = (
        frame.with_row_index("row")
        .with_columns(
            pl.when(is_lone)
            .then(pl.concat_list("parent"))
            .otherwise(pl.col("parent").str.split(","))
        )
        .explode("parent", empty_as_null=True, keep_nulls=True)
        .with_columns(
            parent=pl.when(is_lone).then("parent").otherwise(decoded(pl.col("parent")))
        )
        .join(
            _said(nodes).select("contig", "of_pseudo", parent="id", on_gene="is_gene"),
            on=["contig", "parent"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            bare=pl.col("parent").is_null() | pl.col("on_gene").fill_null(False),
            pseudo=pl.col("of_pseudo").fill_null(False) | no_product(),
        )
        # `Parent=gene,transcript` (Prokka) is a part of the transcript alone.
        .filter(~pl.col("bare") | pl.col("bare").all().over("row"))
    )
    # A gene with exon rows of its own is one transcript, its CDS belong to it.
    bare = parts.filter(pl.col("bare"), pl.col("parent").is_not_null())
    of_gene = bare.group_by("contig", "parent").agg(
        has_exons=(pl.col("type") == "exon").any(),
        of_cds=pl.col("id").filter(pl.col("type") == "CDS").unique(),
    )
    parts = parts.join(of_gene, on=["contig", "parent"], how="left", maintain_order="left")
    of_cds = pl.coalesce(
        pl.when(pl.col("type") == "CDS").then("id"),
        # UTR rows of a gene are of its CDS, if that is one.
        pl.when(pl.col("of_cds").list.len() == 1).then(pl.col("of_cds").list.first()),
        pl.when(pl.col("type") == "CDS").then(
            pl.coalesce(gff3_value("protein_id"), "parent", gff3_value("locus_tag"))
        ),
    )
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
        .then(pl.coalesce(gff3_value("protein_id"), pl.col("key").str.slice(1)))
        .otherwise(
            pl.coalesce(
                pl.when("without_row").then(None).otherwise(gff3_value("transcript_id")), "key"
            )
        )
    )
    biotype = biotype_of(
        pl.coalesce(gff3_value("biotype"), first_of(gff3_value, TRANSCRIPT_BIOTYPES)),
        pl.col("type"),
        pl.col("cds_attr").is_not_null(),
        pl.col("gene_biotype"),
        pl.when(pl.col("bare") & (pl.col("gene_biotype") != "protein_coding")).then(
            "gene_biotype"
        ),
        pl.col("pseudo").fill_null(False),
    )
    both = pl.concat_str("attr", pl.lit(";"), "cds_attr", ignore_nulls=True)
    tx = tx.with_columns(
        transcript_id=own_id.str.replace(_PREFIX, ""),
        version=gff3_value("version").cast(pl.Int32, strict=False),
        gene_name=pl.coalesce("gene_name", first_of(gff3_value, GENE_SYMBOLS)),
        gene_id=pl.coalesce(
            "gene_id",
            gff3_value("gene_id"),
            pl.col("gene_key").str.replace(_PREFIX, ""),
            gff3_value("locus_tag"),
        ),
        biotype=biotype,
        **tag_columns(
            gff3_value("tag"),
            gff3_value("transcript_support_level"),
            pl.coalesce(gff3_value("ccdsid"), both.str.extract(r"[=,]CCDS:(CCDS[\d.]+)")),
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
    return tx.select(TRANSCRIPT_COLUMNS), exceptions, counts


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
        .join(pseudogenes(parts), on=["contig", "key"], how="left")
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
    """Add what the gene's row (parent, or parent's parent) says of the gene."""
    up = nodes.select("contig", "is_gene", gene_key="id", above="parent")
    tx = tx.join(up, on=["contig", "gene_key"], how="left").with_columns(
        gene_key=pl.when(pl.col("is_gene").not_() & pl.col("above").is_not_null())
        .then("above")
        .otherwise("gene_key")
    )
    return (
        tx.drop("is_gene", "above")
        .join(
            _genes(nodes).select(
                "contig",
                "gene_key",
                "gene_id",
                "gene_name",
                gene_biotype="biotype",
                gene_found=pl.lit(True),
            ),
            on=["contig", "gene_key"],
            how="left",
        )
        .with_columns(pl.col("gene_found").fill_null(False))
    )


def _genes(nodes: pl.DataFrame) -> pl.DataFrame:
    """Rows of genes, with the id that their children name."""
    kind = pl.col("type").str.contains(r"(?i)pseudogene$")
    return nodes.filter("is_gene").select(
        "contig",
        "start",
        "end",
        "strand",
        gene_key="id",
        gene_id=without_version(
            pl.coalesce(gff3_value("gene_id"), pl.col("id").str.replace(_PREFIX, ""))
        ),
        gene_name=pl.coalesce(
            gff3_value("gene_name"), gff3_value("Name"), first_of(gff3_value, GENE_SYMBOLS[1:])
        ),
        biotype=pl.coalesce(
            gff3_value("biotype"),
            first_of(gff3_value, GENE_BIOTYPES),
            pl.when(kind).then("type"),
        ),
        xrefs=gene_xrefs(
            pl.col("attr").str.extract(r"(?i)(?:^|;)\s*Dbxref=([^;]+)").str.split(","),
            gff3_value("hgnc_id").str.split(","),
        ),
    )


def _all_genes(
    placed: pl.DataFrame, transcripts: pl.DataFrame, parts: pl.DataFrame
) -> pl.DataFrame:
    """Rows of genes, and genes that only their transcripts name (CDS without a parent)."""
    own = _genes(placed).drop("gene_key")
    named = parts.join(
        transcripts.filter(pl.col("gene_id").is_not_null()).select(
            "contig", "key", "gene_id", "gene_name", "biotype"
        ),
        on=["contig", "key"],
    )
    made = made_genes(named, pl.lit([], pl.List(pl.String)))
    made = made.join(own, on=["contig", "gene_id"], how="anti")
    return pl.concat([own, made.select(own.columns)])
