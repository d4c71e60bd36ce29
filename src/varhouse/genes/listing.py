"""Rows of the table `transcripts`: where each transcript lies, with its exons."""

import numpy as np
import polars as pl

from varhouse.tables.schema import TRANSCRIPTS
from varhouse.transcripts.genemodel import EXON, GeneModel
from varhouse.transcripts.modeldigest import contig_digests


def transcripts_frame(model: GeneModel) -> pl.DataFrame:
    """Give the rows of the table `transcripts` (1-based, closed coordinates).

    Returns
    -------
    pl.DataFrame
        Columns of `schema.TRANSCRIPTS`, in the order of the model.
    """
    names = model.transcripts
    index = {c: i for i, c in enumerate(model.contigs)}
    contig = names["contig"].replace_strict(index, return_dtype=pl.Int64).to_numpy()
    shift = model.contig_start[contig] if contig.size else np.zeros(0, np.int64)
    exon = np.flatnonzero(model.seg_kind == EXON)
    tx = model.seg_tx[exon]
    exons = (
        pl.DataFrame(
            {
                "tx": tx,
                "exon_start": model.seg_start[exon] - shift[tx] + 1,
                "exon_end": model.seg_end[exon] - shift[tx],
            }
        )
        .group_by("tx", maintain_order=True)
        .agg(pl.col("exon_start", "exon_end").cast(pl.Int32))
        .sort("tx")
    )
    coding = pl.Series(model.coding)
    return names.with_columns(
        start=pl.Series(model.start - shift + 1),
        end=pl.Series(model.end - shift),
        strand=pl.Series(model.strand),
        cds_start=pl.when(coding).then(pl.Series(model.cds_start - shift + 1)),
        cds_end=pl.when(coding).then(pl.Series(model.cds_end - shift)),
        exon_start=exons["exon_start"],
        exon_end=exons["exon_end"],
        genes_digest=pl.col("contig").replace_strict(
            contig_digests(model), default=None, return_dtype=pl.String
        ),
    ).select(pl.col(n).cast(t) for n, t in TRANSCRIPTS.polars_schema.items())
