"""Coding edits at the edges of the reading frame, one at a time.

Start and stop codon, an incomplete first or last codon, unknown bases, windows of more
than 48 bases, and alleles that cross the border of the CDS: 1-2 % of the coding edits,
too varied for matrices. The predicates follow VEP 115 (`VariationEffect.pm`) on the
touched codons of REF and ALT.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from varhouse.consequence import terms as so
from varhouse.consequence.windows import Edits
from varhouse.genemodel import NO_CODON, GeneModel, UInt8
from varhouse.geneticcode import LETTERS, translate


@dataclass(frozen=True)
class EdgeResult:
    """Terms of one edit, and its texts when codons can be read."""

    terms: int
    codons: str | None = None
    amino_acids: str | None = None


@dataclass(frozen=True)
class _Edit:
    """One edit: bases [first, stop) of the CDS become `alt`.

    `cdna` is the transcript from `utr` bases before codon 0 on, `length` the CDS with
    the `lead` bases of padding. Codons that are not read by the genetic code are in
    lower case, so that `translate` knows them as long as all their bases stand together.
    """

    cdna: bytes
    utr: int
    length: int
    lead: int
    code: int
    start_known: bool
    end_known: bool
    first: int
    stop: int
    alt: bytes

    @property
    def gain(self) -> int:
        return len(self.alt) - (self.stop - self.first)

    def cds(self, a: int, b: int) -> bytes:
        """Bases [a, b) of the CDS; the padding reads N."""
        held = self.cdna[self.utr + max(a, self.lead) : self.utr + b]
        return b"N" * max(0, self.lead - a) + held

    @cached_property
    def edited(self) -> bytes:
        """The transcript with the allele in it."""
        at = self.utr
        return self.cdna[: at + self.first] + self.alt + self.cdna[at + self.stop :]

    @cached_property
    def first_codon(self) -> int:
        return self.first // 3

    @cached_property
    def ref_codons(self) -> bytes:
        last = (self.stop - 1) // 3 if self.stop > self.first else (self.first - 1) // 3
        if last < self.first_codon:
            return b""
        return self.cds(3 * self.first_codon, min(3 * (last + 1), self.length))

    @cached_property
    def alt_codons(self) -> bytes:
        ref, begin = self.ref_codons, 3 * self.first_codon
        if not ref:
            return self.alt
        return ref[: self.first - begin] + self.alt + ref[self.stop - begin :]


def annotate_edge(model: GeneModel, edits: Edits, row: int, alt: UInt8) -> EdgeResult:
    """Annotate one edit."""
    t = int(edits.tx[row])
    if not (edits.first_known[row] or edits.stop_known[row]):
        # Both ends in introns, an exon between them; an insertion there touches nothing.
        return EdgeResult(0 if edits.insertion[row] else int(so.CODING_SEQUENCE))
    edit = _make_edit(model, edits, row, t, alt)
    if edits.insertion[row]:
        if not edit.lead < edit.first < edit.length:
            return EdgeResult(0)
    elif not (edits.first_known[row] and edits.stop_known[row]):
        return EdgeResult(int(so.CODING_SEQUENCE))
    elif edit.first < edit.lead or edit.stop > edit.length:
        return EdgeResult(_border_terms(edit) or int(so.CODING_SEQUENCE))
    ref, new = translate(edit.ref_codons, edit.code), translate(edit.alt_codons, edit.code)
    return EdgeResult(
        _terms(edit, ref, new), _codon_text(edit), ref if ref == new else _or_dash(ref, new)
    )


def _make_edit(model: GeneModel, edits: Edits, row: int, t: int, alt: UInt8) -> _Edit:
    bases = alt[edits.alt_ptr[row] : edits.alt_ptr[row] + edits.alt_length[row]]
    if model.strand[t] < 0:
        bases = np.where(bases < 4, 3 - bases, 4)[::-1].astype(np.uint8)
    at, offset = int(model.cdna_ptr[t]), int(model.cds_offset[t])
    cdna = LETTERS[model.cdna[at : at + int(model.cdna_length[t])]].tobytes()
    codon = model.codon[model.codon_ptr[t] :][: (int(model.cds_length[t]) + 2) // 3]
    for k in np.flatnonzero(codon > NO_CODON):
        first = offset + 3 * int(k)
        cdna = cdna[:first] + cdna[first : first + 3].lower() + cdna[first + 3 :]
    if offset < 0:
        cdna, offset = b"N" * -offset + cdna, 0
    return _Edit(
        cdna=cdna,
        utr=offset,
        length=int(model.cds_length[t]),
        lead=(3 - int(model.phase[t])) % 3,
        code=int(model.code[t]),
        start_known=not bool(model.start_unknown[t]) and int(model.phase[t]) == 0,
        end_known=not bool(model.end_unknown[t]),
        first=int(edits.first[row]),
        stop=int(edits.stop[row]),
        alt=LETTERS[bases].tobytes(),
    )


def _or_dash(ref: str, alt: str) -> str:
    return f"{ref or '-'}/{alt or '-'}"


def _codon_text(edit: _Edit) -> str:
    """`gaACtc/gatc`: changed bases in capitals, `-` for no codon."""
    at = edit.first - 3 * edit.first_codon if edit.ref_codons else 0

    def text(codons: bytes, changed: int) -> str:
        s = codons.decode().upper()
        return s[:at].lower() + s[at : at + changed] + s[at + changed :].lower()

    return _or_dash(
        text(edit.ref_codons, edit.stop - edit.first), text(edit.alt_codons, len(edit.alt))
    )


def _border_terms(edit: _Edit) -> int:
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


def _over_start(edit: _Edit) -> bool:
    inside = edit.first < 3 if edit.stop > edit.first else 0 < edit.first < 3
    return edit.start_known and inside


def _over_stop(edit: _Edit) -> bool:
    n = edit.length
    inside = edit.stop > n - 3 if edit.stop > edit.first else n - 3 < edit.first < n
    return edit.end_known and inside


def _start_altered(edit: _Edit) -> bool:
    """Whether the edited transcript no longer begins its CDS as before."""
    utr, new = edit.utr, edit.edited
    if edit.gain == 0:
        return new[utr : utr + 3] != b"ATG"
    if utr > 0 and new[:utr] == edit.cdna[:utr] and new[utr : utr + 3] == b"ATG":
        return False
    behind = len(edit.cdna) - utr - edit.length
    before_utr3 = new[: len(new) - behind] if behind else new
    return not before_utr3.endswith(edit.cdna[utr : utr + edit.length])


def _stop_altered(edit: _Edit) -> bool:
    """Whether the last codon of the CDS is no longer a stop (MNVs never count)."""
    n, new = edit.length, edit.edited[edit.utr :]
    if edit.gain == 0:
        return False
    return len(new) < n or translate(new[n - 3 : n], edit.code) != "*"


def _stop_lost(edit: _Edit, ref: str, alt: str, over_stop: bool) -> bool:
    if ref or alt:
        return "*" in ref and "*" not in alt
    return over_stop and _stop_altered(edit)


def _stop_retained(edit: _Edit, ref: str, alt: str, over_stop: bool) -> bool:
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


def _terms(edit: _Edit, ref: str, alt: str) -> int:
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


def _start_lost(edit: _Edit, ref: str, alt: str, altered: bool, inframe: bool) -> bool:
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
