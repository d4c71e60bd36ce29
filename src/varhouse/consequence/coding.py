"""Coding consequences of indels and MNVs: REF and ALT codons as padded matrices.

An edit replaces the bases [first, stop) of a CDS. Only the touched codons of REF and ALT
are compared, as VEP does: nothing is translated on behind a frameshift. Edits strictly
inside the CDS with short windows, and without stop codons or unknown bases in REF, are
decided here as matrices of 48 bases; the rest (1-2 %) goes to `edges.py`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.consequence import terms as so
from varhouse.consequence.edges import annotate_edge
from varhouse.consequence.windows import (
    CODONS,
    WINDOW,
    Edits,
    Peptides,
    Windows,
    cut_windows,
    touched_codons,
)
from varhouse.genemodel import Bool, GeneModel, Int64, UInt8
from varhouse.geneticcode import LETTERS, STOP

_BATCH = 16_384
"""Rows decided at once: about 40 MB of matrices."""

_BASE = np.arange(WINDOW)
_CODON = np.arange(CODONS)


@dataclass(frozen=True)
class CodingResult:
    """Terms of edits, and texts where codons could be read (`has_text`)."""

    terms: Int64
    has_text: Bool
    codons: pl.Series
    amino_acids: pl.Series


def annotate_edits(model: GeneModel, edits: Edits, alt: UInt8) -> CodingResult:
    """Annotate edits; terms are masks, texts REF/ALT.

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
        plain = np.flatnonzero(_is_plain(windows, ref, new))
        windows, ref, new = windows.take(plain), ref.take(plain), new.take(plain)
        rows = rows[plain]
        terms[rows] = _terms(windows, ref, new)
        done[rows] = True
        order.append(rows)
        codons.append(_codon_text(windows))
        peptides.append(_peptide_text(ref, new))
    rest = np.flatnonzero(~done)
    few = [annotate_edge(model, edits, int(i), alt) for i in rest]
    terms[rest] = np.array([e.terms for e in few], np.int64)
    order.append(rest)
    codons.append(pl.Series([e.codons for e in few], dtype=pl.String))
    peptides.append(pl.Series([e.amino_acids for e in few], dtype=pl.String))
    back = pl.Series(np.argsort(np.concatenate(order), kind="stable"))
    codon_text, peptide_text = pl.concat(codons), pl.concat(peptides)
    codon_text, peptide_text = codon_text.gather(back), peptide_text.gather(back)
    return CodingResult(terms, codon_text.is_not_null().to_numpy(), codon_text, peptide_text)


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
        & (ref_length <= WINDOW)
        & (alt_length <= WINDOW)
        & (edits.first < edits.stop + edits.insertion)
    )
    return simple


def _is_plain(w: Windows, ref: Peptides, alt: Peptides) -> Bool:
    """Whether the matrices decide: no stop in REF, no unknown base, no retained stop."""
    unknown = ((w.ref == 4) & (w.ref_length[:, None] > _BASE)).any(axis=1)
    unknown |= ((w.alt == 4) & (w.alt_length[:, None] > _BASE)).any(axis=1)
    same_first = (ref.length == 1) & (ref.letters[:, 0] == alt.letters[:, 0])
    plain: Bool = ~unknown & ~ref.has_stop & ~(same_first & alt.has_stop)
    return plain & (ref.length + alt.length > 0)


def _terms(w: Windows, ref: Peptides, alt: Peptides) -> Int64:
    """Terms of plain edits (VEP's predicates on codons and peptides)."""
    gain, stop = w.gain, alt.has_stop
    shifted = gain % 3 != 0
    deletion = ~shifted & (gain < 0) & _is_inner_deletion(w)
    starts = _starts_alike(ref, alt)
    cut = np.where(stop, np.argmax(alt.letters == STOP, axis=1) + 1, alt.length)
    insertion = ~shifted & (gain > 0)
    insertion &= (starts & (cut >= ref.length)) | _ends_alike(ref, alt, cut)
    wider = np.maximum(ref.length, alt.length)[:, None]
    equal = ((ref.letters == alt.letters) | (wider <= _CODON)).all(axis=1)
    equal &= ref.length == alt.length
    level = gain == 0
    altering = (
        (ref.length != alt.length)
        & (alt.letters[:, 0] != STOP)
        & ~(starts & (alt.length >= ref.length))
        & ~((ref.length > 0) & _ends_alike(ref, alt, alt.length))
        & ~deletion
        & ~shifted
        & (ref.length > 0)
        & (alt.length > 0)
    )
    terms: Int64 = (
        shifted * so.FRAMESHIFT
        | stop * so.STOP_GAINED
        | deletion * so.INFRAME_DELETION
        | insertion * so.INFRAME_INSERTION
        | (level & equal) * so.SYNONYMOUS
        | (level & ~equal & ~stop) * so.MISSENSE
        | altering * so.PROTEIN_ALTERING
    )
    return terms


def _is_inner_deletion(w: Windows) -> Bool:
    """Whether ALT's codons are REF's without some inner bases (VEP compares codons)."""
    beyond = w.alt_length[:, None] <= _BASE
    same = (w.ref == w.alt) | beyond
    front = np.where(same.all(axis=1), w.alt_length, np.argmin(same, axis=1))
    ref_end = np.clip(w.ref_length[:, None] - 1 - _BASE, 0, WINDOW - 1)
    alt_end = np.clip(w.alt_length[:, None] - 1 - _BASE, 0, WINDOW - 1)
    shorter = np.minimum(w.ref_length, w.alt_length)
    same = np.take_along_axis(w.ref, ref_end, 1) == np.take_along_axis(w.alt, alt_end, 1)
    same |= shorter[:, None] <= _BASE
    back = np.where(same.all(axis=1), shorter, np.argmin(same, axis=1))
    inner: Bool = front + back >= w.alt_length
    return inner


def _starts_alike(ref: Peptides, alt: Peptides) -> Bool:
    same = (ref.letters == alt.letters) | (ref.length[:, None] <= _CODON)
    return np.asarray(same.all(axis=1))


def _ends_alike(ref: Peptides, alt: Peptides, alt_length: Int64) -> Bool:
    """Whether the first `alt_length` residues of ALT end with all of REF."""
    place = np.clip((alt_length - ref.length)[:, None] + _CODON, 0, CODONS - 1)
    same = np.take_along_axis(alt.letters, place, 1) == ref.letters
    same |= ref.length[:, None] <= _CODON
    return np.asarray(same.all(axis=1) & (alt_length >= ref.length))


def ragged_text(letters: UInt8, length: Int64) -> pl.Series:
    """Make strings of the first `length` letters of each row of uint8[n, m]."""
    keep: npt.NDArray[np.bool_] = np.arange(letters.shape[1]) < length[:, None]
    offsets = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    array = pa.LargeStringArray.from_buffers(
        len(length), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters[keep]))
    )
    return pl.Series(pl.from_arrow(array), dtype=pl.String)


def _codon_text(w: Windows) -> pl.Series:
    """`gaACtc/gatc`: changed bases in capitals, `-` for no codon."""

    def text(bases: UInt8, length: Int64, changed: Int64) -> pl.Series:
        upper = (w.at[:, None] <= _BASE) & ((w.at + changed)[:, None] > _BASE)
        letters = LETTERS[bases]
        return ragged_text(np.where(upper, letters, letters + 32).astype(np.uint8), length)

    return _pair(
        text(w.ref, w.ref_length, w.removed), text(w.alt, w.alt_length, w.inserted), False
    )


def _peptide_text(ref: Peptides, alt: Peptides) -> pl.Series:
    return _pair(
        ragged_text(ref.letters, ref.length), ragged_text(alt.letters, alt.length), True
    )


def _pair(ref: pl.Series, alt: pl.Series, merge: bool) -> pl.Series:
    frame = pl.DataFrame({"ref": ref, "alt": alt})
    both = pl.concat_str(
        pl.col("ref").replace("", "-"), pl.lit("/"), pl.col("alt").replace("", "-")
    )
    if merge:
        both = pl.when(pl.col("ref") == pl.col("alt")).then("ref").otherwise(both)
    return frame.select(both.alias("text")).to_series()
