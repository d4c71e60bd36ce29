"""Alleles of a frame as packed arrays on the axis of the gene model.

Bases that REF and ALT share are trimmed, in front first, then behind, so what is left
is what changes (the same as VEP takes off a record as it stands; for normalised alleles
the order makes no difference): an insertion has an empty interval before its start.
Alleles with other letters than ACGTN (symbolic, breakend, `*`, `.`, IUPAC) are left out,
as are those on contigs without transcripts.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from varhouse.genemodel import CODE, FLANK, GeneModel, Int64, UInt8, ranges

_BASES = r"^[ACGTNacgtn]+$"


@dataclass(frozen=True)
class Alleles:
    """Trimmed alleles, sorted by start.

    Attributes
    ----------
    row
        int64[n]: row of the frame.
    start, end
        int64[n]: changed reference bases on the model's axis, 0-based, half-open.
    alt_ptr, alt_length, alt
        int64[n], int64[n], uint8: packed base codes of what stands there instead.
    """

    row: Int64
    start: Int64
    end: Int64
    alt_ptr: Int64
    alt_length: Int64
    alt: UInt8

    def __len__(self) -> int:
        return len(self.row)


def pack_alleles(frame: pl.DataFrame, model: GeneModel) -> Alleles:
    """Trim and pack the alleles of a frame (contig, pos 1-based, ref, alt)."""
    place = pl.DataFrame(
        {
            "contig": pl.Series(model.contigs, dtype=pl.String),
            "at": model.contig_start,
            "reach": model.contig_start + model.contig_span + FLANK,
        }
    )
    kept = (
        frame.lazy()
        .select("contig", "pos", "ref", "alt")
        .with_row_index("row")
        .filter(
            pl.col("ref").str.contains(_BASES),
            pl.col("alt").str.contains(_BASES),
            pl.col("ref").str.to_uppercase() != pl.col("alt").str.to_uppercase(),
            pl.col("pos") >= 1,
        )
        .join(place.lazy(), on="contig", how="inner", maintain_order="left")
        .with_columns(start=pl.col("at") + pl.col("pos").cast(pl.Int64) - 1)
        .filter(pl.col("start") < pl.col("reach"))
        .collect()
    )
    ref_ptr, ref = _bytes(kept["ref"])
    alt_ptr, alt = _bytes(kept["alt"])
    ref_length, alt_length = np.diff(ref_ptr), np.diff(alt_ptr)
    front, back = _shared(ref_ptr[:-1], ref_length, ref, alt_ptr[:-1], alt_length, alt)
    start = kept["start"].to_numpy() + front
    ref_length = ref_length - front - back
    alt_length = alt_length - front - back
    end = np.minimum(start + ref_length, kept["reach"].to_numpy())
    changed = np.flatnonzero((ref_length > 0) | (alt_length > 0))
    order = changed[np.argsort(start[changed], kind="stable")]
    length = alt_length[order]
    packed = alt[ranges((alt_ptr[:-1] + front)[order], length)]
    return Alleles(
        row=kept["row"].to_numpy().astype(np.int64)[order],
        start=start[order],
        end=end[order],
        alt_ptr=(np.cumsum(length) - length).astype(np.int64),
        alt_length=length,
        alt=packed,
    )


def _bytes(column: pl.Series) -> tuple[Int64, UInt8]:
    """Offsets int64[n + 1] and base codes of a column of strings."""
    array = column.rechunk().to_arrow().cast(pa.large_string())
    _, offsets, data = array.buffers()
    ptr = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    if not len(array) or data is None:
        return np.zeros(len(array) + 1, np.int64), np.zeros(0, np.uint8)
    return ptr - ptr[0], CODE[np.frombuffer(data, np.uint8)[ptr[0] : ptr[-1]]]


def _shared(
    ref_at: Int64, ref_length: Int64, ref: UInt8, alt_at: Int64, alt_length: Int64, alt: UInt8
) -> tuple[Int64, Int64]:
    """Count the bases that REF and ALT share in front and behind (in front goes first)."""
    front, back = np.zeros(len(ref_at), np.int64), np.zeros(len(ref_at), np.int64)
    least = np.minimum(ref_length, alt_length)
    longer = (ref_length > 1) | (alt_length > 1)
    active = np.flatnonzero(longer)
    while active.size:
        r, a = ref[(ref_at + front)[active]], alt[(alt_at + front)[active]]
        active = active[(r == a) & (r < 4)]
        front[active] += 1
        active = active[front[active] < least[active]]
    active = np.flatnonzero(longer & (front < least))
    while active.size:
        r = ref[(ref_at + ref_length - back)[active] - 1]
        a = alt[(alt_at + alt_length - back)[active] - 1]
        active = active[(r == a) & (r < 4)]
        back[active] += 1
        active = active[(front + back)[active] < least[active]]
    return front, back
