"""Names in the protein: `ENSP00000256474.2:p.Arg97ProfsTer23`.

REF's and ALT's protein are compared from the first codon that the (3'-shifted) allele
touches: equal residues are taken off in front and behind, an insertion or deletion of
residues goes as far to the C-terminus as it can, and an insertion that repeats the
residues before it is a duplication (HGVS Nomenclature 21.1, protein). Behind a frameshift
and a lost stop codon ALT is translated on, into the 3' UTR, to its first stop codon.
`p.?` stands where a residue is unknown (N in a codon, an incomplete last codon).
"""

import numpy as np
from numba import njit

from varhouse.genemodel import EXON, NO_CODON, Bool, GeneModel, Int64, UInt8
from varhouse.geneticcode import AMINO_ACID, ATG, STOP, UNKNOWN
from varhouse.hgvs.alleles import Alleles
from varhouse.hgvs.text import DIGITS, Packed, put_number, put_span
from varhouse.hgvs.transcript import allele_base, segment_of

_ONE = "ARNDCQEGHILKMFPSTWYVUOX*"
_NAMES = "AlaArgAsnAspCysGlnGluGlyHisIleLeuLysMetPheProSerThrTrpTyrValSecPylXaaTer"
_THREE: UInt8 = np.zeros((128, 3), np.uint8)
"""Three letters of each amino acid (IUPAC), by the ASCII code of its one letter."""
for _i, _letter in enumerate(_ONE):
    _THREE[ord(_letter)] = np.frombuffer(_NAMES[3 * _i : 3 * _i + 3].encode(), np.uint8)

_DEL, _INS, _DELINS, _DUP, _FS, _EXT = (
    np.frombuffer(b, np.uint8)
    for b in (b"del", b"ins", b"delins", b"dup", b"fsTer", b"extTer")
)
_AS_VEP: UInt8 = AMINO_ACID.copy()
_AS_VEP[:, NO_CODON] = _UNREADABLE = 1
_THREE[_UNREADABLE] = _THREE[STOP]
"""VEP writes the residue of a codon that cannot be read as it writes a stop."""

_MARKS = 40
_ENDED = 0
"""Stands for a codon behind the end of the transcript."""


def name_in_proteins(
    model: GeneModel, alleles: Alleles, prefixes: Packed, row: Int64, tx: Int64, as_vep: bool
) -> tuple[UInt8, Int64, Bool]:
    """Write the p. name of pairs of an allele and a transcript.

    Parameters
    ----------
    prefixes
        `ENSP00000256474.2:p.` of each transcript.
    row, tx
        int64[n]: allele and transcript of each pair.
    as_vep
        Write several residues that stay, a start codon lost with its neighbours, and
        codons that cannot be read as VEP does: `AlaLeu76=`, `MetPhe1_?2`, `Ter`.

    Returns
    -------
    text, offsets, valid
        The names end to end with int64[n + 1] offsets; bool[n], false where the shifted
        allele does not lie, with both ends, in the coding sequence.
    """
    offsets, valid = np.zeros(len(row) + 1, np.int64), np.zeros(len(row), np.bool_)
    prefix, prefix_at = prefixes
    bases = alleles.alt_length[row]
    if as_vep:
        # The residues of a deletion may be written out.
        bases = bases + np.maximum(alleles.end - alleles.start, 0)[row]
    longest = np.where(
        model.coding[tx], np.diff(prefix_at)[tx] + bases + 4 * DIGITS + _MARKS, 0
    )
    text = np.empty(int(longest.sum()), np.uint8)
    _write_all(
        text, offsets, valid, row, tx, *alleles, prefix, prefix_at, model.strand,
        model.coding, model.start_unknown, model.phase, model.cdna_length,
        model.cds_offset, model.cds_length, model.code, model.cdna_ptr, model.cdna,
        model.codon_ptr, model.codon, model.seg_ptr, model.seg_start, model.seg_kind,
        model.seg_anchor, _AS_VEP if as_vep else AMINO_ACID, as_vep,
    )  # fmt: skip
    return text, offsets, valid


@njit(cache=True, nogil=True)
def _cdna_index(  # type: ignore[no-untyped-def]
    place, forward, low, high, seg_start, seg_kind, seg_anchor
):
    """Index in the spliced transcript of a place; -1 where it is in no exon."""
    seg = segment_of(seg_start, low, high, place)
    if seg_kind[seg] != EXON:
        return -1
    return seg_anchor[seg] + (place if forward else -place)


@njit(cache=True, nogil=True)
def _ref_residue(codon, first_codon, n_codon, table, k):  # type: ignore[no-untyped-def]
    if k < 0 or k >= n_codon:
        return _ENDED
    return table[codon[first_codon + k]]


@njit(cache=True, nogil=True)
def _alt_base(  # type: ignore[no-untyped-def]
    i, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
):
    """Give base code i of the edited CDS and what follows it; -1 behind the end."""
    if i < lead:
        return 4
    if i >= first:
        if i < first + n:
            return allele_base(alt, alt_at, n, turn, forward, i - first)
        i += stop - first - n
    i += offset
    if i >= size:
        return -1
    return cdna[at + i]


@njit(cache=True, nogil=True)
def _alt_codon(  # type: ignore[no-untyped-def]
    k, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
):
    """Give the code of codon k of the edited CDS; -1 behind the transcript's end.

    It is read by the genetic code: only codons that an allele touches, or that stand in
    another frame or behind the old stop codon, are asked for.
    """
    code, known = 0, True
    for i in range(3 * k, 3 * k + 3):
        base = _alt_base(
            i, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
        )
        if base < 0:
            return -1 if i == 3 * k else NO_CODON
        known = known and base < 4
        code = 4 * code + base
    return code if known else NO_CODON


@njit(cache=True, nogil=True)
def _put_residue(out, w, residue):  # type: ignore[no-untyped-def]
    for j in range(3):
        out[w + j] = _THREE[residue, j]
    return w + 3


@njit(cache=True, nogil=True)
def _put_range(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, k, count
):
    """Write REF's residues k to k + count - 1: `Arg97` or `Arg97_Leu99`."""
    w = _put_residue(out, w, _ref_residue(codon, first_codon, n_codon, table, k))
    w = put_number(out, w, k + 1)
    if count > 1:
        out[w] = 95
        last = k + count - 1
        w = _put_residue(out, w + 1, _ref_residue(codon, first_codon, n_codon, table, last))
        w = put_number(out, w, last + 1)
    return w


@njit(cache=True, nogil=True)
def _put_new_stop(out, w, mark, distance):  # type: ignore[no-untyped-def]
    """Write `fsTer23`, `extTer17`, or `?` for a stop that is not found."""
    w = put_span(out, w, mark, 0, mark.size)
    if distance > 0:
        return put_number(out, w, distance)
    out[w] = 63
    return w + 1


@njit(cache=True, nogil=True)
def _put_question(out, w):  # type: ignore[no-untyped-def]
    out[w] = 63
    return w + 1


@njit(cache=True, nogil=True)
def _put_same(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, k, count, as_vep
):
    if as_vep and count > 1:
        for j in range(k, k + count):
            w = _put_residue(out, w, _ref_residue(codon, first_codon, n_codon, table, j))
        w = put_number(out, w, k + 1)
    else:
        w = _put_range(out, w, codon, first_codon, n_codon, table, k, count)
    out[w] = 61
    return w + 1


@njit(cache=True, nogil=True)
def _residues(  # type: ignore[no-untyped-def]
    table, k, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
):
    code = _alt_codon(
        k, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
    )
    return _ENDED if code < 0 else table[code]


@njit(cache=True, nogil=True)
def _next_stop(  # type: ignore[no-untyped-def]
    table, k, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
):
    """Find ALT's first stop codon at or behind codon k; -1 if there is none."""
    while 3 * k < first + n:
        residue = _residues(
            table, k, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
        )
        if residue == STOP:
            return k
        if residue == _ENDED:
            return -1
        k += 1
    # Behind the edit ALT is the transcript, in its frame or another.
    i, end = at + offset + 3 * k + stop - first - n, at + size
    while i + 2 < end:
        one, two, three = cdna[i], cdna[i + 1], cdna[i + 2]
        if (one | two | three) < 4 and table[16 * one + 4 * two + three] == STOP:
            return k
        i, k = i + 3, k + 1
    return -1


@njit(cache=True, nogil=True)
def _put_frameshift(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, edit, k
):
    while True:
        ref = _ref_residue(codon, first_codon, n_codon, table, k)
        new = _residues(table, k, *edit)
        if ref in (_ENDED, UNKNOWN) or new in (_ENDED, UNKNOWN):
            return _put_question(out, w)
        if ref != new:
            break
        if ref == STOP:
            return _put_same(out, w, codon, first_codon, n_codon, table, k, 1, False)
        k += 1
    w = _put_residue(out, w, ref)
    w = put_number(out, w, k + 1)
    w = _put_residue(out, w, new)
    if new == STOP:
        return w
    end = _next_stop(table, k, *edit)
    return _put_new_stop(out, w, _FS, end - k + 1 if end >= 0 else 0)


@njit(cache=True, nogil=True)
def _put_insertion(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, edit, k, alen
):
    """Residues k to k + alen - 1 of ALT stand between REF's residues k - 1 and k."""
    shift = 0
    while True:
        ref = _ref_residue(codon, first_codon, n_codon, table, k + shift)
        same = ref == _residues(table, k + shift % alen, *edit)
        if not same or ref in (STOP, _ENDED):
            break
        shift += 1
    copied = shift + k >= alen
    for j in range(alen):
        new = _residues(table, k + (j + shift) % alen, *edit)
        ref = _ref_residue(codon, first_codon, n_codon, table, k + shift - alen + j)
        copied = copied and new == ref and new != STOP
    if copied:
        w = _put_range(out, w, codon, first_codon, n_codon, table, k + shift - alen, alen)
        return put_span(out, w, _DUP, 0, 3)
    if _ref_residue(codon, first_codon, n_codon, table, k + shift) in (_ENDED, UNKNOWN):
        return _put_question(out, w)
    w = _put_range(out, w, codon, first_codon, n_codon, table, k + shift - 1, 2)
    w = put_span(out, w, _INS, 0, 3)
    return _put_inserted(out, w, table, edit, k, alen, shift)


@njit(cache=True, nogil=True)
def _put_inserted(out, w, table, edit, k, alen, shift):  # type: ignore[no-untyped-def]
    """Write ALT's new residues, rotated by `shift`, until a stop."""
    for j in range(alen):
        new = _residues(table, k + (j + shift) % alen, *edit)
        w = _put_residue(out, w, new)
        if new == STOP:
            break
    return w


@njit(cache=True, nogil=True)
def _put_deletion(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, k, rlen
):
    while True:
        behind = _ref_residue(codon, first_codon, n_codon, table, k + rlen)
        if behind in (STOP, _ENDED):
            break
        if behind != _ref_residue(codon, first_codon, n_codon, table, k):
            break
        k += 1
    w = _put_range(out, w, codon, first_codon, n_codon, table, k, rlen)
    return put_span(out, w, _DEL, 0, 3)


@njit(cache=True, nogil=True)
def _put_inframe(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, edit, k, rlen, alen, as_vep
):
    """REF's residues k to k + rlen - 1 became ALT's k to k + alen - 1."""
    begin, count = k, rlen
    ref_stop = alt_stop = False
    for j in range(max(rlen, alen)):
        if j < rlen:
            residue = _ref_residue(codon, first_codon, n_codon, table, k + j)
            ref_stop = ref_stop or residue == STOP
        if j < alen:
            alt_stop = alt_stop or _residues(table, k + j, *edit) == STOP
    while rlen and alen:
        ref = _ref_residue(codon, first_codon, n_codon, table, k)
        if ref != _residues(table, k, *edit) or ref == UNKNOWN:
            break
        if ref == STOP:
            return _put_same(out, w, codon, first_codon, n_codon, table, k, 1, False)
        k, rlen, alen = k + 1, rlen - 1, alen - 1
    if rlen == 0 and alen == 0:
        return _put_same(out, w, codon, first_codon, n_codon, table, begin, count, as_vep)
    while rlen and alen:
        ref = _ref_residue(codon, first_codon, n_codon, table, k + rlen - 1)
        if ref != _residues(table, k + alen - 1, *edit) or ref == UNKNOWN:
            break
        rlen, alen = rlen - 1, alen - 1
    for j in range(rlen):
        ref = _ref_residue(codon, first_codon, n_codon, table, k + j)
        if ref in (UNKNOWN, _ENDED):
            return _put_question(out, w)
    for j in range(alen):
        new = _residues(table, k + j, *edit)
        if new in (UNKNOWN, _ENDED):
            return _put_question(out, w)
    if rlen == 0:
        return _put_insertion(out, w, codon, first_codon, n_codon, table, edit, k, alen)
    lost = ref_stop and not alt_stop
    if alen == 0 and not lost:
        return _put_deletion(out, w, codon, first_codon, n_codon, table, k, rlen)
    w = _put_range(out, w, codon, first_codon, n_codon, table, k, rlen)
    if alen == 0 and (as_vep or rlen > 1):
        w = put_span(out, w, _DEL, 0, 3)
    elif rlen > 1 or alen > 1:
        w = put_span(out, w, _DELINS, 0, 6)
        return _put_inserted(out, w, table, edit, k, alen, 0)
    else:
        # In place of a deleted stop codon stands what followed it.
        w = _put_inserted(out, w, table, edit, k, 1, 0)
    if not lost:
        return w
    end = _next_stop(table, k, *edit)
    return _put_new_stop(out, w, _EXT, end - n_codon + 1 if end >= 0 else 0)


@njit(cache=True, nogil=True)
def _put_lost_start(  # type: ignore[no-untyped-def]
    out, w, codon, first_codon, n_codon, table, count, shifted
):
    """Write `Met1?`, as VEP does `MetPhe1_?2`."""
    for j in range(1 if shifted else count):
        w = _put_residue(out, w, _ref_residue(codon, first_codon, n_codon, table, j))
    w = put_number(out, w, 1)
    if count > 1:
        out[w] = 95
        w += 1
    w = _put_question(out, w)
    return put_number(out, w, count) if count > 1 else w


@njit(cache=True, nogil=True)
def _ends_inside(  # type: ignore[no-untyped-def]
    edit, codon, first_codon, n_codon, table, first, n
):
    """Whether an insertion into a codon, whose residue stays, brings its own stop.

    Then no base of the shifted frame is read, and the change is an insertion (VEP's
    `stop_retained`, on the allele as it stands).
    """
    k = first // 3
    if first % 3 == 0:
        return False
    if _residues(table, k, *edit) != _ref_residue(codon, first_codon, n_codon, table, k):
        return False
    end = _next_stop(table, k + 1, *edit)
    return k < end < k + (n + 3) // 3


@njit(cache=True, nogil=True)
def _ends(  # type: ignore[no-untyped-def]
    s, e, forward, low, high, seg_start, seg_kind, seg_anchor
):
    """Give the cDNA indices of an allele's first and last base (-1: in no exon).

    Those of an insertion are its two neighbours; the one that lies in an intron counts
    as the next base of the spliced transcript.
    """
    insertion = s == e
    left, right = (s - 1, s) if insertion else (s, e - 1)
    if not forward:
        left, right = right, left
    a = _cdna_index(left, forward, low, high, seg_start, seg_kind, seg_anchor)
    b = a
    if left != right:
        b = _cdna_index(right, forward, low, high, seg_start, seg_kind, seg_anchor)
    if insertion and a < 0 <= b:
        a = b - 1
    elif insertion and b < 0 <= a:
        b = a + 1
    return a, b


@njit(cache=True, nogil=True)
def _in_frame(index, lead, offset, length):  # type: ignore[no-untyped-def]
    return index >= 0 and lead <= index - offset < length


@njit(cache=True, nogil=True)
def _write_all(  # type: ignore[no-untyped-def]
    out, offsets, valid, row, tx, a_start, a_end, a_at, a_length, alt, a_left, a_right,
    to_reference, prefix, prefix_at, strand, coding, start_unknown, phase, cdna_length,
    cds_offset, cds_length, code, cdna_ptr, cdna, codon_ptr, codon, seg_ptr, seg_start,
    seg_kind, seg_anchor, amino_acid, as_vep,
):  # fmt: skip
    w = 0
    for i in range(row.size):
        a, t = row[i], tx[i]
        offsets[i + 1] = w
        if a_start[a] < 0 or not coding[t]:
            continue
        forward, lead = strand[t] > 0, (3 - phase[t]) % 3
        turn = a_right[a] if forward else -a_left[a]
        offset, length, n = cds_offset[t], cds_length[t], a_length[a]
        low, high = seg_ptr[t], seg_ptr[t + 1]
        s, e = a_start[a], a_end[a]
        one, two = _ends(s, e, forward, low, high, seg_start, seg_kind, seg_anchor)
        from_one = _in_frame(one, lead, offset, length)
        from_two = _in_frame(two, lead, offset, length)
        # An allele that touches no codon as it stands has no protein term, nor a name.
        if not (from_one or from_two) or (s == e and not (from_one and from_two)):
            continue
        unshifted = two - offset
        one, two = _ends(
            s + turn, e + turn, forward, low, high, seg_start, seg_kind, seg_anchor
        )
        if not (_in_frame(one, lead, offset, length) and _in_frame(two, lead, offset, length)):
            continue
        first = two - offset if s == e else one - offset
        stop = first if s == e else two - offset + 1
        table = amino_acid[code[t] if 0 <= code[t] < amino_acid.shape[0] else 1]
        n_codon, at = (length + 2) // 3, codon_ptr[t]
        edit = (
            cdna, cdna_ptr[t], cdna_length[t], offset, lead, first, stop, alt, a_at[a], n,
            turn, forward,
        )  # fmt: skip
        w = put_span(out, w, prefix, prefix_at[t], prefix_at[t + 1])
        valid[i] = True
        k, gain = first // 3, n - stop + first
        rlen = (stop - 1) // 3 - k + 1 if stop > first else int(first % 3 > 0)
        lost = k == 0 and lead == 0 and not start_unknown[t] and (stop > first or first > 0)
        if lost and _alt_codon(0, *edit) != ATG:
            w = _put_lost_start(
                out, w, codon, at, n_codon, table, rlen if as_vep else 1, gain % 3 != 0
            )
        elif gain % 3 == 0:
            alen = rlen + gain // 3
            w = _put_inframe(out, w, codon, at, n_codon, table, edit, k, rlen, alen, as_vep)
        else:
            alen = 0
            if s == e and _ends_inside(
                (
                    cdna, cdna_ptr[t], cdna_length[t], offset, lead, unshifted, unshifted,
                    alt, a_at[a], n, 0, forward,
                ),
                codon, at, n_codon, table, unshifted, n,
            ):  # fmt: skip
                alen = _next_stop(table, k, *edit) - k + 1
            if alen > 0:
                w = _put_inframe(
                    out, w, codon, at, n_codon, table, edit, k, rlen, alen, as_vep
                )
            else:
                w = _put_frameshift(out, w, codon, at, n_codon, table, edit, k)
        offsets[i + 1] = w
