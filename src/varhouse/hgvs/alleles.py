"""Alleles as HGVS sees them: trimmed, and how far they can be shifted either way.

HGVS wants an insertion or a deletion as far in the 3' direction of the *described*
sequence as it can go (HGVS Nomenclature 21.1, general recommendations): to the right on
the genome for a transcript on the forward strand, to the left for one on the reverse.
Both shifts are found once for each allele, on the genome; so an exon's bases may be
shifted into the intron behind it, never over an intron into the next exon.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from varhouse.alleles.trim import trim_ends
from varhouse.genome.reference import Reference
from varhouse.hgvs.arrays import fixed
from varhouse.tables.textcolumn import pack
from varhouse.transcripts.genemodel import CODE, GeneModel, Int64, UInt8


class Alleles(NamedTuple):
    """n trimmed alleles.

    Attributes
    ----------
    start, end
        int64[n]: changed bases on the model's axis, 0-based, half-open; -1, -1 for an
        allele that has no name (letters other than ACGTN, unknown contig, no change).
    alt_at, alt_length, alt
        int64[n], int64[n], uint8: base codes of what stands there instead.
    left, right
        int64[n]: bases by which a pure insertion or deletion may be shifted.
    to_reference
        int64[n]: what to add to a place on the axis for its place in the bases.
    """

    start: Int64
    end: Int64
    alt_at: Int64
    alt_length: Int64
    alt: UInt8
    left: Int64
    right: Int64
    to_reference: Int64


def place_alleles(
    frame: pl.DataFrame, model: GeneModel, reference: Reference
) -> tuple[Alleles, int]:
    """Trim alleles (contig, pos 1-based, ref, alt) and measure their shifts.

    Bases that REF and ALT share are taken off in front first, then behind.

    Returns
    -------
    alleles, mismatches
        The alleles; how many have a REF with another base than the reference (they have no
        name; N on either side is no other base).
    """
    contig = frame["contig"].cast(pl.Enum(model.contigs), strict=False).to_physical()
    bases, starts, lengths = reference.packed(model.contigs)
    ref, ref_at = pack(frame["ref"])
    alt, alt_at = pack(frame["alt"])
    n = frame.height
    out = [np.zeros(n, np.int64) for _ in range(7)]
    codes = CODE[alt]
    mismatches = _place(
        fixed(contig.cast(pl.Int64).fill_null(-1).to_numpy()),
        fixed(frame["pos"].cast(pl.Int64).fill_null(0).to_numpy()),
        CODE[ref],
        ref_at,
        codes,
        alt_at,
        _letters(ref),
        _letters(alt),
        np.asarray(bases),
        starts,
        lengths,
        model.contig_start,
        CODE,
        *out,
    )
    start, end, at, length, left, right, shift = out
    return Alleles(start, end, at, length, codes, left, right, shift), int(mismatches)


_IS_BASE = np.isin(np.arange(256), np.frombuffer(b"ACGTNacgtn", np.uint8))


def _letters(text: UInt8) -> npt.NDArray[np.bool_]:
    return _IS_BASE[text]


@njit(cache=True, nogil=True)
def right_shift(  # type: ignore[no-untyped-def]
    bases, first, held, s, e, alt, a0, n, code
):
    """Count the bases by which [s, e), or an insertion at s, may go right."""
    size, k = (n if n else e - s), 0
    while e + k < held:
        out = alt[a0 + k] if n and k < n else code[bases[first + e + k - size]]
        if code[bases[first + e + k]] != out or out > 3:
            break
        k += 1
    return k


@njit(cache=True, nogil=True)
def left_shift(  # type: ignore[no-untyped-def]
    bases, first, s, e, alt, a0, n, code
):
    """Count the bases by which [s, e), or an insertion at s, may go left."""
    size, k = (n if n else e - s), 0
    while s - k > 0:
        out = alt[a0 + n - 1 - k] if n and k < n else code[bases[first + s - 1 - k + size]]
        if code[bases[first + s - 1 - k]] != out or out > 3:
            break
        k += 1
    return k


@njit(cache=True, nogil=True)
def _differs(ref, r0, r1, bases, at, end, code):  # type: ignore[no-untyped-def]
    """Whether a base of REF is not the reference's; N and what is not held never differ."""
    for j in range(r0, min(r1, r0 + end - at)):
        held = code[bases[at + j - r0]]
        if held != ref[j] and held < 4 and ref[j] < 4:
            return True
    return False


@njit(cache=True, nogil=True)
def _place(  # type: ignore[no-untyped-def]
    contig,
    pos,
    ref,
    ref_at,
    alt,
    alt_at,
    ref_good,
    alt_good,
    bases,
    starts,
    lengths,
    axis,
    code,
    start,
    end,
    at,
    length,
    left,
    right,
    to_reference,
):
    mismatches = 0
    for i in range(contig.size):
        c = contig[i]
        r0, r1, a0, a1 = ref_at[i], ref_at[i + 1], alt_at[i], alt_at[i + 1]
        good = c >= 0 and pos[i] > 0 and r1 > r0 and a1 > a0
        for j in range(r0, r1):
            good = good and ref_good[j]
        for j in range(a0, a1):
            good = good and alt_good[j]
        start[i] = end[i] = -1
        if not good:
            continue
        s = pos[i] - 1
        if _differs(ref, r0, r1, bases, starts[c] + s, starts[c] + lengths[c], code):
            mismatches += 1
            continue
        if r1 - r0 == 1 and a1 - a0 == 1:
            if ref[r0] == alt[a0] or s >= lengths[c]:
                continue
            start[i], end[i] = axis[c] + s, axis[c] + s + 1
            at[i], length[i] = a0, 1
            to_reference[i] = starts[c] - axis[c]
            continue
        front = r0
        r0, r1, a0, a1 = trim_ends(ref, r0, r1, alt, a0, a1)
        s += r0 - front
        e, n = s + r1 - r0, a1 - a0
        if (n == 0 and e == s) or e > lengths[c]:
            continue
        start[i], end[i] = axis[c] + s, axis[c] + e
        at[i], length[i] = a0, n
        to_reference[i] = starts[c] - axis[c]
        if n == 0 or e == s:
            right[i] = right_shift(bases, starts[c], lengths[c], s, e, alt, a0, n, code)
            left[i] = left_shift(bases, starts[c], s, e, alt, a0, n, code)
    return mismatches
