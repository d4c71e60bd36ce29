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
from numba import njit

from varhouse.alleles.trim import trim_ends
from varhouse.tables.textcolumn import pack
from varhouse.transcripts.genemodel import CODE, FLANK, GeneModel, Int64, UInt8, ranges

_OTHER = 9


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
    contig = frame["contig"].cast(pl.Enum(model.contigs), strict=False).to_physical()
    ref, ref_ptr = pack(frame["ref"])
    alt, alt_ptr = pack(frame["alt"])
    ref, alt = _BASE[ref], _BASE[alt]
    n = frame.height
    start, end, alt_at, alt_length = (np.zeros(n, np.int64) for _ in range(4))
    _trim(
        contig.cast(pl.Int64).fill_null(-1).to_numpy(),
        frame["pos"].cast(pl.Int64).fill_null(0).to_numpy(),
        ref_ptr,
        ref,
        alt_ptr,
        alt,
        model.contig_start,
        model.contig_start + model.contig_span + FLANK,
        start,
        end,
        alt_at,
        alt_length,
    )
    kept = np.flatnonzero(start >= 0)
    order = kept[np.argsort(start[kept], kind="stable")]
    length = alt_length[order]
    return Alleles(
        row=order,
        start=start[order],
        end=end[order],
        alt_ptr=(np.cumsum(length) - length).astype(np.int64),
        alt_length=length,
        alt=alt[ranges(alt_at[order], length)],
    )


_BASE: UInt8 = CODE.copy()
_BASE[(CODE == 4) & ~np.isin(np.arange(256), list(b"Nn"))] = _OTHER
"""ASCII letter to base code, N 4, anything else `_OTHER`."""


@njit(cache=True, nogil=True)
def _trim(  # type: ignore[no-untyped-def]
    contig, pos, ref_ptr, ref, alt_ptr, alt, origin, reach, start, end, alt_at, alt_length
):
    """Write the trimmed alleles; start is -1 for those that are left out.

    Bases that REF and ALT share go in front first, then behind; N is shared with nothing.
    """
    for i in range(contig.size):
        c = contig[i]
        r0, r1, a0, a1 = ref_ptr[i], ref_ptr[i + 1], alt_ptr[i], alt_ptr[i + 1]
        good = c >= 0 and pos[i] >= 1 and r1 > r0 and a1 > a0
        for j in range(r0, r1):
            good = good and ref[j] != _OTHER
        for j in range(a0, a1):
            good = good and alt[j] != _OTHER
        start[i] = -1
        if not good:
            continue
        same = r1 - r0 == a1 - a0
        for j in range(r1 - r0):
            same = same and ref[r0 + j] == alt[a0 + j]
        s = origin[c] + pos[i] - 1
        if same or s >= reach[c]:
            continue
        front = r0
        r0, r1, a0, a1 = trim_ends(ref, r0, r1, alt, a0, a1)
        s += r0 - front
        start[i] = s
        end[i] = min(s + r1 - r0, reach[c])
        alt_at[i], alt_length[i] = a0, a1 - a0
