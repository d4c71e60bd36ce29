"""p. names as VEP writes them, where the nomenclature has other forms (`--hgvs-as-vep`).

`AlaLeu76=`, `MetPhe1_?2`, `insTer` and `delinsTer` for an immediate stop, `delextTer` for a
deletion through the stop codon, `fsTer` for a frameshift in it.
"""

from numba import njit

from varhouse.hgvs.residues import (
    DEL,
    DELINS,
    ENDED,
    EXT_TER,
    FS_TER,
    alt_residue,
    next_stop,
    put_deletion,
    put_inserted,
    put_insertion,
    put_new_stop,
    put_question,
    put_range,
    put_residue,
    put_same,
    ref_residue,
)
from varhouse.hgvs.text import put_number, put_span
from varhouse.transcripts.geneticcode import STOP, UNKNOWN


@njit(cache=True, nogil=True)
def put_as_vep(  # type: ignore[no-untyped-def]
    out, w, protein, edit, unshifted, k, rlen, gain, first, n, insertion
):
    """Write what becomes of REF's residues k to k + rlen - 1."""
    if gain % 3 == 0:
        return _put_inframe(out, w, protein, edit, k, rlen, rlen + gain // 3)
    if insertion and _ends_inside(unshifted, protein, first, n):
        alen = next_stop(protein[3], k, *edit) - k + 1
        if alen > 0:
            return _put_inframe(out, w, protein, edit, k, rlen, alen)
    return _put_frameshift(out, w, protein, edit, k)


@njit(cache=True, nogil=True)
def put_lost_start(out, w, protein, count, shifted):  # type: ignore[no-untyped-def]
    """Write `Met1?`, `MetPhe1_?2` with the residues behind it."""
    for j in range(1 if shifted else count):
        w = put_residue(out, w, ref_residue(j, *protein))
    w = put_number(out, w, 1)
    if count > 1:
        out[w] = 95
        w += 1
    w = put_question(out, w)
    return put_number(out, w, count) if count > 1 else w


@njit(cache=True, nogil=True)
def _put_same(out, w, protein, k, count):  # type: ignore[no-untyped-def]
    for j in range(k, k + count):
        w = put_residue(out, w, ref_residue(j, *protein))
    w = put_number(out, w, k + 1)
    out[w] = 61
    return w + 1


@njit(cache=True, nogil=True)
def _put_frameshift(out, w, protein, edit, k):  # type: ignore[no-untyped-def]
    while True:
        ref, new = ref_residue(k, *protein), alt_residue(protein[3], k, *edit)
        if ref in (ENDED, UNKNOWN) or new in (ENDED, UNKNOWN):
            return put_question(out, w)
        if ref != new:
            break
        if ref == STOP:
            return put_same(out, w, protein, k, 1)
        k += 1
    w = put_residue(out, w, ref)
    w = put_number(out, w, k + 1)
    w = put_residue(out, w, new)
    if new == STOP:
        return w
    end = next_stop(protein[3], k, *edit)
    return put_new_stop(out, w, FS_TER, end - k + 1 if end >= 0 else 0)


@njit(cache=True, nogil=True)
def _put_inframe(out, w, protein, edit, k, rlen, alen):  # type: ignore[no-untyped-def]
    """REF's residues k to k + rlen - 1 became ALT's k to k + alen - 1."""
    table, begin, count = protein[3], k, rlen
    ref_stop = alt_stop = False
    for j in range(max(rlen, alen)):
        if j < rlen:
            ref_stop = ref_stop or ref_residue(k + j, *protein) == STOP
        if j < alen:
            alt_stop = alt_stop or alt_residue(table, k + j, *edit) == STOP
    while rlen and alen:
        ref = ref_residue(k, *protein)
        if ref != alt_residue(table, k, *edit) or ref == UNKNOWN:
            break
        if ref == STOP:
            return put_same(out, w, protein, k, 1)
        k, rlen, alen = k + 1, rlen - 1, alen - 1
    if rlen == 0 and alen == 0:
        return _put_same(out, w, protein, begin, count)
    while rlen and alen:
        ref = ref_residue(k + rlen - 1, *protein)
        if ref != alt_residue(table, k + alen - 1, *edit) or ref == UNKNOWN:
            break
        rlen, alen = rlen - 1, alen - 1
    for j in range(rlen):
        if ref_residue(k + j, *protein) in (UNKNOWN, ENDED):
            return put_question(out, w)
    for j in range(alen):
        if alt_residue(table, k + j, *edit) in (UNKNOWN, ENDED):
            return put_question(out, w)
    if rlen == 0:
        return put_insertion(out, w, protein, edit, k, alen)
    lost = ref_stop and not alt_stop
    if alen == 0 and not lost:
        return put_deletion(out, w, protein, k, rlen)
    w = put_range(out, w, protein, k, rlen)
    if alen == 0:
        w = put_span(out, w, DEL, 0, 3)
    elif rlen > 1 or alen > 1:
        w = put_span(out, w, DELINS, 0, 6)
        return put_inserted(out, w, table, edit, k, alen, 0)
    else:
        w = put_inserted(out, w, table, edit, k, 1, 0)
    if not lost:
        return w
    end = next_stop(table, k, *edit)
    return put_new_stop(out, w, EXT_TER, end - protein[2] + 1 if end >= 0 else 0)


@njit(cache=True, nogil=True)
def _ends_inside(edit, protein, first, n):  # type: ignore[no-untyped-def]
    """Whether an insertion into a codon, whose residue stays, brings its own stop.

    To VEP it is an insertion then (its `stop_retained`, on the allele as it stands).
    """
    k = first // 3
    if first % 3 == 0:
        return False
    if alt_residue(protein[3], k, *edit) != ref_residue(k, *protein):
        return False
    end = next_stop(protein[3], k + 1, *edit)
    return k < end < k + (n + 3) // 3
