"""Residues before and after an edit, and how names write them.

`protein` is how REF is read: its packed codons, the first and the number of those of the
transcript, the genetic code, and whether the first one starts: then it is Met, whatever its
bases. `edit` is the edited CDS: bases [first, stop) are replaced by `n` others.
"""

import numpy as np
from numba import njit

from varhouse.hgvs.text import put_number, put_span
from varhouse.hgvs.transcript import allele_base
from varhouse.transcripts.genemodel import NO_CODON, UInt8
from varhouse.transcripts.geneticcode import AMINO_ACID, STOP, UNKNOWN

_ONE = "ARNDCQEGHILKMFPSTWYVUOX*"
_NAMES = "AlaArgAsnAspCysGlnGluGlyHisIleLeuLysMetPheProSerThrTrpTyrValSecPylXaaTer"
_THREE: UInt8 = np.tile(np.frombuffer(b"Xaa", np.uint8), (128, 1))
"""Three letters of each amino acid (IUPAC), by the ASCII code of its one letter."""
for _i, _letter in enumerate(_ONE):
    _THREE[ord(_letter)] = np.frombuffer(_NAMES[3 * _i : 3 * _i + 3].encode(), np.uint8)

DEL, INS, DELINS, DUP, FS, FS_TER, EXT_TER = (
    np.frombuffer(b, np.uint8)
    for b in (b"del", b"ins", b"delins", b"dup", b"fs", b"fsTer", b"extTer")
)
AS_VEP: UInt8 = AMINO_ACID.copy()
AS_VEP[:, NO_CODON] = _UNREADABLE = 1
_THREE[_UNREADABLE] = _THREE[STOP]
"""VEP writes the residue of a codon that cannot be read as it writes a stop."""

ENDED = 0
"""Stands for a codon behind the end of the transcript."""

MET = ord("M")


@njit(cache=True, nogil=True)
def ref_residue(  # type: ignore[no-untyped-def]
    k, codon, first_codon, n_codon, table, begins
):
    """Give REF's residue k (0-based), `ENDED` where there is none."""
    if k < 0 or k >= n_codon:
        return ENDED
    if k == 0 and begins:
        return MET
    return table[codon[first_codon + k]]


@njit(cache=True, nogil=True)
def _alt_base(  # type: ignore[no-untyped-def]
    i, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
):
    """Give base code i of the edited CDS, or beside it; -1 outside the transcript."""
    if 0 <= i < lead:
        return 4
    if i >= first:
        if i < first + n:
            return allele_base(alt, alt_at, n, turn, forward, i - first)
        i += stop - first - n
    i += offset
    if i < 0 or i >= size:
        return -1
    return cdna[at + i]


@njit(cache=True, nogil=True)
def alt_codon(  # type: ignore[no-untyped-def]
    begin,
    begins,
    partial,
    cdna,
    at,
    size,
    offset,
    lead,
    first,
    stop,
    alt,
    alt_at,
    n,
    turn,
    forward,
):
    """Give the code of the codon at base `begin` of the edited CDS.

    -1 outside the transcript, `partial` for a codon that its end cuts. It is read by the
    genetic code: only codons that an allele touches, or that stand in another frame or
    behind the old stop codon, are asked for.
    """
    code, known = 0, True
    for i in range(begin, begin + 3):
        base = _alt_base(
            i, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
        )
        if base < 0:
            return -1 if i == begin else partial
        known = known and base < 4
        code = 4 * code + base
    return code if known else NO_CODON


@njit(cache=True, nogil=True)
def alt_residue(  # type: ignore[no-untyped-def]
    table,
    k,
    begins,
    partial,
    cdna,
    at,
    size,
    offset,
    lead,
    first,
    stop,
    alt,
    alt_at,
    n,
    turn,
    forward,
):
    """Give ALT's residue k (0-based), `ENDED` behind the transcript's end."""
    if k == 0 and begins:
        return MET
    code = alt_codon(
        3 * k,
        begins,
        partial,
        cdna,
        at,
        size,
        offset,
        lead,
        first,
        stop,
        alt,
        alt_at,
        n,
        turn,
        forward,
    )
    return ENDED if code < 0 else table[code]


@njit(cache=True, nogil=True)
def keeps_cds(  # type: ignore[no-untyped-def]
    begins, partial, cdna, at, size, offset, lead, first, stop, alt, alt_at, n, turn, forward
):
    """Whether the whole CDS is there still, and only bases before it are others."""
    for back in range(1, stop + 1):
        base = _alt_base(
            first + n - back,
            cdna,
            at,
            size,
            offset,
            lead,
            first,
            stop,
            alt,
            alt_at,
            n,
            turn,
            forward,
        )
        if base < 0 or base != cdna[at + offset + stop - back]:
            return False
    return True


@njit(cache=True, nogil=True)
def next_stop(  # type: ignore[no-untyped-def]
    table,
    k,
    begins,
    partial,
    cdna,
    at,
    size,
    offset,
    lead,
    first,
    stop,
    alt,
    alt_at,
    n,
    turn,
    forward,
):
    """Find ALT's first stop codon at or behind codon k; -1 if there is none."""
    while 3 * k < first + n:
        residue = alt_residue(
            table,
            k,
            begins,
            partial,
            cdna,
            at,
            size,
            offset,
            lead,
            first,
            stop,
            alt,
            alt_at,
            n,
            turn,
            forward,
        )
        if residue == STOP:
            return k
        if residue == ENDED:
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
def put_residue(out, w, residue):  # type: ignore[no-untyped-def]
    """Write the three letters of a residue."""
    for j in range(3):
        out[w + j] = _THREE[residue, j]
    return w + 3


@njit(cache=True, nogil=True)
def put_range(out, w, protein, k, count):  # type: ignore[no-untyped-def]
    """Write REF's residues k to k + count - 1: `Arg97` or `Arg97_Leu99`."""
    w = put_residue(out, w, ref_residue(k, *protein))
    w = put_number(out, w, k + 1)
    if count > 1:
        out[w] = 95
        last = k + count - 1
        w = put_residue(out, w + 1, ref_residue(last, *protein))
        w = put_number(out, w, last + 1)
    return w


@njit(cache=True, nogil=True)
def put_new_stop(out, w, mark, distance):  # type: ignore[no-untyped-def]
    """Write `fsTer23`, `extTer17`, or `?` for a stop that is not found."""
    w = put_span(out, w, mark, 0, mark.size)
    if distance > 0:
        return put_number(out, w, distance)
    return put_question(out, w)


@njit(cache=True, nogil=True)
def put_question(out, w):  # type: ignore[no-untyped-def]
    """Write `?`."""
    out[w] = 63
    return w + 1


@njit(cache=True, nogil=True)
def put_same(out, w, protein, k, count):  # type: ignore[no-untyped-def]
    """Write `Arg97=` or `Arg97_Leu99=`."""
    w = put_range(out, w, protein, k, count)
    out[w] = 61
    return w + 1


@njit(cache=True, nogil=True)
def put_insertion(out, w, protein, edit, k, alen):  # type: ignore[no-untyped-def]
    """Residues k to k + alen - 1 of ALT stand between REF's residues k - 1 and k."""
    table = protein[3]
    shift = 0
    while True:
        ref = ref_residue(k + shift, *protein)
        same = ref == alt_residue(table, k + shift % alen, *edit)
        if not same or ref in (STOP, ENDED):
            break
        shift += 1
    copied = shift + k >= alen
    for j in range(alen):
        new = alt_residue(table, k + (j + shift) % alen, *edit)
        copied = copied and new == ref_residue(k + shift - alen + j, *protein) and new != STOP
    if copied:
        w = put_range(out, w, protein, k + shift - alen, alen)
        return put_span(out, w, DUP, 0, 3)
    if ref_residue(k + shift, *protein) in (ENDED, UNKNOWN):
        return put_question(out, w)
    w = put_range(out, w, protein, k + shift - 1, 2)
    w = put_span(out, w, INS, 0, 3)
    return put_inserted(out, w, table, edit, k, alen, shift)


@njit(cache=True, nogil=True)
def put_inserted(out, w, table, edit, k, alen, shift):  # type: ignore[no-untyped-def]
    """Write ALT's new residues, rotated by `shift`, until a stop."""
    for j in range(alen):
        new = alt_residue(table, k + (j + shift) % alen, *edit)
        w = put_residue(out, w, new)
        if new == STOP:
            break
    return w


@njit(cache=True, nogil=True)
def put_deletion(out, w, protein, k, rlen):  # type: ignore[no-untyped-def]
    """Write that REF's residues k to k + rlen - 1 go, as far to the C-terminus as can be."""
    while True:
        behind = ref_residue(k + rlen, *protein)
        if behind in (STOP, ENDED):
            break
        if behind != ref_residue(k, *protein):
            break
        k += 1
    w = put_range(out, w, protein, k, rlen)
    return put_span(out, w, DEL, 0, 3)
