"""Names at a ribosomal slippage: written on the spliced sequence that is really read.

On the genome a base that is read twice has one place, in the transcript two. Alleles there
are carried over to the spliced sequence (`varhouse.transcripts.slippage`), and named in it
as in a transcript of one exon: shifts and copies are then those of the sequence that has
the name.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from varhouse.hgvs.alleles import Alleles, left_shift, right_shift
from varhouse.hgvs.protein import name_in_proteins
from varhouse.hgvs.text import Packed
from varhouse.hgvs.transcript import name_in_transcripts
from varhouse.tables.textcolumn import strings
from varhouse.transcripts.genemodel import (
    CODE,
    EDGE_NONE,
    EXON,
    FLANK,
    FLANK_LEFT,
    FLANK_RIGHT,
    GeneModel,
    Int64,
)
from varhouse.transcripts.geneticcode import LETTERS
from varhouse.transcripts.slippage import Sites, find_sites, pairs_near, spliced_edit


class Slippages:
    """Names the alleles at the slippages of a model."""

    def __init__(
        self, model: GeneModel, transcript: Packed, protein: Packed, as_vep: bool
    ) -> None:
        self._model, self._as_vep = model, as_vep
        self._sites: Sites = find_sites(model)
        self._prefixes = transcript, protein

    def rename(
        self, placed: Alleles, row: Int64, tx: Int64, names: tuple[pl.Series, ...]
    ) -> tuple[pl.Series, ...]:
        """Replace the names of pairs at a slippage.

        Parameters
        ----------
        placed, row, tx
            Alleles, and the allele and transcript of each pair.
        names
            hgvsc, hgvsp (String) and shift (Int32) of all pairs.
        """
        if not len(self._sites.tx):
            return names
        # Where the allele, what it may be a copy of, or its shifted place touch the slippage.
        reach = placed.alt_length[row] + 1
        near = pairs_near(
            self._sites,
            self._model,
            tx,
            placed.start[row] - placed.left[row] - reach,
            placed.end[row] + placed.right[row] + reach,
        )
        found = [
            (int(i), new) for i, k in near for new in [self._names(placed, row[i], k)] if new
        ]
        if not found:
            return names
        rows = pl.Series([i for i, _ in found])
        own = list(zip(*(new for _, new in found), strict=True))
        return tuple(
            column.scatter(rows, pl.Series(values, dtype=column.dtype))
            for column, values in zip(names, own, strict=True)
        )

    def _names(
        self, placed: Alleles, a: int, site: int
    ) -> tuple[str | None, str | None, int | None] | None:
        start, end = int(placed.start[a]), int(placed.end[a])
        at = int(placed.alt_at[a])
        alt = placed.alt[at : at + int(placed.alt_length[a])]
        edit = spliced_edit(self._model, self._sites, site, start, end, alt)
        t = int(self._sites.tx[site])
        if edit is None or start < 0:
            return None
        first, stop, new = edit
        n = int(self._model.cdna_length[t])
        if first == stop and not 0 < first < n:
            return None
        twin = _twin(self._model, t)
        bases = LETTERS[twin.cdna]
        left = right = 0
        if first == stop or not len(new):
            right = right_shift(bases, 0, n, first, stop, new, 0, len(new), CODE)
            left = left_shift(bases, 0, first, stop, new, 0, len(new), CODE)

        def one(value: int) -> Int64:
            return np.array([value], np.int64)

        allele = Alleles(
            one(first), one(stop), one(0), one(len(new)), new, one(left), one(right), one(0)
        )
        zero = one(0)
        transcript, protein = (_prefix(p, t) for p in self._prefixes)
        text, offsets, valid, shift = name_in_transcripts(
            twin, allele, transcript, bases, zero, zero, self._as_vep
        )
        hgvsc = strings(text, offsets, valid)[0]
        turn = int(shift[0] * self._model.strand[t]) if valid[0] else 0
        text, offsets, valid = name_in_proteins(
            twin, allele, protein, zero, zero, self._as_vep
        )
        return hgvsc, strings(text, offsets, valid)[0], turn or None


def _prefix(prefixes: Packed, t: int) -> Packed:
    text, at = prefixes
    return text[at[t] : at[t + 1]], np.array([0, at[t + 1] - at[t]], np.int64)


def _twin(model: GeneModel, t: int) -> GeneModel:
    """Give the spliced sequence of a transcript as a model of one transcript on it."""
    n = int(model.cdna_length[t])
    at, codons = int(model.cdna_ptr[t]), int(model.codon_ptr[t])
    zero, end = np.zeros(1, np.int64), np.array([n], np.int64)
    own = {
        name: getattr(model, name)[t : t + 1]
        for name in (
            "coding", "start_unknown", "end_unknown", "nmd", "protein_coding", "phase",
            "cdna_length", "cds_offset", "cds_length", "code",
        )
    }  # fmt: skip
    return replace(
        model,
        **own,
        start=zero,
        end=end,
        strand=np.ones(1, np.int64),
        cdna_ptr=zero,
        cdna=model.cdna[at : at + n],
        codon_ptr=zero,
        codon=model.codon[codons : codons + (int(model.cds_length[t]) + 2) // 3],
        seg_ptr=np.array([0, 3], np.int64),
        seg_start=np.array([-FLANK, 0, n], np.int64),
        seg_end=np.array([0, n, n + FLANK], np.int64),
        seg_kind=np.array([FLANK_LEFT, EXON, FLANK_RIGHT], np.int8),
        seg_left=np.full(3, EDGE_NONE, np.int8),
        seg_right=np.full(3, EDGE_NONE, np.int8),
        seg_anchor=np.zeros(3, np.int64),
    )
