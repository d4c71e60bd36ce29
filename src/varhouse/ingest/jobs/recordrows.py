"""Frames of a batch of records: fixed columns, an ALT a row, rows of sites and lifted."""

import numpy as np
import polars as pl

from varhouse.alleles.key import add_extents, last_of_ref
from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.ingest.jobs.filecontext import Context
from varhouse.ingest.jobs.lifted import lifted_columns
from varhouse.normalise import Status, move_symbolic, normalise_alleles
from varhouse.vcf.fields.ends import record_ends
from varhouse.vcf.text.lines import POS_LIMIT, RecordBatch


def with_ends(records: pl.DataFrame, batch: RecordBatch) -> pl.DataFrame:
    """Add the last base of each record: of a block as END or LEN say, else of REF.

    An END beyond any contig, of a file that is held back for it, is cut.
    """
    ends = np.minimum(record_ends(batch), POS_LIMIT - 1)
    far = pl.Series(ends[records["k"].to_numpy()])
    return records.with_columns(end=pl.when("is_block").then(far).otherwise(last_of_ref()))


def record_rows(batch: RecordBatch, context: Context) -> pl.DataFrame:
    """Take the fixed columns of a batch.

    `k` is the row in the batch, none `is_block`.
    """
    frame = pl.DataFrame(
        {
            "k": np.arange(batch.size), "pos": batch.pos, "chrom": batch.column("chrom"),
            "id": batch.column("id"), "ref": batch.column("ref"), "alt": batch.column("alt"),
            "qual": batch.column("qual"), "filter": batch.column("filter"),
        }
    )  # fmt: skip
    names = frame["chrom"].unique().to_list()
    canonical = {n: context.contigs.canonical(n) for n in names}
    if context.source_assembly is not None:
        frame = lifted_columns(frame, batch.column("info"))
    return frame.with_columns(
        pl.col("chrom")
        .replace_strict(list(canonical), list(canonical.values()), return_dtype=pl.String)
        .alias("contig"),
        (pl.col("k") + batch.record).alias("record"),
        (pl.col("k") + batch.line).alias("line"),
        pl.when(pl.col("alt") == ".")
        .then(0)
        .otherwise(pl.col("alt").str.count_matches(",", literal=True) + 1)
        .cast(pl.Int64)
        .alias("n_alt"),
        pl.lit(value=False).alias("is_block"),
    )


def allele_rows(records: pl.DataFrame, batch: RecordBatch, context: Context) -> pl.DataFrame:
    """One row per ALT, normalised; pos0, ref0 and alt0 are what the file has."""
    split = (
        records.filter(pl.col("n_alt") > 0)
        .select(
            "k",
            "record",
            "line",
            "contig",
            "pos",
            "ref",
            pl.col("alt").str.split(","),
            "id",
            pl.col("n_alt").alias("n_original"),
        )
        .with_columns(
            pl.int_ranges(1, pl.col("n_original") + 1, dtype=pl.Int32).alias("alt_index")
        )
        .explode("alt", "alt_index", empty_as_null=True)
        .with_columns(
            pl.col("pos").alias("pos0"),
            pl.col("ref").alias("ref0"),
            pl.col("alt").alias("alt0"),
        )
    )
    out = normalise_alleles(split, context.reference)
    out = add_extents(
        out,
        lambda rows: batch.column("info", out["k"].to_numpy()[rows].astype(np.int64)),
        context.declared,
        context.contigs.canonical,
    )
    out = move_symbolic(out, context.reference)
    checked = pl.col("status") != int(Status.REF_UNCHECKED)
    return out.with_columns(checked.alias("ref_checked"))


def count_split(alleles: pl.DataFrame) -> int:
    """Count alleles of records with several; `<NON_REF>` beside one ALT is none."""
    if not (alleles["n_original"] > 1).any():
        return 0
    named = alleles.filter(~pl.col("alt0").is_in(UNSPECIFIED_ALTS))
    of_record = np.bincount(named["k"].to_numpy())
    return int(of_record[of_record > 1].sum())


def site_rows(
    records: pl.DataFrame, alleles: pl.DataFrame, context: Context, batch: RecordBatch
) -> pl.DataFrame:
    """Make the rows of the table sites of records that are kept; alleles at fault are null."""
    rows = records["k"].to_numpy().astype(np.int64)
    good = pl.col("fault").is_null()
    lists = alleles.group_by("k", maintain_order=True).agg(
        pl.when(good).then("pos").alias("allele_pos"),
        pl.when(good).then("ref").alias("allele_ref"),
        pl.when(good).then("alt").alias("allele_alt"),
        pl.col("extent").alias("allele_extent"),
    )
    form = batch.column("format", rows) if context.ordinal.size else None
    empty = {
        "allele_pos": pl.List(pl.Int32), "allele_ref": pl.List(pl.String),
        "allele_alt": pl.List(pl.String), "allele_extent": pl.List(pl.String),
    }  # fmt: skip
    lifted = context.source_assembly is not None
    return (
        records.with_columns(
            records["info"] if lifted else batch.column("info", rows).alias("info"),
            (form if form is not None else pl.lit(None, pl.String)).alias("format"),
        )
        .join(lists, on="k", how="left", maintain_order="left")
        .select(
            "contig",
            pl.col("pos").cast(pl.Int32),
            "ref",
            "alt",
            pl.lit(context.file, pl.Int32).alias("file"),
            "record",
            "chrom",
            pl.when(pl.col("id") != ".").then("id").alias("id"),
            pl.when(pl.col("qual") != ".").then("qual").cast(pl.Float64).alias("qual"),
            "filter",
            "info",
            "format",
            *(pl.col(n).fill_null(pl.lit([], t)).alias(n) for n, t in empty.items()),
        )
    )


def lifted_rows(records: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Say where the records of a lifted file come from: rows of the table lifted."""
    return records.select(
        "contig",
        pl.col("pos").cast(pl.Int32),
        pl.lit(context.file, pl.Int32).alias("file"),
        "record",
        pl.lit(context.source_assembly).alias("source_assembly"),
        "source_record",
        "source_contig",
        "source_pos",
        "source_ref",
        "source_alt",
        "reverse",
        "swapped",
        "ambiguous",
    )
