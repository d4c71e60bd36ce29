"""HGVS names of the pairs of an allele and a transcript, batch by batch."""

from typing import NamedTuple

import numpy as np
import polars as pl

from varhouse.genome.reference import Reference
from varhouse.hgvs.alleles import place_alleles
from varhouse.hgvs.protein import name_in_proteins
from varhouse.hgvs.slippage import Slippages
from varhouse.hgvs.transcript import name_in_transcripts
from varhouse.tables.textcolumn import pack, strings
from varhouse.transcripts.genemodel import GeneModel, Int64


class Names(NamedTuple):
    """Names of n pairs; null where there is none.

    Attributes
    ----------
    hgvsc, hgvsp
        String[n].
    shift
        Int32[n]: bases by which an insertion or deletion was shifted in the transcript's
        3' direction, negative to the left on the genome; null for none.
    """

    hgvsc: pl.Series
    hgvsp: pl.Series
    shift: pl.Series


class Describer:
    """Names alleles in the transcripts and proteins of one gene model.

    Parameters
    ----------
    model
        The gene model.
    reference
        The reference that it was compiled with; its bases decide how far an allele may
        be shifted.
    as_vep
        Follow VEP where it numbers otherwise (see `docs/consequence-differences.md`).

    Attributes
    ----------
    mismatches
        Alleles met so far whose REF is not what the reference holds; they have no names.
    """

    def __init__(self, model: GeneModel, reference: Reference, as_vep: bool = False) -> None:
        self._model, self._reference, self._as_vep = model, reference, as_vep
        self.mismatches = 0
        bases, _, _ = reference.packed(model.contigs)
        self._bases = np.asarray(bases)
        versioned = pl.col("transcript_id").str.contains(r"\.\d+$")
        version = pl.when(~versioned).then(pl.lit(".") + pl.col("version").cast(pl.String))
        kind = pl.Series(np.where(model.coding, ":c.", ":n."))
        names = model.transcripts.select(
            transcript=pl.concat_str("transcript_id", version.fill_null(""), kind),
            # A protein without an id of its own is named by its transcript.
            protein=pl.coalesce("protein_id", "transcript_id") + ":p.",
        )
        self._transcript, self._protein = pack(names["transcript"]), pack(names["protein"])
        self._slippages = Slippages(model, self._transcript, self._protein, as_vep)

    def __call__(self, alleles: pl.DataFrame, row: Int64, tx: Int64) -> Names:
        """Name pairs.

        Parameters
        ----------
        alleles
            contig (canonical), pos (1-based), ref, alt.
        row, tx
            int64[n]: row of `alleles` and transcript of the model, of each pair.
        """
        placed, mismatches = place_alleles(alleles, self._model, self._reference)
        self.mismatches += mismatches
        data, at, valid, shift = name_in_transcripts(
            self._model, placed, self._transcript, self._bases, row, tx, self._as_vep
        )
        hgvsc = strings(data, at, valid, "hgvsc")
        shifted = pl.Series("shift", np.where(valid, shift, 0), dtype=pl.Int32)
        data, at, valid = name_in_proteins(
            self._model, placed, self._protein, row, tx, self._as_vep
        )
        found = hgvsc, strings(data, at, valid, "hgvsp"), shifted.replace(0, None)
        return Names(*self._slippages.rename(placed, row, tx, found))
