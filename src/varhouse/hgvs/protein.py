"""Names in the protein: `ENSP00000256474.2:p.Arg97ProfsTer23`.

REF's and ALT's protein are compared from the first codon that the (3'-shifted) allele
touches (HGVS Nomenclature 21.1, protein): equal residues are taken off in front and behind,
an insertion or deletion of residues goes as far to the C-terminus as it can, and an insertion
that repeats the residues before it is a duplication. An immediate stop codon is a
substitution (`Lys3Ter`); what changes the stop codon itself is an extension, in whatever
frame (`Ter22SerextTer4`); what begins before it and takes it away is a frameshift
(`Cys21GlyfsTer6`), where ALT is translated on, into the 3' UTR, to its first stop codon.
A start that is lost is `Met1?`, whatever its codon: proteins begin with Met. `p.?` stands
where a residue is unknown (N in a codon, an incomplete last codon); `Ter22?` and `Cys21fs`
where the transcript ends and nobody knows how it is read on.
"""

import numpy as np
from numba import njit

from varhouse.hgvs.alleles import Alleles
from varhouse.hgvs.arrays import Names, fixed, segments_of, transcripts_of
from varhouse.hgvs.asvep import put_as_vep, put_lost_start
from varhouse.hgvs.residues import (
    AS_VEP,
    DELINS,
    ENDED,
    EXT_TER,
    FS,
    FS_TER,
    INS,
    MET,
    alt_codon,
    alt_residue,
    keeps_cds,
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
from varhouse.hgvs.text import DIGITS, Packed, put_number, put_span
from varhouse.hgvs.transcript import segment_of, shift_within
from varhouse.transcripts.genemodel import (
    EXON,
    FLANK_RIGHT,
    NO_CODON,
    Bool,
    GeneModel,
    Int64,
    UInt8,
)
from varhouse.transcripts.geneticcode import AMINO_ACID, ATG, BEGINS, STARTS, STOP, UNKNOWN

_MARKS = 40


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
        Write names as VEP does where it departs from the nomenclature (`asvep.py`).

    Returns
    -------
    text, offsets, valid
        The names end to end with int64[n + 1] offsets; bool[n], false where the allele
        changes no codon, or an end of it is in an intron: but for a start that is lost, and
        a stop codon that the allele reaches beyond.
    """
    offsets, valid = np.zeros(len(row) + 1, np.int64), np.zeros(len(row), np.bool_)
    prefix_at = prefixes[1]
    bases = alleles.alt_length[row]
    if as_vep:
        # The residues of a deletion may be written out.
        bases = bases + np.maximum(alleles.end - alleles.start, 0)[row]
    longest = np.where(
        model.coding[tx], np.diff(prefix_at)[tx] + bases + 4 * DIGITS + _MARKS, 0
    )
    text = np.empty(int(longest.sum()), np.uint8)
    _write_all(
        Names(text, offsets, valid),
        fixed(row),
        fixed(tx),
        alleles,
        prefixes,
        transcripts_of(model),
        segments_of(model),
        (AS_VEP if as_vep else AMINO_ACID, STARTS, BEGINS),
        as_vep,
    )
    return text, offsets, valid


@njit(cache=True, nogil=True)
def _cdna_index(  # type: ignore[no-untyped-def]
    place, forward, low, high, segments
):
    """Index in the spliced transcript of a place; -1 where it is in no exon."""
    seg = segment_of(segments.start, low, high, place)
    if segments.kind[seg] != EXON:
        return -1
    return segments.anchor[seg] + (place if forward else -place)


@njit(cache=True, nogil=True, inline="always")
def _ends(  # type: ignore[no-untyped-def]
    s, e, forward, low, high, segments
):
    """Give the cDNA indices of an allele's first and last base (-1: in no exon).

    Those of an insertion are its two neighbours; the one that lies in an intron counts
    as the next base of the spliced transcript.
    """
    insertion = s == e
    left, right = (s - 1, s) if insertion else (s, e - 1)
    if not forward:
        left, right = right, left
    a = _cdna_index(left, forward, low, high, segments)
    b = a
    if left != right:
        b = _cdna_index(right, forward, low, high, segments)
    if insertion and a < 0 <= b:
        a = b - 1
    elif insertion and b < 0 <= a:
        b = a + 1
    return a, b


@njit(cache=True, nogil=True)
def _in_frame(index, lead, offset, length):  # type: ignore[no-untyped-def]
    return index >= 0 and lead <= index - offset < length


@njit(cache=True, nogil=True)
def _put_reading(out, w, protein, edit, k):  # type: ignore[no-untyped-def]
    """Write a frameshift, or an extension: ALT is read on from codon k."""
    table = protein[3]
    while True:
        ref, new = ref_residue(k, *protein), alt_residue(table, k, *edit)
        if ref in (ENDED, UNKNOWN) or new == UNKNOWN:
            return put_question(out, w)
        if ref != new:
            break
        if ref == STOP:
            return put_same(out, w, protein, k, 1)
        k += 1
    w = put_residue(out, w, ref)
    w = put_number(out, w, k + 1)
    if new == ENDED:
        return put_question(out, w) if ref == STOP else put_span(out, w, FS, 0, FS.size)
    w = put_residue(out, w, new)
    if new == STOP:
        return w
    end = next_stop(table, k, *edit)
    if ref == STOP:
        return put_new_stop(out, w, EXT_TER, end - k if end >= 0 else 0)
    return put_new_stop(out, w, FS_TER, end - k + 1 if end >= 0 else 0)


@njit(cache=True, nogil=True)
def _put_ending(out, w, protein, edit, k, rlen, alen):  # type: ignore[no-untyped-def]
    """Write that ALT's residues k to k + alen - 1, of which the last is a stop, end it."""
    table = protein[3]
    while alen > 1:
        ref = ref_residue(k, *protein)
        if ref in (STOP, ENDED, UNKNOWN) or ref != alt_residue(table, k, *edit):
            break
        k, rlen, alen = k + 1, max(rlen - 1, 0), alen - 1
    ref = ref_residue(k, *protein)
    if ref in (ENDED, UNKNOWN):
        return put_question(out, w)
    if alen == 1 and ref == STOP:
        return put_same(out, w, protein, k, 1)
    for j in range(alen):
        if alt_residue(table, k + j, *edit) in (UNKNOWN, ENDED):
            return put_question(out, w)
    if alen == 1:
        # An immediate stop codon is a substitution, however it came.
        w = put_range(out, w, protein, k, 1)
        return put_residue(out, w, STOP)
    if ref == STOP:
        return _put_reading(out, w, protein, edit, k)
    if rlen == 0:
        w = put_range(out, w, protein, k - 1, 2)
        w = put_span(out, w, INS, 0, INS.size)
    else:
        w = put_range(out, w, protein, k, rlen)
        w = put_span(out, w, DELINS, 0, DELINS.size)
    return put_inserted(out, w, table, edit, k, alen, 0)


@njit(cache=True, nogil=True)
def _put_inframe(out, w, protein, edit, k, rlen, alen):  # type: ignore[no-untyped-def]
    """REF's residues k to k + rlen - 1 became ALT's k to k + alen - 1."""
    table, begin, count = protein[3], k, rlen
    ref_stop, alt_stop = -1, -1
    for j in range(rlen - 1, -1, -1):
        if ref_residue(k + j, *protein) == STOP:
            ref_stop = j
    for j in range(alen - 1, -1, -1):
        if alt_residue(table, k + j, *edit) == STOP:
            alt_stop = j
    if ref_stop >= 0 and alt_stop < 0:
        return _put_reading(out, w, protein, edit, k)
    old = ref_stop >= 0 and alt_stop == alen - 1
    if alt_stop >= 0 and not old and (ref_stop < 0 or alt_stop < ref_stop):
        return _put_ending(out, w, protein, edit, k, rlen, alt_stop + 1)
    if ref_stop >= 0:
        rlen, alen = ref_stop + 1, alt_stop + 1
    while rlen and alen:
        ref = ref_residue(k, *protein)
        if ref != alt_residue(table, k, *edit) or ref == UNKNOWN:
            break
        if ref == STOP:
            return put_same(out, w, protein, k, 1)
        k, rlen, alen = k + 1, rlen - 1, alen - 1
    if rlen == 0 and alen == 0:
        return put_same(out, w, protein, begin, count)
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
    if alen == 0:
        return put_deletion(out, w, protein, k, rlen)
    w = put_range(out, w, protein, k, rlen)
    if rlen > 1 or alen > 1:
        w = put_span(out, w, DELINS, 0, DELINS.size)
    return put_inserted(out, w, table, edit, k, alen, 0)


@njit(cache=True, nogil=True)
def _touched(  # type: ignore[no-untyped-def]
    s, e, forward, low, high, segments
):
    """Give the cDNA indices of the first and last exonic base of [s, e), and what is known.

    Returns
    -------
    first, last, readable, over
        -1, -2 where no exon is touched; whether both ends lie in exons; whether the 3' end
        lies behind the transcript.
    """
    left = segment_of(segments.start, low, high, s)
    right = segment_of(segments.start, low, high, e - 1)
    readable = segments.kind[left] == EXON and segments.kind[right] == EXON
    over = segments.kind[right if forward else left] <= FLANK_RIGHT
    a, b = s, e - 1
    if segments.kind[left] != EXON:
        left += 1
        a = segments.start[left] if left < high else s
    if segments.kind[right] != EXON:
        right -= 1
        b = segments.end[right] - 1
    if left > right or left >= high or right < low:
        return -1, -2, readable, over
    if forward:
        return segments.anchor[left] + a, segments.anchor[right] + b, readable, over
    return segments.anchor[right] - b, segments.anchor[left] - a, readable, over


@njit(cache=True, nogil=True)
def _loses_start(edit, first, stop, readable, starts):  # type: ignore[no-untyped-def]
    """Whether a start codon that is touched is none afterwards (`consequence/rules.py`)."""
    if not readable:
        return True
    if keeps_cds(*edit):
        return False
    _, _, cdna, at, _, offset, _, _, _, _, _, n, _, _ = edit
    begin = n - stop + first if first < 0 else 0
    code = alt_codon(begin, *edit)
    if code < 0 or code >= NO_CODON:
        return True
    i = at + offset
    old = 16 * cdna[i] + 4 * cdna[i + 1] + cdna[i + 2]
    return not starts[code] and code != old


@njit(cache=True, nogil=True)
def _put_change(out, w, protein, edit, k, rlen, gain):  # type: ignore[no-untyped-def]
    """Write what becomes of REF's residues k to k + rlen - 1."""
    if gain % 3 == 0:
        if k == 0 and gain and protein[4]:
            # Whatever stands there now, the first residue stays Met.
            rlen += 1
        return _put_inframe(out, w, protein, edit, k, rlen, rlen + gain // 3)
    return _put_reading(out, w, protein, edit, k)


@njit(cache=True, nogil=True)
def _write_all(  # type: ignore[no-untyped-def]
    names, row, tx, alleles, prefixes, transcripts, segments, codes, as_vep
):
    out, (prefix, prefix_at) = names.text, prefixes
    amino_acid, starts, may_begin = codes
    w = 0
    partial = NO_CODON if as_vep else -1
    for i in range(row.size):
        a, t = row[i], tx[i]
        names.offsets[i + 1] = w
        if alleles.start[a] < 0 or not transcripts.coding[t]:
            continue
        forward, lead = transcripts.strand[t] > 0, (3 - transcripts.phase[t]) % 3
        offset, length = transcripts.cds_offset[t], transcripts.cds_length[t]
        alt, alt_at, n = alleles.alt, alleles.alt_at[a], alleles.alt_length[a]
        low, high = segments.ptr[t], segments.ptr[t + 1]
        s, e = alleles.start[a], alleles.end[a]
        insertion = s == e
        number = transcripts.code[t] if 0 <= transcripts.code[t] < amino_acid.shape[0] else 1
        table, at, n_codon = amino_acid[number], transcripts.codon_ptr[t], (length + 2) // 3
        has_start = lead == 0 and not transcripts.start_unknown[t]
        begins = not as_vep and has_start and may_begin[number, transcripts.codon[at]]
        protein = (transcripts.codon, at, n_codon, table, begins)
        one, two = _ends(s, e, forward, low, high, segments)
        from_one = _in_frame(one, lead, offset, length)
        from_two = _in_frame(two, lead, offset, length)
        first, stop = (two if insertion else one) - offset, two - offset
        stop += 0 if insertion else 1
        readable, over = one >= 0 and two >= 0, False
        if not (as_vep or readable or insertion) and e - s > 1:
            one, two, readable, over = _touched(s, e, forward, low, high, segments)
            first, stop = one - offset, two - offset + 1
        spliced = (
            begins,
            partial,
            transcripts.cdna,
            transcripts.cdna_ptr[t],
            transcripts.cdna_length[t],
            offset,
            lead,
        )
        # numba joins tuples by + only.
        unshifted = spliced + (first, stop, alt, alt_at, n, 0, forward)  # noqa: RUF005
        start = w
        w = put_span(out, w, prefix, prefix_at[t], prefix_at[t + 1])
        at_start = first < 3 and (first > 0 if insertion else first < stop and stop > 0)
        if begins and at_start and (readable or not insertion):
            if _loses_start(unshifted, first, stop, readable, starts[number]):
                w = put_question(out, put_number(out, put_residue(out, w, MET), 1))
                names.valid[i], names.offsets[i + 1] = True, w
                continue
            if keeps_cds(*unshifted) or first < 0:
                # What stands in place of bases before the CDS too begins it as well.
                same = keeps_cds(*unshifted) or stop <= 3
                w = put_same(out, w, protein, 0, 1) if same else put_question(out, w)
                names.valid[i], names.offsets[i + 1] = True, w
                continue
        if not (as_vep or insertion) and 0 <= first < length and (stop > length or over):
            # The end of the CDS is gone, and what stands behind it is read.
            ends = length % 3 == 0 and table[transcripts.codon[at + n_codon - 1]] == STOP
            if ends and first >= lead and (readable or (over and from_one)):
                taken_away = spliced + (first, stop, alt, alt_at, n - n, 0, forward)  # noqa: RUF005
                edit = unshifted if readable else taken_away
                w = _put_reading(out, w, protein, edit, first // 3)
                names.valid[i], names.offsets[i + 1] = True, w
                continue
        # An allele that touches no codon as it stands has no protein term, nor a name.
        if not (from_one or from_two) or (insertion and not (from_one and from_two)):
            w = start
            continue
        turn = alleles.right[a] if forward else -alleles.left[a]
        if not as_vep:
            low_end, high_end = transcripts.start[t], transcripts.end[t]
            turn = shift_within(
                s, e, alleles.left[a], alleles.right[a], forward, low_end, high_end
            )
        one, two = _ends(s + turn, e + turn, forward, low, high, segments)
        inside = _in_frame(one, lead, offset, length) and _in_frame(two, lead, offset, length)
        if not inside and (as_vep or not (from_one and from_two) or min(one, two) < 0):
            w = start
            continue
        k_first = (two if insertion else one) - offset
        k_stop = k_first if insertion else two - offset + 1
        moved = k_first - first != abs(turn) or k_stop - k_first != e - s
        if not as_vep and (not inside or (readable and moved)):
            # Shifted into the 3' UTR or over an intron, or with one in it: the protein is that
            # of the allele as it stands.
            k_first, k_stop, turn = first, stop, 0
        edit = spliced + (k_first, k_stop, alt, alt_at, n, turn, forward)  # noqa: RUF005
        k, gain = k_first // 3, n - k_stop + k_first
        rlen = (k_stop - 1) // 3 - k + 1 if k_stop > k_first else int(k_first % 3 > 0)
        if not as_vep:
            w = _put_change(out, w, protein, edit, k, rlen, gain)
        elif (
            k == 0
            and has_start
            and (k_stop > k_first or k_first > 0)
            and alt_codon(0, *edit) != ATG
        ):
            w = put_lost_start(out, w, protein, rlen, gain % 3 != 0)
        else:
            w = put_as_vep(
                out, w, protein, edit, unshifted, k, rlen, gain, first, n, insertion
            )
        names.valid[i], names.offsets[i + 1] = True, w
