"""What an edit of a CDS does, by the definitions of the Sequence Ontology (release 3.1).

Terms say what becomes of the sequence that is read:

- `start_lost`: a base of the start codon goes or changes, and neither the old codon nor
  another one that starts (by the genetic code) stands there. `start_retained`: one does.
- `stop_lost`: the stop codon is touched and none is read in its place (SO:0001578).
  `stop_retained`: it is touched, and a stop codon still stands in
  the same place (SO:0001567). Where the residues before it stay too, nothing else is said.
- `stop_gained`: a stop codon comes where none was, before the old one (SO:0001587).
- `inframe_insertion`, `inframe_deletion`: the length changes by a multiple of 3 and the
  residues beside stay; `frameshift_variant`: by another number.

So no two terms contradict each other. VEP 115 differs in places (`vep115.py`,
`docs/consequence-differences.md`). As in VEP only the touched codons are compared; bases
behind them are read on only where the stop codon is touched.
"""

import numpy as np

from varhouse.consequence import terms as so
from varhouse.consequence.edit import Edit
from varhouse.transcripts.geneticcode import translate


def terms_of_edit(edit: Edit) -> int:
    """Give the coding terms of an edit as a mask; 0 for an insertion beside the CDS."""
    if edit.inside:
        return _inside(edit)
    return 0 if edit.insertion else _over_border(edit)


def _over_border(edit: Edit) -> int:
    """Terms of an allele with an end outside the CDS: in a UTR, an intron, or farther."""
    terms = np.int64(0)
    if edit.touches_start:
        kept = edit.readable and edit.keeps_start
        terms |= so.START_RETAINED if kept else so.START_LOST
    if edit.touches_stop:
        terms |= _stop_at_border(edit)
    return int(terms or so.CODING_SEQUENCE)


def _stop_at_border(edit: Edit) -> int:
    """Say what becomes of the stop codon when bases behind it are touched too."""
    if not edit.readable or edit.first < 0:
        return int(so.STOP_LOST)
    place = edit.length // 3 - 1 - edit.first_codon
    new = edit.read_on(place + 1)
    at = new.find("*")
    if at != place:
        return int(so.STOP_LOST)
    same = new[:at] == translate(edit.cds(3 * edit.first_codon, edit.length - 3), edit.code)
    return int(so.STOP_RETAINED | (0 if same else so.CODING_SEQUENCE))


def _inside(edit: Edit) -> int:
    """Terms of an edit inside the CDS from its codons and peptides."""
    if 0 < edit.length - 3 * edit.first_codon < 3:
        return int(so.INCOMPLETE_TERMINAL | so.CODING_SEQUENCE)
    ref, alt = translate(edit.ref_codons, edit.code), translate(edit.alt_codons, edit.code)
    terms = np.int64(0)
    if edit.touches_start:
        if edit.keeps_cds:
            return int(so.START_RETAINED)
        if not edit.keeps_start and edit.gain == 0 and "X" in alt[:1]:
            return int(so.CODING_SEQUENCE)
        terms = so.START_RETAINED if edit.keeps_start else so.START_LOST
        if edit.keeps_start and ref and alt:
            # Whatever the codon, a protein begins with Met.
            ref, alt = "M" + ref[1:], "M" + alt[1:]
    before = edit.has_stop and edit.insertion and edit.first == edit.length - 3
    if "*" in ref or before:
        terms |= _at_stop(edit, ref, before)
    else:
        terms |= _elsewhere(edit, ref, alt)
    if terms & (so.START_LOST | so.START_RETAINED):
        terms &= ~so.SYNONYMOUS
    if terms & so.START_LOST:
        terms &= ~(so.MISSENSE | so.INFRAME_INSERTION | so.PROTEIN_ALTERING)
    return int(terms)


def _elsewhere(edit: Edit, ref: str, alt: str) -> int:
    """Terms of an edit whose REF codons hold no stop."""
    at = alt.find("*")
    if at >= 0 and _ends_alike(edit, alt[:at]):
        return int(so.STOP_RETAINED | (0 if edit.gain % 3 else so.INFRAME_INSERTION))
    terms = so.STOP_GAINED if at >= 0 else np.int64(0)
    if edit.gain % 3:
        return int(terms | so.FRAMESHIFT)
    unknown = "X" in ref or "X" in alt
    if edit.gain == 0:
        if ref == alt and not unknown:
            return int(so.SYNONYMOUS)
        return int(terms or (so.CODING_SEQUENCE if unknown else so.MISSENSE))
    shape = _shape(edit, ref, alt)
    if not terms and not shape & so.INFRAME_DELETION and unknown:
        altered = shape & so.PROTEIN_ALTERING
        return int(shape if altered else shape | so.CODING_SEQUENCE)
    return int(terms | shape)


def _ends_alike(edit: Edit, residues: str) -> bool:
    """Whether ALT ends as REF does: a new stop codon stands where the old one stood."""
    begin, end = 3 * edit.first_codon, edit.length - 3
    if edit.gain == 0 or not edit.has_stop or begin + 3 * len(residues) != end:
        return False
    return residues == translate(edit.cds(begin, end), edit.code)


def _shape(edit: Edit, ref: str, alt: str) -> int:
    """Whether residues are put in or left out, and those beside them stay."""
    if edit.gain > 0:
        # What stands behind a new stop codon is not read.
        until = alt[: alt.find("*") + 1] or alt
        if until.startswith(ref) or until.endswith(ref):
            return int(so.INFRAME_INSERTION)
    elif _is_inner(edit.ref_codons, edit.alt_codons):
        return int(so.INFRAME_DELETION)
    same = alt.startswith(("*", ref) if ref else "*") or alt.endswith(ref)
    return int(0 if same else so.PROTEIN_ALTERING)


def _is_inner(ref: bytes, alt: bytes) -> bool:
    """Whether `alt` is `ref` without some inner bases (VEP compares codons, too)."""
    ref, alt = ref.upper(), alt.upper()
    i = j = 0
    while i < len(alt) and ref[i] == alt[i]:
        i += 1
    while j < len(alt) - i and ref[-1 - j] == alt[-1 - j]:
        j += 1
    return i + j == len(alt)


def _at_stop(edit: Edit, ref: str, before: bool) -> int:
    """Terms of an edit that touches a stop codon, or puts bases right before the last.

    `place` is that of the old stop among REF's residues, `at` that of the first one among
    ALT's, which are read to the end of their last codon.
    """
    gain = edit.gain
    place = 0 if before else ref.find("*")
    new = edit.read_on(max(-(-len(edit.alt_codons) // 3), 1))
    at = new.find("*")
    further = edit.read_on(place + 1)
    if (
        at < 0
        and further.find("*") == place
        and (gain % 3 == 0 or further[:-1] == ref[:place])
    ):
        # The bases behind bring another one to the old place.
        new, at = further, place
    if at < 0 and gain == 0 and "X" in new:
        return int(so.CODING_SEQUENCE)
    shape = int(so.MISSENSE) if gain == 0 else 0
    if gain and gain % 3 == 0:
        shape = _shape(edit, ref, new)
    if at == place:
        if new[:at] == ref[:place]:
            in_frame = so.INFRAME_INSERTION if gain > 0 else so.INFRAME_DELETION
            return int(so.STOP_RETAINED | (in_frame if gain and gain % 3 == 0 else 0))
        return int(so.STOP_RETAINED | (shape or so.FRAMESHIFT))
    if gain % 3:
        if 0 <= at < place:
            return int(so.STOP_GAINED | so.FRAMESHIFT)
        return int(so.FRAMESHIFT | (0 if before else so.STOP_LOST))
    if before:
        # The old stop codon follows.
        return int(so.INFRAME_INSERTION)
    if at < 0:
        return int(so.STOP_LOST | (shape if gain else 0))
    if at > place or at == max(place + gain // 3, 0):
        # The old stop codon, with residues more or fewer before it.
        return int(shape or so.PROTEIN_ALTERING)
    return int(so.STOP_GAINED | (shape if gain else 0))
