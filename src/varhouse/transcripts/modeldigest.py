"""What a gene model says about one contig, as one hash.

A new release of an annotation changes few contigs, and the place of all others on the
model's common axis. The digest of a contig is taken from its transcripts, with positions
that begin at the contig: it stays as it is when only other contigs change, or only
comments and the order of rows.
"""

import hashlib

import numpy as np

from varhouse.transcripts.genemodel import ARRAYS, EXON, MODEL_FORMAT, GeneModel

_ON_AXIS = {"start", "end", "cds_start", "cds_end", "seg_start", "seg_end"}
_PACKED = {"cdna": "cdna_ptr", "codon": "codon_ptr"}
_OF_CONTIGS = {"contig_start", "contig_span"}
# Places in other arrays, and a rank among all contigs' transcripts that their names give.
_LEFT_OUT = {"seg_ptr", "seg_tx", "cdna_ptr", "codon_ptr", "name_rank", *_OF_CONTIGS}
BY_TRANSCRIPT = {
    n for n in ARRAYS if not n.startswith("seg_") and n not in _PACKED and n not in _LEFT_OUT
}


def contig_digests(model: GeneModel) -> dict[str, str]:
    """Digest each contig of a model: its genes, its transcripts and their sequences.

    Returns
    -------
    dict
        Contig to SHA-256 (64 hex digits), for contigs with a gene or a transcript. Those
        that `meta` holds from the compilation are given as they are.
    """
    stored = model.meta.get("contig_digests")
    if stored is not None:
        return dict(stored)
    index = {c: i for i, c in enumerate(model.contigs)}
    lengths = model.transcripts["contig"].rle()
    runs = dict(zip(lengths.struct["value"], lengths.struct["len"], strict=True))
    first = 0
    places: dict[str, tuple[int, int]] = {}
    for contig, n in runs.items():
        places[contig] = (first, first + n)
        first += n
    out = {}
    for contig in sorted({*index, *model.genes["contig"].unique()}):
        h = hashlib.sha256(f"varhouse gene model {MODEL_FORMAT}\n".encode())
        genes = model.genes.filter(contig=contig)
        h.update(genes.sort("start", "end", "gene_id").write_ndjson().encode())
        if contig in index:
            low, high = places[contig]
            h.update(f"{model.contig_span[index[contig]]}\n".encode())
            h.update(model.transcripts[low:high].write_ndjson().encode())
            _add_arrays(h, model, int(model.contig_start[index[contig]]), low, high)
        out[contig] = h.hexdigest()
    return out


def _add_arrays(h: "hashlib._Hash", model: GeneModel, shift: int, low: int, high: int) -> None:
    """Add the arrays of transcripts low..high, positions counted from the contig."""
    for name in sorted(BY_TRANSCRIPT):
        values = getattr(model, name)[low:high]
        if name in _ON_AXIS:
            values = np.where(values < 0, values, values - shift)
        _add(h, name, values)
    for name, pointer in _PACKED.items():
        begin = getattr(model, pointer)
        end = begin[high] if high < begin.size else getattr(model, name).size
        _add(h, name, getattr(model, name)[begin[low] : end])
    segments = slice(int(model.seg_ptr[low]), int(model.seg_ptr[high]))
    tx = model.seg_tx[segments]
    _add(h, "seg_tx", tx - np.int32(low))
    for name in sorted(n for n in ARRAYS if n.startswith("seg_") and n not in _LEFT_OUT):
        values = getattr(model, name)[segments]
        if name in _ON_AXIS:
            values = values - shift
        elif name == "seg_anchor":
            # cDNA index = anchor + strand * position, the position on the axis.
            exon = model.seg_kind[segments] == EXON
            values = np.where(exon, values + model.strand[tx] * shift, 0)
        _add(h, name, values)


def _add(h: "hashlib._Hash", name: str, values: "np.typing.NDArray[np.generic]") -> None:
    h.update(f"{name} {values.dtype.str} {values.size}\n".encode())
    h.update(np.ascontiguousarray(values).tobytes())
