"""The gene model: transcripts as flat arrays, shared by those who make and who use them.

All positions inside are 0-based and half-open on one axis: contig `i` begins at
`contig_start[i]`, and the gap between contigs is wider than two flanks, so that nothing
of one contig can touch the next. Every transcript owns consecutive segments: flank,
exon, intron, exon, ..., flank; an allele is in exactly one segment of each transcript
that it touches, so the interval join and the localisation are the same search.

On disk a model is one `.npy` file for each array (mapped into memory, hence shared by
all processes of a node), two Parquet files with the names, and `meta.json`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import InputError
from varhouse.files import new_file, read_json, write_json
from varhouse.tables.shards import write_frame

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Int8 = npt.NDArray[np.int8]
UInt8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

MODEL_FORMAT = 8
FLANK = 5_000
"""Bases beside a transcript that count as up- or downstream (VEP's default)."""

CONTIG_GAP = 2 * FLANK + 1_000
"""Bases between two contigs on the common axis."""

FLANK_LEFT, FLANK_RIGHT, EXON, INTRON, TINY_INTRON = range(5)
"""Kinds of segments. A tiny intron (13 bases or fewer) stands for an error in the
assembly or a ribosomal slippage: it has no splice sites."""

TINY_INTRON_LENGTH = 13

EDGE_NONE, EDGE_INTRON, EDGE_EXON, EDGE_REVERSE = 0, 1, 2, 3
"""Codes of a segment's edge: no splice site, the intron's side of one, the exon's side
of one; `EDGE_REVERSE` is added for transcripts on the reverse strand."""

SITE_GT, SITE_GC, SITE_AG, SITE_NAGNAG, SITE_UNKNOWN = (1 << i for i in range(5))
"""Bits of an intron: it begins with GT, or GC; it ends with AG; another AG stands 3 bases
beside that; its ends hold bases that are not known."""

CODE: UInt8 = np.full(256, 4, np.uint8)
"""ASCII letter to base code: A 0, C 1, G 2, T 3 (either case), anything else 4."""
for _i, _letter in enumerate(b"ACGT"):
    CODE[_letter] = CODE[_letter + 32] = _i

NO_CODON = 64
"""Codon code of a codon with an unknown base or without its last bases; others are
16 * first + 4 * second + third base code, or one of `RECODED`."""

RECODED = {65: (56, "U"), 66: (50, "O")}
"""Codes of codons that the annotation says are read otherwise: code of the same bases
and residue (TGA selenocysteine, TAG pyrrolysine)."""


@dataclass(frozen=True)
class GeneModel:
    """Transcripts of one annotation on one reference.

    T transcripts (sorted by start on the common axis), S segments, C contigs.

    Attributes
    ----------
    digest
        SHA-256 over the annotation and the reference.
    contigs
        Canonical names of the contigs that have transcripts, in the assembly's order.
    transcripts
        T rows: transcript_id, version, gene_id, gene_name, biotype, contig, protein_id
        (with its version if the annotation has it), canonical, mane_select,
        mane_plus_clinical, gencode_basic (Boolean), mane_id (the counterpart's id, with
        version), tsl (Int8), appris (`P1`, `A2`), flags (`cds_start_NF&cds_end_NF`).
    genes
        gene_id, gene_name, contig, start, end (1-based, closed), strand, biotype.
    contig_start, contig_span
        int64[C]: place on the axis, and the bases that may carry alleles.
    start, end, strand
        int64[T]: span on the axis, and 1 or -1.
    coding, start_unknown, end_unknown, nmd, protein_coding
        bool[T]: has a CDS; its start or end is not found (cds_start_NF, cds_end_NF);
        biotype nonsense_mediated_decay; biotype protein_coding.
    cds_start, cds_end
        int64[T]: genomic span of the CDS, -1 without one.
    phase
        int64[T]: bases of the first CDS piece before its first whole codon (0, 1, 2).
    cdna_length, cds_offset, cds_length
        int64[T]: bases of the spliced transcript; place of codon 0 in it (the padding
        of an incomplete first codon included, so it may be negative); bases of the CDS
        with that padding.
    code
        int64[T]: NCBI number of the genetic code.
    cdna_ptr, cdna
        int64[T], uint8: packed spliced sequences in the sense of the transcript.
    codon_ptr, codon
        int64[T], uint8: packed codon codes (0-63, 64: unknown or incomplete, `RECODED`).
    n_exon
        int64[T]: exons.
    preference
        int64[T]: MANE, canonical, APPRIS, TSL, biotype and CCDS as one number, the preferred
        transcript having the lower.
    gene
        int64[T]: number of the gene among those of its contig.
    name_rank
        int64[T]: rank of the transcript when sorted by transcript_id.
    seg_ptr
        int64[T + 1]: segments of each transcript.
    seg_tx, seg_start, seg_end, seg_kind, seg_rank
        [S]: transcript, span, kind, and number of the exon or intron (1-based, in the
        transcript's direction).
    seg_left, seg_right
        int8[S]: codes of the two edges.
    seg_anchor
        int64[S]: for exons, cDNA index = anchor + strand * position.
    seg_site
        int8[S]: for introns, splice sites as bits `SITE_*`.
    """

    digest: str
    contigs: list[str]
    meta: dict[str, Any]
    transcripts: pl.DataFrame
    genes: pl.DataFrame
    contig_start: Int64
    contig_span: Int64
    start: Int64
    end: Int64
    strand: Int64
    coding: Bool
    start_unknown: Bool
    end_unknown: Bool
    nmd: Bool
    protein_coding: Bool
    cds_start: Int64
    cds_end: Int64
    phase: Int64
    cdna_length: Int64
    cds_offset: Int64
    cds_length: Int64
    code: Int64
    cdna_ptr: Int64
    cdna: UInt8
    codon_ptr: Int64
    codon: UInt8
    n_exon: Int64
    preference: Int64
    gene: Int64
    name_rank: Int64
    seg_ptr: Int64
    seg_tx: Int32
    seg_start: Int64
    seg_end: Int64
    seg_kind: Int8
    seg_rank: Int32
    seg_left: Int8
    seg_right: Int8
    seg_anchor: Int64
    seg_site: Int8

    @property
    def n_transcripts(self) -> int:
        """Number of transcripts."""
        return len(self.start)

    @property
    def has_slippage(self) -> bool:
        """Whether a transcript reads a base twice (ribosomal slippage)."""
        return bool(self.meta["counts"]["transcripts_with_slippage"])

    def window(self, low: int, high: int) -> Int64:
        """Segments of all transcripts that may touch [low, high), flanks included.

        Returns
        -------
        int64[n]
            Indices of segments, by transcript and then by place.
        """
        hit = np.flatnonzero((self.start - FLANK < high) & (self.end + FLANK > low))
        return ranges(self.seg_ptr[hit], self.seg_ptr[hit + 1] - self.seg_ptr[hit])


ARRAYS: tuple[str, ...] = tuple(
    name
    for name in get_type_hints(GeneModel)
    if name not in ("digest", "contigs", "meta", "transcripts", "genes")
)


def ranges(low: Int64, count: Int64) -> Int64:
    """Concatenate `arange(low[i], low[i] + count[i])` for all i.

    Returns
    -------
    int64[sum(count)]
    """
    total = int(count.sum())
    if total == 0:
        return np.zeros(0, np.int64)
    some = count > 0
    low, count = low[some], count[some]
    out = np.ones(total, np.int64)
    ends = np.cumsum(count)
    out[0] = low[0]
    out[ends[:-1]] = low[1:] - (low[:-1] + count[:-1] - 1)
    return np.cumsum(out)


def save_model(model: GeneModel, directory: Path) -> Path:
    """Write a model into a folder: arrays and names first, `meta.json` last.

    Returns
    -------
    Path
        The folder.
    """
    directory.mkdir(parents=True, exist_ok=True)
    index = directory / "meta.json"
    index.unlink(missing_ok=True)
    for name in ARRAYS:
        with new_file(directory / f"{name}.npy") as own, own.open("xb") as out:
            np.save(out, getattr(model, name), allow_pickle=False)
    for name in ("transcripts", "genes"):
        write_frame(getattr(model, name), directory / f"{name}.parquet")
    meta = {
        "format": MODEL_FORMAT,
        "digest": model.digest,
        "contigs": model.contigs,
        **model.meta,
    }
    write_json(index, meta)
    return directory


def load_genes(directory: Path) -> GeneModel:
    """Open a compiled gene model; its arrays are mapped into memory, read-only.

    Raises
    ------
    InputError
        If the folder holds no gene model, or one of another format.
    """
    index = directory / "meta.json"
    if not index.exists():
        raise InputError(
            f"{directory}: no compiled gene model in it",
            "varhouse genes GFF3_OR_GTF --reference FASTA -o DIR",
        )
    meta = read_json(index, "delete the folder: it is compiled again")
    if meta.get("format") != MODEL_FORMAT:
        raise InputError(
            f"{directory}: gene model of format {meta.get('format')}, not {MODEL_FORMAT}",
            "compile it again with `varhouse genes`",
        )
    arrays = {name: _map(directory / f"{name}.npy") for name in ARRAYS}
    return GeneModel(
        digest=meta.pop("digest"),
        contigs=meta.pop("contigs"),
        meta=meta,
        transcripts=pl.read_parquet(directory / "transcripts.parquet", glob=False),
        genes=pl.read_parquet(directory / "genes.parquet", glob=False),
        **arrays,
    )


def _map(path: Path) -> Any:
    # A plain ndarray over the mapping: fancy indexing of a memmap object is slower.
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(mapped)
