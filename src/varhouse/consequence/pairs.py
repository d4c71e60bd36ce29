"""The pairs of an allele and a transcript: what the kernels hand to the renderer."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from varhouse.transcripts.genemodel import Int64

NONE = np.int64(-1)
"""Stands for a position, rank or distance that does not exist."""


@dataclass
class Pairs:
    """Allele x transcript pairs of a batch, in no particular order.

    Attributes
    ----------
    allele
        int64[n]: row of the batch.
    tx
        int64[n]: transcript of the model.
    terms
        int64[n]: mask of Sequence Ontology terms.
    exon_first, exon_last, intron_first, intron_last
        int64[n]: ranks of the exons and introns touched, -1 for none.
    cdna_start, cdna_end, cds_start, cds_end
        int64[n]: 1-based positions in the transcript and in its CDS (the padding of an
        incomplete first codon included); the two neighbours for an insertion; -1 where
        that end lies outside.
    distance
        int64[n]: bases to the transcript for up- and downstream alleles, else -1.
    codons, amino_acids
        String[n]: REF/ALT, null outside the CDS.
    """

    allele: Int64
    tx: Int64
    terms: Int64
    exon_first: Int64
    exon_last: Int64
    intron_first: Int64
    intron_last: Int64
    cdna_start: Int64
    cdna_end: Int64
    cds_start: Int64
    cds_end: Int64
    distance: Int64
    codons: pl.Series
    amino_acids: pl.Series

    @classmethod
    def empty(cls, allele: Int64, tx: Int64) -> "Pairs":
        """Make pairs about which nothing is known yet."""
        n = len(allele)
        blank = pl.Series([None], dtype=pl.String).new_from_index(0, n)
        a, b, c, d, e, f, g, h, i = (np.full(n, NONE) for _ in range(9))
        return cls(allele, tx, np.zeros(n, np.int64), a, b, c, d, e, f, g, h, i, blank, blank)

    @classmethod
    def joined(cls, parts: list["Pairs"]) -> "Pairs":
        """Put pairs behind each other."""
        if len(parts) == 1:
            return parts[0]
        columns: list[Any] = []
        for f in fields(cls):
            held = [getattr(p, f.name) for p in parts]
            is_text = isinstance(held[0], pl.Series)
            columns.append(pl.concat(held, rechunk=True) if is_text else np.concatenate(held))
        return cls(*columns)

    def take(self, rows: Int64) -> "Pairs":
        """Pick rows."""
        return Pairs(*(getattr(self, f.name)[rows] for f in fields(self)))

    def __len__(self) -> int:
        return len(self.allele)

    def frame(self) -> pl.DataFrame:
        """Give the pairs as a frame; numbers that do not exist are null."""
        frame = pl.DataFrame({f.name: getattr(self, f.name) for f in fields(self)})
        numbers = pl.col(
            "exon_first", "exon_last", "intron_first", "intron_last",
            "cdna_start", "cdna_end", "cds_start", "cds_end", "distance",
        )  # fmt: skip
        return frame.with_columns(pl.when(numbers >= 0).then(numbers).cast(pl.Int32))


def scattered(n: int, rows: Int64, values: pl.Series) -> pl.Series:
    """Spread strings over n rows: row `rows[i]` gets `values[i]`, the others null."""
    index = np.full(n, len(values), np.int64)
    index[rows] = np.arange(len(rows))
    padded = pl.concat([values, pl.Series([None], dtype=pl.String)], rechunk=True)
    return padded.gather(pl.Series(index))


def distance_to(start: Int64, end: Int64, tx_start: Int64, tx_end: Int64) -> Int64:
    """Bases from an allele to a transcript as VEP counts them.

    The least distance between a first or last base of the one and of the other
    (`VariationFeatureOverlap`); an insertion's first base is behind its last.
    """
    least: Int64 = np.minimum.reduce(
        [
            np.abs(tx_start - start),
            np.abs(tx_start + 1 - end),
            np.abs(tx_end - 1 - start),
            np.abs(tx_end - end),
        ]
    )
    return least
