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
from varhouse.genemodel import NO_CODON, Bool, GeneModel, Int64, UInt8
from varhouse.geneticcode import AMINO_ACID, LETTERS, STOP, UNKNOWN

WINDOW = 48
"""Bases of the widest window: 16 codons hold 98 % of the coding indels seen."""

_CODONS = WINDOW // 3
_BATCH = 16_384
"""Rows decided at once: about 40 MB of matrices."""

_BASE = np.arange(WINDOW)
_CODON = np.arange(_CODONS)


@dataclass(frozen=True)
class Edits:
    """Replacements in the CDS of transcripts, one row each.

    Attributes
    ----------
    tx
        int64[n]: transcript.
    first, stop
        int64[n]: replaced bases of the CDS, 0-based, half-open, padding of an incomplete
        first codon included; `first == stop` for an insertion.
    first_known, stop_known
        bool[n]: whether that end lies in an exon of the transcript.
    insertion
        bool[n]
    alt_ptr, alt_length
        int64[n]: what stands there instead, in the packed alleles (reference strand).
    """

    tx: Int64
    first: Int64
    stop: Int64
    first_known: Bool
    stop_known: Bool
    insertion: Bool
    alt_ptr: Int64
    alt_length: Int64

    @classmethod
    def between(
        cls,
        model: GeneModel,
        tx: Int64,
        first: Int64,
        last: Int64,
        insertion: Bool,
        alt_ptr: Int64,
        alt_length: Int64,
    ) -> "Edits":
        """Make edits from the cDNA indices of the first and last base touched.

        An index is -1 where that base is in no exon. `first` and `last` are the two
        neighbours of an insertion.
        """
        offset = model.cds_offset[tx]
        begin = np.where(insertion, last, first)
        stop = np.where(insertion, begin, last + 1)
        return cls(
            tx,
            begin - offset,
            stop - offset,
            first >= 0,
            last >= 0,
            insertion,
            alt_ptr,
            alt_length,
        )

    def take(self, rows: Int64) -> "Edits":
        """Pick rows."""
        return Edits(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


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
        windows = _windows(model, edits.take(rows), alt)
        ref, new = _peptides(windows)
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


def _touched(edits: Edits) -> tuple[Int64, Int64]:
    """First and last codon touched; an insertion between codons has last < first."""
    longer = edits.stop > edits.first
    last = np.where(longer, (edits.stop - 1) // 3, (edits.first - 1) // 3)
    return edits.first // 3, last


def _is_simple(model: GeneModel, edits: Edits) -> Bool:
    length = model.cds_length[edits.tx]
    first, last = _touched(edits)
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


@dataclass(frozen=True)
class _Windows:
    """Touched codons: uint8[n, 48] base codes, their lengths, and where they differ."""

    ref: UInt8
    alt: UInt8
    ref_length: Int64
    alt_length: Int64
    at: Int64
    removed: Int64
    inserted: Int64
    code: Int64

    @property
    def gain(self) -> Int64:
        return self.inserted - self.removed

    def take(self, rows: Int64) -> "_Windows":
        return _Windows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class _Peptides:
    """uint8[n, 16] amino acids, 0 behind the last, and how many there are."""

    letters: UInt8
    length: Int64

    def take(self, rows: Int64) -> "_Peptides":
        return _Peptides(self.letters[rows], self.length[rows])

    @property
    def has_stop(self) -> Bool:
        found: Bool = (self.letters == STOP).any(axis=1)
        return found


def _windows(model: GeneModel, edits: Edits, alt: UInt8) -> _Windows:
    """Cut REF's codons out of the packed cDNA and put the allele into them."""
    first, last = _touched(edits)
    ref_length = (last - first + 1) * 3
    removed, inserted = edits.stop - edits.first, edits.alt_length
    gain = inserted - removed
    at = edits.first - 3 * first
    origin = model.cdna_ptr[edits.tx] + model.cds_offset[edits.tx] + 3 * first
    top = len(model.cdna) - 1
    ref = model.cdna[np.minimum(origin[:, None] + _BASE, top)]
    place = _BASE - at[:, None]
    new = (place >= 0) & (place < inserted[:, None])
    reverse = (model.strand[edits.tx] < 0)[:, None]
    index = edits.alt_ptr[:, None] + np.where(reverse, inserted[:, None] - 1 - place, place)
    bases = alt[np.where(new, index, 0)] if len(alt) else np.zeros_like(ref)
    bases = np.where(reverse & (bases < 4), 3 - bases, bases)
    behind = model.cdna[np.clip(origin[:, None] + _BASE - gain[:, None], 0, top)]
    mixed = np.where(at[:, None] > _BASE, ref, np.where(new, bases, behind)).astype(np.uint8)
    return _Windows(
        ref, mixed, ref_length, ref_length + gain, at, removed, inserted, model.code[edits.tx]
    )


def _peptides(w: _Windows) -> tuple[_Peptides, _Peptides]:
    """Translate both windows; bases behind the last whole codon read X."""
    ref = _translated(w.ref, w.ref_length, w.code)
    alt = _translated(w.alt, w.alt_length, w.code)
    length = w.alt_length // 3
    partial = (w.alt_length % 3 > 0) & ~((length == 1) & (alt[:, 0] == STOP))
    rows = np.flatnonzero(partial)
    alt[rows, length[rows]] = UNKNOWN
    return _Peptides(ref, w.ref_length // 3), _Peptides(alt, length + partial)


def _translated(bases: UInt8, length: Int64, code: Int64) -> UInt8:
    b = bases.reshape(len(bases), _CODONS, 3).astype(np.int16)
    codon = b[:, :, 0] * 16 + b[:, :, 1] * 4 + b[:, :, 2]
    known = (b < 4).all(axis=2)
    letters = AMINO_ACID[code[:, None], np.where(known, codon, NO_CODON)]
    whole: UInt8 = np.where((length // 3)[:, None] > _CODON, letters, 0).astype(np.uint8)
    return whole


def _is_plain(w: _Windows, ref: _Peptides, alt: _Peptides) -> Bool:
    """Whether the matrices decide: no stop in REF, no unknown base, no retained stop."""
    unknown = ((w.ref == 4) & (w.ref_length[:, None] > _BASE)).any(axis=1)
    unknown |= ((w.alt == 4) & (w.alt_length[:, None] > _BASE)).any(axis=1)
    same_first = (ref.length == 1) & (ref.letters[:, 0] == alt.letters[:, 0])
    plain: Bool = ~unknown & ~ref.has_stop & ~(same_first & alt.has_stop)
    return plain & (ref.length + alt.length > 0)


def _terms(w: _Windows, ref: _Peptides, alt: _Peptides) -> Int64:
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


def _is_inner_deletion(w: _Windows) -> Bool:
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


def _starts_alike(ref: _Peptides, alt: _Peptides) -> Bool:
    same = (ref.letters == alt.letters) | (ref.length[:, None] <= _CODON)
    return np.asarray(same.all(axis=1))


def _ends_alike(ref: _Peptides, alt: _Peptides, alt_length: Int64) -> Bool:
    """Whether the first `alt_length` residues of ALT end with all of REF."""
    place = np.clip((alt_length - ref.length)[:, None] + _CODON, 0, _CODONS - 1)
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


def _codon_text(w: _Windows) -> pl.Series:
    """`gaACtc/gatc`: changed bases in capitals, `-` for no codon."""

    def text(bases: UInt8, length: Int64, changed: Int64) -> pl.Series:
        upper = (w.at[:, None] <= _BASE) & ((w.at + changed)[:, None] > _BASE)
        letters = LETTERS[bases]
        return ragged_text(np.where(upper, letters, letters + 32).astype(np.uint8), length)

    return _pair(
        text(w.ref, w.ref_length, w.removed), text(w.alt, w.alt_length, w.inserted), False
    )


def _peptide_text(ref: _Peptides, alt: _Peptides) -> pl.Series:
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
