"""What VEP 115 calls an edit at the edges of the reading frame (`VariationEffect.pm`).

Its predicates on the touched codons of REF and ALT, each for itself, so that their answers
may contradict each other; since release 112 an insertion that leaves the residue before it
as it is and brings a stop codon is `stop_retained_variant` (Ensembl/ensembl-vep issue 1710).
For comparison only; `rules.py` has what is right.
"""

from varhouse.consequence import terms as so
from varhouse.consequence.edit import Edit
from varhouse.transcripts.geneticcode import translate


def terms_as_vep(edit: Edit) -> int:
    """Give VEP's coding terms of an edit as a mask; 0 for an insertion beside the CDS."""
    if edit.insertion:
        if not edit.inside:
            return 0
    elif not edit.readable:
        return int(so.CODING_SEQUENCE)
    elif not edit.inside:
        return _border_terms(edit) or int(so.CODING_SEQUENCE)
    ref, alt = translate(edit.ref_codons, edit.code), translate(edit.alt_codons, edit.code)
    return _terms(edit, ref, alt)


def _border_terms(edit: Edit) -> int:
    """Terms of an allele that crosses an end of the CDS into a UTR; 0 for none."""
    terms = 0
    over_start = edit.first < 3 and edit.stop > 0
    if over_start and edit.start_known and edit.utr + edit.first >= 0:
        tail, new = edit.cdna[edit.utr :], edit.edited
        kept = (
            edit.utr > 0
            and len(new) >= len(tail)
            and new[edit.utr : edit.utr + 3] == b"ATG"
            and new[: edit.utr] == edit.cdna[: edit.utr]
        )
        terms |= int(so.START_RETAINED if kept or new.endswith(tail) else so.START_LOST)
    n = edit.length
    over_stop = edit.gain and edit.stop > n - 3 and 0 <= edit.first < n
    whole = edit.end_known and n % 3 == 0
    if over_stop and whole and translate(edit.cds(n - 3, n), edit.code) == "*":
        last = edit.edited[edit.utr + n - 3 : edit.utr + n]
        kept = translate(last, edit.code) == "*"
        terms |= int(so.STOP_RETAINED if kept else so.STOP_LOST)
    return terms


def _over_start(edit: Edit) -> bool:
    inside = edit.first < 3 if edit.stop > edit.first else 0 < edit.first < 3
    return edit.start_known and inside


def _over_stop(edit: Edit) -> bool:
    n = edit.length
    inside = edit.stop > n - 3 if edit.stop > edit.first else n - 3 < edit.first < n
    return edit.end_known and inside


def _start_altered(edit: Edit) -> bool:
    """Whether the edited transcript no longer begins its CDS as before."""
    utr, new = edit.utr, edit.edited
    if edit.gain == 0:
        return new[utr : utr + 3] != b"ATG"
    if utr > 0 and new[:utr] == edit.cdna[:utr] and new[utr : utr + 3] == b"ATG":
        return False
    behind = len(edit.cdna) - utr - edit.length
    before_utr3 = new[: len(new) - behind] if behind else new
    return not before_utr3.endswith(edit.cdna[utr : utr + edit.length])


def _stop_altered(edit: Edit) -> bool:
    """Whether the last codon of the CDS is no longer a stop (MNVs never count)."""
    n, new = edit.length, edit.edited[edit.utr :]
    if edit.gain == 0:
        return False
    return len(new) < n or translate(new[n - 3 : n], edit.code) != "*"


def _stop_lost(edit: Edit, ref: str, alt: str, over_stop: bool) -> bool:
    if ref or alt:
        return "*" in ref and "*" not in alt
    return over_stop and _stop_altered(edit)


def _stop_retained(edit: Edit, ref: str, alt: str, over_stop: bool) -> bool:
    """VEP decides on the peptides when there is an ALT peptide, else on the sequence."""
    if not alt:
        return edit.gain != 0 and over_stop and not _stop_altered(edit)
    same_first = bool(ref) and ref == alt[:1] and "*" in alt
    same_place = "*" in ref and ref.find("*") == alt.find("*")
    at_end = edit.first_codon >= (edit.length - 3) // 3 and alt[0] == "*"
    at_end &= edit.gain != 0
    return same_first or same_place or at_end


def _is_inner(ref: bytes, alt: bytes) -> bool:
    """Whether `alt` is `ref` without some inner bases."""
    ref, alt = ref.upper(), alt.upper()
    i = j = 0
    while i < len(alt) and ref[i] == alt[i]:
        i += 1
    while j < len(alt) - i and ref[-1 - j] == alt[-1 - j]:
        j += 1
    return i + j == len(alt) and (len(ref) - len(alt)) % 3 == 0


def _terms(edit: Edit, ref: str, alt: str) -> int:
    """Terms of an edit inside the CDS from its codons and peptides."""
    if 0 < edit.length - 3 * edit.first_codon < 3:
        return int(so.INCOMPLETE_TERMINAL | so.CODING_SEQUENCE)
    over_start, over_stop = _over_start(edit), _over_stop(edit)
    altered = over_start and _start_altered(edit)
    start_retained = over_start and not altered
    stop_lost = _stop_lost(edit, ref, alt, over_stop)
    stop_retained = not stop_lost and _stop_retained(edit, ref, alt, over_stop)
    shifted = edit.gain % 3 != 0 and not stop_retained
    deletion = insertion = False
    if not shifted:
        old, new = edit.ref_codons, edit.alt_codons
        until = alt.split("*")[0] + "*" if "*" in alt else alt
        deletion = len(new) < len(old) and _is_inner(old, new)
        insertion = len(new) > len(old) and (until.startswith(ref) or until.endswith(ref))
        insertion &= not (start_retained and alt.endswith(ref))
    start_lost = over_start and _start_lost(edit, ref, alt, altered, insertion or deletion)
    stop_gained = "*" in alt and "*" not in ref and not stop_retained
    insertion &= not start_lost
    terms = (
        start_lost * so.START_LOST
        | start_retained * so.START_RETAINED
        | stop_lost * so.STOP_LOST
        | stop_retained * so.STOP_RETAINED
        | stop_gained * so.STOP_GAINED
        | shifted * so.FRAMESHIFT
        | (insertion and edit.gain > 0) * so.INFRAME_INSERTION
        | (deletion and edit.gain < 0) * so.INFRAME_DELETION
    )
    silent = ref == alt and not stop_retained and not start_retained and "X" not in ref
    if silent and (ref or edit.gain == 0):
        terms |= so.SYNONYMOUS
    if edit.gain == 0 and ref != alt and not (start_lost or stop_lost or stop_gained):
        terms |= so.MISSENSE * (not stop_retained and "X" not in ref + alt)
    if _altering(ref, alt) and not (deletion or start_lost or shifted):
        terms |= so.PROTEIN_ALTERING
    unknown = "X" in ref or "X" in alt
    named = shifted or deletion or start_retained or start_lost or stop_retained or stop_lost
    if unknown and not named and not terms & so.PROTEIN_ALTERING:
        terms |= so.CODING_SEQUENCE
    return int(terms)


def _start_lost(edit: Edit, ref: str, alt: str, altered: bool, inframe: bool) -> bool:
    """Whether the start codon is lost: by sequence, without a 5' UTR by the peptide."""
    if altered and not inframe:
        return True
    if edit.utr > 0:
        return edit.edited[edit.utr : edit.utr + 3] != b"ATG"
    if edit.first_codon != 0 or not ref or not alt or alt == "X":
        return False
    return not alt.endswith(ref) and not alt.startswith(ref)


def _altering(ref: str, alt: str) -> bool:
    if len(ref) == len(alt) or not ref or not alt:
        return False
    if ref.startswith("*") or alt.startswith("*"):
        return False
    return not alt.startswith(ref) and not alt.endswith(ref)
