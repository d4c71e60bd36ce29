"""What the compiled loops of this room are handed: arrays that belong together."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from varhouse.transcripts.genemodel import Bool, GeneModel, Int64, UInt8


class Segments(NamedTuple):
    """Exons, introns and flanks: those of transcript t are [ptr[t], ptr[t + 1]).

    Attributes
    ----------
    ptr
        int64[transcripts + 1].
    start, end
        int64[n]: on the model's axis, 0-based, half-open.
    kind
        int8[n]: EXON, ... of `genemodel`.
    anchor
        int64[n]: what a place, negative on the reverse strand, is added to for its index in
        the spliced transcript.
    """

    ptr: Int64
    start: Int64
    end: Int64
    kind: npt.NDArray[np.int8]
    anchor: Int64


class Transcripts(NamedTuple):
    """The columns of a gene model that names are made of, one value a transcript.

    The bases of the spliced transcript are `cdna[cdna_ptr[t]:][: cdna_length[t]]`, the
    codons of its CDS `codon[codon_ptr[t]:]`; see `GeneModel`.
    """

    strand: Int64
    start: Int64
    end: Int64
    coding: Bool
    start_unknown: Bool
    phase: Int64
    cdna_length: Int64
    cds_offset: Int64
    cds_length: Int64
    code: Int64
    cdna_ptr: Int64
    cdna: UInt8
    codon_ptr: Int64
    codon: UInt8


class Names(NamedTuple):
    """Names that are written end to end.

    Attributes
    ----------
    text
        uint8: room for all of them.
    offsets
        int64[n + 1]: where each begins.
    valid
        bool[n]: whether there is one.
    """

    text: UInt8
    offsets: Int64
    valid: Bool


def segments_of(model: GeneModel) -> Segments:
    """Take the segments of a gene model."""
    return Segments(
        model.seg_ptr, model.seg_start, model.seg_end, model.seg_kind, model.seg_anchor
    )


def transcripts_of(model: GeneModel) -> Transcripts:
    """Take the transcripts of a gene model."""
    return Transcripts(*(getattr(model, name) for name in Transcripts._fields))


def fixed(array: Int64) -> Int64:
    """View int64[n] as read-only, wherever it comes from: one compiled version serves."""
    view = array.view()
    view.flags.writeable = False
    return view
