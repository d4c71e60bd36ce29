"""The codons that an edit touches: REF's and ALT's as padded matrices, and what they read."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from varhouse.transcripts.genemodel import NO_CODON, Bool, GeneModel, Int64, UInt8
from varhouse.transcripts.geneticcode import AMINO_ACID, STOP, UNKNOWN

WINDOW = 48
"""Bases of the widest window: 16 codons hold 98 % of the coding indels seen."""

CODONS = WINDOW // 3


@dataclass(frozen=True)
class Edits:
    """Replacements in the CDS of transcripts, one row each.

    Attributes
    ----------
    tx
        int64[n]: transcript.
    first, stop
        int64[n]: replaced bases of the CDS, 0-based, half-open, padding of an incomplete
        first codon included; `first == stop` for an insertion. Where an end lies in an
        intron or outside the transcript, the exonic bases touched.
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
        touched: tuple[Int64, Int64],
        insertion: Bool,
        alt_ptr: Int64,
        alt_length: Int64,
    ) -> "Edits":
        """Make edits from the cDNA indices of the first and last base touched.

        An index is -1 where that base is in no exon; `touched` are the first and last
        exonic base then. `first` and `last` are the two neighbours of an insertion.
        """
        offset = model.cds_offset[tx]
        begin = np.where(first >= 0, first, touched[0])
        stop = np.where(last >= 0, last, touched[1]) + 1
        begin = np.where(insertion, last, begin)
        stop = np.where(insertion, begin, stop)
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
class Windows:
    """Touched codons: uint8[n, 48] base codes, their lengths, and where they differ.

    What stands behind a length is of no meaning.
    """

    ref: UInt8
    alt: UInt8
    ref_length: Int64
    alt_length: Int64
    at: Int64
    removed: Int64
    inserted: Int64

    @property
    def gain(self) -> Int64:
        """int64[n]: bases by which ALT is longer."""
        return self.inserted - self.removed

    def take(self, rows: Int64) -> "Windows":
        """Pick rows."""
        return Windows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Peptides:
    """uint8[n, 16] amino acids, 0 behind the last, and how many there are."""

    letters: UInt8
    length: Int64

    def take(self, rows: Int64) -> "Peptides":
        """Pick rows."""
        return Peptides(self.letters[rows], self.length[rows])

    @property
    def has_stop(self) -> Bool:
        """bool[n]: whether a stop codon is among them."""
        found: Bool = (self.letters == STOP).any(axis=1)
        return found


def touched_codons(edits: Edits) -> tuple[Int64, Int64]:
    """Give the first and last codon touched; an insertion between codons has last < first."""
    longer = edits.stop > edits.first
    last = np.where(longer, (edits.stop - 1) // 3, (edits.first - 1) // 3)
    return edits.first // 3, last


def cut_windows(
    model: GeneModel, edits: Edits, alt: UInt8
) -> tuple[Windows, Peptides, Peptides]:
    """Cut REF's codons out of the packed cDNA, put the alleles into them, and translate.

    Parameters
    ----------
    edits
        With windows of `WINDOW` bases at most, strictly inside the CDS.
    alt
        uint8: packed base codes of the alleles.

    Returns
    -------
    Windows, Peptides, Peptides
        The codons, and the residues of REF and of ALT; bases behind the last whole codon
        read X, but not behind a single stop codon.
    """
    first, last = touched_codons(edits)
    ref_length = (last - first + 1) * 3
    removed, inserted = edits.stop - edits.first, edits.alt_length
    at = edits.first - 3 * first
    origin = model.cdna_ptr[edits.tx] + model.cds_offset[edits.tx] + 3 * first
    windows = Windows(
        np.zeros((len(first), WINDOW), np.uint8),
        np.zeros((len(first), WINDOW), np.uint8),
        ref_length,
        ref_length + inserted - removed,
        at,
        removed,
        inserted,
    )
    _fill(
        windows.ref,
        windows.alt,
        origin,
        ref_length,
        windows.alt_length,
        at,
        inserted,
        edits.alt_ptr,
        model.strand[edits.tx],
        alt,
        model.cdna,
    )
    residues, count = np.zeros((2, len(first), CODONS), np.uint8), windows.alt_length // 3
    code = model.code[edits.tx]
    _translate(residues[0], windows.ref, ref_length, code, AMINO_ACID)
    _translate(residues[1], windows.alt, windows.alt_length, code, AMINO_ACID)
    partial = (windows.alt_length % 3 > 0) & ~((count == 1) & (residues[1, :, 0] == STOP))
    rows = np.flatnonzero(partial)
    residues[1, rows, count[rows]] = UNKNOWN
    return (
        windows,
        Peptides(residues[0], ref_length // 3),
        Peptides(residues[1], count + partial),
    )


@njit(cache=True, nogil=True)
def _fill(  # type: ignore[no-untyped-def]
    ref, alt, origin, ref_length, alt_length, at, inserted, alt_ptr, strand, bases, cdna
):
    for k in range(origin.size):
        for i in range(ref_length[k]):
            ref[k, i] = cdna[origin[k] + i]
        begin, end = at[k], at[k] + inserted[k]
        gain = alt_length[k] - ref_length[k]
        for i in range(alt_length[k]):
            if i < begin:
                alt[k, i] = ref[k, i]
            elif i >= end:
                alt[k, i] = cdna[origin[k] + i - gain]
            elif strand[k] > 0:
                alt[k, i] = bases[alt_ptr[k] + i - begin]
            else:
                base = bases[alt_ptr[k] + end - 1 - i]
                alt[k, i] = 3 - base if base < 4 else base


@njit(cache=True, nogil=True)
def _translate(letters, bases, length, code, table):  # type: ignore[no-untyped-def]
    for k in range(length.size):
        for j in range(length[k] // 3):
            one, two, three = bases[k, 3 * j], bases[k, 3 * j + 1], bases[k, 3 * j + 2]
            known = one < 4 and two < 4 and three < 4
            letters[k, j] = table[code[k], 16 * one + 4 * two + three if known else NO_CODON]
