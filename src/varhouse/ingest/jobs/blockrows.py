"""Reference records of a gVCF: their rows of the table `blocks`.

A record that says only where there is no variant becomes neither an allele nor a site. What
stands in it is kept to the letter all the same: its columns here, the values of its FORMAT
fields beside those of all other records in the table `fields`.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genotypes.calls import NO_GT, Genotypes
from varhouse.tables.blocktext import cut_ends
from varhouse.vcf.text.lines import RecordBatch

Int32 = npt.NDArray[np.int32]


def block_rows(
    records: pl.DataFrame, genotypes: Genotypes, batch: RecordBatch, file: int, people: int
) -> pl.DataFrame:
    """Make the rows of the table `blocks`, without cohort and part.

    Parameters
    ----------
    records
        Reference records of the batch, as `chunk` has them (k: the row in the batch; end: the
        last base).
    genotypes
        Of the same records.
    file, people
        0-based number of the file in the cohort, and its sample columns.
    """
    rows = records["k"].to_numpy().astype(np.int64)
    end = records["end"].to_numpy()
    info, apart = cut_ends(batch.column("info", rows), end)
    form = batch.column("format", rows) if people else None
    return records.with_columns(
        info.alias("info"),
        pl.Series("end_apart", apart),
        (form if form is not None else pl.lit(None, pl.String)).alias("format"),
        genotype_texts(genotypes, people).alias("gt"),
        pl.lit(file, pl.Int32).alias("file"),
    ).select(
        "contig",
        pl.col("pos", "end").cast(pl.Int32),
        "ref",
        "alt",
        "file",
        "record",
        "chrom",
        *(pl.when(pl.col(n) != ".").then(n).alias(n) for n in ("id", "qual")),
        "filter",
        "info",
        "end_apart",
        "format",
        "gt",
    )


def genotype_texts(genotypes: Genotypes, people: int) -> pl.Series:
    """Join the GT texts of each record by tabs; null where FORMAT has no GT."""
    n = genotypes.size
    if not people or not n:
        return pl.Series("gt", [None], pl.String).new_from_index(0, n)
    codes = np.repeat(genotypes.default[:, None], people, axis=1)
    record = np.repeat(np.arange(n), np.diff(genotypes.pointer))
    codes[record, genotypes.who] = genotypes.what
    texts = pl.Series("text", genotypes.texts, pl.String)
    columns = [texts.gather(column).alias(f"{k}") for k, column in enumerate(codes.T)]
    joined = pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator="\t"))
    has_gt = pl.Series((texts != NO_GT).to_numpy()[genotypes.default])
    return pl.select(pl.when(has_gt).then(joined.to_series()).alias("gt")).to_series()
