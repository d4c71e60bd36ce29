"""Coding consequences of indels and MNVs: REF and ALT codons as padded matrices.

An edit replaces the bases [first, stop) of a CDS. Only the touched codons of REF and ALT
are compared, as VEP does: nothing is translated on behind a frameshift. Edits strictly
inside the CDS with short windows, and without stop codons or unknown bases in REF, are
decided here as matrices of 48 bases; the rest (1-2 %) goes to `edges.py`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.consequence.decide import codon_text, decide, peptide_text
from varhouse.consequence.edges import annotate_edge
from varhouse.consequence.windows import WINDOW, Edits, cut_windows, touched_codons
from varhouse.transcripts.genemodel import Bool, GeneModel, Int64, UInt8

_BATCH = 16_384
"""Rows decided at once: about 40 MB of matrices."""


@dataclass(frozen=True)
class CodingResult:
    """Terms of edits, and texts where codons could be read (`has_text`)."""

    terms: Int64
    has_text: Bool
    codons: pl.Series
    amino_acids: pl.Series


def annotate_edits(
    model: GeneModel, edits: Edits, alt: UInt8, as_vep: bool = False
) -> CodingResult:
    """Annotate edits; terms are masks, texts REF/ALT. `as_vep` gives VEP 115's terms.

    Returns
    -------
    CodingResult
        One row for each edit.
    """
    n = len(edits.tx)
    terms, done = np.zeros(n, np.int64), np.zeros(n, bool)
    codons: list[pl.Series] = []
    peptides: list[pl.Series] = []
    order: list[Int64] = []
    candidates = np.flatnonzero(_is_simple(model, edits))
    for k in range(0, len(candidates), _BATCH):
        rows = candidates[k : k + _BATCH]
        windows, ref, new = cut_windows(model, edits.take(rows), alt)
        found, is_plain = decide(windows, ref, new, as_vep)
        plain = np.flatnonzero(is_plain)
        terms[rows] = found
        done[rows] = is_plain
        order.append(rows[plain])
        codons.append(codon_text(windows.take(plain)))
        peptides.append(peptide_text(ref.take(plain), new.take(plain)))
    rest = np.flatnonzero(~done)
    few = [annotate_edge(model, edits, int(i), alt, as_vep) for i in rest]
    terms[rest] = np.array([e.terms for e in few], np.int64)
    order.append(rest)
    codons.append(pl.Series([e.codons for e in few], dtype=pl.String))
    peptides.append(pl.Series([e.amino_acids for e in few], dtype=pl.String))
    back = pl.Series(np.argsort(np.concatenate(order), kind="stable"))
    codon, peptide = pl.concat(codons).gather(back), pl.concat(peptides).gather(back)
    return CodingResult(terms, codon.is_not_null().to_numpy(), codon, peptide)


def _is_simple(model: GeneModel, edits: Edits) -> Bool:
    length = model.cds_length[edits.tx]
    first, last = touched_codons(edits)
    ref_length = (last - first + 1) * 3
    alt_length = ref_length + edits.alt_length - (edits.stop - edits.first)
    simple: Bool = (
        edits.first_known
        & edits.stop_known
        & (edits.first >= 3)
        & (edits.stop < length // 3 * 3 - 3)
        & (3 * first + alt_length <= length // 3 * 3 - 3)
        & (ref_length <= WINDOW)
        & (alt_length <= WINDOW)
        & (edits.first < edits.stop + edits.insertion)
    )
    return simple
