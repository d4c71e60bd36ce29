"""Names in the transcript: `ENST00000256474.3:c.340+5G>C`, `n.` without a CDS.

Positions as in HGVS Nomenclature 21.1 (https://hgvs-nomenclature.org, reference
sequences and numbering): c.1 is the first base of the CDS that is there, `-` counts
backwards in the 5' UTR, `*` onwards in the 3' UTR, intron bases count from the nearer
exon (from the one before at equal distance). An incomplete first codon is counted from
its first base that is there.
"""

import numpy as np
from numba import njit

from varhouse.hgvs.alleles import Alleles
from varhouse.hgvs.arrays import Names, fixed, segments_of, transcripts_of
from varhouse.hgvs.text import DIGITS, Packed, put_number, put_span
from varhouse.transcripts.genemodel import EXON, FLANK_RIGHT, Bool, GeneModel, Int64, UInt8

BASES: UInt8 = np.frombuffer(b"ACGTN", np.uint8)

_DEL, _INS, _DELINS, _DUP, _INV = (
    np.frombuffer(b, np.uint8) for b in (b"del", b"ins", b"delins", b"dup", b"inv")
)
_NOWHERE = -1
_MARKS = 40
"""Bytes that a name has beside its prefix, its numbers and its bases, at most."""


def name_in_transcripts(
    model: GeneModel,
    alleles: Alleles,
    prefixes: Packed,
    bases: UInt8,
    row: Int64,
    tx: Int64,
    as_vep: bool,
) -> tuple[UInt8, Int64, Bool, Int64]:
    """Write the c. or n. name of pairs of an allele and a transcript.

    Parameters
    ----------
    prefixes
        `ENST00000256474.3:c.` of each transcript.
    bases
        All bases of the reference, ASCII, upper case.
    row, tx
        int64[n]: allele and transcript of each pair.
    as_vep
        Count the padding of an incomplete first codon for SNVs in the CDS, as VEP does.

    Returns
    -------
    text, offsets, valid, shift
        The names end to end with int64[n + 1] offsets; bool[n], false where the shifted
        allele is not wholly inside the transcript; int64[n], bases by which an insertion
        or a deletion was shifted, to the right on the genome.
    """
    n = len(row)
    offsets, shift = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    valid = np.zeros(n, np.bool_)
    longest = np.diff(prefixes[1])[tx] + alleles.alt_length[row] + 4 * DIGITS + _MARKS
    text = np.empty(int(longest.sum()), np.uint8)
    _write_all(
        Names(text, offsets, valid),
        shift,
        fixed(row),
        fixed(tx),
        alleles,
        prefixes,
        bases,
        transcripts_of(model),
        segments_of(model),
        as_vep,
    )
    return text, offsets, valid, shift


@njit(cache=True, nogil=True)
def segment_of(seg_start: Int64, low: int, high: int, place: int) -> int:
    """Find the last of the segments [low, high) that begins at or before a place."""
    while high - low > 1:
        middle = (low + high) // 2
        if seg_start[middle] <= place:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def shift_within(  # type: ignore[no-untyped-def]
    s, e, left, right, forward, low, high
):
    """Give an allele's 3' shift, to the right on the genome, in a transcript [low, high).

    The 3' rule holds on the sequence that is named (HGVS Nomenclature 21.1, general): what
    lies inside the transcript is not shifted out of it. An insertion may come to lie at its
    end, where it can be the duplication of its last bases.
    """
    inside = low <= s and e <= high
    if forward:
        return min(right, high - e) if inside else right
    return -min(left, s - low) if inside else -left


@njit(cache=True, nogil=True, inline="always")
def _put_position(  # type: ignore[no-untyped-def]
    out, w, place, forward, cds, low, high, segments, padded
):
    """Write a position; give -1 outside the transcript.

    `cds` is whether there is one, its `lead`, place of codon 0 and bases. (A whole
    `Transcripts` would be copied at each call: twice the time of all.)
    """
    seg = segment_of(segments.start, low, high, place)
    kind = segments.kind[seg]
    if kind <= FLANK_RIGHT:
        return _NOWHERE
    away, sign = 0, 43
    if kind != EXON:
        from_left, from_right = place - segments.start[seg] + 1, segments.end[seg] - place
        # 5' side first at equal distance; 5' is left on the forward strand.
        on_left = from_left <= from_right if forward else from_left < from_right
        if on_left:
            place, away, seg = segments.start[seg] - 1, from_left, seg - 1
        else:
            place, away, seg = segments.end[seg], from_right, seg + 1
        sign = 43 if on_left == forward else 45
    index = segments.anchor[seg] + (place if forward else -place)
    number = index + 1
    coding, lead, offset, length = cds
    if coding:
        number = index - offset - lead
        if number < 0:
            out[w] = 45
            number = -number
            w += 1
        elif number >= length - lead:
            out[w] = 42
            number = number - (length - lead) + 1
            w += 1
        else:
            number += 1 + (lead if padded and not away else 0)
    w = put_number(out, w, number)
    if away:
        out[w] = sign
        w = put_number(out, w + 1, away)
    return w


@njit(cache=True, nogil=True)
def allele_base(  # type: ignore[no-untyped-def]
    alt, at, length, turn, forward, j
):
    """Give base code j, in the transcript's sense, of an inserted sequence.

    `turn` is the shift to the right on the genome: the sequence is rotated by it.
    """
    if forward:
        return alt[at + (j + turn) % length]
    code = alt[at + (length - 1 - j + turn) % length]
    return 3 - code if code < 4 else 4


@njit(cache=True, nogil=True)
def _sense_base(bases, place, forward):  # type: ignore[no-untyped-def]
    """Give the ASCII base of the reference at a place, in the transcript's sense."""
    base = bases[place]
    if forward:
        return base
    if base == 65:
        return 84
    if base == 67:
        return 71
    if base == 71:
        return 67
    return 65 if base == 84 else base


@njit(cache=True, nogil=True)
def _is_copy(  # type: ignore[no-untyped-def]
    bases, at, first, alt, alt_at, n, turn, forward
):
    """Whether an insertion at `at` repeats the n bases on its 5' side."""
    if forward and at - n < first:
        return False
    if not forward and at + n > bases.size:
        return False
    for j in range(n):
        place = at - n + j if forward else at + n - 1 - j
        if (
            _sense_base(bases, place, forward)
            != BASES[allele_base(alt, alt_at, n, turn, forward, j)]
        ):
            return False
    return True


@njit(cache=True, nogil=True)
def _is_inversion(  # type: ignore[no-untyped-def]
    bases, s, n, alt, alt_at, forward
):
    """Whether n bases are replaced by their reverse complement."""
    for j in range(n):
        place = s + n - 1 - j
        if BASES[alt[alt_at + j]] != _sense_base(bases, place, False) or alt[alt_at + j] > 3:
            return False
    return True


@njit(cache=True, nogil=True, inline="always")
def _put_change(  # type: ignore[no-untyped-def]
    out, w, bases, s, size, alt, at, n, turn, forward
):
    """Write what becomes of `size` bases at `s` of the reference: n of `alt` from `at`."""
    if n == 0:
        return put_span(out, w, _DEL, 0, 3)
    if size == 1 and n == 1:
        out[w] = _sense_base(bases, s, forward)
        out[w + 1] = 62
        out[w + 2] = BASES[allele_base(alt, at, 1, 0, forward, 0)]
        return w + 3
    if size == n and _is_inversion(bases, s, n, alt, at, forward):
        return put_span(out, w, _INV, 0, 3)
    w = put_span(out, w, _DELINS, 0, 6) if size else put_span(out, w, _INS, 0, 3)
    for j in range(n):
        out[w] = BASES[allele_base(alt, at, n, turn, forward, j)]
        w += 1
    return w


@njit(cache=True, nogil=True)
def _write_all(  # type: ignore[no-untyped-def]
    names, shift, row, tx, alleles, prefixes, bases, transcripts, segments, as_vep
):
    out, (prefix, prefix_at) = names.text, prefixes
    w = 0
    for i in range(row.size):
        a, t = row[i], tx[i]
        names.offsets[i + 1] = w
        s, e, n = alleles.start[a], alleles.end[a], alleles.alt_length[a]
        low, high = transcripts.start[t], transcripts.end[t]
        inside = low < s < high if s == e else s < high and e > low
        if s < 0 or not inside:
            continue
        forward = transcripts.strand[t] > 0
        turn = alleles.right[a] if forward else -alleles.left[a]
        if not as_vep:
            turn = shift_within(s, e, alleles.left[a], alleles.right[a], forward, low, high)
        s, e = s + turn, e + turn
        size, to = e - s, alleles.to_reference[a]
        copied = size == 0 and _is_copy(
            bases, s + to, 0, alleles.alt, alleles.alt_at[a], n, turn, forward
        )
        # First and last base named, on the genome.
        first, last = s, e - 1
        if copied:
            first, last = (s - n, s - 1) if forward else (s, s + n - 1)
            # What lies before the transcript has no name in it: an insertion then.
            copied = first >= low and last < high
        if size == 0 and not copied:
            if not as_vep and turn and s == (high if forward else low):
                # It stands between two bases of the transcript.
                back = -1 if forward else 1
                s, e, turn = s + back, e + back, turn + back
            first, last = s - 1, s
        shift[i] = turn
        padded = as_vep and size == 1 and n == 1
        begin, end = (first, last) if forward else (last, first)
        start = w
        w = put_span(out, w, prefix, prefix_at[t], prefix_at[t + 1])
        lead = (3 - transcripts.phase[t]) % 3
        cds = (
            transcripts.coding[t],
            lead,
            transcripts.cds_offset[t],
            transcripts.cds_length[t],
        )
        from_, to_ = segments.ptr[t], segments.ptr[t + 1]
        w = _put_position(out, w, begin, forward, cds, from_, to_, segments, padded)
        if w != _NOWHERE and begin != end:
            out[w] = 95
            w = _put_position(out, w + 1, end, forward, cds, from_, to_, segments, padded)
        if w == _NOWHERE:
            w = start
            continue
        if copied:
            w = put_span(out, w, _DUP, 0, 3)
        else:
            w = _put_change(
                out, w, bases, s + to, size, alleles.alt, alleles.alt_at[a], n, turn, forward
            )
        names.valid[i] = True
        names.offsets[i + 1] = w
